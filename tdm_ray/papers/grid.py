"""A grid of strings (TEI rows, a Markdown table) -> a table whose cells know their headers."""

from __future__ import annotations

import re
from collections.abc import Sequence

from tdm_ray.records import Cell, PaperTable

# A number at the start, signs and marks before it allowed ("~31.2", "† 4.5", "<0.01"), with little text after it
# ("31.2 ± 0.1 ms"): "F1", "CIFAR-10" and "ResNet-101" are names, "3-fold" and "2nd" are too.
_VALUE = re.compile(r"^[^\w.]*\.?\d(?!\w*-[a-z]|(?:st|nd|rd|th)\b)", re.IGNORECASE)
_NOTHING = re.compile(r"^[-–—−.\s]*$")
_LETTERS = 6


def is_value(text: str) -> bool:
    """Whether a cell reads as a value: a number comes first, and at most six letters follow."""
    return bool(_VALUE.match(text)) and sum(map(str.isalpha, text)) <= _LETTERS


def table_of_grid(
    caption: str, grid: Sequence[Sequence[str]], *, bold: Sequence[Sequence[bool]] | None = None
) -> PaperTable:
    """The table of `grid` (rows of cells, ragged rows allowed).

    Column headers are the rows above the first row that holds a value beside its first cell; row headers the cells
    left of a row's first value, and before them the last row that held its first cell alone ("Supervised:"). Where
    no row holds a value, the first row heads the others. Dashes stand for nothing and make no cell.
    """
    first = _first_body_row(grid)
    head = grid[:first]
    cells, group = [], ""
    for number, row in enumerate(grid[first:], start=first):
        filled = _filled(row)
        if filled == [0] and len(row) > 1:
            group = row[0]
            continue
        start = next((j for j in filled if j and is_value(row[j])), 1)
        beside = [t for t in (group, *(row[j] for j in filled if j < start)) if t]
        for column in (j for j in filled if j >= start):
            above = [h[column] for h in head if column < len(h) and h[column]]
            cells.append(Cell(row[column], bool(bold and bold[number][column]), beside, above))
    return PaperTable(caption, cells)


def _first_body_row(grid: Sequence[Sequence[str]]) -> int:
    first = next((i for i, row in enumerate(grid) if any(map(is_value, row[1:]))), min(1, len(grid)))
    while first > 1 and _filled(grid[first - 1]) == [0]:
        first -= 1
    return first


def _filled(row: Sequence[str]) -> list[int]:
    return [j for j, text in enumerate(row) if not _NOTHING.match(text)]
