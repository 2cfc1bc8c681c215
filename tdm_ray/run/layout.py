"""Divide a cluster between model actors and actors that prepare papers; choose the block size."""

from __future__ import annotations

from dataclasses import dataclass

from ray.data import ActorPoolStrategy

from tdm_ray.config import RayConfig
from tdm_ray.errors import InputError
from tdm_ray.run.cluster import cores, cpus, gpus

_BLOCK = 64
PREPARING = 0.75  # of the cores, beside GPUs, which wait for their papers: a core prepares a dozen a second
_OTHERS = 2  # CPUs: to read, convert and write with


@dataclass(frozen=True)
class Layout:
    """What runs where: `actors` with the model, each with `gpus` and `threads`; `preparers` on CPUs beside
    them."""

    actors: int
    gpus: float
    threads: int | None
    preparers: int
    papers_a_block: int

    def __str__(self) -> str:
        where = f"{self.gpus:g} GPU each" if self.gpus else f"{self.threads} threads each"
        return (
            f"{self.actors} model actor(s), {where}; {self.preparers} preparing; "
            f"blocks of {self.papers_a_block} papers"
        )

    @property
    def pool(self) -> ActorPoolStrategy:
        """The actors that hold the model."""
        return ActorPoolStrategy(size=self.actors)


def layout(config: RayConfig, papers: int | None, *, few: bool = False) -> Layout:
    """The layout for the cluster at hand and a corpus of `papers` (None: not known).

    few: papers are scored for added labels only; the model then has little to do, and preparing gets the
    cores.

    Raises `InputError` where so many actors would hold all CPUs: Ray Data would wait for one to read with,
    for ever."""
    on_gpu = gpus() if config.gpus is None else config.gpus
    each = (1.0 if on_gpu else 0.0) if config.gpus is None else config.gpus
    if each:
        actors = config.actors or max(1, int((gpus() or each) / each))
        threads = None
        wanted = int(PREPARING * cores())
    else:
        actors = config.actors or max(1, cores() // 4)
        # A thread decides a paper of its own. On 2 cores of an AMD EPYC with AVX2, 384 papers took one actor
        # of two threads 84 s, two actors of one, which need twice the memory, 92, the local engine 87.
        threads = config.threads or (1 if few else max(1, cores() // actors))
        # Preparing a paper takes 80 ms of a core, the model 220 (in float32; half of it in bfloat16).
        wanted = cores() if few else min(3 * actors // 2, cores() // 2)
    preparers = config.preparers or max(1, min(wanted, cpus() - actors - _OTHERS))
    if actors + preparers + _OTHERS > cpus():
        raise InputError(
            f"{actors} model actors, {preparers} that prepare papers, and "
            f"{_OTHERS} CPUs to read and write with, are "
            f"more than the cluster's {cpus()} CPUs; give --actors {max(1, cpus() - 1 - _OTHERS)} at most, "
            "or more CPUs"
        )
    return Layout(actors, each, threads, preparers, _block(config, papers, actors))


def _block(config: RayConfig, papers: int | None, actors: int) -> int:
    """The papers of a block: 8 to 64, so that each actor gets eight blocks or more.

    An actor waits until its first block is prepared, and at the end others wait for its last."""
    if config.papers_a_block:
        return config.papers_a_block
    return _BLOCK if papers is None else max(8, min(_BLOCK, papers // (8 * actors)))
