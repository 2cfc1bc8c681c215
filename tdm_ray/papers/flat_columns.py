"""The columns of a flattened table: by the order of the cells of a row, and by their place in the line.

A line is a row of cells: each value is one, and so is each run of other words. Rows of as many cells as the
head has names are read in order. Where runs of blanks keep the columns (`pdftotext -layout`), a row with
fewer cells is read by their places, and so is a head's upper line."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

from tdm_ray.papers.flat_heads import is_label, named, over_columns
from tdm_ray.papers.flat_names import names_over, names_within
from tdm_ray.papers.flat_over import distance, off, upper_names
from tdm_ray.papers.flat_rows import Cell, Extent, cells_of, is_whole
from tdm_ray.text.clean import clean

Grids = tuple[list[list[str]], list[list[str] | None]]
_GAP = re.compile(r"\S {2,}\S")
_NEAR = 3  # characters that a cell may stand beside its column
_LEAST_ROWS = 2
_LEAST_SHARE = 0.7  # of the rows must be aligned
_MOST_WIDTHS = 3


def grid_of(heads: Sequence[str], body: Sequence[str]) -> Grids | None:
    """The head's rows and the body's (None for a line that is no row); None where they cannot be aligned."""
    rows = [cells_of(line) for line in body]
    has_layout = sum(bool(_GAP.search(line.strip())) for line in body) > len(body) / 2
    found = _grid_of(heads, rows, has_layout)
    if found is None and all(map(_has_number_in_name, (row for row in rows if len(row) > 1))):
        found = _grid_of(
            heads, [[row[0].joined(row[1]), *row[2:]] if row[1:] else row for row in rows], has_layout
        )
    return found


def _grid_of(heads: Sequence[str], rows: Sequence[Sequence[Cell]], has_layout: bool) -> Grids | None:
    numbered = [row for row in rows if any(cell.is_value for cell in row)]
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


def _has_number_in_name(row: Sequence[Cell]) -> bool:
    """Whether the first value of a row may belong to its name: "Hop 1  0.66  0.64"."""
    near = len(row) > 2 and row[1].start - row[0].end == 1
    return near and not row[0].is_value and row[1].is_value and is_whole(row[1].text)


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
        label, lines = self._label_apart(lines)
        if not lines or not any(self.kinds[1:]) or (self.kinds[0] and not self.extents):
            return None
        last = self._named(lines[-1]) or (self._named_in_part(lines[-1]) if len(lines) > 1 else None)
        if last is None:
            return None
        rows = [[cell.text for cell in last]]
        places = [(cell.start, cell.end) for cell in last]
        for line in reversed(lines[:-1]):
            over = (
                upper_names(line, self.extents, places, below=rows)
                if self.extents
                else over_columns(line, self.width - 1)
            )
            if over is None:
                return None
            rows.insert(0, over)
        rows[-1][0] = rows[-1][0] or label
        named_all = all(any(row[j] for row in rows) for j in range(1, self.width) if self.kinds[j])
        return rows if named_all else None

    def _label_apart(self, lines: Sequence[str]) -> tuple[str, Sequence[str]]:
        """The first column's name where it has a line of its own ("Method"), and the other lines."""
        labels = [line for line in lines if is_label(line)]
        if len(labels) != 1 or len(lines) == 1:
            return "", lines
        return labels[0].strip(), [line for line in lines if line is not labels[0]]

    def _named(self, line: str) -> list[Cell] | None:
        """The names of the columns in a head's last line."""
        if self.extents:
            return names_over(line, self.extents)
        names = named(line, self.width - 1)
        return [Cell(0, 0, name) for name in names] if names else None

    def _named_in_part(self, line: str) -> list[Cell] | None:
        """The names of some columns in a head's last line, where upper lines name the others."""
        return names_within(line, self.extents) if self.extents else None

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
            distances = [off(cell.middle, [j], self.extents) for j in range(self.width)]
            best = min(range(self.width), key=distances.__getitem__)
            best = 0 if not cell.is_value and last < 0 else best
            if (
                best <= last
                or cell.is_value != self.kinds[best]
                or distance(cell, self.extents[best]) > _NEAR
            ):
                return None
            texts[best] = cell.text
            last = best
        return texts


def _may_be_named(cell: Cell, is_value: bool) -> bool:
    """Whether a row's second cell may belong to its name: a number ("ResNet 50"), or words where the second
    column holds values."""
    return is_whole(cell.text) if cell.is_value else is_value
