"""Export the leaderboards table to other programs: CSV, JSON, the JSON of Papers with Code."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from typing import Any

import pyarrow as pa

from tdm_ray.errors import InputError
from tdm_ray.leaderboard.evaluation_tables import to_evaluation_tables
from tdm_ray.records import TDM_COLUMNS
from tdm_ray.storage import join, open_file

_FLAT = [
    *TDM_COLUMNS,
    "direction",
    "rank",
    "paper_id",
    "title",
    "published",
    "score",
    "score_text",
    "method",
    "probability",
    "confidence",
    "confirmed",
]


def export(table: pa.Table, folder: str, formats: list[str]) -> list[str]:
    """Write `leaderboards.FORMAT` into `folder` for each format of `FORMATS`; returns the paths.

    "evaluation-tables" is written as `evaluation-tables.json`.
    """
    check_formats(formats)
    paths = []
    for name in formats:
        path = join(
            folder, "evaluation-tables.json" if name == "evaluation-tables" else f"leaderboards.{name}"
        )
        with open_file(path, "wb") as file:
            file.write(FORMATS[name](table).encode())
        paths.append(path)
    return paths


def export_store(store: str, table: pa.Table, formats: list[str]) -> list[str]:
    """Write a store's leaderboards to `STORE/exports` in these formats; nothing where none is given. Returns
    the paths."""
    return export(table, join(store, "exports"), formats) if formats else []


def check_formats(formats: list[str]) -> None:
    """Raises `InputError` for an unknown format."""
    if unknown := [name for name in formats if name not in FORMATS]:
        raise InputError(
            f"--format {unknown[0]}: choose of {', '.join(FORMATS)}; the store itself is Parquet"
        )


def as_csv(table: pa.Table) -> str:
    """One row an entry; the evidence as two columns, its kind and its text."""
    return csv_of(table.to_pylist())


def _no_formula(text: str) -> str:
    """The text as spreadsheets show it: one that begins like a formula ("=1+1", "@x") they would compute.
    See https://owasp.org/www-community/attacks/CSV_Injection"""
    is_signed = text[:1] in ("+", "-") and not text[1:2].isdigit() and text[1:2] != "."
    return f"'{text}" if len(text) > 1 and (is_signed or text[0] in "=@\t\r") else text


def csv_of(rows: list[dict[str, Any]]) -> str:
    """The same for rows as dictionaries."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow([*_FLAT, "evidence_kind", "evidence_text"])
    for row in rows:
        evidence = row["evidence"] or {}
        rounded = {n: None if row[n] is None else f"{row[n]:.4f}" for n in ("probability", "confidence")}
        values = {**row, **rounded}
        cells = [*(values[c] for c in _FLAT), evidence.get("kind"), evidence.get("text")]
        writer.writerow([_no_formula(cell) if isinstance(cell, str) else cell for cell in cells])
    return buffer.getvalue()


def as_json(table: pa.Table) -> str:
    """A list of leaderboards: task, dataset, metric, direction, and `entries` in order of rank."""
    return json_of(table.to_pylist(), indent=2)


def json_of(rows: list[dict[str, Any]], *, indent: int | None = None) -> str:
    """The same for rows as dictionaries; without indent the encoder in C is used, ten times as fast."""
    boards: dict[tuple[str, ...], dict[str, Any]] = {}
    for row in rows:
        key = tuple(row[part] for part in TDM_COLUMNS)
        entry = {name: value for name, value in row.items() if name not in (*TDM_COLUMNS, "direction")}
        board = {**dict(zip(TDM_COLUMNS, key, strict=True)), "direction": row["direction"], "entries": []}
        for name in ("probability", "confidence"):
            entry[name] = None if row[name] is None else round(row[name], 4)
        boards.setdefault(key, board)["entries"].append(entry)
    return json.dumps(list(boards.values()), indent=indent, ensure_ascii=False, default=str) + "\n"


def as_evaluation_tables(table: pa.Table) -> str:
    """See `evaluation_tables`."""
    return json.dumps(to_evaluation_tables(table), indent=2, ensure_ascii=False) + "\n"


FORMATS: dict[str, Callable[[pa.Table], str]] = {
    "csv": as_csv,
    "json": as_json,
    "evaluation-tables": as_evaluation_tables,
}
