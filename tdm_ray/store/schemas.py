"""The schemas of the store's tables: columns, keys, partitions. A new table is added here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from tdm_ray.arxiv_ids import months
from tdm_ray.records import (
    BOARD,
    INSTANT,
    LEADERBOARDS,
    MARKS,
    PREDICTIONS,
    PROPOSALS,
    REJECTS,
    RESULTS,
    SCORED,
    TAXONOMY,
    TDM_COLUMNS,
)

_MONTH = pa.field(
    "month", pa.string()
)  # YYMM of an arXiv id, else `other`; partitions, so that a night rewrites few
COUNTS = pa.map_(pa.string(), pa.int64())

RUNS = pa.schema(
    [
        ("run_id", pa.string()),
        ("number", pa.int64()),  # 1, 2, 3, ...
        ("started_at", INSTANT),
        ("seconds", pa.float64()),
        ("outcome", pa.string()),  # "done", "nothing new" or "failed"
        ("model_id", pa.string()),
        ("taxonomy_id", pa.string()),
        ("papers", pa.int64()),  # in the corpus; always scored + rejected, when done
        ("scored", pa.int64()),
        ("rejected", COUNTS),  # by reason
        ("new_papers", pa.int64()),
        ("changed_papers", pa.int64()),
        ("asked_again", pa.int64()),  # papers scored before, now for labels new to the taxonomy
        ("predictions", pa.int64()),  # in the table
        ("new_entries", pa.int64()),  # on leaderboards
        ("new_best", pa.int64()),  # leaderboards with another first entry
        ("new_proposals", pa.int64()),  # null in older stores
        ("error", pa.string()),
        ("versions", COUNTS),  # of each table when the run ended: what a reader of this run reads
        ("inputs", pa.string()),  # digest of the input files' names, sizes and times; null in older stores
    ]
)


@dataclass(frozen=True)
class Form:
    """The form of a table: its columns, those that identify a row, and those it is partitioned by."""

    schema: pa.Schema
    key: Sequence[str]
    partition: Sequence[str] = ()


FORMS = {
    "predictions": Form(PREDICTIONS.append(_MONTH), ("month", "paper_id", *TDM_COLUMNS), ("month",)),
    "scored": Form(SCORED.append(_MONTH), ("month", "paper_id"), ("month",)),
    "results": Form(
        RESULTS.append(_MONTH), ("month", "paper_id", "dataset_text", "metric_family"), ("month",)
    ),
    "proposals": Form(PROPOSALS, ("proposal_id",)),
    "rejects": Form(
        pa.schema(
            [
                *REJECTS,
                *(SCORED.field(n) for n in ("content_hash", "model_id", "taxonomy_id")),  # null: was not read
                ("nights", pa.int32()),  # in which it was tried
            ]
        ),
        ("paper_id", "location"),
    ),
    "leaderboards": Form(LEADERBOARDS, (*TDM_COLUMNS, "paper_id")),
    "taxonomy": Form(TAXONOMY.append(BOARD), TDM_COLUMNS),
    "marks": Form(MARKS, ("paper_id", *TDM_COLUMNS)),
    "runs": Form(RUNS, ("run_id",)),
}


def with_month(table: pa.Table) -> pa.Table:
    """The table with the column `month`, which follows from `paper_id` alone: a key must not change."""
    return table.append_column(_MONTH, pc.coalesce(months(table["paper_id"]), pa.scalar("other")))
