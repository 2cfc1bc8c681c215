"""Learn the kinds of lines from tables whose cells people have judged: own, variant, baseline or none."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import lightgbm
import numpy as np
import pyarrow.parquet as pq

from tdm_ray.arrays import Floats, Ints
from tdm_ray.arxiv_ids import base_id
from tdm_ray.classify.calibration import TREES
from tdm_ray.extract.candidates import Candidates, candidates_of
from tdm_ray.extract.line_kinds import KINDS, LineKinds, features_of_numbers
from tdm_ray.extract.lines import Lines, NameCounts, header_parts, lines_of
from tdm_ray.gold.annotations import fold_of
from tdm_ray.gold.judged_cells import read_cells, read_classes
from tdm_ray.gold.labelled_papers import read_all
from tdm_ray.papers.splits import find_splits
from tdm_ray.records import Paper
from tdm_ray.storage import open_file, read_json
from tdm_ray.training.boost import FOLDS

# A line has a kind where so large a part of its judged numbers is of it.
_LEAST_SHARE = 0.8
_FIRST = {"num_iterations": 120, "num_leaves": 7, "learning_rate": 0.05, "min_data_in_leaf": 25}
_SECOND = {"num_iterations": 200, "num_leaves": 12, "learning_rate": 0.05, "min_data_in_leaf": 200}


@dataclass(frozen=True)
class JudgedPaper:
    """A paper with the kinds of its cells, by table and position in the table's list of cells."""

    paper: Paper
    kinds: Mapping[tuple[int, int], str]


@dataclass(frozen=True)
class _Rows:
    candidates: Candidates
    lines: Lines
    of_lines: Ints  # the kind of each line, -1: not judged
    of_numbers: Ints  # the kind of each candidate, -1: not judged
    fold: int


def learn_from_files(
    papers: Sequence[str], cells: str, classes: str | None, held_out: str | None, out: str
) -> dict[str, int]:
    """Read papers and judgements (see `gold.judged_cells`), learn, write the three files to `out`.

    `held_out` is a JSON file whose `dev` lists ids: these papers teach nothing, and their names do not count.
    Returns how many papers were judged and how many names are kept."""
    unseen = {base_id(paper_id) for paper_id in read_json(held_out)["dev"]} if held_out else set()
    found = {r.paper.paper_id: r.paper for r in read_all(papers) if r.paper}
    known = {name: paper for name, paper in found.items() if base_id(name) not in unseen}
    parsed = dict(_parsed_tables(papers))
    judged = [JudgedPaper(*one) for one in read_cells(cells, known, parsed)]
    judged += [JudgedPaper(*one) for one in (read_classes(classes, known) if classes else ())]
    once = {base_id(name): paper for name, paper in known.items()}
    names = NameCounts.of((paper.paper_id, header_parts(paper)) for paper in once.values())
    learn_line_kinds(judged, names).save(out)
    return {"judged_papers": len(judged), "papers": len(known), "names": len(names)}


def _parsed_tables(paths: Sequence[str]) -> Iterator[tuple[str, str]]:
    """The PDF parser's tables, as JSON, of papers in Parquet with a column `tables` of strings."""
    for split in find_splits(paths):
        if split.kind == "tei_table":
            with open_file(split.paths[0]) as file:
                table = pq.ParquetFile(file).read_row_group(split.row_group, columns=["paper_id", "tables"])
            for row in table.to_pylist():
                if row["tables"]:
                    yield row["paper_id"], row["tables"]


def learn_line_kinds(judged: Sequence[JudgedPaper], names: NameCounts) -> LineKinds:
    """The trees of the kinds of lines.

    The second trees learn from what first ones say of papers that they never saw."""
    papers = [_rows(one, names) for one in judged]
    unseen: dict[int, Floats] = {}
    for fold in range(FOLDS):
        first = _fit_first([p for p in papers if p.fold != fold])
        unseen.update((i, _predict(first, p.lines.features)) for i, p in enumerate(papers) if p.fold == fold)
    features, kinds, weights = [], [], []
    for i, one in enumerate(papers):
        chosen = one.of_numbers >= 0
        if chosen.any():
            features.append(features_of_numbers(one.lines, unseen[i], one.candidates)[chosen])
            kinds.append(one.of_numbers[chosen])
            weights.append(np.full(int(chosen.sum()), _weight(int(chosen.sum()))))
    second = _boost(np.concatenate(features), np.concatenate(kinds), np.concatenate(weights), _SECOND)
    return LineKinds(_fit_first(papers), second, names)


def _rows(judged: JudgedPaper, names: NameCounts) -> _Rows:
    candidates = candidates_of(judged.paper)
    lines = lines_of(judged.paper, candidates, names)
    cells = zip(candidates.tables.tolist(), candidates.cells.tolist(), strict=True)
    of_numbers = np.array([_position(judged.kinds.get(cell)) for cell in cells], np.int64)
    of_lines = np.full(len(lines.headers), -1, np.int64)
    for place in (lines.row, lines.column):
        for line in np.unique(place[place >= 0]):
            of_lines[line] = _kind_of_line(of_numbers[place == line])
    return _Rows(candidates, lines, of_lines, of_numbers, fold_of(judged.paper.paper_id, FOLDS))


def _position(kind: Any) -> int:
    return KINDS.index(kind) if kind in KINDS else -1


def _kind_of_line(kinds: Ints) -> int:
    known = kinds[kinds >= 0]
    if not len(known):
        return -1
    kind, count = Counter(known.tolist()).most_common(1)[0]
    return kind if count >= _LEAST_SHARE * len(known) else KINDS.index("none")


def _fit_first(papers: Sequence[_Rows]) -> lightgbm.Booster:
    chosen = [p.of_lines >= 0 for p in papers]
    features = np.concatenate([p.lines.features[c] for p, c in zip(papers, chosen, strict=True)])
    kinds = np.concatenate([p.of_lines[c] for p, c in zip(papers, chosen, strict=True)])
    weights = np.concatenate([np.full(int(c.sum()), _weight(int(c.sum()))) for c in chosen])
    return _boost(features, kinds, weights, _FIRST)


def _weight(count: int) -> float:
    """The weight of each row of a paper with so many: a paper of 2,000 numbers is not 200 papers of ten."""
    return 1 / float(np.sqrt(max(count, 1)))


def _boost(features: Floats, kinds: Ints, weights: Floats, dials: Mapping[str, Any]) -> lightgbm.Booster:
    settings = {**TREES, **dials, "objective": "multiclass", "num_class": len(KINDS), "feature_fraction": 0.4}
    return lightgbm.train(settings, lightgbm.Dataset(features, kinds, weight=weights))


def _predict(trees: lightgbm.Booster, features: Floats) -> Floats:
    if not len(features):
        return np.zeros((0, len(KINDS)), np.float32)
    return np.asarray(trees.predict(features), np.float32)
