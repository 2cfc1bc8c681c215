"""From input splits to readings, with the list of all readers; a new format is added here.

To add a format: write its reader as one small file in this folder, and give it a line in `_READERS` and its
suffixes in `splits._SUFFIXES`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from typing import Any, TypeVar

import pyarrow as pa

from tdm_ray.errors import PaperError
from tdm_ray.papers.html_page import read_html
from tdm_ray.papers.items import DAMAGED, MAX_PAPER_BYTES, Item, location_of, refused, rejected, why
from tdm_ray.papers.json_files import read_jsonl
from tdm_ray.papers.latex.dump import MAX_MEMBER
from tdm_ray.papers.latex.eprint import read_eprint
from tdm_ray.papers.latex.pandoc import plain_tex
from tdm_ray.papers.latex.paper import read_tex
from tdm_ray.papers.limits import paper_limits
from tdm_ray.papers.plain_text import read_plain_text
from tdm_ray.papers.rows import (
    ROWS_A_BATCH,
    papers_tables,
    read_papers_table,
    read_tar,
    read_tei_table,
    read_zip,
)
from tdm_ray.papers.splits import InputSplit, find_splits, paper_id_of_path
from tdm_ray.papers.table import readings_table, row_of, together
from tdm_ray.papers.tei import read_tei
from tdm_ray.records import READINGS, Paper, Reading
from tdm_ray.storage import open_file

Skip = Callable[[str], bool]
Begin = Callable[[str], None]
_Read = TypeVar("_Read")
_NEXT_S = 600.0  # to find the next item: a slow line is not the paper's fault
_BATCH_BYTES = 200_000_000


def read_papers(*paths: str) -> Iterator[Reading]:
    """The readings of files, folders or globs, one by one, in order; without Ray.

    Every item becomes a `Reading`: with a `Paper`, or with the reason why there is none.
    """
    for split in find_splits(paths):
        for reading in read_split(split):
            yield converted(reading)


def read_split(
    split: InputSplit, *, skip: Skip | None = None, begin: Begin | None = None
) -> Iterator[Reading]:
    """The readings of one split, e-prints not yet converted. Never raises for what is wrong with one paper.

    begin: called with an item's location before it is read; so an item that ends the process can be named.
    skip: whether to reject the item at a location as `crashed` instead of reading it."""
    for path in split.paths:
        for item in _each(split, path, _READERS[split.kind](split, path)):
            yield read_item(item, skip=skip, begin=begin)


def read_item(item: Item, *, skip: Skip | None = None, begin: Begin | None = None) -> Reading:
    """The reading of one item, within the limits for a paper: what it holds, or why it cannot be used."""
    if skip and skip(item.location):
        error = PaperError("crashed", "not read again: it ended the process that read it")
        return rejected(item.location, item.paper_id, item.source, error)
    if begin:
        begin(item.location)
    try:
        with paper_limits():
            return item.reading()
    except Exception as error:  # noqa: BLE001 - one bad paper never stops the others; it is counted, with its cause
        return rejected(item.location, _id_of(item), item.source, error)


def _id_of(item: Item) -> str:
    if item.find_id is None:
        return item.paper_id
    try:
        with paper_limits():
            return item.find_id()
    except Exception:  # noqa: BLE001 - an item that cannot be read may have no id either
        return item.paper_id


def _each(split: InputSplit, path: str, items: Iterator[_Read]) -> Iterator[_Read | Item]:
    """What a reader finds in a file; then, where it cannot read on, an item that says why."""
    while True:
        try:
            with paper_limits(_NEXT_S):
                one = next(items, None)
        except Exception as error:  # noqa: BLE001 - as above, of a file
            yield refused(location_of(path), paper_id_of_path(path), split.kind, why(error))
            return
        if one is None:
            return
        yield one


def split_tables(
    split: InputSplit, *, hashed: bool = False, skip: Skip | None = None, begin: Begin | None = None
) -> Iterator[pa.Table]:
    """The readings of one split as tables of schema `READINGS` with `ROWS_A_BATCH` rows at most.

    hashed: papers tables are read as columns, their content hashes taken as they stand (see
    `rows.papers_tables`). skip, begin: as in `read_split`, for what is read row by row."""
    if hashed and split.kind == "papers_table":
        yield from _columns(split, skip, begin)
        return
    rows: list[pa.Table] = []
    size = 0
    for reading in read_split(split, skip=skip, begin=begin):
        rows.append(row_of(reading))
        size += rows[-1].nbytes
        if len(rows) == ROWS_A_BATCH or size > _BATCH_BYTES:
            yield together(rows)
            rows = []
            size = 0
    yield together(rows)


def _columns(split: InputSplit, skip: Skip | None, begin: Begin | None) -> Iterator[pa.Table]:
    for path in split.paths:
        for batch in _each(split, path, papers_tables(split, path)):
            if isinstance(batch, pa.Table):
                yield batch
            else:
                items = [batch] if isinstance(batch, Item) else batch
                yield readings_table(read_item(item, skip=skip, begin=begin) for item in items)
    yield READINGS.empty_table()


def converted(reading: Reading, *, skip: Skip | None = None, begin: Begin | None = None) -> Reading:
    """The reading with its TeX source converted to a paper; others as they are."""
    if reading.tex is None:
        return reading
    read = partial(read_tex, reading.paper_id, reading.tex)
    return read_item(Item(reading.location, reading.paper_id, "latex", read), skip=skip, begin=begin)


def converted_table(readings: pa.Table, *, skip: Skip | None = None, begin: Begin | None = None) -> pa.Table:
    """READINGS with TeX sources -> READINGS with papers only; `skip` and `begin` as in `read_split`.

    What another source already said of a paper (title, abstract, date, categories: see `metadata`) is
    kept, the title and abstract as text: the snapshot has TeX in them.
    """
    if readings["tex"].null_count == len(readings):
        return readings
    rows = [readings.slice(number, 1) for number in range(len(readings))]
    return together([row if row["tex"].null_count else _converted_row(row, skip, begin) for row in rows])


def _converted_row(table: pa.Table, skip: Skip | None, begin: Begin | None) -> pa.Table:
    (row,) = table.to_pylist()
    source = Reading(row["location"], paper_id=row["paper_id"], source=row["source"], tex=row["tex"])
    reading = converted(source, skip=skip, begin=begin)
    if reading.paper:
        given: dict[str, Any] = {name: row[name] for name in ("published", "categories") if row[name]}
        if "published" in given:
            given["published_by_id"] = bool(row["published_by_id"])
        given |= {name: plain_tex(row[name]) for name in ("title", "abstract") if row[name]}
        reading = replace(reading, paper=replace(reading.paper, **given))
    return row_of(reading)


def _read_single(read: Callable[[str, bytes], Paper]) -> Callable[[InputSplit, str], Iterator[Item]]:
    def reader(split: InputSplit, path: str) -> Iterator[Item]:
        paper_id = paper_id_of_path(path)
        yield Item(
            location_of(path), paper_id, split.kind, lambda: read(paper_id, _bytes(path, MAX_PAPER_BYTES))
        )

    return reader


def _read_eprint(split: InputSplit, path: str) -> Iterator[Item]:
    def read() -> str:
        return read_eprint(_bytes(path, MAX_MEMBER, packed=True))

    yield Item(location_of(path), paper_id_of_path(path), "latex", read)


def _bytes(path: str, limit: int, *, packed: bool = False) -> bytes:
    try:
        with open_file(path, packed=packed) as file:
            data: bytes = file.read(limit + 1)
    except DAMAGED as error:
        raise PaperError("truncated", f"{error}; fetch the file again") from None
    if len(data) > limit:
        raise PaperError("too_large", f"more than {limit:,} bytes; split it into one file a paper")
    return data


def _text(read: Callable[[str, str], Paper]) -> Callable[[InputSplit, str], Iterator[Item]]:
    return _read_single(lambda paper_id, data: read(paper_id, data.decode("utf-8", "replace")))


_READERS: dict[str, Callable[[InputSplit, str], Iterator[Item]]] = {
    "tei": _read_single(read_tei),
    "html": _read_single(read_html),
    "zip": read_zip,
    "text": _text(read_plain_text),
    "markdown": _text(lambda paper_id, text: read_plain_text(paper_id, text, markdown=True)),
    "eprint": _read_eprint,
    "jsonl": read_jsonl,
    "dump": read_tar,
    "tei_table": read_tei_table,
    "papers_table": read_papers_table,
}
