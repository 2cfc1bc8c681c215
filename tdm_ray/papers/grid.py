"""A grid of strings (TEI rows, a Markdown table) becomes a table whose cells know their headers."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Sequence
from dataclasses import replace

from tdm_ray.errors import PaperError
from tdm_ray.records import Cell, PaperTable

# A number at the start, signs and marks before it allowed ("~31.2", "† 4.5", "<0.01"), with little text after
# it ("31.2 ± 0.1 ms"): "F1", "CIFAR-10" and "ResNet-101" are names, "3-fold" and "2nd" are too.
_VALUE = re.compile(r"^[^\w.]*\.?\d(?!\w*-[a-z]|(?:st|nd|rd|th)\b)", re.IGNORECASE)
_NOTHING = re.compile(r"^[-–—−.\s]*$")
_LETTERS = 6
# What stands in a table in place of a citation: a row that cites is another paper's method.
CITED = "[…]"
# Every cell has all its headers, so a small file may hold a large table. Of 4,633 real TEI papers the largest
# has 4,462 cells with 292,569 headers of 1.5 million characters.
MOST_CELLS = 200_000
_MOST_HEADERS = 3_000_000
_MOST_HEADER_TEXT = 20_000_000
_MOST_SPANNED = 200
_HEADER = 200  # characters of a header that are kept where all of them are too much


def is_value(text: str) -> bool:
    """Whether a cell reads as a value: a number comes first, and at most six letters follow."""
    return bool(_VALUE.match(text)) and sum(map(str.isalpha, text)) <= _LETTERS


_MOST_HEADS = 3  # rows of a head that may hold numbers
_LEAST_COUNTED = 3  # numbers of a head that count upwards
_NUMBER = re.compile(r"\d*\.?\d+")


def table_of_grid(
    caption: str,
    grid: Sequence[Sequence[str]],
    *,
    bold: Sequence[Sequence[bool]] | None = None,
    head: int = 0,
) -> PaperTable:
    """The table of `grid` (rows of cells, ragged rows allowed; what spans several cells is repeated in all of
    them). Every cell knows its row and column there.

    Column headers are the rows above the first row that holds a value beside its first cell; row headers the
    cells left of a row's first value, and before them the last row that held one text alone ("Supervised:").
    Where no row holds a value, the first row heads the others. Dashes stand for nothing and make no cell.
    Where all that comes to no cell (one column, or names only) every text is one.

    Tables side by side in one grid, of which each begins with a column of the same head, have row headers of
    their own.

    head: how many rows stand above the first rule, where rules are known: heads like "2014 | 2015" hold no
    names."""
    first = _first_body_row(grid, head)
    heads = grid[:first]
    halves = _halves(heads, grid[first:])
    cells = []
    group = ""
    headers = 0
    for number, row in enumerate(grid[first:], start=first):
        filled = _filled(row)
        if _is_group(row):
            group = row[filled[0]]
            continue
        for left, right in itertools.pairwise(halves):
            part = [j for j in filled if left <= j < right]
            start = next((j for j in part if j > left and is_value(row[j])), left + 1)
            beside = [t for t in (group, *(row[j] for j in part if j < start)) if t]
            for column in (j for j in part if j >= start):
                above = [h[column] for h in heads if column < len(h) and h[column]]
                is_bold = bool(bold and bold[number][column])
                cells.append(Cell(row[column], is_bold, beside, above, number, column))
                headers += len(beside) + len(above)
                if headers > _MOST_HEADERS or len(cells) > MOST_CELLS:
                    raise too_many_cells()
    return PaperTable(caption, _with_short_headers(cells) if cells else _texts(grid, first))


def _halves(heads: Sequence[Sequence[str]], body: Sequence[Sequence[str]]) -> list[int]:
    """Where tables printed side by side begin in one grid, and its width: a column that has the head of the
    first ("Method", "Acc", "Method", "Acc") and holds names."""
    width = max(map(len, (*heads, *body)), default=0)
    name = next((row[0] for row in reversed(heads) if row and not _NOTHING.match(row[0])), "")
    last = next((row for row in reversed(heads) if row and row[0] == name), ())
    starts = [0]
    for column in range(2, len(last)) if name else ():
        texts = [row[column] for row in body if column < len(row) and not _NOTHING.match(row[column])]
        names = sum(not is_value(text) for text in texts)
        if last[column] == name and names > len(texts) / 2 and column - starts[-1] > 1:
            starts.append(column)
    return [*starts, width]


def few_enough(tables: Iterable[PaperTable]) -> list[PaperTable]:
    """The tables of one paper. Raises `PaperError` too_large where they have more cells than a paper can
    have."""
    kept: list[PaperTable] = []
    cells = 0
    for table in tables:
        cells += len(table.cells)
        if cells > MOST_CELLS:
            raise too_many_cells()
        kept.append(table)
    return kept


def too_many_cells() -> PaperError:
    """The error of a paper whose tables are too large."""
    return PaperError(
        "too_large", f"tables of more than {MOST_CELLS:,} cells, or with as many headers as those have"
    )


def _with_short_headers(cells: list[Cell]) -> list[Cell]:
    """The cells; with the beginnings of their headers where these are far more text than a paper has."""
    if sum(len(h) for cell in cells for h in (*cell.row_headers, *cell.column_headers)) <= _MOST_HEADER_TEXT:
        return cells
    short = {h: h[:_HEADER] for cell in cells for h in (*cell.row_headers, *cell.column_headers)}
    return [
        replace(
            cell,
            row_headers=[short[h] for h in cell.row_headers],
            column_headers=[short[h] for h in cell.column_headers],
        )
        for cell in cells
    ]


def _texts(grid: Sequence[Sequence[str]], first: int) -> list[Cell]:
    """The cells of a table of one column, or of names only: each text with the head of its column."""
    head = next((row for row in grid[:first] if _filled(row)), ()) if len(grid) > first else ()
    start = first if len(grid) > first else 0
    filled = [(i, j) for i, row in enumerate(grid[start:], start=start) for j in _filled(row)]
    heads = {j: [head[j]] for j in range(len(head)) if head[j]}
    return [Cell(grid[i][j], False, (), heads.get(j, ()), i, j) for i, j in filled]


def _first_body_row(grid: Sequence[Sequence[str]], head: int) -> int:
    first = next((i for i, row in enumerate(grid) if any(map(is_value, row[1:]))), min(1, len(grid)))
    while first > 1 and _is_group(grid[first - 1]):
        first -= 1
    if first < head <= _MOST_HEADS and all(map(counts_up, grid[first:head])):
        rising = sum(map(counts_up, grid[head:]))
        return head if 2 * rising < len(grid) - head else first
    # Whole numbers above the rule and fractions below: years, or numbers of shots, and not results.
    whole = first < head <= _MOST_HEADS and not any("." in text for row in grid[:head] for text in row[1:])
    if not whole or not any("." in text for row in grid[head:] for text in row[1:]):
        return first
    # A rule may stand within the head: under "10 | 50" before "Acc | Err".
    names = (
        i for i, row in enumerate(grid[head:], start=head) if any(map(is_value, row[1:])) or _is_group(row)
    )
    return next(names, head)


def counts_up(row: Sequence[str]) -> bool:
    """Whether the numbers of a row, at least three, rise from each to the next, as thresholds and sizes do:
    "IoU 0.1 0.3 0.5"."""
    numbers = [_NUMBER.match(text) for text in row if is_value(text)]
    values = [float(number[0]) for number in numbers if number]
    rises = all(one < other for one, other in itertools.pairwise(values))
    return len(values) == len(numbers) >= _LEAST_COUNTED and rises


def _is_group(row: Sequence[str]) -> bool:
    """Whether a row holds one text alone, in its first cell or over all of them."""
    filled = _filled(row)
    alone = filled == [0] or (len(filled) == len(row) and len(set(row)) == 1)
    return len(row) > 1 and alone and not is_value(row[0])


def _filled(row: Sequence[str]) -> list[int]:
    return [j for j, text in enumerate(row) if not _NOTHING.match(text)]


def span_of(given: str | None) -> int:
    """How many rows or columns a cell's attribute says that it spans; 1 where it says nothing that is a
    number."""
    digits = (given or "1").strip()
    return int(digits) if digits.isascii() and digits.isdigit() and len(digits) < 6 else 1


def spread(rows: Iterable[Sequence[tuple[str, int, int]]]) -> list[list[str]]:
    """The grid of rows of cells (text, columns, rows that it spans): what spans several is repeated in all of
    them, and what a cell above reaches into is passed over, as in an HTML table.

    Raises `PaperError` too_large where that comes to more cells than a paper can have."""
    grid: list[list[str]] = []
    reaching: dict[int, tuple[str, int]] = {}  # by column the text from above, and how many rows it still has
    size = 0
    for row in rows:
        placed: dict[int, str] = {column: text for column, (text, _) in reaching.items()}
        reaching = {column: (text, left - 1) for column, (text, left) in reaching.items() if left > 1}
        column = 0
        for text, wide, high in row:
            while column in placed:
                column += 1
            for place in range(column, column + min(max(wide, 1), _MOST_SPANNED)):
                placed[place] = text
                if high > 1:
                    reaching[place] = (text, min(high, _MOST_SPANNED) - 1)
            column += min(max(wide, 1), _MOST_SPANNED)
        width = max(placed, default=-1) + 1
        size += width
        if size > MOST_CELLS:
            raise too_many_cells()
        grid.append([placed.get(place, "") for place in range(width)])
    return grid
