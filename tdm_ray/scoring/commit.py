"""Staging -> the tables of the output folder, in one streamed pass; written anew each time, so it may be repeated."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import cast

import fsspec
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from tdm_ray.records import DECISION, OUTCOMES, PAPERS, PREDICTIONS, READINGS, REJECTS, SCORED
from tdm_ray.scoring.run import Run, Summary
from tdm_ray.storage import exists, join, make_folder, scan_table

_ROWS = 8192
_SHARD_BYTES = 256 << 20


def commit_scores(run: Run, *, model_id: str, taxonomy_id: str) -> Summary:
    """OUTCOMES in staging -> `predictions`, `scored`, `rejects`."""
    ids = {"model_id": model_id, "taxonomy_id": taxonomy_id}
    duplicates, predictions, scored = _duplicates(run, OUTCOMES), 0, 0
    rejected: Counter[str] = Counter()
    with _writer(run, "predictions", PREDICTIONS) as add, _writer(run, "scored", SCORED) as add_scored, \
            _writer(run, "rejects", REJECTS) as add_reject:  # fmt: skip
        for batch in _staged(run, OUTCOMES, duplicates):
            good = batch.filter(pc.is_null(batch["reason"]))
            found = exploded(good, ids)
            add(found)
            add_scored(scored_rows(good, ids))
            add_reject(rejects := _rejects(batch))
            predictions, scored = predictions + len(found), scored + len(good)
            rejected.update(rejects["reason"].to_pylist())
    return Summary(scored + sum(rejected.values()), scored, dict(rejected), predictions)


def commit_papers(run: Run) -> Summary:
    """READINGS in staging -> `papers`, `rejects`."""
    duplicates, read = _duplicates(run, READINGS), 0
    rejected: Counter[str] = Counter()
    with _writer(run, "papers", PAPERS) as add, _writer(run, "rejects", REJECTS) as add_reject:
        for batch in _staged(run, READINGS, duplicates):
            good = batch.filter(pc.is_null(batch["reason"])).select(PAPERS.names)
            add(good)
            add_reject(rejects := _rejects(batch))
            read += len(good)
            rejected.update(rejects["reason"].to_pylist())
    return Summary(read + sum(rejected.values()), read, dict(rejected))


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


def _rejects(batch: pa.Table) -> pa.Table:
    bad = batch.filter(pc.is_valid(batch["reason"]))
    now = pa.scalar(_now(), REJECTS.field("seen_at").type)
    seen = bad["seen_at"] if "seen_at" in bad.column_names else pa.repeat(now, len(bad))
    return pa.table([seen if name == "seen_at" else bad[name] for name in REJECTS.names], schema=REJECTS)


def _now() -> object:
    from datetime import UTC, datetime

    return datetime.now(UTC)


def _staged(run: Run, schema: pa.Schema, duplicates: dict[str, str]) -> Iterator[pa.Table]:
    """The staged rows in batches; the later ones of a duplicate id carry that as their reason."""
    if not _has_files(run):
        return
    for record_batch in scan_table(run.staging, schema).to_batches(batch_size=_ROWS):
        batch = pa.Table.from_batches([record_batch], schema)
        if duplicates and len(batch):
            batch = _marked(batch, duplicates)
        if len(batch):
            yield batch


def _marked(batch: pa.Table, duplicates: dict[str, str]) -> pa.Table:
    first = [duplicates.get(place) for place in batch["location"].to_pylist()]
    detail = pa.array([f"the same paper_id is at {p}, which was kept" if p else None for p in first], pa.string())
    reason = pc.if_else(pc.is_valid(detail), "duplicate_id", batch["reason"])
    columns = {"reason": reason, "detail": pc.coalesce(detail, batch["detail"])}
    for name, column in columns.items():
        batch = batch.set_column(batch.schema.get_field_index(name), batch.schema.field(name), pc.cast(column, pa.string()))  # fmt: skip  # noqa: E501
    return batch


def _duplicates(run: Run, schema: pa.Schema) -> dict[str, str]:
    """Location of every later paper of an id -> location of the first, in order of file and row."""
    if not _has_files(run):
        return {}
    columns = ["paper_id", "location", "reason"]
    table = scan_table(run.staging, schema).to_table(columns=columns, filter=pc.field("reason").is_null())
    counts = table.group_by("paper_id").aggregate([("location", "count")])
    twice = counts.filter(pc.greater(counts["location_count"], 1))["paper_id"]
    rows = table.filter(pc.is_in(table["paper_id"], twice.combine_chunks())).to_pylist()
    first: dict[str, str] = {}
    later = {}
    for row in sorted(rows, key=lambda r: _in_order(r["location"])):
        place = first.setdefault(row["paper_id"], row["location"])
        if place != row["location"]:
            later[row["location"]] = place
    return later


def _in_order(location: str) -> tuple[str, int]:
    path, _, row = location.rpartition("#")
    return (path, int(row)) if path and row.isdigit() else (location, 0)


def _has_files(run: Run) -> bool:
    fs, inner = fsspec.core.url_to_fs(run.staging)
    return exists(run.staging) and any(f.endswith(".parquet") for f in fs.find(inner))


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
