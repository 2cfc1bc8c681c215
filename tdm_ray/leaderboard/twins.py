"""Labels of a store that may be one board: listed with their evidence, and accepted by a person."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import pyarrow.compute as pc
from rich.markup import escape
from rich.table import Table

from tdm_ray.config import CONFIRMED
from tdm_ray.errors import InputError
from tdm_ray.gold.annotations import read_gold
from tdm_ray.records import TDM, TDM_COLUMNS
from tdm_ray.store.tables import Store
from tdm_ray.taxonomy.groups import add_groups, groups_of_store
from tdm_ray.taxonomy.labels import Taxonomy
from tdm_ray.taxonomy.twins import Results, Twin, find_twins


def twins_of_store(root: str, annotations: Sequence[str] = ()) -> list[Twin]:
    """Pairs of labels that the store's last run knew, see `taxonomy.twins`. Scores are those of its confirmed
    predictions, and of `annotations`. Raises `InputError` where there is no store."""
    snapshot = Store(root).snapshot()
    taxonomy = Taxonomy.from_table(snapshot.read("taxonomy"))
    sure = pc.is_valid(pc.field("score")) & (pc.field("confidence") >= CONFIRMED)
    rows = snapshot.read("predictions", ["paper_id", *TDM_COLUMNS, "score_text"], sure).to_pylist()
    results: dict[str, dict[TDM, list[str]]] = defaultdict(lambda: defaultdict(list))
    for row in rows:
        results[row["paper_id"]][TDM.of(row)].append(row["score_text"])
    return find_twins(taxonomy, _with_gold(results, annotations), groups_of_store(root))


def accept_twins(root: str, twins: Sequence[Twin], numbers: str) -> int:
    """Add the twins of these numbers ("1,3-5", from 1) to the store's file of groups; returns how many were
    new. Raises `InputError` for a number that is not in the list."""
    chosen: list[int] = []
    for part in filter(None, numbers.replace(" ", "").split(",")):
        first, _, last = part.partition("-")
        if not first.isdigit() or not (last or first).isdigit():
            raise InputError(f"--accept {numbers}: {part!r} is no number; write numbers such as 1,3-5")
        chosen += range(int(first), int(last or first) + 1)
    if wrong := [number for number in chosen if not 0 < number <= len(twins)]:
        raise InputError(f"--accept {numbers}: there is no pair {wrong[0]}; the list has {len(twins)}")
    return add_groups(root, [(twins[number - 1].first, twins[number - 1].second) for number in chosen])


def _with_gold(results: Results, annotations: Sequence[str]) -> Results:
    if not annotations:
        return results
    gold = read_gold(*annotations).results
    papers = {**{name: {} for name in gold}, **results}
    return {
        name: {
            tdm: [*gold.get(name, {}).get(tdm, ()), *found.get(tdm, ())]
            for tdm in (*gold.get(name, {}), *(t for t in found if t not in gold.get(name, {})))
        }
        for name, found in papers.items()
    }


def as_table(twins: Sequence[Twin]) -> Table:
    """A numbered pair a row, with its evidence."""
    table = Table(caption=f"{len(twins):,} pairs of labels that may be one board", show_lines=True)
    for name in ("", "label", "other label", "evidence"):
        table.add_column(name)
    for number, twin in enumerate(twins, start=1):
        names = (" / ".join((tdm.task, tdm.dataset, tdm.metric)) for tdm in (twin.first, twin.second))
        table.add_row(str(number), *map(escape, names), escape(twin.evidence))
    return table
