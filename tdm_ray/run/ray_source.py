"""Read any input that has a reader as a Ray Data source, in one task for each input split."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from typing import Any

import pyarrow as pa
import ray
from ray.data import Dataset, Datasource
from ray.data.block import BlockMetadata
from ray.data.datasource import ReadTask

from tdm_ray.papers.splits import InputSplit
from tdm_ray.records import READINGS
from tdm_ray.run.reading import read_splits, without

_PAPERS_A_TASK = 64


class Readings(Datasource):
    """The readings of input splits. Our own source rather than `read_parquet`: one for every format, a task a
    row group (Ray's reader makes one block of a small file), and no footer-reading actors (4 s a read on 2
    cores).

    Small splits of papers tables are read together: nights leave files of a few papers, a task costs 0.1 s.
    notes, hashed: see `reading.read_splits`.
    """

    def __init__(self, splits: Sequence[InputSplit], notes: str, *, hashed: bool = False) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.notes = notes
        self.hashed = hashed
        self.tasks = list(_together(splits))

    def estimate_inmemory_data_size(self) -> int | None:
        """Unknown until the files are read."""
        return None

    def get_read_tasks(self, parallelism: int, *_: Any, **__: Any) -> list[ReadTask]:
        """As many as `tasks`, whatever `parallelism` says: splits are sized to be one."""
        metadata = BlockMetadata(num_rows=None, size_bytes=None, input_files=None, exec_stats=None)
        return [ReadTask(partial(self._read, task), metadata, schema=READINGS) for task in self.tasks]

    def _read(self, splits: Sequence[InputSplit]) -> Iterable[pa.Table]:
        return read_splits(splits, self.notes, hashed=self.hashed)


def _together(splits: Sequence[InputSplit]) -> Iterator[list[InputSplit]]:
    """The splits in order: those of papers tables some at a time, `_PAPERS_A_TASK` at most, others one by
    one."""
    waiting: list[InputSplit] = []
    for split in splits:
        small = split.kind == "papers_table" and split.papers is not None
        papers = sum(other.papers or 0 for other in waiting) + (split.papers or 0)
        if waiting and (not small or papers > _PAPERS_A_TASK):
            yield waiting
            waiting = []
        if small:
            waiting.append(split)
        else:
            yield [split]
    if waiting:
        yield waiting


def readings_of(splits: Sequence[InputSplit], notes: str, *, hashed: bool = False) -> Dataset:
    """The readings of all splits, streamed; schema `READINGS`."""
    source = Readings(splits, notes, hashed=hashed)
    dataset: Dataset = ray.data.read_datasource(source, override_num_blocks=len(source.tasks))
    return dataset


def without_done(done: Any, readings: pa.Table) -> pa.Table:
    """The readings whose location is not among those of the reference `done`."""
    return without(readings, ray.get(done))
