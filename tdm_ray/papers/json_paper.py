"""Reader of JSON lines: one paper a line, an object with the keys of the papers table.

    {"paper_id": "1512.03385", "title": "...", "abstract": "...", "published": "2015-12-10",
     "categories": ["cs.CV"], "sections": [{"heading": "Experiments", "text": "..."}],
     "tables": [{"caption": "...", "cells": [{"value": "3.57", "bold": true,
                 "row_headers": ["ResNet"], "column_headers": ["top-5 err."]}]}]}

Only `paper_id` and some text are needed. A table may give `rows` (a list of lists of strings, header row
first) instead of `cells`. Lines of unarXive and S2ORC are read too: see `parsed_json`."""

from __future__ import annotations

import json
from datetime import date
from typing import Any

from lxml import etree

from tdm_ray.errors import PaperError
from tdm_ray.papers.grid import few_enough, table_of_grid
from tdm_ray.papers.parsed_json import is_parsed, read_parsed
from tdm_ray.records import Cell, Paper, PaperTable, Section
from tdm_ray.text.clean import clean

_FORM = (
    'a paper is an object with "paper_id", "title", "abstract", "sections" '
    '(objects with "heading" and "text") and '
    '"tables" (objects with "caption" and "rows")'
)


def read_json_paper(line: str | bytes) -> Paper:
    """The paper of one line. Raises `PaperError`: malformed_json, not_a_paper, no_text."""
    try:
        data = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise PaperError("malformed_json", str(error)) from None
    if not isinstance(data, dict) or not data.get("paper_id"):
        raise PaperError("not_a_paper", f"no paper_id; {_FORM}")
    try:
        paper = read_parsed(data) if is_parsed(data) else _paper(data)
    except (TypeError, AttributeError, KeyError, ValueError, etree.ParserError) as error:
        raise PaperError("not_a_paper", f"{error}; {_FORM}") from None
    if not paper.abstract and not any(s.text for s in paper.sections):
        raise PaperError("no_text", "neither an abstract nor a section with text")
    return paper


def paper_id_of(line: str | bytes) -> str:
    """The `paper_id` of a line that is no paper, where it can be told; else empty."""
    try:
        return str(json.loads(line).get("paper_id") or "")
    except (ValueError, AttributeError, RecursionError):
        return ""


def _paper(data: dict[str, Any]) -> Paper:
    return Paper(
        paper_id=str(data["paper_id"]),
        title=clean(data.get("title")),
        abstract=clean(data.get("abstract")),
        sections=[Section(clean(s.get("heading")), clean(s.get("text"))) for s in data.get("sections") or ()],
        tables=few_enough(_table(t) for t in data.get("tables") or ()),
        published=_day(data.get("published")),
        categories=[str(c) for c in data.get("categories") or ()],
        source="jsonl",
    )


def _day(text: Any) -> date | None:
    """The day of a date or of a date and time; None of a year or month alone, and of what is no date."""
    try:
        return date.fromisoformat(str(text or "")[:10])
    except ValueError:
        return None


def _table(table: dict[str, Any]) -> PaperTable:
    caption = clean(table.get("caption"))
    if table.get("rows") is not None:
        return table_of_grid(caption, [[_text(c) for c in row] for row in (*_heads(table), *table["rows"])])
    return PaperTable(caption, [_cell(c) for c in table.get("cells") or ()], clean(table.get("text")))


def _heads(table: dict[str, Any]) -> list[list[Any]]:
    """The header row that some give beside the rows, as `columns` or `header`."""
    given = table.get("columns") or table.get("header") or []
    return given if given and isinstance(given[0], list) else [given] if given else []


def _cell(cell: dict[str, Any]) -> Cell:
    beside, above = ([_text(h) for h in cell.get(k) or ()] for k in ("row_headers", "column_headers"))
    row, column = (None if cell.get(k) is None else int(cell[k]) for k in ("row", "column"))
    return Cell(_text(cell["value"]), bool(cell.get("bold")), beside, above, row, column)


def _text(value: Any) -> str:
    return "" if value is None else clean(str(value))
