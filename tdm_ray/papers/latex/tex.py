"""Small tools on TeX source: comments, groups, arguments, environments."""

from __future__ import annotations

import re
from array import array
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache

# A group or an environment longer than this is not closed where its author meant it to be.
_FAR = 300_000
# Groups shorter than this are found by looking, others by a map of the text: nearly all of a real source are
# shorter.
_NEAR = 500
# An option, for the patterns of others. It has a bound: of 10,000 that nothing closes each is looked for to
# the end.
OPTION = r"\[[^\]]{0,2000}\]"
# A comment, or what holds a per cent sign that begins none: the address of a link, verbatim text.
_COMMENT = re.compile(
    r"(?P<kept>\\(?:url|href|path|nolinkurl)\s*\{[^{}\n]{0,2000}\}|\\verb\*?([^\w\s*])[^\n]{0,2000}?\2)"
    r"|(?<!\\)(?P<before>(?:\\\\)*)%[^\n]*(?:\n[ \t]*(?=\S))?"
)
_BRACE = re.compile(r"\\.|[{}]", re.DOTALL)
_BRACKET = re.compile(r"\\.|[{}\]]", re.DOTALL)
_PAIRED = re.compile(
    r"\\begin\s*\{(?P<begin>[^{}]*)\}|\\end\s*\{(?P<end>[^{}]*)\}|\\.|(?P<open>\{)|(?P<close>\})", re.DOTALL
)
_DOLLAR = re.compile(r"\\.|\$", re.DOTALL)
_BLANK = re.compile(r"\s*")
_COMMAND = re.compile(r"\\(?:[a-zA-Z@]+|.)", re.DOTALL)


def without_comments(text: str) -> str:
    """The source without `%` comments. As in TeX a comment includes the end of its line, but not an empty
    line after it."""
    return _COMMENT.sub(lambda match: match["kept"] or match["before"] or "", text)


def group_end(text: str, start: int) -> int | None:
    """The index after the `}` that closes the `{` at `start`."""
    end = _end_within(text, start, _NEAR)
    if end is None and len(text) > start + _NEAR:
        end = _far_end(text, start)
    return end


def _end_within(text: str, start: int, most: int) -> int | None:
    depth = 0
    for token in _BRACE.finditer(text, start, start + most):
        depth += (token[0] == "{") - (token[0] == "}")
        if depth <= 0 and token[0] == "}":
            return token.end()
    return None


def _far_end(text: str, start: int) -> int | None:
    starts, ends = _groups(text)
    place = bisect_left(starts, start)
    if place == len(starts) or starts[place] != start:  # an escaped brace
        return _end_within(text, start, _FAR)
    return ends[place] if start < ends[place] <= start + _FAR else None


@lru_cache(maxsize=1)
def _groups(text: str) -> tuple[array[int], array[int]]:
    """Where the groups of a text start, in order, and where each ends (0: nowhere)."""
    starts = array("q")
    ends = array("q")
    open_groups: list[int] = []
    for token in _BRACE.finditer(text):
        if token[0] == "{":
            open_groups.append(len(starts))
            starts.append(token.start())
            ends.append(0)
        elif token[0] == "}" and open_groups:
            ends[open_groups.pop()] = token.end()
    return starts, ends


def argument(text: str, start: int) -> tuple[str, int] | None:
    """The next argument, a group or one token, and the index after it; None at the end or in an open
    group."""
    at = _skip(text, start)
    if at >= len(text):
        return None
    if text[at] != "{":
        token = _COMMAND.match(text, at)
        end = token.end() if token else at + 1
        return text[at:end], end
    close = group_end(text, at)
    return (text[at + 1 : close - 1], close) if close else None


def arguments(text: str, start: int, count: int) -> tuple[list[str], int] | None:
    """The next `count` arguments, and the index after them; None where they are not all there."""
    texts = []
    at = start
    for _ in range(count):
        one = argument(text, at)
        if one is None:
            return None
        texts.append(one[0])
        at = one[1]
    return texts, at


def option(text: str, start: int) -> tuple[str | None, int]:
    """The `[...]` at `start`, blanks before it allowed, and the index after it; None and `start` if there is
    none."""
    at = _skip(text, start)
    if at >= len(text) or text[at] != "[":
        return None, start
    depth = 0
    for token in _BRACKET.finditer(text, at + 1, at + 2000):
        depth += (token[0] == "{") - (token[0] == "}")
        if token[0] == "]" and depth == 0:
            return text[at + 1 : token.start()], token.end()
    return None, start


def options(text: str, start: int) -> int:
    """The index after all `[...]` at `start`."""
    bracketed: str | None = ""
    while bracketed is not None:
        bracketed, start = option(text, start)
    return start


@dataclass(frozen=True)
class Environment:
    """`\\begin{name}` at `start`, its body from `inside` to `outside`, and the index after `\\end{name}`."""

    name: str
    start: int
    inside: int
    outside: int
    end: int

    def body(self, text: str) -> str:
        """What stands between begin and end."""
        return text[self.inside : self.outside]


def environments(text: str, names: Iterable[str]) -> Iterator[Environment]:
    """The outermost environments of these names, in order; one that is never closed is passed over."""
    at = 0
    for environment in sorted(_closed(text, names), key=lambda environment: environment.start):
        if environment.start >= at:
            yield environment
            at = environment.end


def _closed(text: str, names: Iterable[str]) -> Iterator[Environment]:
    """All environments of these names that are closed, in the order of their ends."""
    open_marks: dict[str, list[re.Match[str]]] = defaultdict(list)
    for mark in re.finditer(r"\\(begin|end)\s*\{(" + "|".join(map(re.escape, names)) + r")\}", text):
        if mark[1] == "begin":
            open_marks[mark[2]].append(mark)
        elif open_marks[mark[2]]:
            begin = open_marks[mark[2]].pop()
            if mark.end() - begin.end() <= _FAR:
                yield Environment(mark[2], begin.start(), begin.end(), mark.start(), mark.end())


def without(text: str, names: Iterable[str]) -> str:
    """The source without these environments."""
    return cut(text, [(e.start, e.end) for e in environments(text, names)])


def cut(text: str, spans: Iterable[tuple[int, int]]) -> str:
    """The text without the spans (sorted, apart); each leaves a blank."""
    kept = []
    at = 0
    for start, end in spans:
        kept.append(text[at:start])
        at = end
    return " ".join([*kept, text[at:]])


def _skip(text: str, start: int) -> int:
    blank = _BLANK.match(text, start)
    return blank.end() if blank else start


def balanced(text: str) -> str:
    """The source with every group and environment closed: an `\\end` or `}` that closes nothing is taken out,
    and so is a `\\begin`, `{` or `$` that nothing closes.

    One open brace makes the converter drop all that follows, without a word (1 paper in 10 of a real dump).
    """
    spans = _unpaired(text)
    dollars = [m.span() for m in _DOLLAR.finditer(text) if m[0] == "$"]
    spans += [dollars[-1]] if len(dollars) % 2 else []
    return cut(text, sorted(spans)) if spans else text


def _unpaired(text: str) -> list[tuple[int, int]]:
    """Where the braces and the `\\begin`s and `\\end`s stand that have no partner, or cross others."""
    alone: list[tuple[int, int]] = []
    open_marks: list[
        tuple[str | None, tuple[int, int]]
    ] = []  # the name, None of a brace, and where it stands
    places: dict[str | None, list[int]] = defaultdict(list)  # those of a name in `open_marks`
    for mark in _PAIRED.finditer(text):
        if mark["open"] or mark["begin"]:
            places[mark["begin"]].append(len(open_marks))
            open_marks.append((mark["begin"], mark.span()))
        elif (mark["close"] or mark["end"]) and not places[mark["end"]]:
            alone.append(mark.span())
        elif mark["close"] or mark["end"]:
            for _ in range(len(open_marks) - 1 - places[mark["end"]][-1]):
                name, span = open_marks.pop()
                places[name].pop()
                alone.append(span)
            places[open_marks.pop()[0]].pop()
    return alone + [span for _, span in open_marks]
