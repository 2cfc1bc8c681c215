"""Compare what two runs left: predictions, scored papers, rejects, leaderboards, row by row.

    python -m benchmarks.compare BEFORE AFTER
    python -m benchmarks.compare BEFORE AFTER --tolerance 1e-6

Each is a store (its newest whole run is read), or a results folder of version 0.1 (Parquet files in
`predictions/`, `scored/`, ...). Rows are matched by their key; of rejects, paper and reason are compared.
Ids of runs, models and taxonomies, and times, are not compared; tables, columns and fields of nested columns
that only one side has are named. Numbers must be the same, without a tolerance to the last bit. Exit code 1
where anything differs, 2 where there is nothing to compare.
"""

from __future__ import annotations

import argparse
import math
import sys
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from tdm_ray.errors import InputError, TdmRayError
from tdm_ray.records import TDM_COLUMNS
from tdm_ray.storage import exists, join, open_file, parquet_files
from tdm_ray.store.tables import Store

KEYS = {
    "predictions": ["paper_id", *TDM_COLUMNS],
    "scored": ["paper_id"],
    "rejects": ["paper_id", "location"],
    "leaderboards": [*TDM_COLUMNS, "paper_id"],
}
REASON = ["paper_id", "reason"]
IGNORED = frozenset({"run_id", "model_id", "taxonomy_id", "scored_at", "seen_at", "month"})
SHOWN = 10

Key = tuple[Any, ...]
Row = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Difference:
    """How a table of one run differs from that of another.

    before, after: how many rows each has. only_before, only_after: the keys of rows without a partner, once
    for each row. changed: key -> the columns in which a row differs. duplicated: rows after whose key is
    there already, and more often than before. columns_before, columns_after: columns, and fields of nested
    ones, that only that side has; they are not compared.
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


def compare_tables(
    before: pa.Table, after: pa.Table, keys: Sequence[str], *, tolerance: float = 0.0
) -> Difference:
    """Compare two tables whose rows `keys` name; numbers may differ by `tolerance`, also relatively."""
    old = _flat(before)
    new = _flat(after)
    compared = [column for column in old.column_names if column in new.column_names and column not in keys]
    old_rows = _by_key(old, keys, compared)
    new_rows = _by_key(new, keys, compared)
    old_fields = list(_fields(old.schema))
    new_fields = list(_fields(new.schema))
    return Difference(
        before=len(old),
        after=len(new),
        only_before=_without_partner(old_rows, new_rows),
        only_after=_without_partner(new_rows, old_rows),
        changed=_changed(old_rows, new_rows, compared, tolerance),
        duplicated=sum(_more(rows, old_rows.get(key, ())) for key, rows in new_rows.items()),
        columns_before=[name for name in old_fields if name not in new_fields],
        columns_after=[name for name in new_fields if name not in old_fields],
    )


def compare_runs(
    before: str, after: str, *, tolerance: float = 0.0, whole_rejects: bool = True
) -> tuple[dict[str, Difference], list[str]]:
    """The differences of all tables that both runs have; and the names of those that only one has.

    Without `whole_rejects` only paper and reason of a reject are compared: other versions word it otherwise.
    """
    old = read_run(before)
    new = read_run(after)
    keys: dict[str, Sequence[str]] = dict(KEYS)
    if not whole_rejects:
        keys["rejects"] = REASON
        for run in (old, new):
            run.update({name: run[name].select(REASON) for name in ("rejects",) if name in run})
    both = [name for name in KEYS if name in old and name in new]
    alone = [name for name in KEYS if (name in old) != (name in new)]
    found = {name: compare_tables(old[name], new[name], keys[name], tolerance=tolerance) for name in both}
    return found, alone


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


def _fields(schema: pa.Schema) -> Iterator[str]:
    """The columns, and after each the fields nested in it (`evidence.row.value`)."""
    for column in schema:
        yield from _nested(column.name, column.type)


def _nested(name: str, form: pa.DataType) -> Iterator[str]:
    yield name
    while pa.types.is_list(form) or pa.types.is_large_list(form):
        form = form.value_type
    if pa.types.is_struct(form):
        for field_ in form:
            yield from _nested(f"{name}.{field_.name}", field_.type)


def _changed(
    old: Mapping[Key, Sequence[Row]],
    new: Mapping[Key, Sequence[Row]],
    columns: Sequence[str],
    tolerance: float,
) -> dict[Key, list[str]]:
    changed = {}
    for key in sorted(old.keys() & new.keys(), key=str):
        for one, other in zip(old[key], new[key], strict=False):
            if differing := [name for name in columns if not _same(one[name], other[name], tolerance)]:
                changed[key] = differing
    return changed


def _same(one: Any, other: Any, tolerance: float) -> bool:
    """Whether two values are equal, those of fields that only one has apart."""
    if isinstance(one, dict) and isinstance(other, dict):
        return all(_same(one[name], other[name], tolerance) for name in one.keys() & other.keys())
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(_same, one, other, [tolerance] * len(one)))
    if isinstance(one, float) and isinstance(other, float):
        return _same_number(one, other, tolerance)
    return bool(one == other)


def _same_number(one: float, other: float, tolerance: float) -> bool:
    if math.isnan(one) or math.isnan(other):
        return math.isnan(one) and math.isnan(other)
    return math.isclose(one, other, rel_tol=tolerance, abs_tol=tolerance)


def _more(rows: Sequence[Row], before: Sequence[Row]) -> int:
    """How many rows of a key are there besides the one, or those that were there before."""
    return max(0, len(rows) - max(1, len(before)))


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
    parser.add_argument(
        "--tolerance", type=float, default=0.0, help="by which numbers may differ, also relatively"
    )
    args = parser.parse_args(arguments)
    try:
        differences, alone = compare_runs(
            args.before, args.after, tolerance=args.tolerance, whole_rejects=False
        )
    except TdmRayError as error:
        print(error, file=sys.stderr)
        return 2
    for name, difference in differences.items():
        print("\n".join(describe(name, difference)))
    for name in alone:
        print(f"{name}: only one of the two runs has this table; not compared")
    differ = [name for name, difference in differences.items() if difference]
    print(f"different: {', '.join(differ)}" if differ else "the same")
    return int(bool(differ))


if __name__ == "__main__":
    sys.exit(main())
