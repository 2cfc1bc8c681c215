"""Files at a path or URL: open, list, copy, replace; tables and JSON; clear errors of remote storage."""

from __future__ import annotations

import glob
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import PurePosixPath
from typing import IO, Any, cast

import fsspec
import pyarrow as pa
import pyarrow.dataset as pads
import pyarrow.parquet as pq
from fsspec.core import OpenFile, get_compression, split_protocol

from tdm_ray.errors import InputError, UnreachableError

# A store's listing is kept by this process for ever otherwise: files that workers write meanwhile are then
# not there, and a run whose progress was looked at too early ended with no paper.
for _protocol in ("s3", "s3a", "gs", "gcs", "az", "abfs"):
    fsspec.config.conf.setdefault(_protocol, {}).setdefault("use_listings_cache", False)


def open_file(path: str, mode: str = "rb", *, packed: bool = False) -> IO[Any]:
    """The file at a path or URL; `.gz` is decompressed while it is read, unless it is wanted `packed`.

    Writing makes the folder first. Raises `InputError` for a pipe or a device, which may have no end.
    """
    fs, inner = file_system(path)
    if mode == "wb":
        fs.makedirs(os.path.dirname(inner) or ".", exist_ok=True)
    elif (
        "file" in fs.protocol
        and os.path.exists(inner)
        and not (os.path.isfile(inner) or os.path.isdir(inner))
    ):
        raise InputError(f"{path}: neither a file nor a folder")
    compression = get_compression(inner, "infer") if mode == "rb" and not packed else None
    return cast(IO[Any], OpenFile(fs, inner, mode, compression=compression).open())


def file_system(path: str) -> tuple[Any, str]:
    """The file system of a path or URL, and the path there. Unlike fsspec's own, it takes `::` for a part of
    a name."""
    protocol, _ = split_protocol(path)
    kind = fsspec.get_filesystem_class(protocol or "file")
    return kind(**kind._get_kwargs_from_urls(path)), kind._strip_protocol(path)


def exists(path: str) -> bool:
    """Whether there is a file or folder at `path`."""
    fs, inner = file_system(path)
    with _reaching(path):
        return bool(fs.exists(inner))


def join(folder: str, *names: str) -> str:
    """`folder/name/...`, for a path or a URL."""
    return "/".join([folder.rstrip("/"), *names])


def list_files(path: str) -> list[str]:
    """The files of a file, a folder (recursively, hidden ones left out) or a glob, sorted.

    Raises `InputError` where there is nothing at `path`.
    """
    fs, inner = file_system(path)
    if "file" in fs.protocol:
        inner = os.path.abspath(inner)  # also without `..`: one file has one name, however it was asked for
    with _reaching(path):
        if fs.isfile(inner):
            return [inner if "file" in fs.protocol else path]
        paths = _files_in(fs, inner) if fs.isdir(inner) else fs.glob(inner) if glob.has_magic(inner) else []
    base = (
        len(PurePosixPath(inner).parts) if fs.isdir(inner) else -1
    )  # of a glob's finds only the name counts
    visible = sorted(
        f for f in paths if not any(p.startswith((".", "_")) for p in PurePosixPath(f).parts[base:])
    )
    if not visible and not fs.exists(inner):
        raise InputError(f"{path}: no such file or folder; give a file, a folder or a quoted glob")
    return [cast(str, f) if "file" in fs.protocol else fs.unstrip_protocol(f) for f in visible]


def _files_in(fs: Any, folder: str) -> list[str]:
    """All files of a folder; on a disk also those in folders that are links, each folder once."""
    if "file" not in fs.protocol:
        return list(fs.find(folder))
    found: list[str] = []
    seen: set[str] = set()
    for root, folders, files in os.walk(folder, followlinks=True):
        real = os.path.realpath(root)
        if real in seen:
            folders.clear()
            continue
        seen.add(real)
        found += [os.path.join(root, name) for name in files]
    return found


def parquet_files(path: str) -> list[str]:
    """The Parquet files of `list_files`. Raises `InputError` where there is nothing at `path`."""
    return [file for file in list_files(path) if file.endswith(".parquet")]


@contextmanager
def _reaching(path: str) -> Iterator[None]:
    """Raise `UnreachableError` for a storage that cannot be reached: botocore's errors are no `OSError`s.

    The message names no key; the cause might, and is left out.
    """
    try:
        yield
    except FileNotFoundError:
        raise
    except Exception as error:  # noqa: BLE001 - each store has its own
        cure = "check the credentials, the endpoint and the region in the environment"
        raise UnreachableError(f"{path}: cannot be reached ({type(error).__name__}); {cure}") from None


def make_folder(path: str) -> None:
    """Create `path` and its parents where they are missing."""
    fs, inner = file_system(path)
    fs.makedirs(inner, exist_ok=True)


def copy_files(source: str, folder: str) -> None:
    """Copy a file, or the files of a folder with their places in it, into `folder`; either may be
    anywhere."""
    fs, inner = file_system(source)
    base = os.path.dirname(inner) if fs.isfile(inner) else inner.rstrip("/")
    paths = fs.find(inner)
    # A bucket may hold empty objects "name/" that stand for folders; copied as "name", they would hide what
    # is in them.
    folders = {str(parent) for path in paths for parent in PurePosixPath(path).parents}
    for path in (path for path in paths if path.rstrip("/") not in folders):
        with fs.open(path, "rb") as original, open_file(folder + path[len(base) :], "wb") as file:
            shutil.copyfileobj(original, file)


def local_copy(path: str) -> str:
    """A folder of this machine with the files of `path`: itself, or a copy of what lies elsewhere, made once.

    The copy is named after the files' names, sizes and times: a folder that has changed is fetched again.
    """
    fs, inner = file_system(path)
    if "file" in fs.protocol or not fs.isdir(inner):
        return path
    listed = fs.find(inner, detail=True)
    state = digest(
        f"{name} {info.get('size')} {_changed(info)}".encode() for name, info in sorted(listed.items())
    )
    kept = os.path.join(tempfile.gettempdir(), f"tdm_ray-{os.getuid()}")
    place = os.path.join(kept, f"{os.path.basename(inner.rstrip('/'))}-{state}")
    if not os.path.isdir(place):
        os.makedirs(kept, mode=0o700, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=kept) as fetched:
            copy_files(path, os.path.join(fetched, "files"))
            with suppress(OSError):  # another process was quicker
                os.rename(os.path.join(fetched, "files"), place)
    return place


def _changed(info: Mapping[str, Any]) -> str:
    return str(next((info[key] for key in ("ETag", "LastModified", "created", "mtime") if key in info), ""))


def remove_folder(path: str) -> None:
    """Remove `path` and what is in it, if it is there."""
    fs, inner = file_system(path)
    if fs.exists(inner):
        fs.rm(inner, recursive=True)


def replace_files(root: str, new: Mapping[str, str], old: Iterable[str]) -> None:
    """Put files that wait in `root` (`new`: where they wait -> their places) in place, and remove the `old`
    ones.

    A journal is written first: where this is cut short, `finish_replacing` does the rest.
    """
    fs, _ = file_system(root)
    places = {
        fs._strip_protocol(place) for place in new.values()
    }  # listings are absolute where `root` need not be
    gone = sorted(path for path in set(old) if fs._strip_protocol(path) not in places)
    write_json(join(root, "_commit.json"), {"new": dict(new), "old": gone})
    finish_replacing(root)


def finish_replacing(root: str) -> None:
    """Do what a journal in `root` still asks for, and remove what waits without one."""
    journal = join(root, "_commit.json")
    if exists(journal):
        todo = read_json(journal)
        fs, _ = file_system(root)
        for waits, place in todo["new"].items():
            if exists(waits):
                make_folder(os.path.dirname(place))
                fs.mv(fs._strip_protocol(waits), fs._strip_protocol(place))
        for path in todo["old"]:
            if exists(path):
                fs.rm(fs._strip_protocol(path))
        fs.rm(fs._strip_protocol(journal))
    remove_folder(join(root, "_commit"))


def write_table(table: pa.Table, path: str, *, batch_size: int = 1024) -> None:
    """Write one Parquet file so that a reader sees the whole file or none.

    Strings that are dictionaries here are plain ones in the file (where there are some, no Arrow schema is
    stored), which is what other programs expect. `batch_size` rows are written at once; a page holds as many
    at least."""
    fs, inner = file_system(path)
    fs.makedirs(os.path.dirname(inner), exist_ok=True)
    as_it_is = not _dictionaries_of(table.schema)
    with fs.open(f"{inner}.part", "wb") as file:
        pq.write_table(table, file, compression="zstd", store_schema=as_it_is, write_batch_size=batch_size)
    fs.mv(f"{inner}.part", inner)


class RollingWriter:
    """Writes tables of one schema to Parquet files of about `bytes_a_file`; `next_path` names each new
    file."""

    def __init__(self, schema: pa.Schema, bytes_a_file: int, next_path: Callable[[], str]) -> None:
        self._schema = schema
        self._bytes_a_file = bytes_a_file
        self._next_path = next_path
        self._file: IO[bytes] | None = None
        self._writer: pq.ParquetWriter | None = None

    def write(self, table: pa.Table) -> None:
        """Write the table as one row group."""
        if self._writer is None:
            self._file = open_file(self._next_path(), "wb")
            self._writer = pq.ParquetWriter(self._file, self._schema, compression="zstd")
        self._writer.write_table(table)
        if self._file and self._file.tell() > self._bytes_a_file:
            self.close()

    def close(self) -> None:
        """Close the file that is being written."""
        if self._writer and self._file:
            self._writer.close()
            self._file.close()
        self._writer = self._file = None


def file_state(path: str) -> str:
    """A string that changes when the file does: its size, and its time or tag."""
    fs, inner = fsspec.core.url_to_fs(path)
    info = fs.info(inner)
    return str((info.get("size"), info.get("mtime") or info.get("LastModified") or info.get("etag")))


def read_table(path: str, schema: pa.Schema, columns: list[str] | None = None) -> pa.Table:
    """The Parquet file or folder at `path`, with the columns of `schema` (missing ones null)."""
    return scan_table(path, schema).to_table(columns=columns)


def scan_table(path: str, schema: pa.Schema) -> pads.Dataset:
    """The Parquet file or folder at `path` as a dataset that is read piece by piece.

    What is a dictionary in `schema`, also within lists and structs, is read as one.
    """
    fs, _ = file_system(path)
    files = [fs._strip_protocol(f) for f in parquet_files(path)]
    form = pads.ParquetFileFormat(dictionary_columns=_dictionaries_of(schema))
    return pads.dataset(files, schema=schema, format=form, filesystem=fs)


def _dictionaries_of(schema: pa.Schema) -> list[str]:
    return [leaf for field in schema for leaf in _dictionaries(field.type, field.name)]


def _dictionaries(form: pa.DataType, path: str) -> list[str]:
    """The paths, in a Parquet file, of the dictionaries in a column."""
    if pa.types.is_struct(form):
        return [leaf for field in form for leaf in _dictionaries(field.type, f"{path}.{field.name}")]
    if pa.types.is_list(form):
        return _dictionaries(form.value_type, f"{path}.list.element")
    return [path] if pa.types.is_dictionary(form) else []


def write_json(path: str, value: Any) -> None:
    """Write `value` as indented JSON, so that a reader sees the whole file or the one before."""
    data = (json.dumps(value, indent=2, ensure_ascii=False) + "\n").encode()
    fs, inner = file_system(path)
    if "file" not in fs.protocol:
        fs.pipe_file(inner, data)  # whole or not at all in a store
        return
    make_folder(os.path.dirname(inner))
    with open(f"{inner}.part", "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    os.replace(f"{inner}.part", inner)


def read_json(path: str) -> Any:
    """The value of a JSON file. Raises `InputError` where it is missing or no JSON."""
    try:
        with open_file(path) as file:
            return json.load(file)
    except FileNotFoundError:
        raise InputError(f"{path}: no such file") from None
    except ValueError as error:
        raise InputError(f"{path}: not valid JSON ({error})") from None


def digest(chunks: Iterable[bytes]) -> str:
    """BLAKE2b-64 of the chunks, in hex: short, and enough to tell two models or taxonomies apart."""
    state = hashlib.blake2b(digest_size=8)
    for chunk in chunks:
        state.update(chunk)
    return state.hexdigest()


def file_bytes(paths: Iterable[str]) -> Iterator[bytes]:
    """The files' contents, in pieces of a MiB."""
    for path in paths:
        with open_file(path, packed=True) as file:
            while chunk := file.read(1 << 20):
                yield chunk
