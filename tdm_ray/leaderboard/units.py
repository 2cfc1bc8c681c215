"""Scores of one leaderboard in one unit, and those that do not fit in."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tdm_ray.arrays import Doubles

# 0.912 beside a median of 91 is 91.2: a hundredfold that comes this near to the median of those in the other
# unit.
_NEAR = (0.4, 2.5)
_LEAST_MEDIAN = 2.0  # below it 0.8 beside 1.2 is just a number
# A modified z-score beyond this is an outlier; 3.5 is usual (Iglewicz and Hoaglin 1993), but scores have long
# tails.
_OUTLIER = 6.0
_LEAST_SCORES = 5


def one_unit(scores: Doubles, boards: NDArray[np.int64], lower: NDArray[np.bool_]) -> Doubles:
    """Scores with shares and percents of a board brought to what most of the board uses; NaN stays.

    `boards` numbers the leaderboard of each score, `lower` says where less is better. Only scores in [0, 1]
    beside ones in (1, 100] are touched, and only where a hundredfold brings them near; never down where less
    is better: a bad error rate of 21 among ones of 0.2 would become the best."""
    frame = pd.DataFrame({"board": boards, "score": scores})
    share = (scores >= 0) & (scores <= 1)
    percent = (scores > 1) & (scores <= 100)
    medians = []
    counts = []
    for inside in (share, percent):
        group = frame["score"].where(inside).groupby(frame["board"])
        medians.append(group.transform("median").to_numpy())
        counts.append(group.transform("count").to_numpy())
    to_percent = (
        share & (counts[1] >= counts[0]) & (medians[1] >= _LEAST_MEDIAN) & _near(scores * 100, medians[1])
    )
    to_share = percent & ~lower & (counts[0] > counts[1]) & _near(scores / 100, medians[0])
    brought = scores.copy()
    brought[to_percent] = (scores[to_percent] * 100).round(10)
    brought[to_share] = (scores[to_share] / 100).round(10)
    return brought


def _near(scores: Doubles, medians: Doubles) -> NDArray[np.bool_]:
    with np.errstate(invalid="ignore", divide="ignore"):
        ratio = scores / medians
        return np.asarray((ratio >= _NEAR[0]) & (ratio <= _NEAR[1]))


def outliers(scores: Doubles, boards: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Which scores lie far from their board's: a wrong cell more often than a breakthrough. None of a small
    board."""
    frame = pd.DataFrame({"board": boards, "score": scores})
    group = frame.groupby("board")["score"]
    gap = (frame["score"] - group.transform("median")).abs()
    spread = gap.groupby(frame["board"]).transform("median")
    count = group.transform("count")
    floor = 0.01 * group.transform("median").abs()  # a board of equal scores has no spread
    far = 0.6745 * gap / np.maximum(spread, floor) > _OUTLIER
    return (far & (count >= _LEAST_SCORES)).to_numpy(bool)
