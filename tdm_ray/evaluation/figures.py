"""Precision, recall, F1 and calibration of decisions, over matrices of shape (papers, labels)."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from tdm_ray.arrays import Floats
from tdm_ray.classify.calibration import expected_calibration_error


def f1_figures(decided: sp.csr_matrix, gold: sp.csr_matrix) -> dict[str, float]:
    """Micro P, R, F1; macro F1 (labels with gold), paper F1 (papers with gold), false positives per wrong
    pair.

    The definitions of the field's referee: macro F1 is the mean F1 over the labels that some paper has gold
    for."""
    right = decided.multiply(gold)
    hits = float(right.sum())
    decisions = float(decided.sum())
    wanted = float(gold.sum())
    wrong_pairs = gold.shape[0] * gold.shape[1] - wanted
    return {
        "precision": _share(hits, decisions),
        "recall": _share(hits, wanted),
        "micro_f1": _share(2 * hits, decisions + wanted),
        "macro_f1": _mean_f1(right, decided, gold, 0),
        "paper_f1": _mean_f1(right, decided, gold, 1),
        "false_positives_per_wrong_pair": _share(decisions - hits, wrong_pairs),
    }


def with_unknown(matrix: sp.csr_matrix) -> sp.csr_matrix:
    """The matrix with a further column: papers without any label count as the label `unknown`."""
    none = np.asarray(matrix.sum(axis=1)).ravel() == 0
    return sp.hstack([matrix, sp.csr_matrix(none[:, None].astype(np.float32))], format="csr")


def joined(matrix: sp.csr_matrix, groups: Sequence[Hashable]) -> sp.csr_matrix:
    """The matrix with a column for each group of labels: 1 where a label of the group has 1."""
    together: sp.csr_matrix = (matrix @ _membership(groups)).tocsr()
    together.data = np.minimum(together.data, 1)
    return together


def _membership(groups: Sequence[Hashable]) -> sp.csr_matrix:
    """Of shape (labels, groups), the groups in order of appearance."""
    place = {name: i for i, name in enumerate(dict.fromkeys(groups))}
    ones = np.ones(len(groups), np.float32)
    return sp.csr_matrix((ones, (range(len(groups)), [place[g] for g in groups])))


def by_group(decided: sp.csr_matrix, gold: sp.csr_matrix, groups: Sequence[str]) -> list[dict[str, Any]]:
    """Micro figures of every group of labels (its task, say) that has gold, the largest first."""
    names = sorted(set(groups))
    place = {name: i for i, name in enumerate(names)}
    member = sp.csr_matrix((np.ones(len(groups)), (range(len(groups)), [place[g] for g in groups])))
    hits, decisions, wanted = (
        np.asarray((m @ member).sum(axis=0)).ravel() for m in (decided.multiply(gold), decided, gold)
    )
    return [
        {
            "group": names[i],
            "gold": int(wanted[i]),
            "decided": int(decisions[i]),
            "precision": _share(hits[i], decisions[i]),
            "recall": _share(hits[i], wanted[i]),
            "micro_f1": _share(2 * hits[i], decisions[i] + wanted[i]),
        }
        for i in np.argsort(-wanted, kind="stable")
        if wanted[i]
    ]


def calibration(probability: Floats, truth: NDArray[np.bool_], bins: int = 10) -> dict[str, Any]:
    """Expected calibration error, and the reliability table: per bin its pairs, mean probability and share of
    truth."""
    places = np.minimum((probability * bins).astype(int), bins - 1)
    table = [
        {
            "from": b / bins,
            "to": (b + 1) / bins,
            "pairs": int((places == b).sum()),
            "probability": float(probability[places == b].mean()),
            "true": float(truth[places == b].mean()),
        }
        for b in range(bins)
        if (places == b).any()
    ]
    return {
        "expected_calibration_error": expected_calibration_error(probability, truth),
        "reliability": table,
    }


def best_f1(probability: sp.csr_matrix, gold: sp.csr_matrix) -> dict[str, float]:
    """The highest micro F1 of any threshold: the upper bound for the choice of the threshold."""
    pairs = probability.tocoo()
    order = np.argsort(-pairs.data, kind="stable")
    hits = np.cumsum(np.asarray(gold[pairs.row, pairs.col]).ravel()[order] > 0)
    f1 = 2 * hits / (np.arange(1, len(order) + 1) + gold.sum())
    best = int(np.argmax(f1)) if len(f1) else 0
    return {
        "micro_f1": float(f1[best]) if len(f1) else 0.0,
        "threshold": float(pairs.data[order][best]) if len(f1) else 0.0,
    }


def _mean_f1(right: sp.csr_matrix, decided: sp.csr_matrix, gold: sp.csr_matrix, axis: int) -> float:
    hits, decisions, wanted = (np.asarray(m.sum(axis=axis)).ravel() for m in (right, decided, gold))
    having = wanted > 0
    return float((2 * hits[having] / (decisions + wanted)[having]).mean()) if having.any() else 0.0


def _share(part: float, whole: float) -> float:
    return float(part / whole) if whole else 0.0
