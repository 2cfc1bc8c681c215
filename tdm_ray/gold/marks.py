"""Read marks, a person's verdicts on predictions; runs obey them and training learns from them.

A file of marks is CSV with the header `paper_id,task,dataset,metric,verdict,score,note`, or JSON, a list of
objects of these names. `verdict` is right or wrong; `score`, where it is given, the right score as it is
printed, and makes the prediction right."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Sequence
from typing import Any

from tdm_ray.arxiv_ids import base_id
from tdm_ray.errors import InputError
from tdm_ray.records import TDM_COLUMNS
from tdm_ray.storage import exists, join, list_files, open_file
from tdm_ray.text.numbers import the_number

HEADER = ["paper_id", *TDM_COLUMNS, "verdict", "score", "note"]
_NEEDED = HEADER[:4]


def find_marks(folder: str) -> list[str]:
    """The files of marks of a store or of a folder that `score` wrote: `marks.csv`, `marks.json`, all in
    `reviews/`."""
    paths = [path for name in ("marks.csv", "marks.json") if exists(path := join(folder, name))]
    if exists(join(folder, "reviews")):
        paths += [path for path in list_files(join(folder, "reviews")) if path.endswith((".csv", ".json"))]
    return paths


def is_marks(path: str, text: str) -> bool:
    """Whether a file is one of marks, and not another form of annotations."""
    if path.removesuffix(".gz").endswith(".json"):
        rows = json.loads(text)
        return (
            isinstance(rows, list)
            and bool(rows)
            and all(isinstance(r, dict) and set(_NEEDED) <= r.keys() for r in rows)
        )
    return set(_NEEDED) < set(next(csv.reader(io.StringIO(text.removeprefix("\ufeff"))), ()))


def latest(paths: Sequence[str]) -> list[dict[str, Any]]:
    """The marks of all files as rows of `MARKS`, in order of their keys.

    Of several on one prediction, in any version of its paper, the last of the last file counts. Raises
    `InputError` for what is no mark: it names file, row and cure."""
    marks = {key: mark for _, key, mark in _all(paths)}
    return [marks[key] for key in sorted(marks)]


def differing(paths: Sequence[str]) -> list[str]:
    """Where a file contradicts an earlier one, as lines for people; the later file counts."""
    overruled = []
    last_marks = dict[tuple[str, ...], tuple[str, dict[str, Any]]]()
    for path, key, mark in _all(paths):
        before, other = last_marks.get(key, (path, mark))
        if before != path and any(mark[name] != other[name] for name in ("verdict", "score")):
            overruled.append(f"{path} contradicts {before} on {' / '.join(key)}; the later file counts")
        last_marks[key] = path, mark
    return overruled


def _all(paths: Sequence[str]) -> Iterator[tuple[str, tuple[str, ...], dict[str, Any]]]:
    for path in paths:
        for number, row in _rows(path):
            mark = _mark(path, number, row)
            yield path, (base_id(mark["paper_id"]), *(mark[name] for name in _NEEDED[1:])), mark


def _rows(path: str) -> Iterator[tuple[int, dict[str, Any]]]:
    with open_file(path) as file:
        text = file.read().decode("utf-8-sig", "replace")
    if path.removesuffix(".gz").endswith(".json"):
        try:
            rows = json.loads(text)
        except ValueError as error:
            raise InputError(f"{path}: not JSON: {error}") from None
        if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
            raise InputError(f"{path}: not a list of objects with {', '.join(HEADER[:5])}")
        yield from enumerate(rows, start=1)
        return
    reader = csv.DictReader(io.StringIO(text, newline=""))
    if missing := [name for name in HEADER[:5] if name not in (reader.fieldnames or ())]:
        raise InputError(f"{path}: no column {', '.join(missing)}; the first line is {','.join(HEADER)}")
    for row in reader:
        if None in row:
            raise InputError(
                f"{path}, row {reader.line_num}: more columns than the first "
                "line; put texts with commas in quotes"
            )
        yield reader.line_num, row


def _mark(path: str, number: int, row: dict[str, Any]) -> dict[str, Any]:
    fields = {name: "" if row.get(name) is None else str(row[name]).strip() for name in HEADER}
    if missing := [name for name in _NEEDED if not fields[name]]:
        raise InputError(f"{path}, row {number}: no {', '.join(missing)}")
    verdict = fields["verdict"].lower()
    value = the_number(fields["score"]) if fields["score"] else None
    if fields["score"] and value is None:
        raise InputError(
            f"{path}, row {number}: score {fields['score']!r} is not one number: write it as printed"
        )
    if not verdict and fields["score"]:
        verdict = "right"
    if verdict not in ("right", "wrong"):
        raise InputError(f"{path}, row {number}: verdict {fields['verdict']!r}: write right or wrong")
    if verdict == "wrong" and fields["score"]:
        raise InputError(
            f"{path}, row {number}: wrong, with a score; a right score makes the prediction right"
        )
    return {
        **fields,
        "verdict": verdict,
        "score_text": fields["score"] or None,
        "score": value.value if value else None,
    }
