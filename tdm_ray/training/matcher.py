"""Learn a matcher from labelled papers: count words, then train scorer, reranker and confidence.

Each stage learns from what the stage before it says of unseen papers. There are three folds of papers: a
stage's output on a paper comes from trees, and from counted words, that never saw the paper.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass
from typing import Any

import lightgbm
import numpy as np

from tdm_ray.arrays import Bools, Floats
from tdm_ray.classify.calibration import best_threshold
from tdm_ray.classify.checkpoint import open_checkpoint
from tdm_ray.classify.lexicon import Lexicon
from tdm_ray.config import embedded_matcher
from tdm_ray.errors import OutputError, TaxonomyError
from tdm_ray.extract.associations import Associations, Counts, count_words
from tdm_ray.extract.candidates import Candidates, candidates_of
from tdm_ray.extract.features import INDEX_FEATURES, FeatureBuilder, PaperContext
from tdm_ray.extract.line_kinds import LineKinds
from tdm_ray.extract.matcher import (
    Matcher,
    MatcherTrees,
    best_rows,
    confidence_features,
    rank_possible,
    rerank_rows,
    score_candidates,
)
from tdm_ray.extract.quotes import Quotes, dataset_words
from tdm_ray.extract.rerank_features import TOP, ScoreMatrix
from tdm_ray.gold.annotations import Gold, fold_of, of_others, read_gold
from tdm_ray.gold.labelled_papers import read_all
from tdm_ray.parallel import over_chunks
from tdm_ray.records import Paper
from tdm_ray.storage import exists, list_files
from tdm_ray.taxonomy.direction import direction_of
from tdm_ray.taxonomy.labels import Label, Taxonomy
from tdm_ray.taxonomy.sources import read_taxonomy
from tdm_ray.text.numbers import numbers, same_number
from tdm_ray.training.boost import FOLDS, Rows, Stack, boost, out_of_fold

# The scorer learns from the right numbers of a (paper, TDM) and from so many of the others, weighted for the
# rest.
_WRONG = 100
# Of ten papers: for these the features that need an index are left out, for the next those of quotes, which a
# compact index does not hold.
_WITHOUT_INDEX = 3
_WITHOUT_QUOTES = 2


@dataclass(frozen=True)
class Task:
    """A paper, its fold, and for each of its labels the scores that were entered."""

    paper: Paper
    fold: int
    entered: tuple[tuple[int, tuple[str, ...]], ...]

    @property
    def without_index(self) -> bool:
        """Whether the features that need an index are left out for this paper."""
        return fold_of(self.paper.paper_id, 10) < _WITHOUT_INDEX

    @property
    def without_quotes(self) -> bool:
        """Whether the features of quotes are left out for this paper."""
        return fold_of(self.paper.paper_id, 10) < _WITHOUT_INDEX + _WITHOUT_QUOTES

    def right(self, candidates: Candidates, scores: Sequence[str]) -> Bools:
        """Which candidates are one of the scores."""
        texts_right = {
            n.text: any(same_number(n.text, score) for score in scores) for n in candidates.numbers
        }
        return np.array([texts_right[n.text] for n in candidates.numbers], bool)


def learn_matcher(
    papers: Sequence[str], annotations: Sequence[str], taxonomy: str, min_count: int, model: str, out: str
) -> dict[str, Any]:
    """Read papers and annotations, learn a matcher, write it to `out`; returns its figures on unseen papers.

    Raises `OutputError` where `out` is not empty, `TaxonomyError` where too few papers have scores.
    """
    if exists(out) and list_files(out):
        raise OutputError(f"{out}: not empty; choose another --out, or delete it")
    lesson = Lesson.read(papers, annotations, taxonomy, min_count, model)
    common = set(lesson.common)
    enough = sum(not common.isdisjoint(label for label, _ in task.entered) for task in lesson.tasks)
    if enough < 30:
        raise TaxonomyError(
            f"only {enough} papers have a score of a label of the taxonomy; a matcher needs 30"
        )
    labels = lesson.taxonomy.labels
    quotes = Quotes.of(list(lesson.papers.values()), dataset_words(labels, lesson.lexicon))
    line_kinds = LineKinds.load(embedded_matcher())
    known = lesson.gold.scores(lesson.papers, lesson.taxonomy)
    matcher, figures = fit(lesson.tasks, lesson.lexicon, labels, known, line_kinds, lesson.common, quotes)
    matcher.save(out, figures)
    return figures


@dataclass(frozen=True)
class Lesson:
    """What is learnt from: papers, gold, and tasks by a taxonomy that holds the rare labels too.

    `common` are the positions of the labels that runs will score."""

    papers: Mapping[str, Paper]
    gold: Gold
    taxonomy: Taxonomy
    common: Sequence[int]
    tasks: Sequence[Task]
    lexicon: Lexicon

    @classmethod
    def read(
        cls, papers: Sequence[str], annotations: Sequence[str], taxonomy: str, min_count: int, model: str
    ) -> Lesson:
        """Read papers, annotations and taxonomy; `model` is the checkpoint whose word counts weigh names."""
        common = read_taxonomy(taxonomy, min_count=min_count)
        checkpoint = open_checkpoint(model)
        read = {r.paper.paper_id: r.paper for r in read_all(papers) if r.paper}
        gold = read_gold(*annotations)
        labels = with_rare(common, gold, read)
        return cls(
            read,
            gold,
            labels,
            [labels.index[label.tdm] for label in common.labels],
            tasks_of(list(read.values()), gold, labels),
            Lexicon(labels, checkpoint.document_frequency, checkpoint.documents),
        )


def with_rare(taxonomy: Taxonomy, gold: Gold, papers: Iterable[str]) -> Taxonomy:
    """The taxonomy and all other labels that these papers report: results of rare labels teach too.

    Of the 32,639 results of 6,876 real papers 47 % are of labels too rare for the field's taxonomy.
    """
    reported = {tdm for paper in papers for tdm in gold.results.get(paper, ())}
    rare = (Label(tdm, 1, direction_of(tdm.metric)) for tdm in sorted(reported - taxonomy.index.keys()))
    return Taxonomy.of([*taxonomy.labels, *rare])


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
    tasks: Sequence[Task],
    lexicon: Lexicon,
    labels: Sequence[Label],
    known: Mapping[int, Sequence[tuple[str, float]]],
    line_kinds: LineKinds,
    common: Sequence[int] | None = None,
    quotes: Quotes | None = None,
) -> tuple[Matcher, dict[str, Any]]:
    """The matcher, and how right it is on papers it did not learn from; `known` as of `Gold.scores`.

    `common` are the labels that runs will score (default: all): the figures and the least confidence are
    computed on them."""
    common_labels = frozenset(range(len(labels)) if common is None else common)
    counted = _count(tasks, labels)
    words = [Associations.of(_sum(c for g, c in enumerate(counted) if g != fold)) for fold in range(FOLDS)]
    every = [
        FeatureBuilder(lexicon, labels, associations, line_kinds, sorted(common_labels), quotes)
        for associations in words
    ]
    scorer_rows = over_chunks(_ScorerRows(every, known), tasks, what="papers for the scorer", size=50)
    if not scorer_rows:
        raise TaxonomyError(
            f"none of the {len(tasks)} papers with scores holds a number in a table or in its results"
        )
    one = Stack.of(scorer_rows)
    del scorer_rows  # 2 GB of 32,639 results
    unseen = [boost(one.part(one.folds != fold), "scorer") for fold in range(FOLDS)]
    first = boost(one, "scorer")
    del one
    texts = [trees.model_to_string() for trees in unseen]
    two = Stack.of(
        over_chunks(
            _RerankerRows(every, known, texts, common_labels), tasks, what="papers for the reranker", size=50
        )
    )
    ranked = rank_possible(two.rows, out_of_fold(two, "reranker"))
    best = best_rows(ranked, two.sizes, 1)[:, 0]
    features = confidence_features(two.rows, ranked, two.sizes, best)
    ones = np.ones(len(best), np.int64)
    three = Stack(features, two.right[best], two.weight[best], two.folds, two.labels, two.without_index, ones)
    figures = _figures(two, three, out_of_fold(three, "confidence"), tasks, common_labels)
    trees = MatcherTrees(first, boost(two, "reranker"), boost(three, "confidence"))
    return Matcher(trees, Associations.of(_sum(counted)), line_kinds, figures["least_confidence"]), figures


@dataclass(frozen=True)
class _Counter:
    labels: Sequence[Label]

    def __call__(self, tasks: Sequence[Task]) -> list[tuple[int, Counts]]:
        totals = [Counts.none() for _ in range(FOLDS)]
        for task in tasks:
            candidates = candidates_of(task.paper)
            labelled = (
                (self.labels[label].tdm, task.right(candidates, scores)) for label, scores in task.entered
            )
            if len(candidates):
                totals[task.fold].add(count_words(candidates, labelled))
        return list(enumerate(totals))


def _count(tasks: Sequence[Task], labels: Sequence[Label]) -> list[Counts]:
    totals = [Counts.none() for _ in range(FOLDS)]
    for fold, counts in over_chunks(_Counter(labels), tasks, what="papers counted", size=500):
        totals[fold].add(counts)
    return totals


def _sum(counts: Any) -> Counts:
    total = Counts.none()
    for one in counts:
        total.add(one)
    return total


def _features_of(
    builder: FeatureBuilder,
    context: PaperContext,
    task: Task,
    label: int,
    known: Mapping[int, Sequence[tuple[str, float]]],
) -> Floats:
    """The features of a label for a paper; those of quotes are missing where the task says so."""
    rows = builder.of(
        context, label, [] if task.without_index else of_others(known.get(label, ()), task.paper.paper_id)
    )
    if task.without_quotes:
        rows[:, INDEX_FEATURES] = np.nan
    return rows


@dataclass(frozen=True)
class _ScorerRows:
    builders: Sequence[FeatureBuilder]
    known: Mapping[int, Sequence[tuple[str, float]]]

    def __call__(self, tasks: Sequence[Task]) -> list[Rows]:
        return [rows for task in tasks for rows in self._one(task)]

    def _one(self, task: Task) -> list[Rows]:
        builder = self.builders[task.fold]
        context = builder.context_of(task.paper)
        if not len(context.candidates):
            return []
        chance = np.random.default_rng(np.frombuffer(task.paper.paper_id.encode(), np.uint8))
        done = []
        for label, scores in task.entered:
            rows = _features_of(builder, context, task, label, self.known)
            right = task.right(context.candidates, scores)
            wrong = np.flatnonzero(~right)
            kept = chance.choice(wrong, min(_WRONG, len(wrong)), replace=False)
            chosen = np.sort(np.concatenate([np.flatnonzero(right), kept]))
            weight = np.where(right[chosen], 1.0, len(wrong) / max(len(kept), 1)).astype(np.float32)
            done.append(Rows(rows[chosen], right[chosen], weight, task.fold, label, task.without_index))
        return done


@dataclass(frozen=True)
class _RerankerRows:
    builders: Sequence[FeatureBuilder]
    known: Mapping[int, Sequence[tuple[str, float]]]
    trees: Sequence[str]
    common: Set[int]

    def __call__(self, tasks: Sequence[Task]) -> list[Rows]:
        trees = [lightgbm.Booster(model_str=text) for text in self.trees]
        return [rows for task in tasks for rows in self._one(task, trees[task.fold])]

    def _one(self, task: Task, trees: lightgbm.Booster) -> list[Rows]:
        builder = self.builders[task.fold]
        labels = [label for label, _ in task.entered]
        context = builder.context_of(task.paper)
        if not len(context.candidates):
            return []
        features = [_features_of(builder, context, task, label, self.known) for label in labels]
        matrix = ScoreMatrix(context.candidates, score_candidates(trees, features), context.kinds.kinds)
        likely = np.flatnonzero([label in self.common for label in labels])
        reranked = rerank_rows(matrix, features, [builder.sign(label) for label in labels], likely)
        return [
            Rows(
                rows,
                task.right(context.candidates, scores)[top],
                np.ones(len(top), np.float32),
                task.fold,
                label,
                task.without_index,
            )
            for (top, rows), (label, scores) in zip(reranked, task.entered, strict=True)
        ]


def _figures(
    two: Stack, three: Stack, confidence: Floats, tasks: Sequence[Task], common: Set[int]
) -> dict[str, Any]:
    """How often the best candidate is right: of all results, of those whose right candidate is reranked, and
    of those whose confidence is high enough.

    These figures and the least confidence are of the papers learnt from with an index.
    """
    of_common = np.isin(three.labels, list(common))
    with_index = of_common & ~three.without_index
    right = three.right[with_index]
    confident = confidence[with_index]
    present = np.add.reduceat(two.right, np.cumsum([0, *two.sizes[:-1]]))[with_index] > 0
    results = [(label, task.without_index) for task in tasks for label, _ in task.entered]
    pairs, pairs_alone = (
        sum(label in common and alone == given for label, alone in results) for given in (False, True)
    )
    without = three.right[of_common & three.without_index]
    least = best_threshold(confident, right, pairs)
    given = confident >= least
    return {
        "least_confidence": least,
        "papers": len(tasks),
        "results": len(results),
        "results_asked": pairs + pairs_alone,
        "right": round(float(right.sum() / max(pairs, 1)), 4),
        "right_without_index": round(float(without.sum() / max(pairs_alone, 1)), 4),
        f"right_where_among_the_best_{TOP}": round(float(right[present].mean()), 4),
        "said": round(float(given.sum() / max(pairs, 1)), 4),
        "said_right": round(float(right[given].mean()), 4),
    }
