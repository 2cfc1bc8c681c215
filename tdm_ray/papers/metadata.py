"""arXiv's metadata snapshot: joined to what was read, and used to select papers by category and date.

The snapshot is JSON lines of 5 GB (id, title, abstract, categories, versions with dates), see
https://www.kaggle.com/datasets/Cornell-University/arxiv. It is read once, line by line, into a Parquet file
of 1 GB that is in the order of the snapshot, which is that of the ids: a block of papers needs few of its row
groups."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from datetime import date
from email.utils import parsedate_to_datetime
from fnmatch import translate
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from tdm_ray.arxiv_ids import VERSIONED, base_ids, first_of_month
from tdm_ray.config import Selection
from tdm_ray.errors import InputError
from tdm_ray.records import READINGS, STRINGS
from tdm_ray.storage import open_file, scan_table
from tdm_ray.text.clean import clean

METADATA = pa.schema(
    [
        ("id", pa.string()),
        ("title", pa.string()),
        ("abstract", pa.string()),
        ("categories", STRINGS),
        ("published", pa.date32()),
        ("versions", pa.int32()),
        ("withdrawn", pa.bool_()),
    ]
)
_ROWS_A_GROUP = 5000
_LONGEST_FAULT = 200
# What the abstract or comment of a withdrawn paper begins with.
_WITHDRAWN = re.compile(
    r"(?:\W*(?:this|the) (?:paper|article|submission|manuscript|work|preprint)[\w ,]{0,40}?"
    r"(?:has been|is|was) (?:temporarily )?withdrawn\b|withdrawn\b)",
    re.IGNORECASE,
)


def write_metadata(snapshot: str, path: str, *, strict: bool = False) -> tuple[int, list[str]]:
    """Write the snapshot as a Parquet file of schema `METADATA`.

    Returns the number of papers, and of the lines that are no entry the number and what is wrong with each.
    Raises `InputError`, naming the first of them, where no line is one, or `strict` and one is none."""
    count = 0
    broken: list[str] = []
    with open_file(path, "wb") as file, pq.ParquetWriter(file, METADATA, compression="zstd") as writer:
        for table in _tables(snapshot, broken):
            writer.write_table(table)
            count += len(table)
    if broken and strict:
        raise InputError(f"{snapshot}: {len(broken):,} lines are no entries ({broken[0]}); mend them")
    if not count:
        why = broken[0] if broken else "it is empty"
        raise InputError(f"{snapshot}: holds no entry of arXiv's metadata snapshot ({why})")
    return count, broken


def _tables(snapshot: str, broken: list[str]) -> Iterator[pa.Table]:
    rows: list[dict[str, Any]] = []
    with open_file(snapshot) as file:
        for number, line in enumerate(file, start=1):
            try:
                rows += [_row(json.loads(line))] if line.strip() else []
            except (ValueError, TypeError, KeyError, AttributeError, IndexError) as error:
                broken.append(f"line {number}: {error!r}"[:_LONGEST_FAULT])
            if len(rows) == _ROWS_A_GROUP:
                yield pa.Table.from_pylist(rows, schema=METADATA)
                rows = []
    yield pa.Table.from_pylist(rows, schema=METADATA)


def _row(entry: dict[str, Any]) -> dict[str, Any]:
    if not isinstance(entry["id"], str):  # 704.0001 has lost its zeros
        raise TypeError(f"the id is a number, {entry['id']}")
    categories = entry["categories"]
    return {
        "id": entry["id"],
        "title": clean(entry["title"]),
        "abstract": clean(entry["abstract"]),
        "categories": categories.split() if isinstance(categories, str) else [str(c) for c in categories],
        "published": parsedate_to_datetime(entry["versions"][0]["created"]).date(),
        "versions": len(entry["versions"]),
        "withdrawn": any(_WITHDRAWN.match(clean(entry.get(name))) for name in ("abstract", "comments")),
    }


class Select:
    """Joins the snapshot to readings and marks what is not asked for. READINGS -> READINGS, row by row."""

    def __init__(self, selection: Selection, metadata: str | None = None) -> None:
        self._selection = selection
        self._metadata = scan_table(metadata, METADATA) if metadata else None

    def __call__(self, readings: pa.Table) -> pa.Table:
        """Dates and categories from the snapshot; titles and abstracts too where a source is still to be
        converted."""
        if not len(readings):
            return readings
        if self._metadata:
            readings = self._joined(readings)
        readings = _dated_by_id(readings)
        return _filtered(readings, self._selection)

    def _joined(self, readings: pa.Table) -> pa.Table:
        base = base_ids(readings["paper_id"])
        known = self._entries(base.unique())
        entries = known.take(pc.index_in(base, known["id"].combine_chunks()))
        parsed = pc.is_null(readings["tex"])
        columns = {
            "title": pc.if_else(parsed, readings["title"], pc.coalesce(entries["title"], readings["title"])),
            "abstract": pc.if_else(
                parsed, readings["abstract"], pc.coalesce(entries["abstract"], readings["abstract"])
            ),
            "published": pc.coalesce(entries["published"], readings["published"]),
            "published_by_id": pc.and_(readings["published_by_id"], pc.is_null(entries["published"])),
            "categories": pc.coalesce(entries["categories"], readings["categories"]),
        }
        readings = _with(readings, columns)
        version = pc.cast(
            pc.struct_field(pc.extract_regex(readings["paper_id"], VERSIONED), "version"), pa.int32()
        )
        readings = _rejected(readings, entries["withdrawn"], "withdrawn", "the snapshot says so")
        return _rejected(
            readings, pc.less(version, entries["versions"]), "older_version", "the snapshot has a newer one"
        )

    def _entries(self, ids: pa.Array) -> pa.Table:
        # The range lets row groups be left out by their statistics; the set then picks the rows.
        low = pc.min(ids)
        high = pc.max(ids)
        field = pc.field("id")
        assert self._metadata is not None
        return self._metadata.to_table(filter=(field >= low) & (field <= high) & field.isin(ids))


def _dated_by_id(readings: pa.Table) -> pa.Table:
    """The readings; those without a date have that of their arXiv id."""
    if not readings["published"].null_count:
        return readings
    days = [first_of_month(paper_id or "") for paper_id in readings["paper_id"].to_pylist()]
    by_id = pa.array(days, pa.date32())
    marks = pc.and_(pc.is_null(readings["published"]), pc.is_valid(by_id))
    columns = {
        "published": pc.coalesce(readings["published"], by_id),
        "published_by_id": pc.or_(pc.fill_null(readings["published_by_id"], False), marks),
    }
    return _with(readings, columns)


def _filtered(readings: pa.Table, selection: Selection) -> pa.Table:
    keep = pa.array([True] * len(readings))
    if selection.categories:
        keep = pa.array(_in_categories(readings["categories"], selection.categories))
    if selection.since:
        keep = pc.and_(keep, pc.greater_equal(readings["published"], _day(selection.since)))
    if selection.until:
        keep = pc.and_(keep, pc.less_equal(readings["published"], _day(selection.until)))
    return _rejected(readings, pc.invert(pc.fill_null(keep, False)), "filtered", str(selection))


def _in_categories(categories: pa.ChunkedArray, patterns: Sequence[str]) -> list[bool]:
    wanted = re.compile("|".join(map(translate, patterns)))
    return [any(map(wanted.match, names or ())) for names in categories.to_pylist()]


def _day(text: str) -> pa.Scalar:
    return pa.scalar(date.fromisoformat(text), pa.date32())


def _rejected(readings: pa.Table, mark: pa.ChunkedArray, reason: str, detail: str) -> pa.Table:
    """The readings; those marked and not yet rejected get this reason and lose their text."""
    new = pc.and_(pc.fill_null(mark, False), pc.is_null(readings["reason"]))
    columns = {
        "reason": pc.if_else(new, reason, readings["reason"]),
        "detail": pc.if_else(new, detail, readings["detail"]),
    }
    for name in ("tex", "sections", "tables"):
        empty = pa.nulls(len(readings), READINGS.field(name).type)
        columns[name] = (
            pc.if_else(new, empty, readings[name]) if name == "tex" else _blank(readings[name], new)
        )
    return _with(readings, columns)


def _blank(column: pa.ChunkedArray, mark: pa.ChunkedArray) -> pa.ChunkedArray:
    """The column with nulls where marked (`if_else` knows no lists of structs)."""
    rows = pa.array(range(len(column)), pa.int64())
    return column.take(pc.if_else(mark, None, rows))


def _with(table: pa.Table, columns: dict[str, Any]) -> pa.Table:
    for name, column in columns.items():
        place = table.schema.get_field_index(name)
        table = table.set_column(place, READINGS.field(name), pc.cast(column, READINGS.field(name).type))
    return table
