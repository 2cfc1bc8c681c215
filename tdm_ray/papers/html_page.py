"""Reader of papers as HTML: what LaTeXML makes of TeX (arXiv's own HTML, ar5iv), and other pages.

Headings begin sections, an "Abstract" heads the abstract; tables have the caption of their figure, else their
own, else the paragraph beside them that begins with "Table". Formulas are read by their TeX. Scripts, styles,
notes and references are no text. Nothing that a page names is fetched.

See https://info.arxiv.org/about/accessible_HTML.html and https://ar5iv.org"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import date, datetime

from lxml import etree

from tdm_ray.arxiv_ids import id_of_url, page_of
from tdm_ray.errors import PaperError
from tdm_ray.papers.grid import few_enough
from tdm_ray.papers.html_text import Grid, classes, grid_of, is_skipped, is_table, text_of
from tdm_ray.records import Paper, Section
from tdm_ray.text.clean import clean

_HEADINGS = frozenset(("h1", "h2", "h3", "h4", "h5", "h6"))
_ABSTRACT = re.compile(r"^abstract\b[.:]?", re.IGNORECASE)
_END = re.compile(r"^(?:references|bibliography|acknowledge?ments?)\W*$", re.IGNORECASE)
_CAPTION = re.compile(r"^tab(?:le|\.)\s*\W?(?:\d|[IVX]+\b)", re.IGNORECASE)
# arXiv's mark on a page: "arXiv:2401.00001v2 [cs.CL] 01 Jan 2024".
_STAMP = re.compile(
    r"arXiv:(?P<id>\S+)\s*\[(?P<category>[a-z-]+(?:\.[A-Z]{2})?)\]\s*(?P<day>\d{1,2} [A-Z][a-z]{2} \d{4})"
)
_TITLE_ID = re.compile(r"^\s*\[(?P<id>[^\]\s]+)\]")
_NUMBER = re.compile(r"^(?:\d{1,2}(?:\.\d{1,2})*\.?|[IVX]{1,4}\.|[A-Z]\.)\s+(?=\w)")


@dataclass
class _Figure:
    caption: str = ""
    tables: list[int] = field(default_factory=list)


@dataclass
class _Page:
    """What was found so far: sections as lists of pieces, grids with their captions, the figures around."""

    title: str = ""
    abstract: list[str] = field(default_factory=list)
    sections: list[tuple[str, list[str]]] = field(default_factory=lambda: [("", [])])
    grids: list[Grid] = field(default_factory=list)
    figures: list[_Figure] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)
    waiting: Grid | None = None  # a table without a caption: the next paragraph may be its own
    in_abstract: bool = False
    ended: bool = False

    def take(self, text: str) -> None:
        """A piece of running text."""
        if text and not self.ended:
            self.texts.append(text)


def read_html(paper_id: str, data: bytes) -> Paper:
    """The paper of one page. An id that the page itself states replaces a file name that is no arXiv id.

    Raises `PaperError`: empty, not_a_paper, no_text, too_large."""
    if not data.strip():
        raise PaperError("empty", "the file holds no text")
    root = _parse(data)
    page = _read(root)
    stamp = _STAMP.search(" ".join(root.xpath("//*[contains(@id, 'watermark')]//text()")))
    paper = Paper(
        paper_id=paper_id if page_of(paper_id) else _own_id(root, stamp) or paper_id,
        title=page.title or clean(root.findtext(".//head/title") or ""),
        abstract=clean(" ".join(page.abstract)),
        sections=[
            Section(heading, " ".join(pieces)) for heading, pieces in page.sections if heading or pieces
        ],
        tables=few_enough(grid.table() for grid in page.grids),
        published=_day(stamp),
        categories=[stamp["category"]] if stamp else [],
        source="html",
    )
    if not paper.abstract and not any(s.text for s in paper.sections):
        raise PaperError("no_text", "the page has neither an abstract nor a section with text")
    return paper


def _parse(data: bytes) -> etree._Element:
    encoding = None
    try:
        data.decode("utf-8")
        encoding = "utf-8"
    except UnicodeDecodeError:
        pass  # the page says what it is in, or it is Latin-1
    parser = etree.HTMLParser(
        encoding=encoding, no_network=True, remove_comments=True, remove_pis=True, huge_tree=False
    )
    try:
        root = etree.fromstring(data, parser)
    except (etree.XMLSyntaxError, etree.ParserError, ValueError) as error:
        raise PaperError("not_a_paper", f"cannot be read as HTML ({error})") from None
    if root is None:
        raise PaperError("empty", "the page holds no element")
    return root


def _own_id(root: etree._Element, stamp: re.Match[str] | None) -> str | None:
    """The arXiv id that the page states: its mark, its addresses, its title."""
    if stamp and page_of(stamp["id"]):
        return stamp["id"]
    links = root.xpath("//link[@rel='canonical']/@href | //base/@href | //meta[@property='og:url']/@content")
    for link in map(str, links):
        if found := id_of_url(link if "://" in link else f"https://arxiv.org{link}"):
            return found
    for name in root.xpath("//meta[@name='citation_arxiv_id']/@content"):
        if page_of(str(name)):
            return str(name)
    titled = _TITLE_ID.match(root.findtext(".//head/title") or "")
    return titled["id"] if titled and page_of(titled["id"]) else None


def _day(stamp: re.Match[str] | None) -> date | None:
    """The day of a page's mark, where it is of the first version: `published` is the day of that."""
    if stamp is None or re.search(r"v(?!1$)\d+$", stamp["id"]):
        return None
    try:
        return datetime.strptime(stamp["day"], "%d %b %Y").date()
    except ValueError:
        return None


def _read(root: etree._Element) -> _Page:
    page = _Page()
    walk = etree.iterwalk(root, events=("start", "end"))
    for event, node in walk:
        if event == "end":
            _ended(page, node)
            if node is not root:
                page.take(node.tail or "")
        elif _taken(page, node):
            walk.skip_subtree()
        else:
            page.take(node.text or "")
    _close_paragraph(page)
    return page


def _taken(page: _Page, node: etree._Element) -> bool:
    """Whether the element was dealt with as a whole."""
    names = classes(node)
    if is_skipped(node):
        return True
    if node.tag in _HEADINGS or "ltx_title" in names:
        _close_paragraph(page)
        _begin_section(page, _NUMBER.sub("", text_of(node)), is_title=_is_title(page, node))
    elif is_table(node):
        _add_table(page, node)
    elif node.tag == "figcaption" or "ltx_caption" in names:
        if page.figures:
            page.figures[-1].caption = _caption(node)
    elif node.tag == "math":
        page.take(text_of(node))
    elif node.tag in ("cite", "sup") or "ltx_cite" in names:
        pass
    else:
        if node.tag == "figure":
            page.figures.append(_Figure())
        if node.tag in ("p", "div", "li", "br", "section"):
            _close_paragraph(page)
        return False
    return True


def _is_title(page: _Page, node: etree._Element) -> bool:
    return not page.title and (node.tag == "h1" or "ltx_title_document" in classes(node))


def _begin_section(page: _Page, heading: str, *, is_title: bool) -> None:
    if is_title:
        page.title = heading
        page.sections[0][1].clear()  # what a page shows above a paper's title is none of the paper
        return
    page.in_abstract = bool(_ABSTRACT.fullmatch(heading))
    page.ended = bool(_END.match(heading))
    if not page.in_abstract and not page.ended:
        page.sections.append((heading, []))


def _caption(node: etree._Element) -> str:
    """A caption with its number ("Table 2:"), which stands in a tag of its own."""
    tag = next((inner for inner in node.iter() if "ltx_tag" in classes(inner)), None)
    return clean(f"{''.join(tag.itertext()) if tag is not None else ''} {text_of(node)}")


def _add_table(page: _Page, node: etree._Element) -> None:
    _close_paragraph(page)
    grid = grid_of(node)
    page.grids.append(grid)
    if page.figures:
        page.figures[-1].tables.append(len(page.grids) - 1)
    elif not grid.caption:
        last = page.sections[-1][1][-1:]
        if last and _CAPTION.match(last[0]):
            grid.caption = last[0]
        else:
            page.waiting = grid


def _ended(page: _Page, node: etree._Element) -> None:
    if node.tag == "figure" and page.figures:
        _end_figure(page)
    if node.tag in ("p", "div", "li", "section") or "ltx_abstract" in classes(node):
        _close_paragraph(page)
    if "ltx_abstract" in classes(node):
        page.in_abstract = False


def _end_figure(page: _Page) -> None:
    """Give a figure's caption to its tables, before the captions of the panels that they stand in."""
    figure = page.figures.pop()
    for number in figure.tables:
        grid = page.grids[number]
        grid.caption = clean(f"{figure.caption} {grid.caption}")
    if page.figures:
        page.figures[-1].tables += figure.tables


def _close_paragraph(page: _Page) -> None:
    text = clean("".join(page.texts))
    page.texts.clear()
    if not text or page.figures:
        return
    if page.waiting is not None and _CAPTION.match(text):
        page.waiting.caption = text
    page.waiting = None
    if page.in_abstract:
        page.abstract.append(text)
    elif not page.ended:
        page.sections[-1][1].append(text)
