"""Predictions -> the leaderboards table.

Ranked by score in the metric's direction where a leaderboard has scores; else, and after all scored rows, by
probability. Ties by date, then by paper id, so that a rank never depends on the order of files.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from tdm_ray.errors import InputError
from tdm_ray.records import LEADERBOARDS, PREDICTIONS, SCORED, TAXONOMY
from tdm_ray.storage import exists, join, read_table, write_table

_TDM = ["task", "dataset", "metric"]


def build_leaderboards(folder: str) -> pa.Table:
    """The leaderboards of a folder that `score_corpus` finished; also written to `folder/leaderboards`.

    Raises `InputError` where the folder holds no finished run.
    """
    if not exists(join(folder, "predictions")):
        raise InputError(f"{folder}: holds no predictions; run `tdm-ray score PAPERS --out {folder}` first")
    predictions = read_table(join(folder, "predictions"), PREDICTIONS)
    scored = read_table(join(folder, "scored"), SCORED, columns=["paper_id", "title", "published"])
    table = leaderboards(predictions, scored, read_table(join(folder, "taxonomy.parquet"), TAXONOMY))
    write_table(table, join(folder, "leaderboards", "leaderboards.parquet"))
    return table


def leaderboards(predictions: pa.Table, scored: pa.Table, taxonomy: pa.Table) -> pa.Table:
    """The table of schema `LEADERBOARDS`: sorted by task, dataset, metric and rank; rank 1 is the best."""
    joined = _with(predictions, scored, ["paper_id"], ["title", "published"])
    joined = _with(joined, taxonomy, _TDM, ["direction"])
    order, rank = _ranked(joined)
    columns = {name: joined[name].take(order) for name in LEADERBOARDS.names if name != "rank"}
    columns["rank"] = pa.array(rank, pa.int32())
    return pa.table([columns[name] for name in LEADERBOARDS.names], schema=LEADERBOARDS)


def _with(table: pa.Table, other: pa.Table, keys: list[str], columns: list[str]) -> pa.Table:
    """`table` with `columns` of the row of `other` that has the same key (null where none has).

    By position rather than `Table.join`, which does not carry struct columns.
    """
    right = pd.MultiIndex.from_frame(other.select(keys).to_pandas())
    left = pd.MultiIndex.from_frame(table.select(keys).to_pandas())
    places = right.get_indexer(left)
    indices = pa.array(places, mask=places < 0)
    for column in columns:
        table = table.append_column(column, other[column].take(indices))
    return table


def _ranked(table: pa.Table) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    frame = table.select([*_TDM, "direction", "score", "probability", "published", "paper_id"]).to_pandas()
    sign = np.where(frame["direction"] == "lower", 1.0, -1.0)
    frame["_score"] = frame["score"].astype(float) * sign  # ascending: the best first, no score last
    frame["_probability"] = -frame["probability"]
    order = frame.sort_values([*_TDM, "_score", "_probability", "published", "paper_id"], na_position="last").index
    rank = frame.loc[order].groupby(_TDM, sort=False).cumcount() + 1
    return order.to_numpy(), rank.to_numpy()
