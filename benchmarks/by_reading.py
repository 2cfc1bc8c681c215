"""Hold a store against what people read: `python -m benchmarks.by_reading STORE`.

Of the store's papers those that people read whole (`tests/by_reading/papers.jsonl`) are counted, of one
split. A row is right where an expert would enter its label and its score; see `tdm_ray.training.confidence`.

With `--draw TEXT` only those of its rows are counted that people judged one by one
(`tests/by_reading/rows.jsonl`), of the draws whose name begins with the text, for example "latex, seed
3011"."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np

from tdm_ray.classify.calibration import expected_calibration_error
from tdm_ray.config import CONFIRMED
from tdm_ray.records import TDM
from tdm_ray.store.tables import Store
from tdm_ray.training.confidence import judged_rows

_FOLDER = Path(__file__).parent.parent / "tests" / "by_reading"
_READ = str(_FOLDER / "papers.jsonl")
_ROWS = str(_FOLDER / "rows.jsonl")


def figures(store: str, split: str, least: float) -> dict[str, Any]:
    """Rows, rows with a score and confirmed rows, and how many of each are right; the calibration error."""
    rows = judged_rows(store, _READ, split=split, rows=_ROWS)
    scored = [judged for judged in rows if judged.row["score"] is not None]
    confidence = np.array([judged.row["confidence"] for judged in scored], np.float32)
    right = np.array([judged.right for judged in scored], bool)
    sure = confidence >= least
    return {
        "rows": len(rows),
        "label_right": sum(judged.label_is_right for judged in rows),
        "scored": len(scored),
        "scored_right": int(right.sum()),
        "confirmed": int(sure.sum()),
        "confirmed_right": int(right[sure].sum()),
        "calibration_error": round(expected_calibration_error(confidence, right), 4),
    }


def drawn_figures(store: str, draw: str, least: float) -> dict[str, Any]:
    """Of the rows that people judged one by one and that the store holds with the same score: how many there
    are and are right, of all and of the confirmed ones, and the calibration error."""
    with open(_ROWS, encoding="utf-8") as file:
        judged = [row for row in map(json.loads, file) if row["draw"].startswith(draw)]
    right = {(row["paper_id"], row["label"], row["score"]): row["right"] for row in judged}
    held = {
        (row["paper_id"], str(TDM.of(row)), row["score"]): row["confidence"]
        for row in Store(store).snapshot().read("predictions").to_pylist()
    }
    found = [key for key in right if held.get(key) is not None]
    confidence = np.array([held[key] for key in found], np.float32)
    is_right = np.array([right[key] for key in found], bool)
    sure = confidence >= least
    return {
        "judged": len(found),
        "right": int(is_right.sum()),
        "confirmed": int(sure.sum()),
        "confirmed_right": int(is_right[sure].sum()),
        "calibration_error": round(expected_calibration_error(confidence, is_right), 4),
    }


def main() -> None:
    """Print the figures of some stores."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("stores", nargs="+")
    parser.add_argument("--split", default="dev", choices=["train", "dev"])
    parser.add_argument("--least", type=float, default=CONFIRMED, help="the confidence of confirmed rows")
    parser.add_argument("--draw", help="count the rows of these draws that people judged one by one")
    args = parser.parse_args()
    for store in args.stores:
        found = (
            figures(store, args.split, args.least)
            if args.draw is None
            else drawn_figures(store, args.draw, args.least)
        )
        print(store, json.dumps(found))


if __name__ == "__main__":
    main()
