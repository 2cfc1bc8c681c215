"""A flat TeX source is split into title, abstract, sections, and tables with captions, all still TeX."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from tdm_ray.errors import PaperError
from tdm_ray.papers.latex.tabular import TABULARS, TexTable, read_tabular, tabulars
from tdm_ray.papers.latex.tex import OPTION, Environment, argument, cut, environments, options, without

_FLOATS = [
    "table",
    "table*",
    "wraptable",
    "sidewaystable",
    "sidewaystable*",
    "SCtable",
    "SCtable*",
    "threeparttable",
    "ThreePartTable",
    "figure",
    "figure*",
    "wrapfigure",
    "floatingtable",
    "margintable",
    "longtable",
    "subtable",
    "minipage",
    "center",
    "table-hfill",
    "tableth",
    "turnpage",
    "landscape",
]
_PANELS = ("subtable", "minipage", "subfigure", "threeparttable", "subfloat")
_LEFT_OUT = [
    "figure",
    "figure*",
    "wrapfigure",
    "SCfigure",
    "tikzpicture",
    "pgfpicture",
    "picture",
    "algorithm",
    "algorithm*",
    "algorithmic",
    "lstlisting",
    "verbatim",
    "minted",
    "thebibliography",
    "CCSXML",
    "keywords",
    "IEEEkeywords",
    "filecontents",
    "filecontents*",
    "comment",
    "tabbing",
    "table",
    "table*",
    "wraptable",
    "sidewaystable",
]
_CAPTION = re.compile(
    r"\\(?:[a-z]*caption|captionof\s*\{[a-z]+\}|tbl|tblcaption|mycaption|tabcaption)\*?\s*(?=[\[{])"
)
_TITLE = re.compile(
    r"\\(?:title|icmltitle|Title|mytitle|ioautomatontitle|aistatstitle|sysmltitle|mlsystitle|RRetitle|PaperTitle"
    r"|arxivtitle|jmlrtitle|tit|titl|papertitle|TITLE)\*?\s*(?=[\[{])"
)
# A title page by hand, as old papers have it: the first large words before any section.
_LARGE = re.compile(
    r"\{\s*\\(?:LARGE|Large|huge|Huge)(?![a-zA-Z])\s*(?:\\(?:bf|bfseries|textbf)(?![a-zA-Z])\s*\{?)?"
    r"(?P<title>(?!\s*(?:Suppl|Append))[^{}\\]{15,200})\}"
)
_TITLE_PAGE = 10_000
_MOST_PLACES = 500_000
_HEADING = re.compile(
    r"\\(?:part|chapter|section|subsection|subsubsection|Section|specialsection|beginsection|Chapter|sect)\*?\s*(?=[\[{])"
)
_NOT_TITLE = re.compile(
    r"\\(?:thanks|footnote|titlenote|vspace|vskip|hspace|thanksref|footnotemark)\*?\s*(?=[\[{])"
)
_FRONT = re.compile(
    r"\\(?:(?=[a-zA-Z]*?(?:title|author|affil|address|email|institut|thanks|keyword|orcid))[a-zA-Z]++"
    r"|date|documentclass"
    r"|documentstyle|usepackage|ccsdesc|received|pacs|dedicatory|conference|copyright|name|twocolumn"
    r"|newtheorem|bibliographystyle|hypersetup|setlength|definecolor|pagestyle)\*?\s*(?=[\[{])"
)
_COMMAND = re.compile(rf"\\[a-zA-Z]+(?:{OPTION}|\{{[^{{}}]*\}})*")
_WORD = re.compile(r"(?<![\\a-zA-Z])[a-zA-Z]{2,}")
_OPTIONAL = re.compile(r"\s*\[((?:[^\[\]]|\[[^\]]*\])*)\]")
_NAMED_ABSTRACT = re.compile(r"^\W*(?:\\[a-z]+\W+)*abstract\W*$", re.IGNORECASE)


@dataclass(frozen=True)
class TexPaper:
    """The parts of a paper, each in TeX. `sections` are (heading, body); `tables` are (captions, table)."""

    title: str = ""
    abstract: str = ""
    sections: list[tuple[str, str]] = field(default_factory=list)
    tables: list[tuple[str, TexTable]] = field(default_factory=list)


def split(text: str) -> TexPaper:
    """The parts of a source without comments, whose structural macros are expanded."""
    title = _title(text)
    abstract = _abstract(text)
    body = _body(text)
    tables = list(_tables(body))
    sections = list(_sections(_prose(body)))
    named = next((s for s in sections if _NAMED_ABSTRACT.match(s[0])), None)
    if named and not abstract:
        abstract = named[1]
        sections = [s for s in sections if s is not named]
    return TexPaper(title, abstract, sections, [(c, t) for c, t in tables if t.grid])


def _tables(body: str) -> Iterator[tuple[str, TexTable]]:
    """The tables with their captions. Raises `PaperError` too_large where they are larger than a paper's."""
    size = 0
    for environment in tabulars(body):
        table = read_tabular(environment, body)
        size += sum(map(len, table.grid))
        if size > _MOST_PLACES:
            raise PaperError("too_large", f"tables of more than {_MOST_PLACES:,} cells, empty ones counted")
        yield _caption(environment, body), table


def _body(text: str) -> str:
    begin = re.search(r"\\begin\s*\{document\}", text)
    end = re.compile(r"\\end\s*\{document\}").search(text, begin.end() if begin else 0)
    start = begin.end() if begin else 0
    stop = end.start() if end else len(text)
    body = text[start:stop]
    # Some hide the paper behind a first, empty document; then the whole is the body.
    return body if len(body) > 200 or len(text) < 1000 else text


def _title(text: str) -> str:
    for match in _TITLE.finditer(text):
        read = argument(text, options(text, match.end()))
        if read and read[0].strip():
            return _without_commands(read[0], _NOT_TITLE)
    large = _LARGE.search(text[:_TITLE_PAGE])
    return large["title"] if large and "\\section" not in text[: large.start()] else ""


def _without_front(front: str) -> str:
    """What stands before the first section, without the preamble and the title page."""
    after = front.rpartition("\\maketitle")[2]
    return _without_commands(after, _FRONT)


def _without_commands(text: str, commands: re.Pattern[str]) -> str:
    """The text without these commands and their argument."""
    spans: list[tuple[int, int]] = []
    for match in commands.finditer(text):
        read = argument(text, options(text, match.end()))
        if read and (not spans or match.start() >= spans[-1][1]):
            spans.append((match.start(), read[1]))
    return cut(text, spans)


def _abstract(text: str) -> str:
    environment = next(environments(text, ("abstract", "abstract*", "Abstract", "onecolabstract")), None)
    if environment:
        return environment.body(text)
    for command in re.finditer(r"\\(?:abstract|abst|Abstract)\s*(?=\{)", text):
        read = argument(text, command.end())
        if read and len(read[0]) > 100:
            return read[0]
    return ""


def _prose(body: str) -> str:
    """The body without what is no running text: tables, figures, listings, the bibliography, the abstract."""
    body = without(body, ("abstract", "abstract*", "Abstract", "onecolabstract"))
    return without(without(body, _LEFT_OUT), TABULARS)


def _sections(prose: str) -> Iterator[tuple[str, str]]:
    first = _HEADING.search(prose)
    front = prose[: first.start()] if first else prose
    prose = _without_front(front) + prose[len(front) :]
    heading = ""
    at = 0
    for match in _HEADING.finditer(prose):
        read = argument(prose, options(prose, match.end()))
        if read is None or match.start() < at:
            continue
        if heading or _has_text(prose[at : match.start()]):
            yield heading, prose[at : match.start()]
        heading = read[0]
        at = read[1]
    if heading or _has_text(prose[at:]):
        yield heading, prose[at:]


def _has_text(tex: str) -> bool:
    """Whether there are words besides commands: what stands before the first section is mostly authors and
    spaces."""
    return len(_WORD.findall(_COMMAND.sub(" ", tex))) > 20


def _caption(table: Environment, body: str) -> str:
    """The captions of the floats around a tabular, outermost first, then that of its own panel."""
    around = [f for f in _around(table, body) if f.name not in ("center", "landscape", "turnpage")]
    captions: list[str] = []
    for number, env in enumerate(around):
        inner = around[number + 1 :]
        captions += [c for c in _captions_of(env, inner[0] if inner else table, body) if c not in captions]
    return " ".join(captions)


def _around(table: Environment, body: str) -> list[Environment]:
    """The floats that hold the tabular, outermost first, itself last where it may have a caption."""
    floats = []
    text = body
    base = 0
    while env := next(
        (e for e in environments(text, _FLOATS) if base + e.start <= table.start < base + e.end), None
    ):
        moved = Environment(env.name, base + env.start, base + env.inside, base + env.outside, base + env.end)
        floats.append(moved)
        text = body[moved.inside : moved.outside]
        base = moved.inside
    return floats


def _captions_of(env: Environment, inner: Environment, body: str) -> list[str]:
    """The captions of `env` that stand in no panel, save those between this tabular and its neighbours."""
    text = body[env.inside : env.outside]
    panels = [e for e in environments(text, _PANELS) if _captioned(e.body(text))]
    captions = []
    for mark in _CAPTION.finditer(text):
        read = argument(text, options(text, mark.end()))
        if read and not any(p.start <= mark.start() < p.end for p in panels):
            captions.append((env.inside + mark.start(), read[0] or _optional(text, mark.end())))
    others = len(tabulars(text))
    if len(captions) <= 1 or others <= 1 or len(captions) != others:
        return (
            list(dict.fromkeys(c for _, c in captions))[:2]
            if others <= 1
            else [c for _, c in _nearest(captions, inner)]
        )
    order = [env.inside + t.start for t in tabulars(text)]
    return (
        [captions[order.index(inner.start)][1]]
        if inner.start in order
        else [c for _, c in _nearest(captions, inner)]
    )


def _captioned(text: str) -> bool:
    return bool(_CAPTION.search(text))


def _optional(text: str, at: int) -> str:
    given = _OPTIONAL.match(text, at)
    return given[1] if given else ""


def _nearest(captions: list[tuple[int, str]], table: Environment) -> list[tuple[int, str]]:
    return sorted(captions, key=lambda c: min(abs(c[0] - table.start), abs(c[0] - table.end)))[:1]
