"""Marks: what a person says of predictions is honoured by leaderboards, nights and training."""

import json
import re

import pyarrow as pa
import pytest

from tdm_ray.config import DatasetConfig, ScoreConfig
from tdm_ray.errors import InputError
from tdm_ray.gold.annotations import read_gold
from tdm_ray.gold.labelled_papers import gather
from tdm_ray.gold.marks import differing, find_marks
from tdm_ray.leaderboard.apply_marks import apply_marks, read_marks
from tdm_ray.leaderboard.read import read_leaderboards
from tdm_ray.records import MARKS, PREDICTIONS, TDM, Paper, Reading
from tdm_ray.run import boards as boards_of_night
from tdm_ray.run.run import run_night, score_corpus
from tdm_ray.store.tables import Store
from tdm_ray.taxonomy.labels import Label, Taxonomy
from tdm_ray.training.examples import Pairing, Task

HEADER = "paper_id,task,dataset,metric,verdict,score,note\n"
ERROR = TDM("Image Classification", "CIFAR-10", "Error")
TOP = TDM("Image Classification", "ImageNet", "Top-1")


def prediction(paper_id, tdm, score, probability=0.6):
    evidence = {"kind": "sentence", "text": f"We reach {score}."}
    return {
        "paper_id": paper_id,
        "task": tdm.task,
        "dataset": tdm.dataset,
        "metric": tdm.metric,
        "score": score,
        "score_text": str(score),
        "probability": probability,
        "evidence": evidence,
    }


@pytest.fixture
def predictions():
    rows = [
        prediction("1512.03385", ERROR, 6.4),
        prediction("1608.06993v2", ERROR, 3.5),
        prediction("p", TOP, 76.0),
    ]
    return pa.Table.from_pylist(rows, schema=PREDICTIONS)


def marks_of(folder, text, name="marks.csv"):
    (folder / name).parent.mkdir(exist_ok=True)
    (folder / name).write_text(text)
    return read_marks(str(folder))


def test_wrong_goes_right_is_sure_and_a_given_score_stands_with_its_reason(predictions, tmp_path):
    found = apply_marks(
        predictions,
        marks_of(
            tmp_path,
            HEADER
            + "1512.03385,Image Classification,CIFAR-10,Error,wrong,,\n"
            + "1608.06993,Image Classification,CIFAR-10,Error,right,3.46,table 2\n"
            + "p,Image Classification,ImageNet,Top-1,right,,\n"
            + "p,Image Classification,CIFAR-10,Error,right,5,never predicted\n",
        ),
    )
    assert found.schema == predictions.schema
    one, other = found.to_pylist()
    assert (one["paper_id"], one["score"], one["score_text"], one["probability"]) == (
        "1608.06993v2",
        3.46,
        "3.46",
        1.0,
    )
    assert (one["evidence"]["kind"], one["evidence"]["text"]) == (
        "review",
        "3.46, given by a reader: table 2",
    )
    assert (other["paper_id"], other["score"], other["probability"]) == ("p", 76.0, 1.0)
    assert other["evidence"]["text"] == "We reach 76.0."


def test_the_same_score_given_keeps_its_evidence(predictions, tmp_path):
    row = "p,Image Classification,ImageNet,Top-1,right,76,\n"
    assert (
        apply_marks(predictions, marks_of(tmp_path, HEADER + row))["evidence"].to_pylist()[2]["kind"]
        == "sentence"
    )


def test_without_marks_nothing_changes(predictions, tmp_path):
    assert apply_marks(predictions, read_marks(str(tmp_path))) is predictions
    assert read_marks(str(tmp_path)).schema == MARKS


def test_the_last_file_counts_and_json_is_read_too(tmp_path):
    row = dict(zip(HEADER.strip().split(","), ("p", "A", "B", "C", "right", "", ""), strict=True))
    marks_of(tmp_path, HEADER + "pv2,A,B,C,wrong,,\n1512.03385v1,A,B,C,wrong,,\n")
    assert differing(find_marks(str(tmp_path))) == []
    found = marks_of(
        tmp_path, json.dumps([{**row, "paper_id": "1512.03385"}, {**row, "score": "1e-3"}]), "reviews/x.json"
    )
    (told,) = differing(find_marks(str(tmp_path)))
    assert re.search(r"x.json contradicts .*marks.csv on 1512.03385 / A / B / C; the later file counts", told)
    assert [(m["paper_id"], m["verdict"], m["score"]) for m in found.to_pylist()] == [
        ("1512.03385", "right", None),
        ("p", "right", 0.001),
        ("pv2", "wrong", None),
    ]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (HEADER + "p,A,B,C,maybe,,\n", r"marks.csv, row 2: verdict 'maybe': write right or wrong"),
        (HEADER + "p,A,B,C,right,,\np,A,,C,right,,\n", "row 3: no dataset"),
        (HEADER + "p,A,B,C,right,about 5 or 6,\n", "'about 5 or 6' is not one number"),
        (HEADER + "p,A,B,C,wrong,5,\n", "a right score makes the prediction right"),
        (HEADER + "p,A,B,C,wrong,,top-5, not top-1\n", "row 2: more columns than the first line"),
        ("paper_id,task\np,A\n", "no column dataset, metric, verdict; the first line is paper_id,"),
    ],
)
def test_what_is_no_mark_is_told(text, told, tmp_path):
    with pytest.raises(InputError, match=told):
        marks_of(tmp_path, text)


def test_marks_are_applied_where_a_finished_run_is_scored_again(jsonl, tiny_model, own_taxonomy, tmp_path):
    config = ScoreConfig(model=tiny_model, taxonomy=own_taxonomy, max_labels=4, threshold=0.5)
    store = str(tmp_path)
    score_corpus(str(jsonl), store, config, engine="local")
    before = read_leaderboards(store, tentative=True).to_pylist()
    marks_of(tmp_path, HEADER + _line(before[0], "wrong"))
    score_corpus(str(jsonl), store, config, engine="local")
    after = read_leaderboards(store, tentative=True).to_pylist()
    assert len(after) == len(before) - 1
    assert _line(before[0], "wrong") not in [_line(row, "wrong") for row in after]
    assert len(Store(store).snapshot().read("predictions")) == len(before)  # what the model said stays
    assert score_corpus(str(jsonl), store, config, engine="local").already_done


def test_a_night_ranks_what_was_marked_and_nothing_else(
    jsonl, tiny_model, own_taxonomy, tmp_path, monkeypatch
):
    config = ScoreConfig(model=tiny_model, taxonomy=own_taxonomy, max_labels=4, threshold=0.5)
    store = str(tmp_path / "store")
    run_night(str(jsonl), store, config, engine="local")
    rows = Store(store).snapshot().read("leaderboards").to_pylist()
    marks_of(tmp_path / "store", HEADER + _line(rows[0], "right", "12.5") + _line(rows[-1], "wrong"))
    refreshed = []
    refresh = boards_of_night.refresh_leaderboards

    def counting(store, labels, *rest, **more):
        refreshed.append(set(labels))
        return refresh(store, labels, *rest, **more)

    monkeypatch.setattr("tdm_ray.run.run.refresh_leaderboards", counting)
    night = run_night(str(jsonl), store, config, engine="local").run
    assert (night["outcome"], night["new_papers"], night["asked_again"]) == ("done", 0, 0)
    seen = Store(store).snapshot().read("leaderboards").to_pylist()
    assert _keys(seen) == _keys(rows[:-1])
    boards = {(rows[i]["task"], rows[i]["dataset"], rows[i]["metric"]) for i in (0, -1)}
    assert refreshed == [{"\x1f".join(board) for board in boards}]
    marked = next(row for row in seen if _line(row, "") == _line(rows[0], ""))
    assert (marked["score"], marked["probability"], marked["evidence"]["kind"]) == (12.5, 1.0, "review")
    assert run_night(str(jsonl), store, config, engine="local").run["outcome"] == "nothing new"
    (tmp_path / "store" / "marks.csv").unlink()
    run_night(str(jsonl), store, config, engine="local")
    assert _keys(Store(store).snapshot().read("leaderboards").to_pylist()) == _keys(rows)


def _line(row, verdict, score=""):
    return (
        ",".join(
            [row["paper_id"], *(f'"{row[p]}"' for p in ("task", "dataset", "metric")), verdict, score, ""]
        )
        + "\n"
    )


def _keys(rows):
    return sorted(_line(row, "") for row in rows)


@pytest.fixture
def marked(tmp_path):
    (tmp_path / "gold.tsv").write_text("a.pdf\tT#D#M#1$T#E#M#2\n")
    (tmp_path / "marks.csv").write_text(
        HEADER + "a,T,E,M,wrong,,\na,T,F,M,right,3,\nb,T,D,M,wrong,,\nb,T,G,M,right,,\n"
    )
    return read_gold(str(tmp_path / "gold.tsv"), str(tmp_path / "marks.csv"))


def test_gold_is_mended_by_marks(marked):
    assert marked.results["a"] == {TDM("T", "D", "M"): ("1",), TDM("T", "F", "M"): ("3",)}
    assert marked.wrong == {"a": {TDM("T", "E", "M")}, "b": {TDM("T", "D", "M")}}
    assert marked.marked == {"b"}


def test_training_pairs_hold_what_was_marked_wrong_and_of_a_paper_of_marks_nothing_else(marked):
    taxonomy = Taxonomy(tuple(Label(TDM("T", name, "M"), papers=9) for name in "DEFGHIJ"))
    readings = [Reading(p, paper=Paper(p, "title", "abstract of D and G"), paper_id=p) for p in "ab"]
    assert [labelled.paper.paper_id for labelled in gather(readings, marked, taxonomy, taxonomy).papers] == [
        "a"
    ]
    found = gather(readings, marked, taxonomy, taxonomy, marked=True)
    assert (found.counts["papers"], found.counts["marked_only"]) == (2, 1)
    pairing = Pairing(
        DatasetConfig(num_negative_instances=3, negatives="random", context="doctaet"), taxonomy
    )
    one, other = (
        {p.TDM: p.label for p in pairing.pairs(Task(labelled, (), None))} for labelled in found.papers
    )
    assert (one["T; D; M"], one["T; F; M"], one["T; E; M"]) == (True, True, False)
    assert sum(one.values()) == 2
    assert len(one) in (5, 6)  # three are drawn; the one marked wrong may be among them
    assert other == {"T; G; M": True, "T; D; M": False}


def test_marks_of_a_killed_night_are_honoured_by_the_next(
    jsonl, tiny_model, own_taxonomy, tmp_path, monkeypatch
):
    config = ScoreConfig(model=tiny_model, taxonomy=own_taxonomy, max_labels=4, threshold=0.5)
    store = str(tmp_path / "store")
    run_night(str(jsonl), store, config, engine="local")
    rows = Store(store).snapshot().read("leaderboards").to_pylist()
    marks_of(tmp_path / "store", HEADER + _line(rows[0], "wrong"))
    with monkeypatch.context() as broken:
        broken.setattr("tdm_ray.run.run.refresh_leaderboards", lambda *_, **__: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            run_night(str(jsonl), store, config, engine="local")
    assert _keys(Store(store).snapshot().read("leaderboards").to_pylist()) == _keys(rows)
    assert len(Store(store).snapshot().read("marks")) == 0
    run_night(str(jsonl), store, config, engine="local")
    assert _keys(Store(store).snapshot().read("leaderboards").to_pylist()) == _keys(rows[1:])


def test_a_mark_counts_for_the_versions_that_are_annotated_and_the_last_one_counts(tmp_path):
    (tmp_path / "gold.tsv").write_text("1512.03385.pdf\tT#D#M#1$T#E#M#2\n")
    (tmp_path / "one.csv").write_text(HEADER + "1512.03385v2,T,D,M,wrong,,\n1512.03385v2,T,E,M,wrong,,\n")
    (tmp_path / "two.json").write_text(
        json.dumps([{"paper_id": "1512.03385", "task": "T", "dataset": "E", "metric": "M", "score": 0}])
    )
    gold = read_gold(*(str(tmp_path / name) for name in ("gold.tsv", "one.csv", "two.json")))
    assert gold.results == {"1512.03385": {TDM("T", "E", "M"): ("2", "0")}}
    assert gold.wrong == {"1512.03385": {TDM("T", "D", "M")}}
    assert gold.marked == set()
