"""The schemas of the tables that rooms exchange, and a dataclass for one row where code holds one.

Contracts are those of the design; a column is never renamed, only added.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from functools import cached_property
from typing import Any

import pyarrow as pa

STRINGS = pa.list_(pa.string())
_VALUE = [("value", pa.string()), ("bold", pa.bool_())]
CELL = pa.struct(
    [
        *_VALUE,
        ("row_headers", STRINGS),
        ("column_headers", STRINGS),
        # its place in the table's grid, from 0; null where a source has none
        ("row", pa.int32()),
        ("column", pa.int32()),
    ]
)
TABLE = pa.struct(
    [("caption", pa.string()), ("cells", pa.list_(CELL)), ("text", pa.string())]
)  # text: see PaperTable
ROW_CELL = pa.struct([*_VALUE, ("column_headers", STRINGS), ("marked", pa.bool_())])
SECTION = pa.struct([("heading", pa.string()), ("text", pa.string())])
EVIDENCE = pa.struct(
    [
        ("kind", pa.string()),  # "cell", "caption", "sentence"; "review": a reader's word
        ("table", pa.int32()),
        ("caption", pa.string()),
        ("row_headers", STRINGS),
        ("column_headers", STRINGS),
        ("text", pa.string()),
        # Beyond the contract: the cells of its row, so that a reader sees it without the paper; none for
        # other kinds.
        ("row", pa.list_(ROW_CELL)),
    ]
)
INSTANT = pa.timestamp("us", tz="UTC")
_SHOWN = [("title", pa.string()), ("published", pa.date32())]

PAPERS = pa.schema(
    [
        ("paper_id", pa.string()),
        ("title", pa.string()),
        ("abstract", pa.string()),
        ("published", pa.date32()),
        ("categories", STRINGS),
        ("sections", pa.list_(SECTION)),
        ("tables", pa.list_(TABLE)),
        ("source", pa.string()),
        ("content_hash", pa.string()),
        # Beyond the contract: how a LaTeX source was read, null for others; whether `published` is only the
        # first day of the month that the arXiv id names.
        ("conversion", pa.string()),
        ("published_by_id", pa.bool_()),
    ]
)
_PLACE = [
    ("source", pa.string()),
    ("location", pa.string()),
    ("reason", pa.string()),
    ("detail", pa.string()),
]
REJECTS = pa.schema([("paper_id", pa.string()), *_PLACE, ("seen_at", INSTANT)])
# What a reader emits: a paper, or the reason why there is none, or a TeX source that is still to be
# converted; `location` (file and row) is unique.
READINGS = pa.schema(
    [
        *PAPERS,
        ("location", pa.string()),
        ("reason", pa.string()),
        ("detail", pa.string()),
        ("tex", pa.string()),
    ]
)
TDM_COLUMNS = ["task", "dataset", "metric"]
TDM_FIELDS = [(name, pa.string()) for name in TDM_COLUMNS]
# What a prediction knows of itself; the run's columns (ids, hash, time) are added at commit.
DECISION = pa.struct(
    [
        *TDM_FIELDS,
        ("probability", pa.float32()),
        ("score", pa.float64()),
        ("score_text", pa.string()),
        ("evidence", EVIDENCE),
        # beyond the contract: how probable it is that the score is the paper's own, were the label reported
        ("score_confidence", pa.float32()),
        ("method", pa.string()),
        ("confidence", pa.float32()),
        # how probably its evidence states a result of this label, by the cell model
        ("cell_probability", pa.float32()),
    ]
)
# A result of a paper's own method as the paper writes it, whatever the taxonomy knows; see
# `extract.open_results`.
RESULT = pa.struct(
    [
        ("table", pa.int32()),
        ("row", pa.int32()),  # its place in the table's grid, null where a source has none
        ("column", pa.int32()),
        ("value", pa.float64()),
        ("value_text", pa.string()),
        ("method", pa.string()),
        ("dataset_text", pa.string()),
        ("is_called_dataset", pa.bool_()),  # by the paper's text
        ("metric_text", pa.string()),
        ("metric_family", pa.string()),  # of `taxonomy.metrics`
        ("confidence", pa.float32()),  # that the number is the paper's own
    ]
)
RESULTS = pa.schema(
    [
        ("paper_id", pa.string()),
        *RESULT,
        # `discover.names.plain` of the data set and of the method
        ("dataset_key", pa.string()),
        ("method_key", pa.string()),
    ]
)
_EVIDENT = ("table", "value_text", "method", "dataset_text", "metric_text")
PREDICTIONS = pa.schema(
    [
        ("paper_id", pa.string()),
        *DECISION,
        ("model_id", pa.string()),
        ("taxonomy_id", pa.string()),
        ("content_hash", pa.string()),
        ("scored_at", INSTANT),
    ]
)
SCORED = pa.schema(
    [
        ("paper_id", pa.string()),
        ("content_hash", pa.string()),
        ("model_id", pa.string()),
        ("taxonomy_id", pa.string()),
        ("hypotheses", pa.int32()),
        ("predictions", pa.int32()),
        ("unknown", pa.bool_()),
        ("scored_at", INSTANT),
        # Beyond the contract: what a leaderboard shows of a paper, so that it can be built from DIR alone.
        *_SHOWN,
    ]
)
# In flight: one row a paper, with its predictions nested, or with the reason of its reject.
OUTCOMES = pa.schema(
    [
        ("location", pa.string()),
        ("paper_id", pa.string()),
        *_SHOWN,
        ("source", pa.string()),
        ("content_hash", pa.string()),
        ("hypotheses", pa.int32()),
        ("decisions", pa.list_(DECISION)),
        ("results", pa.list_(RESULT)),
        ("reason", pa.string()),
        ("detail", pa.string()),
        ("seen_at", INSTANT),
    ]
)
# Boards that the taxonomy may lack; see `discover.proposals`.
PROPOSALS = pa.schema(
    [
        ("proposal_id", pa.string()),
        *TDM_FIELDS,
        ("direction", pa.string()),
        ("papers", pa.int32()),  # that report it
        ("names", STRINGS),  # of the data set, as papers write it
        ("nearest", STRINGS),  # labels of data sets with a similar name
        (
            "evidence",
            pa.list_(pa.struct([("paper_id", pa.string()), *(RESULT.field(n) for n in _EVIDENT)])),
        ),
        ("dataset_key", pa.string()),
    ]
)
LEADERBOARDS = pa.schema(
    [
        *TDM_FIELDS,
        ("direction", pa.string()),
        ("rank", pa.int32()),
        ("paper_id", pa.string()),
        *_SHOWN,
        ("score", pa.float64()),
        ("score_text", pa.string()),
        ("probability", pa.float32()),
        ("method", pa.string()),
        ("confidence", pa.float32()),
        ("evidence", EVIDENCE),
        # Beyond the contract: whether boards show the row by default, a score far from its leaderboard's, and
        # one that was the best when it was published.
        ("confirmed", pa.bool_()),
        ("outlier", pa.bool_()),
        ("was_best", pa.bool_()),
    ]
)
TAXONOMY = pa.schema(
    [
        *TDM_FIELDS,
        ("papers", pa.int32()),
        ("direction", pa.string()),
        ("aliases", STRINGS),
        ("area", pa.string()),
        ("low", pa.float64()),  # the least and the largest value that the metric can have
        ("high", pa.float64()),
    ]
)
# The label that stands for this one on boards (see `taxonomy.groups`); null where it stands for itself.
BOARD = pa.field("board", pa.struct(TDM_FIELDS))
# What a reader said of a prediction, verdict "right" or "wrong"; see `gold.marks`.
_VERDICT = [
    ("verdict", pa.string()),
    ("score", pa.float64()),
    ("score_text", pa.string()),
    ("note", pa.string()),
]
MARKS = pa.schema([("paper_id", pa.string()), *TDM_FIELDS, *_VERDICT])
ANNOTATIONS = pa.schema([("paper_id", pa.string()), *TDM_FIELDS, ("score", pa.string())])


@dataclass(frozen=True)
class Cell:
    """A table cell with a value: its text, whether it is bold, and the headers above and beside it.

    `row` and `column` are its place in the table's grid, from 0; None where a source has no grid."""

    value: str
    bold: bool = False
    row_headers: Sequence[str] = ()
    column_headers: Sequence[str] = ()
    row: int | None = None
    column: int | None = None

    @classmethod
    def from_row(cls, row: dict[str, Any]) -> Cell:
        """The cell of a row of `CELL`; nulls read as empty."""
        return cls(
            row["value"] or "",
            bool(row["bold"]),
            row["row_headers"] or (),
            row["column_headers"] or (),
            row.get("row"),
            row.get("column"),
        )

    def headed(self, axis: str, level: int, header: str) -> Cell:
        """The cell with another header at one level of `axis` ("row_headers" or "column_headers")."""
        headers = list(getattr(self, axis))
        headers[level] = header
        return (
            replace(self, row_headers=headers)
            if axis == "row_headers"
            else replace(self, column_headers=headers)
        )


@dataclass(frozen=True)
class PaperTable:
    """A table of a paper; `text` is what a PDF table parser made of its whole print, for others empty."""

    caption: str
    cells: Sequence[Cell] = ()
    text: str = ""

    @property
    def whole(self) -> str:
        """The text and the caption in one piece, as the parser gives them."""
        return f"{self.text} {self.caption}" if self.text else self.caption


@dataclass(frozen=True)
class Section:
    """A section: its heading (may be empty) and its running text."""

    heading: str
    text: str


@dataclass(frozen=True)
class Paper:
    """One article, as a reader makes it; `content_hash` is derived, never given."""

    paper_id: str
    title: str
    abstract: str
    sections: Sequence[Section] = ()
    tables: Sequence[PaperTable] = ()
    published: date | None = None
    categories: Sequence[str] = ()
    source: str = ""
    conversion: str | None = None
    published_by_id: bool = False

    @cached_property
    def content_hash(self) -> str:
        """BLAKE2b-128, in hex, of the text that is scored: the same text gives the same hash everywhere."""
        text = [
            self.title,
            self.abstract,
            [[s.heading, s.text] for s in self.sections],
            [
                [t.whole, [[c.value, c.bold, *map(list, (c.row_headers, c.column_headers))] for c in t.cells]]
                for t in self.tables
            ],
        ]
        canonical = json.dumps(text, ensure_ascii=False, separators=(",", ":"))
        return hashlib.blake2b(canonical.encode("utf-8", "replace"), digest_size=16).hexdigest()

    def row(self) -> dict[str, Any]:
        """The paper as a row of `PAPERS`; not by `asdict`, which copies all values: 5 ms a paper, this takes
        1."""
        tables = [{**vars(t), "cells": [{**vars(c)} for c in t.cells]} for t in self.tables]
        sections = [{**vars(s)} for s in self.sections]
        return {**vars(self), "sections": sections, "tables": tables, "content_hash": self.content_hash}

    @classmethod
    def from_row(cls, row: dict[str, Any]) -> Paper:
        """The paper of a row of `PAPERS`; null strings and lists read as empty."""
        return cls(
            paper_id=row["paper_id"],
            title=row["title"] or "",
            abstract=row["abstract"] or "",
            sections=[Section(s["heading"] or "", s["text"] or "") for s in row["sections"] or ()],
            tables=[
                PaperTable(t["caption"] or "", [*map(Cell.from_row, t["cells"] or ())], t.get("text") or "")
                for t in row["tables"] or ()
            ],
            published=row["published"],
            categories=row["categories"] or (),
            source=row["source"] or "",
            conversion=row.get("conversion"),
            published_by_id=bool(row.get("published_by_id")),
        )


@dataclass(frozen=True, order=True)
class TDM:
    """A label: a task, a dataset and a metric; written `task#dataset#metric` in the files of the field."""

    task: str
    dataset: str
    metric: str

    def __str__(self) -> str:
        return f"{self.task}#{self.dataset}#{self.metric}"

    @classmethod
    def of(cls, row: Mapping[str, Any]) -> TDM:
        """The label of a row with the columns `TDM_COLUMNS`."""
        return cls(*(row[part] for part in TDM_COLUMNS))


@dataclass(frozen=True)
class Reading:
    """What a reader made of one item: a paper, or the reason (a key of `errors.REASONS`) why there is none.

    `tex` is the flat source of an e-print that is still to be converted; then there is neither.
    """

    location: str
    paper: Paper | None = None
    paper_id: str = ""
    source: str = ""
    reason: str | None = None
    detail: str | None = None
    tex: str | None = None

    def row(self) -> dict[str, Any]:
        """The reading as a row of `READINGS`."""
        paper = self.paper.row() if self.paper else {"paper_id": self.paper_id, "source": self.source}
        own = {"location": self.location, "reason": self.reason, "detail": self.detail, "tex": self.tex}
        return {**paper, **own}
