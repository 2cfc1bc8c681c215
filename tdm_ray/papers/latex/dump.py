"""A tar of arXiv's dump, streamed member by member, with its size and MD5 for the manifest.

Nothing of a tar is written to disk, and no more than one member of it is held in memory.
"""

from __future__ import annotations

import hashlib
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import IO, cast

from tdm_ray.errors import PaperError
from tdm_ray.storage import open_file

# arXiv takes no submission of more than 50 MB without asking; what is larger is not a paper's source.
MAX_MEMBER = 120_000_000
_READ = 1 << 20
_LONGEST_SKIP = (
    10_000_000_000  # a header that sends the reader further than this is broken: a tar of arXiv has 0.5 GB
)
_END = 1024
_ITEMS = (".gz", ".pdf", ".html", ".htm", ".xhtml")


@dataclass(frozen=True)
class Member:
    """One item of a dump: its name, and its bytes or why there are none."""

    name: str
    data: bytes = b""
    error: PaperError | None = None


@dataclass(frozen=True)
class End:
    """The end of a tar: what went by. `error` where the tar was cut short."""

    size: int
    items: int
    md5: str
    error: PaperError | None = None


class _Counted:
    """A stream that counts and hashes what is read from it."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self.size = 0
        self.md5 = hashlib.md5(usedforsecurity=False)
        self._tail = b""

    def read(self, size: int = -1) -> bytes:
        data = self._file.read(size)
        self.size += len(data)
        self.md5.update(data)
        self._tail = (self._tail + data)[-_END:]
        return data

    @property
    def cut(self) -> bool:
        """Whether the end mark of a tar, two empty blocks, is missing; `tarfile` takes that for an end like
        another."""
        return self.size % 512 != 0 or bool(self._tail.strip(b"\0"))

    def drain(self) -> None:
        while self.read(_READ):
            pass


def read_dump(path: str) -> Iterator[Member | End]:
    """The members of a tar in order, then its end. A tar of a project, not of e-prints, is its own only
    member."""
    items = 0
    error = None
    with open_file(path) as file:
        stream = _Counted(file)
        try:
            with tarfile.open(fileobj=cast(IO[bytes], stream), mode="r|", bufsize=_READ) as archive:
                for info in archive:
                    if archive.offset > stream.size + _LONGEST_SKIP:
                        raise tarfile.ReadError(f"{info.name}: a member of {info.size:,} bytes")
                    if info.isdir():
                        continue
                    if not items and not info.name.lower().endswith(_ITEMS):
                        break
                    items += 1
                    yield _member(archive, info)
        except (tarfile.TarError, EOFError, ValueError, OverflowError, RecursionError) as cause:
            error = PaperError(
                "truncated", f"{cause}; the items before this one were read; fetch the tar again"
            )
        stream.drain()
    if not items and error is None and stream.size:
        items = 1
        yield _project(path)
    if stream.cut and error is None:
        error = PaperError("truncated", "the tar has no end; the items before were read; fetch it again")
    yield End(stream.size, items, stream.md5.hexdigest(), error)


def _member(archive: tarfile.TarFile, info: tarfile.TarInfo) -> Member:
    if not info.isreg():
        return Member(info.name, error=PaperError("not_a_paper", "a link or a device, not a file"))
    if info.size > MAX_MEMBER:
        return Member(
            info.name, error=PaperError("too_large", f"{info.size:,} bytes, more than {MAX_MEMBER:,}")
        )
    file = archive.extractfile(info)
    return Member(info.name, file.read() if file else b"")


def _project(path: str) -> Member:
    with open_file(path) as file:
        data = file.read(MAX_MEMBER + 1)
    error = PaperError("too_large", f"more than {MAX_MEMBER:,} bytes") if len(data) > MAX_MEMBER else None
    return Member(PurePosixPath(path).name, b"" if error else data, error)
