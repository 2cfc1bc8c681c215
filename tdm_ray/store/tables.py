"""A store: Delta Lake tables in one folder, how they are read and written, and snapshots of runs.

Each commit of a table is atomic, on a disk and on S3 (by conditional put), and makes a version that stays
readable. A run writes several tables (and more than a million new rows in several commits); when all are
there it adds a row to `runs` with the version of each. `snapshot` reads those versions, so a reader sees all
of a run or nothing of it. Any other reader of Delta Lake (DuckDB, pandas, Spark) may open a table's folder
directly."""

from __future__ import annotations

import os
import re
import tempfile
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as pads
import pyarrow.fs as pa_fs
from deltalake import CommitProperties, DeltaTable, write_deltalake
from deltalake.exceptions import TableNotFoundError

from tdm_ray.errors import InputError
from tdm_ray.storage import join, remove_folder
from tdm_ray.store.schemas import FORMS, RUNS

TABLES = ("predictions", "scored", "results", "rejects", "leaderboards", "taxonomy", "marks", "proposals")
_FILES_A_PARTITION = 16  # beyond which small files of many nights are put together
_GONE = "_gone"
# delta-rs takes a path for a URL: it decodes `%20` in some places, and these characters end it with a panic.
_NO_PATH = re.compile(r"%[0-9A-Fa-f]{2}|[\[\]\\^|]")


@dataclass(frozen=True)
class Store:
    """The tables under `root`, a folder or a URL. Raises `InputError` where delta-rs cannot open it."""

    root: str

    def __post_init__(self) -> None:
        path = self.root if "://" in self.root else os.path.abspath(self.root)
        if unfit := _NO_PATH.search(path):
            raise InputError(
                f"{path}: a store cannot have {unfit[0]!r} in its path; choose another folder for it"
            )

    def open(self, name: str, version: int | None = None) -> DeltaTable | None:
        """The table as of a version (None: the last); None where there is no such table yet."""
        try:
            return DeltaTable(join(self.root, name), version=version, storage_options=options(self.root))
        except TableNotFoundError:
            return None

    def version(self, name: str) -> int | None:
        """The table's last version."""
        table = self.open(name)
        return table.version() if table else None

    def _version_written(self, name: str) -> int:
        version = self.version(name)
        assert version is not None
        return version

    def scan(self, name: str, version: int | None = None) -> pads.Dataset:
        """The table as a dataset that is read piece by piece; an empty one where it is not there yet."""
        table = self.open(name, version)
        if table is None:
            return pads.dataset(FORMS[name].schema.empty_table())
        return dataset_of(table, join(self.root, name))

    def read(
        self,
        name: str,
        columns: list[str] | None = None,
        rows: pc.Expression | None = None,
        version: int | None = None,
    ) -> pa.Table:
        """The table, or some columns and rows of it, in memory."""
        return self.scan(name, version).to_table(columns=columns, filter=rows)

    def overwrite(self, name: str, tables: Iterable[pa.Table], run_id: str) -> int:
        """Replace all rows of the table by these, in one commit; returns its version.

        The rows are first written to a temporary file here: while delta-rs takes rows, they cannot be read
        from another of its tables."""
        form = FORMS[name]
        with tempfile.TemporaryFile() as file:
            with pa.ipc.new_stream(
                file, form.schema, options=pa.ipc.IpcWriteOptions(compression="lz4")
            ) as spool:
                for table in tables:
                    spool.write_table(table.select(form.schema.names))
            file.seek(0)
            return self.overwrite_from(name, pa.ipc.open_stream(file), run_id)

    def overwrite_from(self, name: str, rows: pa.RecordBatchReader, run_id: str) -> int:
        """The same for rows that come from a stream which needs no Python to be read."""
        write_deltalake(
            join(self.root, name),
            rows,
            mode="overwrite",
            schema_mode="overwrite",
            partition_by=list(FORMS[name].partition) or None,
            storage_options=options(self.root),
            commit_properties=CommitProperties(custom_metadata={"run_id": run_id}),
        )
        return self._version_written(name)

    def upsert(self, name: str, rows: pa.Table, run_id: str, gone: pa.Table | None = None) -> int | None:
        """Insert rows, replacing those of the same key, and delete those of the keys `gone`; one commit.

        Returns its version; without a change there is no new one. `rows` must hold each key once.
        """
        form = FORMS[name]
        source = _marked(rows.select(form.schema.names), gone, form.key)
        table = self.open(name)
        if not len(source):
            return table.version() if table else None
        if table is None:
            return self.overwrite(name, [rows], run_id)
        same = " AND ".join(f"t.{k} = s.{k}" for k in form.key)
        put = {n: f"s.{n}" for n in form.schema.names}
        commit = CommitProperties(custom_metadata={"run_id": run_id})
        merge = table.merge(
            source, same, source_alias="s", target_alias="t", merge_schema=True, commit_properties=commit
        )
        merge = merge.when_matched_delete(f"s.{_GONE}").when_matched_update(put, predicate=f"NOT s.{_GONE}")
        merge.when_not_matched_insert(put, predicate=f"NOT s.{_GONE}").execute()
        return table.version()

    def compact(self, name: str) -> int | None:
        """Put small files together where nights have left many, and remove those that no version of the last
        week needs; returns the version."""
        table = self.open(name)
        if table is None:
            return None
        counts = Counter(path.rpartition("/")[0] for path in table.file_uris())
        if most := [place for place, count in counts.items() if count > _FILES_A_PARTITION]:
            months = [place.rpartition("month=")[2] for place in most]
            table.optimize.compact(
                partition_filters=[("month", "in", months)] if FORMS[name].partition else None
            )
        table.vacuum(dry_run=False)
        return table.version()

    def add_run(self, row: Mapping[str, Any]) -> None:
        """Add a row to `runs` with the next number; runs are ordered by it, not by a clock.

        Raises `CommitFailedError` where another run was added at the same moment.
        """
        table = self.open("runs")
        number = 1 + max((run["number"] for run in self.runs()), default=0)
        listed = {
            name: list(value.items()) if isinstance(value, dict) else value for name, value in row.items()
        }
        write_deltalake(
            table or join(self.root, "runs"),
            pa.Table.from_pylist([{**listed, "number": number}], schema=RUNS),
            mode="append" if table else "error",
            schema_mode="merge" if table else None,
            storage_options=None if table else options(self.root),
            commit_properties=CommitProperties(max_commit_retries=0),
        )

    def roll_back(self) -> list[str]:
        """Undo what an unfinished run has committed; returns the names of the tables.

        Before the first finished run nobody has read the tables, so they are removed: then the files of a
        store of one run hold each row once."""
        last = self.last()
        back = []
        for name in TABLES:
            table = self.open(name)
            if table is None or (last and table.version() == last["versions"].get(name)):
                continue
            if last and name in last["versions"]:
                table.restore(last["versions"][name])
            else:  # no finished run has it: there is none, or it was made by a version without this table
                remove_folder(join(self.root, name))
            back.append(name)
        return back

    def versions(self) -> dict[str, int]:
        """The last version of every table that is there."""
        return {name: version for name in TABLES if (version := self.version(name)) is not None}

    def runs(self) -> list[dict[str, Any]]:
        """The rows of `runs`, the newest first; none where there is no store yet."""
        rows: list[dict[str, Any]] = self.read("runs").sort_by([("number", "descending")]).to_pylist()
        empty = dict.fromkeys(RUNS.names)  # older stores lack the newer columns
        return [
            {**empty, **row, "rejected": dict(row["rejected"] or ()), "versions": dict(row["versions"] or ())}
            for row in rows
        ]

    def history(self) -> list[dict[str, Any]]:
        """The rows of `runs`, the newest first. Raises `InputError` where there are none."""
        rows = self.runs()
        if not rows:
            raise InputError(f"{self.root}: not a store; `tdm-ray score PAPERS --out {self.root}` makes one")
        return rows

    def last(self) -> dict[str, Any] | None:
        """The row of the newest finished run; None where there is none."""
        return next((run for run in self.runs() if run["versions"]), None)

    def snapshot(self, run_id: str | None = None) -> Snapshot:
        """What the newest whole run left, or the run of this id. Raises `InputError` where there is no such
        run."""
        runs = [run for run in self.runs() if run["versions"] and run_id in (None, run["run_id"])]
        if not runs:
            cure = f"`tdm-ray score PAPERS --out {self.root}` makes one"
            if run_id:
                cure = f"`tdm-ray runs {self.root}` lists them"
            raise InputError(f"{self.root}: holds no finished run{f' {run_id}' if run_id else ''}; {cure}")
        return Snapshot(self, runs[0], runs[0]["versions"])


@dataclass(frozen=True)
class Snapshot:
    """The tables of a store as one run left them."""

    store: Store
    run: Mapping[str, Any]
    versions: Mapping[str, int]

    def scan(self, name: str) -> pads.Dataset:
        """The table as a dataset; an empty one where the run had none."""
        if name not in self.versions:
            return pads.dataset(FORMS[name].schema.empty_table())
        return self.store.scan(name, self.versions[name])

    def read(
        self, name: str, columns: list[str] | None = None, rows: pc.Expression | None = None
    ) -> pa.Table:
        """The table, or some columns and rows of it, in memory."""
        return self.scan(name).to_table(columns=columns, filter=rows)


def dataset_of(table: DeltaTable, folder: str) -> pads.Dataset:
    """The table in `folder` as a dataset: on a disk with Arrow's file system, else with that of delta-rs.

    That one is in Python. A thread of Arrow that lets go of one of its files while Python ends aborts the
    process: so ended 11 of 60 scripts that read a table."""
    if "://" in folder:
        return table.to_pyarrow_dataset()
    on_disk = pa_fs.SubTreeFileSystem(os.path.abspath(folder), pa_fs.LocalFileSystem())
    return table.to_pyarrow_dataset(filesystem=on_disk)


def options(root: str) -> dict[str, str] | None:
    """Options for delta-rs beyond the standard environment variables, which it reads itself."""
    if not root.startswith(("s3://", "s3a://")):
        return None
    endpoint = os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL") or ""
    settings = {"endpoint": endpoint} if endpoint else {}
    if endpoint.startswith("http://"):
        settings["allow_http"] = "true"  # a store of one's own, without TLS; refused otherwise
    if endpoint and not (os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION")):
        settings["region"] = "us-east-1"  # what such stores take for granted; AWS's own is found by delta-rs
    return settings


def _marked(rows: pa.Table, gone: pa.Table | None, key: Sequence[str]) -> pa.Table:
    """The rows, then the keys to delete that are not among them; the column `_gone` distinguishes the two."""
    marked = rows.append_column(_GONE, pa.repeat(False, len(rows)))
    if gone is None or not len(gone):
        return marked
    out = gone.select(list(key)).join(rows.select(list(key)), list(key), join_type="left anti")
    return pa.concat_tables(
        [marked, out.append_column(_GONE, pa.repeat(True, len(out)))], promote_options="default"
    )
