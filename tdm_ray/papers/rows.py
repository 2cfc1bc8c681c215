"""Readers of files that hold many papers (Parquet tables, tars, zips): one item for each paper."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from tdm_ray.errors import PaperError
from tdm_ray.papers.html_page import read_html
from tdm_ray.papers.items import DAMAGED, MAX_PAPER_BYTES, Item, location_of, refused
from tdm_ray.papers.latex.dump import End, Member, read_dump
from tdm_ray.papers.latex.eprint import read_eprint, unpacked
from tdm_ray.papers.splits import InputSplit, kind_of, paper_id_of_path
from tdm_ray.papers.tei import read_tei
from tdm_ray.records import PAPERS, READINGS, Paper
from tdm_ray.storage import open_file

ROWS_A_BATCH = 64
_FULL = ("paper_id", "categories", "sections", "tables", "content_hash")


def read_tei_table(split: InputSplit, path: str) -> Iterator[Item]:
    """One item a row of a Parquet row group with columns `paper_id`, `tei` and optionally `tables`."""
    for rows, batch in _parquet_batches(split, path, ["paper_id", "tei", "tables"]):
        for place, row in enumerate(rows):
            paper_id = _text_of(batch, "paper_id", place)
            yield Item(
                location_of(path, row), paper_id, "tei", partial(_paper_of_tei_row, paper_id, batch, place)
            )


def read_papers_table(split: InputSplit, path: str) -> Iterator[Item]:
    """One item a row of a row group of a papers table."""
    for rows, batch in _parquet_batches(split, path, PAPERS.names):
        yield from _items(path, rows, batch)


def papers_tables(split: InputSplit, path: str) -> Iterator[pa.Table | list[Item]]:
    """The rows of a papers table as tables of schema `READINGS`, kept in columns: 0.3 ms a paper, not 4.

    A batch with something wrong in it comes as items instead, to be read one by one. The content hashes are
    those that the table states; the stages compute their own (see `run.stages`)."""
    for rows, batch in _parquet_batches(split, path, PAPERS.names):
        table = _as_readings(path, rows, batch)
        yield list(_items(path, rows, batch)) if table is None else table


def _items(path: str, rows: Sequence[int], batch: pa.RecordBatch) -> Iterator[Item]:
    for place, row in enumerate(rows):
        paper_id = _text_of(batch, "paper_id", place)
        source = _text_of(batch, "source", place)
        yield Item(location_of(path, row), paper_id, source, partial(_paper_of_row, batch, place))


def _text_of(batch: pa.RecordBatch, name: str, place: int) -> str:
    """One text of a batch; empty where there is none, or none that can be read."""
    try:
        return str(batch[name][place].as_py() or "")
    except UnicodeDecodeError:
        return ""


def _paper_of_row(batch: pa.RecordBatch, place: int) -> Paper:
    paper = Paper.from_row(batch.slice(place, 1).to_pylist()[0])
    if not paper.paper_id:
        raise PaperError("not_a_paper", "the row has no paper_id")
    pa.Table.from_pylist(
        [paper.row()], schema=PAPERS
    )  # a value of another type is this row's reject, not the file's
    return paper


def _as_readings(path: str, rows: Sequence[int], batch: pa.RecordBatch) -> pa.Table | None:
    """The batch as readings; None where a needed column is missing, has nulls, or cannot be cast."""
    given = {name: batch[name] for name in PAPERS.names if name in batch.schema.names}
    given["location"] = pa.array([location_of(path, row) for row in rows], pa.string())
    columns = [given.get(field.name, pa.nulls(len(batch), field.type)) for field in READINGS]
    try:
        table = pa.table(columns, names=READINGS.names).cast(READINGS)
    except pa.ArrowException:
        return None
    for name in ("title", "abstract", "source"):
        table = table.set_column(table.schema.get_field_index(name), name, pc.fill_null(table[name], ""))
    cells = pc.struct_field(pc.list_flatten(table["tables"]), "cells")
    inner = [pc.list_flatten(column) for column in (table["sections"], table["tables"], cells)]
    whole = not any(column.null_count for column in (*(table[name] for name in _FULL), *inner))
    return table if whole else None


def read_tar(split: InputSplit, path: str) -> Iterator[Item]:
    """One item an e-print of a tar, read to its flat TeX source; one more where the tar is not as
    expected."""
    for part in read_dump(path):
        if isinstance(part, Member):
            yield _member(path, part)
        else:
            wrong = part.error or _unexpected(split, part)
            if wrong:
                yield refused(location_of(path, ""), paper_id_of_path(path), "latex", wrong)


def _member(path: str, member: Member) -> Item:
    location = location_of(path, member.name)
    paper_id = paper_id_of_path(member.name)
    if member.error:
        return refused(location, paper_id, "latex", member.error)
    if kind_of(member.name) == "html":
        return Item(location, paper_id, "html", partial(_page, paper_id, member.data))
    return Item(location, paper_id, "latex", partial(read_eprint, member.data))


def _page(paper_id: str, data: bytes) -> Paper:
    data = unpacked(data)
    if len(data) > MAX_PAPER_BYTES:
        raise PaperError("too_large", f"a page of more than {MAX_PAPER_BYTES:,} bytes")
    return read_html(paper_id, data)


def read_zip(split: InputSplit, path: str) -> Iterator[Item]:
    """One item for each HTML page of a zip; one that says so where it holds none. No more than one page is
    held in memory."""
    with open_file(path, packed=True) as file, _opened(file) as archive:
        pages = [info for info in archive.infolist() if kind_of(info.filename) == "html"]
        for info in pages:
            paper_id = paper_id_of_path(info.filename)
            read = partial(_page_of_zip, paper_id, archive, info)
            yield Item(location_of(path, info.filename), paper_id, "html", read)
    if not pages:
        error = PaperError("not_a_paper", "a zip without HTML pages; unpack it and give the files themselves")
        yield refused(location_of(path), paper_id_of_path(path), "html", error)


def _opened(file: Any) -> zipfile.ZipFile:
    try:
        return zipfile.ZipFile(file)
    except zipfile.BadZipFile as error:
        raise PaperError("truncated", f"{error}; fetch the zip again") from None


def _page_of_zip(paper_id: str, archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> Paper:
    try:
        with archive.open(info) as file:
            data = file.read(MAX_PAPER_BYTES + 1)
    except (zipfile.BadZipFile, RuntimeError, NotImplementedError, *DAMAGED) as error:
        raise PaperError("truncated", f"{error}; fetch the zip again") from None
    return _page(paper_id, data)


def _unexpected(split: InputSplit, end: End) -> PaperError | None:
    difference = split.expected.difference(end.size, end.items, end.md5) if split.expected else None
    return (
        PaperError("checksum", f"{difference}, as the manifest says; fetch the tar again")
        if difference
        else None
    )


def _paper_of_tei_row(paper_id: str, batch: pa.RecordBatch, place: int) -> Paper:
    if not paper_id:
        raise PaperError("not_a_paper", "the row has no paper_id")
    value: dict[str, Any] = {name: batch[name][place].as_py() for name in batch.schema.names}
    for name in ("tei", "tables"):
        if len(value.get(name) or "") > MAX_PAPER_BYTES:
            raise PaperError("too_large", f"column `{name}`: more than {MAX_PAPER_BYTES:,} characters")
    return read_tei(paper_id, value["tei"] or "", value.get("tables"))


def _parquet_batches(
    split: InputSplit, path: str, columns: list[str]
) -> Iterator[tuple[list[int], pa.RecordBatch]]:
    """The wanted rows of a row group, some at a time, with their numbers in the file."""
    with open_file(path) as file:
        parquet = pq.ParquetFile(file)
        present = [c for c in columns if c in parquet.schema_arrow.names]
        rows = sorted(split.rows) if split.rows is not None else range(split.papers or 0)
        wanted = np.array(rows, np.int64)
        first = 0
        for batch in parquet.iter_batches(ROWS_A_BATCH, row_groups=[split.row_group], columns=present):
            numbers = wanted[(wanted >= first) & (wanted < first + len(batch))]
            if len(numbers):
                yield (
                    (split.first_row + numbers).tolist(),
                    batch.take(numbers - first) if len(numbers) < len(batch) else batch,
                )
            first += len(batch)
