"""Read the evaluation tables of Papers with Code: tasks, their datasets, and the rows of these with scores.

`evaluation-tables.json` is a list of tasks. Tasks nest in `subtasks`, datasets in `subdatasets`. One task
alone, tasks as JSON lines, and the Parquet files of the archive (a task a row) hold the same.
See https://github.com/paperswithcode/sota-extractor and
https://huggingface.co/datasets/pwc-archive/evaluation-tables"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Collection, Iterator, Sequence
from typing import Any

from tdm_ray.records import TDM
from tdm_ray.text.clean import clean

_FORM = 'with "task" and "datasets" (evaluation-tables.json)'
# Names come from web pages: "Image <i>Classification</i>".
_MARKUP = re.compile(r"</?(?:i|b|em|strong|sub|sup|span|a|u|tt|code|small|br)\b[^<>]*>", re.IGNORECASE)
_NO_SCORE = re.compile(r"\s*(?:[-–—?.*]*|n\.?/?a\.?|nan|none|null|tbd)\s*", re.IGNORECASE)


def parse_tasks(text: str) -> list[dict[str, Any]]:
    """The tasks of a text: a list of them, one alone, or one a line. Raises `json.JSONDecodeError`."""
    try:
        value = json.loads(text)
    except json.JSONDecodeError:
        lines = text.strip().splitlines()
        if len(lines) < 2 or not lines[0].startswith("{"):
            raise
        value = [json.loads(line) for line in lines if line.strip()]
    return [value] if isinstance(value, dict) and "task" in value else value


def is_tasks(columns: Collection[str]) -> bool:
    """Whether a table with these columns, or an object with these keys, is of tasks."""
    return {"task", "datasets"} <= set(columns)


def evaluation_rows(tasks: Sequence[dict[str, Any]]) -> Iterator[tuple[TDM, dict[str, Any], str]]:
    """Every result of evaluation tables: its TDM, its row, its score as printed; what is no score ("-", null,
    NaN) is no result.

    Raises `ValueError`, naming the place, for what is not of that form."""
    return ((tdm, row, str(score)) for tdm, row, score in _entries(tasks) if not _is_no_score(score))


def rows_without_score(tasks: Sequence[dict[str, Any]]) -> list[str]:
    """The entries that are no results, each in words: null, "-", NaN in the place of a score."""
    return [
        f"{tdm}, {row.get('model_name')!r}: {str(score)[:80]!r} is no score"
        for tdm, row, score in _entries(tasks)
        if _is_no_score(score) and score not in (None, "")
    ]


def _is_no_score(score: Any) -> bool:
    if score is None or isinstance(score, bool | list | dict):
        return True
    if isinstance(score, float) and not math.isfinite(score):
        return True
    return _NO_SCORE.fullmatch(str(score)) is not None


def _entries(tasks: Sequence[dict[str, Any]]) -> Iterator[tuple[TDM, dict[str, Any], Any]]:
    for task in _objects(tasks, _FORM, needed="task"):
        name = _text(task, "task")
        yield from _entries(task.get("subtasks") or ())
        where = f"of the task {name!r}"
        for dataset in _datasets(task.get("datasets") or (), f'as "datasets" {where}'):
            for metric, score, row in _scores(dataset, where):
                names = (name, _text(dataset, "dataset") or _text(dataset, "subdataset"), metric)
                tdm = TDM(*(clean(_MARKUP.sub("", part or "")) for part in names))
                if all((tdm.task, tdm.dataset, tdm.metric)):
                    yield tdm, row, score


def _datasets(values: Any, where: str) -> Iterator[dict[str, Any]]:
    """The datasets, each followed by those within it."""
    for dataset in _objects(values, where):
        yield dataset
        yield from _datasets(dataset.get("subdatasets") or (), f'as "subdatasets" {where}')


def _scores(dataset: dict[str, Any], where: str) -> Iterator[tuple[str, Any, dict[str, Any]]]:
    """Every metric and score of a dataset's rows, with the row."""
    (sota,) = _objects([dataset.get("sota") or {}], f'as "sota" {where}')
    for row in _objects(sota.get("rows") or (), f'as "rows" {where}'):
        (metrics,) = _objects([row.get("metrics") or {}], f'as "metrics" {where}')
        for metric, score in metrics.items():
            yield metric, score, row


def _objects(values: Any, where: str, *, needed: str = "") -> Sequence[dict[str, Any]]:
    """The values, where they are a list of objects that all have the key `needed`; else `ValueError`."""
    if not isinstance(values, (list, tuple)):
        raise ValueError(f"expected a list of objects {where}, found {str(values)[:80]!r}")
    for value in values:
        if not isinstance(value, dict) or (needed and needed not in value):
            raise ValueError(f"expected a list of objects {where}, found {str(value)[:80]!r} in it")
    return values


def _text(row: dict[str, Any], key: str) -> str | None:
    value = row.get(key)
    if value is not None and not isinstance(value, str):
        raise ValueError(f'"{key}" must be a text, found {str(value)[:80]!r}')
    return value
