"""The JSON of a PDF table parser (IBM's TDMS-IE form) -> tables.

A list of objects: `caption` (with the table's raw text before it), `rows`, `columns`, `mergedAllColumns` and
`numberCells`, each with `number`, `isBolded`, `associatedRows`, `associatedColumns`, `associatedMergedColumns`.
"""

from __future__ import annotations

import json
from typing import Any

from tdm_ray.errors import PaperError
from tdm_ray.papers.clean import clean
from tdm_ray.records import Cell, PaperTable


def read_pdf_tables(text: str) -> list[PaperTable]:
    """The tables of one paper. Raises `PaperError` malformed_json where the text is not of the form above."""
    try:
        return [_table(t) for t in json.loads(text)]
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise PaperError("malformed_json", f"column `tables`: {error!r}") from None


def _table(table: dict[str, Any]) -> PaperTable:
    return PaperTable(clean(table.get("caption")), [_cell(c) for c in table.get("numberCells") or ()])


def _cell(cell: dict[str, Any]) -> Cell:
    columns = [*(cell.get("associatedMergedColumns") or ()), *(cell.get("associatedColumns") or ())]
    rows = cell.get("associatedRows") or ()
    return Cell(clean(str(cell["number"])), bool(cell.get("isBolded")), [*map(clean, rows)], [*map(clean, columns)])
