"""Text and tables of HTML: running text without notes, formulas by their TeX, tables as grids of cells.

LaTeXML writes tables as `<table>`, and inside of boxes as `<span>`s; the classes `ltx_tabular`, `ltx_tr` and
`ltx_td` name their parts in both. See https://math.nist.gov/~BMiller/LaTeXML/manual/."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from lxml import etree

from tdm_ray.papers.grid import CITED, is_value, span_of, spread, table_of_grid
from tdm_ray.papers.latex.pandoc import math_text
from tdm_ray.records import PaperTable
from tdm_ray.text.clean import clean
from tdm_ray.text.numbers import raised

# What is no text of a paper: notes, what LaTeXML could not read, numbers of sections and items, what a page
# shows around a paper.
_NO_TEXT = (
    "ltx_note ltx_ERROR ltx_tag ltx_rule ltx_bibliography ltx_authors ltx_dates ltx_page_footer ltx_TOC "
    "ltx_page_navbar ltx_page_header ltx_page_logo ltx_keywords ltx_classification ltx_pagination "
    "package-alerts ltx_role_footnote ltx_framed_error"
)
_NO_TEXT_TAGS = (
    "script style nav footer button svg img iframe object form input select template noscript head "
    "annotation annotation-xml"
)
_BLOCK_TAGS = (
    "p div br li ul ol dl dd dt tr td th table section article blockquote pre h1 h2 h3 h4 h5 h6 figure"
)
NO_TEXT = frozenset(_NO_TEXT.split())
NO_TEXT_TAGS = frozenset(_NO_TEXT_TAGS.split())
_BLOCKS = frozenset(_BLOCK_TAGS.split())
_BLOCK_CLASSES = frozenset(("ltx_td", "ltx_tr", "ltx_p", "ltx_tabular"))
_CITES = frozenset(("ltx_cite", "ltx_missing_citation"))
_BOLD_TAGS = frozenset(("b", "strong"))
_BOLD_TEX = re.compile(r"\\(?:mathbf|boldsymbol|bm|textbf|bf)(?![a-zA-Z])")
_UPWARDS = re.compile(r"-(\d{1,3})")
_RULE = re.compile(r"\bltx_border_(?:t|tt|T|TT)\b")
_RULE_BELOW = re.compile(r"\bltx_border_(?:b|bb|B|BB)\b")


def classes(node: etree._Element) -> frozenset[str]:
    """The names of an element's classes."""
    return frozenset((node.get("class") or "").split())


def is_skipped(node: etree._Element) -> bool:
    """Whether an element holds no text of the paper."""
    return node.tag in NO_TEXT_TAGS or not NO_TEXT.isdisjoint(classes(node))


def is_table(node: etree._Element) -> bool:
    """Whether an element is a table of cells; equations are tables in HTML too, and no tables of a paper."""
    names = classes(node)
    if "ltx_tabular" in names:
        return True
    return node.tag == "table" and not any(n.startswith(("ltx_eq", "ltx_listing")) for n in names)


@dataclass
class CellText:
    """The text of a cell, and whether all or some of it is bold."""

    text: str = ""
    bold: bool = False
    upwards: str = ""  # how many rows it spans upwards, its own among them: `\\multirow{-8}`


@dataclass
class Grid:
    """A table: its rows of texts, of which are bold, how many rows stand above its first inner rule, and its
    own caption."""

    rows: list[list[str]]
    bold: list[list[bool]]
    head: int = 0
    caption: str = ""

    def table(self) -> PaperTable:
        """The table of the grid. Raises `PaperError` too_large."""
        return table_of_grid(self.caption, self.rows, bold=self.bold, head=self.head)


@dataclass
class _Row:
    cells: list[tuple[CellText, int, int]] = field(default_factory=list)
    above: int = 0  # how many columns have a rule above
    below: int = 0
    in_head: bool = False


def text_of(node: etree._Element) -> str:
    """The running text of an element on one line."""
    return cell_text(node).text


def cell_text(node: etree._Element) -> CellText:
    """The text of an element and its weight. A citation in it becomes `CITED` (nothing beside a value)."""
    parts: list[str] = []
    bold = _is_bold(node)
    walk = etree.iterwalk(node, events=("start", "end"))
    for event, inner in walk:
        if event == "end":
            if inner is not node:
                parts.append(" " if _is_block(inner) else "")
                parts.append(inner.tail or "")
            continue
        if inner is not node and is_skipped(inner):
            walk.skip_subtree()
        elif _local(inner) == "math":
            tex = inner.get("alttext") or _annotation(inner) or "".join(inner.itertext())
            bold = bold or bool(_BOLD_TEX.search(tex)) or inner.find(".//*[@mathvariant='bold']") is not None
            parts.append(_formula(tex, parts))
            walk.skip_subtree()
        elif inner.tag == "sup" and (mark := clean("".join(inner.itertext()))).isdigit() and len(mark) < 3:
            parts.append(_mark(mark, parts))
            walk.skip_subtree()
        elif inner.tag == "cite" or not _CITES.isdisjoint(classes(inner)):
            parts.append(f" {CITED} ")
            walk.skip_subtree()
        else:
            bold = bold or _is_bold(inner)
            parts.append(" " if _is_block(inner) else "")
            parts.append(inner.text or "")
    return CellText(_without_citation(clean("".join(parts))), bold)


def _without_citation(text: str) -> str:
    if CITED not in text:
        return text
    bare = clean(text.replace(CITED, " "))
    return bare if is_value(bare) else clean(text)


def _formula(tex: str, before: list[str]) -> str:
    """A formula as text; a raised mark after a number is no digit of it."""
    mark = re.fullmatch(r"\{\}\^\{(\d{1,2})\}", tex.strip())
    if mark:
        return _mark(mark[1], before)
    return math_text(tex)


def _mark(digits: str, before: list[str]) -> str:
    """A raised number: a mark where a digit comes before it."""
    last = next((part for part in reversed(before) if part), "")
    return raised(digits) if last[-1:].isdigit() else f" {digits}"


def _local(node: etree._Element) -> str:
    return str(node.tag).rpartition("}")[2]


def _annotation(math: etree._Element) -> str:
    found = math.xpath("string(.//*[local-name()='annotation'][@encoding='application/x-tex'])")
    return str(found)


def _is_block(node: etree._Element) -> bool:
    return node.tag in _BLOCKS or not _BLOCK_CLASSES.isdisjoint(classes(node))


def _is_bold(node: etree._Element) -> bool:
    return node.tag in _BOLD_TAGS or "ltx_font_bold" in classes(node)


def grid_of(table: etree._Element) -> Grid:
    """The grid of a table; what stands in a cell as a table of its own is text there. Raises `PaperError`
    too_large."""
    rows: list[_Row] = []
    caption = ""
    walk = etree.iterwalk(table, events=("start", "end"))
    head = False
    for event, node in walk:
        if node.tag == "thead" or "ltx_thead" in classes(node):
            head = event == "start"
        if event == "end" or node is table:
            continue
        if node.tag == "caption":
            caption = text_of(node)
            walk.skip_subtree()
        elif node.tag == "tr" or "ltx_tr" in classes(node):
            rows.append(_Row(in_head=head))
        elif node.tag in ("td", "th") or "ltx_td" in classes(node):
            if not rows:
                rows.append(_Row())
            _add(rows[-1], node)
            walk.skip_subtree()
        elif is_table(node) or is_skipped(node):
            walk.skip_subtree()
    texts = spread([(c.text, wide, high) for c, wide, high in row.cells] for row in rows)
    weights = spread([("b" if c.bold else "", wide, high) for c, wide, high in row.cells] for row in rows)
    _fill_upwards(texts, spread([(c.upwards, wide, high) for c, wide, high in row.cells] for row in rows))
    width = max(map(len, texts), default=0)
    return Grid(texts, [[bool(mark) for mark in row] for row in weights], _head(rows, width), caption)


def _add(row: _Row, node: etree._Element) -> None:
    names = node.get("class") or ""
    wide = _span(node, "colspan")
    row.cells.append((cell_text(node), wide, _span(node, "rowspan")))
    upwards = _UPWARDS.fullmatch(node.get("rowspan") or "")
    row.cells[-1][0].upwards = upwards[1] if upwards else ""
    if not row.cells[-1][0].bold and _is_bold(node):
        row.cells[-1][0].bold = True
    row.above += wide if _RULE.search(names) else 0
    row.below += wide if _RULE_BELOW.search(names) else 0


def _fill_upwards(texts: list[list[str]], marks: list[list[str]]) -> None:
    """Write what spans rows upwards (LaTeXML: `rowspan="-8"`) into the empty cells above it."""
    for row, column in [(i, j) for i, line in enumerate(marks) for j, mark in enumerate(line) if mark]:
        for above in range(row - 1, max(row - int(marks[row][column]), -1), -1):
            if column < len(texts[above]) and not texts[above][column]:
                texts[above][column] = texts[row][column]


def _span(node: etree._Element, name: str) -> int:
    """How many columns or rows a cell spans; a `<span>` says it in a class, as `ltx_colspan_2`."""
    named = re.search(rf"\bltx_{name}_(\d+)", node.get("class") or "")
    return span_of(node.get(name) or (named[1] if named else None))


def _head(rows: list[_Row], width: int) -> int:
    """How many rows stand above the first rule that goes through the whole width of the table."""
    for number in range(1, len(rows)):
        if rows[number].above >= width or rows[number - 1].below >= width:
            return number
    inside = [row.in_head for row in rows]
    return inside.index(False) if inside[:1] == [True] and False in inside else 0


def tables_in(node: etree._Element) -> Iterator[etree._Element]:
    """The tables of an element, those within others left out."""
    walk = etree.iterwalk(node, events=("start",))
    for _, inner in walk:
        if is_table(inner):
            yield inner
            walk.skip_subtree()
