"""The papers, gold and taxonomies to measure on, and as many copies of them as are asked for."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import cycle, islice

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from tdm_ray.errors import InputError
from tdm_ray.gold.annotations import Gold, read_gold
from tdm_ray.gold.labelled_papers import positions, read_all
from tdm_ray.records import PAPERS, TDM, Paper
from tdm_ray.taxonomy.labels import Label, Taxonomy
from tdm_ray.taxonomy.sources import read_taxonomy

_ROWS_A_GROUP = 64


@dataclass(frozen=True)
class Material:
    """Papers that are read, what is known of them, and the labels with and without those that are rare."""

    papers: Sequence[Paper]
    gold: Gold
    taxonomy: Taxonomy
    whole: Taxonomy


def read_material(
    papers: Sequence[str], annotations: Sequence[str], taxonomy: str, min_count: int
) -> Material:
    """Read it all. Raises `InputError` where no paper is annotated with a label of the taxonomy."""
    known = read_taxonomy(taxonomy, min_count=min_count)
    gold = read_gold(*annotations)
    found = [r.paper for r in read_all(papers) if r.paper]
    if not any(tdm in known.index for paper in found for tdm in gold.results.get(paper.paper_id, ())):
        raise InputError(
            "no paper is annotated with a label of the taxonomy; check --annotations and --taxonomy"
        )
    return Material(found, gold, known, read_taxonomy(taxonomy))


def labelled(material: Material, count: int) -> list[tuple[Paper, tuple[int, ...]]]:
    """`count` papers with the positions of their known labels, drawn evenly from all that have some."""
    results = material.gold.results
    known = [(p, positions(results.get(p.paper_id, ()), material.taxonomy)) for p in material.papers]
    having = [item for item in known if item[1]]
    return [having[i] for i in np.unique(np.linspace(0, len(having) - 1, count).astype(int))]


def evenly(papers: Sequence[Paper], count: int) -> list[Paper]:
    """`count` papers drawn evenly; beyond all of them, copies with ids of their own."""
    if count <= len(papers):
        return [papers[i] for i in np.linspace(0, len(papers) - 1, count).astype(int)]
    return list(islice(_copies(papers), count))


def _copies(papers: Sequence[Paper]) -> Iterator[Paper]:
    for number, paper in enumerate(cycle(papers)):
        copy = number // len(papers)
        yield replace(paper, paper_id=f"{paper.paper_id}-copy{copy}") if copy else paper


def write_corpus(papers: Sequence[Paper], path: str) -> str:
    """A papers table of small row groups, so that several tasks read it; returns `path`."""
    table = pa.Table.from_pylist([paper.row() for paper in papers], schema=PAPERS)
    pq.write_table(table, path, row_group_size=_ROWS_A_GROUP, compression="zstd")
    return path


def taxonomy_of(material: Material, size: int) -> Taxonomy:
    """The `size` most reported labels; beyond those, their tasks, datasets and metrics put together anew.

    Raises `InputError` where those are too few.
    """
    parts = zip(
        *((label.tdm.task, label.tdm.dataset, label.tdm.metric) for label in material.whole.labels),
        strict=True,
    )
    if (most := math.prod(len(set(names)) for names in parts)) < 2 * size:
        raise InputError(
            f"{len(material.whole)} labels make {most:,} new ones at most; measure with a larger --taxonomy"
        )
    by_count = sorted(material.whole.labels, key=lambda label: (-label.papers, label.tdm))[:size]
    chance = np.random.default_rng(0)
    known = {label.tdm for label in by_count}
    while len(by_count) < size:
        task, dataset, metric = (
            material.whole.labels[i].tdm for i in chance.integers(0, len(material.whole), 3)
        )
        if (tdm := TDM(task.task, dataset.dataset, metric.metric)) not in known:
            known.add(tdm)
            by_count.append(Label(tdm, 1))
    return Taxonomy.of(by_count)
