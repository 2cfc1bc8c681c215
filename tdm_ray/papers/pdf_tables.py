"""Reader of the JSON of a PDF table parser (IBM's TDMS-IE form).

A list of objects: `caption` (with the text of the whole table before it), `rows`, `columns`,
`mergedAllColumns` and `numberCells`, each with `number`, `isBolded`, `associatedRows`, `associatedColumns`,
`associatedMergedColumns`. Cells come in no order (see `reading_order`), and captions with the hyphens of
their lines."""

from __future__ import annotations

import json
import re
from collections.abc import Set
from typing import Any

from tdm_ray.errors import PaperError
from tdm_ray.records import Cell, PaperTable
from tdm_ray.text.clean import clean

# "Table 1. Comparison ..." stands after the table's text in what the parser calls the caption.
_CAPTION_START = re.compile(r"\bTable\s+(?:\d+|[IVX]+)\s*[.:]?\s", re.IGNORECASE)
_BROKEN = re.compile(r"\b([^\W\d_]+)- ([^\W\d_]+)")  # letters alone: "85.2- 3.1" are two numbers


def read_pdf_tables(text: str, words: Set[str] = frozenset()) -> list[PaperTable]:
    """The tables of one paper; `words` are the paper's own, in small letters: "IC- DAR" is one of them, or
    two.

    Raises `PaperError` malformed_json where the text is not of the form above.
    """
    try:
        return [_table(t, words) for t in json.loads(text)]
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise PaperError("malformed_json", f"column `tables`: {error!r}") from None


def _table(table: dict[str, Any], words: Set[str]) -> PaperTable:
    caption, text = split_caption(_BROKEN.sub(lambda m: _joined(m, words), clean(table.get("caption"))))
    return PaperTable(caption, [_cell(c) for c in table.get("numberCells") or ()], text)


def split_caption(caption: str) -> tuple[str, str]:
    """A caption proper, and the table's text that the parser left before it (often empty)."""
    start = _CAPTION_START.search(caption)
    return (caption[start.start() :], caption[: start.start()].strip()) if start else (caption, "")


def _joined(broken: re.Match[str], words: Set[str]) -> str:
    whole = broken[1] + broken[2]
    return whole if whole.lower() in words else broken[0]


def _cell(cell: dict[str, Any]) -> Cell:
    columns = [*(cell.get("associatedMergedColumns") or ()), *(cell.get("associatedColumns") or ())]
    rows = cell.get("associatedRows") or ()
    return Cell(
        clean(str(cell["number"])), bool(cell.get("isBolded")), [*map(clean, rows)], [*map(clean, columns)]
    )
