"""The columns of a flattened table: by the order of the cells of a row, and by their place in the line.

A line is a row of cells: each value is one, and so is each run of other words. Rows of as many cells as the
head has names are read in order. Where runs of blanks keep the columns (`pdftotext -layout`), a row with
fewer cells is read by their places, and so is a head's upper line."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Sequence

from tdm_ray.papers.flat_heads import goes_on, named, over_columns, units_of
from tdm_ray.papers.flat_rows import Cell, cells_of, is_whole
from tdm_ray.text.clean import clean

Extent = tuple[int, int]
Grids = tuple[list[list[str]], list[list[str] | None]]
_CHUNK = re.compile(r"\S+(?: \S+)*")
_GAP = re.compile(r"\S {2,}\S")
_NEAR = 3  # characters that a cell may stand beside its column
_LEAST_ROWS = 2
_LEAST_SHARE = 0.7  # of the rows must be aligned
_MOST_WIDTHS = 3
_SPANNING = 0.75  # of its columns' width a name over several of them takes at most
_MOST_MORE = 4  # words of a head than columns
_MOST_SHIFT = 10  # characters that a whole head may stand beside its columns
_MOST_OFF = 1.5  # characters, on average, that its names may stand beside that


def grid_of(heads: Sequence[str], body: Sequence[str]) -> Grids | None:
    """The head's rows and the body's (None for a line that is no row); None where they cannot be aligned."""
    rows = [cells_of(line) for line in body]
    numbered = [row for row in rows if any(cell.is_value for cell in row)]
    has_layout = sum(bool(_GAP.search(line.strip())) for line in body) > len(body) / 2
    for width, _ in Counter(map(len, numbered)).most_common(_MOST_WIDTHS):
        columns = _Columns(numbered, width, has_layout)
        head = columns.head(heads) if width > 1 else None
        if head is None:
            continue
        placed = [columns.placed(row) for row in rows]
        aligned = sum(
            place is not None and any(c.is_value for c in row)
            for place, row in zip(placed, rows, strict=True)
        )
        if aligned >= max(_LEAST_ROWS, _LEAST_SHARE * len(numbered)):
            return head, placed
    return None


class _Columns:
    """The columns of rows of one width: what they hold, and where they stand."""

    def __init__(self, rows: Sequence[Sequence[Cell]], width: int, has_layout: bool) -> None:
        self.width = width
        whole = [row for row in rows if len(row) == width]
        kinds = Counter(tuple(cell.is_value for cell in row) for row in whole)
        self.kinds = kinds.most_common(1)[0][0]
        alike = [row for row in whole if tuple(cell.is_value for cell in row) == self.kinds]
        self.extents: list[Extent] = []
        if has_layout:
            self.extents = [
                (min(row[j].start for row in alike), max(row[j].end for row in alike)) for j in range(width)
            ]

    def head(self, lines: Sequence[str]) -> list[list[str]] | None:
        """The rows of the head; None where its names cannot be told apart."""
        if not lines or not any(self.kinds[1:]) or (self.kinds[0] and not self.extents):
            return None
        last = self._named(lines[-1]) or (self._named_right(lines[-1]) if len(lines) > 1 else None)
        if last is None:
            return None
        rows = [[cell.text for cell in last]]
        for line in reversed(lines[:-1]):
            over = self._over(line, rows[0], [(cell.start, cell.end) for cell in last])
            if over is None:
                return None
            rows.insert(0, over)
        named_all = all(any(row[j] for row in rows) for j in range(1, self.width) if self.kinds[j])
        return rows if named_all else None

    def _named(self, line: str) -> list[Cell] | None:
        """The names of the columns in a head's last line, with their places."""
        if not self.extents:
            names = named(line, self.width - 1)
            return [Cell(0, 0, name) for name in names] if names else None
        if units := units_of(line, self.width):
            return units
        if self._stands_over_values(line) and (units := units_of(line, self.width - 1)):
            return [Cell(*self.extents[0], ""), *units]
        texts = _words_over(line, self.extents)
        if texts is None:
            return None
        return [Cell(*place, text) for place, text in zip(self.extents, texts, strict=True)]

    def _named_right(self, line: str) -> list[Cell] | None:
        """The names of the last columns, where the line begins over the first of them: an upper line names
        the others."""
        for count in range(self.width - 2, 1, -1) if self.extents else ():
            units = units_of(line, count)
            if units and abs(units[0].start - self.extents[-count][0]) <= 2 * _NEAR:
                return [*(Cell(*place, "") for place in self.extents[:-count]), *units]
        return None

    def _stands_over_values(self, line: str) -> bool:
        """Whether a line's first word stands right of the first column's middle: it names no first column."""
        first = len(line) - len(line.lstrip())
        return first > (self.extents[0][0] + self.extents[0][1]) / 2 or first >= self.extents[1][0] - _NEAR

    def _over(self, line: str, below: Sequence[str], places: Sequence[Extent]) -> list[str] | None:
        """The names of an upper line over the columns; `below` and `places` are those of the last line."""
        if not self.extents:
            return over_columns(line, self.width - 1)
        if line.rstrip().endswith((".", ";")):
            return None
        texts = evenly_over(line, places) or over_places(line, places, below=below)
        return texts if texts and any(texts) else None

    def placed(self, row: Sequence[Cell]) -> list[str] | None:
        """The texts of a row by column; a text alone in the first. None where it does not fit."""
        if not any(cell.is_value for cell in row):
            return [clean(" ".join(cell.text for cell in row)), *[""] * (self.width - 1)]
        cells = list(row)
        while len(cells) > self.width and not cells[0].is_value and _may_be_named(cells[1], self.kinds[1]):
            cells[:2] = [cells[0].joined(cells[1])]
        if len(cells) == self.width - 1 and cells[0].is_value and all(self.kinds[1:]) and not self.kinds[0]:
            return ["", *(cell.text for cell in cells)]
        if len(cells) == self.width:
            fits = [
                cell.is_value == kind or cell.is_gap for cell, kind in zip(cells, self.kinds, strict=True)
            ]
            return [cell.text for cell in cells] if all(fits) else None
        return self._by_place(cells) if self.extents and len(cells) < self.width else None

    def _by_place(self, cells: Sequence[Cell]) -> list[str] | None:
        texts = [""] * self.width
        last = -1
        for cell in cells:
            distances = [_off((cell.start + cell.end) / 2, [j], self.extents) for j in range(self.width)]
            best = min(range(self.width), key=distances.__getitem__)
            best = 0 if not cell.is_value and last < 0 else best
            if best <= last or cell.is_value != self.kinds[best] or not _touches(cell, self.extents[best]):
                return None
            texts[best] = cell.text
            last = best
        return texts


def _may_be_named(cell: Cell, is_value: bool) -> bool:
    """Whether a row's second cell may belong to its name: a number ("ResNet 50"), or words where the second
    column holds values."""
    return is_whole(cell.text) if cell.is_value else is_value


def evenly_over(line: str, places: Sequence[Extent]) -> list[str] | None:
    """The names of an upper line, each over as many columns as another, where each stands over its own; the
    first column may have a name too."""
    cells = [Cell(m.start(), m.end(), m[0]) for m in _CHUNK.finditer(line)]
    first = ""
    if cells and cells[0].start < places[0][1]:
        first = cells.pop(0).text
    columns = len(places) - 1
    if len(cells) < 2 or columns % len(cells):
        return None
    each = columns // len(cells)
    texts = [first]
    for number, cell in enumerate(cells):
        group = places[1 + number * each : 1 + (number + 1) * each]
        if not group[0][0] - _NEAR <= (cell.start + cell.end) / 2 <= group[-1][1] + _NEAR:
            return None
        texts += [cell.text] * each
    return texts


def over_places(line: str, extents: Sequence[Extent], *, below: Sequence[str]) -> list[str] | None:
    """The words of a head's upper line over the columns that they stand over; one over several is repeated.
    None where it is not clear whether it is one name. `below` is the head's next line."""
    texts = [""] * len(extents)
    cells = [Cell(m.start(), m.end(), m[0]) for m in _CHUNK.finditer(line)]
    places = [_over(cell, extents) for cell in cells]
    for number, (cell, place) in enumerate(zip(cells, places, strict=True)):
        if not place:
            continue
        over = place
        if place[0] > 0 and not goes_on(cell.text, below[place[0]]):
            left = max((p[-1] for p in places[:number] if p), default=0)
            right = min((p[0] for p in places[number + 1 :] if p), default=len(extents))
            over = _centred(cell, place, extents, left, right)
        shared = _shared(cell, over, extents)
        if shared is None:
            return None
        for j, text in zip(over, shared, strict=True):
            texts[j] = f"{texts[j]} {text}".strip()
    return texts


def _words_over(line: str, extents: Sequence[Extent]) -> list[str] | None:
    """The words of a head's last line, shared out in order so that they stand nearest to the columns, all of
    them a little to one side. None where there are fewer words than columns, or far more, or they stand
    elsewhere."""
    words = [Cell(m.start(), m.end(), m[0]) for m in re.finditer(r"\S+", line)]
    if not len(extents) <= len(words) <= len(extents) + _MOST_MORE:
        return None
    shared = (_shared_out(words, extents, shift) for shift in range(-_MOST_SHIFT, _MOST_SHIFT + 1))
    cost, texts = min((one for one in shared if one), default=(math.inf, []))
    return texts if cost <= _MOST_OFF * len(extents) else None


def _shared_out(
    words: Sequence[Cell], extents: Sequence[Extent], shift: int
) -> tuple[float, list[str]] | None:
    """The words in as many groups as there are columns, and how far off these their middles stand."""
    best: dict[int, tuple[float, list[str]]] = {0: (0.0, [])}  # by the number of words that are shared out
    for start, end in extents:
        new: dict[int, tuple[float, list[str]]] = {}
        for taken, (cost, texts) in best.items():
            for upto in range(taken + 1, len(words) + 1):
                off = abs((words[taken].start + words[upto - 1].end - start - end) / 2 - shift)
                if upto not in new or cost + off < new[upto][0]:
                    new[upto] = (cost + off, [*texts, " ".join(word.text for word in words[taken:upto])])
        best = new
    return best.get(len(words))


def _over(cell: Cell, extents: Sequence[Extent]) -> list[int]:
    over = [j for j, (start, end) in enumerate(extents) if cell.start < end and cell.end > start]
    if over:
        return over
    nearest = min(range(len(extents)), key=lambda j: _distance(cell, extents[j]))
    return [nearest] if _distance(cell, extents[nearest]) <= _NEAR else []


def _centred(cell: Cell, over: Sequence[int], extents: Sequence[Extent], left: int, right: int) -> list[int]:
    """The columns that a name of an upper line is centred over: between those of its neighbours `left` and
    `right`, the most of those whose middle is nearest to its own."""
    middle = (cell.start + cell.end) / 2
    best = list(over)
    least = _off(middle, over, extents)
    for first in range(over[0], left, -1):
        for last in range(over[-1], right):
            wide = list(range(first, last + 1))
            off = _off(middle, wide, extents)
            if off < least - 1 or (off <= least + 1 and off <= _NEAR and len(wide) > len(best)):
                best = wide
                least = min(off, least)
    return best


def _off(middle: float, wide: Sequence[int], extents: Sequence[Extent]) -> float:
    return abs(middle - (extents[wide[0]][0] + extents[wide[-1]][1]) / 2)


def _distance(cell: Cell, extent: Extent) -> int:
    return max(extent[0] - cell.end, cell.start - extent[1], 0)


def _touches(cell: Cell, extent: Extent) -> bool:
    return _distance(cell, extent) <= _NEAR


def _shared(cell: Cell, over: Sequence[int], extents: Sequence[Extent]) -> list[str] | None:
    """A cell's text for each column that it stands over; its words, where each stands over one. None where it
    is about as wide as these columns: then it may be several names."""
    words = [Cell(cell.start + m.start(), cell.start + m.end(), m[0]) for m in re.finditer(r"\S+", cell.text)]
    if len(words) == len(over) > 1:
        apart = [
            word.start < extents[j][1] and word.end > extents[j][0]
            for word, j in zip(words, over, strict=True)
        ]
        if all(apart):
            return [word.text for word in words]
    if len(over) > 1 and (units := units_of(cell.text, len(over))):
        return [unit.text for unit in units]
    wide = extents[over[-1]][1] - extents[over[0]][0]
    if len(words) >= len(over) > 1 and cell.end - cell.start > _SPANNING * wide:
        return None
    return [cell.text] * len(over)
