"""Cut the leaderboards table into the leaderboards, papers and lists that pages show."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tdm_ray.keys import label_keys
from tdm_ray.records import TDM, TDM_COLUMNS
from tdm_ray.website.areas import area_of
from tdm_ray.website.source import RunFacts, Source
from tdm_ray.website.urls import board_url

_NEWEST = 20
_A_PACK = 250


@dataclass(frozen=True)
class Line:
    """A leaderboard in a list: its name, its page, how many confirmed entries it has, and the first."""

    tdm: TDM
    url: str
    entries: int
    first: dict[str, Any]

    @property
    def area(self) -> str:
        """The area of its task."""
        return area_of(self.tdm.task)


@dataclass(frozen=True)
class Content:
    """Leaderboards together by label, entries in order of rank; the runs, the newest first; and the proposals
    (see `Source`)."""

    table: pa.Table
    runs: Sequence[RunFacts]
    left_out: str | None
    proposals: Sequence[Mapping[str, Any]]

    @classmethod
    def of(cls, source: Source) -> Content:
        """Sorted by label, whatever order the files came in, and with the number of entries of each
        leaderboard."""
        order = [*((part, "ascending") for part in TDM_COLUMNS), ("rank", "ascending")]
        table = source.boards.sort_by(order).combine_chunks()
        return cls(table, source.runs, source.left_out, source.proposals)

    @cached_property
    def boards(self) -> list[pa.Table]:
        """One table for each leaderboard."""
        return _cut(self.table, label_keys(self.table))

    @cached_property
    def papers(self) -> list[pa.Table]:
        """One table for each paper, with the column `entries`: how many confirmed entries the board has."""
        sizes = np.repeat(self._confirmed, [len(board) for board in self.boards])
        table = self.table.append_column("entries", pa.array(sizes, pa.int32()))
        order = [
            ("confirmed", "descending"),
            ("confidence", "descending"),
            ("probability", "descending"),
            ("rank", "ascending"),
            *((part, "ascending") for part in TDM_COLUMNS),
        ]
        table = table.sort_by([("paper_id", "ascending"), *order])
        return _cut(table, paper_keys(table))

    @cached_property
    def lines(self) -> list[Line]:
        """What lists show of each leaderboard that has a confirmed entry, in order."""
        return [line for line in self._every if line.entries]

    @property
    def urls(self) -> list[str]:
        """The pages of all leaderboards, also of those without a confirmed entry."""
        return [line.url for line in self._every]

    @cached_property
    def _every(self) -> list[Line]:
        """A line for each leaderboard."""
        shown = [*TDM_COLUMNS, "paper_id", "title", "published", "score", "score_text", "was_best", "outlier"]
        starts = np.cumsum([0, *(len(board) for board in self.boards)])[:-1]
        firsts = self.table.select(shown).take(pa.array(starts)).to_pylist()
        tdms = [TDM.of(row) for row in firsts]
        return [
            Line(tdm, board_url(tdm), count, first)
            for tdm, count, first in zip(tdms, self._confirmed, firsts, strict=True)
        ]

    @cached_property
    def _confirmed(self) -> list[int]:
        """How many confirmed entries each leaderboard has."""
        return [pc.sum(board["confirmed"], min_count=0).as_py() for board in self.boards]

    @property
    def paper_ids(self) -> list[str]:
        """The ids of the papers that have a page."""
        return list(self.table["paper_id"].unique().to_pylist())

    @property
    def newest(self) -> list[Line]:
        """The leaderboards whose first entries were published last, each paper once; outliers are none."""
        best = (line for line in self.lines if line.first["was_best"] and not line.first["outlier"])
        dated = [line for line in best if line.first["published"]]
        dated.sort(key=lambda line: (line.first["published"], line.entries), reverse=True)
        once = {line.first["paper_id"]: line for line in reversed(dated)}
        return sorted(once.values(), key=lambda line: line.first["published"], reverse=True)[:_NEWEST]


def paper_keys(table: pa.Table) -> pa.ChunkedArray:
    """The column that rows of one paper have in common."""
    return table["paper_id"]


def packed(tables: Sequence[pa.Table]) -> list[bytes]:
    """The tables in packs of bytes for other processes; a pickled slice would carry the whole table along."""
    packs = []
    for start in range(0, len(tables), _A_PACK):
        # As one batch: 50,000 batches of six rows took 15 s to write and 19 s to read.
        pack = pa.concat_tables(tables[start : start + _A_PACK]).combine_chunks()
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(
            sink, pack.schema, options=pa.ipc.IpcWriteOptions(compression="lz4")
        ) as stream:
            stream.write_table(pack)
        packs.append(sink.getvalue().to_pybytes())
    return packs


def unpacked(pack: bytes, keys: Callable[[pa.Table], pa.ChunkedArray]) -> list[pa.Table]:
    """The tables of a pack."""
    table = pa.ipc.open_stream(pack).read_all().combine_chunks()
    return _cut(table, keys(table))


def _cut(table: pa.Table, keys: pa.ChunkedArray) -> list[pa.Table]:
    """The table cut where the key changes."""
    if not len(table):
        return []
    keys = keys.combine_chunks()
    changes = pc.indices_nonzero(pc.not_equal(keys.slice(1), keys.slice(0, len(keys) - 1))).to_numpy() + 1
    ends = [*changes.tolist(), len(table)]
    return [table.slice(start, end - start) for start, end in zip([0, *ends], ends, strict=False)]
