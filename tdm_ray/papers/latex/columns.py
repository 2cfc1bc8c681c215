"""The column specification of a tabular: what it prints between two columns, and cells split by it joined.

`r@{ $\\pm$ }l` puts a result and its deviation, `r@{.}l` the halves of one number, into two columns (array
package, section "The preamble"; siunitx, S columns)."""

from __future__ import annotations

import re
from collections.abc import Mapping

from tdm_ray.papers.latex.tex import argument, arguments, option

_TYPES = "lcrpmbXSsLCRJPMVNdDTQYZwW"
# How many arguments stand after the letter of a type.
_ARGUMENTS = {"p": 1, "m": 1, "b": 1, "D": 3, "w": 2, "W": 2}
_MOST_COLUMNS = 200
_SETTING = re.compile(
    r"\\(?:hspace|hskip|kern|extracolsep|vrule|hfill|quad|qquad|enspace|hphantom|phantom|color|space)(?![a-zA-Z])\*?"
    r"\s*(?:\{[^{}]*(?:\{[^{}]*\}[^{}]*)*\})*|\\[a-zA-Z]+sep|\\[,;:! ]|[{}~\s]"
)
# What joins two cells to one result: a deviation, a decimal point, or what is in brackets.
_JOINING = re.compile(r"\$*\s*(?:\\pm|±|[.,]|\(|/|\\textpm|\+/-)\s*\$*\s*\(?")


def joints(spec: str) -> dict[int, str]:
    """By column the TeX that stands between it and the next, where that joins both to one number."""
    printed: dict[int, str] = {}
    column = -1
    for kind, text in _parts(spec):
        if kind == "type":
            column += 1
        elif column >= 0:
            printed[column] = printed.get(column, "") + text
    return {
        place: text.strip()
        for place, text in printed.items()
        if place < column and _JOINING.fullmatch(_SETTING.sub("", text))
    }


def _parts(spec: str) -> list[tuple[str, str]]:
    """The column types and what is printed between them, in order; `*{3}{...}` written out."""
    parts: list[tuple[str, str]] = []
    at = 0
    while at < len(spec) and len(parts) < 3 * _MOST_COLUMNS:
        letter = spec[at]
        at += 1
        if letter == "*":
            read = arguments(spec, at, 2)
            if read is None:
                break
            (times, inner), at = read
            repeated = min(int(times), _MOST_COLUMNS) if times.strip().isdigit() else 1
            spec = f"{inner * repeated}{spec[at:]}" if len(inner) * repeated < 10_000 else ""
            at = 0
        elif letter in "@!><":
            one = argument(spec, at)
            if one is None:
                break
            if letter in "@!":
                parts.append(("between", one[0]))
            at = one[1]
        elif letter in _TYPES:
            parts.append(("type", letter))
            _, at = option(spec, at)
            given = arguments(spec, at, _ARGUMENTS.get(letter, 0))
            at = given[1] if given else at
    return parts


def joined(grid: list[list[str]], between: Mapping[int, str]) -> list[list[str]]:
    """The grid with each column of `between` joined to the next by its text. A cell over both stays once."""
    for place in sorted(between, reverse=True):
        grid = [_joined_row(row, place, between[place]) for row in grid]
    return grid


def _joined_row(row: list[str], place: int, between: str) -> list[str]:
    if place + 1 >= len(row):
        return row
    left, right = row[place], row[place + 1]
    if left == right or not right:
        both = left
    elif not left:
        both = right
    else:
        close = ")" if "(" in between else ""
        both = f"{left}{between}{right}{close}" if any(map(str.isdigit, left + right)) else f"{left} {right}"
    return [*row[:place], both, *row[place + 2 :]]
