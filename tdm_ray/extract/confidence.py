"""Confidence: how probably a prediction is right in all it says, its label and its score.

A logistic regression on the log-odds of two probabilities, that the paper reports the label and that the
number is its own result of it; learnt on papers read whole by people (`tests/by_reading`). Without an index
both say less, so there is a second set of weights.

confidence.json    the weights, of a matcher's folder
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.linear_model import LogisticRegression

from tdm_ray.arrays import Bools
from tdm_ray.config import embedded_matcher
from tdm_ray.errors import CheckpointError
from tdm_ray.storage import exists, join, read_json, write_json

_FILE = "confidence.json"
_LEAST = 1e-4


@dataclass(frozen=True)
class RowConfidence:
    """The weights of the two log-odds and of their sum's offset."""

    label: float
    score: float
    offset: float

    def __call__(self, probability: float | None, score_confidence: float | None) -> float | None:
        """The confidence of one row; None where it has no score."""
        if probability is None or score_confidence is None:
            return None
        log_odds = (
            self.label * _log_odds(probability) + self.score * _log_odds(score_confidence) + self.offset
        )
        return float(1 / (1 + np.exp(-log_odds)))

    @classmethod
    def learn(cls, rows: Sequence[tuple[float, float]], right: Bools) -> RowConfidence:
        """Fit the weights on rows (probability, score confidence) and whether people found them right."""
        inputs = np.array([[_log_odds(p), _log_odds(c)] for p, c in rows])
        fitted = LogisticRegression(C=1.0).fit(inputs, right)
        label, score = fitted.coef_[0]
        return cls(float(label), float(score), float(fitted.intercept_[0]))


def load_confidence(folder: str, *, with_index: bool) -> RowConfidence:
    """The confidence of a matcher's folder; one without learnt weights takes those of the matcher that ships,
    since the probabilities of both are calibrated. Raises `CheckpointError` where the file is damaged."""
    path = join(folder, _FILE)
    if not exists(path):
        path = join(embedded_matcher(), _FILE)
    try:
        weights: Mapping[str, Any] = read_json(path)["with_index" if with_index else "without_index"]
        return RowConfidence(*(float(weights[name]) for name in ("label", "score", "offset")))
    except (KeyError, TypeError, ValueError) as error:
        raise CheckpointError(f"{path}: the confidence cannot be read ({error!r})") from None


def save_confidence(folder: str, with_index: RowConfidence, without_index: RowConfidence) -> None:
    """Write both sets of weights."""
    weights = {"with_index": vars(with_index), "without_index": vars(without_index)}
    write_json(join(folder, _FILE), weights)


def _log_odds(probability: float) -> float:
    kept = min(max(probability, _LEAST), 1 - _LEAST)
    return float(np.log(kept / (1 - kept)))
