"""Progress in papers, read off the rows that staging already holds: so it is right after retries and resumes too."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import fsspec
import pyarrow.parquet as pq
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from tdm_ray.papers.pieces import Piece, count_papers
from tdm_ray.scoring.run import Run

_POLL_S = 1.0
_LINE_EVERY_S = 30.0  # without a terminal: a line, not a bar


@contextmanager
def watch(run: Run, pieces: Sequence[Piece]) -> Iterator[None]:
    """Show the papers done while the body runs: a bar on a terminal, a line every 30 s elsewhere."""
    total = count_papers(pieces)
    stop = threading.Event()
    show = _bar if sys.stderr.isatty() else _lines
    thread = threading.Thread(target=show, args=(Counter(run.staging), total, stop), daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(timeout=10)


class Counter:
    """Counts the rows of the Parquet files in a folder; reads each file's footer once."""

    def __init__(self, folder: str) -> None:
        self._folder, self._seen = folder, dict[str, int]()

    def rows(self) -> int:
        """The rows so far; a file that is still being written counts next time."""
        fs, inner = fsspec.core.url_to_fs(self._folder)
        try:
            files = [f for f in fs.find(inner) if f.endswith(".parquet") and f not in self._seen]
        except OSError:
            files = []
        for name in files:
            try:
                with fs.open(name, "rb") as file:
                    self._seen[name] = pq.ParquetFile(file).metadata.num_rows
            except Exception:  # noqa: BLE001, S112 - half-written: counted at the next look; progress must not end a run
                continue
        return sum(self._seen.values())


def _bar(counter: Counter, total: int | None, stop: threading.Event) -> None:
    columns = (
        TextColumn("[bold]papers"), BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[rate]}"),
        TimeElapsedColumn(), TimeRemainingColumn(),
    )  # fmt: skip
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("papers", total=total, rate="")
        first, started = counter.rows(), time.monotonic()
        while True:
            done = counter.rows()
            rate = (done - first) / max(time.monotonic() - started, 1e-9)
            progress.update(task, completed=done, rate=f"{rate:.1f}/s")
            if stop.wait(_POLL_S):
                break


def _lines(counter: Counter, total: int | None, stop: threading.Event) -> None:
    of = f"/{total:,}" if total is not None else ""
    while not stop.wait(_LINE_EVERY_S):
        print(f"tdm-ray: {counter.rows():,}{of} papers", file=sys.stderr, flush=True)
