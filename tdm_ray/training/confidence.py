"""Learn how sure a row is from papers that people read whole: every result that an expert would enter."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from typing import Any

import numpy as np

from tdm_ray.errors import InputError
from tdm_ray.extract.confidence import RowConfidence, save_confidence
from tdm_ray.records import TDM
from tdm_ray.storage import open_file
from tdm_ray.store.tables import Store
from tdm_ray.taxonomy.equivalent import proven_together
from tdm_ray.taxonomy.sources import split_tdm
from tdm_ray.text.numbers import same_number, the_number

_LEAST_ROWS = 50


@dataclass(frozen=True)
class JudgedRow:
    """A prediction of a paper that was read: whether its label, and whether label and score are right."""

    row: Mapping[str, Any]
    label_is_right: bool
    right: bool


def judged_rows(store: str, read: str, *, split: str, rows: str | None = None) -> list[JudgedRow]:
    """The predictions of a store for the read papers of one split ("train", "dev").

    `read` is a file in the form of `tests/by_reading/papers.jsonl`. A label is right where the paper reports
    it, or one that is proven together with it; a score where it is the best own result of that label.
    `rows` is a file in the form of `tests/by_reading/rows.jsonl`, of rows that a person read one by one: what
    is right there is right, as where two numbers are equally good. Raises `InputError` where a file is in
    another form."""
    best = _best_results(read, split)
    right = _right_rows(rows, split) if rows else frozenset()
    predictions = Store(store).snapshot().read("predictions").to_pylist()
    return [_judged(row, best[row["paper_id"]], right) for row in predictions if row["paper_id"] in best]


def learn_confidence(
    with_index: str, without_index: str, read: str, out: str, *, rows: str | None = None
) -> dict[str, Any]:
    """Learn from two stores of the read train papers, scored with and without an index; writes
    `confidence.json` to the matcher's folder `out`. The index must not hold these papers. `read` and `rows`
    as of `judged_rows`.

    Raises `InputError` where there are fewer than `_LEAST_ROWS` rows with a score."""
    learnt = []
    facts: dict[str, Any] = {}
    for name, store in (("with_index", with_index), ("without_index", without_index)):
        every = judged_rows(store, read, split="train", rows=rows)
        scored = [judged for judged in every if judged.row["score"] is not None]
        if len(scored) < _LEAST_ROWS:
            raise InputError(
                f"{store}: only {len(scored)} rows of papers that were read; score those of {read}"
            )
        right = np.array([judged.right for judged in scored], bool)
        learnt.append(RowConfidence.learn([judged.row for judged in scored], right))
        facts[name] = {"rows": len(scored), "right": int(right.sum()), **vars(learnt[-1])}
    save_confidence(out, *learnt)
    return facts


def _best_results(read: str, split: str) -> dict[str, list[tuple[TDM, str]]]:
    try:
        with open_file(read) as file:
            papers = [json.loads(line) for line in file]
        return {
            paper["paper_id"]: [(_tdm(best["label"]), str(best["value"])) for best in paper["best"]]
            for paper in papers
            if paper["split"] == split
        }
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"{read}: cannot be read as papers by reading ({error!r})") from None


def _tdm(name: str) -> TDM:
    tdm = split_tdm(name)
    if tdm is None:
        raise ValueError(f"{name!r} is not task#dataset#metric")
    return tdm


def _right_rows(rows: str, split: str) -> frozenset[tuple[str, TDM, float]]:
    """The rows that a person found right: paper, label and score."""
    try:
        with open_file(rows) as file:
            judged = [json.loads(line) for line in file]
        return frozenset(
            (row["paper_id"], _tdm(row["label"]), float(row["score"]))
            for row in judged
            if row["right"] and row["split"] == split
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"{rows}: cannot be read as rows by reading ({error!r})") from None


def _judged(
    row: Mapping[str, Any], best: Sequence[tuple[TDM, str]], found_right: Set[tuple[str, TDM, float]]
) -> JudgedRow:
    tdm = TDM.of(row)
    values = [value for label, value in best if proven_together(label, tdm)]
    # The text of a cell that states several numbers does not say which is meant; the score does.
    several = row["score"] is None or the_number(row["score_text"]) is None
    stated = [] if row["score"] is None else [repr(row["score"]), *([] if several else [row["score_text"]])]
    right = any(same_number(text, value) for text in stated for value in values)
    right = right or (row["paper_id"], tdm, row["score"]) in found_right
    return JudgedRow(row, bool(values) or right, right)
