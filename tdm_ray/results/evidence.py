"""The evidence of a prediction: the passage that names its TDM best, with the table it stands in."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tdm_ray.premise.passages import Passage, column_headers, row_headers, split_caption
from tdm_ray.records import PaperTable

_HEADERS = 12  # as many headers as a person reads at a glance


def evidence_of(passage: Passage | None, tables: Sequence[PaperTable]) -> dict[str, Any] | None:
    """The passage as a value of `records.EVIDENCE`: kind "caption" for one of a table, else "sentence"."""
    if passage is None:
        return None
    if passage.table < 0:
        return {"kind": "sentence", "table": None, "caption": "", "row_headers": [], "column_headers": [],
                "text": passage.text}  # fmt: skip
    table = tables[passage.table]
    return {
        "kind": "caption",
        "table": passage.table,
        "caption": split_caption(table.caption)[0],
        "row_headers": row_headers(table)[:_HEADERS] if passage.field == "rows" else [],
        "column_headers": column_headers(table)[:_HEADERS] if passage.field == "columns" else [],
        "text": passage.text,
    }
