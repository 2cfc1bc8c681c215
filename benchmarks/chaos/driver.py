"""A run as a process of its own, whose events are followed and which can be killed at any of them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from typing import Any

# What a run does after these events.
_DOING = {"started": "reading", "read": "comparing", "progress": "scoring"}


class Driver:
    """`tdm-ray nightly` or `tdm-ray score` with its log as JSON; `wait_for` follows it."""

    def __init__(self, arguments: Sequence[str], address: str, *, command: str = "nightly") -> None:
        environment = {**os.environ, "RAY_ADDRESS": address, "RAY_DATA_PARQUET_FOOTER_NUM_ACTORS": "1"}
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tdm_ray", command, *arguments, "--log-json"],
            env=environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        self._events: list[dict[str, Any]] = []
        self._other: list[str] = []
        self._news = threading.Condition()
        self._ended = False
        threading.Thread(target=self._follow, daemon=True).start()

    def wait_for(self, wanted: Callable[[dict[str, Any]], bool], timeout_s: float) -> bool:
        """Wait for an event; False where the run ended, or the time, before there was one."""
        with self._news:
            self._news.wait_for(lambda: self._ended or any(map(wanted, self._events)), timeout_s)
            return not self._ended and any(map(wanted, self._events))

    def wait_seconds(self, seconds: float) -> bool:
        """Wait; False where the run ended before."""
        with self._news:
            return not self._news.wait_for(lambda: self._ended, seconds)

    def kill(self) -> None:
        """Kill it, without a word."""
        os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()

    def signal(self, number: int) -> None:
        """Send a signal to it and to the processes it has started."""
        os.killpg(self._process.pid, number)

    def end(self, timeout_s: float) -> int:
        """Its exit code."""
        return self._process.wait(timeout_s)

    @property
    def doing(self) -> str:
        """The last event, in words."""
        with self._news:
            last = self._events[-1] if self._events else {"event": "starting"}
        told = _DOING.get(last["event"], str(last["event"]))
        return f"{told} {last['table']}" if "table" in last else told

    @property
    def is_done(self) -> bool:
        """Whether its record is written: nothing can be disturbed any more."""
        return self.doing in ("done", "nothing new")

    @property
    def said(self) -> str:
        """The last lines of its standard error that are no events; for the person who asks why."""
        return "".join(self._other[-40:])

    def _follow(self) -> None:
        assert self._process.stderr
        for line in self._process.stderr:
            with self._news:
                try:
                    self._events.append(json.loads(line))
                except ValueError:
                    self._other.append(line)
                self._news.notify_all()
        with self._news:
            self._ended = True
            self._news.notify_all()
