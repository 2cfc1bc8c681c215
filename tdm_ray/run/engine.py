"""Choose the engine that runs the stages: Ray for a cluster or many papers, else this process."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import fsspec

from tdm_ray.config import ENGINES, RayConfig
from tdm_ray.errors import InputError
from tdm_ray.papers.splits import InputSplit, count_papers
from tdm_ray.parallel import over_chunks
from tdm_ray.run.local_engine import LocalEngine
from tdm_ray.run.work import Engine
from tdm_ray.storage import join, remove_folder

FEW_PAPERS = 16  # a local Ray starts in 20 s, in which this process scores as many
_FEW_BYTES = 1_000_000  # where only reading will tell how many papers there are


def choose_engine(
    wanted: str, splits: Sequence[InputSplit], ray_config: RayConfig | None = None
) -> tuple[Engine, str]:
    """The engine for these input splits, and why: `wanted` is one of `ENGINES`.

    Raises `InputError` for another name.
    """
    if wanted not in ENGINES:
        raise InputError(f"--engine {wanted}: choose one of {', '.join(ENGINES)}")
    name, reason = (wanted, "as asked for") if wanted != "auto" else _automatic(splits)
    if name == "local":
        blocks = ray_config.papers_a_block if ray_config else None
        return LocalEngine(papers_a_block=blocks, threads=ray_config.threads if ray_config else None), reason
    from tdm_ray.run.ray_engine import RayEngine  # Ray takes seconds to import

    return RayEngine(ray_config), reason


def _automatic(splits: Sequence[InputSplit]) -> tuple[str, str]:
    if os.environ.get("RAY_ADDRESS"):
        return "ray", "RAY_ADDRESS names a cluster"
    papers = count_papers(splits)
    if papers is not None:
        few = papers <= FEW_PAPERS
        return ("local" if few else "ray"), f"papers: {papers:,}; up to {FEW_PAPERS} are done in this process"
    size = sum(_size(path) for split in splits for path in split.paths)
    few = size <= _FEW_BYTES
    reason = f"{size / 1e3:,.0f} kB of papers; up to {_FEW_BYTES / 1e3:,.0f} kB are done in this process"
    return ("local" if few else "ray"), reason


def _size(path: str) -> int:
    fs, inner = fsspec.core.url_to_fs(path)
    return int(fs.size(inner) or 0)


def over_parts(do: Callable[[Sequence[str]], list[Any]], parts: Sequence[str]) -> list[Any]:
    """The results of `do` for some files: on the cluster that RAY_ADDRESS names, else in processes here."""
    if not os.environ.get("RAY_ADDRESS"):
        return over_chunks(do, parts, what="parts ranked", size=1, least=2)
    from tdm_ray.run.cluster import over_cluster

    return over_cluster(do, list(parts))


@contextmanager
def parts_folder(root: str, run_id: str) -> Iterator[str]:
    """A folder for the parts: in the store where a cluster has to reach it, else on this machine."""
    if not os.environ.get("RAY_ADDRESS"):
        with tempfile.TemporaryDirectory() as place:
            yield place
        return
    place = join(root, "_staging", f"ranking-{run_id}")
    try:
        yield place
    finally:
        remove_folder(place)
