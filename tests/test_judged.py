"""What people judged: cells laid on our tables, and rows of read papers."""

import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from conftest import write_store

from tdm_ray.errors import InputError
from tdm_ray.extract.confidence import INPUTS, load_confidence
from tdm_ray.gold.judged_cells import read_cells, read_classes
from tdm_ray.papers.grid import table_of_grid
from tdm_ray.papers.pdf_tables import read_pdf_tables
from tdm_ray.records import Paper
from tdm_ray.training.confidence import judged_rows, learn_confidence

GRID = [["Model", "A", "B"], ["Base", "1.5", "2.5"], ["Ours", "3.5", "4.5"]]
PAPER = Paper("1", "T", "A", tables=[table_of_grid("T", GRID)])
COLUMNS = ("paper_id", "table", "row", "column", "parser_cell", "kind")


def _cells(tmp_path, *rows):
    path = str(tmp_path / "cells.parquet")
    pq.write_table(pa.Table.from_pylist([dict(zip(COLUMNS, row, strict=True)) for row in rows]), path)
    return path


def test_cells_are_found_by_row_and_column(tmp_path):
    path = _cells(
        tmp_path, ("1", 0, 2, 1, None, "own"), ("1", 0, 1, 2, None, "baseline"), ("2", 0, 1, 1, None, "own")
    )
    ((paper, kinds),) = read_cells(path, {"1": PAPER}, {})
    assert paper is PAPER
    by_value = {PAPER.tables[t].cells[n].value: kind for (t, n), kind in kinds.items()}
    assert by_value == {"1.5": "none", "2.5": "baseline", "3.5": "own", "4.5": "none"}


def test_cells_of_a_pdf_parser_are_found_by_their_number(tmp_path):
    cell = {"isBolded": False, "associatedColumns": [], "associatedMergedColumns": []}
    numbers = [{**cell, "number": n, "associatedRows": [r]} for n, r in (("2", "b"), ("1", "a"), ("1", "a"))]
    parsed = json.dumps([{"caption": "", "numberCells": numbers}])
    (table,) = read_pdf_tables(parsed)
    turned = Paper("1", "T", "A", tables=[type(table)(table.caption, list(table.cells)[::-1], table.text)])
    path = _cells(tmp_path, ("1", 0, None, None, 0, "own"), ("1", 0, None, None, 1, "baseline"))
    ((_, kinds),) = read_cells(path, {"1": turned}, {"1": parsed})
    assert kinds == {(0, 0): "baseline", (0, 1): "none", (0, 2): "own"}


def test_classes_of_headers_spread_over_their_rows(tmp_path):
    classes = [["", "", ""], ["model-competing", "", ""], ["model-best", "", ""]]
    line = {"paper_id": "1", "cells": GRID, "classes": classes, "leaderboard": True, "ablation": False}
    path = tmp_path / "classes.jsonl"
    path.write_text(json.dumps(line) + "\n" + json.dumps({"paper_id": "1", "cells": []}) + "\n")
    ((_, kinds),) = read_classes(str(path), {"1": PAPER})
    by_value = {PAPER.tables[t].cells[n].value: kind for (t, n), kind in kinds.items()}
    assert by_value == {"1.5": "baseline", "2.5": "baseline", "3.5": "own", "4.5": "own"}
    other = Paper("1", "T", "A", tables=[table_of_grid("T", [["x", "y"], ["z", "9.9"]])])
    assert not list(read_classes(str(path), {"1": other}))  # no table like it


def test_other_files_are_named(tmp_path):
    (tmp_path / "x").write_text("{")
    with pytest.raises(InputError, match="judged cells"):
        list(read_cells(str(tmp_path / "x"), {}, {}))
    with pytest.raises(InputError, match="classes of cells"):
        list(read_classes(str(tmp_path / "x"), {}))


def _prediction(paper, dataset, score, text=None, confidence=0.5):
    return {
        "paper_id": paper,
        "task": "Semantic Segmentation",
        "dataset": dataset,
        "metric": "mIoU",
        "probability": confidence,
        "score": score,
        "score_text": text or (None if score is None else str(score)),
        "score_confidence": None if score is None else confidence,
        "cell_probability": None if score is None else confidence,
    }


def _read(tmp_path, papers):
    path = tmp_path / "papers.jsonl"
    label = "Semantic Segmentation#ADE20K#Validation mIoU"
    lines = [
        {"paper_id": p, "split": split, "best": [{"label": label, "value": "45.1"}]}
        for p, split in papers.items()
    ]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return str(path)


def test_rows_of_read_papers_are_judged(tmp_path):
    rows = [
        _prediction("1", "ADE20K val", 45.1),  # another name of the board
        _prediction("1", "Cityscapes val", 45.1),
        _prediction("2", "ADE20K val", 44.0, "45.1 / 44.0"),  # the other number of its cell
        _prediction("3", "ADE20K val", None),
        _prediction("4", "ADE20K val", 45.1),
    ]
    store = write_store(tmp_path / "store", predictions=rows)
    read = _read(tmp_path, {"1": "train", "2": "train", "3": "train", "4": "dev"})
    found = {
        (j.row["paper_id"], j.row["dataset"]): (j.label_is_right, j.right)
        for j in judged_rows(store, read, split="train")
    }
    assert found == {
        ("1", "ADE20K val"): (True, True),
        ("1", "Cityscapes val"): (False, False),
        ("2", "ADE20K val"): (True, False),
        ("3", "ADE20K val"): (True, False),
    }


def test_confidence_is_learnt_from_stores(tmp_path):
    chance = np.random.default_rng(0)
    sure = chance.uniform(0.1, 0.9, 200)
    right = chance.uniform(size=200) < sure
    rows = [
        _prediction(f"p{n}", "ADE20K val", 45.1 if right[n] else 9.0, confidence=float(sure[n]))
        for n in range(200)
    ]
    store = write_store(tmp_path / "store", predictions=rows)
    read = _read(tmp_path, {f"p{n}": "train" for n in range(200)})
    facts = learn_confidence(store, store, read, str(tmp_path))
    assert facts["with_index"]["right"] == right.sum()
    confidence = load_confidence(str(tmp_path), with_index=True)
    assert confidence(dict.fromkeys(INPUTS, 0.9)) > 0.7 > 0.3 > confidence(dict.fromkeys(INPUTS, 0.1))
    wrong = next(row for n, row in enumerate(rows) if not right[n])
    (tmp_path / "rows.jsonl").write_text(
        json.dumps(
            {
                "paper_id": wrong["paper_id"],
                "split": "train",
                "label": "Semantic Segmentation#ADE20K val#mIoU",
                "score": 9.0,
                "right": True,
            }
        )
    )
    facts = learn_confidence(store, store, read, str(tmp_path), rows=str(tmp_path / "rows.jsonl"))
    assert facts["with_index"]["right"] == right.sum() + 1  # a person found one more right
    with pytest.raises(InputError, match="rows by reading"):
        judged_rows(store, read, split="train", rows=read)
    few = write_store(tmp_path / "few", predictions=rows[:3])
    with pytest.raises(InputError, match="only 3 rows"):
        learn_confidence(few, few, read, str(tmp_path))
