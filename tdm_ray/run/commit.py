"""Merge a run's staged outcomes into the tables of the store; every step may be done twice."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from tdm_ray.arxiv_ids import base_ids
from tdm_ray.extract.settle import Decision, settled
from tdm_ray.keys import PAPER_COLUMNS, label_key, label_keys, paper_keys
from tdm_ray.leaderboard.read import row_counts
from tdm_ray.records import BOARD, REJECTS, TDM, TDM_COLUMNS
from tdm_ray.run.outcomes import good_rows, prediction_rows, reject_rows, result_rows, scored_rows
from tdm_ray.run.todo import Todo
from tdm_ray.store.schemas import FORMS, with_month
from tdm_ray.store.staging import Staging
from tdm_ray.store.tables import Store

_ROWS = 1_000_000  # predictions a merge: about 1 GB; more are merged one after the other
_PAPERS_A_SETTLEMENT = 5_000  # some 15,000 predictions with their evidence
_REASONED = ["reason", "source", "location", "detail", "seen_at"]


@dataclass(frozen=True)
class Commit:
    """One run's changes to the tables.

    touched: collects the labels whose leaderboards change. names: collects the data sets and methods whose
    results change, as `discover.names.plain` writes them. versions: the table versions that were written."""

    store: Store
    todo: Todo
    staging: Staging
    run_id: str
    unreadable: pa.Table
    """Papers that have no outcome because their row could not be read, as rejects."""
    versions: dict[str, int] = field(default_factory=dict)
    touched: set[str] = field(default_factory=set)
    names: set[str] = field(default_factory=set)

    @property
    def ids(self) -> dict[str, str]:
        """The model and the taxonomy that decided, as columns of the rows."""
        return {"model_id": self.todo.model_id, "taxonomy_id": self.todo.taxonomy.taxonomy_id}

    def predictions(self) -> None:
        """Put new predictions in. Take out those of papers that changed or failed, and of labels that were
        removed or have other aliases."""
        kinds = self.todo.kinds if not self.todo.anew else ("whole",)
        staged = (table for kind in kinds for table in self.staging.outcomes(kind, self.todo.corpus.keys))
        rows = (self._touch(with_month(prediction_rows(good_rows(table), self.ids))) for table in staged)
        if self.todo.anew:
            self.versions["predictions"] = self.store.overwrite("predictions", rows, self.run_id)
            return
        gone = self._touch(self._outdated())
        for part in _parts(rows, FORMS["predictions"].schema):
            if (version := self.store.upsert("predictions", part, self.run_id, gone)) is not None:
                self.versions["predictions"] = version
            gone = None
        self._settle_added()

    def _settle_added(self) -> None:
        """Settle the new rows of added labels with the old rows of their papers: one cell proves one
        label."""
        form = FORMS["predictions"]
        ids = self._with_added_rows()
        for start in range(0, len(ids), _PAPERS_A_SETTLEMENT):
            papers = ids.slice(start, _PAPERS_A_SETTLEMENT)
            changed, dropped = _settled_rows(self.store.read("predictions", rows=_of(papers)).to_pylist())
            if not changed and not dropped:
                continue
            new = self._touch(pa.Table.from_pylist(changed, schema=form.schema))
            gone = self._touch(pa.Table.from_pylist(dropped, schema=form.schema)).select(list(form.key))
            self._note("predictions", self.store.upsert("predictions", new, self.run_id, gone))

    def _with_added_rows(self) -> pa.Array:
        """The papers that have a row of an added label now, in order."""
        found = [pa.array([], pa.string())]
        if len(self._papers_of_added_labels):
            columns = ["paper_id", *TDM_COLUMNS]
            for batch in self.store.scan("predictions").to_batches(columns=columns):
                table = pa.Table.from_batches([batch])
                found.append(table.filter(self._of_added(table))["paper_id"].combine_chunks())
        return pa.concat_arrays(found).unique().sort()

    def _of_added(self, rows: pa.Table) -> pa.ChunkedArray:
        """Which rows are of an added label, of papers that were scored for these."""
        added = pa.array(sorted(map(label_key, self.todo.labels.added)), pa.string())
        of_papers = pc.is_in(rows["paper_id"], value_set=self._papers_of_added_labels)
        return pc.and_(of_papers, pc.is_in(label_keys(rows), value_set=added))

    def _outdated(self) -> pa.Table:
        columns = list(FORMS["predictions"].key)
        tables = [self.store.read("predictions", columns, _of(self._rescored))]
        removed = pa.array(sorted(map(label_key, self.todo.labels.removed)), pa.string())
        if not len(removed) and not self.todo.labels.added:
            return tables[0]
        for batch in self.store.scan("predictions").to_batches(columns=columns):
            table = pa.Table.from_batches([batch])
            out = pc.or_(pc.is_in(label_keys(table), value_set=removed), self._of_added(table))
            tables.append(table.filter(out))
        return pa.concat_tables(tables).group_by(columns).aggregate([])

    @cached_property
    def _rescored(self) -> pa.Array:
        """Papers whose old rows are out of date: scored against all labels, rejected, or unreadable."""
        tables = self.staging.outcomes("whole", self.todo.corpus.keys, ())
        ids = [table["paper_id"].combine_chunks() for table in tables]
        return pa.concat_arrays([self.unreadable["paper_id"].combine_chunks(), *ids])

    @cached_property
    def _scored_for_added_labels(self) -> pa.Table:
        """The known papers that were scored for added labels. A paper that failed keeps its old rows and its
        old taxonomy id, so that the next run scores it against all labels."""
        columns = ["hypotheses", "seen_at", "reason"]
        kinds = [kind for kind in self.todo.kinds if kind != "whole"]
        tables = [
            good_rows(t)
            for kind in kinds
            for t in self.staging.outcomes(kind, self.todo.corpus.keys, columns)
        ]
        empty = pa.table({"paper_id": pa.array([], pa.string()), "hypotheses": pa.array([], pa.int32())})
        return pa.concat_tables(
            [empty, *(t.select(["paper_id", "hypotheses", "seen_at"]) for t in tables)],
            promote_options="default",
        )

    @cached_property
    def _papers_of_added_labels(self) -> pa.Array:
        return self._scored_for_added_labels["paper_id"].combine_chunks()

    def scored(self) -> None:
        """Write one row for each paper; a paper scored for added labels keeps its row, with new counts."""
        whole = (
            with_month(scored_rows(good_rows(t), self.ids))
            for t in self.staging.outcomes("whole", self.todo.corpus.keys)
        )
        if self.todo.anew:
            self.versions["scored"] = self.store.overwrite("scored", whole, self.run_id)
            return
        tables = [FORMS["scored"].schema.empty_table(), *whole]
        last = self.todo.last
        if last and last["taxonomy_id"] != self.ids["taxonomy_id"]:
            tables.append(self._restamped(last["versions"]["scored"]))
        failed = [
            t.filter(pc.is_valid(t["reason"])).select(["paper_id"])
            for t in self.staging.outcomes("whole", self.todo.corpus.keys, ["reason"])
        ]
        gone = with_month(pa.concat_tables([*failed, self.unreadable.select(["paper_id"])]))
        self._note("scored", self.store.upsert("scored", pa.concat_tables(tables), self.run_id, gone))

    def _restamped(self, version: int) -> pa.Table:
        """Old rows with the new taxonomy id: all where labels were only removed, else those scored again."""
        old = self.store.read("scored", rows=~pc.field("paper_id").isin(self._rescored), version=version)
        if self.todo.labels.added:
            old = old.filter(pc.is_in(old["paper_id"], value_set=self._papers_of_added_labels))
        counted = row_counts(self.store.scan("predictions"), ["paper_id"])
        places = pc.index_in(old["paper_id"], value_set=counted["paper_id"].combine_chunks())
        count = pc.cast(pc.fill_null(counted["rows"].take(places), 0), pa.int32())
        places = pc.index_in(old["paper_id"], value_set=self._papers_of_added_labels)
        added = pc.fill_null(self._scored_for_added_labels["hypotheses"].take(places), 0)
        columns = {name: old[name] for name in old.column_names}
        columns |= {
            "predictions": count,
            "unknown": pc.equal(count, 0),
            "taxonomy_id": pa.repeat(self.ids["taxonomy_id"], len(old)),
            "hypotheses": pc.cast(pc.add(old["hypotheses"], added), pa.int32()),
        }
        if len(self._papers_of_added_labels):
            columns["scored_at"] = pc.coalesce(
                self._scored_for_added_labels["seen_at"].take(places), old["scored_at"]
            )
        return pa.table(
            [columns[name] for name in FORMS["scored"].schema.names], schema=FORMS["scored"].schema
        )

    def results(self) -> None:
        """Write the own results of papers that were scored against all labels in place of their old ones."""
        staged = self.staging.outcomes("whole", self.todo.corpus.keys, ["results", "reason"])
        rows = (with_month(result_rows(good_rows(table))) for table in staged)
        if self.todo.anew:  # all proposals are made again
            self.versions["results"] = self.store.overwrite("results", rows, self.run_id)
            return
        form = FORMS["results"]
        old = self.store.read("results", [*form.key, "dataset_key", "method_key"], _of(self._rescored))
        gone: pa.Table | None = self._name(old).select(list(form.key))
        for part in _parts(map(self._name, rows), form.schema):
            self._note("results", self.store.upsert("results", part, self.run_id, gone))
            gone = None

    def _name(self, rows: pa.Table) -> pa.Table:
        for column in ("dataset_key", "method_key"):
            self.names.update(filter(None, rows[column].unique().to_pylist()))
        return rows

    def rejects(self, unread: pa.Table) -> None:
        """Write the papers that failed, and `unread`, what ingestion could not read (schema `REJECTS`)."""
        form = FORMS["rejects"]
        failed = [self._failed(t) for t in self.staging.outcomes("whole", self.todo.corpus.keys, _REASONED)]
        tables = (
            self._numbered(_unread(unread)),
            *failed,
            self._numbered(self.unreadable.drop_columns("nights")),
        )
        rows = pa.concat_tables(table.select(form.schema.names) for table in tables)
        rows = rows.take(_first_of(rows, form.key))
        if self.todo.anew:
            self._note("rejects", self.store.overwrite("rejects", [rows], self.run_id))
            return
        old = self.store.read("rejects")
        gone = old.filter(
            pc.or_(pc.is_null(old["content_hash"]), pc.is_in(old["paper_id"], value_set=self._rescored))
        )
        shown = [name for name in form.schema.names if name != "seen_at"]
        if _sorted(rows.select(shown)) != _sorted(gone.select(shown)):
            self._note("rejects", self.store.upsert("rejects", rows, self.run_id, gone))

    def _failed(self, table: pa.Table) -> pa.Table:
        bad = table.filter(pc.is_valid(table["reason"]))
        columns: dict[str, Any] = {name: reject_rows(table)[name] for name in REJECTS.names}
        columns |= {name: pa.repeat(value, len(bad)) for name, value in self.ids.items()}
        return self._numbered(pa.table({**columns, "content_hash": bad["content_hash"]}))

    def _numbered(self, rows: pa.Table) -> pa.Table:
        """The rows with the number of nights in which this version of the paper was tried."""
        old = self.store.read("rejects", [*PAPER_COLUMNS, "nights"])
        keys = (paper_keys(table).combine_chunks() for table in (rows, old))
        at = pc.index_in(next(keys), value_set=next(keys), skip_nulls=True)  # null: could not even be read
        before = pc.fill_null(old["nights"].take(at), 0)
        return rows.append_column("nights", pc.cast(pc.add(before, 1), pa.int32()))

    def taxonomy(self) -> None:
        """Write the taxonomy that this run scored with."""
        last = self.todo.last
        if (
            last is None
            or self.todo.anew
            or last["taxonomy_id"] != self.ids["taxonomy_id"]
            or self.todo.labels.turned
            or self.todo.regrouped
        ):
            self._note("taxonomy", self.store.overwrite("taxonomy", [self._taxonomy()], self.run_id))
        self.touched.update(self.todo.regrouped)

    def _taxonomy(self) -> pa.Table:
        boards = [self.todo.boards.get(label.tdm) for label in self.todo.taxonomy.labels]
        rows = [{part: getattr(tdm, part) for part in TDM_COLUMNS} if tdm else None for tdm in boards]
        return self.todo.taxonomy.table().append_column(BOARD, pa.array(rows, BOARD.type))

    def marks(self) -> None:
        """Write what readers said of predictions; the leaderboards follow it."""
        self.touched.update(self.todo.marked)
        if self.todo.marked:
            self._note("marks", self.store.overwrite("marks", [self.todo.marks], self.run_id))

    def touch_versions(self) -> None:
        """Touch the labels of a paper's other versions: leaderboards show only the newest version."""
        self.touched.update(map(label_key, self.todo.labels.turned))
        if self.todo.anew:
            return  # all are ranked
        bases = base_ids(pa.chunked_array([self._rescored])).unique()
        ids = self.store.read("scored", ["paper_id"])["paper_id"]
        others = pc.and_(
            pc.is_in(base_ids(ids), value_set=bases), pc.invert(pc.is_in(ids, value_set=self._rescored))
        )
        if pc.any(others).as_py():
            self._touch(self.store.read("predictions", TDM_COLUMNS, _of(ids.filter(others).combine_chunks())))

    def _touch(self, rows: pa.Table) -> pa.Table:
        self.touched.update(label_keys(rows).unique().to_pylist())
        return rows

    def _note(self, name: str, version: int | None) -> None:
        if version is not None:
            self.versions[name] = version


def _settled_rows(rows: Iterable[Decision]) -> tuple[list[Decision], list[Decision]]:
    """Of whole papers' predictions: those that lose their score to another, and those that go."""
    by_paper: dict[str, dict[TDM, Decision]] = defaultdict(dict)
    for row in rows:
        by_paper[row["paper_id"]][TDM.of(row)] = row
    changed: list[Decision] = []
    dropped: list[Decision] = []
    for before in by_paper.values():
        after = {TDM.of(row): row for row in settled(list(before.values()), _as_stated)}
        changed += [row for tdm, row in after.items() if row != before[tdm]]
        dropped += [row for tdm, row in before.items() if tdm not in after]
    return changed, dropped


def _as_stated(row: Decision) -> float | None:
    """The confidence that a row has."""
    stated: float | None = row["confidence"]
    return stated


def _of(ids: pa.Array) -> pc.Expression:
    """Rows of these papers; the month lets whole files be left out."""
    months = with_month(pa.table({"paper_id": ids}))["month"].unique()
    return pc.field("month").isin(months) & pc.field("paper_id").isin(ids)


def _unread(rejects: pa.Table) -> pa.Table:
    for name in ("content_hash", "model_id", "taxonomy_id"):
        rejects = rejects.append_column(name, pa.nulls(len(rejects), pa.string()))
    return rejects


def _sorted(rows: pa.Table) -> pa.Table:
    return rows.sort_by([("paper_id", "ascending"), ("location", "ascending")]).combine_chunks()


def _first_of(rows: pa.Table, columns: Iterable[str]) -> pa.Array:
    """The row numbers of the first row of each key."""
    keys = list(columns)
    numbered = rows.select(keys).append_column("row", pa.array(range(len(rows)), pa.int64()))
    return numbered.group_by(keys).aggregate([("row", "min")])["row_min"].combine_chunks().sort()


def _parts(tables: Iterable[pa.Table], schema: pa.Schema) -> Iterator[pa.Table]:
    """The rows in tables of a bounded size; one at least."""
    waiting = [schema.empty_table()]
    count = 0
    none = True
    for table in tables:
        waiting.append(table)
        count += len(table)
        if count >= _ROWS:
            yield pa.concat_tables(waiting)
            waiting = [schema.empty_table()]
            count = 0
            none = False
    if count or none:
        yield pa.concat_tables(waiting)
