"""Staged outcomes -> the tables of the store. Every step is a merge by key: done twice it is done once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from tdm_ray.leaderboard.rank import key
from tdm_ray.nightly.staging import Staging
from tdm_ray.nightly.todo import Todo
from tdm_ray.records import REJECTS, TDM
from tdm_ray.scoring.commit import exploded, rejects_of, scored_rows
from tdm_ray.store.schemas import FORMS, with_month
from tdm_ray.store.tables import Store
from tdm_ray.taxonomy.gold import base_ids

_ROWS = 1_000_000  # a merge: about 1 GB of predictions
_SEPARATOR = "\x1f"


@dataclass(frozen=True)
class Commit:
    """One night's changes to the tables. `touched` collects the labels whose leaderboards change."""

    store: Store
    todo: Todo
    staging: Staging
    run_id: str
    touched: set[str] = field(default_factory=set)

    @property
    def ids(self) -> dict[str, str]:
        """What rows say of the model and the taxonomy that decided."""
        return {"model_id": self.todo.model_id, "taxonomy_id": self.todo.taxonomy.taxonomy_id}

    def outcomes(self) -> Iterator[tuple[str, pa.Table]]:
        """All that is staged, with its kind."""
        for kind in self.todo.kinds:
            for table in self.staging.outcomes(kind, self.todo.corpus):
                yield kind, table

    def predictions(self) -> None:
        """New rows in; rows of papers that changed or failed, and of labels that are gone or respelt, out."""
        rows = (self._touch(with_month(exploded(_good(table), self.ids))) for _, table in self.outcomes())
        if self.todo.anew:
            self.store.overwrite("predictions", rows, self.run_id)
            return
        gone = self._touch(self._outdated())
        for part in _parts(rows, FORMS["predictions"].schema):
            self.store.upsert("predictions", part, self.run_id, gone)
            gone = None

    def _outdated(self) -> pa.Table:
        labels = key_set(self.todo.labels.removed | self.todo.labels.added)
        columns = list(FORMS["predictions"].key)
        found = self.store.read("predictions", columns, pc.field("paper_id").isin(self._remade))
        if not len(labels):
            return found
        batches = (pa.Table.from_batches([b]) for b in self.store.scan("predictions").to_batches(columns=columns))
        of_labels = [b.filter(pc.is_in(key(b), value_set=labels)) for b in batches]
        return pa.concat_tables([found, *of_labels]).group_by(columns).aggregate([])

    @cached_property
    def _remade(self) -> pa.Array:
        """Papers whose old rows do not count any more: all that were scored whole, and those that failed."""
        ids = [
            (table if kind == "whole" else table.filter(pc.is_valid(table["reason"])))["paper_id"].combine_chunks()
            for kind, table in self.outcomes()
        ]
        return pa.concat_arrays([pa.array([], pa.string()), *ids])

    def scored(self) -> None:
        """A row a paper; of papers asked about some labels only, the old row with the new counts."""
        whole = (with_month(scored_rows(_good(table), self.ids)) for kind, table in self.outcomes() if kind == "whole")
        if self.todo.anew:
            self.store.overwrite("scored", whole, self.run_id)
            return
        tables = [FORMS["scored"].schema.empty_table(), *whole]
        last = self.store.last() or {}
        if last.get("taxonomy_id") != self.ids["taxonomy_id"]:
            tables.append(self._asked_again())
        failed = [t.filter(pc.is_valid(t["reason"])).select(["paper_id"]) for _, t in self.outcomes()]
        gone = with_month(pa.concat_tables(failed)) if failed else None
        self.store.upsert("scored", pa.concat_tables(tables), self.run_id, gone)

    def _asked_again(self) -> pa.Table:
        """The rows of papers that were seen, under the new taxonomy."""
        old = self.store.read("scored", rows=~pc.field("paper_id").isin(self._remade))
        again = [table for kind, table in self.outcomes() if kind != "whole"]
        asked = pa.concat_tables(t.select(["paper_id", "hypotheses", "seen_at"]) for t in again) if again else None
        counted = pa.table({"paper_id": self.store.read("predictions", ["paper_id"])["paper_id"]})
        counted = counted.group_by("paper_id").aggregate([([], "count_all")])
        places = pc.index_in(old["paper_id"], value_set=counted["paper_id"].combine_chunks())
        count = pc.cast(pc.fill_null(counted["count_all"].take(places), 0), pa.int32())
        columns = {name: old[name] for name in old.column_names}
        columns |= {"predictions": count, "unknown": pc.equal(count, 0)}
        columns["taxonomy_id"] = pa.repeat(self.ids["taxonomy_id"], len(old))
        if asked is not None:
            places = pc.index_in(old["paper_id"], value_set=asked["paper_id"].combine_chunks())
            # Asked once: where the row has the new taxonomy already, this commit was begun before.
            new = pc.not_equal(old["taxonomy_id"], self.ids["taxonomy_id"])
            more = pc.if_else(new, pc.fill_null(asked["hypotheses"].take(places), 0), 0)
            columns["hypotheses"] = pc.cast(pc.add(old["hypotheses"], more), pa.int32())
            columns["scored_at"] = pc.coalesce(asked["seen_at"].take(places), old["scored_at"])
        return pa.table([columns[name] for name in FORMS["scored"].schema.names], schema=FORMS["scored"].schema)

    def rejects(self, unread: pa.Table) -> None:
        """Papers that failed; and `unread`, what ingestion could not read (schema `REJECTS`)."""
        form = FORMS["rejects"]
        known = {f.name: pa.nulls(len(unread), f.type) for f in form.schema if f.name not in REJECTS.names}
        tables = [pa.table({**{n: unread[n] for n in REJECTS.names}, **known}).select(form.schema.names)]
        tables += [self._failed(table) for _, table in self.outcomes()]
        rows = pa.concat_tables([form.schema.empty_table(), *tables])
        rows = rows.take(_first_of(rows, form.key))
        if self.todo.anew:
            self.store.overwrite("rejects", [rows], self.run_id)
            return
        old = self.store.read("rejects")
        gone = pc.or_(pc.is_null(old["content_hash"]), pc.is_in(old["paper_id"], value_set=self._remade))
        changed = rows.select(REJECTS.names[:-1]) != old.filter(gone).select(REJECTS.names[:-1])
        if changed:
            self.store.upsert("rejects", rows, self.run_id, old.filter(gone))

    def _failed(self, table: pa.Table) -> pa.Table:
        bad = table.filter(pc.is_valid(table["reason"]))
        told: dict[str, Any] = {name: rejects_of(table)[name] for name in REJECTS.names}
        told |= {name: pa.repeat(value, len(bad)) for name, value in self.ids.items()}
        return pa.table({**told, "content_hash": bad["content_hash"]}).select(FORMS["rejects"].schema.names)

    def taxonomy(self) -> None:
        """The labels that have now been asked about."""
        last = self.store.last()
        if last is None or self.todo.anew or last["taxonomy_id"] != self.ids["taxonomy_id"] or self.todo.labels.turned:
            self.store.overwrite("taxonomy", [self.todo.taxonomy.table()], self.run_id)

    def touch_versions(self) -> None:
        """Leaderboards show a paper's newest version only: those of its other versions change with it."""
        bases = base_ids(pa.chunked_array([self._remade])).unique()
        scored = self.store.read("scored", ["paper_id"])["paper_id"]
        others = pc.and_(
            pc.is_in(base_ids(scored), value_set=bases), pc.invert(pc.is_in(scored, value_set=self._remade))
        )
        if pc.any(others).as_py():
            ids = scored.filter(others).combine_chunks()
            self._touch(self.store.read("predictions", ["task", "dataset", "metric"], pc.field("paper_id").isin(ids)))
        self.touched.update(map(_joined, self.todo.labels.turned))

    def _touch(self, rows: pa.Table) -> pa.Table:
        self.touched.update(key(rows).unique().to_pylist())
        return rows


def key_set(labels: Iterable[TDM]) -> pa.Array:
    """Labels as `rank.key` writes them."""
    return pa.array(sorted(map(_joined, labels)), pa.string())


def _joined(tdm: TDM) -> str:
    return _SEPARATOR.join((tdm.task, tdm.dataset, tdm.metric))


def _good(outcomes: pa.Table) -> pa.Table:
    return outcomes.filter(pc.is_null(outcomes["reason"]))


def _first_of(rows: pa.Table, columns: Iterable[str]) -> pa.Array:
    """The row numbers of the first row of each key."""
    keys = list(columns)
    numbered = rows.select(keys).append_column("row", pa.array(range(len(rows)), pa.int64()))
    return numbered.group_by(keys).aggregate([("row", "min")])["row_min"].combine_chunks().sort()


def _parts(tables: Iterable[pa.Table], schema: pa.Schema) -> Iterator[pa.Table]:
    """The rows in tables of a bounded size; one at least."""
    waiting, count, none = [schema.empty_table()], 0, True
    for table in tables:
        waiting.append(table)
        count += len(table)
        if count >= _ROWS:
            yield pa.concat_tables(waiting)
            waiting, count, none = [schema.empty_table()], 0, False
    if count or none:
        yield pa.concat_tables(waiting)
