"""Progress in papers, read off the rows that staging already holds: so it is right after retries and resumes too."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial

import fsspec
import pyarrow.parquet as pq
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from tdm_ray.papers.pieces import Piece, count_papers

_POLL_S = 1.0
_LINE_EVERY_S = 30.0  # without a terminal: a line, not a bar


def say(text: str) -> None:
    """A line for the person who watches."""
    print(f"tdm-ray: {text}", file=sys.stderr, flush=True)


@contextmanager
def watch(staging: str, pieces: Sequence[Piece], tell: Callable[[str], None] = say) -> Iterator[None]:
    """Show the papers done while the body runs: a bar on a terminal, a line (`tell`) every 30 s elsewhere."""
    stop = threading.Event()
    counter, total = Counter(staging), count_papers(pieces)
    show = partial(_bar, counter, total, stop) if sys.stderr.isatty() else partial(_lines, counter, total, stop, tell)
    thread = threading.Thread(target=show, daemon=True)
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


def _lines(counter: Counter, total: int | None, stop: threading.Event, tell: Callable[[str], None]) -> None:
    of = f"/{total:,}" if total is not None else ""
    while not stop.wait(_LINE_EVERY_S):
        done = counter.rows()
        tell(f"{done:,}{of} papers" + ("" if done else ": workers start, papers come in blocks"))
