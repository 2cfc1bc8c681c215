"""The matcher: scorer, reranker and confidence, three sets of trees that pick the result for a label.

The scorer judges every candidate by itself (`features`), the reranker ranks the best of them against each
other (`rerank_features`), the confidence trees say how probably the first of them is right.

matcher.json                                 the least confidence, and what the matcher was learnt from
scorer.txt, reranker.txt, confidence.txt     LightGBM's text form
associations.parquet                         words of names and of the contexts they stand at
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

import lightgbm
import numpy as np

from tdm_ray.arrays import Floats, Ints
from tdm_ray.classify.calibration import read_trees, write_trees
from tdm_ray.errors import CheckpointError, InputError
from tdm_ray.extract.associations import Associations
from tdm_ray.extract.features import SCORER_FEATURES, FeatureBuilder, Known, PaperContext
from tdm_ray.extract.rerank_features import RERANK_FEATURES, ScoreMatrix
from tdm_ray.storage import digest, exists, join, read_json, write_json

# Of the features that the trees were taught, in their order: trees of another form would read the wrong
# columns.
FORM = digest([" ".join((*SCORER_FEATURES, *RERANK_FEATURES)).encode()])


@dataclass(frozen=True)
class Match:
    """A candidate (its position), and how probable it is that it is the paper's own result."""

    candidate: int
    confidence: float


@dataclass(frozen=True)
class MatcherTrees:
    """The three sets of trees."""

    scorer: lightgbm.Booster
    reranker: lightgbm.Booster
    confidence: lightgbm.Booster


class Matcher:
    """The trees and associations, as learnt; below `least_confidence` no score is given."""

    def __init__(
        self, trees: MatcherTrees, associations: Associations, least_confidence: float, *, threads: int = 1
    ) -> None:
        self.trees = trees
        self.associations = associations
        self.least_confidence = least_confidence
        self.threads = threads

    def match(
        self,
        builder: FeatureBuilder,
        context: PaperContext,
        labels: Sequence[int],
        likely: Sequence[bool],
        known: Known,
    ) -> list[Match | None]:
        """The best candidate of each label, however low its confidence; None where the paper holds no number.

        `likely`: which of the labels the paper probably reports; a candidate that suits another of these
        better is less likely to be this label's."""
        if not len(context.candidates) or not len(labels):
            return [None] * len(labels)
        features = [builder.of(context, label, known.get(label, ())) for label in labels]
        scores = score_candidates(self.trees.scorer, features, self.threads)
        signs = [builder.sign(label) for label in labels]
        reranked = rerank_rows(
            ScoreMatrix(context.candidates, scores), features, signs, np.flatnonzero(likely)
        )
        tops, rows = zip(*reranked, strict=True)
        every = np.concatenate(rows)
        candidates = np.concatenate(tops)
        ranked = np.asarray(self.trees.reranker.predict(every, num_threads=self.threads), np.float32)
        best, last = confidence_rows(every, ranked, [len(top) for top in tops])
        confidence = np.asarray(self.trees.confidence.predict(last, num_threads=self.threads))
        return [Match(int(candidates[b]), float(c)) for b, c in zip(best, confidence, strict=True)]

    def save(self, folder: str, facts: Mapping[str, Any]) -> None:
        """Write the matcher's folder; `matcher.json` comes last."""
        for name, trees in vars(self.trees).items():
            write_trees(trees, join(folder, f"{name}.txt"))
        self.associations.save(join(folder, "associations.parquet"))
        settings = {"form": FORM, "least_confidence": self.least_confidence}
        write_json(join(folder, "matcher.json"), {**settings, **facts})

    @classmethod
    def load(cls, place: str) -> Matcher:
        """The matcher of a folder. Raises `CheckpointError` where it is none, or damaged."""
        facts = check_matcher(place)
        try:
            trees = MatcherTrees(
                *(read_trees(join(place, f"{part.name}.txt")) for part in fields(MatcherTrees))
            )
            associations = Associations.load(join(place, "associations.parquet"))
            return cls(trees, associations, facts["least_confidence"])
        except (OSError, KeyError, TypeError, ValueError, InputError, lightgbm.basic.LightGBMError) as error:
            raise CheckpointError(f"{place}: the matcher is damaged ({error!r}); make it again") from None


def check_matcher(place: str) -> Mapping[str, Any]:
    """What stands in `matcher.json`; reads no trees.

    Raises `CheckpointError` where the folder is no matcher, or one with other features than this version's.
    """
    path = join(place, "matcher.json")
    if not exists(path):
        raise CheckpointError(f"{place}: not a matcher (no matcher.json); make one with `tdm-ray matcher`")
    try:
        facts: Mapping[str, Any] = dict(read_json(path))
    except (InputError, TypeError, ValueError) as error:
        raise CheckpointError(f"{place}: the matcher is damaged ({error}); make it again") from None
    if facts.get("form") != FORM:
        raise CheckpointError(
            f"{place}: learnt by a version of tdm_ray with other features; "
            "make it again with `tdm-ray matcher`"
        )
    return facts


def score_candidates(trees: lightgbm.Booster, features: Sequence[Floats], threads: int = 1) -> Floats:
    """The scorer's probabilities; shape (labels, candidates)."""
    scores = trees.predict(np.concatenate(features), num_threads=threads)
    return np.asarray(scores, np.float32).reshape(len(features), -1)


def rerank_rows(
    scores: ScoreMatrix, features: Sequence[Floats], signs: Sequence[float], likely: Ints
) -> list[tuple[Ints, Floats]]:
    """For each label its best candidates, and the rows that the reranker gets of them.

    `features` and `signs` are the labels' features and directions; `likely` the positions of those probably
    reported."""
    rows = []
    for label, (of_label, sign) in enumerate(zip(features, signs, strict=True)):
        top, beside_others = scores.rows(label, likely[likely != label], sign)
        rows.append((top, np.concatenate([beside_others, of_label[top]], axis=1)))
    return rows


def confidence_rows(rows: Floats, ranked: Floats, sizes: Sequence[int] | Ints) -> tuple[Ints, Floats]:
    """The best-ranked row of each label, and the features that the confidence trees get of it.

    `sizes` says how many rows each label has. The features are the row itself, the reranker's score, its
    share of the softmax over the label's candidates, and its lead over the next."""
    ends = np.cumsum(sizes)
    best = []
    leads = []
    for start, end in zip([0, *ends[:-1]], ends, strict=True):
        scores = ranked[start:end]
        top = np.sort(scores)[::-1]
        share = 1 / np.exp(scores - top[0]).sum()
        best.append(start + int(scores.argmax()))
        leads.append([top[0], share, top[0] - top[1] if len(top) > 1 else top[0]])
    chosen = np.array(best, np.int64)
    return chosen, np.concatenate([rows[chosen], np.array(leads, np.float32)], axis=1)
