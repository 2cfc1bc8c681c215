"""The engine without Ray: run the stages in this process, one block after the other."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pyarrow as pa

from tdm_ray.papers.splits import InputSplit, count_papers
from tdm_ray.parallel import cores
from tdm_ray.progress import step
from tdm_ray.records import OUTCOMES
from tdm_ray.run.guard import Guard
from tdm_ray.run.reading import converted_rows, read_splits, without
from tdm_ray.run.stages import PREPARED, Decide, Prepare
from tdm_ray.run.work import ReadWork, ScoreWork, Tell
from tdm_ray.storage import join, write_table

PAPERS_A_BLOCK = 64


class LocalEngine:
    """Runs the stages here. papers_a_block: the unit of work and of what a kill loses."""

    name = "local"

    def __init__(self, *, papers_a_block: int | None = None, threads: int | None = None) -> None:
        self._papers_a_block = papers_a_block or PAPERS_A_BLOCK
        self._threads = threads

    def read(self, work: ReadWork, tell: Tell) -> None:
        """Read and convert; see `work.Engine`."""
        folder = work.staging.new_folder("readings")
        with step("papers read", count_papers(work.splits), tell) as counter:
            for number, block in enumerate(self._blocks(work.splits, work.staging.notes)):
                fresh = without(block, work.done)
                wanted = work.select(fresh) if work.select else fresh
                write_table(converted_rows(work.staging.notes, wanted), join(folder, f"{number:05d}.parquet"))
                counter.add(len(block))

    def score(self, work: ScoreWork, tell: Tell) -> None:
        """Classify and extract; see `work.Engine`."""
        stages = LocalStages(work, threads=self._threads or cores())
        folder = work.staging.new_folder(work.kind)
        with step("papers scored", count_papers(work.splits), tell) as counter:
            for number, block in enumerate(self._blocks(work.splits, work.staging.notes, hashed=True)):
                write_table(stages(block), join(folder, f"{number:05d}.parquet"))
                counter.add(len(block))

    def _blocks(
        self, splits: Sequence[InputSplit], notes: str, *, hashed: bool = False
    ) -> Iterator[pa.Table]:
        """The papers of the splits, so many at a time."""
        for table in read_splits(splits, notes, hashed=hashed):
            for start in range(0, len(table), self._papers_a_block):
                yield table.slice(start, self._papers_a_block)


class LocalStages:
    """Prepare and decide as one call: READINGS -> OUTCOMES."""

    def __init__(self, work: ScoreWork, *, threads: int) -> None:
        prepare = Prepare(work.config, work.fingerprints, work.only)
        decide = Decide(work.config, work.fingerprints, threads)
        self._prepare = Guard(prepare, "prepare", PREPARED, work.staging.notes)
        self._decide = Guard(decide, "decide", OUTCOMES, work.staging.notes)

    def __call__(self, readings: pa.Table) -> pa.Table:
        """The outcomes of these papers."""
        return self._decide(self._prepare(readings))
