"""Keep the proposals of a store current: a run makes those again whose data sets it touches."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from tdm_ray.discover.accept import ORDER
from tdm_ray.discover.names import plain
from tdm_ray.discover.proposals import LEAST_PAPERS, Proposal, propose
from tdm_ray.discover.tasks import TasksOfTitles
from tdm_ray.extract.open_results import OpenResult
from tdm_ray.records import PROPOSALS, RESULT
from tdm_ray.run.todo import Todo
from tdm_ray.store.tables import Store
from tdm_ray.taxonomy.labels import Taxonomy

_NAMES_AT_ONCE = 2_000  # some 100,000 results, 200 MB as objects
_SHOWN = 10
_RESULT = ["paper_id", *(f.name for f in RESULT)]


@dataclass(frozen=True)
class NewProposals:
    """How many proposals are new since the last run, and the largest of them (schema `PROPOSALS`)."""

    new: int = 0
    largest: pa.Table = field(default_factory=PROPOSALS.empty_table)


def refresh_proposals(
    store: Store, todo: Todo, names: Collection[str], run_id: str
) -> tuple[NewProposals, int | None]:
    """Make the proposals on data sets of these plain names again; all of them in a store that starts anew.

    The cost follows the names: other data sets' results are not read. Returns what is new since the last run,
    and the version written."""
    if todo.anew or todo.last is None:
        table = _table(store, todo.taxonomy, None)
        return _news(table, []), store.overwrite("proposals", [table], run_id)
    touched = pa.array(sorted({*names, *_names_of_changed_labels(todo)}), pa.string())
    table = _table(store, todo.taxonomy, touched)
    before = store.read("proposals", ["proposal_id"], version=todo.last["versions"]["proposals"])
    gone = store.read("proposals", ["proposal_id"], pc.field("dataset_key").isin(touched))
    version = store.upsert("proposals", table, run_id, gone)
    return _news(table, before["proposal_id"].to_pylist()), version


def _table(store: Store, taxonomy: Taxonomy, names: pa.Array | None) -> pa.Table:
    """The proposals on data sets of these names (None: all), of schema `PROPOSALS`."""
    rows = [_row(one) for found in _proposed(store, taxonomy, names) for one in found]
    return pa.Table.from_pylist(rows, schema=PROPOSALS)


def _names_of_changed_labels(todo: Todo) -> set[str]:
    changed = todo.labels.added | todo.labels.removed | todo.labels.turned
    names = {tdm.dataset for tdm in changed}
    for label in todo.taxonomy.labels:
        if label.tdm in changed:
            names.update(label.names("dataset"))
    return set(map(plain, names))


def _news(table: pa.Table, known: Sequence[str]) -> NewProposals:
    new = table.filter(pc.invert(pc.is_in(table["proposal_id"], value_set=pa.array(known, pa.string()))))
    return NewProposals(len(new), new.sort_by(ORDER).slice(0, _SHOWN))


def _proposed(store: Store, taxonomy: Taxonomy, names: pa.Array | None) -> Iterator[list[Proposal]]:
    """The proposals on data sets of these names (None: all), some thousand names at a time."""
    wanted = None if names is None else pc.field("dataset_key").isin(names)
    counted = _papers_by(store, "dataset_key", wanted)
    frequent = counted.filter(pc.greater_equal(counted["papers"], LEAST_PAPERS))
    keys = frequent["dataset_key"].combine_chunks().drop_null()
    titles = TasksOfTitles(taxonomy)
    for start in range(0, len(keys), _NAMES_AT_ONCE):
        part = keys.slice(start, _NAMES_AT_ONCE)
        rows = store.read("results", _RESULT, pc.field("dataset_key").isin(part))
        found = [OpenResult(**row) for row in rows.to_pylist()]
        tasks = _tasks(store, rows["paper_id"].unique(), titles)
        methods = _papers_by(store, "method_key", pc.field("method_key").isin(part))
        counts = dict(zip(*(methods[name].to_pylist() for name in methods.column_names), strict=True))
        yield propose(found, taxonomy, tasks, counts)


def _papers_by(store: Store, key: str, wanted: pc.Expression | None) -> pa.Table:
    """How many papers have a result of each name in the column `key`: that column, and `papers`."""
    rows = store.read("results", [key, "paper_id"], wanted)
    counted = rows.group_by(key).aggregate([("paper_id", "count_distinct")])
    return counted.select([key, "paper_id_count_distinct"]).rename_columns([key, "papers"])


def _tasks(store: Store, papers: pa.Array, titles: TasksOfTitles) -> Mapping[str, Collection[str]]:
    """By paper the tasks of its predictions; of a paper without any those that its title names."""
    wanted = pc.field("paper_id").isin(papers)
    tasks: dict[str, set[str]] = defaultdict(set)
    for row in store.read("predictions", ["paper_id", "task"], wanted).to_pylist():
        tasks[row["paper_id"]].add(row["task"])
    for row in store.read("scored", ["paper_id", "title"], wanted).to_pylist():
        if row["paper_id"] not in tasks:
            tasks[row["paper_id"]].update(titles(row["title"] or ""))
    return tasks


def _row(one: Proposal) -> dict[str, Any]:
    return {
        "proposal_id": one.proposal_id,
        **vars(one.tdm),
        "direction": one.direction,
        "papers": one.papers,
        "names": one.names,
        "nearest": [str(tdm) for tdm in one.nearest],
        "evidence": [vars(result) for result in one.evidence],
        "dataset_key": one.board[0],
    }
