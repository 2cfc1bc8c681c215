"""Proposals of a store: listed for a person, and accepted into its taxonomy."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pyarrow.compute as pc
from rich.markup import escape
from rich.table import Table

from tdm_ray.discover.proposals import UNKNOWN_TASK
from tdm_ray.errors import InputError
from tdm_ray.records import TDM, TDM_COLUMNS
from tdm_ray.store.tables import Store
from tdm_ray.taxonomy.added import add_labels, added_labels
from tdm_ray.taxonomy.labels import Label

# Proposals of most papers first.
ORDER = [("papers", "descending"), *((part, "ascending") for part in TDM_COLUMNS)]
_MOST_ALIASES = 10
_EVIDENCE = 3


def proposals_of_store(root: str, least_papers: int = 0) -> list[dict[str, Any]]:
    """The proposals of the newest run, rows of `records.PROPOSALS`, those of most papers first; without those
    that have been accepted since. Raises `InputError` where there is no store."""
    snapshot = Store(root).snapshot()
    if "proposals" not in snapshot.versions:
        raise InputError(
            f"{root}: was made by a version that kept no proposals; "
            f"`tdm-ray nightly PAPERS --store {root}` scores its papers anew and adds them"
        )
    rows = snapshot.read("proposals", rows=pc.field("papers") >= least_papers).sort_by(ORDER)
    accepted = {(label.tdm.dataset, label.tdm.metric) for label in added_labels(root).labels}
    return [row for row in rows.to_pylist() if (row["dataset"], row["metric"]) not in accepted]


def accept(root: str, ids: Sequence[str], *, task: str | None = None) -> list[Label]:
    """Add the proposals of these ids to the store's taxonomy; returns the labels that were not there yet.

    task: theirs, in place of the proposed one. Raises `InputError` for an id that is not among the
    proposals, and for a proposal whose task nobody knows."""
    table = Store(root).snapshot().read("proposals")
    rows = {row["proposal_id"]: row for row in table.to_pylist()}
    if unknown := [name for name in ids if name not in rows]:
        raise InputError(f"{root}: no proposal {unknown[0]}; `tdm-ray propose {root}` lists them")
    chosen = [_label(rows[name], task) for name in dict.fromkeys(ids)]
    if nameless := [label for label in chosen if label.tdm.task == UNKNOWN_TASK]:
        raise InputError(
            f"{nameless[0].tdm.dataset}: its papers name no task; give it with --task 'Image Classification'"
        )
    return add_labels(root, chosen)


def _label(row: dict[str, Any], task: str | None) -> Label:
    tdm = TDM(task or row["task"], row["dataset"], row["metric"])
    names = [name for name in row["names"] if name != tdm.dataset and " | " not in name]
    return Label(tdm, 0, row["direction"], tuple(f"dataset: {name}" for name in names[:_MOST_ALIASES]))


def as_table(rows: Sequence[dict[str, Any]]) -> Table:
    """One row a proposal, with some of its results."""
    table = Table(caption=f"{len(rows):,} boards that the taxonomy may lack", show_lines=True)
    for name in ("id", "dataset; metric", "task", "papers", "results", "nearest labels"):
        table.add_column(name, justify="right" if name == "papers" else "left")
    for row in rows:
        results = (
            f"{one['value_text']} {one['method'] or ''} ({one['paper_id']})"
            for one in row["evidence"][:_EVIDENCE]
        )
        better = "" if row["direction"] == "unknown" else f", {row['direction']} is better"
        cells = (
            row["proposal_id"],
            f"{row['dataset']}; {row['metric']}{better}",
            row["task"],
            f"{row['papers']:,}",
            "\n".join(results),
            "\n".join(row["nearest"][:_EVIDENCE]),
        )
        table.add_row(*map(escape, cells))
    return table
