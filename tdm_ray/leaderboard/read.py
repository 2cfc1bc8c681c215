"""Read the leaderboards of a store as one of its runs left them, for all commands that show results."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as pads

from tdm_ray.keys import label_keys
from tdm_ray.records import LEADERBOARDS, TDM_COLUMNS
from tdm_ray.storage import join
from tdm_ray.store.tables import Store

# A table of more rows is not returned whole: 1.3 GB of evidence.
MOST_ROWS = 2_000_000


def read_leaderboards(
    store: str, *, paper_id: str | None = None, run_id: str | None = None, tentative: bool = False
) -> pa.Table:
    """The leaderboards of a store, or the largest where they are too many; or the entries of one paper.

    As its newest run left them, or the run `run_id`: the confirmed rows, with `tentative` all. Raises
    `InputError` where there is no such run."""
    table = _read_leaderboards(store, paper_id, run_id)
    return table if tentative else confirmed(table)


def confirmed(table: pa.Table) -> pa.Table:
    """The confirmed rows of a table of leaderboards; null counts as not."""
    return table.filter(pc.fill_null(table["confirmed"], False))


def _read_leaderboards(store: str, paper_id: str | None, run_id: str | None) -> pa.Table:
    dataset = Store(store).snapshot(run_id).scan("leaderboards")
    if paper_id is not None:
        return _read(dataset, dataset.to_table(filter=pc.field("paper_id") == paper_id))
    if dataset.count_rows() <= MOST_ROWS:
        return _read(dataset, dataset.to_table())
    ascending = [(name, "ascending") for name in TDM_COLUMNS]
    sizes = row_counts(dataset, TDM_COLUMNS).sort_by([("rows", "descending"), *ascending])
    count = max(1, int((pc.cumulative_sum(sizes["rows"]).to_numpy() <= MOST_ROWS).sum()))
    wanted = label_keys(sizes.slice(0, count)).combine_chunks()
    batches = (pa.Table.from_batches([batch]) for batch in dataset.to_batches(batch_readahead=2))
    chosen = (batch.filter(pc.is_in(label_keys(batch), value_set=wanted)) for batch in batches)
    return pa.concat_tables(_whole(batch) for batch in chosen if len(batch))


def _read(dataset: pads.Dataset, table: pa.Table) -> pa.Table:
    """The table sorted by label and rank: merges leave rows in any order."""
    order = [(name, "ascending") for name in (*TDM_COLUMNS, "rank")]
    return _whole(table.select([n for n in LEADERBOARDS.names if n in dataset.schema.names])).sort_by(order)


def _whole(table: pa.Table) -> pa.Table:
    """The columns of `LEADERBOARDS`. In older stores, without confidence, rows with a score are confirmed."""
    for name in ("method", "confidence", "confirmed"):
        if name not in table.column_names:
            table = table.append_column(name, pa.nulls(len(table), LEADERBOARDS.field(name).type))
    known = pc.coalesce(table["confirmed"], pc.is_valid(table["score"]))
    return table.drop_columns("confirmed").append_column("confirmed", known).select(LEADERBOARDS.names)


def left_out(store: str, table: pa.Table) -> str | None:
    """A message where `table`, read with tentative rows, is not all that the store holds; else None."""
    entries = Store(store).snapshot().scan("leaderboards").count_rows()
    if entries <= len(table):
        return None
    return (
        f"{len(table):,} of {entries:,} entries are shown and exported, those of the largest leaderboards; "
        f"{join(store, 'leaderboards')} holds all"
    )


def row_counts(table: pads.Dataset, columns: list[str]) -> pa.Table:
    """The values of some columns and how many `rows` have them; streamed."""
    names = [*columns, "rows"]
    schema = pa.schema([*(table.schema.field(name) for name in columns), ("rows", pa.int64())])
    parts = [schema.empty_table()]
    for batch in table.to_batches(columns=columns, batch_readahead=2):
        counted = pa.Table.from_batches([batch]).group_by(columns).aggregate([([], "count_all")])
        parts.append(counted.rename_columns(names))
        if sum(map(len, parts[1:])) > max(len(parts[0]), 1 << 20):  # each row is summed twice at most
            parts = [_summed(parts, columns)]
    return _summed(parts, columns)


def _summed(parts: list[pa.Table], columns: list[str]) -> pa.Table:
    both = pa.concat_tables(parts)
    return both.group_by(columns).aggregate([("rows", "sum")]).rename_columns(both.column_names)
