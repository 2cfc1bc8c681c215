"""How often a store names the method right: `python -m benchmarks.methods STORE methods.jsonl`.

Of the rows whose score is the entered one (same paper, label and number) the method is compared with the
entered model's name: equal up to case and brackets, and alike (a ratio of difflib of 0.8 or more)."""

from __future__ import annotations

import argparse
import json
import re
from collections import defaultdict
from difflib import SequenceMatcher

from tdm_ray.arxiv_ids import base_id
from tdm_ray.records import TDM
from tdm_ray.store.tables import Store
from tdm_ray.taxonomy.equivalent import proven_together
from tdm_ray.text.numbers import same_number

_BRACKETS = re.compile(r"[(\[][^)\]]*[)\]]")
_ALIKE = 0.8


def main() -> None:
    """Print the shares."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("stores", nargs="+")
    parser.add_argument(
        "methods", help="JSON lines: paper_id, split, task, dataset, metric, score, model_name"
    )
    parser.add_argument("--split", default="dev")
    args = parser.parse_args()
    entered = defaultdict(list)
    with open(args.methods, encoding="utf-8") as file:
        for row in map(json.loads, file):
            if row["split"] == args.split:
                entered[row["paper_id"]].append((TDM.of(row), str(row["score"]), row["model_name"]))
    for store in args.stores:
        pairs = []
        for row in Store(store).snapshot().read("predictions").to_pylist():
            names = [
                name
                for tdm, score, name in entered[base_id(row["paper_id"])]
                if row["score"] is not None
                and proven_together(tdm, TDM.of(row))
                and same_number(repr(row["score"]), score)
            ]
            if names:
                pairs.append((row["method"] or "", names))
        equal = sum(any(_plain(name) == _plain(method) for name in names) for method, names in pairs)
        alike = sum(any(_ratio(name, method) >= _ALIKE for name in names) for method, names in pairs)
        print(store, json.dumps({"rows": len(pairs), "equal": equal, "alike": alike}))


def _plain(name: str) -> str:
    return " ".join(_BRACKETS.sub(" ", name).lower().split())


def _ratio(name: str, method: str) -> float:
    return SequenceMatcher(None, _plain(name), _plain(method), autojunk=False).ratio()


if __name__ == "__main__":
    main()
