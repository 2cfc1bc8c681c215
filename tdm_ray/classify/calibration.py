"""Calibration: features and the model's log-odds become a probability; and the choice of the threshold.

Two steps. The *prior*: boosted trees over the features of a (paper, label) pair. The *joint*: a logistic
regression over the prior's and the model's log-odds. The prior's log-odds that the joint learns from are
out-of-fold, the model's come from papers it was not trained on: else both would look better than they are.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass

import lightgbm
import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression

from tdm_ray.arrays import Bools, Floats, Ints
from tdm_ray.errors import CheckpointError
from tdm_ray.parallel import tree_threads
from tdm_ray.progress import step
from tdm_ray.storage import exists, join, open_file, read_json, write_json

# 400 small, well-regularised trees; on the dev papers the micro F1 of the prior alone is 0.58 with
# neighbours.
_TREES = 400
# What all tree models share: with one seed and one thread of rows the same data give the same trees.
TREES = {
    "bagging_fraction": 0.8,
    "bagging_freq": 1,
    "lambda_l2": 5,
    "verbose": -1,
    "deterministic": True,
    "force_row_wise": True,
    "seed": 1,
}
_SETTINGS = TREES | {
    "objective": "binary",
    "num_leaves": 31,
    "learning_rate": 0.05,
    "min_data_in_leaf": 40,
    "feature_fraction": 0.6,
}


@dataclass(frozen=True)
class Joint:
    """The logistic regression: weights of (prior, model) log-odds, intercept, and the threshold to decide by.

    surest: the highest of the model's log-odds among the pairs it was fitted on that the prior alone would
    not accept. Where the model can change a decision, it is taken to be never surer than that."""

    weights: tuple[float, ...]
    intercept: float
    threshold: float
    surest: float = math.inf  # not known: of older calibrators


class Calibrator:
    """The prior and the joint, as fitted; what a checkpoint or an index carries."""

    def __init__(self, prior: lightgbm.Booster | None, joint: Joint, *, threads: int = 1) -> None:
        self.booster = prior
        self.joint = joint
        self.threads = threads

    @classmethod
    def none(cls) -> Calibrator:
        """For a model without a calibrator: its own log-odds, decided at one half."""
        return cls(None, Joint((0.0, 1.0), 0.0, 0.5))

    def prior(self, features: Floats) -> Floats:
        """The prior's log-odds; shape (labels,). Without trees, the order of the shortlist."""
        if self.booster is None:
            return -np.arange(len(features), dtype=np.float32)
        return np.asarray(
            self.booster.predict(features, raw_score=True, num_threads=self.threads), np.float32
        )

    def probability(self, prior: Floats, model: Floats) -> Floats:
        """The probability that each label is reported; shape (labels,)."""
        return sigmoid(
            joint_inputs(prior, model) @ np.array(self.joint.weights, np.float32) + self.joint.intercept
        )

    def least_prior(self, threshold: float) -> float:
        """The prior's log-odds below which a label stays under the threshold even where the model is surest.

        The model need not score such labels: with an index some 6 of 32 are left. It is -inf where the bound
        is not known, and never above the calibrator's own threshold, beyond which `surest` says nothing."""
        prior, model = self.joint.weights
        if self.booster is None or prior <= 0 or model < 0 or not 0 < threshold < 1:
            return -math.inf
        wanted = _log_odds(threshold) - self.joint.intercept
        return min((wanted - model * self.joint.surest) / prior, _log_odds(self.joint.threshold))

    def save(self, folder: str) -> None:
        """Write `prior.txt` (LightGBM's text form) and `joint.json`."""
        if self.booster is not None:
            write_trees(self.booster, join(folder, "prior.txt"))
        write_json(join(folder, "joint.json"), asdict(self.joint))

    @classmethod
    def load(cls, folder: str) -> Calibrator:
        """Read what `save` wrote. Raises `CheckpointError` where a part is missing or damaged."""
        try:
            value = read_json(join(folder, "joint.json"))
            joint = Joint(**{**value, "weights": tuple(value["weights"])})
            prior = join(folder, "prior.txt")
            return cls(read_trees(prior) if exists(prior) else None, joint)
        except (KeyError, TypeError, ValueError, lightgbm.basic.LightGBMError) as error:
            raise CheckpointError(
                f"{folder}: the calibrator is damaged ({error!r}); build it again"
            ) from None


@dataclass(frozen=True)
class Calibration:
    """What decides each label of a taxonomy: `main`, or `by_names` where `learnt` (shape (labels,)) is false.

    An index's calibrator takes a label that none of its labelled papers reports for a rare one. That is wrong
    for a label that its gold does not know: a board of this year, or one that a person has added. Such labels
    are decided by the checkpoint's calibrator, which knows names only: the first columns of the features."""

    main: Calibrator
    by_names: Calibrator
    learnt: Bools
    names: int

    def prior(self, labels: Ints, features: Floats) -> Floats:
        """The prior's log-odds of `labels`, given their features; shape (labels,)."""
        prior = self.main.prior(features)
        new = ~self.learnt[labels]
        if new.any():
            prior[new] = self.by_names.prior(features[new, : self.names])
        return prior

    def probability(self, labels: Ints, prior: Floats, model: Floats) -> Floats:
        """The probability that each of `labels` is reported; shape (labels,)."""
        both = (self.main.probability(prior, model), self.by_names.probability(prior, model))
        return np.where(self.learnt[labels], *both)

    def least_prior(self, thresholds: Floats) -> Floats:
        """`Calibrator.least_prior` for each label of the taxonomy, by its threshold; both of shape
        (labels,)."""
        least = np.empty(len(thresholds), np.float32)
        for calibrator, labels in ((self.main, self.learnt), (self.by_names, ~self.learnt)):
            for threshold in np.unique(thresholds[labels]):
                least[labels & (thresholds == threshold)] = calibrator.least_prior(float(threshold))
        return least


def write_trees(trees: lightgbm.Booster, path: str) -> None:
    """Write boosted trees in LightGBM's text form."""
    with open_file(path, "wb") as file:
        file.write(trees.model_to_string().encode())


def read_trees(path: str) -> lightgbm.Booster:
    """Read what `write_trees` wrote. Raises `ValueError` for half a file: LightGBM itself would end the
    process."""
    with open_file(path) as file:
        text = bytes(file.read()).decode()
    if "end of trees" not in text:
        raise ValueError(f"{path} is cut short")
    return lightgbm.Booster(model_str=text)


def sigmoid(log_odds: Floats) -> Floats:
    """The probability of log-odds."""
    return (1 / (1 + np.exp(-log_odds))).astype(np.float32)


def _log_odds(probability: float) -> float:
    return math.log(probability / (1 - probability))


def joint_inputs(prior: Floats, model: Floats) -> Floats:
    """What the joint regression sees of one paper's labels; shape (labels, len(weights))."""
    return np.stack([prior, model], axis=1)


def fit_prior(features: Floats, truth: Bools, folds: NDArray[np.int64]) -> tuple[lightgbm.Booster, Floats]:
    """The trees fitted on all rows, and the log-odds of every row from trees that did not see its fold."""
    out_of_fold = np.empty(len(truth), np.float32)
    with step("sets of trees fitted for the prior", len(np.unique(folds)) + 1) as counter:
        for fold in np.unique(folds):
            inside = folds == fold
            trees = _boost(features[~inside], truth[~inside])
            out_of_fold[inside] = trees.predict(features[inside], raw_score=True)
            counter.add()
        return _boost(features, truth), out_of_fold


def _boost(features: Floats, truth: Bools) -> lightgbm.Booster:
    dials = _SETTINGS | {"num_threads": tree_threads(len(features))}
    return lightgbm.train(dials, lightgbm.Dataset(features, truth.astype(np.float32)), _TREES)


def fit_joint(inputs: Floats, truth: Bools, gold: int) -> Joint:
    """The regression over `inputs` (see `joint_inputs`), with the threshold for micro F1 over `gold`
    pairs."""
    regression = LogisticRegression(C=1.0, max_iter=1000).fit(inputs, truth)
    probability = regression.predict_proba(inputs)[:, 1].astype(np.float32)
    weights = tuple(float(w) for w in regression.coef_[0])
    threshold = best_threshold(probability, truth, gold)
    silent = inputs[:, 0] < _log_odds(threshold)
    surest = float(inputs[silent, 1].max()) if silent.any() else math.inf
    return Joint(weights, float(regression.intercept_[0]), threshold, surest)


def best_threshold(probability: Floats, truth: Bools, gold: int) -> float:
    """The threshold that equals half of its own micro F1: there the F1 of calibrated probabilities is best.

    `gold` counts all true pairs, also those no row stands for. The threshold of the highest F1 seen on 762
    papers is chance: the curve is flat (0.616 to 0.620 from 0.20 to 0.32 there), and its top moved F1 on
    other papers by 0.006. Source: Lipton, Elkan and Naryanaswamy, "Optimal Thresholding of Classifiers to
    Maximize F1 Measure", ECML 2014."""
    grid = np.arange(0.05, 0.8, 0.01)
    gaps = [abs(micro_f1(probability >= t, truth, gold) / 2 - t) for t in grid]
    return float(grid[int(np.argmin(gaps))].round(2))


def micro_f1(decided: Bools, truth: Bools, gold: int) -> float:
    """2 TP / (decided + gold)."""
    return 2 * int((decided & truth).sum()) / max(int(decided.sum()) + gold, 1)


def expected_calibration_error(probability: Floats, truth: Bools | Sequence[bool], bins: int = 10) -> float:
    """Mean gap between probability and share of true pairs over equal-width bins, weighted by their pairs.

    Source: Naeini et al., "Obtaining Well Calibrated Probabilities Using Bayesian Binning", AAAI 2015.
    """
    places = np.minimum((probability * bins).astype(int), bins - 1)
    right = np.asarray(truth, np.float32)
    gaps = [abs(float((right - probability)[places == b].sum())) for b in range(bins)]
    return sum(gaps) / max(len(probability), 1)
