"""What readers yield: the items of a file, each with a call that reads it; and reasons for rejects."""

from __future__ import annotations

import gzip
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass, replace

import pyarrow as pa

from tdm_ray.arxiv_ids import first_of_month
from tdm_ray.errors import InputError, PaperError
from tdm_ray.records import Paper, Reading
from tdm_ray.text.clean import printable

# One paper: the largest TEI of the 4,633 real ones has 2.8 MB; 20 MB is a book or a mistake.
MAX_PAPER_BYTES = 20_000_000
DAMAGED = (EOFError, zlib.error, gzip.BadGzipFile, zipfile.BadZipFile)  # what damaged files raise


@dataclass(frozen=True)
class Item:
    """One item of an input, not yet read.

    read: returns its paper, or its flat TeX source to be converted later, or raises. find_id: finds its id
    inside the item where the file name does not give it; it is called where `read` has failed."""

    location: str
    paper_id: str
    source: str
    read: Callable[[], Paper | str]
    find_id: Callable[[], str] | None = None

    def reading(self) -> Reading:
        """The reading of the item. Raises what `read` raises."""
        content = self.read()
        if isinstance(content, Paper):
            return printable_reading(Reading(self.location, content))
        return printable_reading(
            Reading(self.location, paper_id=self.paper_id, source=self.source, tex=content)
        )


def refused(location: str, paper_id: str, source: str, error: PaperError) -> Item:
    """An item that is already known to be unreadable, for the given reason."""

    def read() -> Paper:
        raise error

    return Item(location, paper_id, source, read)


def rejected(location: str, paper_id: str, source: str, error: Exception) -> Reading:
    """The reading of an item that cannot be used."""
    cause = why(error)
    return printable_reading(
        Reading(location, paper_id=paper_id, source=source, reason=cause.reason, detail=cause.detail)
    )


def why(error: Exception) -> PaperError:
    """The error of a reader as a reason to reject what was read."""
    if isinstance(error, PaperError):
        return error
    if isinstance(error, OSError | InputError):
        return PaperError("unreadable", str(error))
    large = isinstance(error, MemoryError | OverflowError | pa.ArrowCapacityError)
    return PaperError("too_large" if large else "failed", f"{type(error).__name__}: {error}")


def printable_reading(reading: Reading) -> Reading:
    """The reading with ids, title, categories, location and detail made fit for Arrow and a terminal.

    All other text was made so by its reader (see `text.clean`)."""
    paper = reading.paper
    if paper:
        categories = [printable(category) for category in paper.categories]
        paper_id = printable(paper.paper_id)
        title = printable(paper.title)
        paper = dated(replace(paper, paper_id=paper_id, title=title, categories=categories))
    texts = {name: printable(getattr(reading, name) or "") for name in ("location", "paper_id", "source")}
    detail = None if reading.detail is None else printable(reading.detail)
    return replace(reading, paper=paper, detail=detail, **texts)


def dated(paper: Paper) -> Paper:
    """The paper; one without a date has the first day of the month that its arXiv id names."""
    day = None if paper.published else first_of_month(paper.paper_id)
    return replace(paper, published=day, published_by_id=True) if day else paper


def location_of(path: str, item: object = None) -> str:
    """Where an item stands: `path#item`, or `path` where the file is the item.

    An item is the number of a row or the name of a member; a `#` in its name is written `%23`.
    """
    if item is None:
        return printable(path)
    name = str(item).replace("%23", "%2523").replace("#", "%23")
    return printable(f"{path}#{name}")
