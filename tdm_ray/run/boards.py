"""The leaderboards that a night touches, ranked anew; and what is new on them."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

import pyarrow as pa
import pyarrow.compute as pc

from tdm_ray.leaderboard.parts import RANKED, ROWS_A_PART, read_part, split_by_label
from tdm_ray.leaderboard.rank import SEPARATOR, TDM_PARTS, entry_keys, key, leaderboards, with_newest
from tdm_ray.leaderboard.review import honour
from tdm_ray.records import LEADERBOARDS
from tdm_ray.store.tables import Store

_ENTRY = [*TDM_PARTS, "paper_id"]
_SHOWN = 20


@dataclass(frozen=True)
class News:
    """What a night changed on the leaderboards: entries of papers that were not there, in any version; boards whose
    first entry is another paper's, `best` the largest of them. Of a store begun anew every entry is new."""

    entries: int = 0
    best_count: int = 0
    best: pa.Table = field(default_factory=LEADERBOARDS.empty_table)


def refresh_leaderboards(
    store: Store, labels: Iterable[str], run_id: str, *, marks: pa.Table, held: int | None, anew: bool
) -> tuple[News, int | None]:
    """Rank the leaderboards of these labels (as `rank.key` writes them) anew, or all of them; one commit.

    marks: what readers say of predictions. held: the version that readers see now, None where there is none.
    Returns what is new, and the version made.
    """
    wanted = pa.array(sorted(labels), pa.string())
    if anew or _count(store, wanted) > 4 * ROWS_A_PART:
        firsts = store.read("leaderboards", _ENTRY, pc.field("rank") == 1, held) if held is not None else _nothing()
        news = _Newest(firsts, _nothing())
        with tempfile.TemporaryDirectory() as place:
            version = store.overwrite("leaderboards", news.seen(_by_parts(store, marks, place)), run_id)
        return news.told(), version
    before = _of_labels(store, "leaderboards", [*_ENTRY, "rank"], wanted, held) if held is not None else None
    known = _nothing() if before is None else before.select(_ENTRY)
    news = _Newest(known if before is None else before.filter(pc.equal(before["rank"], 1)).select(_ENTRY), known)
    rows = pa.concat_tables([LEADERBOARDS.empty_table(), *news.seen([_ranked(store, marks, wanted)])])
    old = _of_labels(store, "leaderboards", _ENTRY, wanted)
    return news.told(), store.upsert("leaderboards", rows, run_id, old)


class _Newest:
    """Holds who was first and who was there, and counts who was not."""

    def __init__(self, firsts: pa.Table, known: pa.Table) -> None:
        self._firsts, self._known = (entry_keys(table).combine_chunks() for table in (firsts, known))
        self._new, self._best = 0, list[pa.Table]()

    def seen(self, tables: Iterable[pa.Table]) -> Iterator[pa.Table]:
        """The tables, looked at on their way."""
        for table in tables:
            self._new += pc.sum(pc.invert(pc.is_in(entry_keys(table), value_set=self._known))).as_py() or 0
            first = table.filter(pc.and_(pc.equal(table["rank"], 1), pc.is_valid(table["score"])))
            first = first.filter(pc.invert(pc.is_in(entry_keys(first), value_set=self._firsts)))
            sizes = table.group_by(TDM_PARTS).aggregate([([], "count_all")])
            at = pc.index_in(key(first), value_set=key(sizes).combine_chunks())
            self._best.append(first.append_column("entries", sizes["count_all"].take(at)))
            yield table

    def told(self) -> News:
        """What was new in all of them."""
        if not self._best:
            return News()
        best = pa.concat_tables(self._best).sort_by([("entries", "descending"), *((p, "ascending") for p in TDM_PARTS)])
        return News(self._new, len(best), best.slice(0, _SHOWN).drop_columns("entries"))


def _nothing() -> pa.Table:
    return LEADERBOARDS.empty_table().select(_ENTRY)


def _count(store: Store, wanted: pa.Array) -> int:
    """How many predictions the labels have."""
    return len(_of_labels(store, "predictions", TDM_PARTS, wanted))


def _of_labels(store: Store, name: str, columns: list[str], wanted: pa.Array, version: int | None = None) -> pa.Table:
    """The rows of the labels; their tasks and datasets leave most of the others out while they are read."""
    parts = pc.split_pattern(wanted, SEPARATOR)
    task, dataset = (pc.list_element(parts, place).unique() for place in (0, 1))
    found = store.read(name, columns, pc.field("task").isin(task) & pc.field("dataset").isin(dataset), version)
    return found.filter(pc.is_in(key(found), value_set=wanted))


def _ranked(store: Store, marks: pa.Table, labels: pa.Array) -> pa.Table:
    predictions = honour(_of_labels(store, "predictions", RANKED.names, labels), marks)
    return leaderboards(predictions, _papers(store), store.read("taxonomy"))


def _by_parts(store: Store, marks: pa.Table, place: str) -> Iterator[pa.Table]:
    """All leaderboards, ranked part by part: a million predictions at a time."""
    papers, taxonomy = _papers(store), store.read("taxonomy")
    for path in split_by_label(store.scan("predictions"), place):
        yield leaderboards(honour(read_part(path), marks), papers, taxonomy).cast(LEADERBOARDS)


def _papers(store: Store) -> pa.Table:
    return with_newest(store.read("scored", ["paper_id", "title", "published"]))
