"""Reading and conversion under their guards, as both engines run them.

Tasks that read import this module and nothing that scores: their processes start a second or two sooner."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from tdm_ray.papers.read import converted_table, split_tables
from tdm_ray.papers.splits import InputSplit
from tdm_ray.records import READINGS
from tdm_ray.run.guard import Guard, guarded_read


def read_splits(splits: Sequence[InputSplit], notes: str, *, hashed: bool = False) -> Iterator[pa.Table]:
    """The readings of input splits (see `read.split_tables`), read under `guard.guarded_read`."""
    for split in splits:
        reader = partial(_tables, split, hashed)
        yield from guarded_read(reader, repr(split), notes)


def _tables(split: InputSplit, hashed: bool, skip: Any, begin: Any) -> Iterator[pa.Table]:
    return split_tables(split, hashed=hashed, skip=skip, begin=begin)


def without(readings: pa.Table, done: pa.Array) -> pa.Table:
    """The readings whose location is not among `done`."""
    return readings.filter(pc.invert(pc.is_in(readings["location"], done))) if len(done) else readings


def converted_rows(notes: str, readings: pa.Table) -> pa.Table:
    """The readings with their TeX converted, under the guard against papers that kill their process."""
    if readings["tex"].null_count == len(readings):
        return readings
    return Guard(converted_table, "convert", READINGS, notes)(readings)
