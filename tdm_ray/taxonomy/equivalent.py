"""Labels that mean the same board, or that one number proves together; `equivalent.tsv` lists them.

Its kinds: `same` (one board under several names), `task` (the same data set and metric under another task,
where a number for one is the number for the other) and `opposite` (an error and its accuracy)."""

from __future__ import annotations

import csv
from collections.abc import Collection, Iterable, Iterator
from functools import lru_cache
from importlib import resources

from tdm_ray.records import TDM

SAME = "same"
TOGETHER = ("same", "task")
OPPOSITE = "opposite"


def proven_together(one: TDM, other: TDM) -> bool:
    """Whether one number may stand for both labels."""
    groups = _groups(TOGETHER)
    return one == other or not groups.get(one, frozenset()).isdisjoint(groups.get(other, frozenset()))


def opposites(known: Collection[TDM]) -> dict[TDM, TDM]:
    """For each known label that has an opposite among the known ones: that. Other names of a board count.

    Where a board is known under several names each of them has an opposite, and the opposite of all is the
    first known name of the other board, in the order of `known`. So who gives the surest label first and
    drops each label that is less sure than its opposite keeps no error beside its accuracy."""
    first: dict[tuple[int, int], TDM] = {}
    for tdm in known:
        for place in _sides().get(tdm, ()):
            first.setdefault(place, tdm)
    found: dict[TDM, TDM] = {}
    for tdm in known:
        for number, side in _sides().get(tdm, ()):
            if (number, 1 - side) in first:
                found.setdefault(tdm, first[number, 1 - side])
    return found


def with_relatives(labels: Iterable[TDM]) -> set[TDM]:
    """The labels, and those listed with one of them: a paper often states one of a group as another."""
    groups = _groups((SAME, "task", OPPOSITE))
    named = set(labels)
    numbers = {number for tdm in named for number in groups.get(tdm, ())}
    return named | {tdm for tdm, of in groups.items() if not of.isdisjoint(numbers)}


@lru_cache(maxsize=1)
def _sides() -> dict[TDM, tuple[tuple[int, int], ...]]:
    """For each name of a board that has an opposite: its pairs by number, and its side (0, 1) in each."""
    pairs: dict[int, list[TDM]] = {}
    for number, kind, tdm in _rows():
        if kind == OPPOSITE:
            pairs.setdefault(number, []).append(tdm)
    sides: dict[TDM, tuple[tuple[int, int], ...]] = {}
    for number, pair in pairs.items():
        for side, tdm in enumerate(pair):
            for name in (tdm, *_twins().get(tdm, ())):
                sides[name] = (*sides.get(name, ()), (number, side))
    return sides


@lru_cache(maxsize=1)
def _twins() -> dict[TDM, tuple[TDM, ...]]:
    return {tdm: tuple(other for other in group if other != tdm) for group in same_boards() for tdm in group}


def same_boards() -> Iterator[tuple[TDM, ...]]:
    """The groups of labels that are one board, in the order of the file."""
    groups: dict[int, list[TDM]] = {}
    for number, kind, tdm in _rows():
        if kind == SAME:
            groups.setdefault(number, []).append(tdm)
    yield from map(tuple, groups.values())


@lru_cache(maxsize=4)
def _groups(kinds: tuple[str, ...]) -> dict[TDM, frozenset[int]]:
    groups: dict[TDM, set[int]] = {}
    for number, kind, tdm in _rows():
        if kind in kinds:
            groups.setdefault(tdm, set()).add(number)
    return {tdm: frozenset(numbers) for tdm, numbers in groups.items()}


def _rows() -> Iterable[tuple[int, str, TDM]]:
    with resources.files("tdm_ray.taxonomy").joinpath("equivalent.tsv").open(encoding="utf-8") as file:
        for row in csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE):
            yield int(row["group"]), row["kind"], TDM(row["task"], row["dataset"], row["metric"])
