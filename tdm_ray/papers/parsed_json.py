"""Reader of papers that others have parsed to JSON: unarXive 2022, S2ORC and doc2json.

    unarXive   paper_id, metadata {title, abstract, categories, versions}, abstract {text},
               body_text [{section, text}], ref_entries {key: {type, caption, html?}}
               https://github.com/IllDepence/unarXive
    S2ORC      paper_id, title, abstract (text or [{text}]), latex_parse | pdf_parse | grobid_parse (2019)
               {abstract [..], body_text [..],
               ref_entries {key: {type_str, text, html?}}}
               https://github.com/allenai/s2orc, https://github.com/allenai/s2orc-doc2json

A table's cells are read from `html` (a grid, as an HTML table); without it a table is its caption.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import date
from email.utils import parsedate_to_datetime
from itertools import groupby
from typing import Any

from lxml import html

from tdm_ray.papers.grid import few_enough, span_of, spread, table_of_grid
from tdm_ray.papers.latex.pandoc import math_text
from tdm_ray.records import Paper, PaperTable, Section
from tdm_ray.text.clean import clean

_PARSES = ("latex_parse", "pdf_parse", "grobid_parse")
_MARKER = re.compile(r"\{\{(\w+):([^{}]*)\}\}")


def is_parsed(data: dict[str, Any]) -> bool:
    """Whether an object is of one of the forms above."""
    return any(data.get(key) for key in _PARSES) or bool(data.get("body_text"))


def read_parsed(data: dict[str, Any]) -> Paper:
    """The paper of one object. Raises TypeError, KeyError, ... where it only looks like one."""
    parse = next((data[key] for key in _PARSES if data.get(key)), data)
    metadata = data.get("metadata") or {}
    return Paper(
        paper_id=str(data["paper_id"]),
        title=clean(data.get("title") or metadata.get("title")),
        abstract=_running(data.get("abstract") or parse.get("abstract") or metadata.get("abstract")),
        sections=list(_sections(parse["body_text"], parse.get("ref_entries") or {})),
        tables=few_enough(_tables(parse.get("ref_entries") or {})),
        published=_published(metadata),
        categories=(metadata.get("categories") or "").split(),
        source="unarxive" if data.get("metadata") and parse is data else "s2orc",
    )


def _running(text: Any) -> str:
    """Text that is a string, an object with `text`, or a list of those."""
    if isinstance(text, list):
        return " ".join(_running(t) for t in text)
    return clean(text.get("text") if isinstance(text, dict) else text)


def _sections(
    paragraphs: Iterable[dict[str, Any]], entries: Mapping[str, dict[str, Any]]
) -> Iterable[Section]:
    for heading, group in groupby(paragraphs, key=lambda p: clean(p.get("section"))):
        yield Section(heading, clean(_MARKER.sub(lambda m: _marked(m, entries), _running(list(group)))))


def _marked(marker: re.Match[str], entries: Mapping[str, dict[str, Any]]) -> str:
    """What unarXive's mark stands for: a formula's TeX, "Table" or "Figure"; nothing for a citation."""
    kind = marker[1]
    if kind == "formula":
        return math_text(str((entries.get(marker[2]) or {}).get("latex") or ""))
    return "" if kind == "cite" else kind.capitalize()


def _tables(entries: dict[str, dict[str, Any]]) -> Iterable[PaperTable]:
    for entry in entries.values():
        if "table" not in str(entry.get("type_str") or entry.get("type")).lower():
            continue
        caption = clean(entry.get("caption") or entry.get("text"))
        markup = entry.get("html") or ""
        yield table_of_grid(caption, html_grid(markup)) if "<t" in markup else PaperTable(caption)


def html_grid(markup: str) -> list[list[str]]:
    """The rows of an HTML table; cells that span columns or rows are repeated."""
    rows = html.fragment_fromstring(markup, create_parent="div").iter("tr")
    return spread(
        [
            (clean(c.text_content()), span_of(c.get("colspan")), span_of(c.get("rowspan")))
            for c in row
            if c.tag in ("td", "th")
        ]
        for row in rows
    )


def _published(metadata: dict[str, Any]) -> date | None:
    versions = metadata.get("versions") or ()
    return parsedate_to_datetime(versions[0]["created"]).date() if versions else None
