"""Staged rows: the blocks that a run has made and not yet committed to the tables.

    FOLDER/GENERATION/KIND/ATTEMPT/*.parquet     the rows
    FOLDER/GENERATION/notes                      what processes are at work on (see `run.guard`)

A file is whole or ignored. A killed run leaves its files; the next one looks what is in them and makes the
rest. A row may be staged twice, since a worker may outlive its killed driver; readers take the first."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import fsspec
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from tdm_ray.keys import PAPER_COLUMNS, paper_keys
from tdm_ray.records import OUTCOMES
from tdm_ray.storage import exists, join, make_folder, open_file, parquet_files, remove_folder

_KEPT_NS = 30 * 24 * 3600 * 10**9
_ROWS = 8192


@dataclass(frozen=True)
class Staging:
    """The staged rows (of `schema`) of one generation; `folder` is that of all generations."""

    folder: str
    generation: str
    schema: pa.Schema = OUTCOMES

    @property
    def root(self) -> str:
        """The folder of this generation."""
        return join(self.folder, self.generation)

    @property
    def notes(self) -> str:
        """The folder of the notes on unfinished work (see `run.guard`)."""
        return join(self.root, "notes")

    def new_folder(self, kind: str) -> str:
        """A folder to write blocks to."""
        folder = join(self.root, kind, str(time.time_ns()))
        make_folder(folder)
        return folder

    def batches(self, kind: str, columns: Sequence[str], rows: int = _ROWS) -> Iterator[pa.Table]:
        """The staged rows in batches; a row may come twice."""
        wanted = pa.schema([self.schema.field(name) for name in columns])
        folder = join(self.root, kind)
        for path in parquet_files(folder) if exists(folder) else ():
            with open_file(path) as file:
                try:
                    parquet = pq.ParquetFile(file)
                except pa.ArrowInvalid:
                    continue  # cut short when its run was killed; its rows are made again
                for batch in parquet.iter_batches(rows, columns=list(columns)):
                    yield pa.Table.from_batches([batch]).select(list(columns)).cast(wanted)

    def paper_keys(self, kind: str) -> pa.Array:
        """The `keys.paper_keys` of what is staged."""
        return _concatenated(paper_keys(table) for table in self.batches(kind, PAPER_COLUMNS))

    def locations(self, kind: str) -> pa.Array:
        """The locations of what is staged."""
        return _concatenated(table["location"] for table in self.batches(kind, ["location"], 1 << 20))

    def once(self, kind: str, rows: int = _ROWS) -> Iterator[pa.Table]:
        """The staged rows, each location once."""
        taken = _Taken(self.locations(kind).unique())
        for table in self.batches(kind, self.schema.names, rows):
            kept = table.take(taken.first_of(table["location"]))
            if len(kept):
                yield kept

    def outcomes(
        self, kind: str, wanted: pa.ChunkedArray, columns: Sequence[str] = OUTCOMES.names
    ) -> Iterator[pa.Table]:
        """The outcomes of the papers of these `paper_keys`, each once; with paper_id and content_hash in any
        case.

        The wanted keys are hashed once (3 million: a second), not for each of 47,000 files.
        """
        taken = _Taken(wanted)
        for table in self.batches(kind, list(dict.fromkeys([*PAPER_COLUMNS, *columns])), 1 << 20):
            kept = table.take(taken.first_of(paper_keys(table)))
            if len(kept):
                yield kept

    def clear(self) -> None:
        """Remove this generation, and others that no run has added to for a month."""
        remove_folder(self.root)
        fs, inner = fsspec.core.url_to_fs(self.folder)
        newest: dict[str, int] = {}
        for path in fs.find(inner):
            parts = path[len(inner) :].strip("/").split("/")
            if len(parts) == 4 and parts[2].isdigit():
                newest[parts[0]] = max(newest.get(parts[0], 0), int(parts[2]))
        for generation, last in newest.items():
            if time.time_ns() - last > _KEPT_NS:
                remove_folder(join(self.folder, generation))


class _Taken:
    """Which of some keys have been taken already."""

    def __init__(self, wanted: pa.ChunkedArray | pa.Array) -> None:
        self._index = pd.Index(wanted.to_pandas())
        self._taken = np.zeros(len(self._index), bool)

    def first_of(self, keys: pa.ChunkedArray) -> pa.Array:
        """The rows whose key is wanted and is seen for the first time, in order."""
        places = self._index.get_indexer(keys.to_pandas())
        rows = np.unique(places, return_index=True)[1]  # of this table the first row of each key
        rows = np.sort(rows[(places[rows] >= 0) & ~self._taken[places[rows]]])
        self._taken[places[rows]] = True
        return pa.array(rows)


def _concatenated(columns: Iterator[pa.ChunkedArray]) -> pa.Array:
    return pa.concat_arrays([pa.array([], pa.string()), *(column.combine_chunks() for column in columns)])


def free_space(folder: str) -> str:
    """What is left on the disk of a folder, in words; empty where it is no disk."""
    fs, inner = fsspec.core.url_to_fs(folder)
    return f"{shutil.disk_usage(inner).free / 1e6:,.0f} MB are left there" if "file" in fs.protocol else ""
