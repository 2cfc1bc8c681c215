"""Leaderboards as the JSON of Papers with Code (`evaluation-tables.json`).

    [{"task", "datasets": [{"dataset", "sota": {"metrics": [...], "rows": [{"model_name", "paper_title",
    "paper_url",
      "paper_date", "metrics": {metric: score}}]}}]}]

A row is what one paper reports on one dataset. Rows have no keys that the form does not know, as its own
reader refuses them. The `paper_url` of a paper that is not on arXiv is "paper:" and its id: the form has no
other place for it. See `SotaRowSchema` of https://github.com/paperswithcode/sota-extractor"""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import pyarrow as pa

from tdm_ray.arxiv_ids import PAPER_SCHEME, page_of
from tdm_ray.records import TDM_COLUMNS


def to_evaluation_tables(table: pa.Table) -> list[dict[str, Any]]:
    """The entries that have a score, as the JSON's value; tasks, datasets and rows in the order of
    `table`."""
    tasks: dict[str, dict[str, list[dict[str, Any]]]] = defaultdict(lambda: defaultdict(list))
    of_paper: dict[tuple[str, ...], dict[str, Any]] = {}
    for entry in table.select(_READ).to_pylist():
        if entry["score_text"] is None and entry["score"] is None:
            continue
        rows = tasks[entry["task"]][entry["dataset"]]
        metric = entry["metric"]
        place = (entry["task"], entry["dataset"], entry["paper_id"])
        row = of_paper.get(place)
        if row is None or metric in row["metrics"]:
            rows.append(row := _row(entry))
            of_paper[place] = row
        row["metrics"][metric] = entry["score_text"] or str(entry["score"])
    return [
        {"task": task, "datasets": [_dataset(name, rows) for name, rows in datasets.items()], "subtasks": []}
        for task, datasets in tasks.items()
    ]


_READ = [*TDM_COLUMNS, "paper_id", "title", "published", "score", "score_text", "method"]


def _row(entry: dict[str, Any]) -> dict[str, Any]:
    day = entry["published"].isoformat() if entry["published"] else None
    return {
        "model_name": entry["method"] or entry["title"] or entry["paper_id"],
        "paper_title": entry["title"] or "",
        "paper_url": page_of(entry["paper_id"]) or f"{PAPER_SCHEME}{entry['paper_id']}",
        "paper_date": day,
        "metrics": {},
    }


def _dataset(name: str, rows: list[dict[str, Any]]) -> dict[str, Any]:
    metrics = dict.fromkeys(metric for row in rows for metric in row["metrics"])
    return {"dataset": name, "sota": {"metrics": list(metrics), "rows": rows}}
