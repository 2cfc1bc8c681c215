"""The columns of a flattened table: by the order of the cells of a row, and by their place in the line.

A line is a row of cells: each value is one, and so is each run of other words. Rows of as many cells as the
head has names are read in order. Where runs of blanks keep the columns (`pdftotext -layout`), a row with
fewer cells is read by their places, and so is a head's upper line."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from functools import reduce
from statistics import median

from tdm_ray.papers.flat_heads import goes_on, is_label, named, names_of, over_columns, units_of, words_of
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
_MOST_FIRST = 3  # words of the first column's name
_MOST_MORE = 4  # words of a head than columns
_MOST_SHIFT = 10  # characters that a whole head may stand beside its columns
_MOST_OFF = 1.5  # characters, on average, that its names may stand beside that
_MOST_OFF_CLEAR = 4  # the same where any other way to share out the words is worse
_LEAST_MARGIN = 4  # by so many characters in all


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
        last = self._named(lines[-1]) or (self._named_right(lines[-1]) if len(lines) > 1 else None)
        if last is None:
            return None
        rows = [[cell.text for cell in last]]
        for line in reversed(lines[:-1]):
            over = self._over(line, rows, [(cell.start, cell.end) for cell in last]) or self._over(
                line, rows, self.extents
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
        """The names of the columns in a head's last line, with their places."""
        if not self.extents:
            names = named(line, self.width - 1)
            return [Cell(0, 0, name) for name in names] if names else None
        all_named = units_of(line, self.width, alone=True)
        ways = [way for way in (all_named, self._with_first_joined(line)) if way]
        if ways:
            return min(ways, key=self._beside)
        if self._stands_over_values(line) and (units := units_of(line, self.width - 1, alone=True)):
            return [Cell(*self.extents[0], ""), *units]
        texts = _words_over(words_of(line), self.extents) or _words_over(names_of(line), self.extents)
        if texts is None:
            return None
        return [Cell(*place, text) for place, text in zip(self.extents, texts, strict=True)]

    def _beside(self, names: Sequence[Cell]) -> float:
        """How far off their columns names stand in all, the first set aside, after a shift of the whole line."""
        pairs = list(zip(names, self.extents, strict=True))[1:]
        off = [_middle(name) - (start + end) / 2 for name, (start, end) in pairs]
        shift = median(off)
        return sum(abs(one - shift) for one in off)

    def _with_first_joined(self, line: str) -> list[Cell] | None:
        """The names of a line where the first column's is several words: what heads names ("Dataset Model"),
        or whatever stands before names that are repeated ("Training data P R P R")."""
        names = names_of(line)
        count = self.width - 1
        first = names[:-count]
        texts = [name.text for name in names[-count:]]
        periods = (p for p in range(2, count // 2 + 1) if count % p == 0)
        is_first = all(is_label(name.text) for name in first)
        if not 0 < len(first) <= _MOST_FIRST:
            return None
        if not is_first and not any(texts == texts[:p] * (count // p) for p in periods):
            return None
        return [reduce(Cell.joined, first), *names[-count:]]

    def _named_right(self, line: str) -> list[Cell] | None:
        """The names of the last columns, where the line begins over the first of them: an upper line names
        the others."""
        for count in range(self.width - 2, 1, -1) if self.extents else ():
            units = units_of(line, count)
            place = self.extents[-count]
            if units and abs(_middle(units[0]) - (place[0] + place[1]) / 2) <= 2 * _NEAR:
                return [*(Cell(*place, "") for place in self.extents[:-count]), *units]
        return None

    def _stands_over_values(self, line: str) -> bool:
        """Whether a line's first word stands right of the first column's middle: it names no first column."""
        first = len(line) - len(line.lstrip())
        return first > (self.extents[0][0] + self.extents[0][1]) / 2 or first >= self.extents[1][0] - _NEAR

    def _over(self, line: str, below: Sequence[Sequence[str]], places: Sequence[Extent]) -> list[str] | None:
        """The names of an upper line over the columns that stand at `places`; `below` are the lower lines."""
        if not self.extents:
            return over_columns(line, self.width - 1)
        if line.rstrip().endswith((".", ";")):
            return None
        texts = evenly_over(line, places) or over_places(line, places, below=below)
        names_more = texts and any(texts if not below[-1][0] else texts[1:])
        return texts if names_more else None

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


def over_places(line: str, extents: Sequence[Extent], *, below: Sequence[Sequence[str]]) -> list[str] | None:
    """The words of a head's upper line over the columns that they stand over; one over several is repeated.
    None where it is not clear whether it is one name. `below` are the names of the head's lower lines."""
    named = [any(row[j] for row in below) for j in range(len(extents))]
    texts = [""] * len(extents)
    cells = [Cell(m.start(), m.end(), m[0]) for m in _CHUNK.finditer(line)]
    places = [_over(cell, extents) for cell in cells]
    for number, (cell, place) in enumerate(zip(cells, places, strict=True)):
        if not place:
            continue
        over = _alike(cell, place, extents, named)
        if place[0] > 0 and named[over[0]] and not goes_on(cell.text, below[0][over[0]]):
            left = max((p[-1] for p in places[:number] if p), default=0)
            right = min((p[0] for p in places[number + 1 :] if p), default=len(extents))
            over = _centred(cell, over, extents, [j for j in range(left + 1, right) if named[j]])
        shared = _shared(cell, over, extents)
        if shared is None:
            return None
        for j, text in zip(over, shared, strict=True):
            texts[j] = f"{texts[j]} {text}".strip()
    return texts


def _words_over(words: Sequence[Cell], extents: Sequence[Extent]) -> list[str] | None:
    """The words of a head's last line, shared out in order so that they stand nearest to the columns, all of
    them a little to one side. None where there are fewer words than columns, or far more, or they stand
    elsewhere."""
    if not len(extents) <= len(words) <= len(extents) + _MOST_MORE:
        return None
    shifts = range(-_MOST_SHIFT, _MOST_SHIFT + 1)
    ways = sorted(way for shift in shifts for way in _shared_out(words, extents, shift))
    cost, texts = ways[0]
    other = next((cost for cost, others in ways if others != texts), math.inf)
    is_near = cost <= _MOST_OFF * len(extents)
    is_clear = cost <= _MOST_OFF_CLEAR * len(extents) and other - cost >= _LEAST_MARGIN
    return list(texts) if is_near or is_clear else None


def _shared_out(
    words: Sequence[Cell], extents: Sequence[Extent], shift: int
) -> list[tuple[float, tuple[str, ...]]]:
    """The two best ways to put the words into as many groups as there are columns: how far off these the
    groups' middles stand, and the groups."""
    best: dict[int, list[tuple[float, tuple[str, ...]]]] = {
        0: [(0.0, ())]
    }  # by how many words are shared out
    for start, end in extents:
        new: dict[int, list[tuple[float, tuple[str, ...]]]] = {}
        for taken, ways in best.items():
            for upto in range(taken + 1, len(words) + 1):
                off = abs((words[taken].start + words[upto - 1].end - start - end) / 2 - shift)
                group = " ".join(word.text for word in words[taken:upto])
                new.setdefault(upto, []).extend((cost + off, (*texts, group)) for cost, texts in ways)
        best = {upto: sorted(ways)[:2] for upto, ways in new.items()}
    return best.get(len(words), [])


def _groups(cell: Cell, over: Sequence[int], extents: Sequence[Extent]) -> list[str] | None:
    """The names of a text over the columns where they are fewer: each over as many columns as another, and
    within these ("Jester (8 seg.) Something (8 seg.)" over four)."""
    for count in range(len(over) // 2, 1, -1):
        units = units_of(cell.text, count) if len(over) % count == 0 else None
        each = len(over) // count
        if units and all(
            extents[over[n * each]][0] <= cell.start + _middle(unit) <= extents[over[(n + 1) * each - 1]][1]
            for n, unit in enumerate(units)
        ):
            return [unit.text for unit in units for _ in range(each)]
    return None


def _over(cell: Cell, extents: Sequence[Extent]) -> list[int]:
    over = [j for j, (start, end) in enumerate(extents) if cell.start < end and cell.end > start]
    if len(over) == 2 and extents[over[0]][1] > extents[over[1]][0]:  # the columns are not kept apart
        nearest = min(over, key=lambda j: _off(_middle(cell), [j], extents))
        between = _off(_middle(cell), over, extents) <= _off(_middle(cell), [nearest], extents)
        return over if between else [nearest]
    if over:
        return over
    nearest = min(range(len(extents)), key=lambda j: _distance(cell, extents[j]))
    return [nearest] if _distance(cell, extents[nearest]) <= _NEAR else []


def _alike(cell: Cell, over: list[int], extents: Sequence[Extent], named: Sequence[bool]) -> list[int]:
    """Of the columns that a cell stands over those that all have a name below it (`named`), or none: of the
    kind of the nearest one."""
    nearest = min(over, key=lambda j: _off(_middle(cell), [j], extents))
    return [j for j in over if named[j] == named[nearest]]


def _centred(cell: Cell, over: Sequence[int], extents: Sequence[Extent], free: Collection[int]) -> list[int]:
    """The columns that a name of an upper line is centred over: of those that are `free` and stand together
    the most whose middle is nearest to its own."""
    middle = (cell.start + cell.end) / 2
    best = list(over)
    least = _off(middle, over, extents)
    for first in _towards(over[0], -1, free):
        for last in _towards(over[-1], 1, free):
            wide = list(range(first, last + 1))
            off = _off(middle, wide, extents)
            if off < least - 1 or (off <= least + 1 and off <= _NEAR and len(wide) > len(best)):
                best = wide
                least = min(off, least)
    return best


def _towards(column: int, step: int, free: Collection[int]) -> Iterator[int]:
    """The column, and those beside it in one direction as long as they are free."""
    yield column
    while (column := column + step) in free:
        yield column


def _off(middle: float, wide: Sequence[int], extents: Sequence[Extent]) -> float:
    return abs(middle - (extents[wide[0]][0] + extents[wide[-1]][1]) / 2)


def _middle(cell: Cell) -> float:
    return (cell.start + cell.end) / 2


def _distance(cell: Cell, extent: Extent) -> int:
    return max(extent[0] - cell.end, cell.start - extent[1], 0)


def _touches(cell: Cell, extent: Extent) -> bool:
    return _distance(cell, extent) <= _NEAR


def _shared(cell: Cell, over: Sequence[int], extents: Sequence[Extent]) -> list[str] | None:
    """A cell's text for each column that it stands over; its words, where each stands over one. None where it
    is about as wide as these columns: then it may be several names."""
    names = names_of(cell.text)
    if len(names) == 1 or len(over) == 1:
        return [cell.text] * len(over)
    words = [Cell(cell.start + m.start(), cell.start + m.end(), m[0]) for m in re.finditer(r"\S+", cell.text)]
    if len(words) == len(over) == len(names):
        apart = [
            word.start < extents[j][1] and word.end > extents[j][0]
            for word, j in zip(words, over, strict=True)
        ]
        if all(apart):
            return [word.text for word in words]
    if units := units_of(cell.text, len(over)):
        return [unit.text for unit in units]
    if several := _groups(cell, over, extents):
        return several
    wide = extents[over[-1]][1] - extents[over[0]][0]
    if len(words) >= len(over) and cell.end - cell.start > _SPANNING * wide:
        return None
    return [cell.text] * len(over)
