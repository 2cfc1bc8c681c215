"""Work on many papers in several processes of one machine, for commands that use no Ray."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Sequence
from typing import TypeVar

from joblib import Parallel, delayed

from tdm_ray.progress import step

Item = TypeVar("Item")
Result = TypeVar("Result")

# A worker process takes three seconds to start and import; fewer papers than this are done sooner without.
LEAST = 400
_MANY_ROWS = 20_000


def cores() -> int:
    """The cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def tree_threads(rows: int) -> int:
    """The threads with which LightGBM fits trees to so many rows; their number changes no tree.

    On few rows a second one saves no time (1,296 rows: 0.21 s with one and with two, on two idle cores). It
    takes its core time, and on cores that others use too it is waited for."""
    return cores() if rows >= _MANY_ROWS else 1


def over_chunks(
    work: Callable[[Sequence[Item]], list[Result]],
    items: Sequence[Item],
    *,
    what: str = "items",
    size: int = 100,
    least: int = LEAST,
) -> list[Result]:
    """The results of `work` over all items, in order; `work` gets `size` of them at a time, in processes
    where it pays.

    What `work` holds travels to the processes: large arrays as memory maps, the rest once a chunk. `what`
    names the items in the progress that is shown where it takes long."""
    chunks = [items[start : start + size] for start in range(0, len(items), size)]
    alone = len(items) < least or cores() == 1
    results: list[Result] = []
    with step(what, len(items)) as counter, warnings.catch_warnings():
        # Said where a process has grown by 100 MB and is started anew, which loses nothing.
        warnings.filterwarnings("ignore", message="A worker stopped while some jobs were given")
        done = map(work, chunks) if alone else _in_processes(work, chunks)
        for chunk, results_of_chunk in zip(chunks, done, strict=True):
            results += results_of_chunk
            counter.add(len(chunk))
    return results


def _in_processes(
    work: Callable[[Sequence[Item]], list[Result]], chunks: Sequence[Sequence[Item]]
) -> list[list[Result]]:
    results: list[list[Result]] = Parallel(n_jobs=cores(), return_as="generator")(
        delayed(work)(chunk) for chunk in chunks
    )
    return results
