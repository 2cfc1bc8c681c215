"""Headers that a PDF table parser gave to several cells of a row at once, taken apart.

Of 4,101 results that stand in tables of 1,500 real papers, 22 in a hundred share their headers with another
cell. A tenth of these cells have a header with a part for each: "EM / F1" over "76.2/ 84.6", "What Where When
Avg" over four numbers."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import replace

from tdm_ray.records import Cell, PaperTable

_BETWEEN = re.compile(r"\s*/\s*")
_LEAST_WORDS = 3  # two words are a name as often ("TEST F1") as two ("CorLoc mAP")
_SMALL = frozenset(("a", "and", "for", "in", "of", "on", "the", "to", "with"))
_LEAST_SHARE = 0.6  # of the rows that share a header; in the others a number is missing, or one too many


def with_own_headers(table: PaperTable) -> PaperTable:
    """The table with headers that have a part for each of the cells that share them taken apart.

    Its cells must be in reading order. A slash after a value ("76.2/") that such a header explains goes."""
    runs = _runs(table.cells)
    lengths: dict[str, Counter[int]] = defaultdict(Counter)
    for run in runs:
        if run[0].column_headers:
            lengths[run[0].column_headers[-1]][len(run)] += 1
    cells = [cell for run in runs for cell in _taken_apart(run, lengths)]
    return table if cells == list(table.cells) else replace(table, cells=cells)


def _runs(cells: Sequence[Cell]) -> list[list[Cell]]:
    """The cells in groups of neighbours that have all headers in common."""
    runs: list[list[Cell]] = []
    for cell in cells:
        if runs and _headers(runs[-1][0]) == _headers(cell):
            runs[-1].append(cell)
        else:
            runs.append([cell])
    return runs


def _headers(cell: Cell) -> tuple[list[str], list[str]]:
    return list(cell.row_headers), list(cell.column_headers)


def _taken_apart(run: list[Cell], lengths: dict[str, Counter[int]]) -> list[Cell]:
    if len(run) == 1:
        return run
    if any(_goes_on(cell) for cell in run):
        return [cell for group in _groups(run) for cell in _by_slash(group)]
    return _by_word(run, lengths)


def _goes_on(cell: Cell) -> bool:
    """Whether the next value belongs to the same place: "76.2/"."""
    return cell.value.rstrip().endswith("/")


def _groups(run: Sequence[Cell]) -> list[list[Cell]]:
    """The values of a run, each with those that go on from it: "76.2/ 84.6 77.0/ 85.1" are two groups."""
    groups: list[list[Cell]] = [[]]
    for cell in run:
        groups[-1].append(cell)
        if not _goes_on(cell):
            groups.append([])
    return [group for group in groups if group]


def _by_slash(group: list[Cell]) -> list[Cell]:
    """Each value with its part of the innermost header that has as many parts between slashes."""
    for axis in ("column_headers", "row_headers"):
        headers = list(getattr(group[0], axis))
        for level in reversed(range(len(headers))):
            parts = _BETWEEN.split(headers[level].strip())
            if 1 < len(parts) == len(group) and all(any(map(str.isalnum, part)) for part in parts):
                return [
                    replace(cell, value=cell.value.rstrip().rstrip("/").rstrip()).headed(axis, level, part)
                    for cell, part in zip(group, parts, strict=True)
                ]
    return group


def _by_word(run: list[Cell], lengths: dict[str, Counter[int]]) -> list[Cell]:
    """Each value with its word of the innermost column header, where the header has as many words, or one
    more: the first is then the head of the rows' names."""
    headers = list(run[0].column_headers)
    if len(run) < _LEAST_WORDS or not headers:
        return run
    words = headers[-1].split()
    seen = lengths[headers[-1]]
    alike = seen[len(run)] >= _LEAST_SHARE * seen.total()
    named = all(any(map(str.isalnum, word)) and word.lower() not in _SMALL for word in words)
    one_more = len(words) == len(run) + 1 and not any(word.isdigit() for word in words)
    if not named or not alike or not (len(words) == len(run) or one_more):
        return run
    return [
        cell.headed("column_headers", -1, word) for cell, word in zip(run, words[-len(run) :], strict=True)
    ]
