"""A night for people: some lines of Markdown; and the history of nights."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
from rich.console import Group
from rich.table import Table
from rich.text import Text

from tdm_ray.storage import join, open_file


@dataclass(frozen=True)
class Night:
    """What a night came to: its row in `runs`, and the first entries that are new (schema `LEADERBOARDS`)."""

    run: Mapping[str, Any]
    best: pa.Table

    def __str__(self) -> str:
        run = self.run
        reasons = ", ".join(f"{n:,} {reason}" for reason, n in sorted(run["rejected"].items())) or "none"
        rejected = sum(run["rejected"].values())
        lines = [
            f"# Night {run['run_id']}: {run['outcome']}",
            "",
            f"- papers in {run['papers']:,} = scored {run['scored']:,} + rejected {rejected:,} ({reasons})",
            f"- tonight {run['new_papers']:,} new, {run['changed_papers']:,} changed, "
            f"{run['asked_again']:,} asked again",
            f"- predictions {run['predictions']:,}; new entries {run['new_entries']:,}; new best {run['new_best']:,}",
            f"- {run['seconds']:.0f} s; model {run['model_id']}, taxonomy {run['taxonomy_id']}",
        ]
        if len(self.best):
            lines += ["", f"New best, {len(self.best)} of {run['new_best']:,}:", ""]
            lines += [
                f"- {row['task']}, {row['dataset']}, {row['metric']}: {row['score_text']} by {row['paper_id']}"
                f" {row['title']}"
                for row in self.best.to_pylist()
            ]
        return "\n".join(lines) + "\n"


def write_summary(night: Night, folder: str) -> None:
    """Write it to `folder/RUN.md`."""
    with open_file(join(folder, f"{night.run['run_id']}.md"), "wb") as file:
        file.write(str(night).encode())


def as_table(runs: Sequence[Mapping[str, Any]]) -> Group:
    """The history, for a terminal of 80 columns; what else is known of a run `tdm-ray runs --json` prints."""
    table = Table(box=None, pad_edge=False, padding=(0, 1, 0, 0))
    for name in ("run", "outcome"):
        table.add_column(name, no_wrap=True)  # by its id a run is asked for, and it says when it began
    for name in ("papers", "new", "changed", "rejects", "entries", "s"):
        table.add_column(name, justify="right", overflow="fold")
    for run in runs:
        numbers = (*(run[n] for n in ("papers", "new_papers", "changed_papers")), sum(run["rejected"].values()))
        told = (*map(_count, (*numbers, run["new_entries"])), f"{run['seconds']:.0f}")
        table.add_row(run["run_id"], run["outcome"], *told)
    errors = [Text(f"{run['run_id']}: {run['error']}", "red") for run in runs if run["error"]]
    return Group(table, *errors)


def _count(number: int | None) -> str:
    return "" if number is None else f"{number:,}"
