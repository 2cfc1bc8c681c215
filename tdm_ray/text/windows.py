"""Evidence windows: the passages that name a hypothesis's dataset and metric, chosen as its premise.

DocTAET's first 300 words hold the dataset's words for 43 % of the gold pairs, the full text for 68 %: so the
premise of a pair is the title and the passages that speak of that pair, wherever they stand."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from tdm_ray.text.passages import FIELDS, Passage

WINDOWS = 3
# Of passages that name a label equally well, those of fields that state results come first. In the order of
# FIELDS; the title is part of every premise already.
_BONUS = np.array([-9, 0.06, 0, 0.08, 0, 0.12, 0.10, 0.06, 0.04], np.float32)
JOINT = " | "  # between the title and the windows of a premise


def choose_windows(
    task: NDArray[np.float32],
    dataset: NDArray[np.float32],
    metric: NDArray[np.float32],
    fields: NDArray[np.int64],
) -> NDArray[np.int64]:
    """The `WINDOWS` best passages for each label, best first, -1 where fewer exist; shape (labels, WINDOWS).

    `task`, `dataset` and `metric` give how much of each name each passage holds, shape (labels, passages), in
    [0, 1]; `fields` the index into `FIELDS` of each passage."""
    score = dataset + 0.5 * metric + 0.3 * task + 0.8 * dataset * metric + _BONUS[fields]
    best = np.argsort(-score, axis=1, kind="stable")[:, :WINDOWS]
    best = np.where(np.take_along_axis(score, best, axis=1) > -1, best, -1)
    return np.pad(best, ((0, 0), (0, WINDOWS - best.shape[1])), constant_values=-1)


def premise_text(passages: Sequence[Passage], chosen: Sequence[int] | NDArray[np.int64]) -> str:
    """The premise of a pair: the title, then the chosen passages."""
    return JOINT.join(
        part for part in (title_text(passages), *(passages[i].text for i in chosen if i >= 0)) if part
    )


def title_text(passages: Sequence[Passage]) -> str:
    """The title, from its passages."""
    return " ".join(p.text for p in passages if p.field == FIELDS[0])
