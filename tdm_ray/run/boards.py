"""Rank anew the leaderboards that a run touches, and count what is new on them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as pads

from tdm_ray.keys import SEPARATOR, entry_keys, label_keys
from tdm_ray.leaderboard.apply_marks import apply_marks
from tdm_ray.leaderboard.one_board import moved_labels, with_members
from tdm_ray.leaderboard.parts import RANKED, ROWS_A_PART, read_part, split_by_board
from tdm_ray.leaderboard.rank import leaderboards, with_newest
from tdm_ray.leaderboard.read import confirmed
from tdm_ray.records import LEADERBOARDS, TDM_COLUMNS
from tdm_ray.run.engine import over_parts, parts_folder
from tdm_ray.storage import read_table, write_table
from tdm_ray.store.tables import Store

_ENTRY = [*TDM_COLUMNS, "paper_id"]
_SHOWN = 20
_WRITTEN = 1 << 16  # with batches of 1,024 the statistics of nested columns take half of the time


@dataclass(frozen=True)
class News:
    """What a run changed on the leaderboards, in confirmed rows.

    entries: how many entries are of papers that the leaderboard did not hold in any version.
    best_count: how many leaderboards have another paper in first place; `best` shows the largest of them.
    In a store that starts anew every entry is new."""

    entries: int = 0
    best_count: int = 0
    best: pa.Table = field(default_factory=LEADERBOARDS.empty_table)


def refresh_leaderboards(
    store: Store, labels: Iterable[str], run_id: str, *, marks: pa.Table, held: int | None, anew: bool
) -> tuple[News, int | None]:
    """Rank the leaderboards of these labels (as `keys.label_key` writes them), and of those that are one
    board with them, again, in one commit.

    anew: rank all leaderboards. marks: what readers say of predictions.
    held: the version that readers see now, None where there is none.
    Returns what is new, and the version written.
    """
    members = with_members(labels, moved_labels(store.read("taxonomy")))
    wanted = pa.array(sorted(members), pa.string())
    if anew or _count(store, wanted) > 4 * ROWS_A_PART:
        firsts = (
            _nothing() if held is None else store.read("leaderboards", _ENTRY, pc.field("rank") == 1, held)
        )
        return _refresh_all(store, run_id, marks, _NewsCounter(firsts, _nothing()))
    before = None if held is None else _of_labels(store, "leaderboards", [*_ENTRY, "rank"], wanted, held)
    known = _nothing() if before is None else before.select(_ENTRY)
    firsts = known if before is None else before.filter(pc.equal(before["rank"], 1)).select(_ENTRY)
    news = _NewsCounter(firsts, known)
    ranked = news.passed([_ranked(store, marks, wanted)])
    rows = pa.concat_tables([LEADERBOARDS.empty_table(), *ranked])
    old = _of_labels(store, "leaderboards", _ENTRY, wanted)
    version = store.upsert("leaderboards", rows, run_id, old)
    return news.news(), version


def _refresh_all(store: Store, run_id: str, marks: pa.Table, news: _NewsCounter) -> tuple[News, int]:
    """All leaderboards: in memory where they are few, else part by part, wherever there is room."""
    predictions = store.scan("predictions")
    if predictions.count_rows() <= ROWS_A_PART:
        table = predictions.to_table(columns=RANKED.names).cast(RANKED)
        ranked = leaderboards(apply_marks(table, marks), _papers(store), store.read("taxonomy")).cast(
            LEADERBOARDS
        )
        version = store.overwrite("leaderboards", news.passed([ranked]), run_id)
        return news.news(), version
    with parts_folder(store.root, run_id) as place:
        parts = split_by_board(predictions, store.read("taxonomy"), place)
        files = over_parts(_RankParts(store.root, run_id, marks), parts)
        columns = [name for name in LEADERBOARDS.names if name != "evidence"]
        for path in files:
            for _ in news.passed([read_table(path, LEADERBOARDS, columns)]):
                pass
        if "://" in place:
            tables = (read_table(path, LEADERBOARDS) for path in files)
            version = store.overwrite("leaderboards", tables, run_id)
        else:
            ranked = pads.dataset(files, schema=LEADERBOARDS)
            version = store.overwrite_from(
                "leaderboards", ranked.scanner(batch_readahead=2).to_reader(), run_id
            )
    return news.news(), version


@dataclass(frozen=True)
class _RankParts:
    """Ranks parts (see `leaderboard.parts`), one after the other; returns the Parquet files it wrote beside
    them."""

    root: str
    run_id: str
    marks: pa.Table

    def __call__(self, parts: Sequence[str]) -> list[str]:
        papers, taxonomy = _papers_and_taxonomy(self.root, self.run_id)
        files = []
        for part in parts:
            table = leaderboards(apply_marks(read_part(part), self.marks), papers, taxonomy)
            path = f"{part.removesuffix('.arrow')}.parquet"
            write_table(table, path, batch_size=_WRITTEN)
            files.append(path)
        return files


@lru_cache(maxsize=1)
def _papers_and_taxonomy(root: str, run_id: str) -> tuple[pa.Table, pa.Table]:
    """Read once by a process that ranks many parts; 2.5 million papers take 0.3 GB, and 5 s."""
    store = Store(root)
    return _papers(store), store.read("taxonomy")


class _NewsCounter:
    """Compares new leaderboards with the entries and first places of the old ones, and counts what is new."""

    def __init__(self, firsts: pa.Table, known: pa.Table) -> None:
        self._firsts = entry_keys(firsts).combine_chunks()
        self._known = entry_keys(known).combine_chunks()
        self._new = 0
        self._best: list[pa.Table] = []

    def passed(self, tables: Iterable[pa.Table]) -> Iterator[pa.Table]:
        """The same tables, each compared as it passes."""
        for table in tables:
            shown = confirmed(table)
            self._new += pc.sum(pc.invert(pc.is_in(entry_keys(shown), value_set=self._known))).as_py() or 0
            best = pc.and_(pc.equal(shown["rank"], 1), pc.not_equal(shown["direction"], "unknown"))
            first = shown.filter(best)
            first = first.filter(pc.invert(pc.is_in(entry_keys(first), value_set=self._firsts)))
            sizes = shown.group_by(TDM_COLUMNS).aggregate([([], "count_all")])
            at = pc.index_in(label_keys(first), value_set=label_keys(sizes).combine_chunks())
            self._best.append(first.append_column("entries", sizes["count_all"].take(at)))
            yield table

    def news(self) -> News:
        """What was new in all the tables that have passed."""
        if not self._best:
            return News()
        best = pa.concat_tables(self._best).sort_by(
            [("entries", "descending"), *((p, "ascending") for p in TDM_COLUMNS)]
        )
        return News(self._new, len(best), best.slice(0, _SHOWN).drop_columns("entries"))


def _nothing() -> pa.Table:
    return LEADERBOARDS.empty_table().select(_ENTRY)


def _count(store: Store, wanted: pa.Array) -> int:
    """How many predictions the labels have."""
    return len(_of_labels(store, "predictions", TDM_COLUMNS, wanted))


def _of_labels(
    store: Store, name: str, columns: list[str], wanted: pa.Array, version: int | None = None
) -> pa.Table:
    """The rows of these labels. A filter on tasks and datasets skips most other rows while reading."""
    parts = pc.split_pattern(wanted, SEPARATOR)
    task, dataset = (pc.list_element(parts, place).unique() for place in (0, 1))
    rows = store.read(name, columns, pc.field("task").isin(task) & pc.field("dataset").isin(dataset), version)
    return rows.filter(pc.is_in(label_keys(rows), value_set=wanted))


def _ranked(store: Store, marks: pa.Table, labels: pa.Array) -> pa.Table:
    predictions = apply_marks(_of_labels(store, "predictions", RANKED.names, labels), marks)
    return leaderboards(predictions, _papers(store), store.read("taxonomy"))


def _papers(store: Store) -> pa.Table:
    return with_newest(store.read("scored", ["paper_id", "title", "published"]))
