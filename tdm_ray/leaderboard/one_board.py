"""Predictions of labels that are one board, shown under the label that stands for all of them."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from tdm_ray.keys import label_keys
from tdm_ray.records import TDM_COLUMNS


def moved_labels(taxonomy: pa.Table) -> pa.Table:
    """The rows of a store's taxonomy whose label another stands for; none in older stores."""
    if "board" not in taxonomy.column_names:
        return taxonomy.slice(0, 0).append_column("board", pa.nulls(0, pa.struct([])))
    return taxonomy.filter(pc.is_valid(taxonomy["board"])).combine_chunks()


def board_keys(table: pa.Table, moved: pa.Table) -> pa.ChunkedArray:
    """The key of the board of each row's label; `moved` as `moved_labels` gives them."""
    keys = label_keys(table)
    if not len(moved):
        return keys
    boards = label_keys(_boards(moved))
    return pc.coalesce(boards.take(pc.index_in(keys, value_set=label_keys(moved).combine_chunks())), keys)


def with_members(labels: Iterable[str], moved: pa.Table) -> set[str]:
    """These labels (as keys), their boards, and all labels that these boards show."""
    if not len(moved):
        return set(labels)
    board_of = dict(zip(label_keys(moved).to_pylist(), label_keys(_boards(moved)).to_pylist(), strict=True))
    wanted = {board_of.get(label, label) for label in labels}
    return {*labels, *wanted, *(label for label, board in board_of.items() if board in wanted)}


def on_boards(predictions: pa.Table, moved: pa.Table) -> pa.Table:
    """The predictions under the labels of their boards. Of those of one paper that come together there the
    surest is kept: by confidence, then one with a score, then by probability."""
    at = pc.index_in(label_keys(predictions), value_set=label_keys(moved).combine_chunks())
    if at.null_count == len(predictions):
        return predictions
    boards = _boards(moved)
    table = predictions
    for part in TDM_COLUMNS:
        number = table.column_names.index(part)
        table = table.set_column(number, part, pc.coalesce(boards[part].take(at), table[part]))
    keys = label_keys(table)
    joined = pc.is_in(keys, value_set=label_keys(boards).combine_chunks())
    kept = joined.to_numpy()
    rows = np.flatnonzero(kept)
    kept[rows] = _surest(table.filter(joined), keys.filter(joined))
    return table.filter(pa.array(kept | ~joined.to_numpy()))


def _boards(moved: pa.Table) -> pa.Table:
    return pa.table({part: pc.struct_field(moved["board"], part) for part in TDM_COLUMNS})


def _surest(table: pa.Table, keys: pa.ChunkedArray) -> np.ndarray:
    entries = pd.DataFrame(
        {
            "entry": pc.binary_join_element_wise(keys, table["paper_id"], "\x1f").to_pandas(),
            "confidence": -pc.fill_null(table["confidence"], -1.0).to_numpy(),
            "without_score": pc.is_null(table["score"], nan_is_null=True).to_numpy(),
            "probability": -table["probability"].to_numpy(),
        }
    )
    order = entries.sort_values(["confidence", "without_score", "probability"], kind="stable")
    kept = np.zeros(len(table), bool)
    kept[order.index[~order["entry"].duplicated()]] = True
    return kept
