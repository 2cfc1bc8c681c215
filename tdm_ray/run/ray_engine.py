"""The engine on Ray Data: papers stream from read tasks through CPU stages into the model's actors.

    splits -> readings -> select -> converted (CPU tasks) -> staging
    splits -> readings -> Prepare (CPU actors) -> Decide (model actors) -> staging

A row is a paper. A block is the unit of work and of retry, and what a kill loses at most. The file of a block
is whole or ignored."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial

import fsspec
import pyarrow as pa
import pyarrow.parquet as pq
import ray
from ray.data import ActorPoolStrategy, Dataset

from tdm_ray.config import RayConfig
from tdm_ray.papers.limits import PAPER_S
from tdm_ray.papers.splits import InputSplit, count_papers
from tdm_ray.progress import Status, watch
from tdm_ray.records import OUTCOMES
from tdm_ray.run.cluster import connect, prepare_context
from tdm_ray.run.guard import Guard
from tdm_ray.run.layout import Layout, layout
from tdm_ray.run.ray_metrics import Counted
from tdm_ray.run.ray_source import readings_of, without_done
from tdm_ray.run.reading import converted_rows
from tdm_ray.run.stages import PREPARED, Decide, Prepare
from tdm_ray.run.work import ReadWork, ScoreWork, Tell


class RayEngine:
    """Runs the stages on the cluster of RAY_ADDRESS, or on one that it starts on this machine."""

    name = "ray"

    def __init__(self, config: RayConfig | None = None) -> None:
        self._config = config or RayConfig()

    def read(self, work: ReadWork, tell: Tell) -> None:
        """Read and convert; see `work.Engine`."""
        plan = self._plan(work.splits, tell)
        folder = work.staging.new_folder("readings")
        blocks = _blocks(readings_of(work.splits, work.staging.notes), plan)
        if len(work.done):
            blocks = _tasks(blocks, partial(without_done, ray.put(work.done)))
        if work.select is not None:
            blocks = _tasks(blocks, work.select)
        converted = _tasks(blocks, partial(converted_rows, work.staging.notes))
        with _watched("papers read", folder, work.splits, tell):
            converted.write_parquet(folder)

    def score(self, work: ScoreWork, tell: Tell) -> None:
        """Classify and extract; see `work.Engine`."""
        plan = self._plan(work.splits, tell, few=work.only is not None)
        folder = work.staging.new_folder(work.kind)
        readings = _blocks(readings_of(work.splits, work.staging.notes, hashed=True), plan)
        with _watched("papers scored", folder, work.splits, tell):
            scored(readings, work, plan).write_parquet(folder)

    def _plan(self, splits: Sequence[InputSplit], tell: Tell, *, few: bool = False) -> Layout:
        """A cluster, its settings, and the layout of the work there; `few`: see `layout`."""
        connect()
        plan = layout(self._config, count_papers(splits), few=few)
        prepare_context(plan.papers_a_block * PAPER_S)
        tell(f"{plan}")
        return plan


def scored(readings: Dataset, work: ScoreWork, plan: Layout) -> Dataset:
    """The chain: readings in, one outcome a paper out."""
    prepare = partial(Prepare, work.config, work.fingerprints, work.only)
    decide = partial(Decide, work.config, work.fingerprints, plan.threads)
    prepared = _actors(
        readings, prepare, "prepare", PREPARED, work, plan, ActorPoolStrategy(size=plan.preparers)
    )
    return _actors(prepared, decide, "decide", OUTCOMES, work, plan, plan.pool, gpus=plan.gpus)


def _actors(
    rows: Dataset,
    make: Callable[[], Callable[[pa.Table], pa.Table]],
    name: str,
    schema: pa.Schema,
    work: ScoreWork,
    plan: Layout,
    pool: ActorPoolStrategy,
    *,
    gpus: float = 0,
) -> Dataset:
    """Actors that hold a stage each, under the guard against papers that kill their process."""
    given = {"make": make, "name": name, "schema": schema, "notes": work.staging.notes}
    return rows.map_batches(
        StageActor,
        fn_constructor_kwargs=given,
        batch_size=plan.papers_a_block,
        batch_format="pyarrow",
        compute=pool,
        num_cpus=1,
        num_gpus=gpus or None,
    )


class StageActor:
    """A stage as an actor holds it: guarded and counted."""

    def __init__(
        self, make: Callable[[], Callable[[pa.Table], pa.Table]], name: str, schema: pa.Schema, notes: str
    ) -> None:
        self._guard = Guard(make(), name, schema, notes)
        self._counted = Counted(name)

    def __call__(self, rows: pa.Table) -> pa.Table:
        """The stage's rows for these; each row makes one."""
        done = self._guard(rows)
        self._counted(done)
        return done


def _blocks(readings: Dataset, plan: Layout) -> Dataset:
    return readings.repartition(target_num_rows_per_block=plan.papers_a_block)


def _tasks(blocks: Dataset, do: Callable[[pa.Table], pa.Table]) -> Dataset:
    """`do` for each block, by tasks, as many as there are cores."""
    return blocks.map_batches(do, batch_size=None, batch_format="pyarrow", zero_copy_batch=True)


@contextmanager
def _watched(what: str, folder: str, splits: Sequence[InputSplit], tell: Tell) -> Iterator[None]:
    """Progress in papers, read off the rows that are staged: so it is right after retries too."""
    counter = StagedRows(folder)
    total = count_papers(splits)
    with watch(what, lambda: Status(counter.rows(), total), tell):
        yield


class StagedRows:
    """Counts the rows of the Parquet files in a folder; reads each file's footer once."""

    def __init__(self, folder: str) -> None:
        self._folder = folder
        self._rows_by_file: dict[str, int] = {}

    def rows(self) -> int:
        """The rows so far; a file that is still being written counts next time."""
        fs, inner = fsspec.core.url_to_fs(self._folder)
        try:
            new = [
                path
                for path in fs.find(inner)
                if path.endswith(".parquet") and path not in self._rows_by_file
            ]
        except OSError:
            new = []
        for path in new:
            try:
                with fs.open(path, "rb") as file:
                    self._rows_by_file[path] = pq.ParquetFile(file).metadata.num_rows
            except Exception:  # noqa: BLE001, S112 - half-written: counted at the next look
                continue
        return sum(self._rows_by_file.values())
