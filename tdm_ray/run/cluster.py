"""Join a Ray cluster or start a local one, count its cores and GPUs, run functions on its nodes."""

from __future__ import annotations

import logging
import os
import socket
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TypeVar

# Before ray is imported: its Parquet reader starts 32 actors a read, which starves a small machine.
os.environ.setdefault("RAY_DATA_PARQUET_FOOTER_NUM_ACTORS", "1")
os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")

import ray
from ray.data import DataContext

T = TypeVar("T")
_STARTS = 3
_NO_PROGRESS_S = 900.0  # without a block in that time something hangs


def connect() -> None:
    """Join the cluster named by RAY_ADDRESS (a job finds its own), else start one on this machine.

    A local one has at least five logical CPUs: two model actors, one that prepares, and tasks that read and
    write hold one each, and Ray Data waits for ever where actors hold them all."""
    if ray.is_initialized():
        return
    if os.environ.get("RAY_ADDRESS"):
        ray.init(log_to_driver=False, logging_level=logging.WARNING)
    else:
        # Each actor pool makes Ray print an error about constructor arguments that have never been lost
        # (issue 53727).
        os.environ.setdefault("RAY_BACKEND_LOG_LEVEL", "fatal")
        logical = max(5, os.cpu_count() or 1)
        with _without_note_on_its_log_level():
            _start(logical)


def _start(cpus: int) -> None:
    """Start a local cluster, again where it is not up in the 30 s that Ray gives it: on a busy machine."""
    for attempt in range(1, _STARTS + 1):
        try:
            ray.init(
                address="local",
                num_cpus=cpus,
                include_dashboard=False,
                log_to_driver=False,
                logging_level=logging.ERROR,
            )
            return
        except Exception as error:
            if attempt == _STARTS or "timed out during startup" not in str(error):
                raise
            ray.shutdown()


@contextmanager
def _without_note_on_its_log_level() -> Iterator[None]:
    """Hide Ray's note that a log level was set; pass on all else that it prints while it starts."""
    kept = os.dup(2)
    with tempfile.TemporaryFile() as startup_output:
        os.dup2(startup_output.fileno(), 2)
        try:
            yield
        finally:
            os.dup2(kept, 2)
            os.close(kept)
            startup_output.seek(0)
            os.write(2, b"".join(line for line in startup_output if b"RAY_BACKEND_LOG_LEVEL" not in line))


def prepare_context(slowest_block_s: float = 0.0) -> None:
    """Set up Ray Data for a run: no progress bars, and an error where nothing happens for too long.

    slowest_block_s: how long one block may take at most while every paper keeps its own time limit.
    Call it before a dataset is made: the dataset takes a copy of the settings."""
    logging.getLogger("ray.data").setLevel(logging.WARNING)
    logging.getLogger("ray.data._internal.progress").setLevel(logging.ERROR)  # says that its bars are off
    context = DataContext.get_current()
    context.enable_progress_bars = False
    context.print_on_execution_start = False
    context.execution_no_progress_timeout_s = max(_NO_PROGRESS_S, 1.25 * slowest_block_s)


def over_cluster(work: Callable[[Sequence[str]], list[int]], parts: list[str]) -> list[int]:
    """`work` on each part, a task of one CPU each, wherever the cluster has room; results in order."""
    connect()
    held = ray.put(work)
    waiting = [_one_part.remote(held, part) for part in parts]
    return [result for results in ray.get(waiting) for result in results]


@ray.remote(num_cpus=1)
def _one_part(work: Callable[[Sequence[str]], list[int]], part: str) -> list[int]:
    return work([part])


def cores() -> int:
    """The CPU cores of all nodes; a small machine's logical CPUs exceed them (see `connect`), threads must
    not."""
    this_host = socket.gethostname()
    most = os.cpu_count() or 1
    nodes = [node for node in ray.nodes() if node["Alive"]]  # type: ignore[no-untyped-call]
    given = [(node["NodeManagerHostname"], int(node["Resources"].get("CPU", 0))) for node in nodes]
    return max(1, sum(min(count, most) if host == this_host else count for host, count in given))


def cpus() -> int:
    """The logical CPUs of all nodes; actors hold theirs as long as they live."""
    return int(ray.cluster_resources().get("CPU", 1))  # type: ignore[no-untyped-call]


def gpus() -> float:
    """The GPUs of all nodes."""
    return float(ray.cluster_resources().get("GPU", 0))  # type: ignore[no-untyped-call]


def on_a_worker(do: Callable[[], T], *, gpu: bool = False) -> T:
    """What `do` returns on some node of the cluster, with a GPU where asked for."""
    task = ray.remote(num_cpus=1, num_gpus=1 if gpu else 0)(do)
    result: T = ray.get(task.remote())
    return result
