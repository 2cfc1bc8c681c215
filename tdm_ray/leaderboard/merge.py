"""Labels that may be one: names that differ in case, marks or order of words only, or are near in spelling."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from difflib import SequenceMatcher
from itertools import combinations

import pyarrow as pa

CANDIDATES = pa.schema([(name, pa.string()) for name in ("part", "task", "name", "other", "reason")])
_LIKE = 0.9  # of difflib's ratio: "Pearson Corelation" and "Pearson Correlation" have 0.97
_SHORT = 5  # shorter names differ by one letter and mean another thing: R1 and R2
_FILLER = {"the", "dataset", "data", "set", "score", "corpus", "benchmark", "task"}


def merge_candidates(labels: pa.Table) -> pa.Table:
    """Pairs of datasets of one task, and of metrics of one dataset, whose names look like spellings of one.

    `labels` has the columns task, dataset, metric. Numbers are never taken as spelling: CIFAR-10 is not CIFAR-100.
    """
    datasets, metrics = defaultdict(set), defaultdict(set)
    for task, dataset, metric in zip(*(labels[p].to_pylist() for p in ("task", "dataset", "metric")), strict=True):
        datasets[task].add(dataset)
        metrics[task, dataset].add(metric)
    rows = [("dataset", task, *pair) for task, names in sorted(datasets.items()) for pair in _pairs(names)]
    seen = set()
    for (task, _), names in sorted(metrics.items()):
        for pair in _pairs(names):
            if (task, pair) not in seen:
                rows.append(("metric", task, *pair))
                seen.add((task, pair))
    return pa.Table.from_pylist([dict(zip(CANDIDATES.names, row, strict=True)) for row in rows], schema=CANDIDATES)


def _pairs(names: set[str]) -> Iterator[tuple[str, str, str]]:
    for a, b in combinations(sorted(names), 2):
        words = [re.findall(r"[^\W\d_]+|\d+", name.lower()) for name in (a, b)]
        numbers = [sorted(w for w in ws if w.isdigit()) for ws in words]
        if numbers[0] != numbers[1]:
            continue
        plain = ["".join(ws) for ws in words]
        if plain[0] == plain[1]:
            yield a, b, "the same but for case and marks"
        elif set(words[0]) - _FILLER == set(words[1]) - _FILLER:
            yield a, b, "the same words"
        elif min(map(len, plain)) > _SHORT and _alike(*plain):
            yield a, b, "near in spelling"


def _alike(a: str, b: str) -> bool:
    matcher = SequenceMatcher(None, a, b, autojunk=False)
    return matcher.quick_ratio() >= _LIKE and matcher.ratio() >= _LIKE
