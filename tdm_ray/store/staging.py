"""What a night has made and not yet committed: files of outcomes, each whole or of no account.

    STORE/_staging/GENERATION/KIND/ATTEMPT/*.parquet

A killed run leaves its files; the next one asks which papers are in them and makes the others. No paper needs to be
there once only: `outcomes` lets each through once.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import fsspec
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from tdm_ray.run.todo import KEYS, Corpus, paper_keys
from tdm_ray.records import OUTCOMES
from tdm_ray.storage import exists, join, make_folder, open_file, parquet_files, remove_folder

_KEPT_NS = 30 * 24 * 3600 * 10**9


@dataclass(frozen=True)
class Staging:
    """The staged outcomes of one generation; `folder` is that of all generations."""

    folder: str
    generation: str

    def attempt(self, kind: str) -> str:
        """A new folder to write to."""
        folder = join(self.folder, self.generation, kind, str(time.time_ns()))
        make_folder(folder)
        return folder

    @property
    def tries(self) -> str:
        """Where stages note which papers they hold (see `scoring.worker`)."""
        return join(self.folder, self.generation, "tries")

    def keys(self, kind: str) -> Iterator[pa.Table]:
        """Which papers are staged."""
        return self._read(kind, KEYS)

    def outcomes(self, kind: str, corpus: Corpus, columns: Sequence[str] = OUTCOMES.names) -> Iterator[pa.Table]:
        """The outcomes of papers as they are in the corpus now, each once; with paper_id and content_hash in any case.

        One table a file: the corpus's keys are hashed once (3 million: a second), not for each of 47,000 files.
        """
        wanted = pd.Index(paper_keys(corpus.papers).to_pandas())
        taken = np.zeros(len(wanted), bool)
        for table in self._read(kind, list(dict.fromkeys([*KEYS, *columns]))):
            places = wanted.get_indexer(paper_keys(table).to_pandas())
            rows = np.unique(places, return_index=True)[1]  # of a file the first row of each paper
            rows = np.sort(rows[(places[rows] >= 0) & ~taken[places[rows]]])
            taken[places[rows]] = True
            if len(rows):
                yield table.take(rows)

    def clear(self) -> None:
        """Let go of this generation, and of others that nobody has gone on with for a month."""
        remove_folder(join(self.folder, self.generation))
        fs, inner = fsspec.core.url_to_fs(self.folder)
        attempts: dict[str, int] = {}
        for path in fs.find(inner):
            parts = path[len(inner) :].strip("/").split("/")
            if len(parts) == 4 and parts[2].isdigit():
                attempts[parts[0]] = max(attempts.get(parts[0], 0), int(parts[2]))
        for generation, last in attempts.items():
            if time.time_ns() - last > _KEPT_NS:
                remove_folder(join(self.folder, generation))

    def _read(self, kind: str, columns: list[str]) -> Iterator[pa.Table]:
        folder = join(self.folder, self.generation, kind)
        for path in parquet_files(folder) if exists(folder) else ():
            with open_file(path) as file:
                try:
                    yield pq.read_table(file, columns=columns).cast(pa.schema([OUTCOMES.field(n) for n in columns]))
                except pa.ArrowInvalid:
                    continue  # cut short when its run was killed; its papers are made again


def space_of(folder: str) -> str:
    """What is left on the disk of a folder, in words; empty where it is no disk."""
    import shutil

    fs, inner = fsspec.core.url_to_fs(folder)
    return f"{shutil.disk_usage(inner).free / 1e6:,.0f} MB are left there" if "file" in fs.protocol else ""
