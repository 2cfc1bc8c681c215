"""Two runs held against each other, row by row."""

import pytest
from conftest import write_store

from benchmarks.compare import compare_runs, main
from tdm_ray.errors import InputError

ROW = {"task": "T", "dataset": "D", "metric": "M", "score": 91.5, "score_text": "91.5", "model_id": "a"}


def store(root, *rows, **tables):
    papers = [{"paper_id": row["paper_id"], "title": "t", "model_id": row["model_id"]} for row in rows]
    return write_store(root, predictions=list(rows), scored=papers, rejects=[], **tables)


def prediction(number, **changed):
    evidence = {"kind": "cell", "table": 1, "text": "91.5", "row": []}
    return {**ROW, "paper_id": f"2001.0000{number}", "evidence": evidence, **changed}


@pytest.fixture
def before(tmp_path):
    return store(tmp_path / "before", prediction(1), prediction(2))


def test_equal_but_for_ids_and_order(before, tmp_path, capsys):
    after = store(tmp_path / "after", prediction(2, model_id="b"), prediction(1, model_id="b"))
    assert main([before, after]) == 0
    told = capsys.readouterr().out
    assert "predictions: 2 rows before, 2 after: the same" in told
    assert told.endswith("the same\n")


def test_a_changed_score_is_told(before, tmp_path, capsys):
    evidence = {"kind": "cell", "table": 2, "text": "91.5", "row": []}
    after = store(tmp_path / "after", prediction(1), prediction(2, score=90.0, evidence=evidence))
    assert main([before, after]) == 1
    told = capsys.readouterr().out
    assert "only before 0, only after 0, different 1" in told
    assert "different: 2001.00002 | T | D | M: score, evidence.table" in told
    assert told.endswith("different: predictions\n")


def test_rows_of_one_side_and_duplicates(before, tmp_path):
    after = store(tmp_path / "after", prediction(1), prediction(1), prediction(3))
    found = compare_runs(before, after)[0]["predictions"]
    assert found.only_before == [("2001.00002", "T", "D", "M")]
    assert found.only_after == [("2001.00001", "T", "D", "M"), ("2001.00003", "T", "D", "M")]
    assert found.duplicated == 1
    assert not found.changed


def test_a_table_of_one_side_is_named(before, tmp_path, capsys):
    after = store(tmp_path / "after", prediction(1), prediction(2), leaderboards=[])
    assert main([before, after]) == 0
    assert "leaderboards: only one of the two runs has this table" in capsys.readouterr().out


def test_neither_store_nor_results(tmp_path):
    with pytest.raises(InputError, match="neither a store nor a results folder"):
        compare_runs(str(tmp_path), str(tmp_path))
