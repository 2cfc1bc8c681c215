"""The pipeline on a real local Ray: everything in, everything counted, run twice and pay once."""

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from dataclasses import replace

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tdm_ray.config import RayConfig, ScoreConfig
from tdm_ray.errors import CheckpointError, InputError, OutputError, TaxonomyError
from tdm_ray.model.scorer import Knowledge
from tdm_ray.papers.pieces import find_pieces
from tdm_ray.papers.read import read_papers
from tdm_ray.papers.table import readings_table
from tdm_ray.records import PAPERS, PREDICTIONS, READINGS, REJECTS, SCORED
from tdm_ray.scoring.commit import exploded
from tdm_ray.scoring.pipeline import ingest_corpus, score_corpus
from tdm_ray.scoring.run import Run
from tdm_ray.scoring.stages import Decide, Prepare
from tdm_ray.storage import read_table

SMALL = RayConfig(papers_a_block=3)


@pytest.fixture
def config(tiny_model):
    # A random model is sure of nothing: a threshold in the middle of its probabilities gives decisions of both kinds.
    return ScoreConfig(model=tiny_model, asked=8, threshold=0.5)


def tables(out):
    return (read_table(f"{out}/{name}", schema) for name, schema in
            (("predictions", PREDICTIONS), ("scored", SCORED), ("rejects", REJECTS)))  # fmt: skip


def sorted_rows(table, drop=("scored_at",)):
    return sorted(json.dumps(r, sort_keys=True, default=str) for r in table.drop_columns(list(drop)).to_pylist())


@pytest.fixture
def mixed(tmp_path, jsonl):
    """Twelve good papers, a duplicate of one, and two that cannot be read."""
    folder = tmp_path / "in"
    folder.mkdir()
    lines = jsonl.read_text().splitlines()
    (folder / "a.jsonl").write_text("\n".join([*lines, "{broken", lines[3]]) + "\n")
    (folder / "b.tei.xml").write_text("<TEI><unclosed>")
    return folder


def test_papers_in_are_scored_or_rejected(ray_session, mixed, config, tmp_path):
    summary = score_corpus(str(mixed), str(tmp_path / "out"), config, SMALL)
    predictions, scored, rejects = tables(tmp_path / "out")
    assert (summary.papers, summary.scored) == (15, 12)
    assert summary.rejected == {"malformed_json": 1, "malformed_xml": 1, "duplicate_id": 1}
    assert summary.papers == len(scored) + len(rejects)
    assert summary.predictions == len(predictions) == sum(scored["predictions"].to_pylist())
    assert Counter(rejects["reason"].to_pylist()) == Counter(summary.rejected)
    duplicate = next(r for r in rejects.to_pylist() if r["reason"] == "duplicate_id")
    assert duplicate["location"].endswith("a.jsonl#13")
    assert duplicate["detail"].endswith("a.jsonl#3, which was kept")
    assert sorted(scored["hypotheses"].to_pylist()) == [2, 2, *[8] * 10]  # of 8, those whose dataset is named
    assert scored["unknown"].to_pylist() == [n == 0 for n in scored["predictions"].to_pylist()]
    keys = [(r["paper_id"], r["task"], r["dataset"], r["metric"]) for r in predictions.to_pylist()]
    assert len(set(keys)) == len(keys) > 0
    assert min(predictions["probability"].to_pylist()) >= 0.5
    assert all(e["text"] for e in predictions["evidence"].to_pylist())


def test_two_runs_agree_and_a_third_is_free(ray_session, jsonl, config, tmp_path):
    first = score_corpus(str(jsonl), str(tmp_path / "1"), config, SMALL)
    score_corpus(str(jsonl), str(tmp_path / "2"), config, RayConfig(papers_a_block=5))
    for a, b in zip(tables(tmp_path / "1"), tables(tmp_path / "2"), strict=True):
        drop = [c for c in ("scored_at", "seen_at") if c in a.column_names]
        assert sorted_rows(a, drop) == sorted_rows(b, drop)
    again = score_corpus(str(jsonl), str(tmp_path / "1"), config, SMALL)
    assert again == replace(first, already_done=True)


def test_an_output_folder_of_another_run_is_refused(ray_session, jsonl, config, tmp_path):
    out = str(tmp_path / "out")
    score_corpus(str(jsonl), out, config, SMALL)
    with pytest.raises(OutputError, match=r"another model \(or index, or threshold\); choose another --out"):
        score_corpus(str(jsonl), out, replace(config, threshold=0.6), SMALL)
    jsonl_copy = tmp_path / "other.jsonl"
    jsonl_copy.write_text(jsonl.read_text())
    with pytest.raises(OutputError, match="another set of papers"):
        score_corpus(str(jsonl_copy), out, config, SMALL)


def test_a_folder_with_other_files_is_refused(jsonl, config, tmp_path):
    (tmp_path / "thesis.doc").write_text("mine")
    with pytest.raises(OutputError, match="not empty, and not an output of tdm-ray score"):
        score_corpus(str(jsonl), str(tmp_path), config, SMALL)
    assert (tmp_path / "thesis.doc").read_text() == "mine"


@pytest.mark.parametrize(
    ("source", "change", "error"),
    [
        ("nowhere", {}, InputError),
        (None, {"taxonomy": "nowhere.tsv"}, TaxonomyError),
        (None, {"model": "/no/such/folder"}, CheckpointError),
        (None, {"index": "/no/such/index"}, CheckpointError),
    ],
)
def test_bad_arguments_fail_before_any_work(source, change, error, jsonl, config, tmp_path):
    with pytest.raises(error):
        score_corpus(source or str(jsonl), str(tmp_path / "out"), replace(config, **change))
    assert not (tmp_path / "out").exists()


def test_ingest_then_score_equals_score(ray_session, mixed, config, tmp_path):
    summary = ingest_corpus(str(mixed), str(tmp_path / "corpus"), ray_config=SMALL)
    assert (summary.papers, summary.scored) == (15, 12)
    papers = read_table(str(tmp_path / "corpus" / "papers"), PAPERS)
    assert len(papers) == 12
    assert {r.paper.content_hash for r in read_papers(str(mixed)) if r.paper} == set(papers["content_hash"].to_pylist())
    score_corpus(str(tmp_path / "corpus"), str(tmp_path / "1"), config, SMALL)
    score_corpus(str(mixed), str(tmp_path / "2"), config, SMALL)
    a, b = (next(tables(tmp_path / name)) for name in ("1", "2"))
    assert sorted_rows(a) == sorted_rows(b)


def test_stages_without_ray(jsonl, config):
    """A paper that breaks a stage is rejected with its cause; the others pass."""
    readings = readings_table(read_papers(str(jsonl))).slice(0, 3)
    prepare, decide = Prepare(config), Decide(config, threads=1)
    whole = prepare.preparer

    def breaks(paper):
        if paper.paper_id == readings["paper_id"][1].as_py():
            raise ZeroDivisionError("boom")
        return whole(paper)

    prepare.preparer = breaks
    outcomes = decide(prepare(readings))
    assert outcomes["reason"].to_pylist() == [None, "failed", None]
    assert outcomes["detail"][1].as_py() == "ZeroDivisionError: boom"
    prepare.preparer, logits = whole, decide.decider.log_odds
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
    predictions = exploded(
        outcomes.filter(pa.compute.is_null(outcomes["reason"])), {"model_id": "m", "taxonomy_id": "t"}
    )
    assert predictions.schema == PREDICTIONS
    assert predictions["model_id"].to_pylist() == ["m"] * len(predictions)


def test_an_input_with_rejects_only(ray_session, config, tmp_path):
    (tmp_path / "a.md").write_text("")
    summary = score_corpus(str(tmp_path / "a.md"), str(tmp_path / "out"), config)
    assert (summary.papers, summary.scored, summary.rejected) == (1, 0, {"empty": 1})


def test_model_id_names_all_that_decides(config):
    ids = {Knowledge.of(c).model_id for c in (config, replace(config, threshold=0.6), replace(config, asked=9))}
    assert len(ids) == 3


def test_pieces_are_one_task_each(jsonl):
    from tdm_ray.scoring.source import Readings

    pieces = find_pieces([str(jsonl), str(jsonl)])
    tasks = Readings(pieces).get_read_tasks(200)
    assert len(tasks) == 2
    assert [t.schema for t in tasks[0]()] == [READINGS]


KILLED = """
import sys
from tdm_ray.config import RayConfig, ScoreConfig
from tdm_ray.scoring.pipeline import score_corpus
config = ScoreConfig(model=sys.argv[3], asked=8, threshold=0.5)
print(score_corpus(sys.argv[1], sys.argv[2], config, RayConfig(papers_a_block=8)))
"""


@pytest.mark.slow
def test_a_killed_run_goes_on(ray_session, papers, config, tmp_path):
    """SIGKILL of the driver with some blocks done: the same call ends with the predictions of an undisturbed run."""
    rows = [{**p.row(), "paper_id": f"{p.paper_id}-{i}"} for i in range(14) for p in papers]
    corpus = tmp_path / "corpus.parquet"
    pq.write_table(pa.Table.from_pylist(rows, schema=PAPERS), corpus, row_group_size=40)
    command = [sys.executable, "-c", KILLED, str(corpus), str(tmp_path / "killed"), config.model]
    driver = subprocess.Popen(command, start_new_session=True, env={**os.environ, "RAY_ADDRESS": ""})
    checkpoint, deadline = tmp_path / "killed" / "_checkpoint", time.monotonic() + 120
    while len(list(checkpoint.glob("*"))) < 3 and driver.poll() is None and time.monotonic() < deadline:
        time.sleep(0.05)
    os.killpg(driver.pid, signal.SIGKILL)
    driver.wait()
    assert not read_json_summary(tmp_path / "killed")
    Run(str(tmp_path / "killed"), {}).settle()
    committed = [f for f in checkpoint.glob("*.parquet") if ".pending" not in f.name]
    assert 0 < sum(pq.ParquetFile(f).metadata.num_rows for f in committed) < len(rows)
    tear(committed[0], tmp_path / "killed" / "_staging")
    summary = score_corpus(str(corpus), str(tmp_path / "killed"), config, RayConfig(papers_a_block=8))
    assert (summary.papers, summary.scored) == (len(rows), len(rows))
    score_corpus(str(corpus), str(tmp_path / "undisturbed"), config, RayConfig(papers_a_block=8))
    a, b = (next(tables(tmp_path / name)) for name in ("killed", "undisturbed"))
    assert sorted_rows(a) == sorted_rows(b)


def tear(checkpoint, staging):
    """As if the kill had come while the file of these rows was being written."""
    (data,) = staging.glob(f"{checkpoint.stem}*")
    data.write_bytes(data.read_bytes()[:100])
    checkpoint.rename(checkpoint.with_name(f"{checkpoint.stem}.pending.parquet"))


def read_json_summary(out):
    return json.loads((out / "run.json").read_text()).get("summary")
