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
_PAPERS_AN_ACTOR = 32  # a further actor starts in 3 s, in which the others decide so many


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
        # Preparing a paper takes half as long as the model. Threads that wait for each other on cores where
        # others prepare are slow, so actors have one each: 384 papers took one actor with two threads 106 s,
        # two with one thread 82 s, the local engine 95 to 104 s, on 2 cores of an AMD EPYC with AVX2.
        wanted = cores() if few else max(1, cores() // 3)
        actors = config.actors or max(1, cores() // 4 if few else _model_actors(config, papers, wanted))
        threads = config.threads or (1 if few else max(1, cores() // actors))
    preparers = config.preparers or max(1, min(wanted, cpus() - actors - _OTHERS))
    if actors + preparers + _OTHERS > cpus():
        raise InputError(
            f"{actors} model actors, {preparers} that prepare papers, and "
            f"{_OTHERS} CPUs to read and write with, are "
            f"more than the cluster's {cpus()} CPUs; give --actors {max(1, cpus() - 1 - _OTHERS)} at most, "
            "or more CPUs"
        )
    return Layout(actors, each, threads, preparers, _block(config, papers, actors))


def _model_actors(config: RayConfig, papers: int | None, preparers: int) -> int:
    """Actors of one thread: one a core, as far as there are CPUs for them and papers enough."""
    free = cpus() - _OTHERS - (config.preparers or preparers)
    most = cores() if papers is None else papers // _PAPERS_AN_ACTOR
    return min(cores(), free, most)


def _block(config: RayConfig, papers: int | None, actors: int) -> int:
    """The papers of a block: 8 to 64, so that each actor gets eight blocks or more.

    An actor waits until its first block is prepared, and at the end others wait for its last."""
    if config.papers_a_block:
        return config.papers_a_block
    return _BLOCK if papers is None else max(8, min(_BLOCK, papers // (8 * actors)))
