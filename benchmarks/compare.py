"""Compare what two runs left: predictions, scored papers, rejects, leaderboards, row by row.

    python -m benchmarks.compare BEFORE AFTER

Each is a store (its newest whole run is read), or a results folder of version 0.1 (Parquet files in
`predictions/`, `scored/`, ...). Rows are matched by their key. Ids of runs, models and taxonomies, and times,
are not compared; tables and columns that only one side has are named. Exit code 1 where anything differs.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from tdm_ray.errors import InputError
from tdm_ray.records import TDM_COLUMNS
from tdm_ray.storage import exists, join, open_file, parquet_files
from tdm_ray.store.tables import Store

KEYS = {
    "predictions": ["paper_id", *TDM_COLUMNS],
    "scored": ["paper_id"],
    "rejects": ["paper_id", "location"],
    "leaderboards": [*TDM_COLUMNS, "paper_id"],
}
IGNORED = frozenset({"run_id", "model_id", "taxonomy_id", "scored_at", "seen_at", "month"})
SHOWN = 10

Key = tuple[Any, ...]
Row = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Difference:
    """How a table of one run differs from that of another.

    before, after: how many rows each has. only_before, only_after: the keys of rows without a partner, once
    for each row. changed: key -> the columns in which a row differs. duplicated: rows after whose key is
    there already. columns_before, columns_after: columns that only that side has, which are not compared.
    """

    before: int
    after: int
    only_before: Sequence[Key] = ()
    only_after: Sequence[Key] = ()
    changed: Mapping[Key, Sequence[str]] = field(default_factory=dict)
    duplicated: int = 0
    columns_before: Sequence[str] = ()
    columns_after: Sequence[str] = ()

    def __bool__(self) -> bool:
        return bool(self.only_before or self.only_after or self.changed)


def read_run(path: str) -> dict[str, pa.Table]:
    """The tables of a store's newest whole run, or of a results folder.

    Raises `InputError` where there is neither.
    """
    if exists(join(path, "runs")):
        snapshot = Store(path).snapshot()
        return {name: snapshot.read(name) for name in KEYS if name in snapshot.versions}
    found = {name: _read_parquet(join(path, name)) for name in KEYS if exists(join(path, name))}
    if "predictions" not in found:
        raise InputError(f"{path}: neither a store nor a results folder with predictions/*.parquet")
    return found


def _read_parquet(folder: str) -> pa.Table:
    tables = []
    for path in parquet_files(folder):
        with open_file(path) as file:
            tables.append(pq.ParquetFile(file).read())
    return pa.concat_tables(tables, promote_options="permissive")


def compare_tables(name: str, before: pa.Table, after: pa.Table) -> Difference:
    """Compare two tables of this name."""
    old = _flat(before)
    new = _flat(after)
    keys = KEYS[name]
    compared = [column for column in old.column_names if column in new.column_names and column not in keys]
    old_rows = _by_key(old, keys, compared)
    new_rows = _by_key(new, keys, compared)
    changed = {}
    for key in old_rows.keys() & new_rows.keys():
        for one, other in zip(old_rows[key], new_rows[key], strict=False):
            if columns := [column for column in compared if not _same(one[column], other[column])]:
                changed[key] = columns
    return Difference(
        before=len(old),
        after=len(new),
        only_before=_without_partner(old_rows, new_rows),
        only_after=_without_partner(new_rows, old_rows),
        changed=dict(sorted(changed.items(), key=lambda item: str(item[0]))),
        duplicated=sum(len(rows) - 1 for rows in new_rows.values()),
        columns_before=[column for column in old.column_names if column not in new.column_names],
        columns_after=[column for column in new.column_names if column not in old.column_names],
    )


def compare_runs(before: str, after: str) -> tuple[dict[str, Difference], list[str]]:
    """The differences of all tables that both runs have; and the names of those that only one has."""
    old = read_run(before)
    new = read_run(after)
    both = [name for name in KEYS if name in old and name in new]
    alone = [name for name in KEYS if (name in old) != (name in new)]
    return {name: compare_tables(name, old[name], new[name]) for name in both}, alone


def _flat(table: pa.Table) -> pa.Table:
    """The columns that are compared, those of structs one by one (`evidence.kind`)."""
    kept = table.drop_columns([name for name in table.column_names if name in IGNORED])
    return kept.flatten()


def _by_key(table: pa.Table, keys: Sequence[str], compared: Sequence[str]) -> dict[Key, list[Row]]:
    """The rows of each key, in an order that does not depend on that of the table."""
    found = defaultdict(list)
    for row in table.select([*keys, *compared]).to_pylist():
        found[tuple(row[key] for key in keys)].append(row)
    for rows in found.values():
        if len(rows) > 1:
            rows.sort(key=str)
    return dict(found)


def _same(one: Any, other: Any) -> bool:
    if isinstance(one, float) and isinstance(other, float):
        return one == other or (one != one and other != other)  # noqa: PLR0124 - NaN is no NaN's equal
    return bool(one == other)


def _without_partner(rows: Mapping[Key, Sequence[Row]], others: Mapping[Key, Sequence[Row]]) -> list[Key]:
    """The keys of rows that the other side lacks, once for each row."""
    alone = [key for key, found in rows.items() for _ in found[len(others.get(key, ())) :]]
    return sorted(alone, key=str)


def describe(name: str, difference: Difference) -> list[str]:
    """The lines to print about a table."""
    head = f"{name}: {difference.before:,} rows before, {difference.after:,} after"
    if not difference:
        lines = [f"{head}: the same"]
    else:
        counts = {
            "only before": len(difference.only_before),
            "only after": len(difference.only_after),
            "different": len(difference.changed),
        }
        lines = [f"{head}; {', '.join(f'{what} {count:,}' for what, count in counts.items())}"]
    if difference.duplicated:
        lines.append(f"  rows after whose key is there already: {difference.duplicated:,}")
    for side, columns in (("before", difference.columns_before), ("after", difference.columns_after)):
        if columns:
            lines.append(f"  columns only {side}, not compared: {', '.join(columns)}")
    for side, keys in (("before", difference.only_before), ("after", difference.only_after)):
        lines += [f"  only {side}: {_told(key)}" for key in keys[:SHOWN]]
    if difference.changed:
        columns = Counter(column for found in difference.changed.values() for column in found)
        lines.append(f"  columns that differ: {', '.join(f'{c} {n:,}' for c, n in columns.most_common())}")
    for key, found in list(difference.changed.items())[:SHOWN]:
        lines.append(f"  different: {_told(key)}: {', '.join(found)}")
    return lines


def _told(key: Key) -> str:
    return " | ".join(map(str, key))


def main(arguments: Sequence[str] | None = None) -> int:
    """Parse the command line, compare, print; returns the exit code."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("before", help="a store or a results folder")
    parser.add_argument("after", help="another")
    args = parser.parse_args(arguments)
    differences, alone = compare_runs(args.before, args.after)
    for name, difference in differences.items():
        print("\n".join(describe(name, difference)))
    for name in alone:
        print(f"{name}: only one of the two runs has this table; not compared")
    differ = [name for name, difference in differences.items() if difference]
    print(f"different: {', '.join(differ)}" if differ else "the same")
    return int(bool(differ))


if __name__ == "__main__":
    sys.exit(main())
