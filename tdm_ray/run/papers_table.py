"""Write the papers table of an ingested folder, in files by month; earlier papers stay.

    papers/month=2203/part-*.parquet    rejects/part-*.parquet    files.parquet

All files of a commit change places together: they are listed in a journal before the first one moves, and a
commit that was cut short is finished when the folder is next opened (`storage.replace_files`)."""

from __future__ import annotations

import uuid
from collections.abc import Container, Iterable, Mapping
from datetime import UTC, datetime

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from tdm_ray.arxiv_ids import months
from tdm_ray.records import PAPERS, REJECTS
from tdm_ray.storage import (
    RollingWriter,
    exists,
    join,
    list_files,
    open_file,
    read_table,
    replace_files,
    scan_table,
)

FILES = pa.schema(
    [("path", pa.string()), ("state", pa.string()), ("items", pa.int64()), ("ingested_at", pa.string())]
)
ROWS_A_GROUP = 256
_OPEN = 48  # months written at a time; a dump comes month by month


def known_states(folder: str) -> dict[str, str]:
    """The files that were read into the folder, and their states then."""
    ledger = join(folder, "files.parquet")
    table = read_table(ledger, FILES) if exists(ledger) else FILES.empty_table()
    return dict(zip(table["path"].to_pylist(), table["state"].to_pylist(), strict=True))


def months_of(papers: pa.Table) -> pa.ChunkedArray:
    """`YYMM` of each paper, from its arXiv id, else from its date; `other` where neither tells."""
    dated = pc.strftime(papers["published"], format="%y%m")
    return pc.coalesce(months(papers["paper_id"]), dated, pa.scalar("other"))


class PapersCommit:
    """The new files of one commit; they wait beside the old ones until `done`."""

    def __init__(self, folder: str, bytes_a_file: int) -> None:
        self._folder = folder
        self._bytes_a_file = bytes_a_file
        self._name = uuid.uuid4().hex[:8]
        self._waiting: dict[str, list[pa.Table]] = {}
        self._writers: dict[str, RollingWriter] = {}
        self._new: dict[str, str] = {}
        self._old: list[str] = []
        self._rejects: list[pa.Table] = [REJECTS.empty_table()]
        self._parts = 0

    def add_papers(self, papers: pa.Table) -> None:
        """Rows for the papers table, each to its month."""
        in_month = months_of(papers)
        for month in in_month.unique().to_pylist():
            self._add(month, papers.filter(pc.equal(in_month, month)))

    def add_rejects(self, rejects: pa.Table) -> None:
        """Rows for the rejects table."""
        self._rejects.append(rejects)

    def keep_others(self, ids: pa.Array, files: Container[str]) -> None:
        """Keep the rows of earlier commits, but papers of these ids and rejects of these files.

        Months that hold none of the ids stay as they are, others are written anew.
        """
        papers = join(self._folder, "papers")
        for path in list_files(papers) if exists(papers) else ():
            old = scan_table(path, PAPERS)
            if pc.any(pc.is_in(old.to_table(columns=["paper_id"])["paper_id"], ids)).as_py():
                self._old.append(path)
                for batch in old.to_batches(batch_size=ROWS_A_GROUP):
                    table = pa.Table.from_batches([batch], PAPERS)
                    self.add_papers(table.filter(pc.invert(pc.is_in(table["paper_id"], ids))))
        rejects = join(self._folder, "rejects")
        for path in list_files(rejects) if exists(rejects) else ():
            self._old.append(path)
            table = read_table(path, REJECTS)
            stays = [not is_of(location, files) for location in table["location"].to_pylist()]
            self.add_rejects(table.filter(pa.array(stays, pa.bool_())))

    def done(self, states: Mapping[str, str], items: Mapping[str, int]) -> None:
        """Write the rest and the ledger of files (their `states`, and how many `items` each has); put all in
        place."""
        for month in list(self._waiting):
            self._flush(month)
        for month in list(self._writers):
            self._close(month)
        self._write(f"rejects/part-{self._name}.parquet", pa.concat_tables(self._rejects))
        if not exists(join(self._folder, "papers")) and not self._parts:
            self._write(f"papers/part-{self._name}.parquet", PAPERS.empty_table())
        self._write("files.parquet", self._ledger(states, items))
        replace_files(self._folder, self._new, self._old)

    def _ledger(self, states: Mapping[str, str], items: Mapping[str, int]) -> pa.Table:
        now = datetime.now(UTC).isoformat(timespec="seconds")
        rows = [
            {"path": path, "state": state, "items": items.get(path, 0), "ingested_at": now}
            for path, state in states.items()
        ]
        new = pa.Table.from_pylist(rows, schema=FILES)
        path = join(self._folder, "files.parquet")
        before = read_table(path, FILES) if exists(path) else FILES.empty_table()
        return pa.concat_tables(
            [before.filter(pc.invert(pc.is_in(before["path"], new["path"].combine_chunks()))), new]
        )

    def _add(self, month: str, papers: pa.Table) -> None:
        waiting = self._waiting.setdefault(month, [])
        waiting.append(papers)
        if sum(map(len, waiting)) >= ROWS_A_GROUP:
            self._flush(month)
        elif len(self._waiting) > _OPEN:
            self._flush(max(self._waiting, key=lambda m: sum(map(len, self._waiting[m]))))

    def _flush(self, month: str) -> None:
        tables = self._waiting.pop(month, [])
        if not tables:
            return
        if month not in self._writers:
            if len(self._writers) >= _OPEN:
                self._close(next(iter(self._writers)))
            self._writers[month] = RollingWriter(PAPERS, self._bytes_a_file, lambda: self._part(month))
        self._writers[month].write(pa.concat_tables(tables))

    def _part(self, month: str) -> str:
        self._parts += 1
        return self._place(f"papers/month={month}/part-{self._name}-{self._parts:05d}.parquet")

    def _close(self, month: str) -> None:
        self._writers.pop(month).close()

    def _write(self, name: str, table: pa.Table) -> None:
        with open_file(self._place(name), "wb") as file:
            pq.write_table(table, file, compression="zstd")

    def _place(self, name: str) -> str:
        """Where a file waits until `done`."""
        waits = join(self._folder, "_commit", name)
        self._new[waits] = join(self._folder, name)
        return waits


def is_of(location: str, files: Container[str]) -> bool:
    """Whether a location (a file, or `file#item`) lies in one of these files; paths may hold a `#`
    themselves."""
    return file_of(location, files) is not None


def file_of(location: str, files: Container[str]) -> str | None:
    """The file of these that a location lies in."""
    if location in files:
        return location
    path = location.rpartition("#")[0]
    return path if path in files else None


def count_items(locations: Iterable[str], files: Container[str]) -> dict[str, int]:
    """How many of the locations lie in each file."""
    counts: dict[str, int] = {}
    for location in locations:
        if path := file_of(location, files):
            counts[path] = counts.get(path, 0) + 1
    return counts
