"""Training pairs of the cell model: numbers of a paper in words, and labels that they state or do not.

A result that people entered makes a group: the candidates with its number are right, the best-ranked others
of the matcher are wrong. Besides, its first right candidate is paired with a label of the same task and one
of the same data set that the paper does not report: these pairs are wrong, too."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from tdm_ray.classify.pairs import hypothesis
from tdm_ray.config import EMBEDDED, embedded_matcher
from tdm_ray.errors import TaxonomyError
from tdm_ray.extract.cell_text import premise
from tdm_ray.extract.features import FeatureBuilder, PaperContext
from tdm_ray.extract.matcher import Matcher, rerank_rows, score_candidates
from tdm_ray.extract.rerank_features import ScoreMatrix
from tdm_ray.parallel import over_chunks
from tdm_ray.records import TDM
from tdm_ray.taxonomy.equivalent import proven_together
from tdm_ray.taxonomy.labels import Label
from tdm_ray.training.matcher import Lesson, Task

_RIGHT = 2
_WRONG = 5
_WRONG_ALONE = 2  # where no candidate has the number that was entered


@dataclass(frozen=True)
class CellPair:
    """A premise, a hypothesis, whether the one states the other; pairs of one group compare one label."""

    premise: str
    hypothesis: str
    right: bool
    group: str


def cell_pairs(
    papers: Sequence[str], annotations: Sequence[str], taxonomy: str, min_count: int
) -> list[CellPair]:
    """The pairs of all papers that have a score of a label. Raises `TaxonomyError` where there are none."""
    lesson = Lesson.read(papers, annotations, taxonomy, min_count, EMBEDDED)
    matcher = Matcher.load(embedded_matcher())
    labels = lesson.taxonomy.labels
    builder = FeatureBuilder(lesson.lexicon, labels, matcher.associations, matcher.line_kinds, lesson.common)
    pairs = over_chunks(_Pairing.of(builder, labels), lesson.tasks, what="papers paired", size=50)
    if not any(pair.right for pair in pairs):
        raise TaxonomyError(f"none of {len(lesson.papers)} papers prints a score of a label of {taxonomy}")
    return pairs


@dataclass(frozen=True)
class _Pairing:
    builder: FeatureBuilder
    labels: Sequence[Label]
    by_task: Mapping[str, Sequence[TDM]]
    by_dataset: Mapping[str, Sequence[TDM]]

    @classmethod
    def of(cls, builder: FeatureBuilder, labels: Sequence[Label]) -> _Pairing:
        by_task, by_dataset = defaultdict(list), defaultdict(list)
        for label in labels:
            by_task[label.tdm.task].append(label.tdm)
            by_dataset[label.tdm.dataset].append(label.tdm)
        return cls(builder, labels, by_task, by_dataset)

    def __call__(self, tasks: Sequence[Task]) -> list[CellPair]:
        matcher = Matcher.load(embedded_matcher())
        return [pair for task in tasks for pair in self._of_paper(matcher, task)]

    def _of_paper(self, matcher: Matcher, task: Task) -> Iterator[CellPair]:
        context = self.builder.context_of(task.paper)
        if not len(context.candidates):
            return
        chance = np.random.default_rng(np.frombuffer(task.paper.paper_id.encode(), np.uint8))
        reported = [self.labels[label].tdm for label, _ in task.entered]
        for tdm, (right, wrong) in zip(reported, self._ranked(matcher, context, task), strict=True):
            group = f"{task.paper.paper_id} {tdm}"
            for places, is_right in ((right, True), (wrong, False)):
                for place in places:
                    text = premise(context.candidates, context.kinds, place)
                    yield CellPair(text, hypothesis(tdm), is_right, group)
            for other in self._others(tdm, reported, chance) if right else ():
                text = premise(context.candidates, context.kinds, right[0])
                yield CellPair(text, hypothesis(other), False, "")

    def _ranked(
        self, matcher: Matcher, context: PaperContext, task: Task
    ) -> Iterator[tuple[list[int], list[int]]]:
        """Of each entered result the right candidates and the wrong ones, the best-ranked first."""
        labels = [label for label, _ in task.entered]
        features = [self.builder.of(context, label) for label in labels]
        scores = score_candidates(matcher.trees.scorer, features)
        matrix = ScoreMatrix(context.candidates, scores, context.kinds.kinds)
        signs = [self.builder.sign(label) for label in labels]
        for (top, rows), (label, entered) in zip(
            rerank_rows(matrix, features, signs, np.arange(len(labels))), task.entered, strict=True
        ):
            order = top[np.argsort(-np.asarray(matcher.trees.reranker.predict(rows, num_threads=1)))]
            ruled_out = context.metrics.contradicted(self.builder.labels[label].tdm, context.candidates)
            is_right = task.right(context.candidates, entered)
            right = [int(place) for place in order if is_right[place] and not ruled_out[place]]
            wrong = [int(place) for place in order if not is_right[place] and not ruled_out[place]]
            yield right[:_RIGHT], wrong[: _WRONG if right else _WRONG_ALONE]

    def _others(self, tdm: TDM, reported: Sequence[TDM], chance: np.random.Generator) -> Iterator[TDM]:
        """A label of the same task and one of the same data set that the paper does not report."""
        for pool in (self.by_task[tdm.task], self.by_dataset[tdm.dataset]):
            free = [other for other in pool if not any(proven_together(other, one) for one in reported)]
            if free:
                yield free[int(chance.integers(len(free)))]
