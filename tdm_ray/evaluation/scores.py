"""Evaluate extracted scores: how often the number is right, and whether the evidence contains it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa

from tdm_ray.gold.annotations import Gold
from tdm_ray.records import TDM, Paper
from tdm_ray.taxonomy.labels import Taxonomy
from tdm_ray.text.numbers import in_header_unit, numbers, same_number


def score_figures(
    decided: pa.Table, papers: Sequence[Paper], gold: Gold, taxonomy: Taxonomy
) -> dict[str, Any]:
    """Figures of the `decided` predictions of `papers`.

    tdms: precision, recall and F1 of (paper, task, dataset, metric, score), predictions without a score left
    out, gold without a prediction of its score missed. right_in_tables: of the right TDMs whose gold score
    stands in a table, the share with the right score. with_evidence: the share of scores that are a number of
    their evidence's text, or that number in the unit of its header."""
    by_id = {paper.paper_id: paper for paper in papers}
    wanted = {p: {t: s for t, s in gold.results[p].items() if t in taxonomy.index} for p in by_id}
    rows = [r for r in decided.to_pylist() if r["paper_id"] in by_id]
    with_score = [r for r in rows if r["score"] is not None]
    right = sum(_is_right(r, wanted) for r in with_score)
    pairs = sum(map(len, wanted.values()))
    printed = {paper_id: _printed(paper) for paper_id, paper in by_id.items()}
    there = [
        r
        for r in rows
        if any(_stands(s, printed[r["paper_id"]]) for s in wanted[r["paper_id"]].get(_tdm(r), ()))
    ]
    proven = sum(_holds(r["evidence"], r["score"], r["metric"]) for r in with_score)
    return {
        "predictions": len(rows),
        "with_score": len(with_score),
        "right": right,
        "tdms": {
            "precision": right / max(len(with_score), 1),
            "recall": right / max(pairs, 1),
            "micro_f1": 2 * right / max(len(with_score) + pairs, 1),
        },
        "right_tdms_with_score_in_a_table": len(there),
        "right_in_tables": sum(_is_right(r, wanted) for r in there) / max(len(there), 1),
        "with_evidence": proven / max(len(with_score), 1),
    }


def _tdm(row: Mapping[str, Any]) -> TDM:
    return TDM(row["task"], row["dataset"], row["metric"])


def _is_right(row: Mapping[str, Any], wanted: Mapping[str, Mapping[TDM, Sequence[str]]]) -> bool:
    scores = wanted[row["paper_id"]].get(_tdm(row), ())
    return row["score"] is not None and any(same_number(row["score_text"], score) for score in scores)


def _printed(paper: Paper) -> set[str]:
    """The numbers of a paper's tables, as text."""
    return {number.text for table in paper.tables for cell in table.cells for number in numbers(cell.value)}


def _stands(score: str, printed: set[str]) -> bool:
    return any(same_number(text, score) for text in printed)


def _holds(evidence: Mapping[str, Any] | None, score: float, metric: str) -> bool:
    """Whether the evidence's text states the score, as it is or in the unit of its headers."""
    if evidence is None:
        return False
    stated = numbers(evidence["text"])
    return any(score in (n.value, in_header_unit(n, evidence["column_headers"], metric)) for n in stated)
