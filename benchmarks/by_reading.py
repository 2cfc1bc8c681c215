"""Hold a store against papers that people read whole: `python -m benchmarks.by_reading STORE`.

Of the store's papers those of `tests/by_reading` are counted, of one split. A row is right where an expert
would enter its label and its score; see `tdm_ray.training.confidence`."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np

from tdm_ray.classify.calibration import expected_calibration_error
from tdm_ray.config import CONFIRMED
from tdm_ray.training.confidence import judged_rows

_READ = str(Path(__file__).parent.parent / "tests" / "by_reading" / "papers.jsonl")


def figures(store: str, split: str, least: float) -> dict[str, Any]:
    """Rows, rows with a score and confirmed rows, and how many of each are right; the calibration error."""
    rows = judged_rows(store, _READ, split=split)
    scored = [judged for judged in rows if judged.row["score"] is not None]
    confidence = np.array([judged.row["confidence"] for judged in scored], np.float32)
    right = np.array([judged.right for judged in scored], bool)
    sure = confidence >= least
    return {
        "rows": len(rows),
        "label_right": sum(judged.label for judged in rows),
        "scored": len(scored),
        "scored_right": int(right.sum()),
        "confirmed": int(sure.sum()),
        "confirmed_right": int(right[sure].sum()),
        "calibration_error": round(expected_calibration_error(confidence, right), 4),
    }


def main() -> None:
    """Print the figures of some stores."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("stores", nargs="+")
    parser.add_argument("--split", default="dev", choices=["train", "dev"])
    parser.add_argument("--least", type=float, default=CONFIRMED, help="the confidence of confirmed rows")
    args = parser.parse_args()
    for store in args.stores:
        print(store, json.dumps(figures(store, args.split, args.least)))


if __name__ == "__main__":
    main()
