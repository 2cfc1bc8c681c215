"""Any input that a reader knows, as a Ray Data source: one read task a piece, papers in small tables."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from itertools import chain
from typing import Any

import pyarrow as pa
import ray
from ray.data import Dataset, Datasource
from ray.data.block import BlockMetadata
from ray.data.datasource import ReadTask

from tdm_ray.papers.pieces import Piece
from tdm_ray.papers.read import piece_tables
from tdm_ray.records import READINGS

_PAPERS_A_TASK = 64


class Readings(Datasource):
    """The readings of `pieces`. Our own source rather than `read_parquet`: one for every format, a task a row group
    (Ray's reader makes one block of a small file), and no footer-reading actors (4 s a read on 2 cores).

    Small pieces of papers tables are read together: nights leave files of a few papers, a task costs 0.1 s.
    """

    def __init__(self, pieces: Sequence[Piece], *, hashed: bool = False) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.hashed = hashed
        self.tasks = list(_together(pieces))

    def estimate_inmemory_data_size(self) -> int | None:
        """Unknown until the files are read."""
        return None

    def get_read_tasks(self, parallelism: int, *_: Any, **__: Any) -> list[ReadTask]:
        """As many as `tasks`, whatever `parallelism` says: pieces are sized to be one."""
        metadata = BlockMetadata(num_rows=None, size_bytes=None, input_files=None, exec_stats=None)
        return [ReadTask(partial(_read, pieces, self.hashed), metadata, schema=READINGS) for pieces in self.tasks]


def _together(pieces: Sequence[Piece]) -> Iterator[list[Piece]]:
    """The pieces in order: those of papers tables some at a time, `_PAPERS_A_TASK` at most, others one by one."""
    waiting: list[Piece] = []
    for piece in pieces:
        small = piece.kind == "papers_table" and piece.papers is not None
        papers = sum(other.papers or 0 for other in waiting) + (piece.papers or 0)
        if waiting and (not small or papers > _PAPERS_A_TASK):
            yield waiting
            waiting = []
        if small:
            waiting.append(piece)
        else:
            yield [piece]
    if waiting:
        yield waiting


def _read(pieces: Sequence[Piece], hashed: bool) -> Iterable[pa.Table]:
    return chain.from_iterable(piece_tables(piece, hashed=hashed) for piece in pieces)


def read_corpus(pieces: Sequence[Piece], *, hashed: bool = False) -> Dataset:
    """The readings of all pieces, streamed; schema `READINGS`. `hashed` as in `piece_tables`."""
    source = Readings(pieces, hashed=hashed)
    dataset: Dataset = ray.data.read_datasource(source, override_num_blocks=len(source.tasks))
    return dataset
