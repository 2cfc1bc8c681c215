"""Limits on the time and the memory that one paper may take."""

from __future__ import annotations

import resource
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

import pyarrow as pa

from tdm_ray.errors import PaperError

# The slowest of 4,196 real e-prints takes 31 s, of them 30 s in the converter, which has a limit of its own.
PAPER_S = 120.0
PAPER_MB = 2000
# The alarm is repeated: code that catches everything, or that runs at clean-up, may swallow the first.
_NEXT_ALARM_S = 5.0


class _TooLate(BaseException):
    """What the alarm raises: no `Exception`, since libraries catch those."""


@contextmanager
def paper_limits(seconds: float = PAPER_S, megabytes: int = PAPER_MB) -> Iterator[None]:
    """Raise `PaperError` in the body: too_slow after so many seconds, too_large where it takes so much more
    memory.

    Works in the main thread only, where Ray runs its tasks, and for memory on Linux only; elsewhere there is
    no limit. Memory is limited by `RLIMIT_DATA`, which programs started in the body inherit."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    with _memory_limit(megabytes), time_limit(seconds):
        yield


@contextmanager
def time_limit(seconds: float = PAPER_S) -> Iterator[None]:
    """The limit on time alone. Of two, one within the other, the one that ends first counts."""
    left = signal.getitimer(signal.ITIMER_REAL)[0]
    start = time.monotonic()
    if 0 < left <= seconds or threading.current_thread() is not threading.main_thread():
        yield
        return
    too_late = _TooLate()

    def late(number: int, frame: FrameType | None) -> None:
        raise too_late

    before = signal.signal(signal.SIGALRM, late)
    try:
        signal.setitimer(signal.ITIMER_REAL, seconds, _NEXT_ALARM_S)
        try:
            yield
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
    except _TooLate as error:
        if error is not too_late:
            raise
        raise PaperError("too_slow", f"not done after {seconds:g} s") from None
    finally:
        signal.signal(signal.SIGALRM, before)
        if left:
            signal.setitimer(signal.ITIMER_REAL, max(left - (time.monotonic() - start), 0.001), _NEXT_ALARM_S)


@contextmanager
def _memory_limit(megabytes: int) -> Iterator[None]:
    if sys.platform != "linux":
        yield
        return
    before, hard = resource.getrlimit(resource.RLIMIT_DATA)
    wanted = _data_bytes() + megabytes * 1_000_000
    most = min([wanted, *(limit for limit in (before, hard) if limit != resource.RLIM_INFINITY)])
    resource.setrlimit(resource.RLIMIT_DATA, (most, hard))
    try:
        yield
    except MemoryError:
        resource.setrlimit(resource.RLIMIT_DATA, (before, hard))  # to say so takes memory too
        raise PaperError("too_large", f"needs more than {megabytes:,} MB of memory to be read") from None
    finally:
        resource.setrlimit(resource.RLIMIT_DATA, (before, hard))


def _data_bytes() -> int:
    """What counts against `RLIMIT_DATA` now."""
    pa.allocate_buffer(1)  # Arrow reserves 1 GB with its first byte: that is not the paper's
    return int(Path("/proc/self/statm").read_text().split()[5]) * resource.getpagesize()
