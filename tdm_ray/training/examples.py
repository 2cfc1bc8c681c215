"""Make a labelled paper's training pairs: gold labels as true, wrong ones as false, with contexts."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tdm_ray.classify.pairs import hypothesis
from tdm_ray.classify.shortlist import Shortlister, View
from tdm_ray.config import DatasetConfig
from tdm_ray.gold.labelled_papers import Labelled
from tdm_ray.taxonomy.labels import Taxonomy
from tdm_ray.text.doctaet import doctaet
from tdm_ray.text.passages import passages
from tdm_ray.text.windows import WINDOWS, premise_text
from tdm_ray.training.negatives import draw_hard, draw_random, first_of, random_of

UNKNOWN = "unknown"
# The original's: letters, digits and these are kept, a run of anything else is one space.
_NOT_KEPT = re.compile(r"(?:[^\w?,'’‘´`%]|_)+")


@dataclass(frozen=True)
class Pair:
    """A premise (`context`), a hypothesis (`TDM`), and whether gold has it."""

    label: bool
    paper_id: str
    TDM: str
    context: str


@dataclass(frozen=True)
class Task:
    """A paper to make pairs of. `leave_out`: its own versions among the labelled neighbours, which must not
    vote."""

    labelled: Labelled
    leave_out: tuple[int, ...]
    unknown: bool | None  # the truth of a row `unknown`; None for no such row


@dataclass(frozen=True)
class Pairing:
    """Makes pairs. The shortlisters (none are needed for DocTAET with random negatives) take turns over the
    papers."""

    config: DatasetConfig
    taxonomy: Taxonomy
    shortlisters: Sequence[Shortlister] = ()

    def __call__(self, tasks: Sequence[Task]) -> list[Pair]:
        """The pairs of all tasks, in order."""
        return [pair for task in tasks for pair in self.pairs(task)]

    def pairs(self, task: Task) -> list[Pair]:
        """A paper's own labels as true, those marked wrong and `num_negative_instances` others as false,
        `unknown`."""
        paper = task.labelled.paper
        known = task.labelled.known
        shortlister_and_view = self._shortlister_and_view(task)
        marked = task.labelled.wrong
        labels = [
            *known,
            *marked,
            *(label for label in self._wrong(task, shortlister_and_view) if label not in marked),
        ]
        contexts = self._contexts(task, labels, shortlister_and_view)
        pairs = [
            Pair(i < len(known), paper.paper_id, hypothesis(self.taxonomy.labels[label].tdm), context)
            for i, (label, context) in enumerate(zip(labels, contexts, strict=True))
        ]
        if task.unknown is not None:
            pairs.append(Pair(task.unknown, paper.paper_id, UNKNOWN, self._context_of_unknown(task)))
        return pairs

    def _shortlister_and_view(self, task: Task) -> tuple[Shortlister, View] | None:
        """The shortlister whose turn it is, and its view of the paper."""
        if not self.shortlisters:
            return None
        # By the paper's own chance, not by its place: so the pairs stay the same when papers are added.
        turn = int(
            random_of(self.config.seed + 1, task.labelled.paper.paper_id).integers(len(self.shortlisters))
        )
        return self.shortlisters[turn], self.shortlisters[turn].view(task.labelled.paper)

    def _wrong(self, task: Task, shortlister_and_view: tuple[Shortlister, View] | None) -> list[int]:
        wanted = self.config.num_negative_instances
        own = set(task.labelled.own)
        labels = len(self.taxonomy)
        if self.config.negatives == "first":
            return first_of(labels, own, wanted)
        random = random_of(self.config.seed, task.labelled.paper.paper_id)
        if self.config.negatives == "random" or shortlister_and_view is None:
            return draw_random(labels, own, wanted, random)
        shortlister, view = shortlister_and_view
        shortlist = shortlister.shortlist(view, leave_out=task.leave_out if shortlister.neighbours else ())
        return draw_hard(shortlist.labels, own, wanted, random)

    def _contexts(
        self, task: Task, labels: Sequence[int], shortlister_and_view: tuple[Shortlister, View] | None
    ) -> list[str]:
        if self.config.context == "doctaet" or shortlister_and_view is None:
            return [clean_context(doctaet(task.labelled.paper))] * len(labels)
        shortlister, view = shortlister_and_view
        windows = shortlister.windows(np.array(labels, np.int64), view.coverage)
        return [premise_text(view.passages, window) for window in windows]

    def _context_of_unknown(self, task: Task) -> str:
        paper = task.labelled.paper
        if self.config.context == "doctaet":
            return clean_context(doctaet(paper))
        paper_passages = passages(paper)
        return premise_text(
            paper_passages, [i for i, p in enumerate(paper_passages) if p.field != "title"][:WINDOWS]
        )


def clean_context(text: str) -> str:
    """The original's cleaning of a context: letters, digits and ? , ' ’ ‘ ´ ` % stay; a run of others is one
    space."""
    return _NOT_KEPT.sub(" ", text).strip()
