"""Labelled papers -> a matcher: words counted, then the first look, then the second on what the first says unseen.

Three folds of papers: the first look that the second learns from never saw the paper, nor did the words it used.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import lightgbm
import numpy as np
from numpy.typing import NDArray

from tdm_ray.errors import OutputError, TaxonomyError
from tdm_ray.model.calibration import best_threshold
from tdm_ray.model.checkpoint import open_checkpoint
from tdm_ray.model.gather import read_all
from tdm_ray.model.lexicon import Lexicon
from tdm_ray.numbers import numbers, same_number
from tdm_ray.parallel import cores, over_chunks
from tdm_ray.records import Paper
from tdm_ray.results.associations import Associations, Counts, count_words
from tdm_ray.results.candidates import Candidates, Floats, candidates_of
from tdm_ray.results.matcher import Matcher, first_look, second_look
from tdm_ray.results.rivals import TOP, Board
from tdm_ray.results.signs import Signs
from tdm_ray.storage import exists, list_files
from tdm_ray.taxonomy.gold import Gold, fold_of, of_others, read_gold
from tdm_ray.taxonomy.labels import Label, Taxonomy
from tdm_ray.taxonomy.sources import read_taxonomy

Bools = NDArray[np.bool_]
FOLDS = 3
# Numbers of a (paper, TDM) that the first look learns from: the right ones and so many others, weighted for the rest.
_WRONG = 150
_WITHOUT_KNOWN = 0.3  # the share of pairs learnt without other papers' scores, as where there is no index
_TREES = {"first": 250, "second": 300}
_DIALS = {
    "objective": "binary", "num_leaves": 31, "learning_rate": 0.08, "min_data_in_leaf": 50, "feature_fraction": 0.5,
    "bagging_fraction": 0.8, "bagging_freq": 1, "lambda_l2": 5, "verbose": -1, "deterministic": True,
    "force_row_wise": True, "seed": 1,
}  # fmt: skip


@dataclass(frozen=True)
class Task:
    """A paper, its fold, and for each of its labels the scores that were entered."""

    paper: Paper
    fold: int
    entered: tuple[tuple[int, tuple[str, ...]], ...]

    def right(self, found: Candidates, scores: Sequence[str]) -> Bools:
        """Which candidates are one of the scores."""
        said = {n.text: any(same_number(n.text, score) for score in scores) for n in found.numbers}
        return np.array([said[n.text] for n in found.numbers], bool)


def learn_matcher(
    papers: Sequence[str], annotations: Sequence[str], taxonomy: str, min_count: int, model: str, out: str
) -> dict[str, Any]:
    """Read papers and annotations, learn a matcher, write it to `out`; returns its figures on unseen papers.

    Raises `OutputError` where `out` is not empty, `TaxonomyError` where too few papers have scores.
    """
    if exists(out) and list_files(out):
        raise OutputError(f"{out}: not empty; choose another --out, or delete it")
    labels, checkpoint = read_taxonomy(taxonomy, min_count=min_count), open_checkpoint(model)
    read = {r.paper.paper_id: r.paper for r in read_all(papers) if r.paper}
    gold = read_gold(*annotations)
    tasks = tasks_of(list(read.values()), gold, labels)
    if len(tasks) < 30:
        raise TaxonomyError(f"only {len(tasks)} papers have a score of a label of the taxonomy; a matcher needs 30")
    lexicon = Lexicon(labels, checkpoint.document_frequency, checkpoint.documents)
    matcher, figures = fit(tasks, lexicon, labels.labels, gold.scores(read, labels))
    matcher.save(out, figures)
    return figures


def tasks_of(papers: Sequence[Paper], gold: Gold, taxonomy: Taxonomy) -> list[Task]:
    """The papers that report a label of the taxonomy with a number."""
    tasks = []
    for paper in papers:
        reported = gold.results.get(paper.paper_id, {})
        entered = tuple(
            (taxonomy.index[tdm], scores)
            for tdm, scores in sorted(reported.items())
            if tdm in taxonomy.index and any(numbers(score) for score in scores)
        )
        if entered:
            tasks.append(Task(paper, fold_of(paper.paper_id, FOLDS), entered))
    return tasks


def fit(
    tasks: Sequence[Task], lexicon: Lexicon, labels: Sequence[Label], known: Mapping[int, Sequence[tuple[str, float]]]
) -> tuple[Matcher, dict[str, Any]]:
    """The matcher, and how right it is on papers it did not learn from; `known` as of `Gold.scores`."""
    counted = _count(tasks, labels)
    words = [Associations.of(_sum(c for g, c in enumerate(counted) if g != fold)) for fold in range(FOLDS)]
    every = [Signs(lexicon, labels, associations) for associations in words]
    looked = over_chunks(_FirstLook(every, known), tasks, size=50)
    if not looked:
        raise TaxonomyError(f"none of the {len(tasks)} papers with scores holds a number in a table or in its results")
    rows, truth, weight, places = _stack(looked)
    folds = places % FOLDS
    trees = [_boost(rows[folds != f], truth[folds != f], weight[folds != f], "first") for f in range(FOLDS)]
    first = _boost(rows, truth, weight, "first")
    texts = [t.model_to_string() for t in trees]
    again, right, _, places = _stack(over_chunks(_SecondLook(every, known, texts), tasks, size=50))
    pairs = sum(len(task.entered) for task in tasks)
    confidence = _out_of_fold(again, right, places % FOLDS)
    figures = _figures(confidence, right, places, pairs)
    second = _boost(again, right, np.ones(len(right)), "second")
    matcher = Matcher(first, second, Associations.of(_sum(counted)), figures["least_confidence"])
    return matcher, {"papers": len(tasks), "results": pairs, **figures}


@dataclass(frozen=True)
class _Counter:
    labels: Sequence[Label]

    def __call__(self, tasks: Sequence[Task]) -> list[tuple[int, Counts]]:
        totals = [Counts.none() for _ in range(FOLDS)]
        for task in tasks:
            found = candidates_of(task.paper)
            labelled = ((self.labels[label].tdm, task.right(found, scores)) for label, scores in task.entered)
            if len(found):
                totals[task.fold].add(count_words(found, labelled))
        return list(enumerate(totals))


def _count(tasks: Sequence[Task], labels: Sequence[Label]) -> list[Counts]:
    totals = [Counts.none() for _ in range(FOLDS)]
    for fold, counts in over_chunks(_Counter(labels), tasks, size=500):
        totals[fold].add(counts)
    return totals


def _sum(counts: Any) -> Counts:
    total = Counts.none()
    for one in counts:
        total.add(one)
    return total


Rows = tuple[Floats, Bools, Floats, NDArray[np.int64]]


@dataclass(frozen=True)
class _FirstLook:
    signs: Sequence[Signs]
    known: Mapping[int, Sequence[tuple[str, float]]]

    def __call__(self, tasks: Sequence[Task]) -> list[Rows]:
        return [rows for task in tasks for rows in self._one(task)]

    def _one(self, task: Task) -> list[Rows]:
        signs = self.signs[task.fold]
        seen = signs.see(task.paper)
        if not len(seen.found):
            return []
        chance = np.random.default_rng(np.frombuffer(task.paper.paper_id.encode(), np.uint8))
        done = []
        for label, scores in task.entered:
            others = of_others(self.known.get(label, ()), task.paper.paper_id)
            known = others if chance.random() >= _WITHOUT_KNOWN else []
            rows, right = signs.of(seen, label, known), task.right(seen.found, scores)
            wrong = np.flatnonzero(~right)
            kept = chance.choice(wrong, min(_WRONG, len(wrong)), replace=False)
            chosen = np.sort(np.concatenate([np.flatnonzero(right), kept]))
            weight = np.where(right[chosen], 1.0, len(wrong) / max(len(kept), 1)).astype(np.float32)
            done.append((rows[chosen], right[chosen], weight, np.full(len(chosen), task.fold)))
        return done


@dataclass(frozen=True)
class _SecondLook:
    signs: Sequence[Signs]
    known: Mapping[int, Sequence[tuple[str, float]]]
    trees: Sequence[str]

    def __call__(self, tasks: Sequence[Task]) -> list[Rows]:
        trees = [lightgbm.Booster(model_str=text) for text in self.trees]
        return [rows for task in tasks for rows in self._one(task, trees[task.fold])]

    def _one(self, task: Task, trees: lightgbm.Booster) -> list[Rows]:
        signs = self.signs[task.fold]
        seen = signs.see(task.paper)
        if not len(seen.found):
            return []
        known = [of_others(self.known.get(label, ()), task.paper.paper_id) for label, _ in task.entered]
        looks = [signs.of(seen, label, others) for (label, _), others in zip(task.entered, known, strict=True)]
        board = Board(seen.found, first_look(trees, looks))
        rows = second_look(board, looks, [signs.sign(label) for label, _ in task.entered], np.arange(len(looks)))
        return [
            (found, task.right(seen.found, scores)[top], np.ones(len(top), np.float32), np.full(len(top), task.fold))
            for (top, found), (_, scores) in zip(rows, task.entered, strict=True)
        ]


def _stack(done: Sequence[Rows]) -> Rows:
    """All rows below each other; the last column becomes fold + FOLDS * (number of the pair)."""
    places = np.concatenate([part[3] + FOLDS * i for i, part in enumerate(done)])
    rows, truth, weight = (np.concatenate([part[i] for part in done]) for i in range(3))
    return rows, truth, weight, places


def _boost(rows: Floats, truth: Bools, weight: Any, look: str) -> lightgbm.Booster:
    dials = {**_DIALS, "num_threads": cores()}
    return lightgbm.train(dials, lightgbm.Dataset(rows, truth.astype(np.float32), weight=weight), _TREES[look])


def _out_of_fold(rows: Floats, truth: Bools, folds: NDArray[np.int64]) -> Floats:
    told = np.empty(len(truth), np.float32)
    for fold in range(FOLDS):
        inside = folds == fold
        trees = _boost(rows[~inside], truth[~inside], np.ones(int((~inside).sum())), "second")
        told[inside] = trees.predict(rows[inside])
    return told


def _figures(confidence: Floats, right: Bools, places: NDArray[np.int64], pairs: int) -> dict[str, Any]:
    """How often the best candidate is right: of all results, of those whose score was found, and of those said."""
    order = np.lexsort((-confidence, places))
    best = order[np.r_[True, places[order][1:] != places[order][:-1]]]
    present = np.bincount(np.unique(places, return_inverse=True)[1], right) > 0
    least = best_threshold(confidence[best], right[best], pairs)
    said = confidence[best] >= least
    return {
        "least_confidence": least,
        "right": round(float(right[best].sum() / pairs), 4),
        f"right_where_among_the_best_{TOP}": round(float(right[best][present].mean()), 4),
        "said": round(float(said.sum() / pairs), 4),
        "said_right": round(float(right[best][said].mean()), 4),
    }
