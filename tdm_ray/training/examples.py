"""Gold -> pairs to learn from: every gold TDM as true, and as false the labels a paper is most easily taken for."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from tdm_ray.model.entailment import hypothesis
from tdm_ray.model.labelled import versions
from tdm_ray.model.shortlist import Shortlist, Shortlister
from tdm_ray.records import Paper
from tdm_ray.taxonomy.gold import Gold
from tdm_ray.taxonomy.labels import Taxonomy

HARD = 20  # the head of the shortlist: siblings of the gold and what neighbours report


@dataclass(frozen=True)
class Pair:
    """A premise, a hypothesis, and whether gold has it."""

    paper_id: str
    premise: str
    hypothesis: str
    true: bool


def pairs_of(
    papers: Sequence[Paper],
    gold: Gold,
    taxonomy: Taxonomy,
    shortlisters: Sequence[Shortlister],
    *,
    hard: int = 7,
    easy: int = 3,
    seed: int = 0,
) -> Iterator[Pair]:
    """The pairs of every paper, in order: its gold, `hard` false ones from the shortlist's head, `easy` from its rest.

    Papers take turns with the `shortlisters` (with labelled neighbours and without), so that the model meets the
    false labels of both. The labelled papers of a shortlister must be `papers`, in that order: none sees itself.
    """
    random = np.random.default_rng(seed)
    for i, (paper, same) in enumerate(zip(papers, versions([p.paper_id for p in papers]), strict=True)):
        known = {taxonomy.index[t] for t in gold.results.get(paper.paper_id, ()) if t in taxonomy.index}
        shortlister = shortlisters[(i + seed) % len(shortlisters)]
        found = shortlister.shortlist(paper, leave_out=same if shortlister.neighbours else (), include=sorted(known))
        yield from _pairs(paper.paper_id, found, known, taxonomy, random, hard, easy)


def _pairs(
    paper_id: str,
    found: Shortlist,
    known: set[int],
    taxonomy: Taxonomy,
    random: np.random.Generator,
    hard: int,
    easy: int,
) -> Iterator[Pair]:
    wrong = [row for row, label in enumerate(found.labels) if label not in known]
    head, rest = wrong[:HARD], wrong[HARD:]
    rows = [row for row, label in enumerate(found.labels) if label in known]
    rows += [int(r) for r in random.permutation(head)[:hard]] + [int(r) for r in random.permutation(rest)[:easy]]
    for row, premise in zip(rows, found.premises(rows), strict=True):
        label = int(found.labels[row])
        yield Pair(paper_id, premise, hypothesis(taxonomy.labels[label].tdm), label in known)
