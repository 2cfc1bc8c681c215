"""The cluster a run finds or starts, and how its work is laid out there."""

from __future__ import annotations

import os
from dataclasses import dataclass

# Before ray is imported: its Parquet reader starts 32 actors a read, which starves a small machine.
os.environ.setdefault("RAY_DATA_PARQUET_FOOTER_NUM_ACTORS", "1")
os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")

import ray
from ray.data import ActorPoolStrategy, DataContext

from tdm_ray.config import RayConfig

# A paper takes half a second of two CPU cores at worst; half an hour without a block is a hang, say so earlier.
_NO_PROGRESS_S = 900


@dataclass(frozen=True)
class Layout:
    """What runs where: `actors` with the model, each with `gpus` and `threads`; `preparers` on CPUs beside them."""

    actors: int
    gpus: float
    threads: int | None
    preparers: int

    def __str__(self) -> str:
        where = f"{self.gpus:g} GPU each" if self.gpus else f"{self.threads} threads each"
        return f"{self.actors} model actor(s), {where}; {self.preparers} preparing"

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
        ray.init(log_to_driver=False, logging_level="warning")
    else:
        cpus = max(4, os.cpu_count() or 1)
        ray.init(
            address="local", num_cpus=cpus, include_dashboard=False, log_to_driver=False, logging_level="error",
        )  # fmt: skip


def layout(config: RayConfig) -> Layout:
    """The layout for the cluster at hand."""
    resources = ray.cluster_resources()
    on_gpu = float(resources.get("GPU", 0)) if config.gpus is None else config.gpus
    gpus = (1.0 if on_gpu else 0.0) if config.gpus is None else config.gpus
    # Logical CPUs may exceed the cores of a small machine (see `connect`); threads must not.
    nodes = max(1, sum(node["Alive"] for node in ray.nodes()))
    cores = min(int(resources.get("CPU", 1)), (os.cpu_count() or 1) * nodes)
    if gpus:
        actors = config.actors or max(1, int(resources.get("GPU", gpus) / gpus))
        return Layout(actors, gpus, None, max(1, min(cores // 2, 4 * actors)))
    actors = config.actors or max(1, cores // 4)
    return Layout(actors, 0.0, max(1, cores // actors), max(1, actors // 2))


def quiet_context() -> DataContext:
    """Ray Data's settings for a run: our own progress instead of its bars, a limit to silence."""
    context = DataContext.get_current()
    context.enable_progress_bars = False
    context.print_on_execution_start = False
    context.execution_no_progress_timeout_s = _NO_PROGRESS_S
    return context
