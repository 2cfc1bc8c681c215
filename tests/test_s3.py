"""Object storage: the same results from and to `s3://` as locally, also where the store fails now and then.

The store is moto's server, a real S3 protocol server, on loopback; between it and us stands a proxy that
answers some requests with 500 or 503 and cuts some bodies in the middle."""

import contextlib
import json
import re
import socket
import socketserver
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

import fsspec
import pytest
from conftest import write_store
from eprints import EPRINTS, REJECTED
from test_corpus import write_manifest, write_tar
from test_docs import BLOCKS, run_block, with_s3
from test_store import read_beside_nights, take_together

from benchmarks.chaos.driver import Driver
from benchmarks.chaos.game import Game, play
from benchmarks.compare import compare_runs
from tdm_ray.classify.resources import Resources
from tdm_ray.config import DatasetConfig, ScoreConfig
from tdm_ray.errors import BusyError, InputError
from tdm_ray.papers.read import read_papers
from tdm_ray.records import PAPERS, REJECTS, TDM_COLUMNS
from tdm_ray.run.ingest import ingest_corpus
from tdm_ray.run.run import run_night, score_corpus
from tdm_ray.storage import list_files, open_file, read_table
from tdm_ray.store.lease import lease
from tdm_ray.store.tables import Store
from tdm_ray.training.dataset import create_dataset
from tdm_ray.website.build import build_site

SECRET = "Secret/Of+TheTests"
_FILES = 5


class Faults(socketserver.BaseRequestHandler):
    """Passes bytes on; of the GETs for a tar or a Parquet file the 1st is answered 503, the 2nd 500, the 3rd
    is cut."""

    upstream = 0
    seen: dict[str, int] = {}  # noqa: RUF012
    done: dict[str, int] = {"503": 0, "500": 0, "cut": 0}  # noqa: RUF012
    on = False
    away_until = 0.0
    refused = 0
    lock = threading.Lock()

    def handle(self):
        self.cut = False
        if time.monotonic() < Faults.away_until:
            Faults.refused += 1
            return  # closed without a word
        with socket.create_connection(("127.0.0.1", self.upstream)) as server:
            back = threading.Thread(target=self.back, args=(server,), daemon=True)
            back.start()
            with contextlib.suppress(OSError):
                while data := self.request.recv(1 << 16):
                    fault = self.fault(data)
                    if fault in ("503", "500"):
                        self.done[fault] += 1
                        self.request.sendall(
                            f"HTTP/1.1 {fault} Oh\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".encode()
                        )
                        break
                    self.cut = fault == "cut"
                    server.sendall(data)
            with contextlib.suppress(OSError):
                server.shutdown(socket.SHUT_RDWR)
            back.join()

    def back(self, server):
        with contextlib.suppress(OSError):
            while data := server.recv(1 << 16):
                if self.cut and b"\r\n\r\n" in data:
                    self.done["cut"] += 1
                    head, _, body = data.partition(b"\r\n\r\n")
                    self.request.sendall(head + b"\r\n\r\n" + body[: len(body) // 2])
                    self.request.shutdown(socket.SHUT_RDWR)
                    return
                self.request.sendall(data)

    def fault(self, data):
        """What befalls a request that begins here; a GET has no body, so its head begins what is received."""
        wanted = re.match(rb"GET (/\S+\.(?:tar|parquet))\S* HTTP", data) if self.on else None
        if not wanted:
            return None
        with self.lock:
            if wanted[1] not in self.seen and len(self.seen) == _FILES:
                return None  # each retry waits: with all files this takes a minute
            number = self.seen[wanted[1]] = self.seen.get(wanted[1], 0) + 1
        return {1: "503", 2: "500", 3: "cut"}.get(number)


@pytest.fixture(scope="module")
def store():
    """The bucket's URL; the environment names the endpoint and the keys, as a user's would."""
    patch = pytest.MonkeyPatch()
    proxy = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Faults)
    proxy.daemon_threads = True
    with subprocess.Popen(
        [Path(sys.executable).parent / "moto_server", "-H", "127.0.0.1", "-p", "0"],
        stderr=subprocess.PIPE,
        text=True,
    ) as moto:
        Faults.upstream = int(
            re.search(r":(\d+)\s*$", next(line for line in moto.stderr if "Running on" in line))[1]
        )
        threading.Thread(target=moto.stderr.read, daemon=True).start()
        threading.Thread(target=proxy.serve_forever, daemon=True).start()
        patch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{proxy.server_address[1]}")
        patch.setenv("AWS_ACCESS_KEY_ID", "testing")
        patch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
        patch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        fsspec.filesystem("s3").mkdir("tdm-ray-tests")
        yield "s3://tdm-ray-tests"
        moto.terminate()
    proxy.shutdown()
    patch.undo()


@pytest.fixture
def direct(store, monkeypatch):
    """The store past the proxy, which is of this process: delta-rs holds the interpreter's lock now and
    then."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{Faults.upstream}")
    return store


@pytest.fixture(scope="module")
def dump(tmp_path_factory, store):
    """A dump here and the same in the store."""
    folder = tmp_path_factory.mktemp("dump")
    tars = {}
    for number in (1, 2):
        path = folder / f"arXiv_src_240{number}_001.tar"
        members = {
            f"240{number}/240{number}.{i:05d}.gz": e.packed for i, e in enumerate(list(EPRINTS.values())[:10])
        }
        members |= {
            f"240{number}/240{number}.{100 + i}.gz": data for i, (data, _) in enumerate(REJECTED.values())
        }
        write_tar(path, members)
        tars[path] = len(members)
    write_manifest(folder / "arXiv_src_manifest.xml", tars)
    fsspec.filesystem("s3").put(f"{folder}/", f"{store}/src/", recursive=True)
    return folder


def rows(out):
    papers = read_table(f"{out}/papers", PAPERS).sort_by("paper_id")
    rejects = read_table(f"{out}/rejects", REJECTS).sort_by("paper_id").drop_columns(["seen_at"])
    where = [re.sub(r"^.*src_", "", place) for place in rejects["location"].to_pylist()]
    return papers.to_pylist(), rejects.drop_columns(["location"]).to_pylist(), sorted(where)


def test_the_same_from_s3_as_from_files_while_the_store_fails(store, dump, tmp_path):
    local = ingest_corpus(str(dump), str(tmp_path / "out"), engine="local")
    Faults.on = True
    try:
        remote = ingest_corpus(f"{store}/src", f"{store}/out", engine="local")
        assert (remote.papers, remote.read, remote.rejected) == (local.papers, local.read, local.rejected)
        assert rows(f"{store}/out") == rows(tmp_path / "out")
    finally:
        Faults.on = False
    assert min(Faults.done.values()) >= 3, Faults.done
    assert "checksum" not in remote.rejected
    left = [f for f in list_files(f"{store}/out") if "_staging" in f or "_commit" in f]
    assert not left
    assert ingest_corpus(f"{store}/src", f"{store}/out", engine="local").already_done


def test_json_lines_are_read_from_a_bucket(store, jsonl):
    """Files of object stores have no `readline(size)`."""
    for name in ("papers.jsonl", "papers.ndjson"):
        fsspec.filesystem("s3").put(str(jsonl), f"{store}/lines/{name}")
        found = list(read_papers(f"{store}/lines/{name}"))
        assert [reading.paper for reading in found] == [reading.paper for reading in read_papers(str(jsonl))]


RUN = """
import sys
from tdm_ray.cli import main
main()
"""


def command(*arguments):
    """The command line in a process of its own: its Ray's workers know the store by the environment."""
    done = subprocess.run(
        [sys.executable, "-c", RUN, *map(str, arguments)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.long  # Ray and buckets are each tested in CI
def test_a_ray_run_in_the_store_is_that_of_a_folder(direct, dump, tiny_model, tmp_path):
    """From a tar in a bucket into a store in a bucket, by the Ray engine; here by the local one."""
    options = ("--model", tiny_model, "--threshold", "0.5", "--max-labels", "4")
    tar = "arXiv_src_2401_001.tar"
    said = command("score", f"{direct}/src/{tar}", "--out", f"{direct}/scores", "--engine", "ray", *options)
    here = score_corpus(str(dump / tar), str(tmp_path / "out"), config_of(tiny_model), engine="local")
    assert f"papers in {here.papers} = scored {here.scored}" in said
    found, wanted = (
        Store(root).snapshot().read("predictions").drop_columns(["scored_at"]).sort_by(ORDER).to_pylist()
        for root in (f"{direct}/scores", str(tmp_path / "out"))
    )
    assert found == wanted
    assert len(found)


def config_of(model):
    return ScoreConfig(model=model, max_labels=4, threshold=0.5)


ORDER = [(name, "ascending") for name in ("paper_id", *TDM_COLUMNS)]


@pytest.mark.long
def test_a_training_goes_to_the_store_and_scores_from_there(direct, tiny_model, labelled_files):
    """Data set, Ray Train's checkpoints and the result are all in the store."""
    files = [str(labelled_files / name) for name in ("papers.jsonl", "gold.tsv", "taxonomy.tsv")]
    create_dataset(
        [files[0]], [files[1]], files[2], f"{direct}/pairs", DatasetConfig(folds=1, allowed_unknown=0)
    )
    train = (
        "train",
        f"{direct}/pairs",
        "--base",
        tiny_model,
        "--out",
        f"{direct}/ck",
        "--checkpoint-steps",
        "20",
    )
    first = command(*train, "--json")
    left = sorted(f.rpartition("/ck/")[2] for f in list_files(f"{direct}/ck"))
    assert {"model.safetensors", "training.json"} <= set(left)
    assert not [name for name in left if name.startswith("run/")]
    assert command(*train, "--json") == first
    assert Resources.of(ScoreConfig(model=f"{direct}/ck")).checkpoint.learnt_from


def test_nights_in_the_store_are_those_of_a_folder(direct, jsonl, tiny_model, own_taxonomy, tmp_path):
    config = replace(config_of(tiny_model), taxonomy=own_taxonomy)
    here, there = (
        run_night(str(jsonl), place, config, engine="local").run
        for place in (str(tmp_path), f"{direct}/nights")
    )
    assert (here["scored"], here["predictions"]) == (there["scored"], there["predictions"])
    assert not any(compare_runs(str(tmp_path), f"{direct}/nights")[0].values())
    versions = Store(f"{direct}/nights").versions()
    assert run_night(str(jsonl), f"{direct}/nights", config, engine="local").run["outcome"] == "nothing new"
    assert Store(f"{direct}/nights").versions() == versions
    with lease(f"{direct}/nights", "other"), pytest.raises(BusyError, match=r"run other .* is at work"):
        run_night(str(jsonl), f"{direct}/nights", config, engine="local")


def test_of_many_that_want_the_lease_of_a_bucket_one_gets_it(direct):
    got, busy = take_together(f"{direct}/leases", 6)
    assert (len(got), len(busy)) == (1, 5)


@pytest.mark.long
def test_readers_of_a_bucket_see_a_whole_run_or_nothing_of_it(direct):
    # Four minutes: a read is forty requests, and moto is slow. Each night makes reads slower: not too many of
    # them.
    assert len(read_beside_nights(Store(f"{direct}/readers"), 200, pause=4)) > 5


@pytest.mark.long
def test_a_night_bears_half_a_minute_without_the_store(store, jsonl, tiny_model, tmp_path, monkeypatch):
    options = ["--model", tiny_model, "--max-labels", "4", "--threshold", "0.5"]
    calm = Driver([str(jsonl), "--store", str(tmp_path), *options], "")
    assert calm.end(300) == 0, calm.said
    driver = Driver([str(jsonl), "--store", f"{store}/outage", *options], "")
    assert driver.wait_for(lambda event: event["event"] == "scoring", 120), driver.said
    Faults.away_until = time.monotonic() + 30
    assert driver.end(400) == 0, driver.said
    assert Faults.refused > 0
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{Faults.upstream}")  # see `direct`
    assert not any(compare_runs(str(tmp_path), f"{store}/outage")[0].values())


@pytest.mark.long
def test_nights_in_a_bucket_that_are_killed_end_as_if_they_were_not(direct, tiny_model, tmp_path):
    options = ("--model", tiny_model, "--threshold", "0.5", "--max-labels", "4")
    found = play(f"{direct}/chaos", tmp_path, 3, Game(options=options, papers=18, new=12))
    assert found["kills"] >= 3
    assert (found["lost"], found["duplicated"], found["identical"]) == (0, 0, True)


@pytest.mark.long
def test_the_block_of_the_readme_reads_a_bucket(direct, dump, tmp_path):
    for bucket in ("arxiv", "mine"):
        fsspec.filesystem("s3").mkdir(bucket)
    fsspec.filesystem("s3").put(f"{dump}/", "s3://arxiv/src/", recursive=True)
    first = {
        "title": "T",
        "abstract": "A",
        "versions": [{"version": "v1", "created": "Mon, 1 Jan 2024 00:00:00 GMT"}],
    }
    rows = ({**first, "id": f"2401.{n:05d}", "categories": ("math.CO", "cs.CL")[n % 2]} for n in range(10))
    (tmp_path / "arxiv-metadata-oai-snapshot.json").write_text(
        "".join(json.dumps(row) + "\n" for row in rows)
    )
    (block,) = (block for _, block in BLOCKS if with_s3(block))
    run_block(block, tmp_path, FSSPEC_S3_REQUESTER_PAYS="true")
    papers = read_table("s3://mine/corpus/papers", PAPERS)
    assert len(papers)
    assert {category for found in papers["categories"].to_pylist() for category in found} == {"cs.CL"}


def test_a_site_in_a_bucket_is_told_what_its_files_are(direct, tmp_path):
    from test_website import ROWS

    write_store(tmp_path, leaderboards=ROWS)
    here = build_site(str(tmp_path), str(tmp_path / "site"))
    there = build_site(str(tmp_path), f"{direct}/site")
    assert here.written == there.written
    fs = fsspec.filesystem("s3")
    for name, kind in (
        ("index.html", "text/html"),
        ("static/site.css", "text/css"),
        ("static/site.js", "text/javascript"),
    ):
        assert fs.info(f"{direct}/site/{name}")["ContentType"] == kind
        assert fs.cat(f"{direct}/site/{name}") == (tmp_path / "site" / name).read_bytes()
    write_store(tmp_path, "next", leaderboards=ROWS[:1])
    assert build_site(str(tmp_path), f"{direct}/site").removed > 0
    assert len(fs.ls(f"{direct}/site/boards")) == 3


def test_reading_without_ray(store, dump):
    assert [r.paper or r.reason for r in read_papers(f"{store}/src")] == [
        r.paper or r.reason for r in read_papers(str(dump))
    ]


def test_no_secret_in_what_is_said(store, monkeypatch):
    with pytest.raises(InputError) as missing:
        list(read_papers(f"{store}/nowhere"))
    assert SECRET not in str(missing.value)
    assert "no such file or folder" in str(missing.value)
    with pytest.raises(InputError) as forbidden:
        list(read_papers("s3://no-such-bucket-of-ours/src"))
    assert SECRET not in str(forbidden.value)
    for name in ("AWS_SECRET_ACCESS_KEY", "AWS_ACCESS_KEY_ID"):
        monkeypatch.delenv(name)
    fsspec.filesystem("s3").clear_instance_cache()
    with pytest.raises(InputError, match="check the credentials"):
        list(read_papers(f"{store}/src"))
    monkeypatch.undo()
    fsspec.filesystem("s3").clear_instance_cache()
    with open_file(f"{store}/x.txt", "wb") as file:
        file.write(b"x")
    started = time.monotonic()
    assert list_files(f"{store}/x.txt") == [f"{store}/x.txt"]
    assert time.monotonic() - started < 30
