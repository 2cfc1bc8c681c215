"""Rank the predictions of some labels into leaderboards, in memory, and mark the best over time."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from tdm_ray.arrays import Bools
from tdm_ray.arxiv_ids import VERSIONED
from tdm_ray.config import CONFIRMED
from tdm_ray.keys import label_keys
from tdm_ray.leaderboard.one_board import moved_labels, on_boards
from tdm_ray.leaderboard.units import one_unit, outliers
from tdm_ray.records import LEADERBOARDS


def leaderboards(predictions: pa.Table, scored: pa.Table, taxonomy: pa.Table) -> pa.Table:
    """The table of schema `LEADERBOARDS`: sorted by task, dataset, metric and rank; rank 1 is the best.

    One row a paper and label: of several versions of a paper the newest that was scored. Confirmed rows (see
    `config.CONFIRMED`) come first, then tentative ones, each ranked by score in the metric's direction, ties
    by date; rows without a score come last, by probability. On boards whose direction is not known no row is
    better than another: there the newest paper comes first, and `was_best` holds for none.

    Labels that are one board (column `board` of `taxonomy`) come under the label that stands for them."""
    predictions = on_boards(predictions, moved_labels(taxonomy))
    papers = scored if "newest" in scored.column_names else with_newest(scored)
    places = pc.index_in(predictions["paper_id"], value_set=papers["paper_id"].combine_chunks())
    kept = pc.coalesce(papers["newest"].take(places), True)
    table = predictions.filter(kept)
    places = places.filter(kept)
    for column in ("title", "published"):
        table = table.append_column(column, papers[column].take(places))
    at = pc.index_in(label_keys(table), value_set=label_keys(taxonomy).combine_chunks())
    table = table.append_column("direction", taxonomy["direction"].take(at))
    return _ranked(table)


def with_newest(scored: pa.Table) -> pa.Table:
    """`scored` with the column `newest`; made once where many parts are ranked."""
    return scored.append_column("newest", pa.array(newest_versions(scored["paper_id"]))).combine_chunks()


def newest_versions(paper_ids: pa.ChunkedArray) -> NDArray[np.bool_]:
    """Which ids are the newest of their paper: of 1412.6575v1 and v4 it is v4; `yolov4` has no version."""
    ids = paper_ids.combine_chunks()
    newest = np.ones(len(ids), bool)
    parts = pc.extract_regex(ids, VERSIONED)
    if parts.null_count == len(ids):
        return newest
    base = pc.coalesce(pc.struct_field(parts, "base"), ids).to_pandas()
    number = pc.fill_null(pc.struct_field(parts, "version").cast(pa.int64()), 0).to_numpy()
    order = np.argsort(-number, kind="stable")
    newest[order[base.iloc[order].duplicated().to_numpy()]] = False
    return newest


def _ranked(table: pa.Table) -> pa.Table:
    boards = pc.rank(label_keys(table), sort_keys="ascending", tiebreaker="dense").to_numpy().astype(np.int64)
    direction = table["direction"].to_pandas()
    lower = np.asarray(direction == "lower", bool)
    known = np.asarray(lower | (direction == "higher"), bool)
    scores = one_unit(table["score"].to_numpy().astype(np.float64), boards, lower)
    sign = np.where(lower, 1.0, -1.0)
    probability = -table["probability"].to_numpy().astype(np.float64)
    unscored = np.isnan(scores)
    outlier = outliers(scores, boards)
    confirmed = confirmed_rows(table["confidence"], unscored, outlier)
    newest_first = -_days(table["published"])
    keys = pa.table(
        {
            "board": boards,
            "tier": np.where(confirmed, 0, np.where(unscored, 2, 1)),
            "score": pa.array(np.where(known | unscored, scores * sign, newest_first), from_pandas=True),
            "unscored": np.where(unscored, probability, 0.0),
            "published": table["published"],
            "probability": probability,
            "paper_id": table["paper_id"],
        }
    )
    order = pc.sort_indices(keys, sort_keys=[(name, "ascending") for name in keys.column_names]).to_numpy()
    table = table.take(order)
    boards = boards[order]
    scores = scores[order]
    sign = sign[order]
    columns = {name: table[name] for name in table.column_names}
    columns["score"] = pa.array(scores, from_pandas=True)
    columns["rank"] = pa.array(_count_within(boards), pa.int32())
    columns["outlier"] = pa.array(outlier[order])
    columns["confirmed"] = pa.array(confirmed[order])
    can = confirmed[order] & known[order]
    columns["was_best"] = pa.array(_was_best(scores * sign, boards, table["published"], can))
    at = LEADERBOARDS.get_field_index("evidence")  # its strings may be dictionaries, see `parts`
    schema = LEADERBOARDS.set(at, table.schema.field("evidence"))
    return pa.table([columns[name] for name in schema.names], schema=schema)


def confirmed_rows(confidence: pa.ChunkedArray, unscored: Bools, outlier: Bools) -> Bools:
    """Which rows boards show: those that are surely right; outliers only where a reader marked them right."""
    sure = pc.fill_null(confidence, 0.0).to_numpy()
    return np.asarray(~unscored & (sure >= CONFIRMED) & (~outlier | (sure >= 1)))


def _count_within(boards: NDArray[np.int64]) -> NDArray[np.int64]:
    """1, 2, 3, ... within each run of equal boards."""
    starts = np.flatnonzero(np.r_[True, boards[1:] != boards[:-1]]) if len(boards) else np.zeros(0, np.int64)
    lengths = np.diff(np.r_[starts, len(boards)])
    return np.arange(len(boards)) - np.repeat(starts, lengths) + 1


def _days(published: pa.ChunkedArray) -> NDArray[np.float64]:
    """The days as numbers; NaN where none is known."""
    return np.asarray(published.cast(pa.int32()).cast(pa.float64()).to_numpy(), np.float64)


def _was_best(
    cost: NDArray[np.float64], boards: NDArray[np.int64], published: pa.ChunkedArray, can: Bools
) -> Bools:
    """Which of the entries that `can` were better than all of earlier days when published (the best of a day
    alone)."""
    day = _days(published)
    rows = np.flatnonzero(can & ~np.isnan(cost) & ~np.isnan(day))
    rows = rows[np.lexsort((rows, cost[rows], day[rows], boards[rows]))]
    best = pd.Series(cost[rows]).groupby(boards[rows]).cummin()
    before = best.groupby(boards[rows]).shift(fill_value=np.inf)
    was = np.zeros(len(cost), bool)
    was[rows] = cost[rows] < before.to_numpy()
    return was
