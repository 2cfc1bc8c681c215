"""A flat TeX source becomes a paper: macros expanded, split, converted, put together."""

from __future__ import annotations

import re
from collections.abc import Iterator

from tdm_ray.errors import PaperError
from tdm_ray.papers.grid import few_enough, is_value, table_of_grid
from tdm_ray.papers.latex.macros import expand
from tdm_ray.papers.latex.pandoc import Text, convert
from tdm_ray.papers.latex.split import TexPaper, split
from tdm_ray.papers.latex.tabular import TexTable
from tdm_ray.papers.latex.tex import OPTION, cut, without_comments
from tdm_ray.records import Paper, PaperTable, Section
from tdm_ray.text.clean import clean

_BOLD = re.compile(r"\\(?:textbf|bf|bfseries|mathbf|boldsymbol|bm|pmb|B)(?![a-zA-Z])")
_IFFALSE = re.compile(r"\\iffalse\b")
_FI = re.compile(r"\\fi\b")
_OPTIONS = rf"(?:\s*{OPTION})*"
# Commands whose first arguments are no text, in cells and captions; pandoc prints the colours of some.
_SET = re.compile(
    r"\\(?:cellcolor|rowcolor|columncolor|hspace|vspace|color|fontsize|selectfont|setlength|label|rule|raisebox"
    r"|caption|phantom|hphantom|vphantom|rotatebox|scalebox|adjustbox|diagbox|renewcommand|addtolength|arraystretch"
    r"|cite[a-z]*|footnotemark|tnote|footnote|thanks|tablefootnote|vcenter)"
    rf"\*?{_OPTIONS}\s*\{{(?:[^{{}}]|\{{[^{{}}]*\}})*\}}"
)
_KEPT = re.compile(rf"\\(?:rotatebox|scalebox|raisebox|adjustbox)\*?{_OPTIONS}\s*\{{[^{{}}]*\}}{_OPTIONS}")
_RESIZED = re.compile(r"\\resizebox\*?\s*\{[^{}]*\}\s*\{[^{}]*\}")
_BOXED = re.compile(
    r"\\(?:makecell|thead|shortstack|specialcell|makecellc|parbox|mbox|fbox|hbox|textsc)"
    rf"\*?{_OPTIONS}(?=\s*\{{)"
)
_INNER = re.compile(
    rf"\\(?:begin\s*\{{tabular\*?\}}(?:\s*{OPTION})?\s*\{{(?:[^{{}}]|\{{[^{{}}]*\}})*\}}|end\s*\{{tabular\*?\}})"
)
_BREAK = re.compile(rf"\\\\\s*(?:{OPTION})?")
_CITATION = re.compile(rf"\\[a-zA-Z]*[cC]ite[a-zA-Z]*\*?{_OPTIONS}\s*\{{[^{{}}]*\}}")
# What stands in a table in place of a citation: a row that cites is another paper's method. While the cell is
# converted it is one character, which TeX leaves as it is.
CITED = "[…]"
_MARK = "\ue000"


def read_tex(paper_id: str, tex: str) -> Paper:
    """The paper of one flat source (no `\\input` left to follow). Raises `PaperError`: empty, no_text."""
    if not tex.strip():
        raise PaperError("empty", "the source holds no text")
    text, macros = expand(_without_skipped(without_comments(tex)))
    source = split(text)
    parts = _parts(source)
    names = "".join(parts)
    definitions = [m.definition for m in macros.values() if m.name in names or not m.name[1:].isalpha()]
    texts = convert(parts, definitions)
    paper = _paper(paper_id, source, iter(texts))
    if (
        not paper.abstract
        and not any(s.text for s in paper.sections)
        and not any(t.cells for t in paper.tables)
    ):
        raise PaperError("no_text", "the source has neither an abstract nor a section with text nor a table")
    return paper


def _without_skipped(text: str) -> str:
    """The source without what stands between `\\iffalse` and `\\fi`."""
    spans: list[tuple[int, int]] = []
    begin = _IFFALSE.search(text)
    while begin and (end := _FI.search(text, begin.end())):
        spans.append((begin.start(), end.end()))
        begin = _IFFALSE.search(text, end.end())
    return cut(text, spans)


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
        (_KEPT, ""),
        (_RESIZED, ""),
        (_BOXED, ""),
        (_SET, " "),
        (_INNER, " "),
        (_BREAK, " "),
    ):
        tex = pattern.sub(new, tex)
    return re.sub(r"(?<!\\)&", " ", tex).strip()


def _paper(paper_id: str, source: TexPaper, texts: Iterator[Text]) -> Paper:
    """Put the converted texts together, in the order of `_parts`."""
    texts = iter(kept := list(texts))
    count = len(kept)
    title = next(texts).text
    abstract = next(texts).text
    sections = [Section(next(texts).text, next(texts).text) for _ in source.sections]
    tables = few_enough(_table(table, next(texts).text, texts) for _, table in source.tables)
    tolerant = sum(t.tolerant for t in kept)
    conversion = f"pandoc; pylatexenc for {tolerant} of {count} parts" if tolerant else "pandoc"
    return Paper(paper_id, title, abstract, sections, tables, source="latex", conversion=conversion)


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
