"""Find leaderboards by the words, or a paper by the id, that a person types."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

import pyarrow as pa
import pyarrow.compute as pc

from tdm_ray.arxiv_ids import base_id, base_ids
from tdm_ray.errors import InputError
from tdm_ray.keys import label_keys
from tdm_ray.records import TDM_COLUMNS
from tdm_ray.storage import exists, join
from tdm_ray.store.tables import Store

_USUAL = ("store", "results", "out/results", "out/demo")


def store_here() -> str:
    """The first of the usual folders that is a store with leaderboards. Raises `InputError` where none is."""
    for folder in _USUAL:
        if exists(join(folder, "leaderboards")) and Store(folder).last():
            return folder
    raise InputError(f"no leaderboards in {', '.join(_USUAL)}: say where they are with --from STORE")


def find_boards(table: pa.Table, words: Sequence[str]) -> pa.Table:
    """The leaderboards of `table` whose task, dataset and metric hold all words, in any case and order.

    Those in which more of the words stand as whole words come first, then those of more entries. Raises
    `InputError` where none fits, and says how many fit each word alone."""
    labels = label_keys(table).value_counts()
    names = labels.field("values")
    sizes = labels.field("counts")
    wanted = [word for given in words for word in given.split()]
    hits = [pc.match_substring(names, word, ignore_case=True) for word in wanted]
    fits = pc.equal(_sum(hits, len(names)), len(wanted))
    if not wanted or not pc.any(fits).as_py():
        alone = ", ".join(
            f"{word} {pc.sum(hit, min_count=0).as_py()}" for word, hit in zip(wanted, hits, strict=True)
        )
        raise InputError(f"no leaderboard has all of these words (each alone: {alone or 'none given'})")
    whole = _sum(
        (pc.match_substring_regex(names, rf"(?i)\b{re.escape(word)}\b") for word in wanted), len(names)
    )
    at = pc.index_in(label_keys(table), value_set=names.filter(fits))
    columns = {"whole": whole.filter(fits).take(at), "size": sizes.filter(fits).take(at)}
    for name, values in columns.items():
        table = table.append_column(name, values)
    best = [("whole", "descending"), ("size", "descending")]
    rows = table.filter(pc.is_valid(at)).sort_by(
        [*best, *((p, "ascending") for p in TDM_COLUMNS), ("rank", "ascending")]
    )
    return rows.drop_columns(list(columns))


def find_paper(table: pa.Table, words: Sequence[str]) -> pa.Table:
    """The entries of the paper whose id, with or without version, the words are; else no row. The best rank
    first."""
    wanted = base_id(words[0]) if len(words) == 1 else ""
    entries = table.filter(pc.equal(base_ids(table["paper_id"]), wanted))
    return entries.sort_by([("rank", "ascending"), ("probability", "descending")])


def _sum(hits: Iterable[pa.Array], length: int) -> pa.Array:
    total = pa.repeat(pa.scalar(0, pa.int32()), length)
    for hit in hits:
        total = pc.add(total, pc.cast(hit, pa.int32()))
    return total
