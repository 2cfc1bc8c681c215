"""Where figures are kept: a JSON file with the machine and the commit they were measured with."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchmarks.speed.machine import describe

RESULTS = Path(__file__).parent / "results"


def commit(tree: Path = RESULTS.parent) -> str:
    """The commit that is checked out in `tree`, with `-dirty` where files differ; `unknown` without Git."""
    command = ["git", "-C", str(tree), "describe", "--always", "--dirty", "--abbrev=12", "--exclude=*"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return done.stdout.strip()


def default_path(name: str) -> Path:
    """Where the figures of the benchmark `name` are written unless told otherwise."""
    return RESULTS / f"{name}.json"


def write_figures(path: Path, found: Mapping[str, Any]) -> None:
    """Write what was found, with machine and commit."""
    path.parent.mkdir(parents=True, exist_ok=True)
    figures = {"machine": describe(), "commit": commit(), **found}
    path.write_text(json.dumps(figures, indent=2) + "\n")
