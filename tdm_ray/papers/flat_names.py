"""The names in the last line of a head whose columns stand at known places (`pdftotext -layout`)."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import reduce
from statistics import linear_regression, mean, median

from tdm_ray.papers.flat_heads import is_label, names_of, units_of, words_of
from tdm_ray.papers.flat_rows import CITATION, Cell, Extent

_MOST_FIRST = 3  # words of the first column's name
_MOST_MORE = 4  # words of a head than columns
_NEAR = 3  # characters that a cell may stand beside its column
_LEAST_CLEAR = 1  # the same at most, and by which one column must be the likeliest to be empty
_SHIFT_COST = 0.25  # of a character that the whole line stands off
_MOST_SHIFT = 10  # characters that a whole head may stand beside its columns
_LEAST_FIT = 4  # columns from which on a line's width is fitted to theirs
_NARROWEST = 0.6  # width of a head's line, of its columns'
_MOST_OFF = 1.5  # characters, on average, that its names may stand beside that
_MOST_OFF_CLEAR = 6  # the same where any other way to share out the words is worse
_LEAST_MARGIN = 4  # by so many characters in all
_OF_SHARED = 1  # characters, on average, by which words that are shared out must stand nearer
_OF_EMPTY = 1.5  # the same of a head with an empty column
_REMARK = re.compile(r" [(\[%↑↓/].*")


_Way = tuple[float, tuple[Cell, ...]]  # how far off the columns names stand in all, and the names


def names_over(line: str, extents: Sequence[Extent]) -> list[Cell] | None:
    """The names of all columns in a line, where they stand; an empty one where the first has none, or where
    a citation is all that the line has for a column. None where they cannot be told apart."""
    names, off = min(_ways(line, extents), key=lambda way: way[1], default=([], math.inf))
    return [_uncited(name) for name in names] if off <= _MOST_OFF_CLEAR else None


def names_within(line: str, extents: Sequence[Extent]) -> list[Cell] | None:
    """The names of some columns that stand together, the others empty: an upper line names these. None where
    it is not clear which they are."""
    width = len(extents)
    for count in range(width - 1, 1, -1):
        units = units_of(line, count)
        if not units:
            continue
        ends = sorted(
            (
                abs(units[0].middle - sum(extents[at]) / 2),
                abs(units[-1].middle - sum(extents[at + count - 1]) / 2),
                at,
            )
            for at in range(1, width - count + 1)
        )
        first, last, at = ends[0]
        if first <= 2 * _NEAR and last <= _MOST_SHIFT:
            empty = [Cell(*place, "") for place in extents]
            return [*empty[:at], *units, *empty[at + count :]]
    return None


def one_to_one(line: str, extents: Sequence[Extent]) -> list[str] | None:
    """The names of an upper line that has one for every column, or for all but the first; None for words that
    all stand together."""
    if not re.search(r"\S {2,}\S", line):
        return None
    ways = [names for names in _counted(line, extents) if _counted_beside(names, extents) <= _MOST_OFF_CLEAR]
    return [name.text for name in ways[0]] if ways else None


def _counted(line: str, extents: Sequence[Extent], *, alone: bool = False) -> Iterator[list[Cell]]:
    """The names of a line that has as many as there are columns, or one less where the first has none; a unit
    is a name only where it may stand `alone`."""
    width = len(extents)
    if names := units_of(line, width, alone=alone):
        yield names
    rest = units_of(line, width - 1, alone=alone) if _stands_over_values(line, extents) else None
    if rest and abs(rest[0].middle - sum(extents[1]) / 2) <= _MOST_SHIFT:
        yield [Cell(*extents[0], ""), *rest]


def _ways(line: str, extents: Sequence[Extent]) -> Iterator[tuple[list[Cell], float]]:
    """The ways to read a line as one name a column, the likeliest first, and how far off these its names
    stand (with what else speaks against them)."""
    width = len(extents)
    for names in _counted(line, extents, alone=True):
        yield names, _counted_beside(names, extents)
    if first := _with_first_joined(line, width):
        yield first, _beside(first, extents) / 2
    for words in (names_of(line), words_of(line)):
        if texts := _words_over(words, extents):
            yield texts, _beside(texts, extents) + _OF_SHARED
    if len(names := names_of(line)) == width + 1:
        rests = ([*names[:empty], *names[empty + 1 :]] for empty in range(1, width))
        by_cost = sorted(((_beside(rest, extents), rest) for rest in rests), key=_cost)
        is_clear = len(by_cost) == 1 or by_cost[1][0] - by_cost[0][0] >= _LEAST_CLEAR
        if is_clear and by_cost[0][0] <= _LEAST_CLEAR:
            yield by_cost[0][1], by_cost[0][0] + _OF_EMPTY


def _beside(names: Sequence[Cell], extents: Sequence[Extent]) -> float:
    """How far off their columns names stand on average, the first set aside. A line of a proportional font
    comes out shifted, and narrower or wider than the rows: the best such line is taken."""
    columns = [(start + end) / 2 for start, end in extents[1:]]
    places = [name.middle for name in names[1:]]
    slope = 1.0
    if len(columns) >= _LEAST_FIT and len(set(columns)) > 1:
        slope = max(_NARROWEST, min(linear_regression(columns, places).slope, 1 / _NARROWEST))
    off = [place - slope * column for place, column in zip(places, columns, strict=True)]
    shift = median(off)
    whole = abs(mean(places) - mean(columns))
    return sum(abs(one - shift) for one in off) / len(off) + _SHIFT_COST * whole


def _counted_beside(names: Sequence[Cell], extents: Sequence[Extent]) -> float:
    """The same for names that are as many as they must be: half of it where no words had to be joined."""
    is_clear = all(" " not in _REMARK.sub("", name.text) for name in names)
    return _beside(names, extents) / (2 if is_clear else 1)


def _uncited(name: Cell) -> Cell:
    return replace(name, text="") if CITATION.fullmatch(name.text) else name


def _stands_over_values(line: str, extents: Sequence[Extent]) -> bool:
    """Whether a line's first word stands right of the first column's middle: it names no first column."""
    first = len(line) - len(line.lstrip())
    return first > (extents[0][0] + extents[0][1]) / 2 or first >= extents[1][0] - _NEAR


def _with_first_joined(line: str, width: int) -> list[Cell] | None:
    """The names of a line where the first column's is several words: what heads names ("Dataset Model"), or
    whatever stands before names that are repeated ("Training data P R P R")."""
    names = names_of(line)
    count = width - 1
    first = names[:-count]
    texts = [name.text for name in names[-count:]]
    periods = (p for p in range(2, count // 2 + 1) if count % p == 0)
    is_first = all(is_label(name.text) for name in first)
    if not 0 < len(first) <= _MOST_FIRST:
        return None
    if not is_first and not any(texts == texts[:p] * (count // p) for p in periods):
        return None
    return [reduce(Cell.joined, first), *names[-count:]]


def _words_over(words: Sequence[Cell], extents: Sequence[Extent]) -> list[Cell] | None:
    """The words of a head's last line, shared out in order so that they stand nearest to the columns, all of
    them a little to one side. None where there are fewer words than columns, or far more, or they stand
    elsewhere."""
    if not len(extents) <= len(words) <= len(extents) + _MOST_MORE:
        return None
    shifts = range(-_MOST_SHIFT, _MOST_SHIFT + 1)
    ways = sorted((way for shift in shifts for way in _shared_out(words, extents, shift)), key=_cost)
    cost, groups = ways[0]
    other = next((cost for cost, others in ways if others != groups), math.inf)
    is_near = cost <= _MOST_OFF * len(extents)
    is_clear = cost <= _MOST_OFF_CLEAR * len(extents) and other - cost >= _LEAST_MARGIN
    return list(groups) if is_near or is_clear else None


def _cost(way: tuple[float, Sequence[Cell]]) -> float:
    return way[0]


def _shared_out(words: Sequence[Cell], extents: Sequence[Extent], shift: int) -> list[_Way]:
    """The two best ways to put the words into as many groups as there are columns: how far off these the
    groups' middles stand, and the groups."""
    best: dict[int, list[_Way]] = {0: [(0.0, ())]}  # by how many words are shared out
    for start, end in extents:
        new: dict[int, list[_Way]] = {}
        for taken, ways in best.items():
            for upto in range(taken + 1, len(words) + 1):
                off = abs((words[taken].start + words[upto - 1].end - start - end) / 2 - shift)
                group = reduce(Cell.joined, words[taken:upto])
                new.setdefault(upto, []).extend((cost + off, (*groups, group)) for cost, groups in ways)
        best = {upto: sorted(ways, key=_cost)[:2] for upto, ways in new.items()}
    return best.get(len(words), [])
