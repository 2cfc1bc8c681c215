"""Progress of long work, on standard error: a bar on a terminal, else a line now and then."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

_POLL_S = 1.0
_FIRST_S = 5.0  # what is done sooner needs no progress
_LINE_EVERY_S = 30.0


@dataclass(frozen=True)
class Status:
    """How far some work is; `total` is None where it is not known, `note` is added to the line or bar."""

    done: int
    total: int | None = None
    note: str = ""


class Counter:
    """Counts the steps of some work; called by who does it, read by who shows it."""

    def __init__(self, total: int | None = None) -> None:
        self._total = total
        self._done = 0

    def add(self, steps: int = 1) -> None:
        """So many steps more are done."""
        self._done += steps

    def status(self) -> Status:
        """Where the work stands."""
        return Status(self._done, self._total)


def say(text: str) -> None:
    """A line for the person who watches."""
    print(f"tdm-ray: {text}", file=sys.stderr, flush=True)


@contextmanager
def watch(what: str, status: Callable[[], Status], tell: Callable[[str], None] = say) -> Iterator[None]:
    """Show the progress of the body, from five seconds on: `what` is counted, `status` says how far it is.

    A `status` that raises ends the display, never the work.
    """
    stop = threading.Event()
    show = _bar if sys.stderr.isatty() else _lines
    thread = threading.Thread(target=show, args=(what, status, tell, stop), daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(timeout=10)


@contextmanager
def step(what: str, total: int | None = None, tell: Callable[[str], None] = say) -> Iterator[Counter]:
    """The same for work that counts its own steps: `with step("papers read", 100) as counter:
    counter.add()`."""
    counter = Counter(total)
    with watch(what, counter.status, tell):
        yield counter


def pace(papers: int, seconds: float) -> str:
    """The end of a summary: how long it took and how many papers a second; empty where it took no time."""
    return f"; {seconds:.0f} s, {papers / seconds:.1f} papers/s" if seconds else ""


def _bar(what: str, status: Callable[[], Status], tell: Callable[[str], None], stop: threading.Event) -> None:
    if stop.wait(_FIRST_S):
        return
    columns = (
        TextColumn("[bold]{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[note]}"),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task(what, total=None, note="")
        while True:
            current = status()
            progress.update(task, completed=current.done, total=current.total, note=current.note)
            if stop.wait(_POLL_S):
                return


def _lines(
    what: str, status: Callable[[], Status], tell: Callable[[str], None], stop: threading.Event
) -> None:
    started = time.monotonic()
    first = None
    wait = _FIRST_S
    while not stop.wait(wait):
        current = status()
        first = current.done if first is None else first
        tell(_line(what, current, first, time.monotonic() - started))
        wait = _LINE_EVERY_S


def _line(what: str, current: Status, first: int, seconds: float) -> str:
    of = f"/{current.total:,}" if current.total is not None else ""
    gained = current.done - first
    left = ""
    if current.total and gained and current.done < current.total:
        left = f", {_duration(seconds / gained * (current.total - current.done))} left"
    note = f", {current.note}" if current.note else ""
    return f"{current.done:,}{of} {what}{note}{left}"


def _duration(seconds: float) -> str:
    return f"{seconds / 60:.0f} min" if seconds >= 90 else f"{seconds:.0f} s"
