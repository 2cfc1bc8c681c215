"""Which number of a paper is its own result of a TDM: three sets of boosted trees, and the confidence to speak at.

The first look judges every number by itself (`signs`), the second ranks the best of them against each other
(`rivals`), the third says how probably the one that came first is right.

matcher.json                      the least confidence, and what the matcher was learnt from
first.txt, second.txt, third.txt  LightGBM's text form
associations.parquet              words of names and of the contexts they stand at
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

import lightgbm
import numpy as np

from tdm_ray.classify.calibration import read_trees, write_trees
from tdm_ray.errors import CheckpointError, InputError
from tdm_ray.extract.associations import Associations
from tdm_ray.extract.candidates import Floats, Ints
from tdm_ray.extract.features import SIGNS, Known, Seen, Signs
from tdm_ray.extract.rerank_features import RIVALS, Board
from tdm_ray.storage import digest, exists, join, read_json, write_json

FORM = digest([" ".join((*SIGNS, *RIVALS)).encode()])  # of what the trees were taught to see, in which order


@dataclass(frozen=True)
class Match:
    """A candidate (its position), and how probable it is that it is the paper's own result."""

    candidate: int
    confidence: float


@dataclass(frozen=True)
class Looks:
    """The trees of the three looks."""

    first: lightgbm.Booster
    second: lightgbm.Booster
    third: lightgbm.Booster


class Matcher:
    """The trees and associations, as learnt; `least` is the confidence below which nothing is said."""

    def __init__(self, looks: Looks, associations: Associations, least: float, *, threads: int = 1) -> None:
        self.looks, self.associations, self.least, self.threads = looks, associations, least, threads

    def match(
        self, signs: Signs, seen: Seen, labels: Sequence[int], likely: Sequence[bool], known: Known
    ) -> list[Match | None]:
        """The best candidate of each label, however low its confidence; None where the paper holds no number.

        `likely`: which of the labels the paper probably reports; they are each other's rivals.
        """
        if not len(seen.found) or not len(labels):
            return [None] * len(labels)
        looks = [signs.of(seen, label, known.get(label, ())) for label in labels]
        board = Board(seen.found, first_look(self.looks.first, looks, self.threads))
        rivals = np.flatnonzero(likely)
        tops, rows = zip(*second_look(board, looks, [signs.sign(label) for label in labels], rivals), strict=True)
        every, candidates = np.concatenate(rows), np.concatenate(tops)
        ranked = np.asarray(self.looks.second.predict(every, num_threads=self.threads), np.float32)
        best, again = third_look(every, ranked, [len(top) for top in tops])
        sure = np.asarray(self.looks.third.predict(again, num_threads=self.threads))
        return [Match(int(candidates[b]), float(s)) for b, s in zip(best, sure, strict=True)]

    def save(self, folder: str, facts: Mapping[str, Any]) -> None:
        """Write the matcher's folder; `matcher.json` comes last."""
        for name, trees in vars(self.looks).items():
            write_trees(trees, join(folder, f"{name}.txt"))
        self.associations.save(join(folder, "associations.parquet"))
        write_json(join(folder, "matcher.json"), {"form": FORM, "least_confidence": self.least, **facts})

    @classmethod
    def load(cls, place: str) -> Matcher:
        """The matcher of a folder. Raises `CheckpointError` where it is none, or damaged."""
        check_matcher(place)
        try:
            looks = Looks(*(read_trees(join(place, f"{look.name}.txt")) for look in fields(Looks)))
            associations = Associations.load(join(place, "associations.parquet"))
            facts = read_json(join(place, "matcher.json"))
            return cls(looks, associations, facts["least_confidence"])
        except (OSError, KeyError, TypeError, ValueError, InputError, lightgbm.basic.LightGBMError) as error:
            raise CheckpointError(f"{place}: the matcher is damaged ({error!r}); make it again") from None


def check_matcher(place: str) -> None:
    """Raises `CheckpointError` where the folder is no matcher of this version; reads no trees."""
    if not exists(join(place, "matcher.json")):
        raise CheckpointError(f"{place}: not a matcher (no matcher.json); make one with `tdm-ray matcher`")
    if read_json(join(place, "matcher.json")).get("form") != FORM:
        raise CheckpointError(
            f"{place}: learnt by a version of tdm_ray with other features; make it again with `tdm-ray matcher`"
        )


def first_look(trees: lightgbm.Booster, looks: Sequence[Floats], threads: int = 1) -> Floats:
    """The first look's probabilities; shape (labels, candidates)."""
    told = trees.predict(np.concatenate(looks), num_threads=threads)
    return np.asarray(told, np.float32).reshape(len(looks), -1)


def second_look(
    board: Board, looks: Sequence[Floats], signs: Sequence[float], rivals: Ints
) -> list[tuple[Ints, Floats]]:
    """For each label its best candidates, and the rows that the second trees see of them.

    `looks` and `signs` are the labels' features and directions; `rivals` the positions of those probably reported.
    """
    found = []
    for place, (look, sign) in enumerate(zip(looks, signs, strict=True)):
        top, features = board.rows(place, rivals[rivals != place], sign)
        found.append((top, np.concatenate([features, look[top]], axis=1)))
    return found


def third_look(rows: Floats, ranked: Floats, sizes: Sequence[int] | Ints) -> tuple[Ints, Floats]:
    """The best-ranked row of each label, whose candidates are the next of `sizes`, and what the third trees see of it:

    the row itself, its rank's score, its share of the softmax over the label's candidates, its lead over the next.
    """
    ends = np.cumsum(sizes)
    best, seen = [], []
    for start, end in zip([0, *ends[:-1]], ends, strict=True):
        scores = ranked[start:end]
        top = np.sort(scores)[::-1]
        share = 1 / np.exp(scores - top[0]).sum()
        best.append(start + int(scores.argmax()))
        seen.append([top[0], share, top[0] - top[1] if len(top) > 1 else top[0]])
    chosen = np.array(best, np.int64)
    return chosen, np.concatenate([rows[chosen], np.array(seen, np.float32)], axis=1)
