"""What a site is built from: the leaderboards of a store, and the runs that made them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from deltalake.exceptions import DeltaError

from tdm_ray.discover.accept import proposals_of_store
from tdm_ray.keys import entry_keys
from tdm_ray.leaderboard.read import confirmed, left_out, read_leaderboards
from tdm_ray.records import TDM_COLUMNS
from tdm_ray.store.tables import Store

_RUNS = 60  # two months of nights
_COMPARED = 10  # of the newest, what changed is looked up in their tables, which a store keeps for a week
_SHOWN = 200
_COLUMNS = [
    *TDM_COLUMNS,
    "paper_id",
    "title",
    "published",
    "direction",
    "score",
    "score_text",
    "rank",
    "confirmed",
]


@dataclass(frozen=True)
class Changes:
    """Entries that the run before did not have (some of them, the best first), and how many there are."""

    count: int
    entries: Sequence[Mapping[str, Any]]


@dataclass(frozen=True)
class RunFacts:
    """A run: its row of `runs`; `changes` where they are known."""

    row: Mapping[str, Any]
    changes: Changes | None = None


@dataclass(frozen=True)
class Source:
    """`boards` has schema `LEADERBOARDS`, each label's entries together in order of rank; `runs` the newest
    first; `proposals` are rows of schema `PROPOSALS`, those of most papers first."""

    boards: pa.Table
    runs: Sequence[RunFacts] = field(default=())
    left_out: str | None = None
    proposals: Sequence[Mapping[str, Any]] = ()


def read_source(folder: str) -> Source:
    """The source of a site in a store. Raises `InputError` where there are no leaderboards in `folder`."""
    boards = read_leaderboards(folder, tentative=True)
    store = Store(folder)
    proposals = proposals_of_store(folder) if "proposals" in store.snapshot().versions else []
    return Source(boards, list(_runs(store)), left_out(folder, boards), proposals)


def _runs(store: Store) -> Iterator[RunFacts]:
    rows = store.runs()
    start: Mapping[str, Any] = {"versions": {}}  # before the first night there was nothing
    whole = [*(row for row in rows if row["versions"]), start]
    before = {newer["run_id"]: older for newer, older in pairwise(whole[: _COMPARED + 1])}
    for row in rows[:_RUNS]:
        older = before.get(row["run_id"])
        yield RunFacts(row, _changes(store, row, older) if older else None)


def _changes(store: Store, row: Mapping[str, Any], older: Mapping[str, Any]) -> Changes | None:
    version, version_before = (run["versions"].get("leaderboards") for run in (row, older))
    if version == version_before or version is None:
        return Changes(0, ())
    try:
        dataset = store.scan("leaderboards", version)
        new = dataset.to_table(columns=[name for name in _COLUMNS if name in dataset.schema.names])
        old = (
            store.read("leaderboards", [*TDM_COLUMNS, "paper_id"], version=version_before)
            if version_before is not None
            else new.slice(0, 0)
        )
    except (OSError, DeltaError):  # its files were removed with those of its week
        return None
    new = confirmed(new) if "confirmed" in new.column_names else new
    new = new.filter(pc.invert(pc.is_in(entry_keys(new), value_set=entry_keys(old).combine_chunks())))
    first = new.sort_by([("rank", "ascending"), *((part, "ascending") for part in TDM_COLUMNS)])
    return Changes(len(new), first.slice(0, _SHOWN).to_pylist())
