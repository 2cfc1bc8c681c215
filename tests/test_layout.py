"""How a run is laid out on clusters of different sizes."""

import pytest

from tdm_ray.config import RayConfig
from tdm_ray.errors import InputError
from tdm_ray.run import cluster
from tdm_ray.run import layout as module
from tdm_ray.run.layout import layout


@pytest.fixture
def machine(monkeypatch):
    def machine(cores, cpus, gpus):
        for name, value in (("cores", cores), ("cpus", cpus), ("gpus", gpus)):
            monkeypatch.setattr(module, name, lambda value=value: value)

    return machine


@pytest.mark.parametrize(
    ("cores", "cpus", "gpus", "asked", "expected"),
    [
        (2, 5, 0, RayConfig(), (1, 2, 1)),
        (2, 5, 0, RayConfig(actors=2), (2, 1, 1)),
        (2, 5, 0, RayConfig(actors=2, threads=3), (2, 3, 1)),
        (16, 16, 0, RayConfig(), (4, 4, 6)),
        (16, 16, 1, RayConfig(), (1, None, 12)),
        (96, 96, 8, RayConfig(), (8, None, 72)),
        (96, 96, 8, RayConfig(gpus=0.5), (16, None, 72)),
        (4, 4, 1, RayConfig(), (1, None, 1)),
        (16, 16, 1, RayConfig(gpus=0), (4, 4, 6)),
        (16, 16, 0, RayConfig(preparers=3), (4, 4, 3)),
    ],
)
def test_actors_threads_and_preparers(machine, cores, cpus, gpus, asked, expected):
    """Two CPUs are always left: to read and write, and to resume."""
    machine(cores, cpus, gpus)
    found = layout(asked, 10_000)
    assert (found.actors, found.threads, found.preparers) == expected
    assert found.actors + found.preparers <= cpus - 2


def test_actors_that_would_hold_every_cpu_are_refused(machine):
    machine(8, 8, 0)
    with pytest.raises(InputError, match="more than the cluster's 8 CPUs; give --actors 5 at most"):
        layout(RayConfig(actors=8), None)
    machine(1, 1, 0)
    with pytest.raises(InputError, match="or more CPUs"):
        layout(RayConfig(), None)


def test_cores_of_other_machines_are_not_counted_by_this_ones(monkeypatch):
    """A small head beside large workers: its own cores are no limit to theirs; logical CPUs of one machine
    have one."""
    nodes = [("here", 16, True), ("large", 32, True), ("large2", 32, True), ("dead", 64, False)]
    told = [{"NodeManagerHostname": h, "Resources": {"CPU": float(c)}, "Alive": a} for h, c, a in nodes]
    monkeypatch.setattr("tdm_ray.run.cluster.ray.nodes", lambda: told)
    monkeypatch.setattr("tdm_ray.run.cluster.socket.gethostname", lambda: "here")
    monkeypatch.setattr("tdm_ray.run.cluster.os.cpu_count", lambda: 4)
    assert cluster.cores() == 4 + 32 + 32


def test_where_few_labels_are_asked_about_the_cores_prepare(machine):
    machine(2, 5, 0)
    found = layout(RayConfig(), 10_000, few=True)
    assert (found.preparers, found.threads) == (2, 1)


@pytest.mark.parametrize(
    ("failures", "error"), [(0, None), (2, None), (3, "timed out during startup"), (1, "no memory")]
)
def test_a_local_cluster_that_is_not_up_in_time_is_started_again(monkeypatch, failures, error):
    """Ray gives a node 30 s; another error is not tried again."""
    text = error or "The current node timed out during startup."
    starts = []

    def init(**arguments):
        starts.append(arguments)
        if len(starts) <= failures:
            raise RuntimeError(text)

    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    monkeypatch.setattr("tdm_ray.run.cluster.ray.is_initialized", lambda: False)
    monkeypatch.setattr("tdm_ray.run.cluster.ray.init", init)
    monkeypatch.setattr("tdm_ray.run.cluster.ray.shutdown", lambda: None)
    if error:
        with pytest.raises(RuntimeError, match=error):
            cluster.connect()
    else:
        cluster.connect()
    assert len(starts) == (failures if error else failures + 1)
    assert all(start["address"] == "local" for start in starts)
