"""Count the rows of a store that contradict themselves: `python -m benchmarks.contradictions STORE`.

A row contradicts where its cell proves another label that is not equivalent, its headers name another metric,
its value is one that the metric cannot have, or its number is a part of a name in its sentence."""

from __future__ import annotations

import argparse
import json
from collections import Counter, defaultdict
from typing import Any

from tdm_ray.extract.settle import names_another_metric, place_of
from tdm_ray.records import TDM
from tdm_ray.store.tables import Store
from tdm_ray.taxonomy.equivalent import proven_together
from tdm_ray.taxonomy.metrics import limits
from tdm_ray.text.numbers import find_printed


def contradictions(rows: list[dict[str, Any]]) -> Counter[str]:
    """How many rows contradict, by kind; and how many rows with a score there are."""
    counts: Counter[str] = Counter()
    holders: dict[tuple[Any, ...], list[TDM]] = defaultdict(list)
    for row in rows:
        if row["score"] is None:
            continue
        counts["rows with a score"] += 1
        tdm = TDM.of(row)
        evidence = row["evidence"] or {}
        if (place := place_of(row)) is not None:
            holders[(row["paper_id"], *place)].append(tdm)
            counts["another metric in its headers"] += names_another_metric(tdm.metric, evidence)
        low, high = limits(tdm.metric)
        counts["outside the metric's range"] += not low <= row["score"] <= high
        if evidence.get("kind") == "sentence":
            counts["no number of its sentence"] += find_printed(evidence["text"], row["score_text"]) is None
    counts["one cell, several labels"] = sum(
        any(not proven_together(one, other) for one in tdms for other in tdms) for tdms in holders.values()
    )
    return counts


def main() -> None:
    """Print the counts of some stores."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("stores", nargs="+")
    for store in parser.parse_args().stores:
        rows = Store(store).snapshot().read("predictions").to_pylist()
        print(store, json.dumps(contradictions(rows)))


if __name__ == "__main__":
    main()
