"""The names in the upper lines of a head whose columns stand at known places (`pdftotext -layout`)."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from itertools import pairwise

from tdm_ray.papers.flat_heads import goes_on, names_of, units_of
from tdm_ray.papers.flat_names import one_to_one
from tdm_ray.papers.flat_rows import Cell, Extent, chunks_of

_NEAR = 3  # characters that a cell may stand beside its column
_SPANNING = 0.75  # of its columns' width a name over several of them takes at most


def upper_names(
    line: str, extents: Sequence[Extent], names: Sequence[Extent], *, below: Sequence[Sequence[str]]
) -> list[str] | None:
    """The names of an upper line by column; one over several is repeated. None where they cannot be told
    apart. `extents` are the columns' places, `names` those of the names in the last line (a whole line may be
    shifted against the rows), `below` the texts of the lower lines."""
    if line.rstrip().endswith((".", ";")):
        return None
    texts = (
        _by_period(line, extents, below[-1])
        or _evenly_over(line, names)
        or _evenly_over(line, extents)
        or one_to_one(line, extents)
    )
    if texts is None:
        ways = [way for way in (_over_places(line, names, below), _over_places(line, extents, below)) if way]
        texts = min(ways, key=lambda way: way[0])[1] if ways else None
    return texts if texts and any(texts if not below[-1][0] else texts[1:]) else None


def _by_period(line: str, extents: Sequence[Extent], below: Sequence[str]) -> list[str] | None:
    """The names of an upper line where the last line repeats its own: one for each repetition. Others stand
    over columns that the last line does not name."""
    region = [j for j in range(1, len(extents)) if below[j]]
    if not region or region[-1] - region[0] + 1 != len(region):
        return None
    texts = [""] * len(extents)
    inner = []
    for cell in chunks_of(line):
        over = [j for j in _over(cell, extents) if j not in region]
        if extents[region[0]][0] - _NEAR <= cell.middle <= extents[region[-1]][1] + _NEAR:
            inner.append(cell)
        elif len(over) == 1 and not texts[over[0]]:
            texts[over[0]] = cell.text
        else:
            return None
    if len(inner) < 2 or len(region) % len(inner):
        return None
    period = len(region) // len(inner)
    if period < 2 or [below[j] for j in region] != [below[j] for j in region[:period]] * len(inner):
        return None
    for number, cell in enumerate(inner):
        for j in region[number * period : (number + 1) * period]:
            texts[j] = cell.text
    return texts


def _evenly_over(line: str, places: Sequence[Extent]) -> list[str] | None:
    """The names of an upper line, each over as many columns as another, where each stands over its own; the
    first column may have a name too."""
    cells = chunks_of(line)
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
        if not group[0][0] - _NEAR <= cell.middle <= group[-1][1] + _NEAR:
            return None
        texts += [cell.text] * each
    return texts


def _over_places(
    line: str, extents: Sequence[Extent], below: Sequence[Sequence[str]]
) -> tuple[float, list[str]] | None:
    """How far off the columns the words of an upper line stand, and these words over the columns; None where
    it is not clear whether some are one name."""
    texts = [""] * len(extents)
    cells = chunks_of(line)
    spans = _spans(cells, extents, below)
    for cell, over in zip(cells, spans, strict=True):
        shared = _shared(cell, over, extents) if over else []
        if shared is None:
            return None
        for j, text in zip(over, shared, strict=True):
            texts[j] = f"{texts[j]} {text}".strip()
    beside = [off(cell.middle, over, extents) for cell, over in zip(cells, spans, strict=True) if over]
    return sum(beside) / max(len(beside), 1), texts


def _spans(
    cells: Sequence[Cell], extents: Sequence[Extent], below: Sequence[Sequence[str]]
) -> list[list[int]]:
    """The columns that each cell of an upper line is over; each column is under one as far as it can."""
    named = [any(row[j] for row in below) for j in range(len(extents))]
    places = [_over(cell, extents) for cell in cells]
    spans: list[list[int]] = []
    for number, (cell, place) in enumerate(zip(cells, places, strict=True)):
        over = _alike(cell, place, extents, named) if place else []
        if over and place[0] > 0 and named[over[0]] and not goes_on(cell.text, below[0][over[0]]):
            left = max((p[-1] for p in places[:number] if p), default=0)
            right = min((p[0] for p in places[number + 1 :] if p), default=len(extents))
            over = _centred(cell, over, extents, [j for j in range(left + 1, right) if named[j]])
        spans.append(over)
    for one, (before, after) in enumerate(pairwise(spans)):
        for j in set(before) & set(after):
            middle = sum(extents[j]) / 2
            is_after = abs(cells[one + 1].middle - middle) < abs(cells[one].middle - middle)
            loser = before if is_after else after
            if len(loser) > 1:
                loser.remove(j)
    return spans


def _groups(cell: Cell, over: Sequence[int], extents: Sequence[Extent]) -> list[str] | None:
    """The names of a text over the columns where they are fewer: each over as many columns as another, and
    within these ("Jester (8 seg.) Something (8 seg.)" over four)."""
    for count in range(len(over) // 2, 1, -1):
        units = units_of(cell.text, count) if len(over) % count == 0 else None
        each = len(over) // count
        if units and all(
            extents[over[n * each]][0] <= cell.start + unit.middle <= extents[over[(n + 1) * each - 1]][1]
            for n, unit in enumerate(units)
        ):
            return [unit.text for unit in units for _ in range(each)]
    return None


def _over(cell: Cell, extents: Sequence[Extent]) -> list[int]:
    over = [j for j, (start, end) in enumerate(extents) if cell.start < end and cell.end > start]
    if len(over) == 2 and extents[over[0]][1] > extents[over[1]][0]:  # the columns are not kept apart
        nearest = min(over, key=lambda j: off(cell.middle, [j], extents))
        between = off(cell.middle, over, extents) <= off(cell.middle, [nearest], extents)
        return over if between else [nearest]
    if over:
        return over
    nearest = min(range(len(extents)), key=lambda j: distance(cell, extents[j]))
    return [nearest] if distance(cell, extents[nearest]) <= _NEAR else []


def _alike(cell: Cell, over: list[int], extents: Sequence[Extent], named: Sequence[bool]) -> list[int]:
    """Of the columns that a cell stands over those that all have a name below it (`named`), or none: of the
    kind of the nearest one."""
    nearest = min(over, key=lambda j: off(cell.middle, [j], extents))
    return [j for j in over if named[j] == named[nearest]]


def _centred(cell: Cell, over: Sequence[int], extents: Sequence[Extent], free: Collection[int]) -> list[int]:
    """The columns that a name of an upper line is centred over: of those that are `free` and stand together
    the most whose middle is nearest to its own."""
    middle = cell.middle
    best = list(over)
    least = off(middle, over, extents)
    for first in _towards(over[0], -1, free):
        for last in _towards(over[-1], 1, free):
            wide = list(range(first, last + 1))
            beside = off(middle, wide, extents)
            if beside < least - 1 or (beside <= least + 1 and beside <= _NEAR and len(wide) > len(best)):
                best = wide
                least = min(beside, least)
    return best


def _towards(column: int, step: int, free: Collection[int]) -> Iterator[int]:
    """The column, and those beside it in one direction as long as they are free."""
    yield column
    while (column := column + step) in free:
        yield column


def off(middle: float, wide: Sequence[int], extents: Sequence[Extent]) -> float:
    """How far a place is from the middle of some columns."""
    return abs(middle - (extents[wide[0]][0] + extents[wide[-1]][1]) / 2)


def distance(cell: Cell, extent: Extent) -> int:
    """The characters between a cell and a column."""
    return max(extent[0] - cell.end, cell.start - extent[1], 0)


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
