"""The most memory that a process and its children hold together while something is measured."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import psutil

_LOOK_S = 0.2


@dataclass
class Peak:
    """The most so far, in bytes."""

    held: int = 0

    def __str__(self) -> str:
        return f"{self.held / 1e9:.2f} GB"


@contextmanager
def peak_memory() -> Iterator[Peak]:
    """Look at all processes five times a second during the body; pages that they share are not counted."""
    peak = Peak()
    done = threading.Event()

    def look() -> None:
        while not done.wait(_LOOK_S):
            peak.held = max(peak.held, _held())

    thread = threading.Thread(target=look, daemon=True)
    thread.start()
    try:
        yield peak
    finally:
        done.set()
        thread.join()


def _held() -> int:
    own = psutil.Process()
    held = 0
    for process in [own, *own.children(recursive=True)]:
        try:
            held += process.memory_full_info().uss
        except psutil.Error:
            continue
    return held
