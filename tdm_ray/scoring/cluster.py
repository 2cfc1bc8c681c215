"""The cluster a run finds or starts, and how its work is laid out there."""

from __future__ import annotations

import logging
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

# Before ray is imported: its Parquet reader starts 32 actors a read, which starves a small machine.
os.environ.setdefault("RAY_DATA_PARQUET_FOOTER_NUM_ACTORS", "1")
os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")

import ray
from ray.data import ActorPoolStrategy, DataContext

from tdm_ray.config import RayConfig

# A paper takes half a second of two CPU cores at worst; half an hour without a block is a hang, say so earlier.
_NO_PROGRESS_S = 900
_BLOCK = 64


@dataclass(frozen=True)
class Layout:
    """What runs where: `actors` with the model, each with `gpus` and `threads`; `preparers` on CPUs beside them."""

    actors: int
    gpus: float
    threads: int | None
    preparers: int
    papers_a_block: int

    def __str__(self) -> str:
        where = f"{self.gpus:g} GPU each" if self.gpus else f"{self.threads} threads each"
        return (
            f"{self.actors} model actor(s), {where}; {self.preparers} preparing; blocks of {self.papers_a_block} papers"
        )

    @property
    def pool(self) -> ActorPoolStrategy:
        """The actors that hold the model."""
        return ActorPoolStrategy(size=self.actors)


def connect() -> None:
    """Join the cluster named by RAY_ADDRESS (a job finds its own), else start one on this machine.

    A local one has at least four logical CPUs: reading, preparing, scoring and writing hold one each, and Ray Data
    waits for ever where actors hold them all.
    """
    if ray.is_initialized():
        return
    if os.environ.get("RAY_ADDRESS"):
        ray.init(log_to_driver=False, logging_level=logging.WARNING)
    else:
        # Each actor pool makes Ray print an error about constructor arguments that have never been lost (issue 53727).
        os.environ.setdefault("RAY_BACKEND_LOG_LEVEL", "fatal")
        cpus, level = max(4, os.cpu_count() or 1), logging.ERROR
        with _without_note_on_its_log_level():
            ray.init(address="local", num_cpus=cpus, include_dashboard=False, log_to_driver=False, logging_level=level)


@contextmanager
def _without_note_on_its_log_level() -> Iterator[None]:
    """Ray's C++ part tells standard error that a log level was set; all else it says while it starts is passed on."""
    kept = os.dup(2)
    with tempfile.TemporaryFile() as said:
        os.dup2(said.fileno(), 2)
        try:
            yield
        finally:
            os.dup2(kept, 2)
            os.close(kept)
            said.seek(0)
            os.write(2, b"".join(line for line in said if b"RAY_BACKEND_LOG_LEVEL" not in line))


def layout(config: RayConfig, papers: int | None) -> Layout:
    """The layout for the cluster at hand and a corpus of `papers` (None: not known)."""
    resources = ray.cluster_resources()  # type: ignore[no-untyped-call]
    on_gpu = float(resources.get("GPU", 0)) if config.gpus is None else config.gpus
    gpus = (1.0 if on_gpu else 0.0) if config.gpus is None else config.gpus
    # Logical CPUs may exceed the cores of a small machine (see `connect`); threads must not.
    nodes = max(1, sum(node["Alive"] for node in ray.nodes()))  # type: ignore[no-untyped-call]
    cores = min(int(resources.get("CPU", 1)), (os.cpu_count() or 1) * nodes)
    if gpus:
        actors = config.actors or max(1, int(resources.get("GPU", gpus) / gpus))
        return Layout(actors, gpus, None, max(1, min(cores // 2, 4 * actors)), _block(config, papers, actors))
    actors = config.actors or max(1, cores // 4)
    return Layout(actors, 0.0, max(1, cores // actors), max(1, actors // 2), _block(config, papers, actors))


def _block(config: RayConfig, papers: int | None, actors: int) -> int:
    """Four blocks an actor at least, of 8 to 64 papers."""
    if config.papers_a_block:
        return config.papers_a_block
    return _BLOCK if papers is None else max(8, min(_BLOCK, papers // (4 * actors)))


def prepare_context() -> None:
    """Ray Data's settings for a run: our own progress instead of its bars, a limit to silence.

    To be called before a dataset is made, which takes a copy.
    """
    logging.getLogger("ray.data").setLevel(logging.WARNING)
    logging.getLogger("ray.data._internal.progress").setLevel(logging.ERROR)  # says that its bars are off
    context = DataContext.get_current()
    context.enable_progress_bars = False
    context.print_on_execution_start = False
    context.execution_no_progress_timeout_s = _NO_PROGRESS_S
