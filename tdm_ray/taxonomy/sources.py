"""Read taxonomy files, four formats of labels, and their aliases; our own is `default.tsv`.

- our own TSV: a header with task, dataset, metric, direction and, optionally, area, papers, range ("0..100",
  "0.."), dataset_aliases, metric_aliases (aliases separated by " | ")
- our own table: Parquet of schema `TAXONOMY`
- the TSV of the field: `task#dataset#metric<TAB>count`, no header; the count is of result rows
- `evaluation-tables.json` of Papers with Code, or the same as JSON lines or Parquet (see
  `evaluation_tables`)
"""

from __future__ import annotations

import json
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from functools import cache
from importlib import resources
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from tdm_ray.config import DEFAULT
from tdm_ray.errors import TaxonomyError
from tdm_ray.records import TAXONOMY, TDM, TDM_COLUMNS
from tdm_ray.storage import open_file
from tdm_ray.taxonomy.direction import direction_of
from tdm_ray.taxonomy.evaluation_tables import evaluation_rows, is_tasks, parse_tasks
from tdm_ray.taxonomy.labels import DIRECTIONS, Label, Taxonomy
from tdm_ray.text.clean import clean

_OWN = set(TDM_COLUMNS)
# Characters of a field; a longer one is a file whose tabs or line breaks got lost.
_LONGEST = 131_072
_JSON = (".json", ".jsonl", ".ndjson")


def read_taxonomy(path: str = DEFAULT, *, min_count: int = 0, strict: bool = False) -> Taxonomy:
    """The taxonomy at `path`, or the one that ships with tdm_ray ("default").

    `min_count` drops labels that fewer result rows or papers report; our default has no counts, so it keeps
    all. A label whose direction the file does not say gets it from its metric's name. Lines that are no
    label are passed over, and named in `Taxonomy.broken`. Raises `TaxonomyError`, naming the file, the line
    and the cure, where they are as many as the labels, or `strict` and there is one."""
    broken: list[str] = []
    try:
        labels = list(_bundled()) if path == DEFAULT else _directed(_labels(path, broken))
    except (OSError, EOFError, zlib.error, UnicodeDecodeError, pa.ArrowException) as error:
        raise TaxonomyError(f"{path}: cannot be read as a taxonomy ({error})") from None
    if broken and (strict or len(broken) >= len(labels)):
        raise TaxonomyError(broken[0])
    if not labels:
        raise TaxonomyError(f"{path}: no label in it; see docs/inputs.md, Taxonomies")
    kept = [label for label in Taxonomy.of(labels).labels if not min_count or label.papers >= min_count]
    if not kept:
        least = f"{len(labels)} with a count of at least {min_count}"
        raise TaxonomyError(f"{path}: no label left of {least}; lower --min-count")
    return Taxonomy(tuple(kept), tuple(broken))


@cache
def _bundled() -> tuple[Label, ...]:
    """The labels that ship with tdm_ray, read once a process."""
    text = resources.files("tdm_ray.taxonomy").joinpath("default.tsv").read_text(encoding="utf-8")
    return tuple(_directed(_tsv("default.tsv", text, [])))


def _directed(labels: Iterable[Label]) -> list[Label]:
    """Labels with the direction of their metric's name where none is given."""
    return [
        label if label.direction != "unknown" else replace(label, direction=direction_of(label.tdm.metric))
        for label in labels
    ]


def _labels(path: str, broken: list[str]) -> Iterator[Label]:
    """The labels of a file; rows that are none are added to `broken`, in words."""
    if path.endswith(".parquet"):
        yield from _parquet(path, broken)
    else:
        with open_file(path) as file:
            text = file.read().decode("utf-8-sig")
        if not text.strip():
            raise TaxonomyError(f"{path}: the file is empty; see docs/inputs.md, Taxonomies")
        yield from _json(path, text) if path.removesuffix(".gz").endswith(_JSON) else _tsv(path, text, broken)


def _parquet(path: str, broken: list[str]) -> Iterator[Label]:
    with open_file(path) as file:
        table = pq.read_table(file)
    if is_tasks(table.column_names):
        yield from _counted(table.to_pylist())
        return
    if missing := _OWN - set(table.column_names):
        raise TaxonomyError(
            f"{path}: column {', '.join(sorted(missing))} is missing; see docs/inputs.md, Taxonomies"
        )
    columns = {n: table[n] if n in table.column_names else pa.nulls(len(table)) for n in TAXONOMY.names}
    rows = pa.table(columns).cast(TAXONOMY)
    good = []
    for number, row in enumerate(rows.to_pylist(), start=1):
        where = f"{path}, row {number}"
        try:
            _check(where, [row[part] for part in TDM_COLUMNS], row["direction"] or "unknown")
            if None in (row["aliases"] or ()):
                raise TaxonomyError(f"{where}: an alias is null; mend or delete it")
        except TaxonomyError as error:
            broken.append(str(error))
        else:
            good.append(number - 1)
    yield from Taxonomy.from_table(rows.take(pa.array(good, pa.int64()))).labels


def _check(where: str, names: Sequence[str | None], direction: str) -> None:
    """Raise `TaxonomyError` for a row that lacks a name or gives no direction that there is."""
    if not all(name and name.strip() for name in names):
        raise TaxonomyError(
            f"{where}: task, dataset and metric must be given; "
            f"found {'#'.join(name or '' for name in names)!r}; mend or delete it"
        )
    if direction not in DIRECTIONS:
        raise TaxonomyError(
            f"{where}: direction must be one of {', '.join(DIRECTIONS)}; "
            f"found {direction!r}; mend or empty it"
        )


def _tsv(path: str, text: str, broken: list[str]) -> Iterator[Label]:
    lines = [line.rstrip("\r") for line in text.split("\n")]
    columns = lines[0].split("\t")
    own = set(columns) >= _OWN
    for number, line in enumerate(lines[own:], start=1 + own):
        where = f"{path}, line {number}"
        if not line.strip() or (not own and line.strip().split("\t")[0] == "unknown"):
            continue
        try:
            yield _own_label(where, columns, line) if own else _field_label(where, line)
        except TaxonomyError as error:
            broken.append(str(error))


def _own_label(where: str, columns: Sequence[str], line: str) -> Label:
    fields = line.split("\t")
    if (longest := max(map(len, fields))) > _LONGEST:
        raise TaxonomyError(
            f"{where}: a field of {longest:,} characters, more than {_LONGEST:,}; "
            "put each label on a line of its own, its fields separated by tabs"
        )
    row = dict(zip(columns, fields, strict=False))
    tdm = TDM(*(clean(row.get(part)) for part in TDM_COLUMNS))
    direction = clean(row.get("direction")) or "unknown"
    _check(where, (tdm.task, tdm.dataset, tdm.metric), direction)
    papers = clean(row.get("papers")) or "0"
    if not _is_count(papers):
        raise TaxonomyError(f"{where}: papers must be a number; found {papers[:120]!r}; mend or empty it")
    aliases = [
        f"{part}: {alias}"
        for part in ("dataset", "metric")
        for alias in map(clean, row.get(f"{part}_aliases", "").split(" | "))
        if alias
    ]
    bounds = _range(where, clean(row.get("range")))
    return Label(tdm, int(papers), direction, tuple(aliases), clean(row.get("area")), *bounds)


def _range(where: str, text: str) -> tuple[float, float]:
    """The least and the largest value of "0..100"; "0.." and an empty text have no end."""
    low, dots, high = text.partition("..")
    try:
        bounds = (float(low or "-inf"), float(high or "inf"))
    except ValueError:
        bounds = (1.0, 0.0)
    if (text and not dots) or not bounds[0] < bounds[1]:
        raise TaxonomyError(f"{where}: range must read 0..100 or 0..; found {text[:120]!r}; mend or empty it")
    return bounds


def _is_count(text: str) -> bool:
    """Whether the text is a whole number below 10^9; `isdigit` alone takes "²" for one."""
    return text.isascii() and text.isdigit() and len(text) <= 9


def _field_label(where: str, line: str) -> Label:
    name, _, count = line.partition("\t")
    tdm = split_tdm(name)
    if tdm is None or not _is_count(count.strip()):
        raise TaxonomyError(
            f"{where}: expected task#dataset#metric<TAB>count, found {line[:120]!r}; mend or delete the line"
        )
    return Label(tdm, int(count))


def split_tdm(name: str) -> TDM | None:
    """`task#dataset#metric` as a TDM; `None` where there are fewer than three parts, or an empty one.

    A further `#` belongs to the metric: the field's own taxonomy has "BG#1-2" and "#Params" there, and none
    elsewhere."""
    parts = [p.strip() for p in name.split("#", 2)]
    return TDM(*parts) if len(parts) == 3 and all(parts) else None


def _json(path: str, text: str) -> Iterator[Label]:
    try:
        yield from _counted(parse_tasks(text))
    except json.JSONDecodeError as error:
        raise TaxonomyError(f"{path}: not valid JSON ({error})") from None
    except (ValueError, RecursionError) as error:
        raise TaxonomyError(f"{path}: {error}; mend or delete it") from None


def _counted(tasks: Sequence[dict[str, Any]]) -> Iterator[Label]:
    """The labels of evaluation tables, each with the number of its rows; a row that is there twice counts
    once."""
    rows = dict.fromkeys(
        (tdm, row.get("paper_url") or row.get("paper_title"), row.get("model_name"), score)
        for tdm, row, score in evaluation_rows(tasks)
    )
    counts = Counter(tdm for tdm, *_ in rows)
    yield from (Label(tdm, papers) for tdm, papers in counts.items())
