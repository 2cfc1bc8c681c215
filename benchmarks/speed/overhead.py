"""What Ray costs and brings: both engines, start-up, two actors beside one, two nodes, memory."""

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
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pyarrow as pa
import ray
from ray.cluster_utils import Cluster
from ray.data import ActorPoolStrategy

from benchmarks.speed.corpus import evenly, write_corpus
from tdm_ray.classify.resources import Fingerprints
from tdm_ray.config import RayConfig, ScoreConfig
from tdm_ray.papers.table import readings_table
from tdm_ray.records import Paper, Reading
from tdm_ray.run.cluster import connect, prepare_context
from tdm_ray.run.log import Log
from tdm_ray.run.ray_engine import StagedRows
from tdm_ray.run.run import new_run_id, score_corpus
from tdm_ray.run.stages import Decide, Prepare

_BLOCK = 4  # papers, where actors are compared: few, so that the last ones end together
_LOOK_S = 0.5
_DRIVER = """
import sys
from benchmarks.speed.overhead import watch_driver
watch_driver(*sys.argv[1:])
"""


class Runs:
    """Runs of one engine (`ray` or `local`), each into a new store; Ray's on the cluster at hand."""

    def __init__(
        self, engine: str, config: ScoreConfig, folder: Path, papers: Sequence[Paper], **layout: int
    ) -> None:
        self.engine = engine
        self.config = config
        self.folder = folder
        self._layout = RayConfig(**layout)
        self._one = write_corpus(evenly(papers, 1), str(folder / "one.parquet"))
        self._start_s: float | None = None

    def run(self, corpus: str) -> float:
        """The wall time of one run, its own start and commit included."""
        with tempfile.TemporaryDirectory(dir=self.folder) as out, open(os.devnull, "w") as silent:
            log = Log(new_run_id(), file=silent)
            started = time.perf_counter()
            score_corpus(
                corpus, os.path.join(out, "store"), self.config, self._layout, engine=self.engine, log=log
            )
            return time.perf_counter() - started

    def first(self) -> float:
        """Seconds of a run over one paper; of Ray's first one, with the start of its cluster."""
        started = time.perf_counter()
        if self.engine == "ray":
            connect()
        self.run(self._one)
        return time.perf_counter() - started

    @property
    def start_s(self) -> float:
        """What a run over one paper takes on a cluster that is there, the shorter of two.

        What else the machine does makes a run longer, never shorter; a start that is taken for too long would
        be set off against work (with few papers, more of it than there is)."""
        if self._start_s is None:
            self._start_s = min(self.run(self._one), self.run(self._one))
        return self._start_s

    def apart(self, corpus: str) -> float:
        """The wall time of one run less what a run over one paper takes: start-up apart."""
        start_s = self.start_s
        return self.run(corpus) - start_s


def ray_against_loop(rays: Runs, loop: Runs, papers: Sequence[Paper], count: int) -> dict[str, Any]:
    """`count` papers by the Ray engine, between two runs of the local engine over half of them.

    A quarter and half go through the Ray engine, too. The start of each engine (a run over one paper, the
    shorter of two) is set apart.
    """
    sizes = (count // 4, count // 2, count)
    corpora = [write_corpus(evenly(papers, n), str(rays.folder / f"{n}.parquet")) for n in sizes]
    startup_s = rays.first()
    quarter_s = rays.apart(corpora[0])
    loop_s = loop.apart(corpora[1])
    ray_s = rays.apart(corpora[2])
    loop_s += loop.apart(corpora[1])
    half_s = rays.apart(corpora[1])
    return {
        "papers": count,
        "loop_s": loop_s,
        "ray_s": ray_s,
        "startup_s": startup_s,
        "warm_start_s": rays.start_s,
        "loop_start_s": loop.start_s,
        "seconds": dict(zip(map(str, sizes), (quarter_s, half_s, ray_s), strict=True)),
        "ray_vs_loop": ray_s / loop_s,
        "papers_2x": ray_s / half_s,
        "papers_4x": ray_s / quarter_s,
    }


def actors(config: ScoreConfig, papers: Sequence[Paper], count: int) -> dict[str, Any]:
    """Two model actors beside one, one thread each, over prepared papers; one, two, two, one."""
    prepare = Prepare(config, Fingerprints.of(config, config.precision))
    chosen = [Reading(str(i), paper) for i, paper in enumerate(evenly(papers, count))]
    blocks = [prepare(readings_table(chosen[i : i + _BLOCK])) for i in range(0, count, _BLOCK)]
    rates = [decide_rate(blocks, config, n) for n in (1, 2, 2, 1)]
    one = (rates[0] + rates[3]) / 2
    two = (rates[1] + rates[2]) / 2
    return {"papers": count, "one_papers_per_s": one, "two_papers_per_s": two, "two_actors_vs_one": two / one}


def decide_rate(blocks: Sequence[pa.Table], config: ScoreConfig, actors: int) -> float:
    """Papers/s of so many model actors with one thread each, from when each has done a block to the last."""
    connect()
    prepare_context()
    fingerprints = Fingerprints.of(config, config.precision)
    data = ray.data.from_arrow(list(blocks)).map_batches(
        Decide,
        fn_constructor_kwargs={"config": config, "fingerprints": fingerprints, "threads": 1},
        batch_size=None,
        batch_format="pyarrow",
        compute=ActorPoolStrategy(size=actors),
        num_cpus=1,
    )
    done = np.sort([row["seen_at"].timestamp() for row in data.select_columns(["seen_at"]).take_all()])
    first = actors * len(blocks[0])
    return float((len(done) - first) / (done[-1] - done[first - 1]))


def two_nodes(config: ScoreConfig, folder: Path, papers: Sequence[Paper], count: int) -> dict[str, Any]:
    """Two actors of one thread on one node, and on two simulated ones of the same size together.

    The start of a run is included. Ends the cluster at hand.
    """
    corpus = write_corpus(evenly(papers, count), str(folder / "nodes.parquet"))
    took = {}
    for nodes in (1, 2):
        ray.shutdown()
        size = {"num_cpus": 6 // nodes, "object_store_memory": 400_000_000}
        cluster = Cluster(initialize_head=True, head_node_args={**size, "include_dashboard": False})
        try:
            if nodes == 2:
                cluster.add_node(**size)
            ray.init(address=cluster.address, log_to_driver=False, logging_level=logging.ERROR)
            rays = Runs("ray", config, folder, papers, actors=2, threads=1, preparers=1, papers_a_block=8)
            rays.first()  # the first run of a cluster is slower than all others
            took[nodes] = rays.run(corpus)
        finally:
            ray.shutdown()
            cluster.shutdown()  # type: ignore[no-untyped-call]
    return {
        "papers": count,
        "one_node_s": took[1],
        "two_nodes_s": took[2],
        "two_nodes_vs_one": took[2] / took[1],
    }


def driver_memory(
    config: ScoreConfig, folder: Path, papers: Sequence[Paper], first: int, count: int
) -> dict[str, Any]:
    """How much the driver of `count` papers grows from when `first` are staged to when all are, and then in
    the commit, which holds the rows of the tables; in a process of its own."""
    corpus = write_corpus(evenly(papers, count), str(folder / "many.parquet"))
    told = folder / "memory.json"
    given = [corpus, str(folder / "memory"), json.dumps(asdict(config)), str(first), str(told)]
    if ray.is_initialized():
        ray.shutdown()
    subprocess.run([sys.executable, "-c", _DRIVER, *given], check=True)
    return dict(json.loads(told.read_text()), from_papers=first, papers=count)


def watch_driver(corpus: str, out: str, config: str, first: str, told: str) -> None:
    """What the process of `driver_memory` runs: score, look at its own memory twice a second, tell."""
    looks: list[tuple[int, float]] = []
    staged = StagedRows(os.path.join(out, "_staging"))
    done = threading.Event()

    def look() -> None:
        while not done.wait(_LOOK_S):
            looks.append((staged.rows(), _memory_mb()))

    thread = threading.Thread(target=look, daemon=True)
    thread.start()
    summary = score_corpus(corpus, out, ScoreConfig(**json.loads(config)), engine="ray")
    done.set()
    thread.join()
    looks.append((summary.scored, _memory_mb()))
    after = [(rows, mb) for rows, mb in looks if rows >= int(first)]
    then = after[0][1]
    scoring = max((mb for rows, mb in after if rows < summary.scored), default=then)
    most = max(mb for _, mb in after)
    found = {"then_mb": then, "most_mb": most, "growth_mb": scoring - then, "commit_mb": most - scoring}
    Path(told).write_text(json.dumps({**found, "looks": looks[::10]}))


def _memory_mb() -> float:
    return float(psutil.Process().memory_info().rss / 1e6)
