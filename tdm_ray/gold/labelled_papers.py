"""Papers and annotations brought together: who is labelled with what, who is left out and why, all
counted."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp

from tdm_ray.arxiv_ids import base_id
from tdm_ray.gold.annotations import Gold
from tdm_ray.papers.read import converted, read_split
from tdm_ray.papers.splits import InputSplit, find_splits
from tdm_ray.parallel import over_chunks
from tdm_ray.records import TDM, Paper, Reading
from tdm_ray.taxonomy.labels import Taxonomy

_NOT_A_LETTER = re.compile(r"[^a-z0-9]+")


@dataclass(frozen=True)
class Labelled:
    """A paper with its gold as positions in the taxonomy.

    known: the labels it reports. own: those and what its other versions report; none of them may be called
    false. wrong: what readers marked so. whole: whether it is annotated; else only its marks are known, and
    `own` holds all labels but `wrong`."""

    paper: Paper
    known: tuple[int, ...]
    own: frozenset[int]
    wrong: tuple[int, ...] = ()
    whole: bool = True


@dataclass(frozen=True)
class Gathered:
    """The papers to learn from, and how many were seen and left out: `counts`, in the order of the sieve."""

    papers: Sequence[Labelled]
    counts: dict[str, int]


def read_all(paths: Sequence[str]) -> list[Reading]:
    """The readings of all paths, by as many processes as there are cores."""
    return over_chunks(_read_splits, find_splits(paths), what="parts of the input read", size=1, least=2)


def _read_splits(splits: Sequence[InputSplit]) -> list[Reading]:
    return [converted(found) for split in splits for found in read_split(split)]


def gather(
    readings: Sequence[Reading], gold: Gold, known: Taxonomy, whole: Taxonomy, *, marked: bool = False
) -> Gathered:
    """Sort papers by what gold says of them.

    `known` are the labels with enough results, `whole` the taxonomy before that cut. A paper whose results
    all have names foreign to `whole` is left out: what it reports may be a known label spelt otherwise, so
    that neither "unknown" nor any false label is sure. So is, unless `marked`, one of which nothing is known
    but readers' marks: what it reports else is not said."""
    counts = {"items": len(readings), "rejected": sum(r.paper is None for r in readings)}
    papers = {r.paper.paper_id: r.paper for r in readings if r.paper}
    counts["duplicate_id"] = len(readings) - counts["rejected"] - len(papers)
    annotated = [p for p in papers.values() if p.paper_id in gold.results]
    counts["without_annotation"] = len(papers) - len(annotated)
    kept = [p for p in annotated if not _foreign_only(gold, p.paper_id, whole)]
    counts["only_foreign_labels"] = len(annotated) - len(kept)
    by_marks = [p for p in kept if p.paper_id in gold.marked]
    counts["marked_only"] = len(by_marks)
    if not marked:
        kept = [p for p in kept if p.paper_id not in gold.marked]
    found = list(_labelled(kept, gold, known, whole))
    counts["papers"] = len(found)
    counts["unknown"] = sum(labelled.whole and not labelled.known for labelled in found)
    counts["annotations_without_paper"] = len(gold.results.keys() - papers.keys())
    counts["broken_annotations"] = len(gold.broken)
    return Gathered(found, counts)


def _foreign_only(gold: Gold, paper_id: str, whole: Taxonomy) -> bool:
    reported = gold.results[paper_id]
    return bool(reported) and not any(tdm in whole.index for tdm in reported)


def _labelled(papers: Sequence[Paper], gold: Gold, known: Taxonomy, whole: Taxonomy) -> Iterator[Labelled]:
    by_dataset: dict[str, set[int]] = {}
    for position, label in enumerate(known.labels):
        by_dataset.setdefault(_plain(label.tdm.dataset), set()).add(position)
    for paper, same in zip(papers, versions([p.paper_id for p in papers]), strict=True):
        reported = {tdm for other in same for tdm in gold.results[papers[other].paper_id]}
        # A result that is foreign to the taxonomy may be any label of its dataset, spelt otherwise.
        doubtful = [by_dataset.get(_plain(tdm.dataset), set()) for tdm in reported if tdm not in whole.index]
        own = {known.index[tdm] for tdm in reported if tdm in known.index}.union(*doubtful)
        wrong = positions(gold.wrong.get(paper.paper_id, ()), known)
        annotated = paper.paper_id not in gold.marked
        own = (own if annotated else set(range(len(known)))) - set(wrong)
        yield Labelled(
            paper, positions(gold.results[paper.paper_id], known), frozenset(own), wrong, annotated
        )


def positions(results: Iterable[TDM], taxonomy: Taxonomy) -> tuple[int, ...]:
    """The positions in the taxonomy of the labels that it knows, in order."""
    return tuple(sorted(taxonomy.index[tdm] for tdm in results if tdm in taxonomy.index))


def _plain(name: str) -> str:
    return _NOT_A_LETTER.sub("", name.lower())


def versions(paper_ids: Sequence[str]) -> list[list[int]]:
    """For each paper the positions of all its versions, itself among them."""
    by_base: dict[str, list[int]] = defaultdict(list)
    for i, paper_id in enumerate(paper_ids):
        by_base[base_id(paper_id)].append(i)
    return [by_base[base_id(paper_id)] for paper_id in paper_ids]


def label_matrix(paper_ids: Sequence[str], gold: Gold, taxonomy: Taxonomy) -> sp.csr_matrix:
    """Which paper reports which label, 0 or 1; shape (papers, labels)."""
    pairs = [
        (row, taxonomy.index[tdm])
        for row, paper_id in enumerate(paper_ids)
        for tdm in gold.results.get(paper_id, ())
        if tdm in taxonomy.index
    ]
    rows, columns = np.array(pairs, np.int64).reshape(-1, 2).T
    return sp.csr_matrix((np.ones(len(pairs), np.float32), (rows, columns)), (len(paper_ids), len(taxonomy)))
