"""Annotation files -> gold: which paper reports which TDM, with which score; and the sides papers stand on."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from tdm_ray.errors import TaxonomyError
from tdm_ray.numbers import numbers
from tdm_ray.records import ANNOTATIONS, TDM
from tdm_ray.storage import open_file
from tdm_ray.taxonomy.labels import Taxonomy
from tdm_ray.taxonomy.sources import evaluation_rows, split_tdm

# An arXiv id, new or old ("hep-th/9901001", as a file's name without the slash); only such ids have versions.
_ARXIV_ID = r"\d{4}\.\d{4,5}|[a-z-]+(?:\.[A-Z]{2})?/?\d{7}"
VERSIONED = rf"^(?P<base>{_ARXIV_ID})v(?P<version>\d{{1,4}})$"
_VERSIONED = re.compile(VERSIONED, re.ASCII)
_PAPER_URL = re.compile(r"arxiv\.org/(?:abs|pdf)/(?P<id>[^?#\s]+?)(?:\.pdf)?$")


@dataclass(frozen=True)
class Gold:
    """`results[paper_id][TDM]` = scores as printed; `broken` names every line or field that broke the form."""

    results: dict[str, dict[TDM, tuple[str, ...]]]
    broken: tuple[str, ...] = field(default=())

    def scores(self, paper_ids: Iterable[str], taxonomy: Taxonomy) -> dict[int, list[tuple[str, float]]]:
        """By position in the taxonomy: the papers that report the label (less their versions) and their scores."""
        found: dict[int, list[tuple[str, float]]] = {}
        for paper_id in sorted(paper_ids):
            for tdm, scores in sorted(self.results.get(paper_id, {}).items()):
                values = [n[0].value for n in map(numbers, scores) if n]
                if tdm in taxonomy.index and values:
                    found.setdefault(taxonomy.index[tdm], []).extend((base_id(paper_id), value) for value in values)
        return found

    def table(self) -> pa.Table:
        """The annotations as a table of schema `ANNOTATIONS`."""
        rows = [
            {"paper_id": paper, "task": t.task, "dataset": t.dataset, "metric": t.metric, "score": score}
            for paper, results in self.results.items()
            for t, scores in results.items()
            for score in scores
        ]
        return pa.Table.from_pylist(rows, schema=ANNOTATIONS)


def read_gold(*paths: str) -> Gold:
    """The gold of all files together; `broken` names the file where there are several. Raises as `_read` does."""
    found = [_read(path) for path in paths]
    if len(found) == 1:
        return found[0]
    results: dict[str, dict[TDM, tuple[str, ...]]] = defaultdict(dict)
    for gold in found:
        for paper, reported in gold.results.items():
            merged = results[paper]  # there also where a paper reports nothing: it is annotated all the same
            for tdm, scores in reported.items():
                merged[tdm] = tuple(dict.fromkeys((*merged.get(tdm, ()), *scores)))
    broken = tuple(f"{path}: {line}" for path, gold in zip(paths, found, strict=True) for line in gold.broken)
    return Gold(dict(results), broken)


def _read(path: str) -> Gold:
    """The gold of a `resultsAnnotation.tsv`, of a TSV with a header line (paper_id, task, dataset, metric, score), of
    JSON lines (`paper_id`, `results`), or of `evaluation-tables.json`.

    TSV: `file<TAB>task#dataset#metric#score$...`. Lines that break the form are counted and named in `broken`, not
    fatal. Raises `TaxonomyError` where the file cannot be read or holds no annotation at all.
    """
    try:
        with open_file(path) as file:
            text = file.read().decode("utf-8", "replace")
        gold = _parser(path.removesuffix(".gz"), text)(text)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise TaxonomyError(f"{path}: cannot be read as annotations ({error!r})") from None
    if not gold.results:
        raise TaxonomyError(f"{path}: no annotation of the form file<TAB>task#dataset#metric#score was found")
    return gold


def _parser(name: str, text: str) -> Callable[[str], Gold]:
    if name.endswith(".jsonl"):
        return _of_jsonl
    if name.endswith(".json"):
        return _of_tables
    return _of_columns if text.startswith("paper_id\ttask\tdataset\tmetric") else _of_tsv


def _of_tsv(text: str) -> Gold:
    results: dict[str, dict[TDM, tuple[str, ...]]] = defaultdict(dict)
    broken = []
    for number, line in enumerate(text.splitlines(), start=1):
        name, tab, rest = line.partition("\t")
        if not tab or "\t" in rest:
            broken += [f"line {number}: {rest.count(chr(9)) + bool(tab)} tabs instead of one"] if line.strip() else []
            continue
        paper = PurePosixPath(name.strip()).name
        paper = paper.removesuffix(".pdf").removesuffix(".xml").removesuffix(".tei")
        for item in rest.split("$"):
            head, _, score = item.rpartition("#")
            tdm = split_tdm(head)
            if tdm and score.strip() and "#" not in tdm.metric:
                results[paper][tdm] = (*results[paper].get(tdm, ()), score.strip())
            elif item.strip():
                broken.append(f"line {number}: {item.strip()[:80]!r} is not task#dataset#metric#score")
    return Gold(dict(results), tuple(broken))


def _of_columns(text: str) -> Gold:
    """Tab-separated, with a header line: paper_id, task, dataset, metric and score."""
    results: dict[str, dict[TDM, tuple[str, ...]]] = defaultdict(dict)
    broken = []
    for number, row in enumerate(csv.DictReader(io.StringIO(text), delimiter="\t", quoting=csv.QUOTE_NONE), start=2):
        if not all(row[name] for name in ("paper_id", "task", "dataset", "metric")):
            broken.append(f"line {number}: paper_id, task, dataset or metric is missing")
            continue
        tdm, paper = TDM(row["task"], row["dataset"], row["metric"]), results[row["paper_id"]]
        paper[tdm] = (*paper.get(tdm, ()), row.get("score") or "")
    return Gold(dict(results), tuple(broken))


def _of_jsonl(text: str) -> Gold:
    results: dict[str, dict[TDM, tuple[str, ...]]] = {}
    for line in filter(str.strip, text.splitlines()):
        value = json.loads(line)
        paper = results.setdefault(str(value["paper_id"]), {})
        for r in value["results"]:
            tdm = TDM(*(str(r[part]).strip() for part in ("task", "dataset", "metric")))
            paper[tdm] = (*paper.get(tdm, ()), str(r.get("score", "")))
    return Gold(results)


def _of_tables(text: str) -> Gold:
    results: dict[str, dict[TDM, tuple[str, ...]]] = defaultdict(dict)
    for tdm, row, score in evaluation_rows(json.loads(text)):
        paper = paper_of(row)
        results[paper][tdm] = (*results[paper].get(tdm, ()), score)
    return Gold(dict(results))


def paper_of(row: dict[str, Any]) -> str:
    """The paper of a row of `evaluation-tables.json`: its id where we wrote it, its arXiv id, else its title."""
    found = _PAPER_URL.search(str(row.get("paper_url") or ""))
    return str(row.get("paper_id") or (found and found["id"]) or row.get("paper_title") or row.get("model_name") or "")


def of_others(scores: Sequence[tuple[str, float]], paper_id: str) -> list[float]:
    """The scores (see `Gold.scores`) less those of any version of the paper itself."""
    own = base_id(paper_id)
    return [score for other, score in scores if other != own]


def base_id(paper_id: str) -> str:
    """The paper behind its versions: `1412.6575v4` and `1412.6575` are one."""
    versioned = _VERSIONED.fullmatch(paper_id)
    return versioned["base"] if versioned else paper_id


def base_ids(paper_ids: pa.ChunkedArray) -> pa.ChunkedArray:
    """`base_id` of every id of a column."""
    return pc.replace_substring_regex(paper_ids, VERSIONED, r"\1")


def fold_of(paper_id: str, folds: int) -> int:
    """The fold of a paper, from its id alone; all versions of one arXiv paper share it."""
    return int.from_bytes(hashlib.blake2b(base_id(paper_id).encode(), digest_size=8).digest()) % folds
