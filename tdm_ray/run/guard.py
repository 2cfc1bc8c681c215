"""Give up a paper that kills its process again and again, and keep the papers beside it.

Ray restarts a dead worker and gives it the same block, for ever. So a worker writes a note before it begins a
block and removes it when the block is done. A note that is still there means that a process died of this
block. Then its papers are taken one by one, each with a note of its own, and a paper that was being worked on
in `MAX_ATTEMPTS` deaths is rejected as `crashed`. The notes cost two file operations a block."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from datetime import UTC, datetime

import fsspec
import pyarrow as pa

from tdm_ray.storage import digest, join

MAX_ATTEMPTS = 3
Stage = Callable[[pa.Table], pa.Table]


class Notes:
    """How often some work was begun and not ended, by key; files in a folder or a bucket."""

    def __init__(self, folder: str) -> None:
        self._fs, self._inner = fsspec.core.url_to_fs(folder)
        self._fs.makedirs(self._inner, exist_ok=True)

    def begun(self, key: str) -> int:
        """In how many attempts this work was begun and not ended."""
        try:
            return int(self._fs.cat_file(self._path(key)) or b"1")  # an empty note was cut short
        except FileNotFoundError:
            return 0

    def write(self, key: str, attempts: int) -> None:
        """Note that this work is begun."""
        self._fs.pipe_file(self._path(key), str(attempts).encode())

    def remove(self, key: str) -> None:
        """Note that this work has ended."""
        with suppress(FileNotFoundError):  # a worker that outlived its driver was here too
            self._fs.rm_file(self._path(key))

    def _path(self, key: str) -> str:
        return join(self._inner, key)


class Guard:
    """A stage (one row out for each row in) that gives up papers as said above; `schema`: of its rows."""

    def __init__(self, stage: Stage, name: str, schema: pa.Schema, notes: str) -> None:
        self._stage = stage
        self._schema = schema
        self._notes = Notes(join(notes, name))

    def __call__(self, rows: pa.Table) -> pa.Table:
        """The stage's rows for these."""
        key = note_of(rows["location"].to_pylist())
        if self._notes.begun(key):
            done = [self._alone(rows.slice(number, 1)) for number in range(len(rows))]
            result = pa.concat_tables([self._schema.empty_table(), *done])
        else:
            self._notes.write(key, 1)
            result = self._stage(rows)
        self._notes.remove(key)
        return result

    def _alone(self, row: pa.Table) -> pa.Table:
        location = row["location"][0].as_py()
        key = note_of([location, "alone"])
        attempts = 1 + self._notes.begun(key)  # the block's death was one
        if attempts >= MAX_ATTEMPTS:
            return self._crashed(row, location, attempts)
        self._notes.write(key, attempts)
        result = self._stage(row)
        self._notes.remove(key)
        return result

    def _crashed(self, row: pa.Table, location: str, attempts: int) -> pa.Table:
        columns = {name: row[name] for name in self._schema.names if name in row.column_names}
        columns |= {
            "reason": pa.array(["crashed"]),
            "detail": pa.array([f"{location}: tried {attempts} times"]),
            "seen_at": pa.array([datetime.now(UTC)]),
            "tex": pa.nulls(1, pa.string()),
        }
        arrays = [columns.get(field.name, pa.nulls(1, field.type)) for field in self._schema]
        return pa.table(arrays, names=self._schema.names).cast(self._schema)


Skip = Callable[[str], bool]
Begin = Callable[[str], None]


def guarded_read(
    read: Callable[[Skip | None, Begin | None], Iterator[pa.Table]], name: str, notes: str
) -> Iterator[pa.Table]:
    """The tables that `read` makes of an input split named `name`, giving up items in the same way.

    `read(skip, begin)` asks `skip(location)` before it reads an item, and calls `begin(location)` when it
    does; both are None at the first attempt."""
    book = Notes(join(notes, "read"))
    key = note_of([name])
    died = book.begun(key)
    book.write(key, 1)
    items = _Items(book)
    try:
        yield from read(items.skip, items.begin) if died else read(None, None)
    finally:  # also where the reader of this generator has had enough: only a death leaves notes
        items.end()
        book.remove(key)


class _Items:
    """The notes on the items of one split, while they are read one by one."""

    def __init__(self, book: Notes) -> None:
        self._book = book
        self._current: str | None = None

    def skip(self, location: str) -> bool:
        """Whether this item has ended too many processes; what was read before is done."""
        self.end()
        return 1 + self._book.begun(note_of([location, "alone"])) >= MAX_ATTEMPTS

    def begin(self, location: str) -> None:
        """This item is read next."""
        self.end()
        key = note_of([location, "alone"])
        self._book.write(key, 1 + self._book.begun(key))
        self._current = key

    def end(self) -> None:
        """The item that was read last is done."""
        if self._current is not None:
            self._book.remove(self._current)
            self._current = None


def note_of(names: Sequence[str]) -> str:
    """The key of the note about a block (the locations of its rows) or a split."""
    return digest(f"{name}\n".encode("utf-8", "backslashreplace") for name in names)
