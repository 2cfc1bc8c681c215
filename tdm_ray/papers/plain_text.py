"""Reader of plain text and Markdown.

Title on top; headings marked with `#`, numbered ("3.1 Data sets") or one of the usual names on a line of its
own; an abstract under its heading, or between the title and the first heading. Tables of Markdown (pipes,
HTML, LaTeX) have the caption beside them, a paragraph that begins with "Table"; for plain text see
`flat_tables`. Words that a line's end has broken are joined."""

from __future__ import annotations

import re
from collections.abc import Iterator, Set
from dataclasses import dataclass, field, replace

from markdown_it import MarkdownIt
from markdown_it.token import Token

from tdm_ray.errors import PaperError
from tdm_ray.papers.flat_tables import find_tables
from tdm_ray.papers.grid import few_enough, table_of_grid
from tdm_ray.papers.markdown import PLACE, Prepared, prepared
from tdm_ray.records import Paper, PaperTable, Section
from tdm_ray.text.clean import clean
from tdm_ray.text.hyphens import without_breaks, words_of
from tdm_ray.text.numbers import raised

_NUMBERED = re.compile(r"^(?:\d{1,2}(?:\.\d{1,2})*\.?|[IVX]{1,4}\.)\s+(?P<name>[A-Z][^.!?]{0,80})$")
_USUAL = re.compile(
    r"^(abstract|introduction|related work|background|methods?|model|approach|data(sets?)?|experiments?"
    r"|experimental "
    r"(setup|results)|evaluation|results|discussion|conclusions?|acknowledge?ments?|appendix)[.:]?$",
    re.IGNORECASE,
)
_ABSTRACT = re.compile(r"^abstract\s*[.:—–-]?\s*", re.IGNORECASE)
_CAPTION = re.compile(r"^tab(?:le\b|\.)", re.IGNORECASE)
_TAG = re.compile(r"<(?P<close>/?)(?P<name>\w+)")


@dataclass
class _Block:
    kind: str  # "heading", "text" or "table"
    text: str = ""
    grid: list[list[str]] = field(default_factory=list)
    bold: list[list[bool]] = field(default_factory=list)
    table: PaperTable | None = None


def read_plain_text(paper_id: str, text: str, *, markdown: bool = False) -> Paper:
    """The paper of one text file. Raises `PaperError`: empty, no_text."""
    if not text.strip():
        raise PaperError("empty", "the file holds no text")
    source = prepared(text) if markdown else _flat(text)
    words = words_of(source.text)
    blocks = list(_markdown_blocks(source, words) if markdown else _text_blocks(source.text, words))
    title = source.said("title")
    rest = blocks
    if not title and blocks and blocks[0].kind != "table":
        title, rest = blocks[0].text, blocks[1:]
    abstract, sections = _split(rest)
    abstract = abstract or source.said("abstract")
    if not abstract and not any(s.text for s in sections):
        raise PaperError("no_text", "only a title was found: an abstract or sections must follow it")
    tables = few_enough(_tables(rest) if markdown else source.tables)
    kind = "markdown" if markdown else "text"
    return Paper(paper_id, title, abstract, sections, tables, published=source.published, source=kind)


def _flat(text: str) -> Prepared:
    """A text without the lines of its tables, and these."""
    lines = text.replace("\f", "\n").splitlines()
    found = find_tables(lines)
    taken = {number for table in found for number in table.lines}
    left = "\n".join("" if number in taken else line for number, line in enumerate(lines))
    return Prepared(left, [table_of_grid(table.caption, table.grid, head=table.head) for table in found])


def _text_blocks(text: str, words: Set[str]) -> Iterator[_Block]:
    for chunk in re.split(r"\n\s*\n", text):
        lines = [line.strip() for line in chunk.strip().splitlines()]
        first = 0
        while first < len(lines) and (name := _heading(lines[first])):
            yield _Block("heading", name)
            first += 1
        if lines[first:]:
            yield _Block("text", clean(without_breaks("\n".join(lines[first:]), words)))


def _heading(line: str) -> str | None:
    if line.startswith("#"):
        return clean(line.lstrip("# "))
    numbered = _NUMBERED.match(line)
    return numbered["name"] if numbered else line.rstrip(".:") if _USUAL.match(line) else None


def _markdown_blocks(source: Prepared, words: Set[str]) -> Iterator[_Block]:
    tokens = MarkdownIt("commonmark").enable("table").parse(source.text)
    block: _Block | None = None
    for before, token in zip([None, *tokens], tokens, strict=False):
        if token.type == "table_open":
            block = _Block("table")
        elif token.type == "table_close" and block:
            yield block
            block = None
        elif token.type == "tr_open" and block:
            block.grid.append([])
            block.bold.append([])
        elif token.type == "inline" and block:
            block.grid[-1].append(clean(_plain(token)))
            block.bold[-1].append(any(c.type == "strong_open" for c in token.children or ()))
        elif token.type in ("inline", "fence", "code_block"):
            text = clean(without_breaks(_plain(token), words))
            if place := PLACE.fullmatch(text):
                yield _Block("table", table=source.tables[int(place[1])])
                continue
            marked = before is not None and before.type == "heading_open"
            name = _heading(text if marked else token.content)
            yield _Block("heading" if marked or name else "text", name or text)


def _plain(token: Token) -> str:
    """The text of a token without marks. `<br>` is a blank, `<sup>1</sup>` after a digit a raised mark."""
    if token.children is None:
        return token.content
    parts: list[str] = []
    is_raised = False
    for child in token.children:
        if child.type == "html_inline":
            tag = _TAG.match(child.content)
            if tag and tag["name"].lower() == "sup":
                is_raised = not tag["close"]
            parts.append(" " if tag and tag["name"].lower() == "br" else "")
        elif is_raised and child.content.isdigit() and "".join(parts[-2:])[-1:].isdigit():
            parts.append(raised(child.content))
        else:
            parts.append(child.content or ("\n" if "break" in child.type else ""))
    return "".join(parts)


def _split(blocks: list[_Block]) -> tuple[str, list[Section]]:
    """The abstract, and the sections after it."""
    heading = ""
    sections = []
    texts = []
    for block in [*blocks, _Block("heading")]:
        if block.kind == "text":
            texts.append(block.text)
        elif block.kind == "heading":
            sections.append(Section(heading, " ".join(texts)))
            heading = block.text
            texts = []
    before = sections[0]
    rest = [s for s in sections[1:] if s.heading or s.text]
    if rest and _ABSTRACT.sub("", rest[0].heading) == "":  # what stands before the word are the authors
        return rest[0].text, rest[1:]
    return _ABSTRACT.sub("", before.text), rest


def _tables(blocks: list[_Block]) -> list[PaperTable]:
    """The tables, each with the caption before it, else the one after it that no other table has taken."""
    tables = []
    taken = set()
    for i, block in enumerate(blocks):
        if block.kind == "table":
            grid, glued = _without_caption(block.grid)
            glued = block.table.caption if block.table else glued
            free = (j for j in (i - 1, i + 1) if 0 <= j < len(blocks) and j not in taken)
            beside = next((j for j in free if _CAPTION.match(blocks[j].text)), None)
            taken.add(beside)
            caption = glued or ("" if beside is None else blocks[beside].text)
            tables.append(
                replace(block.table, caption=caption)
                if block.table
                else table_of_grid(caption, grid, bold=block.bold)
            )
    return few_enough(tables)


def _without_caption(grid: list[list[str]]) -> tuple[list[list[str]], str]:
    """A caption right under a pipe table, with no empty line between, is parsed as its last row."""
    if grid and _CAPTION.match(grid[-1][0]) and not any(grid[-1][1:]):
        return grid[:-1], grid[-1][0]
    return grid, ""
