"""Staging -> the papers table, by month; what an earlier run put there stays, what was read again is replaced.

    papers/month=2203/part-*.parquet    rejects/part-*.parquet    files.parquet

All files of a commit change places together: they are listed in a journal before the first one moves, and a commit
that was cut short is finished when the folder is next opened.
"""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import IO, Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from tdm_ray.papers.pieces import Piece
from tdm_ray.records import PAPERS, READINGS, REJECTS
from tdm_ray.run.outcomes import LOCATION, duplicates_of, marked, rejects_of, staged
from tdm_ray.scoring.run import Run, Summary, state_of
from tdm_ray.storage import exists, join, list_files, open_file, read_table, replace_files, scan_table
from tdm_ray.store.schemas import month_of

FILES = pa.schema([("path", pa.string()), ("state", pa.string()), ("items", pa.int64()), ("ingested_at", pa.string())])
_ROWS_A_GROUP = 256
_OPEN = 48  # months written at a time; a dump comes month by month


def new_pieces(out: str, pieces: list[Piece]) -> tuple[list[Piece], dict[str, str]]:
    """The pieces of files that are new or have changed since they were read into `out`, and those files' states."""
    states = {path: state_of(path) for path in dict.fromkeys(p for piece in pieces for p in piece.paths)}
    known = _known(out)
    fresh = {path: state for path, state in states.items() if known.get(path) != state}
    return [kept for piece in pieces if (kept := piece.only(fresh))], fresh


def unread(run: Run, pieces: list[Piece]) -> list[Piece]:
    """The pieces that an interrupted run has not staged whole; of tars only, whose items the manifest counts."""
    done: Counter[str] = Counter()
    for batch in staged(run, LOCATION, rows=100_000):
        done.update(place.partition("#")[0] for place in batch["location"].to_pylist())
    return [p for p in pieces if p.kind != "dump" or p.papers is None or done[p.paths[0]] < p.papers] or pieces[:1]


def _known(out: str) -> dict[str, str]:
    ledger = join(out, "files.parquet")
    table = read_table(ledger, FILES) if exists(ledger) else FILES.empty_table()
    return dict(zip(table["path"].to_pylist(), table["state"].to_pylist(), strict=True))


def commit_papers(run: Run, states: Mapping[str, str], shard_mb: int) -> Summary:
    """READINGS in staging -> `papers`, `rejects` and the ledger of files, together with what was there before."""
    new = _Commit(run.out, shard_mb << 20)
    duplicates = duplicates_of(run, READINGS)
    counts = _Counts()
    ids: list[pa.Array] = []
    for rows in staged(run, READINGS, rows=_ROWS_A_GROUP):
        batch = marked(rows, duplicates)
        good = batch.filter(pc.is_null(batch["reason"]))
        new.papers(good.select(PAPERS.names))
        ids.append(good["paper_id"].combine_chunks())
        counts.add(good, rejects := rejects_of(batch))
        new.rejects.append(rejects)
        counts.files.update(p.partition("#")[0] for p in batch["location"].to_pylist())
    new.keep_others(pa.concat_arrays(ids) if ids else pa.array([], pa.string()), set(states))
    new.ledger(states, counts.files)
    new.done()
    return counts.summary()


class _Counts:
    """What was read, for the summary."""

    def __init__(self) -> None:
        self.files: Counter[str] = Counter()
        self._rejected: Counter[str] = Counter()
        self._conversions: Counter[str] = Counter()
        self._papers = self._tables = self._abstracts = self._cells = 0

    def add(self, good: pa.Table, rejects: pa.Table) -> None:
        self._papers += len(good)
        self._rejected.update(rejects["reason"].to_pylist())
        self._tables += pc.sum(pc.list_value_length(good["tables"])).as_py() or 0
        self._abstracts += pc.sum(pc.greater(pc.utf8_length(good["abstract"]), 0)).as_py() or 0
        self._conversions.update("tolerant" if ";" in c else c for c in good["conversion"].drop_null().to_pylist())

    def summary(self) -> Summary:
        n = max(1, self._papers)
        facts: dict[str, Any] = {
            "tables a paper": round(self._tables / n, 1),
            "with abstract": f"{self._abstracts / n:.0%}",
        }
        if self._conversions:
            facts["converted"] = ", ".join(f"{n:,} {kind}" for kind, n in self._conversions.most_common())
        return Summary(self._papers + sum(self._rejected.values()), self._papers, dict(self._rejected), facts=facts)


class _Commit:
    """The new files of one commit, beside the old ones until `done`."""

    def __init__(self, out: str, shard_bytes: int) -> None:
        self._out, self._shard = out, shard_bytes
        self._name, self._parts = uuid.uuid4().hex[:8], 0
        self._waiting: dict[str, list[pa.Table]] = {}
        self._open: dict[str, tuple[IO[bytes], pq.ParquetWriter]] = {}
        self._new: dict[str, str] = {}
        self._old: list[str] = []
        self.rejects: list[pa.Table] = []

    def papers(self, papers: pa.Table) -> None:
        """Rows for the papers table, each to its month."""
        months = months_of(papers)
        for month in months.unique().to_pylist():
            self._add(month, papers.filter(pc.equal(months, month)))

    def keep_others(self, ids: pa.Array, files: set[str]) -> None:
        """Rows of earlier commits: months that hold none of the new ids stay as they are, others are written anew."""
        folder = join(self._out, "papers")
        for path in list_files(folder) if exists(folder) else ():
            old = scan_table(path, PAPERS)
            again = pc.is_in(old.to_table(columns=["paper_id"])["paper_id"], ids)
            if pc.any(again).as_py():
                self._old.append(path)
                for batch in old.to_batches(batch_size=_ROWS_A_GROUP):
                    table = pa.Table.from_batches([batch], PAPERS)
                    self.papers(table.filter(pc.invert(pc.is_in(table["paper_id"], ids))))
        self._keep_rejects(files)

    def _keep_rejects(self, files: set[str]) -> None:
        folder = join(self._out, "rejects")
        for path in list_files(folder) if exists(folder) else ():
            self._old.append(path)
            table = read_table(path, REJECTS)
            file = pc.list_element(pc.split_pattern(table["location"], "#", max_splits=1), 0)
            self.rejects.append(table.filter(pc.invert(pc.is_in(file, pa.array(sorted(files), pa.string())))))

    def ledger(self, states: Mapping[str, str], items: Mapping[str, int]) -> None:
        """The files read so far."""
        now, path = datetime.now(UTC).isoformat(timespec="seconds"), join(self._out, "files.parquet")
        rows = [{"path": p, "state": s, "items": items.get(p, 0), "ingested_at": now} for p, s in states.items()]
        table = pa.Table.from_pylist(rows, schema=FILES)
        if exists(path):
            before = read_table(path, FILES)
            table = pa.concat_tables([before.filter(pc.invert(pc.is_in(before["path"], table["path"].combine_chunks()))), table])  # fmt: skip  # noqa: E501
        self._write("files.parquet", table)

    def done(self) -> None:
        """Close all files and put them in their places."""
        for month in list(self._waiting):
            self._flush(month)
        for month in list(self._open):
            self._close(month)
        self._write(f"rejects/part-{self._name}.parquet", pa.concat_tables([REJECTS.empty_table(), *self.rejects]))
        if not exists(join(self._out, "papers")) and not self._parts:
            self._write(f"papers/part-{self._name}.parquet", PAPERS.empty_table())
        replace_files(self._out, self._new, self._old)

    def _add(self, month: str, papers: pa.Table) -> None:
        waiting = self._waiting.setdefault(month, [])
        waiting.append(papers)
        if sum(map(len, waiting)) >= _ROWS_A_GROUP:
            self._flush(month)
        elif len(self._waiting) > _OPEN:
            self._flush(max(self._waiting, key=lambda m: sum(map(len, self._waiting[m]))))

    def _flush(self, month: str) -> None:
        tables = self._waiting.pop(month, [])
        if not tables:
            return
        if month not in self._open:
            if len(self._open) >= _OPEN:
                self._close(next(iter(self._open)))
            self._open[month] = self._begin(month)
        file, writer = self._open[month]
        writer.write_table(pa.concat_tables(tables))
        if file.tell() > self._shard:
            self._close(month)

    def _begin(self, month: str) -> tuple[IO[bytes], pq.ParquetWriter]:
        path = self._place(f"papers/month={month}/part-{self._name}-{self._parts:05d}.parquet")
        self._parts += 1
        file = open_file(path, "wb")
        return file, pq.ParquetWriter(file, PAPERS, compression="zstd")

    def _close(self, month: str) -> None:
        file, writer = self._open.pop(month)
        writer.close()
        file.close()

    def _write(self, name: str, table: pa.Table) -> None:
        with open_file(self._place(name), "wb") as file:
            pq.write_table(table, file, compression="zstd")

    def _place(self, name: str) -> str:
        """Where a file waits until `done`."""
        waits = join(self._out, "_commit", name)
        self._new[waits] = join(self._out, name)
        return waits


def months_of(papers: pa.Table) -> pa.ChunkedArray:
    """`YYMM` of each paper, from its arXiv id, else from its date; `other` where neither tells."""
    dated = pc.strftime(papers["published"], format="%y%m")
    return pc.coalesce(month_of(papers["paper_id"]), dated, pa.scalar("other"))
