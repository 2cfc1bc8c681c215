"""The reranker's features: a label's best candidates, compared with each other and with other labels'.

A cell that suits another TDM of the paper better is not this one's, and the row that holds the paper's other
results holds this one too."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tdm_ray.arrays import Floats, Ints
from tdm_ray.classify.features import largest
from tdm_ray.extract.candidates import Candidates
from tdm_ray.extract.line_kinds import KINDS

TOP = 12  # candidates of a TDM that are reranked; the right one, where there is one, is among them for 85 %
_STRONG = 0.3  # of the best one's probability
RERANK_FEATURES = (
    "first",
    "rank",
    "share_of_best",
    "best",
    "second_best",
    "same_value",
    "times_printed",
    "elsewhere",
    "elsewhere_sum",
    "own_share",
    "table_mass",
    "row_mass",
    "column_mass",
    "row_mass_of_all",
    "column_mass_of_all",
    "row_mass_of_others",
    "row_mass_missed",
    "labels",
    "strong",
    "strong_in_column",
    "strong_in_row",
    "goodness",
    "goodness_in_column",
    "goodness_in_row",
    "sum",
    "best_elsewhere",
    "own",
    "own_among_strong",
    "better_own",
    "better_own_in_column",
    "better_own_in_row",
)


class ScoreMatrix:
    """The scorer's probabilities of one paper, (labels, candidates), and sums of them over tables, rows and
    columns."""

    def __init__(self, candidates: Candidates, first: Floats, kinds: Floats) -> None:
        self.candidates = candidates
        self.own = np.nan_to_num(kinds[:, KINDS.index("own")] + kinds[:, KINDS.index("variant")], nan=0.5)
        self.first = first
        self.share = first / np.maximum(first.sum(axis=1, keepdims=True), 1e-6)
        texts = {text: i for i, text in enumerate(dict.fromkeys(n.text for n in candidates.numbers))}
        self.texts = np.array([texts[n.text] for n in candidates.numbers], np.int64)

    def rows(self, label: int, others: Ints, sign: float) -> tuple[Ints, Floats]:
        """The `TOP` candidates of a label, best first, with their `RERANK_FEATURES`; shapes (TOP,), (TOP,
        RERANK_FEATURES).

        `others` are the rows of the labels that the paper probably reports as well; `sign` is 1 where a
        higher score is better, -1 where a lower one is, else 0."""
        scores = self.first[label]
        share = self.share[label]
        candidates = self.candidates
        top = largest(scores, TOP)
        others_scores = self.first[others]
        count = len(others) + 1
        elsewhere = others_scores.max(axis=0, initial=0)
        leads = np.zeros(len(scores), bool)
        leads[others_scores.argmax(axis=1)] = True
        strong = np.flatnonzero(scores >= _STRONG * scores[top[0]])
        in_rows = (
            _masses(candidates.beside, share),
            _masses(candidates.beside, self.share[others].sum(axis=0)),
        )
        in_columns = (
            _masses(candidates.above, share),
            _masses(candidates.above, self.share[others].sum(axis=0)),
        )
        of_others = in_rows[1] / max(count - 1, 1)
        missed = of_others.max(initial=0) - of_others if len(others) else np.full(len(scores), -1.0)
        best = scores[top[0]]
        second = scores[top[min(1, len(top) - 1)]]
        same_column = _alike(strong, top, candidates.tables, candidates.above)
        same_row = _alike(strong, top, candidates.tables, candidates.beside)
        every = np.ones_like(same_row)
        columns = [
            scores[top],
            np.arange(len(top)),
            scores[top] / max(best, 1e-6),
            np.full(len(top), best),
            np.full(len(top), second / max(best, 1e-6) if len(top) > 1 else 0.0),
            _masses(self.texts, scores)[top],
            np.bincount(self.texts)[self.texts[top]],
            elsewhere[top],
            others_scores.sum(axis=0)[top],
            scores[top] / (scores + others_scores.sum(axis=0) + 1e-6)[top],
            _masses(candidates.tables + 1, share)[top],
            in_rows[0][top],
            in_columns[0][top],
            (in_rows[0] + in_rows[1])[top] / count,
            (in_columns[0] + in_columns[1])[top] / count,
            of_others[top],
            missed[top],
            np.full(len(top), count),
            np.full(len(top), len(strong)),
            same_column.sum(axis=1),
            same_row.sum(axis=1),
            *(
                sign * _goodness(candidates.values, strong, top, among)
                for among in (every, same_column, same_row)
            ),
            np.full(len(top), scores.sum()),
            leads[top],
            self.own[top],
            self.own[top] - self.own[strong].max(),
            *(
                _better(sign * candidates.values, self.own, strong, top, among)
                for among in (every, same_column, same_row)
            ),
        ]
        return top, np.stack([np.asarray(c, np.float32) for c in columns], axis=1)


def _masses(groups: Ints, weights: Floats) -> NDArray[np.float64]:
    """For each candidate the summed weights of its group."""
    return np.asarray(np.bincount(groups, weights)[groups], np.float64)


def _alike(strong: Ints, top: Ints, tables: Ints, headers: Ints) -> NDArray[np.bool_]:
    """(top, strong): whether two stand under (or beside) the same headers of one table."""
    alike = (tables[top][:, None] == tables[strong]) & (headers[top][:, None] == headers[strong])
    return np.asarray(alike, bool)


def _better(
    goodness: NDArray[np.float64], own: Floats, strong: Ints, top: Ints, among: NDArray[np.bool_]
) -> NDArray[np.float64]:
    """How many of the strong candidates are better than each top one, each counted by how probably it is own;
    zero where the direction is not known."""
    better = (goodness[strong] > goodness[top][:, None]) & among
    return np.asarray((better * own[strong]).sum(axis=1), np.float64)


def _goodness(
    values: NDArray[np.float64], strong: Ints, top: Ints, among: NDArray[np.bool_]
) -> NDArray[np.float64]:
    """The share of strong candidates that are below each top one, less the share above."""
    below = values[strong] < values[top][:, None]
    above = values[strong] > values[top][:, None]
    gap = (below & among).sum(axis=1) - (above & among).sum(axis=1)
    return np.asarray(gap / np.maximum(among.sum(axis=1), 1), np.float64)
