"""Find duplicate labels: names that differ in case, punctuation, word order or slightly in spelling."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from itertools import combinations

import pyarrow as pa

from tdm_ray.records import TDM_COLUMNS

CANDIDATES = pa.schema([(name, pa.string()) for name in ("part", "task", "name", "other", "reason")])
_LIKE = 0.9  # of difflib's ratio: "Pearson Corelation" and "Pearson Correlation" have 0.97
_SHORT = 5  # shorter names differ by one letter and mean another thing: R1 and R2
_FILLER = {"the", "dataset", "data", "set", "score", "corpus", "benchmark", "task"}


def merge_candidates(labels: pa.Table) -> pa.Table:
    """Pairs of datasets of one task, and of metrics of one dataset, whose names may mean the same thing.

    `labels` has the columns task, dataset, metric. Names with different numbers never match: CIFAR-10 is not
    CIFAR-100."""
    datasets = defaultdict(set)
    metrics = defaultdict(set)
    for task, dataset, metric in zip(*(labels[p].to_pylist() for p in TDM_COLUMNS), strict=True):
        datasets[task].add(dataset)
        metrics[task, dataset].add(metric)
    rows = [("dataset", task, *pair) for task, names in sorted(datasets.items()) for pair in _pairs(names)]
    metric_pairs = set()
    for (task, _), names in sorted(metrics.items()):
        for pair in _pairs(names):
            if (task, pair) not in metric_pairs:
                rows.append(("metric", task, *pair))
                metric_pairs.add((task, pair))
    return pa.Table.from_pylist(
        [dict(zip(CANDIDATES.names, row, strict=True)) for row in rows], schema=CANDIDATES
    )


@dataclass(frozen=True, order=True)
class _Name:
    name: str
    plain: str
    words: frozenset[str]

    @classmethod
    def of(cls, name: str) -> tuple[tuple[str, ...], _Name]:
        """A name and its numbers."""
        words = re.findall(r"[^\W\d_]+|\d+", name.lower())
        return tuple(sorted(w for w in words if w.isdigit())), cls(
            name, "".join(words), frozenset(words) - _FILLER
        )


def _pairs(names: set[str]) -> Iterator[tuple[str, str, str]]:
    groups = defaultdict(list)
    for name in sorted(names):
        numbers, parsed = _Name.of(name)
        groups[numbers].append(parsed)
    for group in groups.values():
        for a, b in sorted(_the_same(group) | _near(group)):
            yield a.name, b.name, _reason(a, b)


def _reason(a: _Name, b: _Name) -> str:
    if a.plain == b.plain:
        return "the same but for case and marks"
    return "the same words" if a.words == b.words else "near in spelling"


def _the_same(group: Sequence[_Name]) -> set[tuple[_Name, _Name]]:
    alike: dict[str | frozenset[str], list[_Name]] = defaultdict(list)
    for name in group:
        alike[name.plain].append(name)
        if name.words:
            alike[name.words].append(name)
    return {pair for names in alike.values() for pair in combinations(names, 2) if pair[0] != pair[1]}


def _near(group: Sequence[_Name]) -> set[tuple[_Name, _Name]]:
    """The pairs near in spelling. Sorted by length, each name is compared only with those little shorter."""
    long = sorted(
        (name for name in group if len(name.plain) > _SHORT), key=lambda name: (len(name.plain), name.name)
    )
    pairs = set()
    first = 0
    letters = [Counter(name.plain) for name in long]
    for place, name in enumerate(long):
        while len(long[first].plain) < len(name.plain) * _LIKE / (2 - _LIKE):
            first += 1
        for other in range(first, place):
            shared = (
                letters[other] & letters[place]
            ).total()  # what difflib's quick_ratio counts, counted once
            if 2 * shared < _LIKE * (len(long[other].plain) + len(name.plain)):
                continue
            if SequenceMatcher(None, long[other].plain, name.plain, autojunk=False).ratio() >= _LIKE:
                pairs.add((min(long[other], name), max(long[other], name)))
    return pairs
