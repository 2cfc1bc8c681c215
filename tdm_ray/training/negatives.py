"""Choose the wrong labels that a paper is paired with in training: random, hard or first."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Any

import numpy as np

HARD = 20  # the head of the shortlist: siblings of the gold and what neighbours report
_HARD_SHARE = 0.7  # of the wrong labels drawn from that head; the others from the rest of the shortlist


def random_of(seed: int, paper_id: str) -> np.random.Generator:
    """A paper's own random generator: its draws do not depend on other papers."""
    return np.random.default_rng([seed, *hashlib.blake2b(paper_id.encode(), digest_size=8).digest()])


def draw_random(labels: int, own: set[int], wanted: int, random: np.random.Generator) -> list[int]:
    """`wanted` of the `labels` that are not the paper's `own`."""
    # As many too many as there are own ones, so that enough are left.
    drawn = random.choice(labels, min(wanted + len(own), labels), replace=False)
    return [int(label) for label in drawn if label not in own][:wanted]


def first_of(labels: int, own: set[int], wanted: int) -> list[int]:
    """The first `wanted` labels in the taxonomy's order that are not the paper's own; the same for nearly all
    papers.

    How the original of the field did it; kept to reproduce its figures, never a default.
    """
    return [label for label in range(min(labels, wanted + len(own))) if label not in own][:wanted]


def draw_hard(shortlist: Iterable[Any], own: set[int], wanted: int, random: np.random.Generator) -> list[int]:
    """`wanted` labels of a shortlist (best first) that are not the paper's own: most from its head."""
    wrong = [int(label) for label in shortlist if label not in own]
    head = wrong[:HARD]
    rest = wrong[HARD:]
    hard = min(max(round(wanted * _HARD_SHARE), wanted - len(rest)), len(head))
    drawn = [*random.permutation(head)[:hard], *random.permutation(rest)[: wanted - hard]]
    return [int(label) for label in drawn]
