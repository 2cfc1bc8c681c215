"""The candidates: the numbers of a paper that may be a result, each with the headers or text around it.

A cell is seen through three contexts: the headers beside it, the headers above it, and its table's caption; a
number in running text through one, its sentence. Contexts are kept once, however many numbers share them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tdm_ray.arrays import Floats, Ints
from tdm_ray.records import Cell, Paper
from tdm_ray.text.numbers import Number, numbers, several_numbers, the_number
from tdm_ray.text.passages import EXPERIMENT_HEADING, header_text, sentences

CELL, ABSTRACT, TEXT = range(3)
# 99 % of the real papers have fewer; of a table of 10,000 cells the first are looked at.
MOST = 2500
# Of tables and running text together.
_MOST_WITH_TEXT = 3500
# characters: longer is a parser's mistake
_CAPTION = 900
_SENTENCE = 800
_NUMBERS_A_SENTENCE = 8
_PARTS = re.compile(r"\s*[/|]\s*")
_TEXT_HEADING = re.compile(r"conclu|introduc|discuss", re.IGNORECASE)
PLACES = (
    "rank_in_row",
    "rank_in_column",
    "row_place",
    "column_place",
    "rows",
    "columns",
    "bold_in_column",
    "bold_in_row",
    "rows_below",
    "after_in_row",
    "below_in_column",
)


@dataclass(frozen=True)
class Candidates:
    """One row a number, in reading order, tables first."""

    contexts: Sequence[str]
    numbers: Sequence[Number]
    printed: Sequence[str]  # the cell's whole text, or the number as it stands in its sentence
    values: NDArray[np.float64]
    beside: Ints  # contexts: row headers, column headers, caption or sentence
    above: Ints
    about: Ints
    tables: Ints  # -1: running text
    kinds: Ints  # CELL, ABSTRACT, TEXT
    cells: Ints  # position in its table, -1: running text
    bold: NDArray[np.bool_]
    places: Floats  # (candidates, PLACES)
    cut: int | None = None  # the table that holds more numbers than were looked at

    def __len__(self) -> int:
        return len(self.numbers)


def candidates_of(paper: Paper) -> Candidates:
    """The candidates of a paper; none of a cell that holds several numbers without as many headers, nor of
    whole numbers in running text, unless they are per cent."""
    rows = _Rows()
    for number, table in enumerate(paper.tables):
        # The caption proper first: of the text of a PDF table parser only what fits.
        about = " ".join(filter(None, (table.caption, table.text)))[:_CAPTION]
        for place, cell in enumerate(table.cells):
            for value, own_cell in () if _is_deviation(table.cells, place) else _results_in(cell):
                if len(rows.rows) >= MOST:
                    rows.cut = number if rows.cut is None else rows.cut
                else:
                    rows.add(value, cell.value.strip(), CELL, own_cell, about, number, place)
    for kind, text in _texts(paper):
        for sentence in sentences(text):
            for value in _in_sentence(sentence) if len(rows.rows) < _MOST_WITH_TEXT else ():
                rows.add(value, value.text, kind, Cell(""), sentence, -1, -1)
    return rows.candidates()


def _results_in(cell: Cell) -> list[tuple[Number, Cell]]:
    """The number that a cell states; of several beside each other ("84.1 / 90.8") each, with the part of the
    header ("EM / F1") that it stands for, where a header has as many parts."""
    value = the_number(cell.value)
    if value is not None:
        return [(value, cell)]
    several = several_numbers(cell.value)
    for axis in ("column_headers", "row_headers") if several else ():
        headers = getattr(cell, axis)
        for place, header in enumerate(headers):
            parts = _PARTS.split(header.strip())
            if len(parts) == len(several) and all(any(map(str.isalnum, part)) for part in parts):
                return [
                    (number, cell.headed(axis, place, part))
                    for number, part in zip(several, parts, strict=True)
                ]
    return []


def _is_deviation(cells: Sequence[Cell], place: int) -> bool:
    """Whether a cell is the rest of the one before it: "79.97±", "0.60%"."""
    before = cells[place - 1] if place else Cell("")
    cell = cells[place]
    cut = before.value.rstrip().endswith("±") and not cell.value.rstrip().endswith("±")
    return cut and list(before.row_headers) == list(cell.row_headers)


def _texts(paper: Paper) -> Iterator[tuple[int, str]]:
    yield ABSTRACT, paper.abstract
    for section in paper.sections:
        if EXPERIMENT_HEADING.search(section.heading) or _TEXT_HEADING.search(section.heading):
            yield TEXT, section.text


def _in_sentence(sentence: str) -> list[Number]:
    if len(sentence) > _SENTENCE:
        return []
    fractions = [n for n in numbers(sentence) if (n.decimals or n.percent) and n.text in sentence]
    return fractions if len(fractions) <= _NUMBERS_A_SENTENCE else []


@dataclass
class _Rows:
    contexts: dict[str, int] = field(default_factory=lambda: {"": 0})
    rows: list[tuple[Any, ...]] = field(default_factory=list)
    cut: int | None = None

    def add(
        self, value: Number, printed: str, kind: int, cell: Cell, about: str, table: int, place: int
    ) -> None:
        around = [header_text(cell.row_headers), header_text(cell.column_headers), about]
        beside, above, around_number = (self.contexts.setdefault(text, len(self.contexts)) for text in around)
        self.rows.append((value, printed, kind, beside, above, around_number, table, place, cell.bold))

    def candidates(self) -> Candidates:
        values, printed, *rest = zip(*self.rows, strict=True) if self.rows else ([], [], *([()] * 7))
        kinds, beside, above, about, tables, cells = (np.array(column, np.int64) for column in rest[:6])
        plain = np.array([n.value for n in values], np.float64)
        bold = np.array(rest[6], bool)
        places = _places(plain, tables, beside, above, bold)
        return Candidates(
            list(self.contexts),
            values,
            printed,
            plain,
            beside,
            above,
            about,
            tables,
            kinds,
            cells,
            bold,
            places,
            self.cut,
        )


def _places(
    values: NDArray[np.float64], tables: Ints, beside: Ints, above: Ints, bold: NDArray[np.bool_]
) -> Floats:
    """The `PLACES` of each candidate; NaN in running text, and for the rank of a number alone in its line."""
    places = np.full((len(values), len(PLACES)), np.nan, np.float32)
    cells = tables >= 0
    if not cells.any():
        return places
    table = tables[cells]
    cell_values = values[cells]
    for column, headers in enumerate((beside[cells], above[cells])):
        line = np.unique(np.stack([table, headers]), axis=1, return_inverse=True)[1].ravel()
        places[cells, column] = _rank_within(cell_values, line)
        first = np.unique(line, return_index=True)[1]  # lines by where they begin
        start = first[line]
        order, counts = _order_within(table, start)
        places[cells, 2 + column] = order / np.maximum(counts - 1, 1)
        places[cells, 4 + column] = counts
        places[cells, 7 - column] = np.bincount(line, bold[cells])[line]
        places[cells, 9 + column] = _after(line)
        if not column:
            places[cells, 8] = counts - 1 - order
    return places


def _rank_within(values: NDArray[np.float64], groups: Ints) -> NDArray[np.float64]:
    """The share of its group that is below each value, those equal to it counted half; NaN in a group of
    one."""
    order = np.lexsort((values, groups))
    _, first, sizes = np.unique(groups[order], return_index=True, return_counts=True)
    group = np.repeat(np.arange(len(sizes)), sizes)
    ranks = np.empty(len(values))
    pairs = np.stack([groups[order], values[order]])
    new = np.r_[True, (pairs[:, 1:] != pairs[:, :-1]).any(axis=0)]
    runs = np.cumsum(new) - 1
    start = np.flatnonzero(new)
    length = np.bincount(runs)
    middle = start[runs] + length[runs] / 2 - first[group]
    ranks[order] = np.where(sizes[group] > 1, middle / sizes[group], np.nan)
    return ranks


def _after(groups: Ints) -> Ints:
    """How many of its group come after each."""
    last = np.lexsort((-np.arange(len(groups)), groups))
    _, first, sizes = np.unique(groups[last], return_index=True, return_counts=True)
    after = np.empty(len(groups), np.int64)
    after[last] = np.arange(len(groups)) - np.repeat(first, sizes)
    return after


def _order_within(tables: Ints, starts: Ints) -> tuple[Ints, Ints]:
    """The number of each line in its table, in order of `starts`, and how many lines the table has."""
    pairs, inverse = np.unique(np.stack([tables, starts]), axis=1, return_inverse=True)
    _, first, counts = np.unique(pairs[0], return_index=True, return_counts=True)
    number = np.arange(pairs.shape[1]) - np.repeat(first, counts)
    return number[inverse.ravel()], np.repeat(counts, counts)[inverse.ravel()]
