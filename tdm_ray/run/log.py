"""The log of a run: events as lines for people, or as JSON lines with the run's id for machines."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import Any, TextIO

import structlog


@dataclass(frozen=True)
class Log:
    """Events on standard error or another `file`; as lines of JSON they have `run_id`, `timestamp` and
    `event`."""

    run_id: str
    json: bool = False
    file: TextIO | None = None

    def __call__(self, event: str, **facts: Any) -> None:
        """Tell an event."""
        fields = {"run_id": self.run_id, **facts} if self.json else facts
        self._logger().info(event, **fields)

    def line(self, text: str) -> None:
        """Tell a line of progress."""
        if self.json:
            self("progress", text=text)
        else:
            self(text)

    def _logger(self) -> Any:
        file = self.file or sys.stderr
        dress = (
            structlog.processors.JSONRenderer()
            if self.json
            else structlog.dev.ConsoleRenderer(colors=file.isatty())
        )
        stamp = structlog.processors.TimeStamper(fmt="iso" if self.json else "%H:%M:%S", utc=self.json)
        return structlog.wrap_logger(structlog.PrintLogger(file), processors=[stamp, dress])
