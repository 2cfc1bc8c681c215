"""Read taxonomy files, four formats of labels, and their aliases; our own is `default.tsv`.

- our own TSV: a header with task, dataset, metric, direction and, optionally, area, papers, dataset_aliases,
  metric_aliases (aliases separated by " | ")
- our own table: Parquet of schema `TAXONOMY`
- the TSV of the field: `task#dataset#metric<TAB>count`, no header; the count is of result rows
- `evaluation-tables.json` of Papers with Code, sub-tasks nested
"""

from __future__ import annotations

import csv
import json
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import replace
from importlib import resources
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from tdm_ray.config import DEFAULT
from tdm_ray.errors import TaxonomyError
from tdm_ray.records import TAXONOMY, TDM, TDM_COLUMNS
from tdm_ray.storage import open_file
from tdm_ray.taxonomy.direction import direction_of
from tdm_ray.taxonomy.labels import DIRECTIONS, Label, Taxonomy
from tdm_ray.text.clean import clean

_OWN = set(TDM_COLUMNS)


def read_taxonomy(path: str = DEFAULT, *, min_count: int = 0) -> Taxonomy:
    """The taxonomy at `path`, or the one that ships with tdm_ray ("default").

    `min_count` drops labels that fewer result rows or papers report; our default has no counts, so it keeps
    all. A label whose direction the file does not say gets it from its metric's name. Raises `TaxonomyError`
    naming the file, the line and the cure."""
    try:
        labels = [_with_direction(label) for label in _labels(path)]
    except (OSError, UnicodeDecodeError, pa.ArrowException) as error:
        raise TaxonomyError(f"{path}: cannot be read as a taxonomy ({error})") from None
    kept = [label for label in Taxonomy.of(labels).labels if not min_count or label.papers >= min_count]
    if not kept:
        least = f"{len(labels)} with a count of at least {min_count}"
        raise TaxonomyError(f"{path}: no label left of {least}; lower --min-count")
    return Taxonomy(tuple(kept))


def _with_direction(label: Label) -> Label:
    return label if label.direction != "unknown" else replace(label, direction=direction_of(label.tdm.metric))


def _labels(path: str) -> Iterator[Label]:
    if path == DEFAULT:
        with resources.files("tdm_ray.taxonomy").joinpath("default.tsv").open(encoding="utf-8") as file:
            yield from _own_tsv("default.tsv", list(file))
    elif path.endswith(".parquet"):
        with open_file(path) as file:
            table = pq.read_table(file)
        if missing := _OWN - set(table.column_names):
            raise TaxonomyError(
                f"{path}: column {', '.join(sorted(missing))} is missing; see docs/inputs.md, Taxonomies"
            )
        columns = {n: table[n] if n in table.column_names else pa.nulls(len(table)) for n in TAXONOMY.names}
        yield from Taxonomy.from_table(pa.table(columns).cast(TAXONOMY)).labels
    else:
        with open_file(path) as file:
            text = file.read().decode("utf-8-sig")
        yield from (
            _json(path, text) if path.removesuffix(".gz").endswith(".json") else _tsv(path, text.splitlines())
        )


def _tsv(path: str, lines: list[str]) -> Iterator[Label]:
    own = bool(lines) and set(lines[0].split("\t")) >= _OWN
    yield from _own_tsv(path, lines) if own else _field_tsv(path, lines)


def _own_tsv(path: str, lines: Iterable[str]) -> Iterator[Label]:
    for number, row in enumerate(csv.DictReader(lines, delimiter="\t", quoting=csv.QUOTE_NONE), start=2):
        tdm = TDM(*(clean(row.get(part)) for part in TDM_COLUMNS))
        direction = clean(row.get("direction")) or "unknown"
        papers = clean(row.get("papers")) or "0"
        if not all((tdm.task, tdm.dataset, tdm.metric)):
            raise TaxonomyError(
                f"{path}, line {number}: task, dataset and metric must be given; found {str(tdm)!r}"
            )
        if direction not in DIRECTIONS or not papers.isdigit():
            raise TaxonomyError(
                f"{path}, line {number}: direction must be one of "
                f"{', '.join(DIRECTIONS)} and papers a number; "
                f"found {direction!r}, {papers!r}"
            )
        aliases = [
            f"{part}: {alias}"
            for part in ("dataset", "metric")
            for alias in map(clean, (row.get(f"{part}_aliases") or "").split(" | "))
            if alias
        ]
        yield Label(tdm, int(papers), direction, tuple(aliases))


def _field_tsv(path: str, lines: list[str]) -> Iterator[Label]:
    for number, line in enumerate(lines, start=1):
        if not line.strip() or line.strip() == "unknown" or line.startswith("unknown\t"):
            continue
        name, _, count = line.partition("\t")
        tdm = split_tdm(name)
        if tdm is None or not count.strip().isdigit():
            raise TaxonomyError(
                f"{path}, line {number}: expected task#dataset#metric<TAB>count, found {line[:120]!r}; "
                "mend or delete the line"
            )
        yield Label(tdm, int(count))


def split_tdm(name: str) -> TDM | None:
    """`task#dataset#metric` as a TDM; `None` where there are fewer than three parts, or an empty one.

    A further `#` belongs to the metric: the field's own taxonomy has "BG#1-2" and "#Params" there, and none
    elsewhere."""
    parts = [p.strip() for p in name.split("#", 2)]
    return TDM(*parts) if len(parts) == 3 and all(parts) else None


def _json(path: str, text: str) -> Iterator[Label]:
    try:
        tasks = json.loads(text)
    except ValueError as error:
        raise TaxonomyError(f"{path}: not valid JSON ({error})") from None
    if not isinstance(tasks, list) or not all(isinstance(t, dict) and "task" in t for t in tasks):
        raise TaxonomyError(
            f'{path}: expected a list of objects with "task" and "datasets" (evaluation-tables.json)'
        )
    counts = Counter(tdm for tdm, _, _ in evaluation_rows(tasks))
    yield from (Label(tdm, papers) for tdm, papers in counts.items())


def evaluation_rows(tasks: Iterable[dict[str, Any]]) -> Iterator[tuple[TDM, dict[str, Any], str]]:
    """Every result of an `evaluation-tables.json`: its TDM, its row, its score as printed."""
    for task in tasks:
        yield from evaluation_rows(task.get("subtasks") or ())
        for dataset in task.get("datasets") or ():
            for row in (dataset.get("sota") or {}).get("rows") or ():
                for metric, score in (row.get("metrics") or {}).items():
                    tdm = TDM(clean(task["task"]), clean(dataset.get("dataset")), clean(metric))
                    if score not in (None, "") and all((tdm.task, tdm.dataset, tdm.metric)):
                        yield tdm, row, str(score)
