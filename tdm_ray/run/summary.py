"""The summary of a run for people: one line, a Markdown report, and the table of past runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa
from rich.console import Group
from rich.table import Table
from rich.text import Text

from tdm_ray.progress import pace
from tdm_ray.records import LEADERBOARDS, PROPOSALS
from tdm_ray.storage import join, open_file


@dataclass(frozen=True)
class RunSummary:
    """What a run came to: its row in `runs`, the first entries that are new (schema `LEADERBOARDS`),
    and the largest of the boards that it proposes (schema `PROPOSALS`).

    already_done: it was made earlier and is only reported.
    """

    run: Mapping[str, Any]
    best: pa.Table = field(default_factory=LEADERBOARDS.empty_table)
    proposals: pa.Table = field(default_factory=PROPOSALS.empty_table)
    already_done: bool = False

    @property
    def papers(self) -> int:
        """Papers in; always `scored` plus the rejects."""
        return int(self.run["papers"])

    @property
    def scored(self) -> int:
        """Papers that went through."""
        return int(self.run["scored"])

    @property
    def rejected(self) -> Mapping[str, int]:
        """How many papers were rejected, by reason."""
        counts: Mapping[str, int] = self.run["rejected"]
        return counts

    @property
    def predictions(self) -> int:
        """Predictions in the store."""
        return int(self.run["predictions"])

    def __str__(self) -> str:
        done = "already done; " if self.already_done else ""
        speed = pace(self.papers, self.run["seconds"])
        return f"{done}{self._count()}; predictions {self.predictions:,}{speed}"

    def report(self) -> str:
        """The same as some lines of Markdown, with what is new."""
        run = self.run
        lines = [
            f"# Run {run['run_id']}: {run['outcome']}",
            "",
            f"- {self._count()}",
            f"- this run {run['new_papers']:,} new, {run['changed_papers']:,} changed, "
            f"{run['asked_again']:,} with new labels",
            (
                f"- predictions {run['predictions']:,}; new entries {run['new_entries']:,}; "
                f"new best {run['new_best']:,}"
            ),
            f"- {run['seconds']:.0f} s; model {run['model_id']}, taxonomy {run['taxonomy_id']}",
        ]
        if len(self.best):
            lines += ["", f"New best, {len(self.best)} of {run['new_best']:,}:", ""]
            lines += [
                f"- {row['task']}, {row['dataset']}, {row['metric']}: "
                f"{row['score_text']} by {row['paper_id']}"
                f" {row['title']}"
                for row in self.best.to_pylist()
            ]
        if len(self.proposals):
            lines += [
                "",
                f"Boards that the taxonomy may lack, {len(self.proposals)} of {run['new_proposals']:,}:",
                "",
            ]
            lines += [
                f"- {row['proposal_id']}: {row['dataset']}, {row['metric']} ({row['task']}), "
                f"{row['papers']:,} papers"
                for row in self.proposals.to_pylist()
            ]
            lines += ["", "`tdm-ray taxonomy accept STORE ID` adds one; the next night fills its board."]
        return "\n".join(lines) + "\n"

    def _count(self) -> str:
        reasons = ", ".join(f"{n:,} {reason}" for reason, n in sorted(self.rejected.items())) or "none"
        rejected = sum(self.rejected.values())
        return f"papers in {self.papers:,} = scored {self.scored:,} + rejected {rejected:,} ({reasons})"


def write_summary(summary: RunSummary, folder: str) -> None:
    """Write its report to `folder/RUN.md`."""
    with open_file(join(folder, f"{summary.run['run_id']}.md"), "wb") as file:
        file.write(summary.report().encode())


def as_table(runs: Sequence[Mapping[str, Any]]) -> Group:
    """The history, for a terminal of 80 columns; what else is known of a run `tdm-ray runs --json` prints."""
    table = Table(box=None, pad_edge=False, padding=(0, 1, 0, 0))
    for name in ("run", "outcome"):
        table.add_column(name, no_wrap=True)  # by its id a run is asked for, and it says when it began
    for name in ("papers", "new", "changed", "rejects", "entries", "s"):
        table.add_column(name, justify="right", overflow="fold")
    for run in runs:
        numbers = (
            *(run[n] for n in ("papers", "new_papers", "changed_papers")),
            sum(run["rejected"].values()),
        )
        counts = (*map(_count, (*numbers, run["new_entries"])), f"{run['seconds']:.0f}")
        table.add_row(run["run_id"], run["outcome"], *counts)
    errors = [Text(f"{run['run_id']}: {run['error']}", "red") for run in runs if run["error"]]
    return Group(table, *errors)


def _count(number: int | None) -> str:
    return "" if number is None else f"{number:,}"
