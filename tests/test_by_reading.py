"""The results by reading are what their README says."""

import json
from collections import Counter
from pathlib import Path

import pyarrow.compute as pc
import pyarrow.parquet as pq
from conftest import write_store

from benchmarks.by_reading import drawn_figures
from tdm_ray.text.numbers import numbers

FOLDER = Path(__file__).parent / "by_reading"
PAPERS = [json.loads(line) for line in (FOLDER / "papers.jsonl").read_text().splitlines()]
ROWS = [json.loads(line) for line in (FOLDER / "rows.jsonl").read_text().splitlines()]
CELLS = pq.read_table(FOLDER / "cells.parquet")


def test_papers():
    assert Counter((p["road"], p["split"]) for p in PAPERS) == {
        ("latex", "train"): 68,
        ("latex", "dev"): 44,
        ("tei", "train"): 34,
        ("tei", "dev"): 22,
    }
    assert len({p["paper_id"] for p in PAPERS}) == len(PAPERS)
    assert not any(p["survey"] and p["best"] for p in PAPERS)


def test_best_values_are_numbers_of_labels():
    for paper in PAPERS:
        for best in paper["best"]:
            assert best["label"].count("#") == 2, paper["paper_id"]
            assert numbers(str(best["value"])), (paper["paper_id"], best)


def test_cells():
    assert set(CELLS["paper_id"].unique().to_pylist()) <= {p["paper_id"] for p in PAPERS}
    assert set(CELLS["kind"].unique().to_pylist()) <= {"own", "variant", "baseline", None}
    on_grid = pc.is_valid(CELLS["row"])
    assert pc.all(pc.equal(on_grid, pc.is_valid(CELLS["column"]))).as_py()
    assert pc.all(pc.equal(on_grid, pc.is_null(CELLS["parser_cell"]))).as_py()


def test_only_own_results_have_labels():
    labelled = CELLS.filter(pc.greater(pc.list_value_length(CELLS["labels"]), 0))
    assert set(labelled["kind"].unique().to_pylist()) == {"own", "variant"}
    assert all(label.count("#") == 2 for labels in labelled["labels"].to_pylist() for label in labels)


def test_rows_judged_one_by_one():
    assert Counter(row["split"] for row in ROWS) == {"train": 141, "dev": 786}
    train = {p["paper_id"] for p in PAPERS if p["split"] == "train"}
    assert {row["paper_id"] for row in ROWS if row["split"] == "train"} <= train
    assert all(row["label"].count("#") == 2 for row in ROWS)
    assert not any(row["right"] and not row["label_right"] for row in ROWS)
    assert sum(row["right"] for row in ROWS if row["split"] == "train") == 11


def test_a_store_is_held_against_rows_of_a_draw(tmp_path):
    drawn = [row for row in ROWS if row["draw"] == "latex, seed 3011"]
    rows = [
        {
            "paper_id": row["paper_id"],
            **dict(zip(("task", "dataset", "metric"), row["label"].split("#"), strict=True)),
            "probability": 0.9,
            "score": row["score"] if number else row["score"] + 1,  # the first row has another score now
            "confidence": 0.9 if row["right"] else 0.1,
        }
        for number, row in enumerate(drawn)
    ]
    store = write_store(tmp_path / "store", predictions=rows)
    right = sum(row["right"] for row in drawn[1:])
    assert drawn_figures(store, "latex, seed 3011", 0.7) == {
        "judged": len(drawn) - 1,
        "right": right,
        "confirmed": right,
        "confirmed_right": right,
        "calibration_error": 0.1,
    }
