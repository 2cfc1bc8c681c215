"""Staging -> the tables of the output folder, in one streamed pass; written anew each time, so it may be repeated."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from typing import cast

import fsspec
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from tdm_ray.records import DECISION, OUTCOMES, PREDICTIONS, REJECTS, SCORED
from tdm_ray.scoring.run import Run, Summary
from tdm_ray.storage import exists, join, make_folder, open_file, parquet_files
from tdm_ray.arxiv_ids import base_ids

_ROWS = 8192
_SHARD_BYTES = 256 << 20
LOCATION = pa.schema([("location", pa.string())])
Reject = tuple[str, str]  # reason, detail


def commit_scores(run: Run, *, model_id: str, taxonomy_id: str) -> Summary:
    """OUTCOMES in staging -> `predictions`, `scored`, `rejects`."""
    ids = {"model_id": model_id, "taxonomy_id": taxonomy_id}
    duplicates, predictions, scored = duplicates_of(run, OUTCOMES), 0, 0
    rejected: Counter[str] = Counter()
    with _writer(run, "predictions", PREDICTIONS) as add, _writer(run, "scored", SCORED) as add_scored, \
            _writer(run, "rejects", REJECTS) as add_reject:  # fmt: skip
        for rows in staged(run, OUTCOMES):
            batch = marked(rows, duplicates)
            good = batch.filter(pc.is_null(batch["reason"]))
            found = exploded(good, ids)
            add(found)
            add_scored(scored_rows(good, ids))
            add_reject(rejects := rejects_of(batch))
            predictions, scored = predictions + len(found), scored + len(good)
            rejected.update(rejects["reason"].to_pylist())
    facts = {"predictions": f"{predictions:,}"}
    return Summary(scored + sum(rejected.values()), scored, dict(rejected), predictions, facts=facts)


def exploded(outcomes: pa.Table, ids: dict[str, str]) -> pa.Table:
    """One row a decision, of schema `PREDICTIONS`."""
    nested = outcomes["decisions"].combine_chunks()
    parents, flat = pc.list_parent_indices(nested), pc.list_flatten(nested)
    paper = outcomes.select(["paper_id", "content_hash", "seen_at"]).take(parents)
    columns = {f.name: pc.struct_field(flat, f.name) for f in DECISION}
    columns |= {
        "paper_id": paper["paper_id"], "content_hash": paper["content_hash"], "scored_at": paper["seen_at"],
        **{name: pa.repeat(value, len(flat)) for name, value in ids.items()},
    }  # fmt: skip
    return pa.table([columns[name] for name in PREDICTIONS.names], schema=PREDICTIONS)


def scored_rows(outcomes: pa.Table, ids: dict[str, str]) -> pa.Table:
    """One row a paper, of schema `SCORED`."""
    count = pc.cast(pc.list_value_length(outcomes["decisions"]), pa.int32())
    columns = {name: outcomes[name] for name in ("paper_id", "content_hash", "hypotheses", "title", "published")}
    columns |= {
        "predictions": count, "unknown": pc.equal(count, 0), "scored_at": outcomes["seen_at"],
        **{name: pa.repeat(value, len(outcomes)) for name, value in ids.items()},
    }  # fmt: skip
    return pa.table([columns[name] for name in SCORED.names], schema=SCORED)


def rejects_of(batch: pa.Table) -> pa.Table:
    """The rows that carry a reason, of schema `REJECTS`."""
    bad = batch.filter(pc.is_valid(batch["reason"]))
    now = pa.scalar(datetime.now(UTC), REJECTS.field("seen_at").type)
    seen = bad["seen_at"] if "seen_at" in bad.column_names else pa.repeat(now, len(bad))
    return pa.table([seen if name == "seen_at" else bad[name] for name in REJECTS.names], schema=REJECTS)


def staged(run: Run, schema: pa.Schema, rows: int = _ROWS) -> Iterator[pa.Table]:
    """The staged rows in batches of at most so many, each location once.

    A worker that outlives its killed driver for a moment can write a block that the next run makes again.
    """
    twice, seen = _written_twice(run), set[str]()
    for table in _batches(run.staging, schema, rows):
        once = [_first(place, twice, seen) for place in table["location"].to_pylist()] if twice else None
        kept = table if once is None else table.filter(pa.array(once))
        if len(kept):
            yield kept


def _batches(folder: str, schema: pa.Schema, rows: int) -> Iterator[pa.Table]:
    """File by file: a dataset of all keeps the footer of each it has read, 6 kB a paper."""
    for path in parquet_files(folder) if exists(folder) else ():
        with open_file(path) as file:
            for batch in pq.ParquetFile(file).iter_batches(rows, columns=schema.names):
                yield pa.Table.from_batches([batch]).select(schema.names).cast(schema)


def _written_twice(run: Run) -> set[str]:
    places = pa.concat_tables([LOCATION.empty_table(), *_batches(run.staging, LOCATION, 1 << 20)])
    counts = places.group_by("location").aggregate([([], "count_all")])
    return set(counts.filter(pc.greater(counts["count_all"], 1))["location"].to_pylist())


def _first(place: str, twice: set[str], seen: set[str]) -> bool:
    if place not in twice:
        return True
    new = place not in seen
    seen.add(place)
    return new


def marked(batch: pa.Table, duplicates: Mapping[str, Reject]) -> pa.Table:
    """The batch with the reasons of `duplicates` on their rows."""
    if not duplicates:
        return batch
    new = [duplicates.get(place, (None, None)) for place in batch["location"].to_pylist()]
    for place, name in enumerate(("reason", "detail")):
        column = pc.coalesce(pa.array([n[place] for n in new], pa.string()), batch[name])
        batch = batch.set_column(batch.schema.get_field_index(name), batch.schema.field(name), column)
    return batch


def duplicates_of(run: Run, schema: pa.Schema) -> dict[str, Reject]:
    """Location -> why another paper of its id was kept and not it.

    Of the versions of an e-print the newest is kept, of equals the first in order of file and row. An e-print that is
    only a PDF and whose TEI is there as well is the TEI's duplicate, not a paper that could not be read.
    """
    columns = ["paper_id", "source", "location", "reason"]
    wanted = pc.field("reason").is_null() | (pc.field("reason") == "pdf_only")
    few = pa.schema([schema.field(name) for name in columns])
    table = pa.concat_tables([few.empty_table(), *(b.filter(wanted) for b in _batches(run.staging, few, 1 << 20))])
    table = table.append_column("base", base_ids(table["paper_id"]))
    counts = table.group_by("base").aggregate([("location", "count")])
    twice = counts.filter(pc.greater(counts["location_count"], 1))["base"]
    rows = table.filter(pc.is_in(table["base"], twice.combine_chunks())).to_pylist()
    kept: dict[str, dict[str, str]] = {}
    later = {}
    for row in sorted(rows, key=_newest_first):
        key = row["base"] if row["source"] == "latex" else row["paper_id"]
        if row["reason"]:
            tei = next((k for k in kept.values() if k["base"] == row["base"] and k["source"] != "latex"), None)
            if tei:
                later[row["location"]] = ("duplicate_id", f"a PDF; the paper was read from {tei['location']}")
            continue
        first = kept.setdefault(key, row)
        if first["location"] != row["location"]:
            later[row["location"]] = _reject(first, row)
    return later


def _reject(first: dict[str, str], row: dict[str, str]) -> Reject:
    if first["paper_id"] != row["paper_id"]:
        return "older_version", f"{first['paper_id']} is at {first['location']}"
    return "duplicate_id", f"the same paper_id is at {first['location']}, which was kept"


def _newest_first(row: dict[str, str]) -> tuple[bool, int, str, int]:
    version = row["paper_id"].removeprefix(row["base"])
    path, _, number = row["location"].rpartition("#")
    place = (path, int(number)) if path and number.isdigit() else (row["location"], 0)
    return (bool(row["reason"]), -int(version[1:] or 0), *place)


@contextmanager
def _writer(run: Run, name: str, schema: pa.Schema) -> Iterator[_Add]:
    """Writes a table as `out/name/part-NNNNN.parquet`, files of about 256 MB; at least one, empty if need be."""
    folder = join(run.out, name)
    make_folder(folder)
    with ExitStack() as stack:
        yield _Add(folder, schema, stack)


class _Add:
    def __init__(self, folder: str, schema: pa.Schema, stack: ExitStack) -> None:
        self._folder, self._schema, self._stack, self._parts = folder, schema, stack, 0
        self._next()

    def _next(self) -> None:
        self._file = self._stack.enter_context(
            cast(ExitStack, fsspec.open(join(self._folder, f"part-{self._parts:05d}.parquet"), "wb"))
        )
        self._writer = self._stack.enter_context(pq.ParquetWriter(self._file, self._schema, compression="zstd"))
        self._parts += 1

    def __call__(self, table: pa.Table) -> None:
        if self._file.tell() > _SHARD_BYTES:  # type: ignore[attr-defined]
            self._stack.close()
            self._next()
        if len(table):
            self._writer.write_table(table)
