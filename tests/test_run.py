"""Runs of a store by the local engine and a tiny model: what is new is scored, nothing twice, nothing
lost."""

import dataclasses
import io
import json
import subprocess
import sys

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from conftest import json_row, write_papers
from rich.console import Console

from benchmarks.contradictions import contradictions
from tdm_ray.cli import app
from tdm_ray.config import RayConfig, ScoreConfig
from tdm_ray.errors import BusyError, CheckpointError, InputError, OutputError, TaxonomyError, TdmRayError
from tdm_ray.leaderboard.read import read_leaderboards
from tdm_ray.records import TDM
from tdm_ray.run import retry
from tdm_ray.run import run as run_module
from tdm_ray.run.commit import Commit
from tdm_ray.run.ingest import ingest_corpus
from tdm_ray.run.local_engine import LocalEngine
from tdm_ray.run.log import Log
from tdm_ray.run.run import new_run_id, run_night, score_corpus
from tdm_ray.run.stages import Prepare
from tdm_ray.run.summary import as_table
from tdm_ray.store.lease import lease
from tdm_ray.store.schemas import FORMS
from tdm_ray.store.tables import TABLES, Store
from tdm_ray.taxonomy.labels import Label, Taxonomy
from tdm_ray.taxonomy.sources import read_taxonomy

SMALL = RayConfig(papers_a_block=3)
KEPT = {"predictions", "scored", "leaderboards", "rejects", "results", "proposals"}
_TIMES = ("scored_at", "seen_at", "detail", "location")


def never(why):
    return lambda *_, **__: pytest.fail(why)


class Nights:
    """A folder of papers and a store; papers come and change between nights."""

    def __init__(self, folder, config):
        self.papers = folder / "papers"
        self.store = str(folder / "store")
        self.config = config
        self.papers.mkdir()

    def add(self, *papers):
        """A papers table of a file a paper: read as it is."""
        for paper in papers:
            write_papers([paper], str(self.papers / f"{paper.paper_id.replace('/', '')}.parquet"))

    def run(self, config=None, store=None):
        log = Log(new_run_id(), file=io.StringIO())
        papers = str(self.papers)
        return run_night(
            papers, store or self.store, config or self.config, SMALL, engine="local", log=log
        ).run

    def versions(self):
        return Store(self.store).versions()


def rows(store, name, drop=()):
    table = Store(store).snapshot().read(name)
    table = table.drop_columns([c for c in (*_TIMES, *drop) if c in table.column_names])
    return sorted(json.dumps(row, sort_keys=True, default=str) for row in table.to_pylist())


def assert_same(one, other, drop=()):
    for name in KEPT:
        assert rows(one, name, drop) == rows(other, name, drop), name


@pytest.fixture
def nights(tmp_path, tiny_model, own_taxonomy, papers, monkeypatch):
    config = ScoreConfig(model=tiny_model, taxonomy=own_taxonomy, max_labels=8, threshold=0.5)
    found = Nights(tmp_path, config)
    found.add(*papers[:5])
    monkeypatch.setattr(retry, "WAIT_S", 0.01)
    return found


def test_new_and_changed_papers_and_then_nothing(nights, papers, monkeypatch):
    first = nights.run()
    assert (first["papers"], first["scored"], first["new_papers"]) == (5, 5, 5)
    assert first["predictions"] == len(rows(nights.store, "predictions")) > 0
    changed = dataclasses.replace(papers[0], abstract="Now about something else: CIFAR-10 and ImageNet.")
    nights.add(changed, papers[5])
    (nights.papers / "broken.jsonl").write_text("{broken\n")
    second = nights.run()
    assert (second["papers"], second["scored"], second["rejected"]) == (7, 6, {"malformed_json": 1})
    assert (second["new_papers"], second["changed_papers"]) == (1, 1)
    nights.run(store=f"{nights.store}-anew")
    assert_same(nights.store, f"{nights.store}-anew")
    # The same night again: no model, no Ray, no version.
    versions = nights.versions()
    with monkeypatch.context() as patch:
        patch.setattr(LocalEngine, "score", never("something was scored"))
        patch.setattr("tdm_ray.classify.entailment.EntailmentModel.__init__", never("a model was loaded"))
        third = nights.run()
    assert third["outcome"] == "nothing new"
    assert nights.versions() == versions
    assert [run["outcome"] for run in Store(nights.store).runs()] == ["nothing new", "done", "done"]
    # Every prediction's paper is scored, leaderboards are what `leaderboard` shows, and the counts add up.
    store = Store(nights.store)
    assert pc.all(
        pc.is_in(store.read("predictions")["paper_id"], store.read("scored")["paper_id"].combine_chunks())
    ).as_py()
    every = read_leaderboards(nights.store, tentative=True)
    assert every.num_rows == len(rows(nights.store, "leaderboards"))
    assert len(read_leaderboards(nights.store, paper_id=papers[1].paper_id, tentative=True))
    summary = next((nights.papers.parent / "store" / "nights").glob(f"{second['run_id']}.md")).read_text()
    assert "papers in 7 = scored 6 + rejected 1 (1 malformed_json)" in summary


def test_a_paper_that_was_broken_and_is_mended(nights, papers):
    broken = nights.papers / "broken.jsonl"
    broken.write_text("{broken\n")
    assert nights.run()["rejected"] == {"malformed_json": 1}
    broken.write_text(json.dumps(json_row(papers[6])) + "\n")
    night = nights.run()
    assert (night["papers"], night["scored"], night["rejected"]) == (6, 6, {})


def labels_of(taxonomy, without=()):
    return [label for label in taxonomy.labels if label.tdm not in without]


def write(taxonomy, path):
    pq.write_table(taxonomy.table(), path)
    return str(path)


def test_labels_come_and_go(nights, tmp_path, tiny_model):
    whole = read_taxonomy(nights.config.taxonomy)
    nights.run()
    predicted = Store(nights.store).read("predictions").to_pylist()
    found = [TDM(r["task"], r["dataset"], r["metric"]) for r in predicted]
    # Its cell in one of the papers is another label's.
    missing = next(tdm for tdm in sorted(found) if tdm.dataset == "Cora" and tdm.metric == "Accuracy")
    leaving = next(tdm for tdm in found if tdm != missing)
    few = write(Taxonomy.of(labels_of(whole, {missing})), tmp_path / "few.parquet")
    more = write(Taxonomy.of(labels_of(whole, {leaving})), tmp_path / "more.parquet")
    other = Nights(tmp_path / "other", nights.config) if (tmp_path / "other").mkdir() is None else None
    other.papers = nights.papers
    without = dataclasses.replace(nights.config, taxonomy=few)
    other.run(without)
    before = Store(other.store).read("predictions").to_pylist()
    night = other.run(dataclasses.replace(nights.config, taxonomy=more))
    assert (night["asked_again"], night["new_papers"], night["changed_papers"]) == (5, 0, 0)
    after = Store(other.store).read("predictions").to_pylist()
    mine = [r for r in after if TDM(r["task"], r["dataset"], r["metric"]) == missing]
    wanted = [r for r in predicted if TDM(r["task"], r["dataset"], r["metric"]) == missing]
    shown = ("paper_id", "probability", "score", "evidence")
    assert contradictions(after)["one cell, several labels"] == 0
    # The label that is new: decided as among all, for the papers where it would have been asked.
    assert sorted(str([r[c] for c in shown]) for r in mine) == sorted(
        str([r[c] for c in shown]) for r in wanted
    )
    # The others: as they were, not scored again.
    stayed = [r for r in before if TDM(r["task"], r["dataset"], r["metric"]) != leaving]
    assert sorted(map(str, stayed)) == sorted(str(r) for r in after if r not in mine)
    scored = Store(other.store).read("scored")
    assert set(scored["taxonomy_id"].to_pylist()) == {night["taxonomy_id"]}
    assert sum(scored["predictions"].to_pylist()) == len(after)
    boards = {
        (r["task"], r["dataset"], r["metric"]) for r in Store(other.store).read("leaderboards").to_pylist()
    }
    assert boards == {(r["task"], r["dataset"], r["metric"]) for r in after}
    assert other.run(dataclasses.replace(nights.config, taxonomy=more))["outcome"] == "nothing new"


def test_a_turned_direction_ranks_anew_and_scores_nothing(nights, tmp_path, monkeypatch):
    nights.run()
    monkeypatch.setattr(LocalEngine, "score", never("something was scored"))
    board = Store(nights.store).read("leaderboards").to_pylist()[0]
    tdm = TDM(board["task"], board["dataset"], board["metric"])
    turn = {"higher": "lower", "lower": "higher", "unknown": "lower"}
    turned = Taxonomy.of(
        [
            Label(x.tdm, x.papers, turn[x.direction] if x.tdm == tdm else x.direction, x.aliases)
            for x in read_taxonomy(nights.config.taxonomy).labels
        ]
    )
    config = dataclasses.replace(nights.config, taxonomy=write(turned, tmp_path / "turned.parquet"))
    night = nights.run(config)
    assert (night["outcome"], night["asked_again"], night["new_papers"]) == ("done", 0, 0)
    found = Store(nights.store).read("leaderboards").to_pylist()
    assert {r["direction"] for r in found if TDM(r["task"], r["dataset"], r["metric"]) == tdm} == {
        turn[board["direction"]]
    }


def test_another_model_scores_all_anew_and_readers_switch_when_it_is_whole(nights, monkeypatch):
    first = nights.run()
    other = dataclasses.replace(nights.config, threshold=0.4)
    with monkeypatch.context() as patch:
        patch.setattr(Commit, "scored", lambda _: (_ for _ in ()).throw(OSError("the store is away")))
        with pytest.raises(OSError, match="away"):
            nights.run(other)
    snapshot = Store(nights.store).snapshot()
    assert snapshot.run["run_id"] == first["run_id"]
    assert set(snapshot.read("predictions")["model_id"].to_pylist()) == {first["model_id"]}
    assert Store(nights.store).runs()[0]["outcome"] == "failed"
    night = nights.run(other)
    assert night["new_papers"] == 0
    assert (
        {run["model_id"] for run in (night, Store(nights.store).snapshot().run)}
        == {night["model_id"]}
        != {first["model_id"]}
    )
    nights.run(other, store=f"{nights.store}-anew")
    assert_same(nights.store, f"{nights.store}-anew")
    assert len(Store(nights.store).snapshot(first["run_id"]).read("scored")) == 5  # time travel


@pytest.mark.parametrize("table", ["predictions", "scored", "touch_versions"])
def test_a_night_that_ends_within_its_commit(nights, papers, table, monkeypatch, tmp_path):
    nights.run()
    nights.add(
        papers[5], dataclasses.replace(papers[0], abstract="Another abstract about WMT 2014 English-German.")
    )
    with monkeypatch.context() as patch:
        patch.setattr(Commit, table, lambda *_: (_ for _ in ()).throw(OSError("gone")))
        with pytest.raises(OSError, match="gone"):
            nights.run()
    with monkeypatch.context() as patch:  # what was scored is not scored again
        patch.setattr(LocalEngine, "score", never("scored again"))
        night = nights.run()
    assert (night["new_papers"], night["changed_papers"]) == (1, 1)
    nights.run(store=f"{nights.store}-anew")
    assert_same(nights.store, f"{nights.store}-anew")
    assert not list((tmp_path / "store" / "_staging").rglob("*.parquet"))


def test_staged_files_that_are_cut_short_and_papers_staged_twice(nights, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(run_module._Run, "commit", lambda *_: (_ for _ in ()).throw(OSError("gone")))
        with pytest.raises(OSError, match="gone"):
            nights.run()
    staged = sorted((nights.papers.parent / "store" / "_staging").rglob("*.parquet"))
    assert len(staged) == 5  # a file a block, and a block a file of the corpus
    staged[0].write_bytes(staged[0].read_bytes()[:-20])
    staged[1].with_name("again.parquet").write_bytes(staged[1].read_bytes())
    night = nights.run()
    assert (night["papers"], night["scored"], night["new_papers"]) == (5, 5, 5)
    nights.run(store=f"{nights.store}-anew")
    assert_same(nights.store, f"{nights.store}-anew")


def test_a_transient_failure_is_tried_again(nights, monkeypatch):
    tried = []
    real = LocalEngine.score

    def once(*given, **named):
        tried.append(1)
        if len(tried) == 1:
            raise ConnectionError("the store is away")
        return real(*given, **named)

    monkeypatch.setattr(LocalEngine, "score", once)
    assert nights.run()["scored"] == 5
    assert len(tried) == 2


def test_what_does_not_get_further_ends_with_an_error(nights, monkeypatch):
    tried = []

    def fail(*_, **__):
        tried.append(1)
        raise ConnectionError("the store is away")

    monkeypatch.setattr(LocalEngine, "score", fail)
    with pytest.raises(ConnectionError):
        nights.run()
    assert len(tried) == retry.ATTEMPTS
    assert Store(nights.store).last() is None
    monkeypatch.setattr(LocalEngine, "score", lambda *_, **__: None)
    with pytest.raises(TdmRayError, match="of 5 papers none came out"):
        nights.run()


def test_a_commit_that_fails_once_is_done_again(nights, monkeypatch):
    real = Commit.scored
    tried = []

    def once(self):
        real(self)
        tried.append(1)
        if len(tried) == 1:
            raise OSError("the answer was lost")

    monkeypatch.setattr(Commit, "scored", once)
    assert nights.run()["scored"] == 5
    assert len(tried) == 2


def test_a_row_that_is_not_what_its_columns_say_is_a_reject_for_three_nights(nights, papers, monkeypatch):
    path = nights.papers / "z.parquet"
    write_papers(papers[6:4:-1], str(path))
    table = pq.read_table(path)
    hashes = [table["content_hash"][0].as_py(), "f" * 32]
    pq.write_table(table.set_column(table.column_names.index("content_hash"), "content_hash", [hashes]), path)
    for number in (1, 2, 3):
        night = nights.run()
        assert (night["papers"], night["scored"], night["rejected"]) == (7, 6, {"unreadable": 1}), number
    row = Store(nights.store).read("rejects").to_pylist()[0]
    assert (row["paper_id"], row["location"], row["nights"]) == (papers[5].paper_id, f"{path}#1", 3)
    monkeypatch.setattr(LocalEngine, "score", never("tried a fourth time"))
    assert nights.run()["outcome"] == "nothing new"


def test_a_paper_that_is_away_when_a_label_changes(nights, papers, tmp_path):
    """It keeps its predictions, and is scored whole when it comes back."""
    nights.run()
    predicted = Store(nights.store).read("predictions").to_pylist()
    row = next(r for r in predicted if sum(r[k] == p[k] for p in predicted for k in ("dataset",)))
    tdm = TDM(row["task"], row["dataset"], row["metric"])
    away = row["paper_id"]
    respelt = Taxonomy.of(
        [
            Label(
                x.tdm, x.papers, x.direction, (*x.aliases, "another spelling") if x.tdm == tdm else x.aliases
            )
            for x in read_taxonomy(nights.config.taxonomy).labels
        ]
    )
    config = dataclasses.replace(nights.config, taxonomy=write(respelt, tmp_path / "respelt.parquet"))
    (nights.papers / f"{away}.parquet").rename(tmp_path / "away.parquet")
    night = nights.run(config)
    assert (night["papers"], night["scored"], night["asked_again"]) == (4, 4, 4)
    kept = Store(nights.store).read("predictions", rows=pc.field("paper_id") == away)
    assert len(kept) == sum(r["paper_id"] == away for r in predicted)
    (tmp_path / "away.parquet").rename(nights.papers / f"{away}.parquet")
    night = nights.run(config)
    assert (night["papers"], night["scored"], night["new_papers"], night["changed_papers"]) == (5, 5, 0, 0)
    assert nights.run(config)["outcome"] == "nothing new"


def test_rejects_are_tried_again_under_another_taxonomy(nights, papers, tmp_path, monkeypatch):
    poison = dataclasses.replace(papers[5], title="Poison")
    nights.add(poison)
    real = Prepare._row

    def fail(self, row):
        return (
            {**{n: row[n] for n in ("location", "paper_id", "source", "content_hash")}, "reason": "no_text"}
            if row["title"] == "Poison"
            else real(self, row)
        )

    with monkeypatch.context() as patch:
        patch.setattr(Prepare, "_row", fail)
        night = nights.run()
        assert (night["papers"], night["scored"], night["rejected"]) == (6, 5, {"no_text": 1})
        assert nights.run()["outcome"] == "nothing new"
        whole = read_taxonomy(nights.config.taxonomy)
        fewer = Taxonomy.of(labels_of(whole, {whole.labels[0].tdm}))
        config = dataclasses.replace(nights.config, taxonomy=write(fewer, tmp_path / "fewer.parquet"))
        assert nights.run(config)["rejected"] == {"no_text": 1}
        assert nights.run(config)["outcome"] == "nothing new"
    night = nights.run()  # the first taxonomy again; the paper can be scored now
    assert (night["papers"], night["scored"], night["rejected"]) == (6, 6, {})


def test_a_store_that_another_command_wrote_is_refused(nights, tmp_path):
    (tmp_path / "results").mkdir()
    (tmp_path / "results" / "run.json").write_text("{}")
    with pytest.raises(OutputError, match=r"not a store of tdm-ray \(.*run.json\); choose another folder"):
        nights.run(store=str(tmp_path / "results"))


def test_a_full_disk_is_named(nights, monkeypatch):
    def full(*_, **__):  # as Ray hands it on: an error of its own, without a number
        raise RuntimeError(
            "ray::Write() OSError: [Errno 28] Error writing bytes to file. Detail: No space left on device"
        )

    monkeypatch.setattr(LocalEngine, "score", full)
    with pytest.raises(TdmRayError, match=r"no space left \([\d,]+ MB are left there\); make some"):
        nights.run()


def test_another_night_at_work(nights):
    with lease(nights.store, "r1"), pytest.raises(BusyError, match=r"run r1 .* is at work"):
        nights.run()


def test_the_commands_exit_codes_and_history(nights, capsys):
    command = [sys.executable, "-m", "tdm_ray", "nightly", str(nights.papers), "--store", nights.store]
    with lease(nights.store, "r1"):
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=200)
    assert done.returncode == 4
    assert "run r1" in done.stderr
    with pytest.raises(InputError, match="not a store; `tdm-ray score PAPERS --out"):
        app(["runs", nights.store], standalone_mode=False)
    nights.run()
    capsys.readouterr()
    app(["runs", nights.store], standalone_mode=False)
    assert "done" in capsys.readouterr().out
    app(["runs", nights.store, "--json"], standalone_mode=False)
    assert json.loads(capsys.readouterr().out)["papers"] == 5
    asked = ["leaderboard", nights.store, "--format", "csv", "--boards", "1", "--tentative"]
    app(asked, standalone_mode=False)
    assert "conf." in capsys.readouterr().out
    assert (nights.papers.parent / "store" / "exports" / "leaderboards.csv").exists()


def test_the_history_fits_a_terminal():
    """In 80 columns ids, outcomes and numbers are whole; an error is folded."""
    row = {
        "run_id": "20261127-051230-0a1b",
        "outcome": "done",
        "error": None,
        "papers": 2_900_000,
        "new_papers": 1234,
        "changed_papers": 5,
        "asked_again": 0,
        "rejected": {"empty": 1},
        "new_entries": 77,
        "new_best": 7,
        "seconds": 1403.2,
    }
    console = Console(width=80, record=True, file=io.StringIO())
    console.print(as_table([row, {**row, "outcome": "failed", "error": "no space left " * 20}]))
    head, first, second, *error = console.export_text().splitlines()
    assert head.split() == ["run", "outcome", "papers", "new", "changed", "rejects", "entries", "s"]
    assert first.split() == ["20261127-051230-0a1b", "done", "2,900,000", "1,234", "5", "1", "77", "1403"]
    assert second.split()[1] == "failed"
    assert " ".join(error).split().count("space") == 20


def test_an_ingested_folder_is_read_where_it_is(nights, tmp_path):
    corpus = str(tmp_path / "corpus")
    (nights.papers / "broken.jsonl").write_text("{broken\n")
    ingest_corpus(str(nights.papers), corpus, engine="local")
    night = run_night(corpus, nights.store, nights.config, SMALL, engine="local").run
    assert (night["papers"], night["scored"], night["rejected"]) == (6, 5, {"malformed_json": 1})
    assert not (tmp_path / "store" / "corpus").exists()


def test_a_papers_table_with_hashes_of_another(nights, tmp_path, papers):
    path = write_papers(papers[:3], str(tmp_path / "papers.parquet"))
    table = pq.read_table(path)
    pq.write_table(
        table.set_column(table.column_names.index("content_hash"), "content_hash", [["x"] * 3]), path
    )
    with pytest.raises(
        InputError, match="content_hash is not that of its text; read it with `tdm-ray ingest`"
    ):
        run_night(path, nights.store, nights.config, SMALL, engine="local")


def test_a_paper_that_is_there_twice_counts_once(nights, papers):
    write_papers([papers[0], papers[5]], str(nights.papers / "z.parquet"))
    night = nights.run()
    assert (night["papers"], night["scored"], night["rejected"]) == (7, 6, {"duplicate_id": 1})
    row = Store(nights.store).read("rejects").to_pylist()[0]
    assert (row["paper_id"], row["location"]) == (papers[0].paper_id, f"{nights.papers}/z.parquet#0")
    assert nights.run()["outcome"] == "nothing new"


def test_a_paper_that_leaves_the_corpus_stays_in_the_store(nights, papers):
    nights.run()
    (nights.papers / f"{papers[4].paper_id}.parquet").unlink()
    night = nights.run()
    assert (night["outcome"], night["papers"], night["scored"]) == ("nothing new", 4, 4)
    assert len(Store(nights.store).snapshot().read("scored")) == 5


def test_what_a_dead_night_committed_is_taken_back(nights, papers, monkeypatch):
    nights.run()
    before = {name: rows(nights.store, name) for name in KEPT}
    nights.add(papers[5])
    with monkeypatch.context() as patch:
        patch.setattr(Commit, "scored", lambda _: (_ for _ in ()).throw(OSError("gone")))
        with pytest.raises(OSError, match="gone"):
            nights.run()
    assert len(Store(nights.store).read("predictions")) > len(before["predictions"])
    (nights.papers / f"{papers[5].paper_id}.parquet").unlink()
    assert nights.run()["outcome"] == "nothing new"
    assert {name: rows(nights.store, name) for name in KEPT} == before


def test_versions_of_a_paper(nights, papers):
    """Leaderboards show the newest one; the older's rows leave them when it comes."""
    old = dataclasses.replace(papers[0], paper_id="1901.99999v1")
    nights.add(old)
    nights.run()
    boards = Store(nights.store).read("leaderboards")
    assert "1901.99999v1" in boards["paper_id"].to_pylist()
    nights.add(
        dataclasses.replace(papers[0], paper_id="1901.99999v2", abstract="Revised: we report on CIFAR-10.")
    )
    nights.run()
    ids = set(Store(nights.store).read("leaderboards")["paper_id"].to_pylist())
    assert "1901.99999v2" in ids
    assert "1901.99999v1" not in ids
    nights.run(store=f"{nights.store}-anew")
    assert_same(nights.store, f"{nights.store}-anew")


def test_an_input_without_a_paper(nights):
    for path in nights.papers.iterdir():
        path.unlink()
    (nights.papers / "broken.jsonl").write_text("{broken\n")
    night = nights.run()
    assert (night["outcome"], night["papers"], night["scored"], night["rejected"]) == (
        "done",
        1,
        0,
        {"malformed_json": 1},
    )
    assert nights.run()["outcome"] == "nothing new"


def test_events_are_lines_of_json_with_the_runs_id(capsys):
    Log("r1", json=True)("scoring", papers=5)
    told = json.loads(capsys.readouterr().err)
    assert (told["run_id"], told["event"], told["papers"]) == ("r1", "scoring", 5)
    Log("r1")("scoring", papers=5)
    assert "scoring" in capsys.readouterr().err


def test_tables_hold_their_keys_once(nights, papers):
    nights.run()
    nights.add(papers[5])
    nights.run()
    for name in TABLES:
        table = Store(nights.store).read(name, list(FORMS[name].key))
        assert len(table.group_by(table.column_names).aggregate([])) == len(table), name


@pytest.fixture
def config(nights):
    return nights.config


@pytest.fixture
def mixed(tmp_path, jsonl):
    """Twelve good papers, a duplicate of one, and two that cannot be read."""
    folder = tmp_path / "in"
    folder.mkdir()
    lines = jsonl.read_text().splitlines()
    (folder / "a.jsonl").write_text("\n".join([*lines, "{broken", lines[3]]) + "\n")
    (folder / "b.tei.xml").write_text("<TEI><unclosed>")
    return folder


def score(papers, out, config, **more):
    log = Log(new_run_id(), file=io.StringIO())
    return score_corpus(str(papers), str(out), config, SMALL, **{"engine": "local", "log": log, **more})


def test_papers_in_are_scored_or_rejected(mixed, config, tmp_path):
    summary = score(mixed, tmp_path / "out", config)
    predictions, scored, rejects = (
        Store(str(tmp_path / "out")).snapshot().read(name) for name in ("predictions", "scored", "rejects")
    )
    assert (summary.papers, summary.scored) == (15, 12)
    assert summary.rejected == {"malformed_json": 1, "malformed_xml": 1, "duplicate_id": 1}
    assert summary.papers == len(scored) + len(rejects)
    assert summary.predictions == len(predictions) == sum(scored["predictions"].to_pylist())
    duplicate = next(r for r in rejects.to_pylist() if r["reason"] == "duplicate_id")
    assert duplicate["location"].endswith("a.jsonl#13")
    assert duplicate["detail"].endswith("a.jsonl#3, which was kept")
    asked = scored["hypotheses"].to_pylist()
    assert max(asked) == config.max_labels  # of these only labels whose dataset the paper names
    assert min(asked) < config.max_labels
    assert scored["unknown"].to_pylist() == [n == 0 for n in scored["predictions"].to_pylist()]
    keys = [(r["paper_id"], r["task"], r["dataset"], r["metric"]) for r in predictions.to_pylist()]
    assert len(set(keys)) == len(keys) > 0
    assert min(predictions["probability"].to_pylist()) >= 0.5
    assert all(e["text"] for e in predictions["evidence"].to_pylist())
    assert str(summary).startswith("papers in 15 = scored 12 + rejected 3 (1 duplicate_id, 1 malformed_json")


def test_a_finished_run_is_only_reported_and_a_store_of_one_run_is_plain_parquet(
    jsonl, config, tmp_path, monkeypatch
):
    first = score(jsonl, tmp_path / "1", config)
    score(jsonl, tmp_path / "2", config)
    assert_same(str(tmp_path / "1"), str(tmp_path / "2"))
    monkeypatch.setattr(LocalEngine, "score", never("scored again"))
    monkeypatch.chdir(tmp_path)
    by_another_way = f"../{tmp_path.name}/../{jsonl.parent.relative_to(tmp_path.parent)}/{jsonl.name}"
    again = score(by_another_way, tmp_path / "1", config)
    assert again.already_done
    assert (again.papers, again.scored, again.predictions) == (first.papers, first.scored, first.predictions)
    for name in ("predictions", "scored", "rejects", "leaderboards"):
        frame = pd.read_parquet(tmp_path / "1" / name) if name != "rejects" else None
        if frame is not None:
            assert len(frame) == len(Store(str(tmp_path / "1")).read(name)), name


def test_a_first_run_that_was_killed_in_its_commit_leaves_no_row_twice(jsonl, config, tmp_path, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(Commit, "rejects", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            score(jsonl, tmp_path / "1", config)
    score(jsonl, tmp_path / "1", config)
    score(jsonl, tmp_path / "2", config)
    assert_same(str(tmp_path / "1"), str(tmp_path / "2"))
    for name in ("predictions", "scored"):
        assert len(pd.read_parquet(tmp_path / "1" / name)) == len(Store(str(tmp_path / "1")).read(name))


def test_a_store_of_another_run_is_refused_and_the_answer_named(jsonl, config, tmp_path):
    out = tmp_path / "out"
    score(jsonl, out, config)
    with pytest.raises(OutputError, match=r"another model \(or index, matcher, threshold\)"):
        score(jsonl, out, dataclasses.replace(config, threshold=0.6))
    (tmp_path / "more").mkdir()
    (tmp_path / "more" / "p.jsonl").write_text(jsonl.read_text())
    with pytest.raises(
        OutputError, match=r"another set of papers; `tdm-ray nightly PAPERS --store .*` brings it up"
    ):
        score(tmp_path / "more", out, config)


def test_a_folder_with_other_files_is_refused(jsonl, config, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "thesis.doc").write_text("mine")
    with pytest.raises(OutputError, match="not empty, and not a store"):
        score(jsonl, tmp_path / "out", config)
    assert (tmp_path / "out" / "thesis.doc").read_text() == "mine"


@pytest.mark.parametrize(
    ("source", "change", "error"),
    [
        ("nowhere", {}, InputError),
        (None, {"taxonomy": "nowhere.tsv"}, TaxonomyError),
        (None, {"model": "/no/such/folder"}, CheckpointError),
        (None, {"model": "nosuch"}, CheckpointError),
        (None, {"index": "/no/such/index"}, CheckpointError),
        (None, {"matcher": "/no/such/matcher"}, InputError),
    ],
)
def test_bad_arguments_fail_before_any_work(source, change, error, jsonl, config, tmp_path):
    with pytest.raises((error, CheckpointError)) as raised:
        score(source or jsonl, tmp_path / "out", dataclasses.replace(config, **change))
    assert raised.value.exit_code == 2
    assert not (tmp_path / "out").exists()


def test_ingest_then_score_equals_score(mixed, config, tmp_path):
    summary = ingest_corpus(str(mixed), str(tmp_path / "corpus"), engine="local")
    assert (summary.papers, summary.read) == (15, 12)
    score(tmp_path / "corpus", tmp_path / "1", config)
    score(mixed, tmp_path / "2", config)
    assert_same(str(tmp_path / "1"), str(tmp_path / "2"))


def test_an_input_with_rejects_only(config, tmp_path):
    (tmp_path / "a.md").write_text("")
    summary = score(tmp_path / "a.md", tmp_path / "out", config)
    assert (summary.papers, summary.scored, summary.rejected) == (1, 0, {"empty": 1})


def test_a_store_of_an_older_version_is_read_and_added_to(nights, papers, monkeypatch):
    """Columns are only ever added: what an older `runs` table lacks reads as null."""
    older = pa.schema([field for field in FORMS["runs"].schema if field.name != "inputs"])
    with monkeypatch.context() as patch:
        patch.setattr("tdm_ray.store.tables.RUNS", older)
        nights.run()
    assert "inputs" not in Store(nights.store).read("runs").column_names
    nights.add(papers[5])
    assert nights.run()["new_papers"] == 1
    assert [run["outcome"] for run in Store(nights.store).runs()] == ["done", "done"]
