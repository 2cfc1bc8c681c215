"""Whether a number is the paper's own result, a variant's, a baseline's, or none of these.

Two sets of trees: the first reads a line (a row or a column, see `lines`) by itself, the second a number, by
what the first says of its row and its column.

line_first.txt, line_second.txt    LightGBM's text form
line_names.parquet                 in how many papers' tables a header stands, by month
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import lightgbm
import numpy as np

from tdm_ray.arrays import Floats, Ints
from tdm_ray.classify.calibration import read_trees, write_trees
from tdm_ray.errors import CheckpointError, InputError
from tdm_ray.extract.candidates import PLACES, Candidates
from tdm_ray.extract.lines import FEATURES, Lines, NameCounts, lines_of
from tdm_ray.records import Paper
from tdm_ray.storage import join

KINDS = ("own", "variant", "baseline", "none")  # none: the line does not say whose its numbers are
_OF_LINE = (
    "ours",
    "cited",
    "without",
    "plus",
    "own_exact",
    "own_words",
    "initials_of_title",
    "tables_with_name",
    "cited_in_text",
    "earlier_papers",
    "name_mentions",
    "place",
    "from_last",
    "lines",
    "bold",
    "rank",
    "cited_share",
    "ours_in_table",
    "own_in_table",
)
_OF_TABLE = ("caption_ablation", "caption_compared", "caption_statistics", "caption_ours", "table_share")


METHODS_IN_ROWS, METHODS_IN_COLUMNS = range(2)


@dataclass(frozen=True)
class CellKinds:
    """Of each candidate the probability of each of `KINDS`, NaN in running text; and on which axis the
    methods of its table stand."""

    kinds: Floats  # (candidates, KINDS)
    axis: Ints  # METHODS_IN_ROWS or METHODS_IN_COLUMNS
    own_names: Sequence[str]  # what the paper calls its own method


@dataclass(frozen=True)
class LineKinds:
    """The trees and the counted names, as learnt."""

    first: lightgbm.Booster
    second: lightgbm.Booster
    names: NameCounts

    def __call__(self, paper: Paper, candidates: Candidates) -> CellKinds:
        """The kinds of a paper's candidates."""
        axis = np.full(len(candidates), METHODS_IN_ROWS, np.int64)
        kinds = np.full((len(candidates), len(KINDS)), np.nan, np.float32)
        lines = lines_of(paper, candidates, self.names)
        inside = lines.row >= 0
        if inside.any():
            first = np.asarray(self.first.predict(lines.features, num_threads=1), np.float32)
            rows = features_of_numbers(lines, first, candidates)
            kinds[inside] = self.second.predict(rows[inside], num_threads=1)
            none = _among_its_axis(lines, first)[:, 0]
            axis[inside] = none[lines.column[inside]] < none[lines.row[inside]]
        return CellKinds(kinds, axis, lines.own_names)

    def save(self, folder: str) -> None:
        """Write trees and names."""
        write_trees(self.first, join(folder, "line_first.txt"))
        write_trees(self.second, join(folder, "line_second.txt"))
        self.names.save(join(folder, "line_names.parquet"))

    @classmethod
    def load(cls, folder: str) -> LineKinds:
        """Read what `save` wrote. Raises `CheckpointError` where it is missing or damaged."""
        try:
            first, second = (read_trees(join(folder, f"line_{name}.txt")) for name in ("first", "second"))
            return cls(first, second, NameCounts.load(join(folder, "line_names.parquet")))
        except (OSError, ValueError, InputError, lightgbm.basic.LightGBMError) as error:
            raise CheckpointError(f"{folder}: the kinds of lines cannot be read ({error!r})") from None


def features_of_numbers(lines: Lines, first: Floats, candidates: Candidates) -> Floats:
    """What the second set of trees gets of each candidate; rows of running text are meaningless.

    `first` is what the first says of each line; shape (lines, KINDS)."""
    among = _among_its_axis(lines, first)
    of_line = [FEATURES.index(name) for name in _OF_LINE]
    of_table = [FEATURES.index(name) for name in _OF_TABLE]
    places = [PLACES.index(name) for name in ("rank_in_row", "rank_in_column", "rows", "columns")]
    blocks = [candidates.places[:, places], candidates.bold[:, None]]
    for place in (lines.row, lines.column):
        blocks += [first[place], among[place], lines.features[place][:, of_line]]
    blocks.append(lines.features[lines.row][:, of_table])
    return np.concatenate(blocks, axis=1, dtype=np.float32)


def _among_its_axis(lines: Lines, first: Floats) -> Floats:
    """Of each line: how probably its axis does not say whose the numbers are (the mean over its lines), and
    how its probability of being own compares with the highest there; shape (lines, 3)."""
    axis: Ints = np.unique(np.stack([lines.tables, lines.axes]), axis=1, return_inverse=True)[1].ravel()
    own, none = (first[:, KINDS.index(name)] for name in ("own", "none"))
    mean = np.bincount(axis, none) / np.maximum(np.bincount(axis), 1)
    highest = np.zeros(len(mean))
    np.maximum.at(highest, axis, own)
    return np.stack([mean[axis], highest[axis], own - highest[axis]], axis=1).astype(np.float32)
