"""Pieces -> readings: every item becomes a paper, or a reason why there is none.

To add a format: write its reader as one small file in this folder, and give it a line in `_READERS` and its suffixes
in `pieces._SUFFIXES`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import pyarrow as pa

from tdm_ray.errors import PaperError
from tdm_ray.papers.latex.dump import MAX_MEMBER
from tdm_ray.papers.latex.paper import read_tex
from tdm_ray.papers.limits import time_limit
from tdm_ray.papers.pieces import Piece, find_pieces, paper_id_of_path
from tdm_ray.papers.plain_text import read_plain_text
from tdm_ray.papers.rows import (
    DAMAGED,
    MAX_PAPER_BYTES,
    ROWS_A_BATCH,
    eprint_reading,
    papers_tables,
    read_jsonl,
    read_papers_table,
    read_tar,
    read_tei_table,
    reading,
    rejected,
)
from tdm_ray.papers.tei import read_tei
from tdm_ray.records import READINGS, Paper, Reading, readings_table
from tdm_ray.storage import open_file


def read_papers(*paths: str) -> Iterator[Reading]:
    """The readings of files, folders or globs, one by one, in order; without Ray.

    Every item becomes a `Reading`: with a `Paper`, or with the reason why there is none.
    """
    for piece in find_pieces(paths):
        for found in read_piece(piece):
            yield converted(found)


def read_piece(piece: Piece) -> Iterator[Reading]:
    """The readings of one piece, e-prints not yet converted. Never raises for what is wrong with one paper."""
    for path in piece.paths:
        try:
            yield from _READERS[piece.kind](piece, path)
        except (OSError, pa.ArrowException) as error:
            yield _unreadable(piece, path, error)


def piece_tables(piece: Piece, *, hashed: bool = False, skip: Any = None, begin: Any = None) -> Iterator[pa.Table]:
    """The readings of one piece as tables of schema `READINGS` with `ROWS_A_BATCH` rows at most.

    hashed: papers tables are read as columns, their content hashes taken as they stand (see `rows.papers_tables`).
    """
    if hashed and piece.kind == "papers_table":
        yield from _columns(piece)
        return
    batch: list[Reading] = []
    for found in read_piece(piece):
        batch.append(found)
        if len(batch) == ROWS_A_BATCH:
            yield readings_table(batch)
            batch = []
    yield readings_table(batch)


def _columns(piece: Piece) -> Iterator[pa.Table]:
    for path in piece.paths:
        try:
            yield from papers_tables(piece, path)
        except (OSError, pa.ArrowException) as error:
            yield readings_table([_unreadable(piece, path, error)])
    yield READINGS.empty_table()


def _unreadable(piece: Piece, path: str, error: Exception) -> Reading:
    return rejected(path, paper_id_of_path(path), piece.kind, PaperError("unreadable", str(error)))


def converted(found: Reading) -> Reading:
    """The reading with its TeX source converted to a paper; others as they are."""
    if found.tex is None:
        return found

    def read() -> Paper:
        with time_limit():
            return read_tex(found.paper_id, found.tex or "")

    return reading(found.location, found.paper_id, "latex", read)


def converted_table(readings: pa.Table) -> pa.Table:
    """READINGS with TeX sources -> READINGS with papers only.

    What another source already said of a paper (title, abstract, date, categories: see `metadata`) is kept.
    """
    if readings["tex"].null_count == len(readings):
        return readings
    return pa.Table.from_pylist([_converted_row(row) for row in readings.to_pylist()], schema=READINGS)


def _converted_row(row: dict[str, Any]) -> dict[str, Any]:
    if row["tex"] is None:
        return row
    found = converted(Reading(row["location"], paper_id=row["paper_id"], source=row["source"], tex=row["tex"]))
    if found.paper is None:
        return found.row()
    told = {k: row[k] for k in ("title", "abstract", "published", "categories") if row[k]}
    return Reading(row["location"], Paper.from_row({**found.paper.row(), **told})).row()


def _read_single(read: Callable[[str, bytes], Paper]) -> Callable[[Piece, str], Iterator[Reading]]:
    def reader(piece: Piece, path: str) -> Iterator[Reading]:
        paper_id = paper_id_of_path(path)
        yield reading(path, paper_id, piece.kind, lambda: read(paper_id, _bytes(path, MAX_PAPER_BYTES)))

    return reader


def _read_eprint(piece: Piece, path: str) -> Iterator[Reading]:
    yield eprint_reading(path, paper_id_of_path(path), lambda: _bytes(path, MAX_MEMBER, packed=True))


def _bytes(path: str, limit: int, *, packed: bool = False) -> bytes:
    try:
        with open_file(path, packed=packed) as file:
            data: bytes = file.read(limit + 1)
    except DAMAGED as error:
        raise PaperError("truncated", f"{error}; fetch the file again") from None
    if len(data) > limit:
        raise PaperError("too_large", f"more than {limit:,} bytes; split it into one file a paper")
    return data


def _text(read: Callable[[str, str], Paper]) -> Callable[[Piece, str], Iterator[Reading]]:
    return _read_single(lambda paper_id, data: read(paper_id, data.decode("utf-8", "replace")))


_READERS: dict[str, Callable[[Piece, str], Iterable[Reading]]] = {
    "tei": _read_single(read_tei),
    "text": _text(read_plain_text),
    "markdown": _text(lambda paper_id, text: read_plain_text(paper_id, text, markdown=True)),
    "eprint": _read_eprint,
    "jsonl": read_jsonl,
    "dump": read_tar,
    "tei_table": read_tei_table,
    "papers_table": read_papers_table,
}
