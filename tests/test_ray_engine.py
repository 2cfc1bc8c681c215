"""The Ray engine on a real local Ray: the same rows as the local engine, through deaths and kills."""

import io
import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from conftest import write_papers

from tdm_ray.classify.resources import Resources
from tdm_ray.config import RayConfig, ScoreConfig
from tdm_ray.demo import demo_papers
from tdm_ray.papers.read import read_papers
from tdm_ray.papers.splits import find_splits
from tdm_ray.papers.table import readings_table
from tdm_ray.records import OUTCOMES, PREDICTIONS, READINGS, Reading
from tdm_ray.run.engine import choose_engine
from tdm_ray.run.log import Log
from tdm_ray.run.outcomes import prediction_rows
from tdm_ray.run.ray_engine import StageActor
from tdm_ray.run.ray_source import Readings
from tdm_ray.run.run import new_run_id, score_corpus
from tdm_ray.run.stages import Decide, Prepare
from tdm_ray.store.tables import Store

SMALL = RayConfig(papers_a_block=8)
TABLES = ("predictions", "scored", "rejects", "leaderboards")
TIMES = ("scored_at", "seen_at")


@pytest.fixture
def config(tiny_model, own_taxonomy):
    # A random model is sure of nothing: a threshold in the middle of its probabilities gives decisions of
    # both kinds.
    return ScoreConfig(model=tiny_model, taxonomy=own_taxonomy, max_labels=8, threshold=0.5)


def score(papers, out, config, engine):
    log = Log(new_run_id(), file=io.StringIO())
    return score_corpus(str(papers), str(out), config, SMALL, engine=engine, log=log)


def rows(store, name):
    table = Store(str(store)).snapshot().read(name)
    table = table.drop_columns([column for column in TIMES if column in table.column_names])
    return sorted(json.dumps(row, sort_keys=True, default=str) for row in table.to_pylist())


def test_both_engines_give_the_same_rows(ray_session, config, tmp_path):
    """On the demo corpus: 36 papers of every kind of file."""
    for engine in ("local", "ray"):
        summary = score(demo_papers(), tmp_path / engine, config, engine)
        assert (summary.papers, summary.scored) == (36, 36)
    for name in TABLES:
        assert rows(tmp_path / "local", name) == rows(tmp_path / "ray", name), name
    assert len(rows(tmp_path / "ray", "predictions")) > 36


def test_the_engine_is_chosen_by_the_corpus_and_says_why(jsonl, monkeypatch):
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    small = find_splits([str(jsonl)])
    large = find_splits([demo_papers() + "/*.md"]) * 3
    assert choose_engine("auto", small)[0].name == "local"
    kilobytes = round(jsonl.stat().st_size / 1e3)
    said = f"{kilobytes} kB of papers; up to 1,000 kB are done in this process"
    assert choose_engine("auto", small)[1] == said
    assert choose_engine("auto", large)[0].name == "ray"
    assert choose_engine("local", large)[0].name == "local"
    monkeypatch.setenv("RAY_ADDRESS", "127.0.0.1:1")
    engine, reason = choose_engine("auto", small)
    assert (engine.name, reason) == ("ray", "RAY_ADDRESS names a cluster")


def test_stages_without_ray(jsonl, config):
    """A paper that breaks a stage is rejected with its cause; the others pass."""
    readings = readings_table(read_papers(str(jsonl))).slice(0, 3)
    prints = Resources.of(config).fingerprints
    prepare = Prepare(config, prints)
    decide = Decide(config, prints, threads=1)
    whole = prepare.preparer

    def breaks(paper):
        if paper.paper_id == readings["paper_id"][1].as_py():
            raise ZeroDivisionError("boom")
        return whole(paper)

    prepare.preparer = breaks
    outcomes = decide(prepare(readings))
    assert outcomes["reason"].to_pylist() == [None, "failed", None]
    assert outcomes["detail"][1].as_py() == "ZeroDivisionError: boom"
    prepare.preparer = whole
    logits = decide.decider.log_odds
    last = []

    def breaks_too(papers):
        last.extend(papers[2:])
        if last[0] in papers:
            raise RuntimeError("out of memory")
        return logits(papers)

    decide.decider.log_odds = breaks_too
    other = decide(prepare(readings))
    assert other["reason"].to_pylist() == [None, None, "failed"]
    assert other["detail"][2].as_py() == "RuntimeError: out of memory"
    assert other["decisions"][0] == outcomes["decisions"][0]
    good = outcomes.filter(pc.is_null(outcomes["reason"]))
    predictions = prediction_rows(good, {"model_id": "m", "taxonomy_id": "t"})
    assert predictions.schema == PREDICTIONS
    assert predictions["model_id"].to_pylist() == ["m"] * len(predictions)


def test_a_model_actor_loads_neither_neighbours_nor_quotes(config, tmp_path, monkeypatch):
    """Of an index it needs the calibrator alone."""
    resources = Resources.of(config)
    read = []
    monkeypatch.setattr("tdm_ray.classify.index._load_matrix", read.append)
    monkeypatch.setattr("tdm_ray.storage.file_bytes", lambda paths: pytest.fail("hashed again"))
    Decide(config, resources.fingerprints, threads=1)
    assert read == []


def test_model_id_names_all_that_decides(config):
    ids = {
        Resources.of(changed, precision).model_id
        for changed in (config, replace(config, threshold=0.6), replace(config, max_labels=9))
        for precision in ("float32", "bfloat16")
    }
    assert len(ids) == 6
    assert sum("bfloat16" in model_id for model_id in ids) == 3


def test_input_splits_are_one_task_each(jsonl, tmp_path):
    splits = find_splits([str(jsonl), str(jsonl)])
    tasks = Readings(splits, str(tmp_path)).get_read_tasks(200)
    assert len(tasks) == 2
    assert [table.schema for table in tasks[0]()] == [READINGS]


def test_a_paper_that_ends_its_process_is_a_reject_and_the_others_are_not(ray_session, papers, tmp_path):
    poison = papers[4].paper_id

    class Deadly:
        """A stage as `Decide` is one; by value, since the actors do not know this file."""

        def __call__(self, rows):
            if poison in rows["paper_id"].to_pylist():
                os._exit(1)
            return rows.select([n for n in OUTCOMES.names if n in rows.column_names])

    readings = readings_table([Reading(f"file#{number}", paper) for number, paper in enumerate(papers)])
    schema = pa.schema([field for field in OUTCOMES if field.name in readings.column_names])
    found = (
        ray_session.data.from_arrow(readings)
        .map_batches(
            StageActor,
            fn_constructor_kwargs={
                "make": Deadly,
                "name": "deadly",
                "schema": schema,
                "notes": str(tmp_path),
            },
            batch_size=6,
            batch_format="pyarrow",
            compute=ray_session.data.ActorPoolStrategy(size=1),
            num_cpus=1,
        )
        .take_all()
    )
    assert sorted(row["paper_id"] for row in found) == sorted(paper.paper_id for paper in papers)
    assert [(row["paper_id"], row["reason"]) for row in found if row["reason"]] == [(poison, "crashed")]
    assert next(row["detail"] for row in found if row["reason"]) == "file#4: tried 3 times"
    assert len(list((tmp_path / "deadly").iterdir())) == 1  # the poison's own note; the others are gone


KILLED = """
import sys
from tdm_ray.config import RayConfig, ScoreConfig
from tdm_ray.run.run import score_corpus
config = ScoreConfig(model=sys.argv[3], taxonomy=sys.argv[4], max_labels=8, threshold=0.5)
print(score_corpus(sys.argv[1], sys.argv[2], config, RayConfig(papers_a_block=8), engine="ray"))
"""


def test_a_killed_run_goes_on(ray_session, papers, config, tmp_path):
    """SIGKILL of the driver with some blocks done: the same call ends with the tables of an undisturbed
    run."""
    many = [replace(paper, paper_id=f"{paper.paper_id}-{i}") for i in range(4) for paper in papers]
    corpus = write_papers(many, str(tmp_path / "corpus.parquet"), rows_a_group=16)
    store = tmp_path / "killed"
    command = [sys.executable, "-c", KILLED, corpus, str(store), config.model, config.taxonomy]
    driver = subprocess.Popen(command, start_new_session=True, env={**os.environ, "RAY_ADDRESS": ""})
    deadline = time.monotonic() + 300
    while len(staged(store)) < 3 and driver.poll() is None and time.monotonic() < deadline:
        time.sleep(0.05)
    os.killpg(driver.pid, signal.SIGKILL)
    driver.wait()
    assert Store(str(store)).last() is None
    whole = staged(store)
    assert 0 < sum(pq.ParquetFile(path).metadata.num_rows for path in whole) < len(many)
    whole[0].write_bytes(whole[0].read_bytes()[:100])  # as if the kill had come while it was being written
    score(corpus, store, config, "local")  # whichever engine goes on
    score(corpus, tmp_path / "undisturbed", config, "local")
    for name in TABLES:
        assert rows(store, name) == rows(tmp_path / "undisturbed", name), name


def staged(store):
    """The staged files that are whole."""
    found = []
    for path in store.glob("_staging/*/whole/*/*.parquet"):
        try:
            pq.ParquetFile(path)
        except (pa.ArrowInvalid, OSError):
            continue
        found.append(path)
    return sorted(found)
