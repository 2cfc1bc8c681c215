"""Files -> readings: which reader a file needs, and how much of it is one piece of work.

To add a format: write its reader as one small file in this folder, and give it a line in `_READERS` and its
suffixes in `_SUFFIXES`.
"""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import PurePosixPath
from typing import IO, Any

import pyarrow as pa
import pyarrow.parquet as pq

from tdm_ray.errors import InputError, PaperError
from tdm_ray.papers.json_paper import paper_id_of, read_json_paper
from tdm_ray.papers.plain_text import read_plain_text
from tdm_ray.papers.tei import read_tei
from tdm_ray.records import PAPERS, Paper, Reading, readings_table
from tdm_ray.storage import exists, join, list_files, open_file

# One paper: the largest TEI of the 4,633 real ones has 2.8 MB; 20 MB is a book or a mistake.
MAX_PAPER_BYTES = 20_000_000
FILES_A_PIECE = 64
ROWS_A_BATCH = 64

_SUFFIXES = {
    ".xml": "tei", ".tei": "tei", ".jsonl": "jsonl", ".json": "jsonl", ".ndjson": "jsonl",
    ".txt": "text", ".md": "markdown", ".markdown": "markdown", ".parquet": "parquet",
}  # fmt: skip
_TEI_COLUMNS = {"paper_id", "tei"}
_PAPERS_COLUMNS = set(PAPERS.names)
_DAMAGED = (EOFError, zlib.error, gzip.BadGzipFile)


@dataclass(frozen=True)
class Piece:
    """A unit of reading: some small files, one file of many papers, or one row group of a Parquet file.

    `papers` is how many it holds, None where only reading will tell.
    """

    kind: str
    paths: tuple[str, ...]
    papers: int | None
    row_group: int = 0
    first_row: int = 0


def find_pieces(paths: Iterable[str]) -> list[Piece]:
    """The pieces of all inputs, in order. Raises `InputError` where a path has nothing that a reader knows."""
    return [piece for path in paths for piece in _pieces(path)]


def count_papers(pieces: Iterable[Piece]) -> int | None:
    """How many papers the pieces hold, None where only reading will tell."""
    counts = [piece.papers for piece in pieces]
    return None if None in counts else sum(n for n in counts if n)


def read_papers(*paths: str) -> Iterator[Reading]:
    """The readings of files, folders or globs, one by one, in order; without Ray.

    Every item becomes a `Reading`: with a `Paper`, or with the reason why there is none.
    """
    for piece in find_pieces(paths):
        yield from read_piece(piece)


def read_piece(piece: Piece) -> Iterator[Reading]:
    """The readings of one piece. Never raises for what is wrong with one paper."""
    for path in piece.paths:
        try:
            yield from _READERS[piece.kind](piece, path)
        except (OSError, pa.ArrowException) as error:
            yield _rejected(path, paper_id_of_path(path), piece.kind, PaperError("unreadable", str(error)))


def piece_tables(piece: Piece) -> Iterator[pa.Table]:
    """The readings of one piece as tables of schema `READINGS` with `ROWS_A_BATCH` rows at most."""
    batch: list[Reading] = []
    for reading in read_piece(piece):
        batch.append(reading)
        if len(batch) == ROWS_A_BATCH:
            yield readings_table(batch)
            batch = []
    yield readings_table(batch)


def paper_id_of_path(path: str) -> str:
    """The id of a paper that has a file of its own: `a/1412.6575v4.tei.xml` -> `1412.6575v4`."""
    name = PurePosixPath(path).name
    for suffix in (".gz", *_SUFFIXES, ".tei", ".grobid"):
        name = name.removesuffix(suffix)
    return name


def kind_of(path: str) -> str | None:
    """The reader of a file by its name, `.gz` set aside; `None` where none knows it."""
    return _SUFFIXES.get(PurePosixPath(path.removesuffix(".gz")).suffix.lower())


def _pieces(path: str) -> Iterator[Piece]:
    ingested = join(path, "papers")
    root = ingested if exists(join(path, "ingest.json")) and exists(ingested) else path
    known = [(kind, file) for file in list_files(root) if (kind := kind_of(file))]
    if not known:
        raise InputError(
            f"{path}: no papers found; readable are {', '.join(sorted(_SUFFIXES))}, also with .gz (see README, Inputs)"
        )
    single = [(kind, f) for kind, f in known if kind in ("tei", "text", "markdown")]
    for kind in dict.fromkeys(kind for kind, _ in single):
        files = [f for k, f in single if k == kind]
        for start in range(0, len(files), FILES_A_PIECE):
            chunk = tuple(files[start : start + FILES_A_PIECE])
            yield Piece(kind, chunk, len(chunk))
    for kind, file in known:
        if kind == "jsonl":
            yield Piece(kind, (file,), None)
        elif kind == "parquet":
            yield from _parquet_pieces(file)


def _parquet_pieces(path: str) -> Iterator[Piece]:
    try:
        with open_file(path) as file:
            parquet = pq.ParquetFile(file)
            names, groups = set(parquet.schema_arrow.names), parquet.num_row_groups
            rows = [parquet.metadata.row_group(g).num_rows for g in range(groups)]
    except (OSError, pa.ArrowException) as error:
        raise InputError(f"{path}: not a Parquet file that can be read ({error})") from None
    kind = "papers_table" if names >= _PAPERS_COLUMNS else "tei_table" if names >= _TEI_COLUMNS else None
    if kind is None:
        raise InputError(
            f"{path}: columns {sorted(names)} are neither those of a papers table ({', '.join(PAPERS.names)}) "
            "nor paper_id, tei and (optionally) tables; rename or select them first"
        )
    for group in range(groups):
        yield Piece(kind, (path,), rows[group], group, sum(rows[:group]))


def _read_single(read: Callable[[str, bytes], Paper]) -> Callable[[Piece, str], Iterator[Reading]]:
    def reader(piece: Piece, path: str) -> Iterator[Reading]:
        paper_id = paper_id_of_path(path)
        yield _reading(path, paper_id, piece.kind, lambda: read(paper_id, _bytes(path)))

    return reader


def _bytes(path: str) -> bytes:
    try:
        with open_file(path) as file:
            data: bytes = file.read(MAX_PAPER_BYTES + 1)
    except _DAMAGED as error:
        raise PaperError("truncated", f"{error}; fetch the file again") from None
    if len(data) > MAX_PAPER_BYTES:
        raise PaperError("too_large", f"more than {MAX_PAPER_BYTES:,} bytes; split it into one file a paper")
    return data


def _read_jsonl(piece: Piece, path: str) -> Iterator[Reading]:
    row = -1
    with open_file(path) as file:
        for row, line in _lines(file):
            if isinstance(line, PaperError):
                yield _rejected(f"{path}#{row}", "", "jsonl", line)
            else:
                yield _reading(f"{path}#{row}", paper_id_of(line), "jsonl", partial(read_json_paper, line))
    if row < 0:
        yield _rejected(path, "", "jsonl", PaperError("empty", "the file holds no line"))


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
    except _DAMAGED as error:
        yield row + 1, PaperError("truncated", f"{error}; the lines before this one were read; fetch the file again")


def _read_tei_table(piece: Piece, path: str) -> Iterator[Reading]:
    for row, value in _parquet_rows(piece, path, ["paper_id", "tei", "tables"]):
        paper_id = str(value["paper_id"] or "")
        yield _reading(f"{path}#{row}", paper_id, "tei", partial(_paper_of_tei_row, paper_id, value))


def _paper_of_tei_row(paper_id: str, value: dict[str, Any]) -> Paper:
    if not paper_id:
        raise PaperError("not_a_paper", "the row has no paper_id")
    return read_tei(paper_id, value["tei"] or "", value.get("tables"))


def _read_papers_table(piece: Piece, path: str) -> Iterator[Reading]:
    for row, value in _parquet_rows(piece, path, PAPERS.names):
        yield _reading(f"{path}#{row}", str(value["paper_id"]), value["source"], partial(Paper.from_row, value))


def _parquet_rows(piece: Piece, path: str, columns: list[str]) -> Iterator[tuple[int, dict[str, Any]]]:
    with open_file(path) as file:
        parquet = pq.ParquetFile(file)
        present = [c for c in columns if c in parquet.schema_arrow.names]
        row = piece.first_row
        for batch in parquet.iter_batches(ROWS_A_BATCH, row_groups=[piece.row_group], columns=present):
            for value in batch.to_pylist():
                yield row, value
                row += 1


def _reading(location: str, paper_id: str, source: str, read: Callable[[], Paper]) -> Reading:
    try:
        return Reading(location, read())
    except PaperError as error:
        return _rejected(location, paper_id, source, error)
    except Exception as error:  # noqa: BLE001 - one bad paper never stops the others; it is counted, with its cause
        return _rejected(location, paper_id, source, PaperError("failed", f"{type(error).__name__}: {error}"))


def _rejected(location: str, paper_id: str, source: str, error: PaperError) -> Reading:
    return Reading(location, paper_id=paper_id, source=source, reason=error.reason, detail=error.detail)


_READERS: dict[str, Callable[[Piece, str], Iterator[Reading]]] = {
    "tei": _read_single(read_tei),
    "text": _read_single(lambda paper_id, data: read_plain_text(paper_id, data.decode("utf-8", "replace"))),
    "markdown": _read_single(
        lambda paper_id, data: read_plain_text(paper_id, data.decode("utf-8", "replace"), markdown=True)
    ),
    "jsonl": _read_jsonl,
    "tei_table": _read_tei_table,
    "papers_table": _read_papers_table,
}
