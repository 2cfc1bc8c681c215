"""What holds of any leaderboard; units, outliers, versions, the best over time; parts; exports there and
back."""

import json
import time
from collections import Counter
from datetime import date
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml
from conftest import write_store
from hypothesis import given, settings
from hypothesis import strategies as st

from tdm_ray.arxiv_ids import base_id, base_ids
from tdm_ray.errors import InputError
from tdm_ray.gold.annotations import paper_of, read_gold
from tdm_ray.leaderboard import parts, read
from tdm_ray.leaderboard.evaluation_tables import to_evaluation_tables
from tdm_ray.leaderboard.export import export
from tdm_ray.leaderboard.model_index import model_index
from tdm_ray.leaderboard.rank import leaderboards, newest_versions
from tdm_ray.leaderboard.units import one_unit, outliers
from tdm_ray.records import BOARD, LEADERBOARDS, MARKS, PREDICTIONS, SCORED, TAXONOMY, TDM
from tdm_ray.run import boards
from tdm_ray.run.boards import refresh_leaderboards
from tdm_ray.storage import scan_table
from tdm_ray.store.tables import Store
from tdm_ray.taxonomy.evaluation_tables import evaluation_rows
from tdm_ray.taxonomy.sources import read_taxonomy

METRICS = {"Accuracy": "higher", "Error": "lower", "Mystery": "unknown"}
PAPERS = [f"19{n:02d}.0000{n % 10}{v}" for n in range(1, 12) for v in ("", "v1", "v2")][::2]


def tables(rows, papers=None, confidence=0.5):
    predictions = [
        {
            "paper_id": p,
            "task": "T",
            "dataset": "D",
            "metric": m,
            "probability": q,
            "score": s,
            "score_text": None if s is None else f"{s}",
            "confidence": None if s is None else confidence,
        }
        for (p, m), (q, s) in rows.items()
    ]
    days = papers or {p: date(2019, 1 + i % 12, 1) if i % 4 else None for i, p in enumerate(PAPERS)}
    scored = [{"paper_id": p, "title": f"On {p}", "published": day} for p, day in days.items()]
    taxonomy = [{"task": "T", "dataset": "D", "metric": m, "direction": d} for m, d in METRICS.items()]
    found = ((predictions, PREDICTIONS), (scored, SCORED), (taxonomy, TAXONOMY.append(BOARD)))
    return [pa.Table.from_pylist(value, schema=schema) for value, schema in found]


anything = st.dictionaries(
    st.tuples(st.sampled_from(PAPERS), st.sampled_from(list(METRICS))),
    st.tuples(st.floats(0.125, 1, width=16), st.none() | st.integers(0, 400).map(lambda n: n / 4)),
    max_size=60,
)


@settings(deadline=None, max_examples=150)
@given(anything, st.randoms())
def test_what_holds_of_any_leaderboard(rows, chance):
    table = leaderboards(*tables(rows))
    assert table.schema == LEADERBOARDS
    boards = {}
    for row in table.to_pylist():
        boards.setdefault(row["metric"], []).append(row)
    newest = {p for p, kept in zip(PAPERS, newest_versions(pa.chunked_array([PAPERS])), strict=True) if kept}
    assert Counter((r["metric"], r["paper_id"]) for r in table.to_pylist()) == Counter(
        (m, p) for p, m in rows if p in newest
    )
    for metric, board in boards.items():
        assert [r["rank"] for r in board] == list(range(1, len(board) + 1))
        assert len({base_id(r["paper_id"]) for r in board}) == len(board)
        scores = [r["score"] for r in board]
        scored = [s for s in scores if s is not None]
        assert scores == scored + [None] * (len(scores) - len(scored))
        known = METRICS[metric] != "unknown"
        if known:
            assert scored == sorted(scored, reverse=METRICS[metric] != "lower")
        else:  # the newest first, and none was ever the best
            dated = [r["published"] or date.min for r in board[: len(scored)]]
            tiers = [(r["confirmed"], day) for r, day in zip(board, dated, strict=False)]
            assert tiers == sorted(tiers, reverse=True)
            assert not any(r["was_best"] for r in board)
        rest = [r["probability"] for r in board[len(scored) :]]
        assert rest == sorted(rest, reverse=True)
        best = sorted((r for r in board if r["was_best"]), key=lambda r: r["published"])
        assert all(r["published"] and r["score"] is not None for r in best)
        ranks = [r["rank"] for r in best]
        assert ranks == sorted(ranks, reverse=True)  # each better than those before it
    items = list(rows.items())
    chance.shuffle(items)
    assert leaderboards(*tables(dict(items))).equals(table)


def test_ties_go_by_date():
    days = {"a": date(2020, 3, 1), "b": date(2020, 1, 1), "c": None}
    rows = {(p, "Accuracy"): (q, 50.0) for p, q in (("a", 0.9), ("b", 0.5), ("c", 0.99))}
    assert leaderboards(*tables(rows, days))["paper_id"].to_pylist() == ["b", "a", "c"]


def test_the_newest_version_wins():
    """A version that no longer reports the label takes the older one's row with it."""
    days = {p: date(2020, 1, 1) for p in ("1901.00001v1", "1901.00001v3", "1901.00002", "1901.00002v9")}
    rows = {
        ("1901.00001v1", "Accuracy"): (0.9, 99.0),
        ("1901.00001v3", "Error"): (0.9, 1.0),
        ("1901.00002", "Error"): (0.9, 2.0),
        ("1901.00002v9", "Error"): (0.9, 3.0),
    }
    found = leaderboards(*tables(rows, days)).to_pylist()
    assert [(r["metric"], r["paper_id"]) for r in found] == [
        ("Error", "1901.00001v3"),
        ("Error", "1901.00002v9"),
    ]


def test_ties_go_by_date_then_probability_then_id():
    days = {"a": date(2020, 1, 2), "b": date(2020, 1, 1), "c": date(2020, 1, 1), "d": date(2020, 1, 1)}
    rows = {(p, "Error"): (q, 1.0) for p, q in (("a", 0.99), ("d", 0.5), ("c", 0.5), ("b", 0.4))}
    assert leaderboards(*tables(rows, days))["paper_id"].to_pylist() == ["c", "d", "b", "a"]


def test_the_best_over_time():
    days = {p: date(2020, 1, i) for i, p in enumerate("abcd", start=1)}
    rows = {(p, "Error"): (0.9, s) for p, s in zip("abcd", (10.0, 12.0, 8.0, 8.0), strict=True)}
    found = {r["paper_id"]: r["was_best"] for r in leaderboards(*tables(rows, days, 0.9)).to_pylist()}
    assert found == {"a": True, "b": False, "c": True, "d": False}


def test_shares_and_percents_of_one_board_become_one_unit():
    boards = np.array([0, 0, 0, 1, 1, 1, 2, 2, 2, 3, 3])
    scores = np.array([91.2, 90.0, 0.912, 0.7, 0.68, 71.0, 0.8, 1.2, 1.4, np.nan, 0.5])
    expected = [91.2, 90.0, 91.2, 0.7, 0.68, 0.71, 0.8, 1.2, 1.4, np.nan, 0.5]
    higher = np.zeros(len(boards), bool)
    np.testing.assert_allclose(one_unit(scores, boards, higher), expected)


def test_a_bad_error_rate_stays_one():
    """An error of 21 % among shares is no record of 0.21; tiny scores keep all their digits."""
    scores = np.array([0.21, 0.23, 0.35, 0.45, 21.0, 99.5, 3e-11, 4e-12])
    boards = np.array([0] * 6 + [1] * 2)
    np.testing.assert_array_equal(one_unit(scores, boards, np.ones(8, bool)), scores)
    assert one_unit(scores, boards, np.zeros(8, bool))[4] == 0.21


def test_only_arxiv_ids_have_versions():
    ids = [
        "yolov3",
        "yolov4",
        "mobilenetv1",
        "draft-rev20240115123045",
        "cs/9901001v1",
        "cs/9901001v2",
        "2001.00001v1",
    ]
    assert newest_versions(pa.chunked_array([ids])).tolist() == [True, True, True, True, False, True, True]
    assert [base_id(i) for i in ids] == [*ids[:4], "cs/9901001", "cs/9901001", "2001.00001"]


@given(
    st.lists(
        st.one_of(
            st.text(max_size=12), st.from_regex(r"(\d{4}\.\d{5}|cs/?\d{7}|yolo)(v\d{1,5})?", fullmatch=True)
        )
    )
)
def test_a_column_of_ids_has_the_bases_of_each(ids):
    assert base_ids(pa.chunked_array([pa.array(ids, pa.string())])).to_pylist() == [base_id(i) for i in ids]


def test_outliers_are_flagged_not_dropped():
    scores = np.array([90.0, 91.0, 92.0, 91.5, 90.5, 12.0, np.nan, 5.0, 500.0])
    boards = np.array([0, 0, 0, 0, 0, 0, 0, 1, 1])
    assert outliers(scores, boards).tolist() == [False] * 5 + [True] + [False] * 3
    days = {p: date(2020, 1, i) for i, p in enumerate("abcdef", start=1)}
    rows = {(p, "Accuracy"): (0.9, float(s)) for p, s in zip("abcdef", scores, strict=False)}
    rows["f", "Accuracy"] = (0.9, 1e15)
    found = leaderboards(*tables(rows, days)).to_pylist()
    assert (found[0]["paper_id"], found[0]["outlier"], found[0]["was_best"]) == ("f", True, False)
    assert len(found) == 6


ROWS = {(p, m): (0.5, float(i)) for i, p in enumerate(PAPERS) for m in METRICS}


def ranked(root):
    """The leaderboards of a store with predictions, ranked anew."""
    store = Store(str(root))
    refresh_leaderboards(store, [], "r2", marks=MARKS.empty_table(), held=None, anew=True)
    return store.read("leaderboards").sort_by([("metric", "ascending"), ("rank", "ascending")])


def test_parts_hold_what_one_table_holds(tmp_path, monkeypatch):
    parts_are_as_the_whole(tmp_path, monkeypatch)


def test_parts_on_a_cluster_hold_what_one_table_holds(tmp_path, monkeypatch, ray_session):
    parts_are_as_the_whole(tmp_path, monkeypatch, ray_session.get_runtime_context().gcs_address)


def parts_are_as_the_whole(tmp_path, monkeypatch, cluster=None):
    predictions, scored, taxonomy = tables(ROWS)
    write_store(tmp_path, predictions=predictions, scored=scored, taxonomy=taxonomy)
    whole = ranked(tmp_path)
    for module in (boards, parts):
        monkeypatch.setattr(module, "ROWS_A_PART", 10)
    if cluster:
        monkeypatch.setenv("RAY_ADDRESS", cluster)
    in_parts = ranked(tmp_path)
    for path in Store(str(tmp_path)).open("leaderboards").file_uris():
        assert "dictionary" not in str(
            pq.read_schema(path.removeprefix("file://"))
        )  # other programs need not know
    assert in_parts.equals(whole)
    assert not (tmp_path / "_staging").exists() or not list((tmp_path / "_staging").rglob("*.arrow"))


def test_of_too_many_entries_the_largest_leaderboards_are_read(tmp_path, monkeypatch):
    predictions, scored, taxonomy = tables(ROWS)
    write_store(tmp_path, predictions=predictions, scored=scored, taxonomy=taxonomy)
    whole = ranked(tmp_path)
    write_store(tmp_path, "next", leaderboards=whole)
    sizes = sorted((list(whole["metric"].to_pylist()).count(m) for m in METRICS), reverse=True)
    monkeypatch.setattr(read, "MOST_ROWS", sum(sizes[:2]))
    largest = read.read_leaderboards(str(tmp_path), tentative=True)
    assert len(largest) == sum(sizes[:2])
    assert f"{len(largest):,} of {len(whole):,}" in read.left_out(str(tmp_path), largest)
    one = PAPERS[-1]
    mine = read.read_leaderboards(str(tmp_path), paper_id=one, tentative=True)
    assert mine.num_rows == whole["paper_id"].to_pylist().count(one) > 0


def cell(value, *heads):
    return {"value": value, "bold": False, "column_headers": list(heads), "marked": value == "1"}


EVIDENCES = st.none() | st.fixed_dictionaries(
    {
        "kind": st.sampled_from(["cell", "sentence"]),
        "table": st.none() | st.integers(0, 3),
        "caption": st.none() | st.sampled_from(["Table 1", "Table 2", ""]),
        "text": st.none() | st.text(max_size=3),
        "row_headers": st.none() | st.lists(st.none() | st.text(max_size=2), max_size=3),
        "column_headers": st.lists(st.text(max_size=2), max_size=2),
        "row": st.none()
        | st.lists(st.none() | st.builds(cell, st.sampled_from("123"), st.text(max_size=2)), max_size=3),
    }
)


@given(st.lists(EVIDENCES, max_size=12), st.integers(0, 6), st.integers(0, 6))
def test_evidence_comes_back_from_its_dictionaries(evidences, start, length):
    """Sliced anywhere, compacted, read: the same values, and no string in a dictionary that no row has."""
    form = parts.RANKED.field("evidence").type
    whole = pa.array(evidences, LEADERBOARDS.field("evidence").type)
    some = parts._used(whole.cast(form).slice(start, length))
    assert some.type == form and some.to_pylist() == evidences[start : start + length]
    assert (
        pa.concat_arrays([some, whole.cast(form)])
        .cast(whole.type)
        .equals(pa.concat_arrays([whole.slice(start, length), whole]))
    )
    kinds = some.field(0)
    assert sorted(kinds.dictionary.to_pylist()) == sorted(set(kinds.drop_null().to_pylist()))


@pytest.mark.parametrize(("batch", "seen"), [(1 << 18, 1), (7, 8), (1, 51)])
def test_many_small_files_are_split_as_one(tmp_path, monkeypatch, batch, seen):
    """Batches are gathered before they are split: what each file costs is paid once a batch, and no row is
    lost."""
    whole = tables(ROWS)[0]
    (tmp_path / "predictions").mkdir()
    for at in range(len(whole)):
        pq.write_table(whole.slice(at, 1), tmp_path / "predictions" / f"part-{at:05d}.parquet")
    pq.write_table(whole.slice(0, 0), tmp_path / "predictions" / "part-99999.parquet")
    monkeypatch.setattr(parts, "ROWS_A_PART", 10)
    monkeypatch.setattr(parts, "_BATCH", batch)
    sizes = []
    split = parts._by_part
    monkeypatch.setattr(
        parts, "_by_part", lambda table, *rest: sizes.append(len(table)) or split(table, *rest)
    )
    found = parts.split_by_board(
        scan_table(str(tmp_path / "predictions"), parts.coded(PREDICTIONS)), tables(ROWS)[2], str(tmp_path)
    )
    assert (len(sizes), sum(sizes)) == (seen, len(whole))
    read_back = [parts.read_part(path) for path in found]
    assert sum(map(len, read_back)) == len(whole)
    assert all(table.schema == parts.RANKED for table in read_back)
    metrics = [metric for table in read_back for metric in set(table["metric"].to_pylist())]
    assert sorted(metrics) == sorted(METRICS)  # each label in one part


def test_no_more_is_split_than_two_threads_have_in_hand():
    """However slowly it is taken; and in order."""
    begun = []
    ahead = parts._ahead(lambda item: begun.append(item) or item, range(100))
    assert next(ahead) == 0
    time.sleep(0.2)
    assert len(begun) <= 3
    assert list(ahead) == list(range(1, 100))


def from_evaluation_tables(tasks):
    """The results of such a file as entries, unranked: columns of `LEADERBOARDS`, `score` not parsed."""
    rows = [
        {
            "task": tdm.task,
            "dataset": tdm.dataset,
            "metric": tdm.metric,
            "paper_id": paper_of(row),
            "title": row.get("paper_title"),
            "method": row.get("model_name"),
            "published": date.fromisoformat(day) if (day := row.get("paper_date")) else None,
            "score_text": score,
        }
        for tdm, row, score in evaluation_rows(tasks)
    ]
    return pa.Table.from_pylist(rows, schema=LEADERBOARDS)


def results(path):
    tasks = json.loads(path.read_text())
    return Counter((tdm, score) for tdm, _, score in evaluation_rows(tasks))


@pytest.mark.parametrize("name", ["eff", "nlp-progress", "snli", "squad"])
def test_the_real_evaluation_tables_come_back(real_data, tmp_path, name):
    """Read, written, read again: every result of every paper, and the same labels."""
    source = real_data / "evaluation-tables" / f"{name}.json"
    again = tmp_path / "again.json"
    table = from_evaluation_tables(json.loads(source.read_text()))
    again.write_text(json.dumps(to_evaluation_tables(table)))
    assert results(again) == results(source)
    assert read_taxonomy(str(again)) == read_taxonomy(str(source))
    there = read_gold(str(source)).results
    back = read_gold(str(again)).results
    assert {p: {t: sorted(s) for t, s in r.items()} for p, r in there.items()} == {
        p: {t: sorted(s) for t, s in r.items()} for p, r in back.items()
    }


def test_our_own_leaderboards_come_back(tmp_path):
    rows = {
        ("1901.00001", "Accuracy"): (0.9, 91.2),
        ("P19-1001", "Accuracy"): (0.8, 90.0),
        ("x", "Error"): (0.7, None),
    }
    days = {"1901.00001": date(2019, 1, 1), "P19-1001": None, "x": None}
    (path,) = export(leaderboards(*tables(rows, days)), str(tmp_path), ["evaluation-tables"])
    written = json.loads(Path(path).read_text())[0]["datasets"][0]["sota"]["rows"]
    of_the_form = {"model_name", "paper_title", "paper_url", "paper_date", "metrics"}  # of SotaRowSchema
    assert all(row.keys() == of_the_form and isinstance(row["paper_url"], str) for row in written)
    found = read_gold(path).results
    accuracy = TDM("T", "D", "Accuracy")
    assert found == {"1901.00001": {accuracy: ("91.2",)}, "P19-1001": {accuracy: ("90.0",)}}
    with pytest.raises(InputError, match="choose of csv, json, evaluation-tables"):
        export(leaderboards(*tables(rows, days)), str(tmp_path), ["xml"])


def test_a_model_index_is_yaml_of_the_hubs_form():
    rows = {("1901.00001", "Accuracy"): (0.9, 91.2), ("1901.00001", "Error"): (0.9, None)}
    table = leaderboards(*tables(rows, {"1901.00001": date(2019, 1, 1)}))
    (model,) = yaml.safe_load(model_index(table, "1901.00001"))["model-index"]
    (result,) = model["results"]
    assert result["task"] == {"type": "t", "name": "T"}
    assert result["metrics"] == [{"type": "accuracy", "value": 91.2, "name": "Accuracy"}]
    assert result["source"]["url"] == "https://arxiv.org/abs/1901.00001"
    with pytest.raises(InputError, match="no entry with a score"):
        model_index(table, "1901.99999")


def test_a_model_index_keeps_names_apart_and_links_to_no_page_that_is_none():
    names = ["C", "C++", "C#", "中文"]
    entry = {
        "task": "T",
        "metric": "Acc",
        "direction": "higher",
        "rank": 1,
        "paper_id": "P19-1001",
        "score": 1.0,
    }
    table = pa.Table.from_pylist([{**entry, "dataset": name} for name in names], schema=LEADERBOARDS)
    (model,) = yaml.safe_load(model_index(table, "P19-1001"))["model-index"]
    assert [r["dataset"]["name"] for r in model["results"]] == names
    assert len({r["dataset"]["type"] for r in model["results"]}) == 4
    assert not any("source" in r for r in model["results"])
