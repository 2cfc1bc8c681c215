"""The name of the method that a number belongs to: what the row or the column of methods calls it."""

from __future__ import annotations

import re
from collections.abc import Sequence

from tdm_ray.extract.line_kinds import METHODS_IN_ROWS
from tdm_ray.records import Cell
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
    r"(?i)\s*[([](?:ours?|our \w+|this (?:work|paper)|proposed)[)\]]\s*|\s*[-–:]\s*ours?$"
)
_EDGE = re.compile(r"^[\s*†‡§¶⋆♦◦•\-–—:;,.|]+|[\s*†‡§¶⋆♦◦•:;,.|]+$")
_LONGEST = 80
_WORDY = re.compile(r"[^\W\d_]")


def method_name(cells: Sequence[Cell], place: int, axis: int, own: Sequence[str]) -> str | None:
    """The method of a table's cell by the headers of the axis that holds methods; `own` are the names of the
    paper's own, which stand for "ours". None where no header has a word.

    Of several headers beside each other (a group, the method, its backbone, its modality) one that names the
    paper's own is taken, else the one of the column of headers with the most different texts."""
    headers = _headers(cells[place], axis)
    named = [(at, name) for at, header in enumerate(headers) if _WORDY.search(name := bare_name(header))]
    if not named:
        return None
    ours = [match["rest"].strip() for _, name in named if (match := _OURS.match(name))]
    if ours and own:
        name = f"{own[0]} {ours[-1]}" if _WORDY.search(ours[-1]) else own[0]
    else:
        called = [(at, name) for at, name in named if not _OURS.match(name)] or named
        name = _most_telling(called, [_headers(c, axis) for c in cells], len(headers), own)
    return name[:_LONGEST]


def _headers(cell: Cell, axis: int) -> Sequence[str]:
    return cell.row_headers if axis == METHODS_IN_ROWS else cell.column_headers


def _most_telling(
    named: Sequence[tuple[int, str]], lines: Sequence[Sequence[str]], count: int, own: Sequence[str]
) -> str:
    """Of the named headers of a line, given with their positions, the one that is likeliest the method's."""
    words = {word for name in own for word in tokens(name) if len(word) > 2}
    alike = [line for line in lines if len(line) == count]

    def telling(one: tuple[int, str]) -> tuple[bool, int, int]:
        at, name = one
        different = len({line[at] for line in alike})
        # A method stands before its backbone; of a table of one row the first header may be a group.
        return not words.isdisjoint(tokens(name)), different, -at if different > 1 else at

    return max(named, key=telling)[1]


def bare_name(header: str) -> str:
    """A header without citations, footnote marks and "(ours)"."""
    return _EDGE.sub("", clean(_OURS_BESIDE.sub(" ", _CITATION.sub(" ", header))))
