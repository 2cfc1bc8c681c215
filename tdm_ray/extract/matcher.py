"""The matcher: scorer, reranker and confidence, three sets of trees that pick the result for a label.

The scorer judges every candidate by itself (`features`), the reranker ranks the best of them against each
other (`rerank_features`), the confidence trees say how probably the first of them is right.

matcher.json                                 the least confidence, and what the matcher was learnt from
scorer.txt, reranker.txt, confidence.txt     LightGBM's text form
associations.parquet                         words of names and of the contexts they stand at
line_*.txt, line_names.parquet               whose a row or a column is (see `line_kinds`)
confidence.json                              how sure a row is (see `confidence`); where it was learnt
cells/                                       a cell model of one's own (see `classify.cell_model`)
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, fields
from typing import Any

import lightgbm
import numpy as np

from tdm_ray.arrays import Bools, Floats, Ints
from tdm_ray.classify.calibration import read_trees, write_trees
from tdm_ray.errors import CheckpointError, InputError
from tdm_ray.extract.associations import Associations
from tdm_ray.extract.features import SCORER_FEATURES, FeatureBuilder, Known, PaperContext
from tdm_ray.extract.line_kinds import LineKinds
from tdm_ray.extract.rerank_features import RERANK_FEATURES, ScoreMatrix
from tdm_ray.records import TDM
from tdm_ray.storage import digest, exists, join, read_json, write_json
from tdm_ray.taxonomy.equivalent import proven_together
from tdm_ray.taxonomy.labels import Label

# Of the features that the trees were taught, in their order: trees of another form would read the wrong
# columns.
FORM = digest([" ".join((*SCORER_FEATURES, *RERANK_FEATURES)).encode()])


# The rank of a candidate that cannot be the label's: a value that the metric cannot have (of 28,029 entered
# scores 12 are such), headers that name another metric, or a cell that another label has taken.
_LAST = -20.0
_OUT_OF_LIMITS = SCORER_FEATURES.index("out_of_limits")


# Candidates of a label that are handed on, for the cell model to choose from.
MATCHES = 3


@dataclass(frozen=True)
class Match:
    """A candidate (its position), the reranker's score of it, and how probable it is that it is the paper's
    own result."""

    candidate: int
    rank: float
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
        self,
        trees: MatcherTrees,
        associations: Associations,
        line_kinds: LineKinds,
        least_confidence: float,
        *,
        threads: int = 1,
    ) -> None:
        self.trees = trees
        self.associations = associations
        self.line_kinds = line_kinds
        self.least_confidence = least_confidence
        self.threads = threads

    def match(
        self,
        builder: FeatureBuilder,
        context: PaperContext,
        labels: Sequence[int],
        prior: Floats,
        threshold: float,
        known: Known,
    ) -> list[list[Match]]:
        """The `MATCHES` best candidates of each label, best first, however low their confidence; none where
        the paper holds no number that the metric can have.

        `prior` says how probably the paper reports each label. A candidate that suits another label of at
        least `threshold` better is less likely to be this one's, and a cell that one of these has taken is
        left to it, unless both are proven together."""
        if not len(context.candidates) or not len(labels):
            return [[] for _ in labels]
        features = [builder.of(context, label, known.get(label, ())) for label in labels]
        scores = score_candidates(self.trees.scorer, features, self.threads)
        signs = [builder.sign(label) for label in labels]
        likely = np.flatnonzero(prior >= threshold)
        matrix = ScoreMatrix(context.candidates, scores, context.kinds.kinds)
        reranked = rerank_rows(matrix, features, signs, likely)
        tops, rows = zip(*reranked, strict=True)
        every = np.concatenate(rows)
        candidates = np.concatenate(tops)
        ranked = np.asarray(self.trees.reranker.predict(every, num_threads=self.threads), np.float32)
        ranked = rank_possible(every, ranked)
        ruled_out = [
            _ruled_out(builder.labels[label], context)[top] for label, top in zip(labels, tops, strict=True)
        ]
        ranked[np.concatenate(ruled_out)] = _LAST
        sizes = [len(top) for top in tops]
        best = best_rows(ranked, sizes, MATCHES)
        confidence = self._confidence(every, ranked, sizes, best[:, 0])
        claims = _Claims(candidates, ranked, sizes, [builder.labels[label].tdm for label in labels])
        if claims.settle(np.argsort(-prior * confidence, kind="stable"), set(likely.tolist())):
            best = best_rows(ranked, sizes, MATCHES)
            confidence = self._confidence(every, ranked, sizes, best[:, 0])
        there = np.where(best >= 0, best, best[:, :1])
        later = [self._confidence(every, ranked, sizes, rows_of_place) for rows_of_place in there.T[1:]]
        sure = np.stack([confidence, *later], axis=1)
        return [
            [
                Match(int(candidates[row]), float(ranked[row]), float(probability))
                for row, probability in zip(*of_label, strict=True)
                if row >= 0 and ranked[row] > _LAST
            ]
            for of_label in zip(best, sure, strict=True)
        ]

    def _confidence(self, rows: Floats, ranked: Floats, sizes: Sequence[int], chosen: Ints) -> Floats:
        """How probably the chosen row of each label is right."""
        features = confidence_features(rows, ranked, sizes, chosen)
        return np.asarray(self.trees.confidence.predict(features, num_threads=self.threads), np.float32)

    def save(self, folder: str, facts: Mapping[str, Any]) -> None:
        """Write the matcher's folder; `matcher.json` comes last."""
        for name, trees in vars(self.trees).items():
            write_trees(trees, join(folder, f"{name}.txt"))
        self.associations.save(join(folder, "associations.parquet"))
        self.line_kinds.save(folder)
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
            return cls(trees, associations, LineKinds.load(place), facts["least_confidence"])
        except (OSError, KeyError, TypeError, ValueError, InputError, lightgbm.basic.LightGBMError) as error:
            raise CheckpointError(f"{place}: the matcher is damaged ({error!r}); make it again") from None


def _ruled_out(label: Label, context: PaperContext) -> Bools:
    """Which candidates the label's metric cannot have, or stand at headers that name another metric."""
    low, high = label.printed_range
    values = context.candidates.values
    contradicted = context.metrics.contradicted(label.tdm, context.candidates)
    return np.asarray(contradicted | (values < low) | (values > high))


@dataclass(frozen=True)
class _Claims:
    """Which label takes which candidate, one after the other; `ranked` is changed where one is taken."""

    candidates: Ints
    ranked: Floats
    sizes: Sequence[int]
    labels: Sequence[TDM]

    def settle(self, order: Ints, likely: Set[int]) -> bool:
        """Let the labels choose in this order; what a `likely` one takes is lost to the others. Returns
        whether any label lost a candidate."""
        ends = np.cumsum(self.sizes)
        taken: dict[int, list[TDM]] = {}
        lost = False
        for label in order:
            rows = np.arange(ends[label] - self.sizes[label], ends[label])
            tdm = self.labels[label]
            for row in rows:
                others = taken.get(int(self.candidates[row]), ())
                if not all(proven_together(tdm, other) for other in others):
                    self.ranked[row] = _LAST
                    lost = True
            first = rows[int(self.ranked[rows].argmax())]
            if int(label) in likely and self.ranked[first] > _LAST:
                taken.setdefault(int(self.candidates[first]), []).append(tdm)
        return lost


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
    rows = np.concatenate(features)
    scores = np.asarray(trees.predict(rows, num_threads=threads), np.float32)
    scores[rows[:, _OUT_OF_LIMITS] > 0] = 0
    return scores.reshape(len(features), -1)


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


def rank_possible(rows: Floats, ranked: Floats) -> Floats:
    """The reranker's scores, with those of impossible values last."""
    return np.where(possible_rows(rows), ranked, _LAST).astype(np.float32)


def possible_rows(rows: Floats) -> Bools:
    """Which of the rows of `rerank_rows` have a value that the label's metric can have."""
    return np.asarray(rows[:, len(RERANK_FEATURES) + _OUT_OF_LIMITS] == 0)


def best_rows(ranked: Floats, sizes: Sequence[int] | Ints, count: int) -> Ints:
    """For each label the positions of its `count` best-ranked rows, best first, -1 where it has fewer; shape
    (labels, count). `sizes` says how many rows each label has."""
    ends = np.cumsum(sizes)
    best = np.full((len(ends), count), -1, np.int64)
    for label, (start, end) in enumerate(zip([0, *ends[:-1]], ends, strict=True)):
        order = np.argsort(-ranked[start:end], kind="stable")[:count]
        best[label, : len(order)] = start + order
    return best


def confidence_features(rows: Floats, ranked: Floats, sizes: Sequence[int] | Ints, chosen: Ints) -> Floats:
    """The features that the confidence trees get of one chosen row of each label.

    These are the row itself, the reranker's score, its share of the softmax over the label's candidates, and
    its lead over the best other (negative where that one is ranked higher)."""
    ends = np.cumsum(sizes)
    leads = []
    for start, end, row in zip([0, *ends[:-1]], ends, chosen, strict=True):
        scores = ranked[start:end]
        score = ranked[row]
        share = 1 / np.exp(scores - score).sum()
        others = np.delete(scores, row - start)
        leads.append([score, share, score - others.max() if len(others) else score])
    return np.concatenate([rows[chosen], np.array(leads, np.float32)], axis=1)
