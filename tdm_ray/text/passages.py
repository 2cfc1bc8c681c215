"""Cut a paper into passages, the units in which evidence is searched and shown.

A passage is at most `WORDS` words of one field, so that two or three of them fit beside a hypothesis in the
model's window. On the real dev papers the median is 236 passages a paper.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tdm_ray.records import Paper, PaperTable

FIELDS = ("title", "abstract", "heading", "experiment", "body", "caption", "columns", "rows", "table_text")
WORDS = 32
# 1,500 passages are 48,000 words, more than 99.9 % of papers have; a book is read up to there.
MAX_PASSAGES = 1500
_HEADER = 200  # characters: longer is a parser's mistake

EXPERIMENT_HEADING = re.compile(
    r"experiment|evaluat|data\s?sets?|corpus|corpora|result|benchmark|set-?up", re.IGNORECASE
)
_SENTENCE_END = re.compile(r"(?<=[.!?])\s+(?=[A-Z0-9(\[])")


@dataclass(frozen=True)
class Passage:
    """Up to `WORDS` words of a paper: which field (one of `FIELDS`), which table (-1: none), and the text."""

    field: str
    text: str
    table: int = -1


def sentences(text: str) -> list[str]:
    """The sentences of running text, split at an end mark before a capital, digit or bracket."""
    return _SENTENCE_END.split(text) if text else []


def passages(paper: Paper) -> list[Passage]:
    """The passages of a paper, in reading order, tables last."""
    all_passages = [*_of_text(paper), *(p for i, t in enumerate(paper.tables) for p in _of_table(t, i))]
    if len(all_passages) <= MAX_PASSAGES:
        return all_passages
    kept = [p for p in all_passages if p.field != "body"][:MAX_PASSAGES]
    return [*kept, *(p for p in all_passages if p.field == "body")][:MAX_PASSAGES]


def whole_text(paper: Paper) -> str:
    """All that passages are cut from, in one piece."""
    texts = [paper.title, paper.abstract, *(text for s in paper.sections for text in (s.heading, s.text))]
    for table in paper.tables:
        texts += [table.whole, *column_headers(table), *row_headers(table)]
    return "\n".join(texts)


def _of_text(paper: Paper) -> Iterator[Passage]:
    yield from _cut("title", paper.title)
    yield from _cut("abstract", paper.abstract)
    for section in paper.sections:
        yield from _cut("heading", section.heading)
        yield from _cut("experiment" if EXPERIMENT_HEADING.search(section.heading) else "body", section.text)


def _of_table(table: PaperTable, number: int) -> Iterator[Passage]:
    yield from _cut("caption", table.caption, number)
    for name, headers in (("columns", column_headers(table)), ("rows", row_headers(table))):
        yield from _cut(name, ", ".join(headers), number)
    yield from _cut("table_text", table.text, number)


def column_headers(table: PaperTable) -> list[str]:
    """The distinct column headers of a table, in order."""
    return list(dict.fromkeys(h for cell in table.cells for h in cell.column_headers))


def row_headers(table: PaperTable) -> list[str]:
    """The distinct row headers of a table, in order."""
    return list(dict.fromkeys(h for cell in table.cells for h in cell.row_headers))


def header_text(headers: Sequence[str]) -> str:
    """Headers in one line; dashes, repetitions and stray numbers ("78 . 5±1 . 7") are none."""
    named = dict.fromkeys(h for h in headers if any(map(str.isalpha, h)) or h.strip().isdigit())
    return " | ".join(named)[:_HEADER]


def _cut(name: str, text: str, table: int = -1) -> Iterator[Passage]:
    """Whole sentences packed into passages; a sentence longer than a passage is cut."""
    words: list[str] = []
    for sentence in sentences(text):
        new = sentence.split()
        if words and len(words) + len(new) > WORDS:
            yield Passage(name, " ".join(words), table)
            words = []
        words += new
        start = 0
        while len(words) - start > WORDS:
            yield Passage(name, " ".join(words[start : start + WORDS]), table)
            start += WORDS
        words = words[start:]
    if words:
        yield Passage(name, " ".join(words), table)
