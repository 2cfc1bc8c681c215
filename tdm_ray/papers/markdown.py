"""Markdown as converters of PDF write it, prepared for its parser.

HTML tables (MinerU, Chandra, docling) and LaTeX tables (Nougat) are taken out and read by their own readers,
formulas become text, and front matter (YAML between two lines `---`) is read."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

import yaml
from lxml import etree, html

from tdm_ray.errors import PaperError
from tdm_ray.papers.html_text import grid_of, tables_in
from tdm_ray.papers.latex.pandoc import math_text
from tdm_ray.papers.latex.paper import read_tex
from tdm_ray.records import PaperTable

_FRONT = re.compile(
    r"\A\ufeff?---[ \t]*\r?\n(?P<yaml>.{0,20000}?)\r?\n(?:---|\.\.\.)[ \t]*(?:\r?\n|\Z)", re.DOTALL
)
_HTML = re.compile(r"<(?P<name>table)\b", re.IGNORECASE)
_LATEX = re.compile(r"\\begin\s*\{(?P<name>table\*?|tabular\*?|longtable)\}")
_TABULAR = re.compile(r"\\begin\s*\{(?P<name>tabular\*?|longtable)\}.*?\\end\s*\{(?P=name)\}", re.DOTALL)
_BOLD = re.compile(r"\*\*([^*\n]{1,200})\*\*")
_FORMULA = re.compile(
    r"\\\((?P<round>.{1,500}?)\\\)|\\\[(?P<square>.{1,2000}?)\\\]"
    r"|(?<![\\$\w])\$(?![\s$])(?P<dollar>[^$\n]{1,300}?)(?<![\s\\])\$(?![\d$])",
    re.DOTALL,
)
_SPECIAL = re.compile(r"([\\*_|`<\[\]])")
# A table's place, as a paragraph of its own: a character of nobody's, and the table's number.
_PLACE = "\ue001"
PLACE = re.compile(f"{_PLACE}(\\d+)")


@dataclass
class Prepared:
    """Markdown without what is none: its text, the tables that were taken out, and what the front matter
    says."""

    text: str
    tables: list[PaperTable] = field(default_factory=list)
    front: dict[str, Any] = field(default_factory=dict)

    def said(self, key: str) -> str:
        """A text of the front matter; empty where there is none."""
        value = self.front.get(key)
        return value if isinstance(value, str) else ""

    @property
    def published(self) -> date | None:
        """The date of the front matter."""
        value = self.front.get("date")
        if isinstance(value, datetime):
            return value.date()
        if isinstance(value, date):
            return value
        try:
            return date.fromisoformat(str(value or "")[:10])
        except ValueError:
            return None


def prepared(text: str) -> Prepared:
    """The Markdown, ready to be parsed."""
    front = _FRONT.match(text)
    result = Prepared(text[front.end() :] if front else text, front=_yaml(front["yaml"]) if front else {})
    result.text = _without(result, _HTML, lambda name: rf"(?i)</{name}\s*>", _html_tables)
    result.text = _without(result, _LATEX, lambda name: rf"\\end\s*\{{{name}\}}", _latex_tables)
    result.text = _FORMULA.sub(lambda match: _escaped(math_text(match[match.lastgroup or 0])), result.text)
    return result


def _yaml(text: str) -> dict[str, Any]:
    try:
        value = yaml.safe_load(text)
    except (yaml.YAMLError, ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def _without(
    result: Prepared,
    opening: re.Pattern[str],
    closing: Callable[[str], str],
    read: Callable[[str], list[PaperTable]],
) -> str:
    """The text with the places of its tables; what is none, or not closed, stays. No mark is sought twice."""
    text = result.text
    pieces = []
    place = 0
    unclosed: set[str] = set()
    for start in opening.finditer(text):
        name = start["name"]
        if start.start() < place or name in unclosed:
            continue
        end = re.compile(closing(re.escape(name))).search(text, start.end())
        if end is None:
            unclosed.add(name)
            continue
        tables = read(text[start.start() : end.end()])
        if not tables:
            continue
        pieces += [text[place : start.start()], _placed(result, tables)]
        place = end.end()
    return "".join((*pieces, text[place:]))


def _placed(result: Prepared, tables: Sequence[PaperTable]) -> str:
    """What stands in the text in place of tables."""
    places = []
    for table in tables:
        places.append(f"{_PLACE}{len(result.tables)}")
        result.tables.append(table)
    return "\n\n{}\n\n".format("\n\n".join(places))


def _html_tables(markup: str) -> list[PaperTable]:
    try:
        root = html.fragment_fromstring(markup, create_parent="div")
    except (etree.ParserError, etree.XMLSyntaxError):
        return []
    return [grid_of(table).table() for table in tables_in(root)]


def _latex_tables(source: str) -> list[PaperTable]:
    """The tables of a LaTeX environment; without a `\\caption` what stands beside the tabular is it."""
    source = _BOLD.sub(r"\\textbf{\1}", source)
    if "\\caption" not in source:
        beside = _TABULAR.sub(" ", source)
        said = " ".join(
            re.sub(r"\\(?:begin|end)\s*\{[^}]*\}|\\centering|\\label\{[^}]*\}", " ", beside).split()
        )
        body = "".join(match[0] for match in _TABULAR.finditer(source))
        source = rf"\begin{{table}}{body}\caption{{{said}}}\end{{table}}" if said else source
    try:
        return list(read_tex("table", rf"\begin{{document}}{source}\end{{document}}").tables)
    except PaperError:
        return []


def _escaped(text: str) -> str:
    """Text that Markdown leaves as it is."""
    return _SPECIAL.sub(r"\\\1", text)
