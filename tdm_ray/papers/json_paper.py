"""Reader of papers as JSON: objects with the keys of the papers table, one a line, one a file, or an array.

    {"paper_id": "1512.03385", "title": "...", "abstract": "...", "published": "2015-12-10",
     "categories": ["cs.CV"], "sections": [{"heading": "Experiments", "text": "..."}],
     "tables": [{"caption": "...", "cells": [{"value": "3.57", "bold": true,
                 "row_headers": ["ResNet"], "column_headers": ["top-5 err."]}]}]}

Only `paper_id` (or `arxiv_id`, `id`) and some text are needed. A table may give `rows` (a list of lists of
strings, header row first, or beside them as `columns` or `header`) instead of `cells`. Unknown keys
are named in `conversion`. Objects of unarXive and S2ORC are read too: see `parsed_json`."""

from __future__ import annotations

import json
from datetime import date
from typing import Any

from lxml import etree

from tdm_ray.errors import PaperError
from tdm_ray.papers.grid import few_enough, table_of_grid
from tdm_ray.papers.parsed_json import is_parsed, read_parsed
from tdm_ray.records import PAPERS, Cell, Paper, PaperTable, Section
from tdm_ray.text.clean import clean

_IDS = ("paper_id", "arxiv_id", "id")
_KNOWN = frozenset((*_IDS, *PAPERS.names, "authors", "versions"))
_MOST_NAMED = 10
_OBJECTS = ("sections", "tables", "body_text")
_FORM = (
    'a paper is an object with "paper_id", "title", "abstract", "sections" '
    '(objects with "heading" and "text") and '
    '"tables" (objects with "caption" and "rows")'
)


def read_json_paper(line: str | bytes) -> Paper:
    """The paper of one line. Raises `PaperError`: malformed_json, not_a_paper, no_text."""
    try:
        data = json.loads(line)
    except RecursionError:
        raise PaperError("malformed_json", "nested too deep; write flat objects") from None
    except ValueError as error:
        raise PaperError("malformed_json", f"{error}; write one object a line, or an array of them") from None
    paper_id = _id_in(data)
    if not paper_id:
        raise PaperError("not_a_paper", f"no paper_id; {_FORM}")
    data = {**data, "paper_id": paper_id}
    if wrong := _wrong_key(data):
        raise PaperError("not_a_paper", f"{wrong}; {_FORM}")
    try:
        paper = read_parsed(data) if is_parsed(data) else _paper(data)
    except (TypeError, AttributeError, KeyError, ValueError, etree.ParserError):
        raise PaperError("not_a_paper", f"a value of another form than documented; {_FORM}") from None
    if not paper.abstract and not any(s.text for s in paper.sections):
        raise PaperError("no_text", "neither an abstract nor a section with text")
    return paper


def paper_id_of(line: str | bytes) -> str:
    """The `paper_id` of a line that is no paper, where it can be told; else empty."""
    try:
        return str(_id_in(json.loads(line)) or "")
    except (ValueError, RecursionError):
        return ""


def _id_in(data: Any) -> Any:
    """The id of an object, under the first of its names that has one; None of other values."""
    return next((data[key] for key in _IDS if data.get(key)), None) if isinstance(data, dict) else None


def _kind(value: Any) -> str:
    """What a JSON value is, in JSON's own words."""
    kinds = {dict: "an object", list: "an array", str: "a string", bool: "a boolean", type(None): "null"}
    return kinds.get(type(value), "a number")


def _wrong_key(data: dict[str, Any]) -> str | None:
    """The first key whose value has another form than documented, in words with the cure; None where all
    are right."""
    for key in ("title", "published"):
        if isinstance(data.get(key), dict | list):
            return f'"{key}" is {_kind(data[key])}; give a string'
    for key in _OBJECTS:
        value = data.get(key)
        if value is None:
            continue
        if not isinstance(value, list):
            return f'"{key}" is {_kind(value)}; give a list of objects'
        for place, one in enumerate(value):
            if not isinstance(one, dict):
                return f'"{key}"[{place}] is {_kind(one)}; give an object'
            if wrong := _wrong_part(key, place, one):
                return wrong
    return None


def _wrong_part(key: str, place: int, one: dict[str, Any]) -> str | None:
    where = f'"{key}"[{place}]'
    for name in ("heading", "text", "caption"):
        if isinstance(one.get(name), dict | list):
            return f'{where}: "{name}" is {_kind(one[name])}; give a string'
    if key != "tables":
        return None
    rows = one.get("rows")
    if rows is not None and not (isinstance(rows, list) and all(isinstance(row, list) for row in rows)):
        return f'{where}: "rows" must be a list of lists of strings'
    cells = one.get("cells")
    if cells is not None and not (isinstance(cells, list) and all(isinstance(c, dict) for c in cells)):
        return f'{where}: "cells" must be a list of objects with "value", "row_headers", "column_headers"'
    for number, cell in enumerate(cells or ()):
        if "value" not in cell:
            return f'{where}: cell {number} has no "value"'
    return None


def _unknown_keys(data: dict[str, Any]) -> str | None:
    """The keys that nothing is read of, for `conversion`."""
    unknown = [clean(key)[:40] for key, value in data.items() if key not in _KNOWN and value]
    more = f" and {len(unknown) - _MOST_NAMED} more" if len(unknown) > _MOST_NAMED else ""
    return f"json; unknown keys: {' '.join(unknown[:_MOST_NAMED])}{more}" if unknown else None


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
        conversion=_unknown_keys(data),
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
