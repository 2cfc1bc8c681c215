"""Reader of files of JSON: one object a line, or objects over several lines, or an array of them.

Lines are read one by one, in whatever number. Indented objects and arrays are read whole, so they must not be
too large."""

from __future__ import annotations

import codecs
import io
import json
from collections.abc import Iterator
from functools import partial
from typing import IO, Any, cast

from tdm_ray.errors import PaperError
from tdm_ray.papers.items import DAMAGED, MAX_PAPER_BYTES, Item, location_of, refused
from tdm_ray.papers.json_paper import paper_id_of, read_json_paper
from tdm_ray.papers.splits import InputSplit
from tdm_ray.storage import open_file

MOST_WHOLE_BYTES = 400_000_000
_UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_BETWEEN = " \t\r\n,[]\ufeff"


def read_jsonl(split: InputSplit, path: str) -> Iterator[Item]:
    """One item an object, numbered from 0; where there is one a line, by the number of its line."""
    row = -1
    with open_file(path) as opened:
        # The files of a store have a `readline` that takes no size. A larger buffer would lose the lines
        # before a cut.
        file = io.BufferedReader(cast(io.RawIOBase, opened))
        for row, text in _objects_of(file):
            location = location_of(path, row)
            if isinstance(text, PaperError):
                yield refused(location, "", "jsonl", text)
            else:
                yield Item(location, "", "jsonl", partial(read_json_paper, text), partial(paper_id_of, text))
    if row < 0:
        yield refused(location_of(path), "", "jsonl", PaperError("empty", "the file holds no line"))


def _objects_of(file: IO[bytes]) -> Iterator[tuple[int, str | bytes | PaperError]]:
    try:
        start = b""
        while (line := file.readline(MAX_PAPER_BYTES + 1)) and not (start := start + line).strip():
            pass
        if not _is_line(start):
            start += file.read(MAX_PAPER_BYTES)
    except DAMAGED as error:
        yield 0, PaperError("truncated", f"{error}; fetch the file again")
        return
    if _is_whole(start):
        yield from _objects(start + file.read(MOST_WHOLE_BYTES))
    else:
        yield from _lines(io.BufferedReader(_Rejoined(start, file)))


def _is_line(start: bytes) -> bool:
    """Whether a file's first line is an object of its own."""
    try:
        return isinstance(json.loads(start), dict)
    except (ValueError, RecursionError):
        return not start  # an empty file


def _is_whole(start: bytes) -> bool:
    """Whether the beginning of a file is that of an array, or of an object over several lines."""
    if start.startswith(_UTF16):
        return True
    text = start.decode("utf-8", "replace").lstrip("\ufeff \t\r\n")
    if text.startswith("["):
        return text[1:].lstrip().startswith("{")
    try:
        end = json.JSONDecoder().raw_decode(text)[1]
    except (ValueError, RecursionError):
        return False
    return "\n" in text[:end].strip()


def _objects(data: bytes) -> Iterator[tuple[int, str | PaperError]]:
    """The objects of a text, with or without an array around them, numbered from 0."""
    if len(data) > MOST_WHOLE_BYTES:
        yield 0, PaperError("too_large", f"more than {MOST_WHOLE_BYTES:,} bytes; write one object a line")
        return
    text = data.decode("utf-16" if data.startswith(_UTF16) else "utf-8", "replace")
    decoder = json.JSONDecoder()
    row = place = 0
    while place < len(text):
        if text[place] in _BETWEEN:
            place += 1
            continue
        try:
            end = decoder.raw_decode(text, place)[1]
        except RecursionError:
            yield row, PaperError("malformed_json", "nested too deep; write flat objects")
            return
        except json.JSONDecodeError as error:
            yield row, PaperError("malformed_json", f"{error}; the {row} objects before this one were read")
            return
        yield row, text[place:end]
        place = end
        row += 1


class _Rejoined(io.RawIOBase):
    """A file whose first bytes were already read."""

    def __init__(self, start: bytes, rest: IO[bytes]) -> None:
        self._start = io.BytesIO(start)
        self._rest = rest

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        data = self._start.read(len(buffer)) or self._rest.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)


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
        yield (
            row + 1,
            PaperError("truncated", f"{error}; the lines before this one were read; fetch the file again"),
        )
