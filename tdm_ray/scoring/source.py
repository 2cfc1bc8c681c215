"""Any input that a reader knows, as a Ray Data source: one read task a piece, papers in small tables."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any

import pyarrow as pa
import ray
from ray.data import Dataset, Datasource
from ray.data.block import BlockMetadata
from ray.data.datasource import ReadTask

from tdm_ray.papers.pieces import Piece
from tdm_ray.papers.read import piece_tables
from tdm_ray.records import READINGS


class Readings(Datasource):
    """The readings of `pieces`. Our own source rather than `read_parquet`: one for every format, a task a row group
    (Ray's reader makes one block of a small file), and no footer-reading actors (4 s a read on 2 cores)."""

    def __init__(self, pieces: Sequence[Piece]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._pieces = pieces

    def estimate_inmemory_data_size(self) -> int | None:
        """Unknown until the files are read."""
        return None

    def get_read_tasks(self, parallelism: int, *_: Any, **__: Any) -> list[ReadTask]:
        """One task a piece, whatever `parallelism` says: a piece is sized to be one."""
        metadata = BlockMetadata(num_rows=None, size_bytes=None, input_files=None, exec_stats=None)
        return [ReadTask(_reader(piece), metadata, schema=READINGS) for piece in self._pieces]


def _reader(piece: Piece) -> Callable[[], Iterable[pa.Table]]:
    return partial(piece_tables, piece)


def read_corpus(pieces: Sequence[Piece]) -> Dataset:
    """The readings of all pieces, streamed; schema `READINGS`."""
    dataset: Dataset = ray.data.read_datasource(Readings(pieces), override_num_blocks=len(pieces))
    return dataset
