"""Build a site, on one screen: all pages in order, and only changed files are written.

leaderboards -> home, areas, boards (page, CSV, JSON), papers, runs, proposals, search -> files that changed
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from importlib import resources
from itertools import chain

import fsspec
import pyarrow as pa

from tdm_ray.errors import OutputError
from tdm_ray.keys import label_keys
from tdm_ray.parallel import over_chunks
from tdm_ray.storage import exists, join, list_files, read_json, write_json
from tdm_ray.website.boards import board_pages
from tdm_ray.website.content import Content, packed, paper_keys, unpacked
from tdm_ray.website.files import Files
from tdm_ray.website.overview import area_pages, home_page, proposals_page, run_pages, search_index
from tdm_ray.website.papers import paper_pages
from tdm_ray.website.source import read_source

_MARK = "site.json"
_LEAST = 8  # packs: 2,000 pages are written sooner than processes start


@dataclass(frozen=True)
class SiteSummary:
    """What a site came to: pages by kind, files written (those that changed) and removed."""

    out: str
    leaderboards: int
    papers: int
    runs: int
    written: int
    removed: int
    seconds: float
    left_out: str | None = None

    def __str__(self) -> str:
        runs = f"{self.runs:,} {'run' if self.runs == 1 else 'runs'}"
        return (
            f"{join(self.out, 'index.html')}: {self.leaderboards:,} "
            f"leaderboards, {self.papers:,} papers, {runs}; "
            f"{self.written:,} files written, {self.removed:,} removed; {self.seconds:.0f} s"
        )


def build_site(folder: str, out: str) -> SiteSummary:
    """Write the pages of the leaderboards of the store `folder` to `out`.

    Built again into a folder, only what has changed is written; pages of what is gone are removed. Raises
    `InputError` where there are no leaderboards, `OutputError` where `out` holds other things.
    """
    clock = time.monotonic()
    held = _files_of(out)
    source = read_source(folder)
    content = Content.of(source)
    files = Files(out)
    single = [home_page(content), search_index(content), proposals_page(content)]
    few = chain(_static(), single, area_pages(content), run_pages(content))
    write_json(join(out, _MARK), {"files": sorted(held), "whole": False})
    names = files.write(list(few))
    names += over_chunks(
        _Write(files, board_pages, label_keys),
        packed(content.boards),
        what="packs of leaderboards written",
        size=1,
        least=_LEAST,
    )
    names += over_chunks(
        _Write(files, paper_pages, paper_keys),
        packed(content.papers),
        what="packs of papers written",
        size=1,
        least=_LEAST,
    )
    there = {name for name, _ in names}
    removed = files.remove(held - there)
    write_json(join(out, _MARK), {"files": sorted(there), "whole": True})
    return SiteSummary(
        out,
        len(content.boards),
        len(content.papers),
        len(source.runs),
        sum(new for _, new in names),
        removed,
        time.monotonic() - clock,
        source.left_out,
    )


@dataclass(frozen=True)
class _Write:
    """Makes the pages of packs of tables and writes them; runs in other processes too."""

    files: Files
    pages: Callable[[Sequence[pa.Table]], Iterator[tuple[str, str]]]
    keys: Callable[[pa.Table], pa.ChunkedArray]

    def __call__(self, packs: Sequence[bytes]) -> list[tuple[str, bool]]:
        return [name for pack in packs for name in self.files.write(self.pages(unpacked(pack, self.keys)))]


def _files_of(out: str) -> set[str]:
    """What earlier builds wrote there; where one was interrupted, all that is there."""
    if exists(join(out, _MARK)):
        mark = read_json(join(out, _MARK))
        if mark["whole"]:
            return set(mark["files"])
        root = _inner(out)
        return {_inner(path).removeprefix(root + "/") for path in list_files(out)} - {_MARK}
    if exists(out) and list_files(out):
        raise OutputError(f"{out}: holds other files than a site's; choose another --out, or empty it")
    return set()


def _inner(path: str) -> str:
    return str(fsspec.core.url_to_fs(path)[1])


def _static() -> Iterator[tuple[str, str]]:
    for entry in resources.files("tdm_ray.website").joinpath("static").iterdir():
        yield f"static/{entry.name}", entry.read_text()
