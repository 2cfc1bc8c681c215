"""Leaderboards as the JSON of Papers with Code (`evaluation-tables.json`).

    [{"task", "datasets": [{"dataset", "sota": {"metrics": [...], "rows": [{"model_name", "paper_title",
    "paper_url",
      "paper_date", "metrics": {metric: score}}]}}]}]

A row is what one paper reports on one dataset. Rows carry `paper_id`, which the form does not know and its
readers ignore: ids that are no arXiv ids come back by it."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import pyarrow as pa

from tdm_ray.arxiv_ids import page_of
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
    url = page_of(entry["paper_id"])
    return {
        "model_name": entry["method"] or entry["title"] or entry["paper_id"],
        "paper_id": entry["paper_id"],
        "paper_title": entry["title"] or "",
        "paper_url": url,
        "paper_date": day,
        "metrics": {},
    }


def _dataset(name: str, rows: list[dict[str, Any]]) -> dict[str, Any]:
    metrics = dict.fromkeys(metric for row in rows for metric in row["metrics"])
    return {"dataset": name, "sota": {"metrics": list(metrics), "rows": rows}}
