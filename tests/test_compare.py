"""Two runs held against each other, row by row."""

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from conftest import write_store

from benchmarks.compare import compare_runs, compare_tables, main
from tdm_ray.errors import InputError
from tdm_ray.store.tables import Store

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


def test_a_folder_of_an_older_version(before, tmp_path, capsys):
    """Plain Parquet files, with less in a nested column."""
    old = tmp_path / "old"
    for name in ("predictions", "scored", "rejects"):
        table = Store(before).read(name)
        (old / name).mkdir(parents=True)
        if name == "predictions":
            rows = [{**row, "evidence": without(row["evidence"], "row")} for row in table.to_pylist()]
            table = pa.Table.from_pylist(rows)
        pq.write_table(table, old / name / "part-0.parquet")
    assert main([str(old), before]) == 0
    assert "columns only after, not compared: " in (told := capsys.readouterr().out)
    assert "evidence.row.value" in told


def without(struct, name):
    return {field: value for field, value in struct.items() if field != name}


def test_numbers_differ_by_a_bit_or_a_tolerance(before, tmp_path):
    after = store(tmp_path / "after", prediction(1), prediction(2, score=91.50000000000001))
    assert main([before, after]) == 1
    assert main([before, after, "--tolerance", "1e-6"]) == 0


def test_nested_fields_of_one_side_are_named_not_compared():
    before = pa.table({"key": [1], "cells": [[{"value": "a"}]]})
    after = pa.table({"key": [1], "cells": [[{"value": "a", "bold": True}]]})
    found = compare_tables(before, after, ["key"])
    assert (bool(found), found.columns_before, found.columns_after) == (False, [], ["cells.bold"])
    other = pa.table({"key": [1], "cells": [[{"value": "b", "bold": True}]]})
    assert compare_tables(before, other, ["key"]).changed == {(1,): ["cells"]}


def test_of_rejects_paper_and_reason(tmp_path):
    """Their wording may differ between versions; two runs of one version are compared whole."""
    one, worded, other = (
        write_store(tmp_path / str(n), predictions=[], rejects=[{"paper_id": "a", "location": "f", **reject}])
        for n, reject in enumerate(
            (
                {"reason": "empty", "detail": "no text"},
                {"reason": "empty", "detail": "nothing"},
                {"reason": "malformed", "detail": "no text"},
            )
        )
    )
    assert main([one, worded]) == 0
    assert compare_runs(one, worded)[0]["rejects"].changed == {("a", "f"): ["detail"]}
    assert main([one, other]) == 1


def test_neither_store_nor_results(tmp_path, capsys):
    with pytest.raises(InputError, match="neither a store nor a results folder"):
        compare_runs(str(tmp_path), str(tmp_path))
    assert main([str(tmp_path), str(tmp_path)]) == 2
    assert "neither a store nor a results folder" in capsys.readouterr().err
