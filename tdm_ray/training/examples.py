"""A labelled paper -> its training pairs: every gold TDM as true, wrong ones as false, each with its context."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from tdm_ray.config import DatasetConfig
from tdm_ray.model.entailment import hypothesis
from tdm_ray.model.gather import Labelled
from tdm_ray.model.shortlist import Shortlist, Shortlister
from tdm_ray.premise.doctaet import doctaet
from tdm_ray.premise.passages import passages
from tdm_ray.premise.windows import WINDOWS, premise_text
from tdm_ray.taxonomy.labels import Taxonomy
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
    """A paper to make pairs of. `leave_out`: rows of the labelled neighbours that it must not see (its versions)."""

    labelled: Labelled
    leave_out: tuple[int, ...]
    unknown: bool | None  # the truth of a row `unknown`; None for no such row


@dataclass(frozen=True)
class Pairing:
    """Makes pairs. The shortlisters (none are needed for DocTAET with random negatives) take turns over the papers."""

    config: DatasetConfig
    taxonomy: Taxonomy
    shortlisters: Sequence[Shortlister] = ()

    def __call__(self, tasks: Sequence[Task]) -> list[Pair]:
        """The pairs of all tasks, in order."""
        return [pair for task in tasks for pair in self.pairs(task)]

    def pairs(self, task: Task) -> list[Pair]:
        """A paper's own labels as true, `num_negative_instances` others as false, and `unknown` where asked for."""
        paper, known = task.labelled.paper, task.labelled.known
        wrong = self._wrong(task)
        labels = [*known, *wrong]
        contexts = self._contexts(task, labels)
        found = [
            Pair(i < len(known), paper.paper_id, hypothesis(self.taxonomy.labels[label].tdm), context)
            for i, (label, context) in enumerate(zip(labels, contexts, strict=True))
        ]
        if task.unknown is not None:
            found.append(Pair(task.unknown, paper.paper_id, UNKNOWN, self._context_of_unknown(task)))
        return found

    def _wrong(self, task: Task) -> list[int]:
        wanted, own, labels = self.config.num_negative_instances, set(task.labelled.own), len(self.taxonomy)
        if self.config.negatives == "first":
            return first_of(labels, own, wanted)
        random = random_of(self.config.seed, task.labelled.paper.paper_id)
        if self.config.negatives == "random":
            return draw_random(labels, own, wanted, random)
        return draw_hard(self._shortlist(task, ()).labels, own, wanted, random)

    def _contexts(self, task: Task, labels: Sequence[int]) -> list[str]:
        if self.config.context == "doctaet":
            return [clean_context(doctaet(task.labelled.paper))] * len(labels)
        found = self._shortlist(task, labels)
        row_of = {int(label): row for row, label in enumerate(found.labels)}
        return found.premises([row_of[label] for label in labels])

    def _context_of_unknown(self, task: Task) -> str:
        paper = task.labelled.paper
        if self.config.context == "doctaet":
            return clean_context(doctaet(paper))
        found = passages(paper)
        return premise_text(found, [i for i, p in enumerate(found) if p.field != "title"][:WINDOWS])

    def _shortlist(self, task: Task, include: Sequence[int]) -> Shortlist:
        # By the paper's own chance, not by its place: so the pairs stay the same when papers are added.
        turn = int(random_of(self.config.seed + 1, task.labelled.paper.paper_id).integers(len(self.shortlisters)))
        shortlister = self.shortlisters[turn]
        leave_out = task.leave_out if shortlister.neighbours else ()
        return shortlister.shortlist(task.labelled.paper, leave_out=leave_out, include=sorted(set(include)))


def clean_context(text: str) -> str:
    """The original's cleaning of a context: letters, digits and ? , ' ’ ‘ ´ ` % stay; a run of others is one space."""
    return _NOT_KEPT.sub(" ", text).strip()
