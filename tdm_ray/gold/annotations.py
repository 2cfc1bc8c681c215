"""Read annotation files into gold: which paper reports which label, with which score."""

from __future__ import annotations

import csv
import hashlib
import io
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import PurePosixPath
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from tdm_ray.arxiv_ids import base_id, id_of_url
from tdm_ray.errors import TaxonomyError
from tdm_ray.gold.marks import is_marks, latest
from tdm_ray.records import ANNOTATIONS, TDM, TDM_COLUMNS
from tdm_ray.storage import open_file
from tdm_ray.taxonomy.evaluation_tables import evaluation_rows, is_tasks, parse_tasks, rows_without_score
from tdm_ray.taxonomy.labels import Taxonomy
from tdm_ray.taxonomy.sources import split_tdm
from tdm_ray.text.clean import clean
from tdm_ray.text.numbers import numbers

_PARQUET = b"PAR1"


@dataclass(frozen=True)
class Gold:
    """`results[paper_id][TDM]` = scores as printed; `broken` names every malformed line or field.

    `wrong` holds what readers marked wrong; the papers in `marked` have marks only, and no annotation.
    """

    results: dict[str, dict[TDM, tuple[str, ...]]]
    broken: tuple[str, ...] = field(default=())
    wrong: Mapping[str, frozenset[TDM]] = field(default_factory=dict)
    marked: frozenset[str] = frozenset()

    def renamed(self, names: Mapping[TDM, TDM]) -> Gold:
        """The gold with other names for some labels; a label without one keeps its own."""
        results: dict[str, dict[TDM, tuple[str, ...]]] = {}
        for paper, reported in self.results.items():
            merged = results.setdefault(paper, {})
            for tdm, scores in reported.items():
                name = names.get(tdm, tdm)
                merged[name] = tuple(dict.fromkeys((*merged.get(name, ()), *scores)))
        wrong = {paper: frozenset(names.get(tdm, tdm) for tdm in tdms) for paper, tdms in self.wrong.items()}
        return replace(self, results=results, wrong=wrong)

    def scores(self, paper_ids: Iterable[str], taxonomy: Taxonomy) -> dict[int, list[tuple[str, float]]]:
        """By position in the taxonomy: the papers that report the label (less their versions) and their
        scores."""
        scores_by_label: dict[int, list[tuple[str, float]]] = {}
        for paper_id in sorted(paper_ids):
            for tdm, scores in sorted(self.results.get(paper_id, {}).items()):
                values = [n[0].value for n in map(numbers, scores) if n]
                if tdm in taxonomy.index and values:
                    scores_by_label.setdefault(taxonomy.index[tdm], []).extend(
                        (base_id(paper_id), value) for value in values
                    )
        return scores_by_label

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
    """The gold of all files together; `broken` names the file where there are several. Raises
    `TaxonomyError` for a file that cannot be read or holds no annotation.

    A result that a file of marks (see `marks`) calls wrong is removed, whatever the other files say.
    """
    golds = [_read(path) for path in paths]
    if len(golds) == 1:
        return golds[0]
    results: dict[str, dict[TDM, tuple[str, ...]]] = defaultdict(dict)
    annotated = {paper for gold in golds for paper in gold.results.keys() - gold.marked}
    for gold in golds:
        for name, reported in gold.results.items():
            for paper in _versions(name, annotated) if name in gold.marked else (name,):
                merged = results[
                    paper
                ]  # there also where a paper reports nothing: it is annotated all the same
                for tdm, scores in reported.items():
                    merged[tdm] = tuple(dict.fromkeys((*merged.get(tdm, ()), *scores)))
    wrong = _wrong(golds, annotated)
    for paper, tdms in wrong.items():
        results[paper] = {tdm: scores for tdm, scores in results[paper].items() if tdm not in tdms}
    broken = tuple(f"{path}: {line}" for path, gold in zip(paths, golds, strict=True) for line in gold.broken)
    return Gold(dict(results), broken, wrong, frozenset(results.keys() - annotated))


def _wrong(golds: Sequence[Gold], annotated: set[str]) -> dict[str, frozenset[TDM]]:
    """The labels marked wrong, by paper; a later file that marks one right removes it."""
    wrong: dict[str, frozenset[TDM]] = defaultdict(frozenset)
    for gold in golds:
        for name in gold.marked:
            for paper in _versions(name, annotated):
                right = frozenset(gold.results[name])
                wrong[paper] = (wrong[paper] - right) | gold.wrong.get(name, frozenset())
    return {paper: tdms for paper, tdms in wrong.items() if tdms}


def _versions(paper: str, annotated: set[str]) -> list[str]:
    """The annotated versions of a marked paper, to all of which its mark applies; else the paper itself."""
    return sorted(other for other in annotated if base_id(other) == base_id(paper)) or [paper]


def _read(path: str) -> Gold:
    """The gold of a `resultsAnnotation.tsv`, of a TSV with a header line (paper_id, task, dataset, metric,
    score), of JSON lines (`paper_id`, `results`), of `evaluation-tables.json`, or of readers' marks.

    TSV: `file<TAB>task#dataset#metric#score$...`. Lines that break the form are counted and named in
    `broken`, not fatal. Raises `TaxonomyError` where the file cannot be read or holds no annotation at all.
    """
    try:
        with open_file(path) as file:
            data = file.read()
        gold = _of_parquet(path, data) if data.startswith(_PARQUET) else _of_text(path, data)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, csv.Error, pa.ArrowException) as error:
        raise TaxonomyError(f"{path}: cannot be read as annotations ({error!r})") from None
    if not gold.results:
        raise TaxonomyError(f"{path}: no annotation of the form file<TAB>task#dataset#metric#score was found")
    return gold


def _of_text(path: str, data: bytes) -> Gold:
    text = data.decode("utf-8-sig", "replace")
    return _of_marks(path) if is_marks(path, text) else _parser(path.removesuffix(".gz"), text)(text)


def _of_parquet(path: str, data: bytes) -> Gold:
    """Evaluation tables, a task a row; or a table of schema `ANNOTATIONS`."""
    table = pq.read_table(io.BytesIO(data))
    if is_tasks(table.column_names):
        return _of_tables(table.to_pylist())
    if missing := set(ANNOTATIONS.names) - set(table.column_names):
        raise ValueError(f"column {', '.join(sorted(missing))} is missing; see docs/inputs.md, Annotations")
    results: dict[str, dict[TDM, tuple[str, ...]]] = defaultdict(dict)
    for row in table.select(ANNOTATIONS.names).to_pylist():
        tdm = TDM(*(clean(row[part]) for part in TDM_COLUMNS))
        paper = results[row["paper_id"]]
        paper[tdm] = (*paper.get(tdm, ()), str(row["score"] or ""))
    return Gold(dict(results))


def _parser(name: str, text: str) -> Callable[[str], Gold]:
    if name.endswith((".json", ".jsonl", ".ndjson")):
        return _of_json
    return _of_columns if text.startswith("paper_id\ttask\tdataset\tmetric") else _of_tsv


def _of_tsv(text: str) -> Gold:
    results: dict[str, dict[TDM, tuple[str, ...]]] = defaultdict(dict)
    broken = []
    for number, line in enumerate(text.splitlines(), start=1):
        name, tab, rest = line.partition("\t")
        if not tab or "\t" in rest:
            broken += (
                [f"line {number}: {rest.count(chr(9)) + bool(tab)} tabs instead of one"]
                if line.strip()
                else []
            )
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
    for number, row in enumerate(
        csv.DictReader(io.StringIO(text), delimiter="\t", quoting=csv.QUOTE_NONE), start=2
    ):
        if not all(row[name] for name in ("paper_id", *TDM_COLUMNS)):
            broken.append(f"line {number}: paper_id, task, dataset or metric is missing")
            continue
        tdm = TDM(row["task"], row["dataset"], row["metric"])
        paper = results[row["paper_id"]]
        paper[tdm] = (*paper.get(tdm, ()), row.get("score") or "")
    return Gold(dict(results), tuple(broken))


def _of_marks(path: str) -> Gold:
    """Readers' marks: right ones become results, wrong ones go to `wrong`."""
    results: dict[str, dict[TDM, tuple[str, ...]]] = defaultdict(dict)
    wrong: dict[str, frozenset[TDM]] = defaultdict(frozenset)
    for mark in latest([path]):
        tdm = TDM(mark["task"], mark["dataset"], mark["metric"])
        paper = results[mark["paper_id"]]
        if mark["verdict"] == "right":
            paper[tdm] = (mark["score_text"] or "",)
        else:
            wrong[mark["paper_id"]] |= {tdm}
    return Gold(dict(results), (), wrong, frozenset(results))


def _of_json(text: str) -> Gold:
    """Evaluation tables; or papers with their results, in a list or one a line."""
    values = parse_tasks(text)
    papers = [values] if isinstance(values, dict) else values
    if not isinstance(papers, list) or not papers or "results" not in papers[0]:
        return _of_tables(papers)
    results: dict[str, dict[TDM, tuple[str, ...]]] = {}
    for value in papers:
        paper = results.setdefault(str(value["paper_id"]), {})
        for r in value["results"]:
            tdm = TDM(*(str(r[part]).strip() for part in TDM_COLUMNS))
            paper[tdm] = (*paper.get(tdm, ()), str(r.get("score", "")))
    return Gold(results)


def _of_tables(tasks: Sequence[dict[str, Any]]) -> Gold:
    results: dict[str, dict[TDM, tuple[str, ...]]] = defaultdict(dict)
    seen = set()
    for tdm, row, score in evaluation_rows(tasks):
        paper = paper_of(row)
        entry = (paper, tdm, row.get("model_name"), score)
        if entry not in seen:  # a row that is there twice, in two tasks or files merged, is one result
            seen.add(entry)
            results[paper][tdm] = (*results[paper].get(tdm, ()), score)
    return Gold(dict(results), tuple(rows_without_score(tasks)))


def paper_of(row: dict[str, Any]) -> str:
    """The paper of a row of `evaluation-tables.json`: its `paper_id`, its arXiv id, else its title."""
    url = str(row.get("paper_url") or "")
    return str(row.get("paper_id") or id_of_url(url) or row.get("paper_title") or row.get("model_name") or "")


def of_others(scores: Sequence[tuple[str, float]], paper_id: str) -> list[float]:
    """The scores (see `Gold.scores`) less those of any version of the paper itself."""
    own = base_id(paper_id)
    return [score for other, score in scores if other != own]


def fold_of(paper_id: str, folds: int) -> int:
    """The fold of a paper, from its id alone; all versions of one arXiv paper share it."""
    return int.from_bytes(hashlib.blake2b(base_id(paper_id).encode(), digest_size=8).digest()) % folds
