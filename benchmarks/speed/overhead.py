"""What Ray costs and brings: the pipeline against a bare loop, start-up, two actors against one, two nodes, memory."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pyarrow as pa
import pyarrow.parquet as pq
import ray
from ray.cluster_utils import Cluster
from ray.data import ActorPoolStrategy

from benchmarks.speed.corpus import evenly, write_corpus
from tdm_ray.config import RayConfig, ScoreConfig
from tdm_ray.papers.splits import find_splits
from tdm_ray.papers.read import converted_table, split_tables
from tdm_ray.papers.table import readings_table
from tdm_ray.parallel import cores
from tdm_ray.progress import Counter
from tdm_ray.records import OUTCOMES, Paper, Reading
from tdm_ray.run.cluster import connect, prepare_context
from tdm_ray.run.ray_engine import score_corpus
from tdm_ray.run.stages import Decide, Prepare

_BLOCK = 4  # papers, where actors are compared: few, so that the last ones end together
_DRIVER = """
import sys
from benchmarks.speed.overhead import watch_driver
watch_driver(*sys.argv[1:])
"""


class Rays:
    """Runs of the pipeline on the cluster at hand."""

    def __init__(self, config: ScoreConfig, folder: Path, papers: Sequence[Paper]) -> None:
        self.config, self.folder = config, folder
        self.one = write_corpus(evenly(papers, 1), str(folder / "one.parquet"))
        self._warm: dict[RayConfig, float] = {}

    def start(self) -> float:
        """Seconds to start a cluster on this machine and score one paper there."""
        started = time.perf_counter()
        connect()
        self.run(self.one)
        return time.perf_counter() - started

    def run(self, corpus: str, ray_config: RayConfig | None = None) -> float:
        """The wall time of one run, its own start and commit included."""
        with tempfile.TemporaryDirectory(dir=self.folder) as out:
            started = time.perf_counter()
            score_corpus(corpus, os.path.join(out, "run"), self.config, ray_config)
            return time.perf_counter() - started

    def apart(self, corpus: str, ray_config: RayConfig | None = None) -> float:
        """The wall time less what a run over one paper takes: start-up apart."""
        start = self.warm(ray_config)
        return self.run(corpus, ray_config) - start

    def warm(self, ray_config: RayConfig | None = None) -> float:
        """What a run over one paper takes on a cluster that is there, the mean of two."""
        setting = ray_config or RayConfig()
        if setting not in self._warm:
            self._warm[setting] = (self.run(self.one, ray_config) + self.run(self.one, ray_config)) / 2
        return self._warm[setting]


class Loop:
    """The same stages in one process, one after the other, on all threads; no Ray."""

    def __init__(self, config: ScoreConfig) -> None:
        self.prepare, self.decide = Prepare(config), Decide(config, threads=cores())

    def run(self, corpus: str) -> float:
        """Read, prepare, decide and write; seconds."""
        started = time.perf_counter()
        with tempfile.NamedTemporaryFile() as file, pq.ParquetWriter(file.name, OUTCOMES) as out:
            for split in find_splits([corpus]):
                for table in split_tables(split):
                    if len(table):
                        out.write_table(self.decide(self.prepare(converted_table(table))))
        return time.perf_counter() - started


def ray_against_loop(rays: Rays, loop: Loop, papers: Sequence[Paper], count: int) -> dict[str, Any]:
    """`count` papers through both, the loop half before and half after Ray; a quarter and half through Ray alone.

    Ray's start-up (a run over one paper, the mean of two) is set apart.
    """
    sizes = (count // 4, count // 2, count)
    corpora = [write_corpus(evenly(papers, n), str(rays.folder / f"{n}.parquet")) for n in sizes]
    startup = rays.start()
    quarter_s = rays.apart(corpora[0])
    loop_s = loop.run(corpora[1])
    ray_s = rays.apart(corpora[2])
    loop_s += loop.run(corpora[1])
    half_s = rays.apart(corpora[1])
    return {
        "papers": count, "loop_s": loop_s, "ray_s": ray_s, "startup_s": startup, "warm_start_s": rays.warm(),
        "seconds": dict(zip(map(str, sizes), (quarter_s, half_s, ray_s), strict=True)),
        "ray_vs_loop": ray_s / loop_s, "papers_2x": ray_s / half_s, "papers_4x": ray_s / quarter_s,
    }  # fmt: skip


def actors(config: ScoreConfig, loop: Loop, papers: Sequence[Paper], count: int) -> dict[str, Any]:
    """Two model actors against one, one thread each, over prepared papers; one, two, two, one."""
    chosen = [Reading(str(i), paper) for i, paper in enumerate(evenly(papers, count))]
    blocks = [loop.prepare(readings_table(chosen[i : i + _BLOCK])) for i in range(0, count, _BLOCK)]
    rates = [decide_rate(blocks, config, n) for n in (1, 2, 2, 1)]
    one, two = (rates[0] + rates[3]) / 2, (rates[1] + rates[2]) / 2
    return {"papers": count, "one_papers_per_s": one, "two_papers_per_s": two, "two_actors_vs_one": two / one}


def decide_rate(blocks: Sequence[pa.Table], config: ScoreConfig, actors: int) -> float:
    """Papers/s of so many model actors with one thread each, from when each has done a block to the last block."""
    connect()
    prepare_context()
    data = ray.data.from_arrow(list(blocks)).map_batches(
        Decide,
        fn_constructor_kwargs={"config": config, "threads": 1},
        batch_size=None,
        batch_format="pyarrow",
        compute=ActorPoolStrategy(size=actors),
        num_cpus=1,
    )
    done = np.sort([row["seen_at"].timestamp() for row in data.select_columns(["seen_at"]).take_all()])
    first = actors * len(blocks[0])
    return float((len(done) - first) / (done[-1] - done[first - 1]))


def two_nodes(config: ScoreConfig, folder: Path, papers: Sequence[Paper], count: int) -> dict[str, Any]:
    """Two actors of one thread on one node, and on two simulated ones of the same size together; with a run's start.

    Ends the cluster at hand.
    """
    setting = RayConfig(actors=2, threads=1, preparers=1, papers_a_block=8)
    corpus = write_corpus(evenly(papers, count), str(folder / "nodes.parquet"))
    took = {}
    for nodes in (1, 2):
        ray.shutdown()
        head = {"num_cpus": 6 if nodes == 1 else 3, "object_store_memory": 400_000_000, "include_dashboard": False}
        cluster = Cluster(initialize_head=True, head_node_args=head)
        try:
            if nodes == 2:
                cluster.add_node(num_cpus=3, object_store_memory=400_000_000)
            ray.init(address=cluster.address, log_to_driver=False, logging_level=logging.ERROR)
            rays = Rays(config, folder, papers)
            rays.run(rays.one, setting)  # the first run of a cluster is slower than all others
            took[nodes] = rays.run(corpus, setting)
        finally:
            ray.shutdown()
            cluster.shutdown()  # type: ignore[no-untyped-call]
    return {"papers": count, "one_node_s": took[1], "two_nodes_s": took[2], "two_nodes_vs_one": took[2] / took[1]}


def driver_memory(config: ScoreConfig, folder: Path, papers: Sequence[Paper], first: int, count: int) -> dict[str, Any]:
    """How much the driver grows from when `first` papers are staged to the end of `count`, in a process of its own."""
    corpus = write_corpus(evenly(papers, count), str(folder / "many.parquet"))
    told = folder / "memory.json"
    given = [corpus, str(folder / "memory"), json.dumps(vars(config)), str(first), str(told)]
    if ray.is_initialized():
        ray.shutdown()
    subprocess.run([sys.executable, "-c", _DRIVER, *given], check=True)  # noqa: S603 - our own code
    return dict(json.loads(told.read_text()), from_papers=first, papers=count)


def watch_driver(corpus: str, out: str, config: str, first: str, told: str) -> None:
    """What the process of `driver_memory` runs: score, look at its own memory twice a second, tell."""
    looks: list[tuple[int, float]] = []
    counter, done = Counter(os.path.join(out, "_staging")), threading.Event()

    def look() -> None:
        while not done.wait(0.5):
            looks.append((counter.rows(), psutil.Process().memory_info().rss / 1e6))

    thread = threading.Thread(target=look, daemon=True)
    thread.start()
    summary = score_corpus(corpus, out, ScoreConfig(**json.loads(config)))
    done.set()
    thread.join()
    looks.append((summary.scored, psutil.Process().memory_info().rss / 1e6))
    after = [mb for rows, mb in looks if rows >= int(first)]
    then, most = after[0], max(after)
    Path(told).write_text(
        json.dumps({"then_mb": then, "most_mb": most, "growth_mb": most - then, "looks": looks[::10]})
    )
