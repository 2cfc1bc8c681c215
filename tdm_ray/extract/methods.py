"""The name of the method that a number belongs to: what the row or the column of methods calls it."""

from __future__ import annotations

import re
from collections.abc import Sequence, Set

from tdm_ray.extract.line_kinds import METHODS_IN_ROWS
from tdm_ray.records import TDM, Cell
from tdm_ray.taxonomy.metrics import families_in
from tdm_ray.text.clean import clean
from tdm_ray.text.tokens import tokens

_CITATION = re.compile(
    r"\s*(?:\[…\]|\[\s*\d+(?:\s*[,–-]\s*\d+)*\s*\]|\((?:[A-Z][\w.-]+ (?:et al\.?|and|&)[^)]*|\d{4}[a-z]?)\))"
)
_OURS = re.compile(
    r"(?i)^\W*(?:our (?:\w+ ){0,2}(?:method|model|approach|system|framework|network|results?|work)|ours?|we"
    r"|this (?:work|paper)|(?:the )?proposed(?: (?:method|model|approach|system|framework|network))?)\b"
    r"(?P<rest>.*)$"
)
_OURS_BESIDE = re.compile(
    r"(?i)\s*[([]\s*(?:ours?|our \w+|this (?:work|paper)|proposed)\s*[)\]]\s*|\s*[-–:]\s*ours?$"
)
# What a PDF parser sets apart ("FS - LSTM - 2", "w / o", "( ours )", "0 . 5"), and numbers of lines
# ("6. DIIN").
_SET_APART = (
    (re.compile(r"(?<=\w) ([-/]) (?=\w)"), r"\1"),
    (re.compile(r"([(\[]) +| +([)\]])"), r"\1\2"),
    (re.compile(r"(?<=\d) \. (?=\d)"), "."),
    (re.compile(r"^\s*\d+ ?[.)] +(?=\D)"), ""),
)
_EDGE = re.compile(r"^[\s*†‡§¶⋆♦◦•\-–—:;,.|]+|[\s*†‡§¶⋆♦◦•:;,.|]+$")
_IN_BRACKETS = re.compile(r"^\s*[(\[]\s*([^()\[\]]+?)\s*[)\]]\s*$")
# A name by its form: two capitals, or one inside a word ("DARTS", "fastText").
_NAME = re.compile(r"[A-Z][\w+-]*[A-Z]|[a-z][A-Z]")
_NAME_AT_END = re.compile(r"\(([A-Za-z][\w+-]*[A-Z][\w+-]*)\)$")
_UNOPENED = re.compile(r"^([^(\[]*)[)\]]")
_ADDED = re.compile(r"^\s*(?:\+|w/(?!\s*o)|with\b)\s*(?=\w)")
_LONGEST = 80
_HEADER = 400  # characters: longer is a parser's mistake
_WORDY = re.compile(r"[^\W\d_]")
# What heads a line of results and is no method.
_NO_METHOD = frozenset(
    (
        "all",
        "average",
        "avg",
        "mean",
        "overall",
        "score",
        "scores",
        "total",
        "test",
        "dev",
        "val",
        "validation",
    )
)
# The words of a name that a row "+ X" may be joined with: after these it is a sentence.
_MOST_WORDS = 6


def method_name(
    cells: Sequence[Cell], place: int, axis: int, own: Sequence[str], label: TDM | None = None
) -> str | None:
    """The method of a table's cell by the headers of the axis that holds methods; `own` are the names of the
    paper's own, which stand for "ours". None where no header has a word.

    Of several headers beside each other (a group, the method, its backbone, its modality) one that names the
    paper's own is taken, else the one of the column of headers with the most different texts. Where only the
    other axis names the paper's own, or a method at all, it is the one that is read. No header is taken that
    names the `label`'s data set or metric. A row "+ X" is joined with the one above that it adds to."""
    sides = [_Side(cells, place, side, own, label) for side in (axis, 1 - axis)]
    side = sides[1] if _better_axis(*sides) else sides[0]
    name = side.name()
    return name[:_LONGEST] if name else None


class _Side:
    """The headers of one cell on one axis, and which of them may be a method."""

    def __init__(
        self, cells: Sequence[Cell], place: int, axis: int, own: Sequence[str], label: TDM | None
    ) -> None:
        self.cells = cells
        self.place = place
        self.axis = axis
        self.own = own
        self.own_words = {word for name in own for word in tokens(name) if len(word) > 2}
        self.no_method = _words_of_label(label)
        self.headers = _headers(cells[place], axis)
        names = [(at, bare_name(header)) for at, header in enumerate(self.headers)]
        self.worded = [(at, name) for at, name in names if _WORDY.search(name)]
        self.named = [(at, name) for at, name in self.worded if self._may_be_method(name)]
        self.ours = [match["rest"] for _, name in self.named if (match := _OURS.match(name))]
        self.names_own = bool(self.ours) or any(
            _OURS_BESIDE.search(header) or self._is_own(header) for header in self.headers
        )

    def _may_be_method(self, name: str) -> bool:
        words = set(tokens(name))
        is_metric = len(words) <= 2 and "+" not in name and families_in(name)
        return not words <= self.no_method and not is_metric

    def _is_own(self, name: str) -> bool:
        return not self.own_words.isdisjoint(tokens(name))

    def name(self) -> str | None:
        """The method's name by this side."""
        if not self.worded:
            return None
        named_beside = [rest for rest in self.ours if self._is_own(rest) or _NAME.search(rest)]
        if named_beside:
            rest = named_beside[-1]
            inside = _IN_BRACKETS.match(rest)
            alone = inside[1] if inside else bare_name(rest)
            if self._is_own(alone) or not self.own:
                return alone
        if self.ours and self.own:
            rest = _UNOPENED.sub(r"\1", self.ours[-1]).strip()
            return f"{self.own[0]} {rest}" if _WORDY.search(rest) else self.own[0]
        called = [(at, name) for at, name in self.named if not _OURS.match(name)]
        return self._joined(*self._most_telling(called or self.named or self.worded))

    def _most_telling(self, named: Sequence[tuple[int, str]]) -> tuple[int, str]:
        """Of the named headers, given with their positions, the one that is likeliest the method's."""
        lines = [_headers(cell, self.axis) for cell in self.cells]
        alike = [line for line in lines if len(line) == len(self.headers)]

        def telling(one: tuple[int, str]) -> tuple[bool, bool, int, int]:
            at, name = one
            different = len({line[at] for line in alike})
            marked = bool(_OURS_BESIDE.search(self.headers[at]))
            # A method stands before its backbone; of a table of one row the first header may be a group.
            return marked, self._is_own(name), different, -at if different > 1 else at

        return max(named, key=telling)

    def _joined(self, at: int, name: str) -> str:
        """A name "+ X" with the last one above it that adds nothing, "Y + X"; of "+ X (NAME)" the name, and X
        alone where it is the paper's own."""
        if not _ADDED.match(name):
            return name
        if named := _NAME_AT_END.search(name):
            return named[1]
        if self._is_own(name):
            return _ADDED.sub("", name)
        for cell in reversed(self.cells[: self.place]):
            line = _headers(cell, self.axis)
            above = bare_name(line[at]) if at < len(line) else ""
            if _WORDY.search(above) and not _ADDED.match(above):
                return f"{above} {name}" if len(above.split()) <= _MOST_WORDS else name
        return name


def _better_axis(first: _Side, second: _Side) -> bool:
    """Whether methods stand on the second axis rather than the first."""
    if not second.named:
        return False
    return not first.named or (second.names_own and not first.names_own)


def _words_of_label(label: TDM | None) -> Set[str]:
    names = () if label is None else (label.dataset, label.metric)
    return _NO_METHOD | {word for name in names for word in tokens(name)}


def _headers(cell: Cell, axis: int) -> Sequence[str]:
    return cell.row_headers if axis == METHODS_IN_ROWS else cell.column_headers


def bare_name(header: str) -> str:
    """A header without citations, footnote marks and "(ours)"; what a PDF parser set apart joined."""
    header = clean(header)[:_HEADER]
    for apart, joined in _SET_APART:
        header = apart.sub(joined, header)
    return _EDGE.sub("", clean(_OURS_BESIDE.sub(" ", _CITATION.sub(" ", header))))
