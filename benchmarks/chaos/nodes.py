"""A cluster of several nodes on one machine, whose actors and nodes can be killed."""

from __future__ import annotations

import random
import time
from types import TracebackType
from typing import Any

import psutil
from ray.cluster_utils import Cluster

_STORE_MB = 150
_WAIT_S = 60.0


class Nodes:
    """A head without CPUs and two workers with `cpus` each; as a context."""

    def __init__(self, *, workers: int = 2, cpus: int = 4) -> None:
        self._many = workers
        self._cpus = cpus

    def __enter__(self) -> Nodes:
        head = {"num_cpus": 0, "object_store_memory": _STORE_MB << 20, "include_dashboard": False}
        self._cluster = Cluster(initialize_head=True, head_node_args=head)
        self._workers = [self._add() for _ in range(self._many)]
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._cluster.shutdown()  # type: ignore[no-untyped-call]

    @property
    def address(self) -> str:
        """What a driver is given as RAY_ADDRESS."""
        return str(self._cluster.address)

    def kill_actor(self, chance: random.Random) -> str | None:
        """Kill a process that holds a stage; None where there is none now."""
        found = [process for process in self._processes() if _title(process).startswith("ray::MapWorker")]
        if not found:
            return None
        victim = chance.choice(found)
        title = _title(victim)
        try:
            victim.kill()
        except psutil.NoSuchProcess:
            return None
        return title

    def kill_node(self, chance: random.Random) -> str:
        """Kill a worker node with all that runs on it, and start another."""
        victim = chance.choice(self._workers)
        self._cluster.remove_node(victim, allow_graceful=False)
        self._workers.remove(victim)
        self._workers.append(self._add())
        return str(victim.unique_id)

    def settle(self) -> None:
        """Wait until no driver's processes are left: the next driver finds the cluster as the first did."""
        deadline = time.monotonic() + _WAIT_S
        while time.monotonic() < deadline:
            if not any(map(_at_work, self._processes())):
                return
            time.sleep(0.2)

    def _add(self) -> Any:
        return self._cluster.add_node(num_cpus=self._cpus, object_store_memory=_STORE_MB << 20)

    def _processes(self) -> list[psutil.Process]:
        """Those that the workers' nodes have started; there may be another Ray on this machine."""
        found = []
        for node in self._workers:
            for started in node.all_processes.get("raylet", ()):
                try:
                    found += psutil.Process(started.process.pid).children(recursive=True)
                except psutil.NoSuchProcess:
                    continue
        return found


def _at_work(process: psutil.Process) -> bool:
    """Whether it works for a driver: agents, idle workers and Ray's own actors (`ray::_StatsActor`) stay."""
    title = _title(process)
    return (
        title.startswith("ray::")
        and not title.startswith(("ray::_", "ray::IDLE"))
        and not title.endswith("Agent")
    )


def _title(process: psutil.Process) -> str:
    try:
        return (process.cmdline() or [""])[0]
    except psutil.Error:
        return ""
