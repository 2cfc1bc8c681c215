"""Files that hold many papers: JSON lines, Parquet tables, tars of e-prints. Each yields one reading an item."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import IO, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from tdm_ray.errors import PaperError
from tdm_ray.papers.json_paper import paper_id_of, read_json_paper
from tdm_ray.papers.latex.dump import End, Member, read_dump
from tdm_ray.papers.latex.eprint import read_eprint
from tdm_ray.papers.pieces import Piece, paper_id_of_path
from tdm_ray.papers.tei import read_tei
from tdm_ray.records import PAPERS, READINGS, Paper, Reading, readings_table
from tdm_ray.storage import open_file

# One paper: the largest TEI of the 4,633 real ones has 2.8 MB; 20 MB is a book or a mistake.
MAX_PAPER_BYTES = 20_000_000
ROWS_A_BATCH = 64
_FULL = ("paper_id", "categories", "sections", "tables", "content_hash")
DAMAGED = (EOFError, zlib.error, gzip.BadGzipFile)


def read_jsonl(piece: Piece, path: str) -> Iterator[Reading]:
    """One reading a line that is not blank."""
    row = -1
    with open_file(path) as file:
        for row, line in _lines(file):
            if isinstance(line, PaperError):
                yield rejected(f"{path}#{row}", "", "jsonl", line)
            else:
                yield reading(f"{path}#{row}", paper_id_of(line), "jsonl", partial(read_json_paper, line))
    if row < 0:
        yield rejected(path, "", "jsonl", PaperError("empty", "the file holds no line"))


def read_tei_table(piece: Piece, path: str) -> Iterator[Reading]:
    """One reading a row of a Parquet row group with columns `paper_id`, `tei` and optionally `tables`."""
    for rows, batch in _parquet_batches(piece, path, ["paper_id", "tei", "tables"]):
        for row, value in zip(rows, batch.to_pylist(), strict=True):
            paper_id = str(value["paper_id"] or "")
            yield reading(f"{path}#{row}", paper_id, "tei", partial(_paper_of_tei_row, paper_id, value))


def read_papers_table(piece: Piece, path: str) -> Iterator[Reading]:
    """One reading a row of a row group of a papers table."""
    for rows, batch in _parquet_batches(piece, path, PAPERS.names):
        yield from _readings(path, rows, batch)


def papers_tables(piece: Piece, path: str) -> Iterator[pa.Table]:
    """The same as tables of schema `READINGS` that stay columns where all is as it should be: 0.3 ms a paper for 4.

    Their content hashes are what the table says; who goes on with a paper makes its own (see `scoring.stages`).
    """
    for rows, batch in _parquet_batches(piece, path, PAPERS.names):
        table = _as_readings(path, rows, batch)
        yield readings_table(_readings(path, rows, batch)) if table is None else table


def _readings(path: str, rows: Sequence[int], batch: pa.RecordBatch) -> Iterator[Reading]:
    for row, value in zip(rows, batch.to_pylist(), strict=True):
        yield reading(f"{path}#{row}", str(value["paper_id"]), value["source"], partial(_paper_of_row, value))


def _paper_of_row(value: dict[str, Any]) -> Paper:
    paper = Paper.from_row(value)
    pa.Table.from_pylist([paper.row()], schema=PAPERS)  # a value of another type is this row's reject, not the file's
    return paper


def _as_readings(path: str, rows: Sequence[int], batch: pa.RecordBatch) -> pa.Table | None:
    """None where a column is missing, of a type that cannot become ours, or has nulls that it must not have."""
    given = {name: batch[name] for name in PAPERS.names if name in batch.schema.names}
    given["location"] = pa.array([f"{path}#{row}" for row in rows], pa.string())
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


def read_tar(piece: Piece, path: str) -> Iterator[Reading]:
    """One reading an e-print of a tar, its source not yet converted; a reject more where the tar is not as expected."""
    for item in read_dump(path):
        if isinstance(item, Member):
            yield _source(f"{path}#{item.name}", paper_id_of_path(item.name), item)
        else:
            wrong = item.error or _unexpected(piece, item)
            if wrong:
                yield rejected(f"{path}#", paper_id_of_path(path), "latex", wrong)


def eprint_reading(location: str, paper_id: str, data: Callable[[], bytes]) -> Reading:
    """The reading of one e-print: its flat TeX source, to be converted later, or why there is none."""
    try:
        return Reading(location, paper_id=paper_id, source="latex", tex=read_eprint(data()))
    except PaperError as error:
        return rejected(location, paper_id, "latex", error)
    except Exception as error:  # noqa: BLE001 - as in `reading`
        return rejected(location, paper_id, "latex", PaperError("failed", f"{type(error).__name__}: {error}"))


def reading(location: str, paper_id: str, source: str, read: Callable[[], Paper]) -> Reading:
    """The reading of one item: what `read` makes of it, or why it makes nothing."""
    try:
        return Reading(location, read())
    except PaperError as error:
        return rejected(location, paper_id, source, error)
    except Exception as error:  # noqa: BLE001 - one bad paper never stops the others; it is counted, with its cause
        return rejected(location, paper_id, source, PaperError("failed", f"{type(error).__name__}: {error}"))


def rejected(location: str, paper_id: str, source: str, error: PaperError) -> Reading:
    """The reading of an item that cannot be used."""
    return Reading(location, paper_id=paper_id, source=source, reason=error.reason, detail=error.detail)


def _source(location: str, paper_id: str, member: Member) -> Reading:
    if member.error:
        return rejected(location, paper_id, "latex", member.error)
    return eprint_reading(location, paper_id, lambda: member.data)


def _unexpected(piece: Piece, end: End) -> PaperError | None:
    told = piece.expected.difference(end.size, end.items, end.md5) if piece.expected else None
    return PaperError("checksum", f"{told}, as the manifest says; fetch the tar again") if told else None


def _lines(file: IO[bytes]) -> Iterator[tuple[int, bytes | PaperError]]:
    """The lines of a file that are not blank, numbered from 0; errors where too long or damaged."""
    row = -1
    try:
        while line := file.readline(MAX_PAPER_BYTES + 1):
            row += 1
            if len(line) <= MAX_PAPER_BYTES:
                if line.strip():
                    yield row, line
                continue
            while line and not line.endswith(b"\n"):
                line = file.readline(MAX_PAPER_BYTES)
            yield row, PaperError("too_large", f"a line of more than {MAX_PAPER_BYTES:,} bytes")
    except DAMAGED as error:
        yield row + 1, PaperError("truncated", f"{error}; the lines before this one were read; fetch the file again")


def _paper_of_tei_row(paper_id: str, value: dict[str, Any]) -> Paper:
    if not paper_id:
        raise PaperError("not_a_paper", "the row has no paper_id")
    return read_tei(paper_id, value["tei"] or "", value.get("tables"))


def _parquet_batches(piece: Piece, path: str, columns: list[str]) -> Iterator[tuple[list[int], pa.RecordBatch]]:
    """The wanted rows of a row group, some at a time, with their numbers in the file."""
    with open_file(path) as file:
        parquet = pq.ParquetFile(file)
        present = [c for c in columns if c in parquet.schema_arrow.names]
        rows = sorted(piece.rows) if piece.rows is not None else range(piece.papers or 0)
        wanted, first = np.array(rows, np.int64), 0
        for batch in parquet.iter_batches(ROWS_A_BATCH, row_groups=[piece.row_group], columns=present):
            here = wanted[(wanted >= first) & (wanted < first + len(batch))]
            if len(here):
                yield (piece.first_row + here).tolist(), batch.take(here - first) if len(here) < len(batch) else batch
            first += len(batch)
