"""Work over many papers on the cores of one machine, for commands that use no Ray."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Sequence
from typing import TypeVar

from joblib import Parallel, delayed

Item = TypeVar("Item")
Result = TypeVar("Result")

# A worker process takes three seconds to start and import; fewer papers than this are done sooner without.
LEAST = 400


def cores() -> int:
    """The cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def over_chunks(
    work: Callable[[Sequence[Item]], list[Result]], items: Sequence[Item], *, size: int = 100, least: int = LEAST
) -> list[Result]:
    """The results of `work` over all items, in order; `work` gets `size` of them at a time, in processes where it pays.

    What `work` holds travels to the processes: large arrays as memory maps, the rest once a chunk.
    """
    if len(items) < least or cores() == 1:
        return work(items)
    chunks = [items[i : i + size] for i in range(0, len(items), size)]
    with warnings.catch_warnings():
        # Said where a process has grown by 100 MB and is started anew, which loses nothing.
        warnings.filterwarnings("ignore", message="A worker stopped while some jobs were given")
        done = Parallel(n_jobs=cores())(delayed(work)(chunk) for chunk in chunks)
    return [result for chunk in done for result in chunk]
