"""The source of a `tabular` becomes a grid of TeX cells.

Rows end with `\\\\`, cells with `&`, both only outside of groups and inner environments; `\\multicolumn` and
`\\multirow` are repeated over the cells they span, so that every value finds its headers above and beside it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from tdm_ray.papers.latex.columns import joined, joints
from tdm_ray.papers.latex.tex import OPTION, Environment, argument, arguments, environments, option, options

# How many groups of arguments stand before the body, options not counted.
TABULARS = {
    "tabular": 1,
    "tabular*": 2,
    "tabularx": 2,
    "tabulary": 2,
    "tabu": 1,
    "longtabu": 1,
    "longtable": 1,
    "longtable*": 1,
    "supertabular": 1,
    "xtabular": 1,
    "mpsupertabular": 1,
    "tblr": 1,
    "talltblr": 1,
    "longtblr": 1,
    "NiceTabular": 1,
    "NiceTabular*": 2,
    "NiceTabularX": 2,
    "deluxetable": 1,
    "deluxetable*": 1,
    "ctabular": 1,
    "tabularew": 1,
    "tabularht": 2,
    "supertabular*": 2,
    "xltabular": 2,
}
_TOKEN = re.compile(
    r"(?P<row>\\\\\s*\*?(?:\s*\[[^\]\n]{0,2000}\])?|\\tabularnewline\b\s*(?:\[[^\]\n]{0,2000}\])?|\\cr(?![a-zA-Z]))"
    r"|(?P<begin>\\begin\s*\{[^}]{0,2000}\})|(?P<end>\\end\s*\{[^}]{0,2000}\})"
    r"|\\[a-zA-Z@]+|\\.|(?P<open>\{)|(?P<close>\})|(?P<cell>&)",
    re.DOTALL,
)
_GROUP = r"\s*\{(?:[^{}]|\{[^{}]*\})*\}"
_OPTION = rf"\s*{OPTION}"
_LENGTH = r"(?:\s*\[[-+.\da-zA-Z\\\s]{0,40}\])"
# What stands between rows or before a row's first cell and is no text of it. A group or an option after
# `\\hline` is the cell's; after the others as many as they take.
_FULL_RULES = {
    "": "hline|firsthline|lasthline|thickhline|endfirsthead|endhead|endfoot|endlastfoot|heavyrule|tophline"
    "|middlehline|bottomhline|Hline|dashmidrule|colrule|botrule|topline|midline|bottomline|shline",
    f"{_LENGTH}?": "toprule|midrule|bottomrule|hdashline",
    f"(?:{_OPTION})?{_GROUP}": "Xhline|tabucline|dashrule|hlineB|noalign|ChangeRT",
    f"(?:{_GROUP}){{3}}": "specialrule",
}
_OTHER_RULES = {
    f"{_LENGTH}?": "addlinespace|morecmidrules|tabularnewline|relax|centering",
    rf"(?:{_OPTION})?(?:\s*\([^)]{{0,2000}}\))?(?:{_OPTION})?{_GROUP}{_LENGTH}{{0,2}}": "cmidrule|cline"
    r"|hhline|cdashline|cdashlinelr|dashcline|arrayrulecolor|rowcolor|rowfont|vspace\*?|tabletail|tablehead|SetRow",
    f"(?:{_OPTION})?(?:{_GROUP}){{1,3}}": "SetHline|taburowcolors|rowcolors",
}


def _rules(table: dict[str, str]) -> str:
    return "|".join(rf"\\(?:{names})(?![a-zA-Z]){rest}" for rest, names in table.items())


_RULE = re.compile(rf"(?P<full>{_rules(_FULL_RULES)})|{_rules(_OTHER_RULES)}")
_SPAN = re.compile(
    r"\\(multicolumn|multirow|multirowcell|multicell|SetCell|Block)(?:thead|cell)?(?![a-zA-Z])\s*\*?"
)
_COLSPEC = re.compile(r"(?<![a-z])(?:colspec|columns)\s*=\s*(?=\{)")
_CELL_OPTIONS = re.compile(r"\bcell\s*\{(\d{1,3})\}\s*\{(\d{1,3})\}\s*=\s*\{([^{}]{0,200})\}")
_MOST_COLUMNS = 200
_MOST_ROWS = 2000


@dataclass(frozen=True)
class TexTable:
    """Rows of cells in TeX, of equal length, and how many of the rows stand above the first rule below a
    row."""

    grid: list[list[str]]
    head: int


def tabulars(text: str) -> list[Environment]:
    """The outermost tabular environments of the source."""
    return list(environments(text, TABULARS))


def read_tabular(environment: Environment, text: str) -> TexTable:
    """The grid of one tabular; a grid without rows where it has no cells."""
    body = environment.body(text)
    at = options(body, re.match(r"\s*(?:to|spread)\s*\S*?(?=\{)|", body).end())  # type: ignore[union-attr]
    read = arguments(body, at, TABULARS[environment.name])
    if read is None:
        return _table(body)
    given, end = read
    end = options(body, end) if environment.name.startswith("Nice") else end
    if environment.name.endswith("tblr"):
        return _table(body[end:], spans=_spans_of(given[-1]), between=joints(_colspec(given[-1])))
    return _table(body[end:], between=joints(given[-1]))


def _colspec(options_of_tblr: str) -> str:
    key = _COLSPEC.search(options_of_tblr)
    read = argument(options_of_tblr, key.end()) if key else None
    return read[0] if read else ""


def _spans_of(options_of_tblr: str) -> dict[tuple[int, int], tuple[int, int]]:
    """By row and column, from 0, how many rows and columns a cell spans: `cell{1}{2}={c=2}{c}` of a tblr."""
    spans = {}
    for match in _CELL_OPTIONS.finditer(options_of_tblr):
        sizes = {key: int(number) for key, number in re.findall(r"\b([rc])\s*=\s*(\d{1,3})", match[3])}
        spans[int(match[1]) - 1, int(match[2]) - 1] = (sizes.get("r", 1), sizes.get("c", 1))
    return spans


def _table(
    body: str,
    *,
    spans: Mapping[tuple[int, int], tuple[int, int]] | None = None,
    between: Mapping[int, str] | None = None,
) -> TexTable:
    rows: list[list[str]] = []
    rules: list[int] = []
    for number, cells in enumerate(_rows(body)):
        if _full_rule(cells[0]):
            rules.append(len(rows))
        texts = [_RULE.sub(" ", c).strip() for c in cells]
        if any(texts) and number < _MOST_ROWS:
            rows.append(texts[:_MOST_COLUMNS])
    head = next((r for r in rules if r > 0), 0)
    for (row, column), (high, wide) in (spans or {}).items():
        if row < len(rows) and column < len(rows[row]):
            rows[row][column] = f"\\SetCell[r={high},c={wide}]{{c}} {rows[row][column]}"
    grid = _spread(rows, steps=bool(spans))
    return TexTable(joined(grid, between or {}), head if head < len(rows) else 0)


def _full_rule(cell: str) -> bool:
    return any(rule["full"] for rule in _RULE.finditer(cell))


def _rows(body: str) -> list[list[str]]:
    rows: list[list[str]] = [[]]
    depth = 0
    at = 0
    for token in _TOKEN.finditer(body):
        if token["open"] or token["begin"]:
            depth += 1
        elif token["close"] or token["end"]:
            depth = max(0, depth - 1)
        elif depth == 0 and (token["cell"] or token["row"]):
            rows[-1].append(body[at : token.start()])
            at = token.end()
            if token["row"]:
                rows.append([])
    rows[-1].append(body[at:])
    return rows


# What prints nothing: it leaves the text of a span from above.
_BLANK = re.compile(
    r"(?:[~\s{}]|\\[ ,;:!]|\\(?:quad|qquad|hfill|null|centering|phantom\s*\{[^{}]*\})(?![a-zA-Z])"
    r"|\\(?:cell|row|column)?color\s*(?:\[[^\[\]]*\]\s*)?\{[^{}]*\})*+"
)


@dataclass(frozen=True)
class _Span:
    text: str
    columns: int = 1
    rows: int = 1


def _spread(rows: list[list[str]], *, steps: bool = False) -> list[list[str]]:
    """Every cell at its column, what spans several repeated over all of them, rows filled up to one
    length. A cell with a text of its own keeps it under a span from above. `steps`: a spanned column has a
    cell of its own, as in a tblr."""
    placed: list[dict[int, str]] = [{} for _ in rows]
    for i, row in enumerate(rows):
        column = 0
        for cell in row:
            span = _span(cell)
            for j in _reach(i, span.rows, len(rows)):
                for k in range(column, min(column + span.columns, _MOST_COLUMNS)):
                    if span.text and (not placed[j].get(k) or (j == i and not _BLANK.fullmatch(span.text))):
                        placed[j][k] = span.text
            column += 1 if steps else span.columns
    width = max((max(p, default=-1) + 1 for p in placed), default=0)
    return [[p.get(k, "") for k in range(width)] for p in placed]


def _reach(row: int, span: int, count: int) -> range:
    return range(row, min(row + span, count)) if span > 0 else range(max(0, row + span + 1), row + 1)


def _span(cell: str) -> _Span:
    columns = rows = 1
    for _ in range(3):
        match = _SPAN.search(cell)
        read = _span_at(cell, match) if match else None
        if not match or not read:
            break
        columns = max(columns, read.columns)
        rows = read.rows if read.rows != 1 else rows
        cell = f"{cell[: match.start()]}{read.text}"
    return _Span(cell.strip(), min(columns, _MOST_COLUMNS), rows)


def _span_at(cell: str, match: re.Match[str]) -> _Span | None:
    at = match.end()
    if match[1] in ("SetCell", "Block"):
        given, at = option(cell, at)
        spec = argument(cell, at)
        numbers = {k: int(n) for k, n in re.findall(r"\b([cr])\s*=\s*(\d+)", given or "")}
        return _Span(cell[spec[1] if spec else at :], numbers.get("c", 1), numbers.get("r", 1))
    at = options(cell, at)
    count = argument(cell, at)
    if count is None:
        return None
    number = re.match(r"\s*=?\s*(-?\d+)", count[0])
    spec = argument(cell, options(cell, count[1]))
    content = argument(cell, options(cell, spec[1])) if spec else None
    if content is None:
        return None
    text = content[0] + cell[content[1] :]
    n = int(number[1]) if number else 1
    return _Span(text, n, 1) if match[1] == "multicolumn" else _Span(text, 1, n or 1)
