"""Small tools on TeX source: comments, groups, arguments, environments."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

# A group or an environment longer than this is not closed where its author meant it to be.
_FAR = 300_000
_COMMENT = re.compile(r"(?<!\\)((?:\\\\)*)%[^\n]*(?:\n[ \t]*(?=\S))?")
_BRACE = re.compile(r"\\.|[{}]", re.DOTALL)
_BRACKET = re.compile(r"\\.|[{}\]]", re.DOTALL)
_PAIRED = re.compile(
    r"\\begin\s*\{(?P<begin>[^{}]*)\}|\\end\s*\{(?P<end>[^{}]*)\}|\\.|(?P<open>\{)|(?P<close>\})", re.DOTALL
)
_DOLLAR = re.compile(r"\\.|\$", re.DOTALL)
_BLANK = re.compile(r"\s*")
_COMMAND = re.compile(r"\\(?:[a-zA-Z@]+|.)", re.DOTALL)


def without_comments(text: str) -> str:
    """The source without `%` comments; as in TeX, one takes its line's end with it, but never a paragraph's."""
    return _COMMENT.sub(r"\1", text)


def group_end(text: str, start: int) -> int | None:
    """The index after the `}` that closes the `{` at `start`."""
    depth = 0
    for token in _BRACE.finditer(text, start, start + _FAR):
        depth += (token[0] == "{") - (token[0] == "}")
        if depth <= 0 and token[0] == "}":
            return token.end()
    return None


def argument(text: str, start: int) -> tuple[str, int] | None:
    """The next argument, a group or one token, and the index after it; None at the end or in an open group."""
    at = _skip(text, start)
    if at >= len(text):
        return None
    if text[at] != "{":
        token = _COMMAND.match(text, at)
        end = token.end() if token else at + 1
        return text[at:end], end
    found = group_end(text, at)
    return (text[at + 1 : found - 1], found) if found else None


def arguments(text: str, start: int, count: int) -> tuple[list[str], int] | None:
    """The next `count` arguments, and the index after them; None where they are not all there."""
    found, at = [], start
    for _ in range(count):
        one = argument(text, at)
        if one is None:
            return None
        found.append(one[0])
        at = one[1]
    return found, at


def option(text: str, start: int) -> tuple[str | None, int]:
    """The `[...]` at `start`, blanks before it allowed, and the index after it; None and `start` if there is none."""
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
    found: str | None = ""
    while found is not None:
        found, start = option(text, start)
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
    begin = re.compile(r"\\begin\s*\{(" + "|".join(map(re.escape, names)) + r")\}")
    at = 0
    while found := begin.search(text, at):
        close = _close(text, found)
        if close is None:
            at = found.end()
            continue
        yield Environment(found[1], found.start(), found.end(), close[0], close[1])
        at = close[1]


def _close(text: str, begin: re.Match[str]) -> tuple[int, int] | None:
    depth = 1
    for mark in re.finditer(
        r"\\(begin|end)\s*\{" + re.escape(begin[1]) + r"\}", text[begin.end() : begin.end() + _FAR]
    ):
        depth += 1 if mark[1] == "begin" else -1
        if depth == 0:
            return begin.end() + mark.start(), begin.end() + mark.end()
    return None


def without(text: str, names: Iterable[str]) -> str:
    """The source without these environments."""
    return cut(text, [(e.start, e.end) for e in environments(text, names)])


def cut(text: str, spans: Iterable[tuple[int, int]]) -> str:
    """The text without the spans (sorted, apart); each leaves a blank."""
    kept, at = [], 0
    for start, end in spans:
        kept.append(text[at:start])
        at = end
    return " ".join([*kept, text[at:]])


def _skip(text: str, start: int) -> int:
    blank = _BLANK.match(text, start)
    return blank.end() if blank else start


def balanced(text: str) -> str:
    """The source with every group and environment closed: an `\\end` or `}` that closes nothing is taken out, and so
    is a `\\begin`, `{` or `$` that nothing closes.

    One open brace makes the converter drop all that follows, without a word (1 paper in 10 of a real dump).
    """
    marks = list(_PAIRED.finditer(text))
    alone: set[int] = set()
    open_marks: list[int] = []
    for i, mark in enumerate(marks):
        if mark["close"] or mark["end"]:
            name = mark["end"]
            match = next((j for j in reversed(open_marks) if marks[j]["begin"] == name), None)
            if match is None:
                alone.add(i)
            else:
                crossed = open_marks[open_marks.index(match) + 1 :]
                alone.update(crossed)
                open_marks = open_marks[: open_marks.index(match)]
        elif mark["open"] or mark["begin"]:
            open_marks.append(i)
    alone.update(open_marks)
    spans = [marks[i].span() for i in sorted(alone)]
    dollars = [m for m in _DOLLAR.finditer(text) if m[0] == "$"]
    spans += [dollars[-1].span()] if len(dollars) % 2 else []
    return cut(text, sorted(spans)) if spans else text
