"""The boosted trees of the matcher's three stages, their settings and the rows they learn from.

A result (a paper's score of one label) has a group of rows, one a candidate; all of a paper's are in one
fold."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import lightgbm
import numpy as np

from tdm_ray.arrays import Bools, Floats, Ints
from tdm_ray.classify.calibration import TREES
from tdm_ray.parallel import tree_threads

FOLDS = 3
# On 2,906 papers of three folds the candidate that lambdarank puts first is right for 51.5 % of the results
# that stand in a table, for 51.1 % with 300 trees at twice the rate; the first of 300 binary trees for 48.8
# %.
_STAGES: Mapping[str, dict[str, Any]] = {
    "scorer": {
        "objective": "binary",
        "num_iterations": 250,
        "num_leaves": 31,
        "learning_rate": 0.08,
        "min_data_in_leaf": 50,
        "feature_fraction": 0.5,
    },
    "reranker": {
        "objective": "lambdarank",
        "lambdarank_truncation_level": 3,
        "num_iterations": 600,
        "num_leaves": 20,
        "learning_rate": 0.04,
        "min_data_in_leaf": 50,
        "feature_fraction": 0.3,
    },
    "confidence": {
        "objective": "binary",
        "num_iterations": 250,
        "num_leaves": 8,
        "learning_rate": 0.04,
        "min_data_in_leaf": 80,
        "feature_fraction": 0.3,
    },
}


@dataclass(frozen=True)
class Rows:
    """The rows of one result's candidates that a stage learns from."""

    rows: Floats
    right: Bools
    weight: Floats
    fold: int
    label: int
    without_index: bool


@dataclass(frozen=True)
class Stack:
    """Many results' rows below each other; `folds`, `labels`, `without_index` and `sizes` by result."""

    rows: Floats
    right: Bools
    weight: Floats
    folds: Ints
    labels: Ints
    without_index: Bools
    sizes: Ints

    @classmethod
    def of(cls, done: Sequence[Rows]) -> Stack:
        """All rows, result by result."""
        rows, right, weight = (
            np.concatenate([getattr(d, name) for d in done]) for name in ("rows", "right", "weight")
        )
        folds, labels, without_index, sizes = np.array(
            [(d.fold, d.label, d.without_index, len(d.right)) for d in done], np.int64
        ).T
        return cls(rows, right, weight, folds, labels, without_index.astype(bool), sizes)

    def part(self, chosen: Bools) -> Stack:
        """The rows of some results."""
        rows = np.repeat(chosen, self.sizes)
        return Stack(
            self.rows[rows],
            self.right[rows],
            self.weight[rows],
            self.folds[chosen],
            self.labels[chosen],
            self.without_index[chosen],
            self.sizes[chosen],
        )


def boost(stack: Stack, stage: str) -> lightgbm.Booster:
    """The trees of one stage ("scorer", "reranker" or "confidence")."""
    dials = {**TREES, **_STAGES[stage], "num_threads": tree_threads(len(stack.rows))}
    groups = stack.sizes if dials["objective"] == "lambdarank" else None
    data = lightgbm.Dataset(stack.rows, stack.right.astype(np.float32), weight=stack.weight, group=groups)
    return lightgbm.train(dials, data)


def out_of_fold(stack: Stack, stage: str) -> Floats:
    """A stage's output for each row, from trees that were learnt without the papers of the row's fold."""
    predicted = np.empty(len(stack.right), np.float32)
    for fold in range(FOLDS):
        inside = stack.folds == fold
        trees = boost(stack.part(~inside), stage)
        predicted[np.repeat(inside, stack.sizes)] = trees.predict(stack.part(inside).rows)
    return predicted
