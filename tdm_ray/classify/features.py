"""What is known of a (paper, label) pair besides the model's word: one row of numbers, the same for every
taxonomy."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from tdm_ray.arrays import Floats, Ints
from tdm_ray.classify.lexicon import PARTS, Coverage, Lexicon
from tdm_ray.text.passages import FIELDS

# A label is left out of the shortlist if no neighbour reports it and no passage names this share of its
# dataset, by weight. None of 2,944 predictions for the dev papers was of such a label. Without an index 5 of
# 838 for 156 papers were, 3 of them right. By names alone, at 0.2, 87 of the 2,944 would go, 30 right ones,
# and the paper F1 would fall from 0.637 to 0.625.
MIN_NAME_COVERAGE = 0.15
FULL_COVERAGE = 0.99  # a name counts as named where this share of it, by weight, is there
# How much a field speaks for a label; the order is that of FIELDS. Tables and titles say what was measured.
_FIELD_WEIGHT = np.array([1.0, 1.0, 0.8, 0.9, 0.7, 1.0, 0.9, 0.8, 0.8], np.float32)
_PART_WEIGHT = np.array([0.3, 1.0, 0.5], np.float32)

LEXICAL = (
    *(f"{part}_in_{field}" for part in PARTS for field in FIELDS),
    *(f"{part}_named" for part in PARTS),
    *(f"{part}_named_in_tables" for part in PARTS),
    *(f"{part}_weight" for part in PARTS),
    "together_in_passage",
    "together_in_table",
    "task_and_dataset_in_passage",
    "lexical",
    "lexical_rank",
    "against_dataset_siblings",
    "against_task_siblings",
    "against_metric_siblings",
)
_DATASET = [LEXICAL.index(f"dataset_in_{field}") for field in FIELDS]
LEARNED = (
    "votes",
    "closest",
    "votes_rank",
    "dataset_votes",
    "task_votes",
    "metric_votes",
    "label_count",
    "dataset_count",
    "label_given_dataset",
    "votes_against_dataset_siblings",
    "votes_against_task_siblings",
)
_VOTES = len(LEXICAL) + LEARNED.index("votes")


@dataclass(frozen=True)
class Paperwise:
    """What one paper shows of every element, reduced over its passages; the ground on which features
    stand."""

    by_field: Floats  # (elements, fields): best coverage
    named: Floats  # (elements,): log(1 + passages that name it)
    named_in_tables: Floats
    by_table: Floats  # (elements, tables): best coverage
    lexical: Floats  # (labels,): the shortlist's lexical score


def reduce_coverage(coverage: Coverage, lexicon: Lexicon) -> Paperwise:
    """Best coverage by field and by table, counts of full mentions, and a lexical score for every label."""
    found = coverage.found
    count = coverage.found.shape[0]
    elements = np.repeat(np.arange(count), np.diff(found.indptr))
    full = found.data >= FULL_COVERAGE
    in_tables = full & (coverage.tables[found.indices] >= 0)
    named, named_in_tables = (
        np.log1p(np.bincount(elements[rows], minlength=count).astype(np.float32))
        for rows in (full, in_tables)
    )
    by_field = _best(found, elements, coverage.fields, len(FIELDS))
    by_table = _best(found, elements, coverage.tables, max(int(coverage.tables.max(initial=-1)) + 1, 1))
    strength = (by_field * _FIELD_WEIGHT).max(axis=1) * 0.7 + 0.3 * np.minimum(named, 2.5) / 2.5
    # A long name found is worth more than a short one: "F1" stands in half of all papers.
    strength *= np.minimum(lexicon.weight, 6) / 6
    lexical = strength[lexicon.label_elements] @ _PART_WEIGHT
    return Paperwise(by_field, named, named_in_tables, by_table, lexical)


def _best(found: sp.csr_matrix, elements: Ints, groups: Ints, count: int) -> Floats:
    """The best coverage of each element by the passages of each group, shape (elements, count); -1 is no
    group."""
    best = np.zeros((found.shape[0], count), np.float32)
    group = groups[found.indices]
    inside = group >= 0
    np.maximum.at(best.reshape(-1), elements[inside] * count + group[inside], found.data[inside])
    return best


def lexical_features(chosen: Ints, coverage: Coverage, paper: Paperwise, lexicon: Lexicon) -> Floats:
    """The `LEXICAL` columns of the labels `chosen`; shape (chosen, len(LEXICAL))."""
    elements = lexicon.label_elements[chosen]
    task, dataset, metric = (coverage.rows(elements[:, i]) for i in range(3))
    score = paper.lexical[chosen]
    columns = [
        paper.by_field[elements].reshape(len(chosen), -1),
        paper.named[elements],
        paper.named_in_tables[elements],
        # Rounded, or a tree would know labels by their exact weight and learn nothing for new ones.
        np.minimum(np.round(lexicon.weight[elements]), 12),
        (dataset * metric).max(axis=1, initial=0)[:, None],
        (paper.by_table[elements[:, 1]] * paper.by_table[elements[:, 2]]).max(axis=1)[:, None],
        (task * dataset).max(axis=1, initial=0)[:, None],
        score[:, None],
        rank(score)[:, None],
        *(against_siblings(score, elements[:, i])[:, None] for i in (1, 0, 2)),
    ]
    return np.concatenate(columns, axis=1, dtype=np.float32)


def worth_asking(features: Floats) -> NDArray[np.bool_]:
    """Which labels, by their features, have a dataset that some passage names by `MIN_NAME_COVERAGE`, or a
    neighbour's vote."""
    named = features[:, _DATASET].max(axis=1, initial=0) >= MIN_NAME_COVERAGE
    return np.asarray(named if features.shape[1] == len(LEXICAL) else named | (features[:, _VOTES] > 0), bool)


def learned_features(
    chosen: Ints, votes: Floats, closest: Floats, counts: Floats, lexicon: Lexicon
) -> Floats:
    """The `LEARNED` columns of the labels `chosen`, from the votes of one paper; shape (chosen,
    len(LEARNED))."""
    elements = lexicon.label_elements
    own = elements[chosen]
    by_element = np.zeros(len(lexicon.weight), np.float32)
    for part in range(3):
        np.add.at(by_element, elements[:, part], votes)
    per_dataset = np.zeros(len(lexicon.weight), np.float32)
    np.add.at(per_dataset, elements[:, 1], counts)
    dataset_count = per_dataset[own[:, 1]]
    vote = votes[chosen]
    columns = [
        vote,
        closest[chosen],
        rank(vote),
        by_element[own[:, 1]],
        by_element[own[:, 0]],
        by_element[own[:, 2]],
        np.log1p(counts[chosen]),
        np.log1p(dataset_count),
        counts[chosen] / np.maximum(dataset_count, 1),
        against_siblings(vote, own[:, 1]),
        against_siblings(vote, own[:, 0]),
    ]
    return np.stack(columns, axis=1).astype(np.float32)


def largest(values: NDArray[np.floating[Any]], count: int) -> Ints:
    """The positions of the largest values, largest first, equal ones in order; without sorting them all."""
    if len(values) <= count:
        return np.argsort(-values, kind="stable")
    near = np.flatnonzero(values >= np.partition(values, -count)[-count])
    return near[np.argsort(-values[near], kind="stable")[:count]]


def rank(values: Floats) -> Floats:
    """The rank of each value, 0 for the highest; equal values in order of position."""
    order = np.argsort(-values, kind="stable")
    ranks = np.empty(len(values), np.float32)
    ranks[order] = np.arange(len(values), dtype=np.float32)
    return ranks


def against_siblings(values: Floats, groups: NDArray[np.int64]) -> Floats:
    """Each value less the best of the others of its group (its own value where it stands alone)."""
    order = np.lexsort((-values, groups))
    starts = np.r_[True, groups[order][1:] != groups[order][:-1]]
    place = np.cumsum(starts) - 1
    first = values[order][starts]
    positions = np.flatnonzero(starts)
    following = np.minimum(positions + 1, len(values) - 1)
    has_second = np.r_[positions[1:], len(values)] - positions > 1
    second = np.where(has_second, values[order][following], 0).astype(np.float32)
    best_other = np.where(starts, second[place], first[place])
    result = np.empty(len(values), np.float32)
    result[order] = values[order] - best_other
    return result
