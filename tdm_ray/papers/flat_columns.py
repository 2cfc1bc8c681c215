"""Flattened tables whose columns are kept by runs of blanks, as `pdftotext -layout` prints them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from tdm_ray.papers.flat_heads import goes_on
from tdm_ray.papers.flat_rows import is_value_word

_CHUNK = re.compile(r"\S+(?: \S+)*")
_GAP = re.compile(r"\S {2,}\S")
_NEAR = 3  # characters that a cell may stand beside its column
_LEAST_ROWS = 2
Grids = tuple[list[list[str]], list[list[str] | None]]


@dataclass(frozen=True)
class _Cell:
    start: int
    end: int
    text: str

    @property
    def is_value(self) -> bool:
        return is_value_word(self.text.split()[0]) and any(map(is_value_word, self.text.split()))


def has_columns(lines: Sequence[str]) -> bool:
    """Whether runs of blanks stand in most of the lines."""
    return sum(bool(_GAP.search(line.strip())) for line in lines) > 0.6 * len(lines)


def columns_of(heads: Sequence[str], body: Sequence[str]) -> Grids | None:
    """The head's rows and the body's, every cell in the column that it stands in; None where two cells of a
    row stand in one column, or where the head says nothing of a column of values."""
    rows = [_cells(line) for line in body]
    columns = _columns(rows)
    if len(columns) < 2:
        return None
    placed = [_placed(row, columns) for row in rows]
    if sum(row is not None for row in placed) < max(_LEAST_ROWS, 0.7 * len(placed)):
        return None
    head: list[list[str]] = []
    for line in reversed(heads):
        head.insert(0, _head(line, columns, below=head[0] if head else None))
    values = [
        j for j in range(len(columns)) if any(row and is_value_word(row[j].split(" ")[0]) for row in placed)
    ]
    if not head or any(not any(row[j] for row in head) for j in values[-1:] + values[:1]):
        return None
    named = sum(any(row[j] for row in head) for j in values)
    return (head, placed) if named == len(values) else None


def _cells(line: str) -> list[_Cell]:
    """The cells of a line; values that one blank keeps apart are cells of their own."""
    cells = []
    for match in _CHUNK.finditer(line):
        words = match[0].split(" ")
        if len(words) > 1 and all(map(is_value_word, words)) and not any(w[0] in "(±[" for w in words):
            place = match.start()
            for word in words:
                cells.append(_Cell(place, place + len(word), word))
                place += len(word) + 1
        else:
            cells.append(_Cell(match.start(), match.end(), match[0]))
    return cells


def _columns(rows: Sequence[Sequence[_Cell]]) -> list[tuple[int, int]]:
    """The extents of the columns: what cells of several rows cover without a gap."""
    extents: list[list[int]] = []
    for cell in sorted((cell for row in rows for cell in row if len(row) > 1), key=lambda c: c.start):
        if extents and cell.start <= extents[-1][1]:
            extents[-1][1] = max(extents[-1][1], cell.end)
        else:
            extents.append([cell.start, cell.end])
    return [(start, end) for start, end in extents]


def _placed(row: Sequence[_Cell], columns: Sequence[tuple[int, int]]) -> list[str] | None:
    texts = [""] * len(columns)
    for cell in row:
        inside = [j for j, (start, end) in enumerate(columns) if cell.start < end and cell.end > start]
        if len(row) == 1 and not cell.is_value:
            return [cell.text, *texts[1:]]
        if len(inside) != 1 or texts[inside[0]]:
            return None
        texts[inside[0]] = cell.text
    return texts


def _head(line: str, columns: Sequence[tuple[int, int]], *, below: Sequence[str] | None) -> list[str]:
    """The words of a head over the columns that they stand over; a name over several is repeated. `below` is
    the head's next line."""
    texts = [""] * len(columns)
    cells = [_Cell(m.start(), m.end(), m[0]) for m in _CHUNK.finditer(line)]
    places = [_over(cell, columns) for cell in cells]
    for number, (cell, place) in enumerate(zip(cells, places, strict=True)):
        if not place:
            continue
        over = place
        if below and place[0] > 0 and not goes_on(cell.text, below[place[0]]):
            left = max((p[-1] for p in places[:number] if p), default=0)
            right = min((p[0] for p in places[number + 1 :] if p), default=len(columns))
            over = _centred(cell, place, columns, left, right)
        for j, text in zip(over, _shared(cell, over, columns), strict=True):
            texts[j] = f"{texts[j]} {text}".strip()
    return texts


def _over(cell: _Cell, columns: Sequence[tuple[int, int]]) -> list[int]:
    over = [j for j, (start, end) in enumerate(columns) if cell.start < end and cell.end > start]
    if over:
        return over
    nearest = min(range(len(columns)), key=lambda j: _distance(cell, columns[j]))
    return [nearest] if _distance(cell, columns[nearest]) <= _NEAR else []


def _centred(
    cell: _Cell, over: Sequence[int], columns: Sequence[tuple[int, int]], left: int, right: int
) -> list[int]:
    """The columns that a name of an upper line is centred over: between those of its neighbours `left` and
    `right`, the most of those whose middle is nearest to its own."""
    middle = (cell.start + cell.end) / 2
    best = list(over)
    least = _off(middle, over, columns)
    for first in range(over[0], left, -1):
        for last in range(over[-1], right):
            wide = list(range(first, last + 1))
            off = _off(middle, wide, columns)
            if off < least - 1 or (off <= least + 1 and off <= _NEAR and len(wide) > len(best)):
                best = wide
                least = min(off, least)
    return best


def _off(middle: float, wide: Sequence[int], columns: Sequence[tuple[int, int]]) -> float:
    return abs(middle - (columns[wide[0]][0] + columns[wide[-1]][1]) / 2)


def _distance(cell: _Cell, column: tuple[int, int]) -> int:
    return max(column[0] - cell.end, cell.start - column[1], 0)


def _shared(cell: _Cell, over: Sequence[int], columns: Sequence[tuple[int, int]]) -> list[str]:
    """A cell's text for each column that it stands over; its words, where each stands over one."""
    words = [
        _Cell(cell.start + m.start(), cell.start + m.end(), m[0]) for m in re.finditer(r"\S+", cell.text)
    ]
    if len(words) == len(over) > 1:
        apart = [
            word.start < columns[j][1] and word.end > columns[j][0]
            for word, j in zip(words, over, strict=True)
        ]
        if all(apart):
            return [word.text for word in words]
    return [cell.text] * len(over)
