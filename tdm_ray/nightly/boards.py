"""The leaderboards that a night touches, ranked anew; and what is new on them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as pads

from tdm_ray.leaderboard.aggregate import sizes_of
from tdm_ray.leaderboard.rank import TDM_PARTS, key, leaderboards, with_newest
from tdm_ray.records import LEADERBOARDS, PREDICTIONS
from tdm_ray.store.tables import Store

_ROWS = 500_000  # predictions ranked at a time: 0.5 GB
_COLUMNS = [n for n in LEADERBOARDS.names if n in PREDICTIONS.names]
_ENTRY = [*TDM_PARTS, "paper_id"]
_SHOWN = 20


@dataclass(frozen=True)
class News:
    """What a night changed on the leaderboards; `best` are the first entries that are new, the largest boards first."""

    entries: int = 0
    best_count: int = 0
    best: pa.Table = field(default_factory=LEADERBOARDS.empty_table)


def refresh_leaderboards(store: Store, labels: Iterable[str], run_id: str, *, anew: bool) -> News:
    """Rank the leaderboards of these labels (as `rank.key` writes them) anew, or all of them; one commit."""
    last = store.last()
    before = store.scan("leaderboards", last["versions"].get("leaderboards") if last else None)
    wanted = None if anew else pa.array(sorted(labels), pa.string())
    sizes = _sizes(store, wanted)
    news = _Newest(_of_labels(before, _ENTRY, wanted))
    if anew or sum(sizes.values()) > 8 * _ROWS:
        store.overwrite("leaderboards", news.seen(_ranked(store, _groups(_sizes(store, None)))), run_id)
        return news.told()
    rows = pa.concat_tables([LEADERBOARDS.empty_table(), *news.seen(_ranked(store, _groups(sizes)))])
    old = _of_labels(store.scan("leaderboards"), _ENTRY, wanted)
    store.upsert("leaderboards", rows, run_id, old)
    return news.told()


class _Newest:
    """Holds what was on the leaderboards, and counts what was not."""

    def __init__(self, known: pa.Table) -> None:
        self._known = _entry_keys(known).combine_chunks()
        self._entries, self._best = 0, list[pa.Table]()

    def seen(self, tables: Iterable[pa.Table]) -> Iterator[pa.Table]:
        """The tables, looked at on their way."""
        for table in tables:
            new = pc.invert(pc.is_in(_entry_keys(table), value_set=self._known))
            self._entries += pc.sum(new).as_py() or 0
            first = pc.and_(pc.equal(table["rank"], 1), pc.is_valid(table["score"]))
            boards = table.filter(pc.and_(new, first))
            sizes = table.group_by(TDM_PARTS).aggregate([([], "count_all")])
            at = pc.index_in(key(boards), value_set=key(sizes).combine_chunks())
            self._best.append(boards.append_column("entries", sizes["count_all"].take(at)))
            yield table

    def told(self) -> News:
        """What was new in all of them."""
        if not self._best:
            return News()
        best = pa.concat_tables(self._best).sort_by([("entries", "descending"), *((p, "ascending") for p in TDM_PARTS)])
        return News(self._entries, len(best), best.slice(0, _SHOWN).drop_columns("entries"))


def _entry_keys(table: pa.Table) -> pa.ChunkedArray:
    return pc.binary_join_element_wise(*(table[name] for name in _ENTRY), "\x1f")


def _of_labels(dataset: pads.Dataset, columns: list[str], wanted: pa.Array | None) -> pa.Table:
    """The rows of the labels in memory; streamed, so that only they are."""
    schema = pa.schema([dataset.schema.field(name) for name in columns])
    tables = [schema.empty_table()]
    for batch in dataset.to_batches(columns=columns, batch_readahead=2):
        table = pa.Table.from_batches([batch])
        tables.append(table if wanted is None else table.filter(pc.is_in(key(table), value_set=wanted)))
    return pa.concat_tables(tables)


def _sizes(store: Store, wanted: pa.Array | None) -> dict[str, int]:
    """How many predictions each label has."""
    sizes = sizes_of(store.scan("predictions"))
    if wanted is not None:
        sizes = sizes.filter(pc.is_in(key(sizes), value_set=wanted))
    return dict(sorted(zip(key(sizes).to_pylist(), sizes["rows"].to_pylist(), strict=True)))


def _groups(sizes: dict[str, int]) -> list[pa.Array]:
    """Labels by the `_ROWS` predictions."""
    names = pa.array(list(sizes), pa.string())
    number = np.cumsum(list(sizes.values()), dtype=np.int64) // _ROWS
    cuts = np.flatnonzero(np.diff(number)) + 1
    return [names.slice(a, b - a) for a, b in zip([0, *cuts], [*cuts, len(names)], strict=True) if b > a]


def _ranked(store: Store, groups: list[pa.Array]) -> Iterator[pa.Table]:
    taxonomy = store.read("taxonomy")
    papers = with_newest(store.read("scored", ["paper_id", "title", "published"]))
    for labels in groups:
        yield leaderboards(_of_labels(store.scan("predictions"), _COLUMNS, labels), papers, taxonomy)
