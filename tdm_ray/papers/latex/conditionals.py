"""TeX's conditionals: of `\\iffoo ... \\else ... \\fi` the branch that the paper takes.

Decided are `\\iffalse`, `\\iftrue`, `\\if0` and `\\if1`, the flags of `\\newif`, of etoolbox (`\\iftoggle`)
and of ifthen (`\\ifthenelse{\\boolean{...}}`). Of another conditional (`\\ifpdf`) both branches stay, since
what it depends on is not known here."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from tdm_ray.papers.latex.tex import arguments, cut

_NEW_FLAG = re.compile(r"\\newif\s*\\if([a-zA-Z@]+)")
_SET_FLAG = r"\\(?P<flag>[a-zA-Z@]{1,80}?)(?P<value>true|false)(?![a-zA-Z@])"
_TOGGLE = re.compile(
    r"\\(?:(?P<new>newtoggle|providetoggle|newboolean|provideboolean)|toggle(?P<value>true|false)|setboolean)"
    r"\s*\{(?P<name>[^{}]+)\}(?:\s*\{(?P<given>true|false)\})?"
)
_CHOICE = re.compile(
    r"\\(?P<not>not)?iftoggle\s*\{(?P<toggle>[^{}]+)\}"
    r"|\\ifthenelse\s*\{\s*\\boolean\s*\{(?P<boolean>[^{}]+)\}\s*\}"
)
# The conditionals that a `\\fi` ends; `\\iftoggle` and its like take arguments.
_PRIMITIVES = (
    "if",
    *("iftrue", "iffalse", "ifx", "ifnum", "ifdim", "ifcase", "ifodd", "ifcat", "ifdefined", "ifcsname"),
    *("ifvmode", "ifhmode", "ifmmode", "ifinner", "ifvoid", "ifhbox", "ifvbox", "ifeof"),
    *("ifpdf", "ifxetex", "ifluatex", "ifPDFTeX", "ifXeTeX", "ifLuaTeX", "ifpdftex"),
)
_DEFINITIONS = r"\\newif\s*\\if[a-zA-Z@]+|\\let\s*\\if[a-zA-Z@]+\s*=?\s*\\[a-zA-Z@]+"


@dataclass
class _Branches:
    """An open conditional: whether its first branch is taken (None: not known), and where its parts stand."""

    taken: bool | None
    start: int
    inside: int
    other: tuple[int, int] | None = None


@dataclass
class _Walk:
    """The open conditionals, outermost first, and what is cut of the text."""

    open: list[_Branches] = field(default_factory=list)
    spans: list[tuple[int, int]] = field(default_factory=list)
    not_taken: int = 0

    def begin(self, branches: _Branches) -> None:
        """Enter a conditional."""
        self.open.append(branches)
        self.not_taken += branches.taken is False

    def other(self, place: tuple[int, int]) -> None:
        """Take the `\\else` of the innermost conditional, at `place`."""
        branches = self.open[-1]
        if branches.other is None:
            branches.other = place
            self.not_taken += (branches.taken is True) - (branches.taken is False)

    def end(self, start: int, stop: int) -> None:
        """Close the innermost conditional, whose `\\fi` stands from `start` to `stop`."""
        branches = self.open.pop()
        if branches.taken is None:
            return
        self.not_taken -= branches.taken is (branches.other is not None)
        first_end, second = branches.other or (start, stop)
        if branches.taken:
            self.spans += [(branches.start, branches.inside), (first_end, stop)]
        else:
            self.spans += [(branches.start, second), (start, stop)]


def without_branches(text: str) -> str:
    """The source without the branches that are not taken; text of an unclosed conditional stays."""
    if "\\if" not in text and "\\notiftoggle" not in text:
        return text
    return _without_choices(_without_conditionals(text))


def _without_conditionals(text: str) -> str:
    flags = dict.fromkeys(_NEW_FLAG.findall(text), False)
    names = sorted({*_PRIMITIVES, *(f"if{name}" for name in flags)}, key=len, reverse=True)
    token = re.compile(
        rf"{_DEFINITIONS}|\\(?P<if>{'|'.join(map(re.escape, names))})(?![a-zA-Z@])(?P<digit>\s?[01])?"
        rf"|\\(?P<other>else|fi)(?![a-zA-Z@])|{_SET_FLAG}"
    )
    walk = _Walk()
    for match in token.finditer(text):
        if match["if"]:
            digit = match["digit"] if match["if"] == "if" else None
            taken = _taken(match["if"], digit, flags)
            inside = match.end("digit") if digit and taken is not None else match.end("if")
            walk.begin(_Branches(taken, match.start(), inside))
        elif match["other"] == "else" and walk.open:
            walk.other(match.span())
        elif match["other"] == "fi" and walk.open:
            walk.end(*match.span())
        elif match["flag"] in flags and not walk.not_taken:
            flags[match["flag"]] = match["value"] == "true"
    return cut(text, _outermost(walk.spans))


def _taken(name: str, digit: str | None, flags: Mapping[str, bool]) -> bool | None:
    if name in ("iftrue", "iffalse"):
        return name == "iftrue"
    if name == "if" and digit:  # `\\if01` compares 0 with 1, `\\if 0` with what follows
        return None if not digit.strip() else digit.strip() == "1"
    return flags.get(name[2:])


def _outermost(spans: list[tuple[int, int]]) -> list[tuple[int, int]]:
    kept: list[tuple[int, int]] = []
    for start, end in sorted(spans):
        if kept and start < kept[-1][1]:
            kept[-1] = (kept[-1][0], max(end, kept[-1][1]))
        else:
            kept.append((start, end))
    return kept


def _without_choices(text: str) -> str:
    """The source with the argument that an `\\iftoggle` or `\\ifthenelse` takes in place of both."""
    flags: dict[str, bool] = {}
    for match in _TOGGLE.finditer(text):
        given = match["value"] or match["given"]
        flags[match["name"]] = given == "true" if given else flags.get(match["name"], False)
    kept = []
    at = 0
    for match in _CHOICE.finditer(text):
        value = flags.get(match["toggle"] or match["boolean"])
        read = arguments(text, match.end(), 2)
        if match.start() < at or value is None or read is None:
            continue
        kept += [text[at : match.start()], read[0][value is bool(match["not"])]]
        at = read[1]
    return "".join([*kept, text[at:]])
