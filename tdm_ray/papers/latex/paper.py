"""A flat TeX source becomes a paper: macros expanded, split, converted, put together."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from tdm_ray.errors import PaperError
from tdm_ray.papers.grid import CITED, few_enough, is_value, table_of_grid
from tdm_ray.papers.latex.conditionals import without_branches
from tdm_ray.papers.latex.dialects import in_plain_tables
from tdm_ray.papers.latex.macros import Macro, commands_in, expand
from tdm_ray.papers.latex.pandoc import Text, convert
from tdm_ray.papers.latex.project import without_inputs
from tdm_ray.papers.latex.split import TexPaper, split
from tdm_ray.papers.latex.tabular import TexTable
from tdm_ray.papers.latex.tex import OPTION, without_comments
from tdm_ray.records import Paper, PaperTable, Section
from tdm_ray.text.clean import clean

_BOLD = re.compile(r"\\(?:textbf|bf|bfseries|mathbf|boldsymbol|bm|pmb|B)(?![a-zA-Z])")
_OPTIONS = rf"(?:\s*{OPTION})*"
_INNER = re.compile(
    rf"\\(?:begin\s*\{{tabular\*?\}}(?:\s*{OPTION})?\s*\{{(?:[^{{}}]|\{{[^{{}}]*\}})*\}}|end\s*\{{tabular\*?\}})"
)
_BREAK = re.compile(rf"\\\\\s*(?:{OPTION})?")
_CITATION = re.compile(rf"\\[a-zA-Z]*[cC]ite[a-zA-Z]*\*?{_OPTIONS}\s*\{{[^{{}}]*\}}")
# While a cell is converted, a citation (`CITED`) is one character, which TeX leaves as it is.
_MARK = "\ue000"
# Registers of boxes and lengths, by number: `\raise\dimexpr(\ht0-\ht2)/2\relax\box2` prints none of it.
_BOXES = re.compile(
    r"(?:\\(?:raise|lower|moveleft|moveright|kern|hskip|vskip)\s*)?\\dimexpr[^{}]{0,200}?\\relax(?![a-zA-Z])"
    r"|\\(?:sbox|setbox|usebox|box|copy|unhbox|unhcopy|unvbox|unvcopy|ht|wd|dp)\s*\d{1,3}(?!\d)\s*=?"
)
# Commands that pandoc takes for a document's metadata, and drops; in a cell they are the author's.
_METADATA = re.compile(
    r"\\(?:subject|(?:sub|extra)?title|date|author|address|signature|publishers)(?![a-zA-Z@])"
)
_MOST_NAMED = 10


def read_tex(paper_id: str, tex: str) -> Paper:
    """The paper of one flat source (no `\\input` left to follow). Raises `PaperError`: empty, no_text."""
    if not tex.strip():
        raise PaperError("empty", "the source holds no text")
    text, not_found = without_inputs(tex)
    source, texts = _converted(text)
    paper = replace(_paper(paper_id, source, iter(texts)), conversion=_conversion(texts, not_found))
    if (
        not paper.abstract
        and not any(s.text for s in paper.sections)
        and not any(t.cells for t in paper.tables)
    ):
        raise PaperError("no_text", "the source has neither an abstract nor a section with text nor a table")
    return paper


def converted_cells(tex: str) -> list[tuple[str, Text]]:
    """The cells of all tables of a source, each as TeX and as converted; to measure what is lost."""
    source, texts = _converted(without_inputs(tex)[0])
    after = iter(texts[2 + 2 * len(source.sections) :])
    cells = []
    for _, table in source.tables:
        next(after)
        cells += [(cell, next(after)) for row in table.grid for cell in row]
    return cells


def _converted(tex: str) -> tuple[TexPaper, list[Text]]:
    """A source split, and the texts of its parts (see `_parts`)."""
    text, macros = expand(_BOXES.sub(" ", without_branches(without_comments(tex))))
    source = split(in_plain_tables(text))
    parts = _parts(source)
    return source, convert(parts, _definitions("".join(parts), macros))


def _conversion(texts: Sequence[Text], not_found: Sequence[str]) -> str:
    """How a source was converted, and what of it is known to be lost, or may be."""
    tolerant = sum(text.tolerant for text in texts)
    unknown = list(dict.fromkeys(name for text in texts for name in text.unknown))
    facts = ["pandoc"]
    if tolerant:
        facts.append(f"pylatexenc for {tolerant} of {len(texts)} parts")
    if unknown:
        facts.append(f"unknown commands: {_some(unknown)}")
    if not_found:
        facts.append(f"files not found: {_some(not_found)}")
    return "; ".join(facts)


def _some(names: Sequence[str]) -> str:
    more = len(names) - _MOST_NAMED
    return clean(" ".join(name[:80] for name in names[:_MOST_NAMED])) + (
        f" and {more} more" if more > 0 else ""
    )


def _definitions(parts: str, macros: Mapping[str, Macro]) -> list[str]:
    """The definitions of the macros that the parts name, and of those that these name in turn."""
    wanted = {name for name in macros if name in parts or not name[1:].isalpha()}
    new = list(wanted)
    for name in new:  # it grows
        named = {inner for inner in commands_in(macros[name].body) if inner in macros} - wanted
        wanted |= named
        new += sorted(named)
    return [macro.definition for name, macro in macros.items() if name in wanted]


def _parts(source: TexPaper) -> list[str]:
    """All that is to be converted, in the order in which `_paper` takes it back."""
    parts = [_cell(source.title), source.abstract]
    for heading, body in source.sections:
        parts += [heading, body]
    for caption, table in source.tables:
        parts += [_cell(caption), *(_cell(_CITATION.sub(_MARK, c)) for row in table.grid for c in row)]
    return parts


def _cell(tex: str) -> str:
    """A cell or caption without what is no text in it; lines within a cell are joined."""
    for pattern, new in (
        (_INNER, " "),
        (_BREAK, " "),
        (_METADATA, "{}"),
    ):
        tex = pattern.sub(new, tex)
    return re.sub(r"(?<!\\)&", " ", tex).strip()


def _paper(paper_id: str, source: TexPaper, texts: Iterator[Text]) -> Paper:
    """Put the converted texts together, in the order of `_parts`."""
    title = next(texts).text
    abstract = next(texts).text
    sections = [Section(next(texts).text, next(texts).text) for _ in source.sections]
    tables = few_enough(_table(table, next(texts).text, texts) for _, table in source.tables)
    return Paper(paper_id, title, abstract, sections, tables, source="latex")


def _cited(text: str) -> str:
    """A cell with `CITED` where it cites; without it where the cell is a value."""
    if _MARK not in text:
        return text
    bare = clean(text.replace(_MARK, " "))
    return bare if is_value(bare) else clean(text.replace(_MARK, f" {CITED} "))


def _table(table: TexTable, caption: str, texts: Iterator[Text]) -> PaperTable:
    cells = [[(next(texts), _BOLD.search(tex)) for tex in row] for row in table.grid]
    grid = [[_cited(text.text) for text, _ in row] for row in cells]
    bold = [[text.bold or bool(mark) for text, mark in row] for row in cells]
    return table_of_grid(caption, grid, bold=bold, head=table.head)
