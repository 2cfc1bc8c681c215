"""The leaderboards table as files for other programs: CSV, JSON, the JSON of Papers with Code."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from typing import Any

import pyarrow as pa

from tdm_ray.errors import InputError
from tdm_ray.leaderboard.evaluation_tables import to_evaluation_tables
from tdm_ray.storage import join, open_file

_FLAT = ["task", "dataset", "metric", "direction", "rank", "paper_id", "title", "published", "score", "score_text", "probability"]  # fmt: skip  # noqa: E501


def export(table: pa.Table, folder: str, formats: list[str]) -> list[str]:
    """Write `leaderboards.FORMAT` into `folder` for each format of `FORMATS`; returns the paths.

    "evaluation-tables" is written as `evaluation-tables.json`; Parquet is what the folder holds already.
    """
    check_formats(formats)
    paths = []
    for name in formats:
        path = join(folder, "evaluation-tables.json" if name == "evaluation-tables" else f"leaderboards.{name}")
        with open_file(path, "wb") as file:
            file.write(FORMATS[name](table).encode())
        paths.append(path)
    return paths


def check_formats(formats: list[str]) -> None:
    """Raises `InputError` for a format that is none."""
    if unknown := [name for name in formats if name not in FORMATS]:
        raise InputError(f"--format {unknown[0]}: choose of {', '.join(FORMATS)}; Parquet is always written")


def as_csv(table: pa.Table) -> str:
    """One row an entry; the evidence as two columns, its kind and its text."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow([*_FLAT, "evidence_kind", "evidence_text"])
    for row in table.to_pylist():
        evidence = row["evidence"] or {}
        probability = f"{row['probability']:.4f}"
        writer.writerow([*(row[c] for c in _FLAT[:-1]), probability, evidence.get("kind"), evidence.get("text")])
    return buffer.getvalue()


def as_json(table: pa.Table, *, indent: int | None = 2) -> str:
    """A list of leaderboards: task, dataset, metric, direction, and `entries` in order of rank.

    Without indent it is written ten times as fast: by the encoder in C.
    """
    boards: dict[tuple[str, ...], dict[str, Any]] = {}
    for row in table.to_pylist():
        key = tuple(row.pop(part) for part in ("task", "dataset", "metric"))
        direction = row.pop("direction")
        board = {**dict(zip(("task", "dataset", "metric"), key, strict=True)), "direction": direction, "entries": []}
        row["probability"] = round(row["probability"], 4)
        boards.setdefault(key, board)["entries"].append(row)
    return json.dumps(list(boards.values()), indent=indent, ensure_ascii=False, default=str) + "\n"


def as_evaluation_tables(table: pa.Table) -> str:
    """See `evaluation_tables`."""
    return json.dumps(to_evaluation_tables(table), indent=2, ensure_ascii=False) + "\n"


FORMATS: dict[str, Callable[[pa.Table], str]] = {
    "csv": as_csv,
    "json": as_json,
    "evaluation-tables": as_evaluation_tables,
}
