"""`ray job submit` of every job against a head node of its own, as the README says."""

import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil
import pytest

from tdm_ray.store.tables import Store

ROOT = Path(__file__).parents[1]
BIN = Path(sys.executable).parent
# What the tests set for their own Ray, or a user has set for theirs, is not for this one.
ENVIRONMENT = {k: v for k, v in os.environ.items() if not k.startswith("RAY_")} | {
    "RAY_AUTH_MODE": "disabled",
    "RAY_USAGE_STATS_ENABLED": "0",
    "HF_HUB_OFFLINE": "1",
}


def free_ports(count):
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [s.getsockname()[1] for s in sockets]
    for s in sockets:
        s.close()
    return ports


@pytest.fixture
def head():
    """The address of a head node; every port its own, since the agent of another Ray on this machine holds
    52365."""
    port, dashboard, agent, client, metrics = free_ports(5)
    folder = tempfile.mkdtemp(prefix="ray")  # sockets lie in it: their paths may have 107 characters
    process = subprocess.Popen(
        [
            BIN / "ray",
            "start",
            "--head",
            "--block",
            f"--port={port}",
            "--node-ip-address=127.0.0.1",
            "--dashboard-host=127.0.0.1",
            f"--dashboard-port={dashboard}",
            f"--dashboard-agent-listen-port={agent}",
            f"--ray-client-server-port={client}",
            f"--metrics-export-port={metrics}",
            "--num-cpus=4",
            "--object-store-memory=200000000",
            f"--temp-dir={folder}",
        ],
        env=ENVIRONMENT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    yield f"http://127.0.0.1:{dashboard}", f"http://127.0.0.1:{metrics}/metrics"
    for each in [process, *psutil.Process(process.pid).children(recursive=True)]:
        with suppress(psutil.NoSuchProcess):  # it ended with its parent
            each.kill()  # asked to end, it takes half a minute
    process.wait()
    shutil.rmtree(folder, ignore_errors=True)


def submit(address, job, *options):
    """The output of a job; its working directory is `jobs/`, its environment that of the cluster and one
    variable."""
    environment = json.dumps({"env_vars": {"TDM_RAY_TEST": "1"}})
    command = [
        BIN / "ray",
        "job",
        "submit",
        "--address",
        address,
        "--working-dir",
        ROOT / "jobs",
        "--runtime-env-json",
        environment,
        "--",
        sys.executable,
        job,
        *options,
    ]
    deadline = time.monotonic() + 120
    while True:
        done = subprocess.run(
            command, env=ENVIRONMENT, capture_output=True, text=True, check=False, timeout=400
        )
        # Before the head is ready it refuses the connection, or knows of no agent yet.
        if "submitted successfully" in done.stdout or time.monotonic() > deadline:
            break
        time.sleep(1)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@contextmanager
def scraped(url):
    """The lines about tdm_ray of a Prometheus endpoint, looked at while the body runs."""
    found = set()
    stop = threading.Event()

    def look():
        while not stop.wait(0.5):
            with suppress(OSError), urllib.request.urlopen(url, timeout=5) as answer:
                found.update(line for line in answer.read().decode().splitlines() if "tdm_ray" in line)

    thread = threading.Thread(target=look)
    thread.start()
    yield found
    stop.set()
    thread.join()


def options(tiny_model):
    return ("--model", tiny_model, "--threshold", "0.5", "--max-labels", "8")


def test_a_night_under_ray_job_submit(head, jsonl, tiny_model, tmp_path):
    address, metrics = head
    with scraped(metrics) as lines:
        said = submit(address, "nightly.py", jsonl, "--store", tmp_path, *options(tiny_model))
    assert "papers in 12 = scored 12 + rejected 0" in said
    for name in ("papers", "pairs"):
        assert any(line.startswith(f"ray_tdm_ray_{name}_total{{") for line in lines), sorted(lines)
    assert len(Store(str(tmp_path)).read("predictions"))


@pytest.mark.long  # four minutes; the test above is one job of the four
def test_every_job_under_ray_job_submit(head, jsonl, tiny_model, labelled_files, tmp_path):
    address, _ = head
    out = tmp_path / "out"
    store = tmp_path / "store"
    said = submit(address, "score_corpus.py", jsonl, *options(tiny_model), "--out", out)
    assert "papers in 12 = scored 12 + rejected 0" in said
    assert "engine=ray" in said or "RAY_ADDRESS names a cluster" in said
    said = submit(address, "nightly.py", jsonl, "--store", store, *options(tiny_model))
    assert "papers in 12 = scored 12 + rejected 0" in said
    said = submit(address, "nightly.py", jsonl, "--store", store, *options(tiny_model))
    assert "nothing new" in said
    said = submit(
        address,
        "fine_tune.py",
        "--papers",
        labelled_files / "papers.jsonl",
        "--annotations",
        labelled_files / "gold.tsv",
        "--taxonomy",
        labelled_files / "taxonomy.tsv",
        "--base",
        tiny_model,
        "--negatives",
        "2",
        "--out",
        tmp_path / "tuned",
    )
    assert "steps" in said
    assert len(Store(str(out)).read("predictions")) == len(Store(str(store)).read("predictions"))
