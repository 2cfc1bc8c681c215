"""Print what a data set or a training came to, at a terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table


def show_dataset(facts: Mapping[str, Any]) -> RenderableType:
    """The statistics of every side of every fold, and how many papers and annotations were left out."""
    counts = ", ".join(f"{name.replace('_', ' ')} {n:,}" for name, n in facts["counts"].items())
    broken = [f"  {line}" for line in facts["broken"][:5]]
    return Group(_table(facts["sides"]), counts, *broken)


def show_training(facts: Mapping[str, Any]) -> RenderableType:
    """One line an epoch, and which of them is kept."""
    summary = (
        f"{facts['steps']:,} steps; the epoch kept is {facts['best_epoch']}, "
        "that of the highest average precision"
    )
    return Group(_table(facts["log"]), summary)


def _table(rows: Sequence[Mapping[str, Any]]) -> Table:
    table = Table(*(name.replace("_", " ") for name in rows[0]))
    for row in rows:
        table.add_row(
            *(
                f"{v:.4f}" if isinstance(v, float) else f"{v:,}" if isinstance(v, int) else str(v)
                for v in row.values()
            )
        )
    return table
