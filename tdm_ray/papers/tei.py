"""Reader of GROBID TEI XML.

Format: https://grobid.readthedocs.io/en/latest/TEI-encoding-of-results/"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import date

from lxml import etree

from tdm_ray.errors import PaperError
from tdm_ray.papers.grid import few_enough, span_of, spread, table_of_grid
from tdm_ray.papers.pdf_tables import read_pdf_tables
from tdm_ray.papers.reading_order import in_reading_order, words_in
from tdm_ray.records import Paper, PaperTable, Section
from tdm_ray.text.clean import clean

_TEI = {"t": "http://www.tei-c.org/ns/1.0"}
_P, _FIGURE, _ROW = (f"{{{_TEI['t']}}}{name}" for name in ("p", "figure", "row"))
_WITHOUT_TEXT = {f"{{{_TEI['t']}}}{name}" for name in ("figure", "note")}


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
        title=_text(root.find(".//t:titleStmt/t:title", _TEI)),
        abstract=_abstract(root),
        sections=sections,
        tables=few_enough(
            _parsed(tables, sections, grids) if tables else (table_of_grid(*grid) for grid in grids)
        ),
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
    if etree.QName(root).localname != "TEI":
        raise PaperError("not_a_paper", f"the root element is <{etree.QName(root).localname}>, not <TEI>")
    return root


def _abstract(root: etree._Element) -> str:
    """The paragraphs of the abstract; one within another is part of that one's text."""
    paragraphs = root.iterfind(".//t:profileDesc/t:abstract//t:p", _TEI)
    return " ".join(filter(None, (_text(p) for p in paragraphs if next(p.iterancestors(_P), None) is None)))


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
            parts.append(" " if name in ("p", "formula", "item") else "")
        parts.append(child.tail or "")
    return "".join(parts)


def _sections(root: etree._Element) -> list[Section]:
    path = ".//t:text/t:body//t:div | .//t:text/t:back/t:div[@type='annex']//t:div"
    divs = root.xpath(path, namespaces=_TEI)
    sections = [Section(_text(div.find("t:head", _TEI)), clean(_running_text(div))) for div in divs]
    loose = clean(" ".join(_running_text(p) for p in root.iterfind("t:text/t:body/t:p", _TEI)))
    return [s for s in [Section("", loose), *sections] if s.heading or s.text]


def _grids(root: etree._Element) -> list[tuple[str, list[list[str]]]]:
    """The TEI's own tables: their captions, and the texts of their cells by row; of a table in a table
    once."""
    rows: dict[etree._Element, list[etree._Element]] = defaultdict(list)
    for row in root.iter(_ROW):
        around = (figure for figure in row.iterancestors(_FIGURE) if figure.get("type") == "table")
        rows[next(around, root)].append(row)
    return [_grid(figure, rows[figure]) for figure in root.iterfind(".//t:figure[@type='table']", _TEI)]


def _grid(figure: etree._Element, rows: Sequence[etree._Element]) -> tuple[str, list[list[str]]]:
    caption = clean(" ".join(_text(figure.find(f"t:{part}", _TEI)) for part in ("head", "figDesc")))
    return caption, spread(
        [(_text(c), span_of(c.get("cols")), span_of(c.get("rows"))) for c in row.iterfind("t:cell", _TEI)]
        for row in rows
    )


def _parsed(
    tables: str, sections: Sequence[Section], grids: Sequence[tuple[str, list[list[str]]]]
) -> list[PaperTable]:
    """The tables of the parser: their captions' words joined as the paper's text has them, their cells in
    order."""
    words = words_in(section.text for section in sections)
    return in_reading_order(read_pdf_tables(tables, words), [grid for _, grid in grids])


def _published(root: etree._Element) -> date | None:
    node = root.find(".//t:publicationStmt/t:date[@when]", _TEI)
    try:
        return date.fromisoformat(node.get("when", "")[:10]) if node is not None else None
    except ValueError:
        return None  # GROBID also prints "2019" or "2019-02": a year is no day
