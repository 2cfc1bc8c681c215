"""A stage as an actor holds it: what it does is counted, and a paper that ends the process is not tried for ever."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import UTC, datetime

import fsspec
import pyarrow as pa
import pyarrow.compute as pc
from ray.util.metrics import Counter

from tdm_ray.storage import digest, join

TRIES = 3
_Stage = Callable[[pa.Table], pa.Table]


class Worker:
    """Arrow in, Arrow out, as the stage it holds.

    Ray starts a dead actor again and gives it the same block, for ever. So before a block is begun a file in the folder
    `tries` says so, and it goes when the block is done. Where it is still there, somebody died of this block: then its
    papers are taken one by one, each with a file of its own, and one that was there `TRIES` times becomes a reject.
    Twice a file operation a block of ten seconds.
    """

    def __init__(self, make: Callable[[], _Stage], name: str, schema: pa.Schema, tries: str) -> None:
        self._stage, self._schema, self._counts = make(), schema, _Counts(name)
        self._folder = join(tries, name)
        self._fs, self._inner = fsspec.core.url_to_fs(self._folder)
        self._fs.makedirs(self._inner, exist_ok=True)

    def __call__(self, rows: pa.Table) -> pa.Table:
        """The stage's rows for these; each row of `rows` makes one."""
        note = self._note(rows["location"].to_pylist())
        if self._begun(note):
            parts = [self._one(rows.slice(number, 1)) for number in range(len(rows))]
            done = pa.concat_tables([self._schema.empty_table(), *parts])
        else:
            self._write(note, 1)
            done = self._stage(rows)
        self._remove(note)
        self._counts(done)
        return done

    def _one(self, row: pa.Table) -> pa.Table:
        place = row["location"][0].as_py()
        note = self._note([place, "alone"])
        tries = 1 + self._begun(note)  # the block's death was one
        if tries >= TRIES:
            kept = {n: row[n] for n in self._schema.names if n in row.column_names}
            kept |= {"reason": ["crashed"], "detail": [f"{place}: tried {tries} times"], "seen_at": [datetime.now(UTC)]}
            return pa.table([kept.get(f.name, pa.nulls(1, f.type)) for f in self._schema], schema=self._schema)
        self._write(note, tries)
        done = self._stage(row)
        self._remove(note)
        return done

    def _note(self, places: Sequence[str]) -> str:
        return join(self._inner, digest(f"{place}\n".encode() for place in places))

    def _begun(self, note: str) -> int:
        try:
            return int(self._fs.cat_file(note) or b"1")  # an empty one was cut short
        except FileNotFoundError:
            return 0

    def _remove(self, note: str) -> None:
        with suppress(FileNotFoundError):  # a worker that outlived its driver was here too
            self._fs.rm_file(note)

    def _write(self, note: str, tries: int) -> None:
        self._fs.pipe_file(note, str(tries).encode())


class _Counts:
    """Ray's metrics (Prometheus): `ray_tdm_ray_papers_total` and its like, by stage."""

    def __init__(self, stage: str) -> None:
        self._tags = {"stage": stage}
        self._papers = Counter("tdm_ray_papers", "Papers that went through.", ("stage",))
        self._pairs = Counter("tdm_ray_pairs", "Pairs of paper and label that the model was asked about.", ("stage",))
        self._rejects = Counter("tdm_ray_rejects", "Papers rejected, by reason.", ("stage", "reason"))

    def __call__(self, rows: pa.Table) -> None:
        if len(rows):
            self._papers.inc(len(rows), self._tags)
        if "hypotheses" in rows.column_names and (pairs := pc.sum(rows["hypotheses"]).as_py()):
            self._pairs.inc(pairs, self._tags)
        for found in rows["reason"].drop_null().value_counts().to_pylist():
            self._rejects.inc(found["counts"], {**self._tags, "reason": found["values"]})
