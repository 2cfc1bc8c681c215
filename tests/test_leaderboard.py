"""Ranking, exports, and what is printed."""

import csv
import io
import json
from datetime import date

import pyarrow as pa
import pytest
from conftest import write_store
from deltalake import write_deltalake
from rich.console import Console

from tdm_ray.config import CONFIRMED
from tdm_ray.errors import InputError
from tdm_ray.leaderboard.export import FORMATS, as_csv, as_json, csv_of, export
from tdm_ray.leaderboard.model_index import model_index
from tdm_ray.leaderboard.rank import leaderboards
from tdm_ray.leaderboard.read import read_leaderboards
from tdm_ray.leaderboard.render import folded_away, render
from tdm_ray.records import LEADERBOARDS, PREDICTIONS, SCORED, TAXONOMY

EVIDENCE = {
    "kind": "caption",
    "table": 0,
    "caption": "c",
    "row_headers": [],
    "column_headers": ["a"],
    "text": 't, "q"',
    "row": None,
}


def prediction(paper, metric, probability, score=None):
    return {
        "paper_id": paper,
        "task": "T",
        "dataset": "D",
        "metric": metric,
        "probability": probability,
        "score": score,
        "score_text": None if score is None else str(score),
        "method": "Net",
        "confidence": None if score is None else probability,
        "evidence": EVIDENCE,
    }


def build(rows, directions=(("Accuracy", "higher"), ("Error", "lower"))):
    scored = [
        {"paper_id": p, "title": f"Title of [{p}]", "published": date(2020, 1, i + 1)}
        for i, p in enumerate("abcd")
    ]
    taxonomy = [{"task": "T", "dataset": "D", "metric": m, "direction": d} for m, d in directions]
    return leaderboards(
        *(
            pa.Table.from_pylist(r, schema=s)
            for r, s in ((rows, PREDICTIONS), (scored, SCORED), (taxonomy, TAXONOMY))
        )
    )


def test_ranked_by_probability_where_there_are_no_scores():
    table = build(
        [prediction("a", "Accuracy", 0.5), prediction("b", "Accuracy", 0.9), prediction("c", "Error", 0.7)]
    )
    assert table.schema == LEADERBOARDS
    assert [(r["metric"], r["rank"], r["paper_id"]) for r in table.to_pylist()] == [
        ("Accuracy", 1, "b"),
        ("Accuracy", 2, "a"),
        ("Error", 1, "c"),
    ]
    assert table["direction"].to_pylist() == ["higher", "higher", "lower"]
    assert table["title"].to_pylist() == ["Title of [b]", "Title of [a]", "Title of [c]"]
    assert table["evidence"].to_pylist()[0] == EVIDENCE


@pytest.mark.parametrize(("metric", "order"), [("Accuracy", "dcab"), ("Error", "acdb")])
def test_ranked_by_score_in_the_metrics_direction(metric, order):
    """Scored rows first, best first; a row without a score comes last, however probable."""
    rows = [
        prediction("a", metric, 0.5, 1.0),
        prediction("b", metric, 0.99),
        prediction("c", metric, 0.5, 2.0),
        prediction("d", metric, 0.6, 3.0),
    ]
    assert "".join(build(rows)["paper_id"].to_pylist()) == order


def test_order_of_rows_does_not_matter():
    rows = [prediction(p, m, 0.5 + 0.1 * i) for i, p in enumerate("abcd") for m in ("Accuracy", "Error")]
    assert build(rows) == build(rows[::-1])


def test_a_label_unknown_to_the_taxonomy_keeps_its_entries():
    table = build([prediction("z", "Mystery", 0.5)])
    assert table.to_pylist()[0]["direction"] is None
    assert table.to_pylist()[0]["title"] is None


def test_no_predictions():
    table = build([])
    assert len(table) == 0
    assert "No results" in printed(table)
    assert json.loads(as_json(table)) == []


def test_exports_hold_the_same(tmp_path):
    table = build([prediction("a", "Accuracy", 0.5, 91.2), prediction("b", "Accuracy", 0.9)])
    assert [p.rsplit(".")[-1] for p in export(table, str(tmp_path), ["csv", "json"])] == ["csv", "json"]
    rows = list(csv.DictReader(io.StringIO(as_csv(table))))
    assert [(r["rank"], r["paper_id"], r["score"], r["evidence_text"]) for r in rows] == [
        ("1", "a", "91.2", 't, "q"'),
        ("2", "b", "", 't, "q"'),
    ]
    (board,) = json.loads((tmp_path / "leaderboards.json").read_text())
    assert (board["task"], board["direction"]) == ("T", "higher")
    assert [e["paper_id"] for e in board["entries"]] == ["a", "b"]
    with pytest.raises(InputError, match="choose of csv, json, evaluation-tables"):
        export(table, str(tmp_path), ["parquet"])


def printed(table, **dials):
    console = Console(file=io.StringIO(), width=120)
    console.print(render(table, **dials))
    return console.file.getvalue()


def test_what_is_printed():
    rows = [prediction(p, m, 0.5) for p in "abc" for m in ("Accuracy", "Error")][:-1]
    marked = build([{**prediction("a", "Accuracy", 0.5, 81.2), "score_text": "81.2[/b]"}])
    assert "81.2[/b]" in printed(marked)
    text = printed(build(rows), boards=1, entries=2)
    assert "T · D · Accuracy  (higher is better)" in text
    assert "Title of [a]" in text  # brackets are text, not markup
    assert "Title of [c]" not in text
    assert "1 more" in text
    assert "and 1 more leaderboards" in text
    even = build([prediction("a", "Accuracy", 0.5, 91.2), prediction("a", "Error", 0.9, 8.8)])
    assert "T · D · Error" in printed(even, boards=1)  # of as many entries the surer first


def test_where_there_is_no_store(tmp_path):
    with pytest.raises(InputError, match=r"holds no finished run; `tdm-ray score PAPERS --out .*` makes one"):
        read_leaderboards(str(tmp_path / "nowhere"))


def test_a_store_named_from_here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    row = {**prediction("a", "Accuracy", 0.5, 91.2), "rank": 1, "confirmed": True}
    keep = {name: value for name, value in row.items() if name in LEADERBOARDS.names}
    write_store("results", leaderboards=[keep])
    assert len(read_leaderboards("results")) == 1


def test_confirmed_rows_come_first_and_alone_unless_the_others_are_asked_for(tmp_path):
    rows = [
        prediction("a", "Accuracy", CONFIRMED + 0.1, 90.0),
        prediction("b", "Accuracy", CONFIRMED - 0.1, 99.0),
        prediction("c", "Accuracy", 0.9),
        prediction("d", "Accuracy", CONFIRMED, 91.0),
    ]
    table = build(rows)
    found = [(r["paper_id"], r["rank"], r["confirmed"]) for r in table.to_pylist()]
    assert found == [("d", 1, True), ("a", 2, True), ("b", 3, False), ("c", 4, False)]
    assert [r["was_best"] for r in table.to_pylist()] == [True, True, False, False]  # of confirmed ones
    write_store(tmp_path, leaderboards=table)
    shown = read_leaderboards(str(tmp_path))
    assert shown["paper_id"].to_pylist() == ["d", "a"]
    every = read_leaderboards(str(tmp_path), tentative=True)
    assert len(every) == 4
    assert folded_away(every, shown).plain == (
        "Folded away: 1 tentative result and 1 mention without a score (--tentative shows them)."
    )
    assert folded_away(every, every).plain == ""
    text = printed(every)
    assert "│ 1 │ d" in text
    assert "│ 3 │" not in text  # what is not confirmed has no rank
    assert "Net" in text


def test_outliers_are_tentative_unless_a_reader_marked_them():
    scores = {"a": 90.0, "b": 90.2, "c": 89.9, "d": 90.1}
    rows = [prediction(p, "Accuracy", 0.9, s) for p, s in scores.items()]
    table = build([*rows, {**prediction("e", "Accuracy", 0.9, 9.0), "paper_id": "e"}])
    assert {r["paper_id"] for r in table.to_pylist() if not r["confirmed"]} == {"e"}
    marked = build([*rows, {**prediction("e", "Accuracy", 1.0, 9.0), "paper_id": "e"}])
    assert all(r["confirmed"] for r in marked.to_pylist())


def test_the_rows_with_a_score_of_an_older_store_are_confirmed(tmp_path):
    row = {**prediction("a", "Accuracy", 0.5, 91.2), "rank": 1}
    old = pa.Table.from_pylist([row, {**prediction("b", "Accuracy", 0.5), "rank": 2}], schema=LEADERBOARDS)
    write_deltalake(str(tmp_path / "leaderboards"), old.drop_columns(["method", "confidence", "confirmed"]))
    write_store(tmp_path)
    assert read_leaderboards(str(tmp_path))["paper_id"].to_pylist() == ["a"]


def test_exports_name_the_method():
    table = build([prediction("a", "Accuracy", 0.9, 91.2)])
    assert (
        json.loads(FORMATS["evaluation-tables"](table))[0]["datasets"][0]["sota"]["rows"][0]["model_name"]
        == "Net"
    )
    assert "name: Net" in model_index(table, "a")
    assert next(csv.DictReader(io.StringIO(as_csv(table))))["method"] == "Net"


@pytest.mark.parametrize(
    ("text", "shown"),
    {"=1+1": "'=1+1", "@x": "'@x", "-0.4": "-0.4", "-Net": "'-Net", "+1.5": "+1.5", "Net": "Net"}.items(),
)
def test_a_csv_holds_no_formula(text, shown):
    row = dict.fromkeys(LEADERBOARDS.names) | {"title": text}
    (line,) = csv.DictReader(io.StringIO(csv_of([row])))
    assert line["title"] == shown
