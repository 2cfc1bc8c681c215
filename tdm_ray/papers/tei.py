"""Reader of GROBID TEI XML.

Format: https://grobid.readthedocs.io/en/latest/TEI-encoding-of-results/"""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Iterator, Sequence, Set
from datetime import date
from typing import NamedTuple

from lxml import etree

from tdm_ray.errors import PaperError
from tdm_ray.papers.flat_tables import aligned
from tdm_ray.papers.grid import few_enough, span_of, spread, table_of_grid
from tdm_ray.papers.pdf_tables import read_pdf_tables
from tdm_ray.papers.reading_order import in_reading_order, words_in
from tdm_ray.records import Paper, PaperTable, Section
from tdm_ray.text.clean import clean
from tdm_ray.text.hyphens import without_breaks, without_spaced_breaks, words_of
from tdm_ray.text.numbers import raised

_TEI = {"t": "http://www.tei-c.org/ns/1.0"}
_NAMESPACE = f"{{{_TEI['t']}}}"
_P, _FIGURE, _ROW, _TABLE = (f"{_NAMESPACE}{name}" for name in ("p", "figure", "row", "table"))
_WITHOUT_TEXT = {f"{_NAMESPACE}{name}" for name in ("figure", "note", "table")}
_BREAKS = ("lb", "pb", "cb")
_LANGUAGE = "{http://www.w3.org/XML/1998/namespace}lang"


class _Grid(NamedTuple):
    """A table of the TEI: its caption, the texts of its cells by row, its whole text where it has no rows."""

    caption: str
    rows: list[list[str]]
    text: str


def read_tei(paper_id: str, tei: str | bytes, tables: str | None = None) -> Paper:
    """The paper of one TEI document.

    `tables` is the JSON of a PDF table parser (see `pdf_tables`); without it the tables are the TEI's own
    `<figure type="table">`, which give the parser's their order. Raises `PaperError`: empty, malformed_xml,
    not_a_paper, no_text, malformed_json.
    """
    root = _parse(tei)
    sections = _sections(root)
    grids = _grids(root)
    paper = Paper(
        paper_id=paper_id,
        title=_title(root),
        abstract=_abstract(root),
        sections=sections,
        tables=few_enough(_parsed(tables, sections, grids) if tables else _own_tables(grids)),
        published=_published(root),
        source="tei",
    )
    if not paper.abstract and not any(s.text for s in paper.sections):
        raise PaperError("no_text", "the TEI has neither an abstract nor a body with text")
    return paper


def _parse(tei: str | bytes) -> etree._Element:
    data = tei.encode("utf-8", "replace") if isinstance(tei, str) else tei
    if not data.strip():
        raise PaperError("empty", "the TEI document is empty")
    try:
        # No entity expansion, no network, no depth beyond libxml2's limits: papers come from strangers.
        root = etree.fromstring(
            data, etree.XMLParser(resolve_entities=False, no_network=True, huge_tree=False)
        )
    except etree.XMLSyntaxError as error:
        raise PaperError("malformed_xml", str(error)) from None
    name = etree.QName(root).localname
    if name not in ("TEI", "TEI.2", "teiCorpus"):
        raise PaperError("not_a_paper", f"the root element is <{name}>, not <TEI>")
    return _only_paper(_with_namespace(root))


def _with_namespace(root: etree._Element) -> etree._Element:
    """The document with the namespace of TEI on the elements that have none."""
    if root.tag.startswith("{"):
        return root
    for node in root.iter(etree.Element):
        if not node.tag.startswith("{"):
            node.tag = f"{_NAMESPACE}{node.tag}"
    return root


def _only_paper(root: etree._Element) -> etree._Element:
    """The paper of a corpus of one. Raises `PaperError` not_a_paper where it holds several."""
    papers = root.findall("t:TEI", _TEI)
    if len(papers) > 1:
        raise PaperError(
            "not_a_paper", f"a <teiCorpus> of {len(papers)} papers; write each into its own file"
        )
    return papers[0] if papers else root


def _title(root: etree._Element) -> str:
    """The title of the document, else that of its source."""
    for path in (".//t:titleStmt/t:title", ".//t:sourceDesc//t:analytic/t:title", ".//t:sourceDesc//t:title"):
        if title := _text(root.find(path, _TEI)):
            return title
    return ""


def _abstract(root: etree._Element) -> str:
    """The paragraphs of the abstract, or its text where it has none; of abstracts in several languages the
    English one, else the first. A paragraph within another is part of that one's text."""
    abstracts = root.findall(".//t:profileDesc/t:abstract", _TEI)
    if not abstracts:
        return ""
    abstract = next((a for a in abstracts if (a.get(_LANGUAGE) or "").startswith("en")), abstracts[0])
    paragraphs = [p for p in abstract.iterfind(".//t:p", _TEI) if next(p.iterancestors(_P), None) is None]
    return " ".join(filter(None, map(_text, paragraphs))) or _text(abstract)


def _text(node: etree._Element | None) -> str:
    return clean(" ".join(node.itertext())) if node is not None else ""


def _running_text(node: etree._Element) -> str:
    """The text of a `<div>` without its heading, figures, notes and inner divs (sections of their own)."""
    if node.tag in _WITHOUT_TEXT:
        return ""
    parts = [node.text or ""]
    for child in node:
        name = etree.QName(child).localname if isinstance(child.tag, str) else "comment"
        if name not in ("head", "div", "comment"):
            parts.append(_running_text(child))
            parts.append(" " if name in ("p", "formula", "item") else "\n" if name in _BREAKS else "")
        parts.append(child.tail or "")
    return "".join(parts)


def _sections(root: etree._Element) -> list[Section]:
    path = ".//t:text/t:body//t:div | .//t:text/t:back/t:div[@type='annex']//t:div"
    divs = root.xpath(path, namespaces=_TEI)
    loose = " ".join(_running_text(p) for p in root.iterfind("t:text/t:body/t:p", _TEI))
    raw = [("", loose), *((_text(div.find("t:head", _TEI)), _running_text(div)) for div in divs)]
    words = words_of("\n".join(text for _, text in raw))
    sections = [Section(heading, _mended(text, words)) for heading, text in raw]
    return [s for s in sections if s.heading or s.text]


def _mended(text: str, words: Set[str]) -> str:
    """Running text on one line, the words joined that its lines' ends had broken."""
    return clean(without_spaced_breaks(without_breaks(text, words), words))


def _grids(root: etree._Element) -> list[_Grid]:
    """The TEI's own tables, in order; a table in a table is part of it."""
    rows: dict[etree._Element, list[etree._Element]] = defaultdict(list)
    for row in root.iter(_ROW):
        rows[_around(row)].append(row)
    figures = [node for node in root.iter(_FIGURE, _TABLE) if _around(node) is node]
    return [_grid(figure, rows[figure]) for figure in figures]


def _around(node: etree._Element) -> etree._Element:
    """The innermost `<figure type="table">` around a node or the node itself, else the outer `<table>`."""
    tables = [node] if node.tag == _TABLE else []
    for outer in itertools.chain([node], node.iterancestors(_FIGURE, _TABLE)):
        if outer.tag == _FIGURE and outer.get("type") == "table":
            return outer
        if outer.tag == _TABLE:
            tables.append(outer)
    return tables[-1] if tables else node.getroottree().getroot()


def _own_tables(grids: Sequence[_Grid]) -> Iterator[PaperTable]:
    """The tables of the TEI; one without rows keeps its text."""
    for grid in grids:
        if not grid.rows:
            yield PaperTable(grid.caption, (), grid.text)
            continue
        merged = all(len(row) == 1 for row in grid.rows)  # GROBID found no columns
        apart = aligned([row[0] for row in grid.rows]) if merged else None
        yield table_of_grid(grid.caption, apart or grid.rows)


def _grid(figure: etree._Element, rows: Sequence[etree._Element]) -> _Grid:
    caption = clean(" ".join(_text(figure.find(f"t:{part}", _TEI)) for part in ("head", "figDesc")))
    texts = spread(
        [(_cell(c), span_of(c.get("cols")), span_of(c.get("rows"))) for c in row.iterfind("t:cell", _TEI)]
        for row in rows
    )
    table = figure if figure.tag == _TABLE else figure.find("t:table", _TEI)
    return _Grid(caption, texts, "" if texts else _text(table))


def _cell(cell: etree._Element) -> str:
    """The text of a cell; a raised mark after a number is no digit of it: "95.0¹"."""
    parts: list[str] = [cell.text or ""]
    for event, inner in etree.iterwalk(cell, events=("start", "end")):
        if inner is cell:
            continue
        text = (inner.text if event == "start" else inner.tail) or ""
        is_mark = event == "start" and inner.get("rend") in ("superscript", "sup") and len(inner) == 0
        if is_mark and text.strip().isdigit() and len(text.strip()) < 3 and parts[-1].strip()[-1:].isdigit():
            parts[-1] = f"{parts[-1].rstrip()}{raised(text.strip())}"
        else:
            parts.append(text)
    return clean(" ".join(parts))


def _parsed(tables: str, sections: Sequence[Section], grids: Sequence[_Grid]) -> list[PaperTable]:
    """The tables of the parser: their captions' words joined as the paper's text has them, their cells in
    order."""
    words = words_in(section.text for section in sections)
    return in_reading_order(read_pdf_tables(tables, words), [grid.rows for grid in grids])


def _published(root: etree._Element) -> date | None:
    node = root.find(".//t:publicationStmt/t:date[@when]", _TEI)
    try:
        return date.fromisoformat(node.get("when", "")[:10]) if node is not None else None
    except ValueError:
        return None  # GROBID also prints "2019" or "2019-02": a year is no day
