"""A limit on the time that one paper may take: papers come from strangers, and a reader's worst case is not known."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from tdm_ray.errors import PaperError

# The slowest of 4,196 real e-prints takes 31 s, of them 30 s in the converter, which has a limit of its own.
PAPER_S = 120.0


@contextmanager
def time_limit(seconds: float = PAPER_S) -> Iterator[None]:
    """Raise `PaperError` too_slow in the body after so many seconds.

    Works by a signal, so in the main thread only, where Ray runs its tasks; elsewhere there is no limit.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def late(number: int, frame: FrameType | None) -> None:
        raise PaperError("too_slow", f"not done after {seconds:g} s")

    before = signal.signal(signal.SIGALRM, late)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


paper_limits = time_limit
