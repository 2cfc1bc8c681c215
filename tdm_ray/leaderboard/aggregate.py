"""A scored folder -> its leaderboards: in memory where it is small, else spread over files by label and rank by rank.

A label's predictions land in one part (see `parts`), so that parts can be ranked one by one, on one machine or on many.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as pads

from tdm_ray.errors import InputError
from tdm_ray.leaderboard.merge import merge_candidates
from tdm_ray.leaderboard.parts import RANKED, ROWS_A_PART, coded, read_part, split_by_label
from tdm_ray.leaderboard.rank import TDM_PARTS, key, leaderboards, with_newest
from tdm_ray.leaderboard.review import honour, read_marks
from tdm_ray.parallel import over_chunks
from tdm_ray.records import LEADERBOARDS, PREDICTIONS, SCORED, TAXONOMY
from tdm_ray.storage import (  # fmt: skip
    exists,
    finish_replacing,
    join,
    list_files,
    read_table,
    remove_folder,
    replace_files,
    scan_table,
    write_table,
)
from tdm_ray.store.tables import Store, is_store

# A table of more rows is not returned whole: 1.3 GB of evidence.
MOST_ROWS = 2_000_000
_WRITTEN = 1 << 16  # with batches of 1,024 the statistics of nested columns take half of the time
Spread = Callable[[Callable[[Sequence[str]], list[int]], list[str]], list[int]]


def build_leaderboards(folder: str, *, spread: Spread | None = None) -> pa.Table:
    """The leaderboards of a folder that `score_corpus` finished; also written to `folder/leaderboards`.

    Labels that may be spellings of one are written to `folder/merge_candidates.parquet`. Readers' marks that lie in
    `folder` (see `taxonomy.marks`) are honoured.

    Of more than `MOST_ROWS` entries the largest leaderboards are returned; the files hold all. `spread(work, parts)`
    runs the parts elsewhere (see `cluster.over_cluster`). Leaderboards that are there stay until the new ones are
    whole. Of a store, whose leaderboards the nights keep, those of its newest run are returned. Raises `InputError`
    where there is no finished run.
    """
    if is_store(folder):
        return read_leaderboards(folder)
    if not exists(join(folder, "predictions")):
        raise InputError(f"{folder}: holds no predictions; run `tdm-ray score PAPERS --out {folder}` first")
    place = join(folder, "leaderboards")
    finish_replacing(place)
    write_table(_alike(folder), join(folder, "merge_candidates.parquet"))
    rows = scan_table(join(folder, "predictions"), PREDICTIONS).count_rows()
    rank = _Rank(folder, str(time.time_ns()))
    if rows <= ROWS_A_PART:
        table = rank.ranked(read_table(join(folder, "predictions"), RANKED)).cast(LEADERBOARDS)
        write_table(table, join(place, "_commit", "leaderboards.parquet"))
        _put_in_place(place)
        return table
    remove_folder(join(place, "_parts"))
    parts = split_by_label(scan_table(join(folder, "predictions"), RANKED), join(place, "_parts"))
    (spread or _on_this_machine)(rank, parts)
    remove_folder(join(place, "_parts"))
    _put_in_place(place)
    return read_leaderboards(folder)


def _put_in_place(place: str) -> None:
    new = {path: join(place, path.rsplit("/", 1)[-1]) for path in list_files(join(place, "_commit"))}
    replace_files(place, new, list_files(place))


def _alike(folder: str) -> pa.Table:
    """The labels that have predictions and may be one; see `merge`."""
    return merge_candidates(counts_of(scan_table(join(folder, "predictions"), PREDICTIONS), TDM_PARTS))


def read_leaderboards(folder: str, *, paper_id: str | None = None) -> pa.Table:
    """The leaderboards written to a folder, or the largest where they are too many; or the entries of one paper.

    Raises `InputError` where there are none.
    """
    found = _written(folder)
    if paper_id is not None:
        return found.to_table(filter=pc.field("paper_id") == paper_id)
    if found.count_rows() <= MOST_ROWS:
        return found.to_table()
    sizes = counts_of(found, TDM_PARTS).sort_by([("rows", "descending"), *((part, "ascending") for part in TDM_PARTS)])
    many = max(1, int((pc.cumulative_sum(sizes["rows"]).to_numpy() <= MOST_ROWS).sum()))
    wanted = key(sizes.slice(0, many)).combine_chunks()
    whole = _written(folder, coded(LEADERBOARDS)).to_batches(columns=LEADERBOARDS.names, batch_readahead=2)
    batches = (pa.Table.from_batches([batch]) for batch in whole)
    chosen = (batch.filter(pc.is_in(key(batch), value_set=wanted)) for batch in batches)
    return pa.concat_tables(batch.cast(LEADERBOARDS) for batch in chosen if len(batch))


def _written(folder: str, schema: pa.Schema = LEADERBOARDS) -> pads.Dataset:
    """The leaderboards on disk, read as `schema`; a store's as it keeps them."""
    if is_store(folder):
        return Store(folder).snapshot().scan("leaderboards")
    if not exists(join(folder, "leaderboards")):
        raise InputError(f"{folder}: holds no leaderboards; run `tdm-ray leaderboard {folder}` first")
    return scan_table(join(folder, "leaderboards"), schema)


def export_folder(folder: str) -> str:
    """Where files for other programs go: beside the leaderboards, but not into a store's table."""
    return join(folder, "exports" if is_store(folder) else "leaderboards")


def left_out(folder: str, table: pa.Table) -> str | None:
    """What to say where `table` is not all that was written to the folder."""
    entries = _written(folder).count_rows()
    if entries <= len(table):
        return None
    return (
        f"{len(table):,} of {entries:,} entries are shown and exported, those of the largest leaderboards; "
        f"{join(folder, 'leaderboards')} holds all"
    )


def counts_of(table: pads.Dataset, columns: list[str]) -> pa.Table:
    """The values of some columns and how many `rows` have them; streamed."""
    names = [*columns, "rows"]
    parts = [pa.schema([*(table.schema.field(name) for name in columns), ("rows", pa.int64())]).empty_table()]
    for batch in table.to_batches(columns=columns, batch_readahead=2):
        counted = pa.Table.from_batches([batch]).group_by(columns).aggregate([([], "count_all")])
        parts.append(counted.rename_columns(names))
        if sum(map(len, parts[1:])) > max(len(parts[0]), 1 << 20):  # as many as there are: each row is summed twice
            parts = [_summed(parts, columns)]
    return _summed(parts, columns)


def _summed(parts: list[pa.Table], columns: list[str]) -> pa.Table:
    both = pa.concat_tables(parts)
    return both.group_by(columns).aggregate([("rows", "sum")]).rename_columns(both.column_names)


def _on_this_machine(work: Callable[[Sequence[str]], list[int]], parts: list[str]) -> list[int]:
    return over_chunks(work, parts, size=1, least=2)


@dataclass(frozen=True)
class _Rank:
    """Ranks parts, one after the other; writes each beside the others and returns how many rows it wrote."""

    folder: str
    run: str

    def __call__(self, parts: Sequence[str]) -> list[int]:
        counts = []
        for part in parts:
            table = self.ranked(read_part(part))
            place = f"{part.replace('/_parts/', '/_commit/').removesuffix('.arrow')}.parquet"
            write_table(table, place, batch_size=_WRITTEN)
            counts.append(len(table))
        return counts

    def ranked(self, predictions: pa.Table) -> pa.Table:
        taxonomy, marks = read_table(join(self.folder, "taxonomy.parquet"), TAXONOMY), _marks(self.folder, self.run)
        return leaderboards(honour(predictions, marks), _papers(self.folder, self.run), taxonomy)


@lru_cache(maxsize=1)
def _papers(folder: str, run: str) -> pa.Table:
    """The scored papers, read once by a process that ranks many parts; `run` tells one state of a folder from another.

    2.5 million papers take 0.3 GB, and 5 s.
    """
    columns = ["paper_id", "title", "published"]
    return with_newest(read_table(join(folder, "scored"), SCORED, columns=columns))


@lru_cache(maxsize=1)
def _marks(folder: str, run: str) -> pa.Table:
    return read_marks(folder)
