"""Confidence: how probably a prediction is right in all it says, its label and its score.

A logistic regression on the log-odds of three probabilities: that the paper reports the label, that the
number is its own result of it, and that the cell states a result of it (the cell model's). It is learnt on
papers read whole by people (`tests/by_reading`). Without an index the first two say less, so there is a
second set of weights.

confidence.json    the weights, of a matcher's folder
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.linear_model import LogisticRegression

from tdm_ray.arrays import Bools
from tdm_ray.classify.resources import Resources, confidence_file
from tdm_ray.config import CONFIDENCE
from tdm_ray.errors import CheckpointError, InputError
from tdm_ray.records import TDM
from tdm_ray.storage import join, read_json, write_json

_LEAST = 1e-4
# The columns of a prediction that its confidence is computed from.
INPUTS = ("probability", "score_confidence", "cell_probability")


@dataclass(frozen=True)
class RowConfidence:
    """The weights of the three log-odds and of their sum's offset."""

    label: float
    score: float
    cell: float
    offset: float

    def __call__(self, row: Mapping[str, Any]) -> float | None:
        """The confidence of one row, given its columns `INPUTS`; None where it has no score."""
        if any(row.get(name) is None for name in INPUTS):
            return None
        weights = (self.label, self.score, self.cell)
        weighted = sum(w * log_odds(row[name]) for w, name in zip(weights, INPUTS, strict=True))
        return float(1 / (1 + np.exp(-weighted - self.offset)))

    @classmethod
    def learn(cls, rows: Sequence[Mapping[str, Any]], right: Bools) -> RowConfidence:
        """Fit the weights on rows with the columns `INPUTS`, and whether people found them right.

        Raises `InputError` where all rows are right, or none is."""
        if right.all() or not right.any():
            raise InputError("to learn a confidence takes rows that are right and rows that are wrong")
        inputs = np.array([[log_odds(row[name]) for name in INPUTS] for row in rows])
        fitted = LogisticRegression(C=1.0).fit(inputs, right)
        label, score, cell = fitted.coef_[0]
        return cls(float(label), float(score), float(cell), float(fitted.intercept_[0]))


def load_confidence(folder: str, *, with_index: bool) -> RowConfidence:
    """The confidence of a matcher's folder; one without learnt weights takes those of the matcher that ships,
    since the probabilities of both are calibrated. Raises `CheckpointError` where the file is damaged."""
    path = confidence_file(folder)
    try:
        weights: Mapping[str, Any] = read_json(path)["with_index" if with_index else "without_index"]
        return RowConfidence(*(float(weights[name]) for name in ("label", "score", "cell", "offset")))
    except (InputError, KeyError, TypeError, ValueError) as error:
        raise CheckpointError(f"{path}: the confidence cannot be read ({error!r})") from None


@dataclass(frozen=True)
class ByLabel:
    """The confidence of each row by its label: that with an index where the index has learnt the label, else
    that without one."""

    learnt: Collection[TDM]
    with_index: RowConfidence
    without_index: RowConfidence

    def __call__(self, row: Mapping[str, Any]) -> float | None:
        """The confidence of one row; None where it has no score."""
        return (self.with_index if TDM.of(row) in self.learnt else self.without_index)(row)


def confidence_of(resources: Resources) -> Callable[[Mapping[str, Any]], float | None]:
    """The confidence of the rows that these resources decide; errors as of `load_confidence`."""
    folder = resources.config.matcher_folder
    by_names = load_confidence(folder, with_index=False)
    if resources.index is None:
        return by_names
    labels = resources.taxonomy.labels
    learnt = {label.tdm for label, known in zip(labels, resources.calibration.learnt, strict=True) if known}
    return ByLabel(learnt, load_confidence(folder, with_index=True), by_names)


def save_confidence(folder: str, with_index: RowConfidence, without_index: RowConfidence) -> None:
    """Write both sets of weights."""
    weights = {"with_index": vars(with_index), "without_index": vars(without_index)}
    write_json(join(folder, CONFIDENCE), weights)


def log_odds(probability: float) -> float:
    """The log-odds of a probability, kept from the infinite."""
    kept = min(max(probability, _LEAST), 1 - _LEAST)
    return float(np.log(kept / (1 - kept)))
