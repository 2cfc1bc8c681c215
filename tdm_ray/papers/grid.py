"""A grid of strings (TEI rows, a Markdown table) -> a table whose cells know their headers."""

from __future__ import annotations

import re
from collections.abc import Sequence

from tdm_ray.records import Cell, PaperTable

_DIGIT = re.compile(r"\d")


def is_value(text: str) -> bool:
    """Whether a cell reads as a value: it holds a digit, and no more than six letters beside it ("31.2 ± 0.1 ms")."""
    return bool(_DIGIT.search(text)) and sum(map(str.isalpha, text)) <= 6


def table_of_grid(
    caption: str, grid: Sequence[Sequence[str]], *, bold: Sequence[Sequence[bool]] | None = None
) -> PaperTable:
    """The table of `grid` (rows of cells, ragged rows allowed).

    Column headers are the rows above the first row that holds a value beside its first cell; row headers the
    cells left of a row's first value. Where no row holds a value, the first row heads the others.
    """
    first = next((i for i, row in enumerate(grid) if any(map(is_value, row[1:]))), min(1, len(grid)))
    head, body = grid[:first], grid[first:]
    cells = []
    for number, row in enumerate(body, start=first):
        start = next((j for j, text in enumerate(row) if j and is_value(text)), 1)
        for column in range(min(start, len(row)), len(row)):
            if row[column]:
                above = [h[column] for h in head if column < len(h) and h[column]]
                is_bold = bool(bold and bold[number][column])
                cells.append(Cell(row[column], is_bold, [t for t in row[:start] if t], above))
    return PaperTable(caption, cells)
