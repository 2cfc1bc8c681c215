"""`ray job submit` against a head node of its own."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
BIN = Path(sys.executable).parent
# What the tests set for their own Ray, or a user has set for theirs, is not for this one.
ENVIRONMENT = {k: v for k, v in os.environ.items() if not k.startswith("RAY_")} | {
    "RAY_AUTH_MODE": "disabled", "RAY_USAGE_STATS_ENABLED": "0", "HF_HUB_OFFLINE": "1"
}  # fmt: skip


def free_ports(count):
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [s.getsockname()[1] for s in sockets]
    for s in sockets:
        s.close()
    return ports


@pytest.fixture
def head():
    """The address of a head node; every port its own, since the agent of another Ray on this machine holds 52365."""
    port, dashboard, agent, client = free_ports(4)
    folder = tempfile.mkdtemp(prefix="ray")  # sockets lie in it: their paths may have 107 characters
    process = subprocess.Popen(
        [BIN / "ray", "start", "--head", "--block", f"--port={port}", "--node-ip-address=127.0.0.1",
         "--dashboard-host=127.0.0.1", f"--dashboard-port={dashboard}", f"--dashboard-agent-listen-port={agent}",
         f"--ray-client-server-port={client}", "--num-cpus=4", "--object-store-memory=200000000",
         f"--temp-dir={folder}"],
        env=ENVIRONMENT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    yield f"http://127.0.0.1:{dashboard}"
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(40)
    except subprocess.TimeoutExpired:
        process.kill()
    shutil.rmtree(folder, ignore_errors=True)


@pytest.mark.slow
def test_score_corpus_under_ray_job_submit(head, jsonl, tiny_model, tmp_path):
    submit = [BIN / "ray", "job", "submit", "--address", head, "--",
              sys.executable, ROOT / "jobs" / "score_corpus.py", jsonl, "--model", tiny_model,
              "--threshold", "0.5", "--asked", "8", "--out", tmp_path / "out"]  # fmt: skip
    deadline = time.monotonic() + 120
    while True:
        done = subprocess.run(submit, env=ENVIRONMENT, capture_output=True, text=True, check=False, timeout=240)
        # Before the head is ready it refuses the connection, or knows of no agent yet.
        if "submitted successfully" in done.stdout or time.monotonic() > deadline:
            break
        time.sleep(1)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "papers in 12 = scored 12 + rejected 0" in done.stdout
