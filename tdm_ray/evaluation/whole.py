"""Evaluate the pipeline's own predictions over the whole taxonomy: every paper, every label."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import scipy.sparse as sp

from tdm_ray.arrays import Bools
from tdm_ray.arxiv_ids import month_number
from tdm_ray.classify.resources import Resources
from tdm_ray.classify.shortlist import Shortlister
from tdm_ray.config import ScoreConfig
from tdm_ray.errors import TaxonomyError
from tdm_ray.evaluation.figures import best_f1, by_group, calibration, f1_figures, joined, with_unknown
from tdm_ray.evaluation.scores import score_figures
from tdm_ray.gold.annotations import read_gold
from tdm_ray.gold.labelled_papers import Gathered, gather, label_matrix, read_all
from tdm_ray.parallel import over_chunks
from tdm_ray.records import PREDICTIONS, TDM, TDM_COLUMNS, Paper
from tdm_ray.run.run import score_corpus
from tdm_ray.storage import join
from tdm_ray.store.tables import Store
from tdm_ray.taxonomy.groups import boards_of
from tdm_ray.taxonomy.labels import Taxonomy
from tdm_ray.taxonomy.sources import read_taxonomy

CUTS = (16, 32, 64, 128)


def evaluate_whole(
    papers: Sequence[str],
    annotations: Sequence[str],
    out: str,
    config: ScoreConfig,
    *,
    held_out_labels: str | None = None,
    engine: str = "auto",
) -> dict[str, Any]:
    """Score `papers` (into the store `out/store`, every probability kept) and hold the decisions against the
    annotations.

    `held_out_labels` is a taxonomy file of labels that were kept from training; their figures are given
    apart. Raises `TaxonomyError` where no paper is annotated."""
    resources = Resources.of(config)
    gold = read_gold(*annotations)
    summary = score_corpus(papers, join(out, "store"), replace(config, threshold=0.0), engine=engine)
    gathered = gather(read_all(papers), gold, resources.taxonomy, read_taxonomy(config.taxonomy))
    if not gathered.papers:
        raise TaxonomyError(
            "no paper is annotated; check that the annotations' file names are the papers' ids"
        )
    ids = [labelled.paper.paper_id for labelled in gathered.papers]
    predictions = Store(join(out, "store")).snapshot().read("predictions", PREDICTIONS.names)
    probability = probabilities(predictions, ids, resources.taxonomy)
    truth = label_matrix(ids, gold, resources.taxonomy)
    unseen = set(read_taxonomy(held_out_labels).index) if held_out_labels else set()
    return {
        "protocol": (
            "whole taxonomy: every paper against every label; what the shortlist leaves out is a decision too"
        ),
        "papers": len(ids),
        "labels": len(resources.taxonomy),
        "gold_pairs": int(truth.sum()),
        "counts": gathered.counts,
        "scoring": str(summary),
        "model_id": resources.model_id,
        "threshold": resources.threshold,
        **decision_figures(probability, truth, resources, unseen, ids),
        "scores": score_figures(
            _decided(predictions, resources),
            [labelled.paper for labelled in gathered.papers],
            gold,
            resources.taxonomy,
        ),
        "shortlist": shortlist_recall(gathered, resources.shortlister),
    }


def probabilities(predictions: pa.Table, paper_ids: Sequence[str], taxonomy: Taxonomy) -> sp.csr_matrix:
    """The predictions' probabilities as a sparse matrix (papers, labels); pairs not scored have no entry."""
    row = {paper_id: i for i, paper_id in enumerate(paper_ids)}
    tdms = map(TDM, *(predictions[part].to_pylist() for part in TDM_COLUMNS))
    entries = [
        (row[paper_id], taxonomy.index[tdm], p)
        for paper_id, tdm, p in zip(
            predictions["paper_id"].to_pylist(), tdms, predictions["probability"].to_pylist(), strict=True
        )
        if paper_id in row
    ]
    rows, columns, values = np.array(entries, np.float64).reshape(-1, 3).T
    shape = (len(paper_ids), len(taxonomy))
    return sp.csr_matrix((values.astype(np.float32), (rows.astype(int), columns.astype(int))), shape)


def _decided(predictions: pa.Table, resources: Resources) -> pa.Table:
    """The predictions that reach their label's threshold."""
    tdms = map(TDM, *(predictions[part].to_pylist() for part in TDM_COLUMNS))
    least = resources.thresholds[[resources.taxonomy.index[tdm] for tdm in tdms]]
    return predictions.filter(pc.greater_equal(predictions["probability"], pa.array(least, pa.float64())))


def decision_figures(
    probability: sp.csr_matrix,
    truth: sp.csr_matrix,
    resources: Resources,
    unseen: set[TDM],
    paper_ids: Sequence[str],
) -> dict[str, Any]:
    """All figures that need nothing but probabilities and gold; the rows are those of `paper_ids`."""
    taxonomy = resources.taxonomy
    scored = probability.tocoo()
    passes = (scored.data >= resources.thresholds[scored.col]).astype(np.float32)
    decided = sp.csr_matrix((passes, (scored.row, scored.col)), probability.shape)
    decided.eliminate_zeros()
    right = np.asarray(truth[scored.row, scored.col]).ravel() > 0
    figures: dict[str, Any] = {
        "figures": f1_figures(decided, truth),
        "with_unknown": f1_figures(with_unknown(decided), with_unknown(truth)),
        "best_single_threshold": best_f1(probability, truth),
        "calibration": calibration(scored.data, right),
        "tasks": by_group(decided, truth, [label.tdm.task for label in taxonomy.labels]),
        "years": by_year(decided, truth, paper_ids, resources.learnt),
    }
    boards = boards_of(taxonomy)
    if boards:
        shown = [boards.get(label.tdm, label.tdm) for label in taxonomy.labels]
        figures["one_board"] = {
            "boards": len(set(shown)),
            **f1_figures(joined(decided, shown), joined(truth, shown)),
        }
    if not resources.learnt.all():
        learnt = resources.learnt
        figures["learnt_labels"] = {
            "labels": int(learnt.sum()),
            **f1_figures(decided[:, learnt], truth[:, learnt]),
        }
    if unseen:
        apart = np.array([label.tdm in unseen for label in taxonomy.labels])
        figures["held_out_labels"] = {
            "labels": int(apart.sum()),
            **f1_figures(decided[:, apart], truth[:, apart]),
        }
        figures["other_labels"] = {
            "labels": int((~apart).sum()),
            **f1_figures(decided[:, ~apart], truth[:, ~apart]),
        }
    return figures


def by_year(
    decided: sp.csr_matrix, truth: sp.csr_matrix, paper_ids: Sequence[str], learnt: Bools
) -> list[dict[str, Any]]:
    """Micro figures by the year of the papers' arXiv ids, in order; `learnt_f1` and `learnt_gold` count the
    labels that papers of the index report only. An index that knows only papers before a date shows so what
    it still finds later."""
    years = [_year(paper_id) for paper_id in paper_ids]
    of_learnt = {row["group"]: row for row in by_group(decided[:, learnt].T, truth[:, learnt].T, years)}
    rows = sorted(by_group(decided.T, truth.T, years), key=lambda row: str(row["group"]))
    return [
        {
            **row,
            "papers": years.count(row["group"]),
            "learnt_gold": of_learnt.get(row["group"], {"gold": 0})["gold"],
            "learnt_f1": of_learnt.get(row["group"], {"micro_f1": 0.0})["micro_f1"],
        }
        for row in rows
    ]


def _year(paper_id: str) -> str:
    month = month_number(paper_id)
    return str((month - 1) // 12) if month else "no date"


@dataclass(frozen=True)
class _Recall:
    """How many gold labels of a paper the first 16, 32, 64, 128 labels of its shortlist hold, and the time it
    took."""

    shortlister: Shortlister

    def __call__(self, items: Sequence[tuple[Paper, tuple[int, ...]]]) -> list[tuple[float, ...]]:
        return [self._one(paper, known) for paper, known in items]

    def _one(self, paper: Paper, known: tuple[int, ...]) -> tuple[float, ...]:
        started = time.perf_counter()
        labels = self.shortlister.shortlist(paper, size=CUTS[-1]).labels
        took = time.perf_counter() - started
        return took, *(float(np.isin(labels[:cut], known).sum()) for cut in CUTS)


def shortlist_recall(gathered: Gathered, shortlister: Shortlister) -> dict[str, Any]:
    """The share of gold that the first labels of the shortlists hold, and the milliseconds a paper takes."""
    items = [(labelled.paper, labelled.known) for labelled in gathered.papers]
    table = np.array(over_chunks(_Recall(shortlister), items, what="papers shortlisted"))
    gold = sum(len(known) for _, known in items)
    recall = {str(cut): float(table[:, i].sum() / max(gold, 1)) for i, cut in enumerate(CUTS, start=1)}
    return {"recall_at": recall, "milliseconds_a_paper": float(np.median(table[:, 0]) * 1000)}
