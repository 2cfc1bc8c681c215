"""Judgements of table cells by people: whose a number is. They are laid on papers as this package reads them.

Two forms: `cells.parquet` of `tests/by_reading` (paper, table, row and column or number of the PDF parser's
cell, kind), and AxCell's classes of cells as JSON lines (paper_id, cells and classes as grids of texts;
Kardas et al., "AxCell: Automatic Extraction of Results from Machine Learning Papers", EMNLP 2020)."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from tdm_ray.errors import InputError
from tdm_ray.papers.pdf_tables import read_pdf_tables
from tdm_ray.records import Cell, Paper
from tdm_ray.storage import open_file

NONE = "none"  # of a cell that is no result, or that no one's name stands at
Kinds = dict[tuple[int, int], str]  # by table and position in the table's list of cells
_CLASSES = {
    "model-best": "own",
    "model-ensemble": "own",
    "model-paper": "variant",
    "model-competing": "baseline",
}
_LEAST_ALIKE = 0.6  # of a table's cells, for it to be the judged one
_COMPARED = 6  # characters of a cell


def read_cells(
    path: str, papers: Mapping[str, Paper], parsed: Mapping[str, str]
) -> Iterator[tuple[Paper, Kinds]]:
    """The judged papers of a `cells.parquet`; `parsed` are the PDF parser's tables by paper, as JSON.

    Cells of a judged table that the file does not name are none. Raises `InputError` for another file.
    """
    try:
        with open_file(path) as file:
            rows = pq.read_table(file).to_pylist()
        by_paper: dict[str, list[dict[str, Any]]] = defaultdict(list)
        for row in rows:
            by_paper[row["paper_id"]].append(row)
    except (OSError, KeyError, pa.ArrowException) as error:
        raise InputError(f"{path}: cannot be read as judged cells ({error!r})") from None
    for paper_id, judged in sorted(by_paper.items()):
        if paper := papers.get(paper_id):
            yield paper, _kinds_by_place(paper, judged, parsed.get(paper_id))


def read_classes(path: str, papers: Mapping[str, Paper]) -> Iterator[tuple[Paper, Kinds]]:
    """The papers of AxCell's classes. Raises `InputError` where the file cannot be read."""
    by_paper: dict[str, list[dict[str, Any]]] = defaultdict(list)
    try:
        with open_file(path) as file:
            for line in file:
                row = json.loads(line)
                if row.get("classes"):
                    by_paper[row["paper_id"]].append(row)
    except (OSError, ValueError, KeyError) as error:
        raise InputError(f"{path}: cannot be read as classes of cells ({error!r})") from None
    for paper_id, tables in sorted(by_paper.items()):
        if paper := papers.get(paper_id):
            kinds: Kinds = {}
            for table in tables:
                kinds |= _kinds_of_classes(paper, table)
            if kinds:
                yield paper, kinds


def _kinds_by_place(paper: Paper, judged: Iterable[dict[str, Any]], parsed: str | None) -> Kinds:
    kinds: Kinds = {}
    places = _places(paper, parsed)
    for row in judged:
        table = row["table"]
        if table >= len(paper.tables):
            continue
        for number in range(len(paper.tables[table].cells)):
            kinds.setdefault((table, number), NONE)
        given = (row["row"], row["column"]) if row["row"] is not None else (row["parser_cell"], 0)
        number = places.get((table, *given), -1)
        if number >= 0 and row["kind"]:
            kinds[table, number] = row["kind"]
    return kinds


def _places(paper: Paper, parsed: str | None) -> dict[tuple[int, int, int], int]:
    """The position of a cell by its table, row and column; or by its number in the parser's list and 0."""
    places: dict[tuple[int, int, int], int] = {}
    in_order = read_pdf_tables(parsed) if parsed else []
    for number, table in enumerate(paper.tables):
        if parsed and number < len(in_order):
            order = _as_listed(in_order[number].cells, table.cells)
            places.update(((number, listed, 0), place) for listed, place in order.items())
        else:
            places.update(((number, c.row or 0, c.column or 0), at) for at, c in enumerate(table.cells))
    return places


def _as_listed(listed: Sequence[Cell], cells: Sequence[Cell]) -> dict[int, int]:
    """The positions in `cells` of the parser's cells; of equal ones the first for the first."""
    free: dict[tuple[Any, ...], list[int]] = defaultdict(list)
    for at, cell in enumerate(cells):
        free[_key(cell)].append(at)
    return {n: free[_key(cell)].pop(0) for n, cell in enumerate(listed) if free.get(_key(cell))}


def _key(cell: Cell) -> tuple[Any, ...]:
    return (cell.value, cell.bold, tuple(cell.row_headers), tuple(cell.column_headers))


def _kinds_of_classes(paper: Paper, table: Mapping[str, Any]) -> Kinds:
    """The kinds of the cells of one table; none where the paper has no table like it, or its classes name no
    method though it holds results."""
    by_place = _spread(table["classes"], table["cells"])
    if not by_place and (table["leaderboard"] or table["ablation"]):
        return {}
    alike = [_alike(own.cells, table["cells"]) for own in paper.tables]
    best = max(range(len(alike)), key=alike.__getitem__, default=0)
    if not alike or alike[best] < _LEAST_ALIKE:
        return {}
    cells = paper.tables[best].cells
    return {(best, at): by_place.get((c.row or 0, c.column or 0), NONE) for at, c in enumerate(cells)}


def _alike(cells: Sequence[Cell], grid: Sequence[Sequence[str]]) -> float:
    def same(cell: Cell) -> bool:
        if (
            cell.row is None
            or cell.column is None
            or cell.row >= len(grid)
            or cell.column >= len(grid[cell.row])
        ):
            return False
        texts = (text.replace(" ", "")[:_COMPARED] for text in (grid[cell.row][cell.column], cell.value))
        return len(set(texts)) == 1

    return sum(map(same, cells)) / max(len(cells), 1)


def _spread(classes: Sequence[Sequence[str]], grid: Sequence[Sequence[str]]) -> dict[tuple[int, int], str]:
    """The kind of each cell beside (or below) a header that is classed as a method, by row and column."""
    named = [
        (i, j, _CLASSES[name])
        for i, row in enumerate(classes)
        for j, name in enumerate(row)
        if name in _CLASSES
    ]
    beside = len({i for i, _, _ in named}) >= len({j for _, j, _ in named})
    kinds: dict[tuple[int, int], str] = {}
    for i, j, kind in sorted(named, key=lambda n: n[1] if beside else n[0]):
        places = (
            ((i, column) for column in range(j + 1, len(grid[i])))
            if beside
            else ((row, j) for row in range(i + 1, len(grid)))
        )
        kinds.update((place, kind) for place in places)
    return kinds
