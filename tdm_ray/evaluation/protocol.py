"""The field's own protocol: a paper's gold labels plus N random wrong ones, on two disjoint 70/30 hold-outs.

Source: Hou et al., ACL 2019 (TDMS-IE); Kabongo, D'Souza and Auer, ICADL 2021 (ORKG-TDM). Figures of this
protocol and those over the whole taxonomy differ by 40 points, so a report says which it is. Pairs are
decided by the calibrator's prior (boosted trees over names and labelled neighbours), fitted anew on each
fold's train side; the cross-encoder that ships has seen papers of the test sides, and is left out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from tdm_ray.arrays import Floats
from tdm_ray.arxiv_ids import base_id
from tdm_ray.classify.calibration import best_threshold, fit_prior, sigmoid
from tdm_ray.classify.checkpoint import open_checkpoint
from tdm_ray.classify.lexicon import Lexicon
from tdm_ray.classify.shortlist import Shortlister
from tdm_ray.config import DatasetConfig, ScoreConfig
from tdm_ray.evaluation.figures import best_f1, f1_figures
from tdm_ray.gold.annotations import Gold, fold_of, read_gold
from tdm_ray.gold.labelled_papers import Labelled, gather, read_all, versions
from tdm_ray.parallel import over_chunks
from tdm_ray.taxonomy.labels import Taxonomy
from tdm_ray.taxonomy.sources import read_taxonomy
from tdm_ray.training.dataset import folds_of
from tdm_ray.training.negatives import draw_random, random_of
from tdm_ray.training.neighbours import labelled_neighbours

_FOLDS = 5  # inside a train side: out-of-fold log-odds, to choose the threshold by


@dataclass(frozen=True)
class Rows:
    """Pairs of one side: features, truth, and where they stand."""

    features: Floats
    truth: NDArray[np.bool_]
    labels: NDArray[np.int64]
    papers: NDArray[np.int64]


def evaluate_protocol(
    papers: Sequence[str],
    annotations: Sequence[str],
    config: ScoreConfig,
    *,
    negatives: int = 10,
    seed: int = 0,
) -> dict[str, Any]:
    """Figures of both folds and their mean, beside the baseline that reads nothing but how frequent a label
    is."""
    taxonomy = read_taxonomy(config.taxonomy, min_count=config.min_count)
    gold = read_gold(*annotations)
    checkpoint = open_checkpoint(config.model)
    lexicon = Lexicon(taxonomy, checkpoint.document_frequency, checkpoint.documents)
    gathered = gather(read_all(papers), gold, taxonomy, read_taxonomy(config.taxonomy)).papers
    split = folds_of([x.paper.paper_id for x in gathered], DatasetConfig(seed=seed))
    folds = []
    for held_out in split:
        test = [x for x in gathered if base_id(x.paper.paper_id) in held_out]
        train = [x for x in gathered if base_id(x.paper.paper_id) not in held_out]
        folds.append(
            {
                "train": len(train),
                "test": len(test),
                **_fold(train, test, gold, lexicon, taxonomy, negatives, seed),
            }
        )
    mean = {
        name: {key: float(np.mean([fold[name][key] for fold in folds])) for key in folds[0][name]}
        for name in ("figures", "label_frequency_alone")
    }
    return {
        "protocol": (
            f"the field's: gold and {negatives} random wrong labels a paper, two disjoint 70/30 hold-outs"
        ),
        "papers": len(gathered),
        "labels": len(taxonomy),
        "folds": folds,
        **mean,
    }


def _fold(
    train: Sequence[Labelled],
    test: Sequence[Labelled],
    gold: Gold,
    lexicon: Lexicon,
    taxonomy: Taxonomy,
    negatives: int,
    seed: int,
) -> dict[str, Any]:
    learnt = [x.paper for x in train]
    neighbours, vectorizer = labelled_neighbours(learnt, gold, taxonomy)
    asked = _Asked(Shortlister(lexicon, neighbours, vectorizer), len(taxonomy), negatives, seed)
    inner = np.array([fold_of(p.paper_id, _FOLDS) for p in learnt])
    counts = neighbours.counts_of_others(inner)
    same = versions([p.paper_id for p in learnt])
    seen = _rows(asked, [(x, s, counts[f]) for x, s, f in zip(train, same, inner, strict=True)])
    new = _rows(asked, [(x, [], None) for x in test])
    trees, log_odds = fit_prior(seen.features, seen.truth, inner[seen.papers])
    found = np.asarray(trees.predict(new.features, raw_score=True), np.float32)
    threshold = best_threshold(sigmoid(log_odds), seen.truth, int(seen.truth.sum()))
    frequent = best_f1(_matrix(neighbours.counts[seen.labels], seen), _matrix(seen.truth, seen))["threshold"]
    return {
        "figures": _figures(sigmoid(found), threshold, new),
        "label_frequency_alone": _figures(neighbours.counts[new.labels], frequent, new),
    }


@dataclass(frozen=True)
class _Asked:
    """Features and truth of a paper's gold labels and of its random wrong ones."""

    shortlister: Shortlister
    labels: int
    negatives: int
    seed: int

    def __call__(self, items: Sequence[tuple[Labelled, list[int], Floats | None]]) -> list[tuple[Any, ...]]:
        return [self._one(*item) for item in items]

    def _one(self, labelled: Labelled, leave_out: list[int], counts: Floats | None) -> tuple[Any, ...]:
        random = random_of(self.seed, labelled.paper.paper_id)
        wanted = [*labelled.known, *draw_random(self.labels, set(labelled.own), self.negatives, random)]
        found = self.shortlister.shortlist(
            labelled.paper, leave_out=leave_out, include=sorted(wanted), counts=counts
        )
        rows = np.isin(found.labels, wanted)
        return found.features[rows], np.isin(found.labels[rows], labelled.known), found.labels[rows]


def _rows(asked: _Asked, items: list[tuple[Labelled, list[int], Floats | None]]) -> Rows:
    features, truth, labels = (
        np.concatenate(c) for c in zip(*over_chunks(asked, items, what="papers shortlisted"), strict=True)
    )
    sizes = [len(x.known) + asked.negatives for x, _, _ in items]
    return Rows(features, truth, labels, np.repeat(np.arange(len(items)), sizes))


def _figures(value: Floats, threshold: float, rows: Rows) -> dict[str, float]:
    """F1 of the class "true" over the pairs asked, decided at a threshold chosen on the train side."""
    figures = f1_figures(_matrix(value >= threshold, rows), _matrix(rows.truth, rows))
    wrong = value[~rows.truth] >= threshold  # of the pairs asked, not of all that there are
    return {"threshold": threshold, **figures, "false_positives_per_wrong_pair": float(wrong.mean())}


def _matrix(values: NDArray[Any], rows: Rows) -> sp.csr_matrix:
    return sp.csr_matrix((values.astype(np.float32), (rows.papers, rows.labels)))
