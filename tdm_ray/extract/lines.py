"""The lines of a paper's tables: every row and every column that holds numbers, and what tells its kind.

A line is known by its table, its axis and its headers. The features say what its headers name (the paper's
own method, a cited one, a baseline), where it stands, and how its numbers look beside the others'."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from tdm_ray.arrays import Floats, Ints
from tdm_ray.arxiv_ids import month_number
from tdm_ray.extract.candidates import Candidates
from tdm_ray.extract.own_names import own_names
from tdm_ray.records import Paper, PaperTable
from tdm_ray.storage import read_table, write_table
from tdm_ray.text.tokens import fold, tokens

ROWS, COLUMNS = range(2)
_PATTERNS_BY_NAME = {
    "ours": r"\bours?\b|\bproposed\b|\bthis (?:work|paper)\b|\bour (?:model|method|approach|system)",
    "cited": r"\[…\]|\[\s*\d+|\bet al\b|\(?\b(?:19|20)\d\d[a-z]?\)|,\s*(?:19|20)\d\d\b|@xcite",
    "baseline": (
        r"baseline|previous|prior|sota|state[- ]of[- ]the[- ]art|best (?:published|reported)|\bexisting\b"
    ),
    "trivial": (
        r"\brandom\b|majority|chance|\boracle\b|upper bound|\bhuman\b|most frequent|ground[- ]truth|\bgt\b"
    ),
    "without": r"\bw/?o\b|\bwithout\b|\bno\b|^\s*[-–−]\s|\bremov|\bminus\b|\bexclud",
    "plus": r"\+|\bw/(?!o)|\bwith\b|\band\b|&",
    "full": r"\bfull\b|\bfinal\b|\ball\b|complete",
    "ensemble": r"ensembl",
    "size": r"\b(?:small|base|large|tiny|big|xl|deep|wide)\b",
    "setting": r"[=@:]|\b\d+\s*(?:layers?|epochs?|heads?|shots?|%)",
    "average": r"\b(?:average|avg|mean|overall|total|std|min|max|gain|improve|diff|delta)\b|Δ",
    "data": (
        r"\b(?:train(?:ing)?|test|dev|val(?:idation)?|data(?:set)?|corpus|split|fold|task|class|category)\b"
    ),
}
_PATTERNS = {name: re.compile(pattern, re.IGNORECASE) for name, pattern in _PATTERNS_BY_NAME.items()}
_CAPTION = {
    "ablation": r"ablat|effect of|impact of|influence|varying|different|sensitivity|hyper-?param",
    "compared": r"compar|state[- ]of[- ]the[- ]art|sota|versus|\bvs\b|\bother\b|existing|previous",
    "statistics": r"statistic|distribution of|number of|dataset (?:details|summary)|overview",
    "ours": r"\bour\b|\bours\b|\bproposed\b|\bwe\b",
}
_CAPTIONS = {name: re.compile(pattern, re.IGNORECASE) for name, pattern in _CAPTION.items()}
_HEADER = 400  # characters: longer is a parser's mistake
_BRACKETS = re.compile(r"\[…\]|[(\[][^()\[\]]{0,200}[)\]]")
_NOT_A_LETTER = re.compile(r"[\W_]+")
_FOLLOWING_CITATION = (
    r"\s?(?:\[\s?\d|\((?:[A-Z][\w-]+ (?:et al|and|&)|[A-Z][\w-]+,? (?:19|20)\d\d)|(?:[A-Z][\w-]+ )?et al)"
)
_LEAST_LETTERS = 2
FEATURES = (
    "axis",
    *_PATTERNS_BY_NAME,
    "group_cited",
    "group_ours",
    "words",
    "letters",
    "digits",
    "parts",
    "capitals",
    "own_exact",
    "own_words",
    "own_beyond",
    "initials_of_title",
    "tables_with_name",
    "share_of_tables",
    "cited_in_text",
    "title_share",
    "short_title_share",
    "abstract_share",
    "mentions",
    "name_in_abstract",
    "name_mentions",
    "rarest_mentions",
    "earlier_papers",
    "core_earlier_papers",
    "rarest_earlier_papers",
    "place",
    "from_last",
    "lines",
    "first",
    "last",
    "cells",
    "bold",
    "rank",
    "rank_best",
    "line_decimals",
    "to_last",
    "to_own",
    "before_ours",
    "before_cited",
    "before_own",
    "after_ours",
    "after_cited",
    "after_own",
    "cited_share",
    "cited_above",
    "ours_in_table",
    "own_in_table",
    "ours_on_other_axis",
    "cited_on_other_axis",
    "own_on_other_axis",
    *(f"caption_{name}" for name in _CAPTION),
    "table",
    "table_share",
    "points",
)


class NameCounts:
    """In how many labelled papers' tables a header stands, by month: a name that many papers have is a
    baseline's."""

    def __init__(self, months: Mapping[str, Sequence[int]]) -> None:
        self._months = months

    @classmethod
    def of(cls, papers: Iterable[tuple[str, Iterable[str]]]) -> NameCounts:
        """Count the names of papers, given as (id, headers); names of one paper alone are not kept."""
        months: dict[str, list[int]] = {}
        for paper_id, headers in papers:
            month = month_number(paper_id)
            for name in {plain_name(header) for header in headers}:
                if month and len(name) >= _LEAST_LETTERS:
                    months.setdefault(name, []).append(month)
        return cls({name: sorted(found) for name, found in months.items() if len(found) > 1})

    def __len__(self) -> int:
        return len(self._months)

    def before(self, header: str, month: int | None) -> int:
        """How many papers of earlier months have the name; of all months where the month is not known."""
        found = self._months.get(plain_name(header), ())
        return bisect_left(found, month) if month else len(found)

    def save(self, path: str) -> None:
        """Write the counts as Parquet."""
        names = sorted(self._months)
        months = pa.array([self._months[n] for n in names], pa.list_(pa.int16()))
        write_table(pa.table({"name": names, "months": months}), path)

    @classmethod
    def load(cls, path: str) -> NameCounts:
        """Read what `save` wrote."""
        schema = pa.schema([("name", pa.string()), ("months", pa.list_(pa.int16()))])
        table = read_table(path, schema)
        return cls(dict(zip(table["name"].to_pylist(), table["months"].to_pylist(), strict=True)))


def plain_name(header: str) -> str:
    """A header's letters and digits in small letters, without what stands in brackets: "BiLSTM […]" is
    "bilstm"."""
    return _NOT_A_LETTER.sub("", fold(_BRACKETS.sub(" ", header[:_HEADER])))[:60]


def header_parts(paper: Paper) -> list[str]:
    """The distinct headers of all tables of a paper, to be counted."""
    parts = dict.fromkeys(
        h for t in paper.tables for c in t.cells for h in (*c.row_headers, *c.column_headers) if len(h) <= 60
    )
    return list(parts)


@dataclass(frozen=True)
class Lines:
    """The lines of a paper and which of them each candidate stands in; -1 in running text."""

    features: Floats  # (lines, FEATURES)
    row: Ints
    column: Ints
    headers: Sequence[str]
    tables: Ints
    axes: Ints
    own_names: Sequence[str]  # what the paper calls its own method


def lines_of(paper: Paper, candidates: Candidates, names: NameCounts) -> Lines:
    """All lines of a paper's candidates with their features."""
    keys: dict[tuple[int, int, int], int] = {}
    places = [np.full(len(candidates), -1, np.int64) for _ in range(2)]
    for axis, contexts in enumerate((candidates.beside, candidates.above)):
        for position in np.flatnonzero(candidates.tables >= 0):
            key = (int(candidates.tables[position]), axis, int(contexts[position]))
            places[axis][position] = keys.setdefault(key, len(keys))
    tables, axes, contexts = np.array(list(keys), np.int64).reshape(-1, 3).T
    headers = [candidates.contexts[context] for context in contexts]
    texts = _Names(paper, names)
    of_header = {header: texts.features(header) for header in dict.fromkeys(headers)}
    own = np.array([of_header[header] for header in headers], np.float32)
    own = own.reshape(len(headers), len(_Names.FEATURES))
    around = _around(candidates, tables, axes, places, headers, own)
    rows = _table_rows(paper, tables)
    features = np.concatenate([axes[:, None], own, around, rows], axis=1, dtype=np.float32)
    return Lines(features, places[ROWS], places[COLUMNS], headers, tables, axes, texts.own)


class _Names:
    """What the header of a line says by itself."""

    FEATURES = FEATURES[1 : FEATURES.index("place")]

    def __init__(self, paper: Paper, names: NameCounts) -> None:
        text = " ".join([paper.abstract, *(s.text for s in paper.sections)])
        self._text = _NOT_A_LETTER.sub("", fold(text))
        self._abstract_text = _NOT_A_LETTER.sub("", fold(f"{paper.title} {paper.abstract}"))
        self._counts = Counter(tokens(text))
        self._title = set(tokens(paper.title))
        self._short = set(tokens(paper.title.split(":")[0])) if ":" in paper.title else set()
        self._abstract = set(tokens(paper.abstract))
        self.own = own_names(paper)
        self._own_plain = {plain_name(name) for name in self.own}
        self._own_words = {w for name in self.own for w in tokens(name) if len(w) > 2}
        self._initials = "".join(w[0] for w in re.split(r"[\W_]+", paper.title) if w).lower()
        self._tables = Counter(name for t in paper.tables for name in _names_of(t))
        self._count_of_tables = len(paper.tables)
        self._plain_text = text
        self._names = names
        self._month = month_number(paper.paper_id)

    def _cited_share(self, core: str) -> float:
        """How often a citation follows the name in the text, as a share of its mentions; -1: no name."""
        name = core.strip()
        if not 1 < len(name) <= 40 or name.isdigit():
            return -1.0
        mentions = self._plain_text.count(name)
        cited = len(re.findall(re.escape(name) + _FOLLOWING_CITATION, self._plain_text)) if mentions else 0
        return cited / max(mentions, 1)

    def features(self, header: str) -> list[float]:
        """The features of one header text."""
        *group, last = header.split(" | ")
        above = " ".join(group)
        words = tokens(header)
        bag = set(words)
        core = _BRACKETS.sub(" ", last)
        plain = plain_name(last)
        informative = [w for w in bag if len(w) > 2 and not w.isdigit()]
        known = bag & self._own_words
        count = max(len(bag), 1)
        return [
            *(bool(pattern.search(header)) for pattern in _PATTERNS.values()),
            bool(_PATTERNS["cited"].search(above)),
            bool(_PATTERNS["ours"].search(above)),
            min(len(header.split()), 30),
            min(sum(map(str.isalpha, header)), 80),
            sum(map(str.isdigit, header)) / max(len(header), 1),
            len(group) + 1,
            sum(map(str.isupper, core)) / max(len(core), 1),
            plain in self._own_plain and bool(plain),
            len(known) / count,
            len(bag - self._own_words) if known else -1,
            _is_acronym(core, self._initials),
            self._tables[plain],
            self._tables[plain] / max(self._count_of_tables, 1) if plain else 0,
            self._cited_share(core),
            len(bag & self._title) / count,
            len(bag & self._short) / count,
            len(bag & self._abstract) / count,
            np.log1p(sum(self._counts[w] for w in informative)),
            bool(plain) and plain in self._abstract_text,
            np.log1p(self._text.count(plain)) if len(plain) > 1 else -1,
            np.log1p(min((self._counts[w] for w in informative), default=0)),
            np.log1p(self._names.before(last, self._month)),
            np.log1p(self._names.before(core.split("+")[0], self._month)),
            np.log1p(min((self._names.before(w, self._month) for w in informative), default=0)),
        ]


def _around(
    candidates: Candidates,
    tables: Ints,
    axes: Ints,
    places: Sequence[Ints],
    headers: Sequence[str],
    own: Floats,
) -> Floats:
    """The features of a line among the other lines of its table, and of its numbers among theirs."""
    names = _Names.FEATURES
    ours, cited, exact, share = (own[:, names.index(n)] for n in ("ours", "cited", "own_exact", "own_words"))
    owned = np.maximum(exact, share)
    bags = [set(tokens(h)) for h in headers]
    numbers = [_line_numbers(candidates, places[axis], len(headers), axis) for axis in range(2)]
    columns = np.where((axes == ROWS)[:, None], numbers[ROWS], numbers[COLUMNS])
    rows = np.zeros(
        (len(headers), FEATURES.index("own_on_other_axis") + 1 - FEATURES.index("place")), np.float32
    )
    for table in np.unique(tables):
        groups = [np.flatnonzero((tables == table) & (axes == axis)) for axis in range(2)]
        for axis, lines in enumerate(groups):
            if not len(lines):
                continue
            other = groups[1 - axis]
            best = lines[int(owned[lines].argmax())]
            of_other = [v[other].max(initial=0) for v in (ours, cited, owned)]
            for order, line in enumerate(lines):
                before = lines[order - 1] if order else None
                after = lines[order + 1] if order + 1 < len(lines) else None
                rows[line] = [
                    order / max(len(lines) - 1, 1),
                    len(lines) - 1 - order,
                    len(lines),
                    order == 0,
                    order == len(lines) - 1,
                    *columns[line],
                    _overlap(bags[line], bags[lines[-1]]),
                    _overlap(bags[line], bags[best]),
                    *(v[before] if before is not None else -1 for v in (ours, cited, owned)),
                    *(v[after] if after is not None else -1 for v in (ours, cited, owned)),
                    cited[lines].mean(),
                    cited[lines[:order]].sum(),
                    ours[lines].max(),
                    owned[lines].max(),
                    *of_other,
                ]
    return rows


def _line_numbers(candidates: Candidates, place: Ints, lines: int, axis: int) -> Floats:
    """Of each line: its numbers, the share of bold ones, their mean and highest rank against the other lines,
    and how many decimals they have."""
    inside = place >= 0
    line = place[inside]
    count = np.maximum(np.bincount(line, minlength=lines), 1)
    # The rank of a number among those of the other lines is its rank within the line that crosses this one.
    rank = np.nan_to_num(candidates.places[inside, 1 - axis], nan=0.5)
    highest = np.zeros(lines)
    np.maximum.at(highest, line, np.abs(rank - 0.5))
    bold = np.bincount(line, candidates.bold[inside], minlength=lines)
    decimals = np.array([n.decimals for n in candidates.numbers], np.float64)[inside]
    columns = [
        np.log1p(np.bincount(line, minlength=lines)),
        bold / count,
        np.bincount(line, rank, minlength=lines) / count,
        highest,
        np.bincount(line, decimals, minlength=lines) / count,
    ]
    return np.stack(columns, axis=1).astype(np.float32)


def _names_of(table: PaperTable) -> set[str]:
    """The plain names of a table's headers, of each cell the innermost of both axes."""
    lasts = {h[-1] for cell in table.cells for h in (cell.row_headers, cell.column_headers) if h}
    return {name for name in map(plain_name, lasts) if name}


def _is_acronym(core: str, initials: str) -> bool:
    """Whether the name's capitals are the initials of words of the title in a row, three or more of them."""
    capitals = "".join(filter(str.isupper, core.split("+", maxsplit=1)[0])).lower()
    return len(capitals) > 2 and capitals in initials


def _overlap(a: set[str], b: set[str]) -> float:
    return len(a & b) / max(len(a | b), 1)


def _table_rows(paper: Paper, tables: Ints) -> Floats:
    """The features of each line's table."""
    captions = {t: f"{paper.tables[t].caption} {paper.tables[t].text}"[:600] for t in set(tables.tolist())}
    facts = {
        t: [
            *(bool(p.search(text)) for p in _CAPTIONS.values()),
            t,
            t / max(len(paper.tables) - 1, 1),
            _points(paper, t),
        ]
        for t, text in captions.items()
    }
    return np.array([facts[t] for t in tables.tolist()], np.float32).reshape(len(tables), len(_CAPTION) + 3)


def _points(paper: Paper, table: int) -> float:
    cells = paper.tables[table].cells
    return sum("." in cell.value for cell in cells) / max(len(cells), 1)
