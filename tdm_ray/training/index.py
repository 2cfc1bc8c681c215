"""Fit a calibrator (prior and joint) on labelled papers, and build the index from them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

import numpy as np

from tdm_ray.arrays import Floats
from tdm_ray.arxiv_ids import base_id, first_of_month
from tdm_ray.classify.calibration import (
    Calibrator,
    Joint,
    expected_calibration_error,
    fit_joint,
    fit_prior,
    joint_inputs,
    micro_f1,
    sigmoid,
)
from tdm_ray.classify.checkpoint import open_checkpoint
from tdm_ray.classify.index import save_index
from tdm_ray.classify.lexicon import Lexicon
from tdm_ray.classify.precision import fastest_precision
from tdm_ray.classify.resources import Resources, learnt_labels
from tdm_ray.classify.scorer import Decider, prepare
from tdm_ray.classify.shortlist import Shortlist, Shortlister
from tdm_ray.config import NONE, ScoreConfig
from tdm_ray.errors import InputError, OutputError, TaxonomyError
from tdm_ray.extract.quotes import Quotes, dataset_words
from tdm_ray.gold.annotations import Gold, fold_of, read_gold
from tdm_ray.gold.labelled_papers import Gathered, Labelled, gather, read_all, versions
from tdm_ray.parallel import over_chunks
from tdm_ray.progress import step
from tdm_ray.records import Paper, Reading
from tdm_ray.storage import exists, list_files
from tdm_ray.taxonomy.join import known_names
from tdm_ray.taxonomy.labels import Taxonomy
from tdm_ray.taxonomy.sources import read_taxonomy
from tdm_ray.training.neighbours import labelled_neighbours

FOLDS = 5
# Papers that the model scores to fit the joint's three numbers: 16,000 pairs at most, two minutes on 2 cores.
JOINT_PAPERS = 500
LEAST_PAPERS = 50
COMPACT_WORDS = 300  # of the 700 that a paper has
_PAPERS_AT_A_TIME = 16  # so that each thread has papers to ask about


@dataclass(frozen=True)
class Lesson:
    """The shortlists of all labelled papers, each made without the paper's own labels, and which are gold."""

    papers: Sequence[Paper]
    shortlists: Sequence[Shortlist]
    truth: Sequence[np.ndarray[Any, np.dtype[np.bool_]]]
    folds: np.ndarray[Any, np.dtype[np.int64]]
    gold_pairs: Sequence[int]


def index_corpus(
    papers: Sequence[str],
    annotations: Sequence[str],
    config: ScoreConfig,
    out: str,
    *,
    compact: bool = False,
    other_labels: str | None = None,
    before: str | None = None,
) -> dict[str, Any]:
    """Read papers and annotations from files, then `build_index`.

    before: leave out papers of this month ("2019-01") and later, and those without an arXiv id: the index is
    that of a past day. Raises `OutputError` where `out` is not empty, `InputError` for what is no month."""
    if exists(out) and list_files(out):
        raise OutputError(f"{out}: not empty; choose another --out, or delete it")
    end = None if before is None else _month(before)
    gold = read_gold(*annotations)
    readings = [reading for reading in read_all(papers) if end is None or _is_before(reading, end)]
    return build_index(readings, gold, config, out, compact=compact, other_labels=other_labels)


def _month(text: str) -> date:
    try:
        return date.fromisoformat(f"{text}-01")
    except ValueError:
        raise InputError(f"--before {text}: not a month; write it as 2019-01") from None


def _is_before(reading: Reading, end: date) -> bool:
    month = first_of_month(reading.paper.paper_id) if reading.paper else None
    return month is not None and month < end


def build_index(
    readings: Sequence[Reading],
    gold: Gold,
    config: ScoreConfig,
    out: str,
    *,
    compact: bool = False,
    other_labels: str | None = None,
) -> dict[str, Any]:
    """Learn from papers and `gold` and write an index folder; returns what stands in its `index.json`.

    compact: keep only the `COMPACT_WORDS` weightiest words of a paper and no quotes: a quarter of the size.
    other_labels: a taxonomy file of labels that are known, but none of the taxonomy's; papers that report
    only these teach what "unknown" looks like.
    Labels of the gold that the taxonomy has under another name (see `taxonomy.equivalent`) count as these.
    Raises `TaxonomyError` where fewer than `LEAST_PAPERS` papers have a label of the taxonomy.
    """
    checkpoint = open_checkpoint(config.model)
    taxonomy = read_taxonomy(config.taxonomy, min_count=config.min_count)
    gold = gold.renamed(known_names(taxonomy))
    whole = read_taxonomy(config.taxonomy)
    if other_labels:
        whole = Taxonomy.of([*whole.labels, *read_taxonomy(other_labels).labels])
    gathered = gather(readings, gold, taxonomy, whole)
    papers = [labelled.paper for labelled in gathered.papers]
    counts = gathered.counts
    if (known := counts["papers"] - counts["unknown"]) < LEAST_PAPERS:
        raise TaxonomyError(
            f"only {known} of {len(readings)} papers have a label of the "
            f"taxonomy; an index needs {LEAST_PAPERS}. "
            "Check that the annotations' file names are the papers' ids, and "
            "that their TDMs are spelled as in the "
            "taxonomy"
        )
    neighbours, vectorizer = labelled_neighbours(papers, gold, taxonomy, COMPACT_WORDS if compact else None)
    lexicon = Lexicon(taxonomy, checkpoint.document_frequency, checkpoint.documents)
    learnt = learnt_labels(taxonomy, neighbours.counts)
    lesson = study(gathered, Shortlister(lexicon, neighbours, vectorizer, learnt))
    quotes = None if compact else Quotes.of(papers, dataset_words(taxonomy.labels, lexicon))
    calibrator, figures = fit_calibrator(
        lesson, Resources.of(replace(config, index=NONE), fastest_precision()[0])
    )
    facts = {
        "model": checkpoint.name,
        "model_digest": checkpoint.digest,
        "taxonomy_id": taxonomy.taxonomy_id,
        **counts,
        **figures,
        **(quotes.save(out) if quotes else {}),
    }
    save_index(
        out,
        taxonomy,
        [p.paper_id for p in papers],
        neighbours,
        vectorizer,
        calibrator,
        gold.scores([p.paper_id for p in papers], taxonomy),
        facts,
    )
    return facts


def study(gathered: Gathered, shortlister: Shortlister) -> Lesson:
    """Shortlist every labelled paper as if it were new, without labels it may report under another name."""
    papers = [labelled.paper for labelled in gathered.papers]
    folds = np.array([fold_of(p.paper_id, FOLDS) for p in papers])
    counts = shortlister.neighbours.counts_of_others(folds) if shortlister.neighbours else None
    items = list(zip(gathered.papers, versions([p.paper_id for p in papers]), folds, strict=True))
    shortlists = over_chunks(_Student(shortlister, counts), items, what="papers shortlisted")
    truth = [
        np.isin(s.labels, labelled.known) for s, labelled in zip(shortlists, gathered.papers, strict=True)
    ]
    return Lesson(papers, shortlists, truth, folds, [len(labelled.known) for labelled in gathered.papers])


@dataclass(frozen=True)
class _Student:
    shortlister: Shortlister
    counts: Floats | None

    def __call__(self, items: Sequence[tuple[Labelled, list[int], int]]) -> list[Shortlist]:
        return [self._one(labelled, same, fold) for labelled, same, fold in items]

    def _one(self, labelled: Labelled, same: list[int], fold: int) -> Shortlist:
        counts = None if self.counts is None else self.counts[fold]
        shortlist = self.shortlister.shortlist(labelled.paper, leave_out=same, counts=counts)
        return shortlist.keep(~np.isin(shortlist.labels, list(labelled.own.difference(labelled.known))))


def fit_calibrator(lesson: Lesson, resources: Resources) -> tuple[Calibrator, dict[str, Any]]:
    """Fit the prior on all papers and the joint on those the model was not trained on; with the figures."""
    sizes = [len(shortlist.labels) for shortlist in lesson.shortlists]
    rows = np.concatenate([shortlist.features for shortlist in lesson.shortlists])
    trees, log_odds = fit_prior(rows, np.concatenate(lesson.truth), np.repeat(lesson.folds, sizes))
    priors = np.split(log_odds, np.cumsum(sizes)[:-1])
    learnt_from = {base_id(paper_id) for paper_id in resources.checkpoint.learnt_from}
    unseen = [i for i, p in enumerate(lesson.papers) if base_id(p.paper_id) not in learnt_from]
    unseen = unseen[:: max(1, len(unseen) // JOINT_PAPERS)][:JOINT_PAPERS]
    decider = Decider(resources)
    inputs = []
    truth = []
    with step("papers asked about for the calibrator", len(unseen)) as counter:
        for start in range(0, len(unseen), _PAPERS_AT_A_TIME):
            chosen = unseen[start : start + _PAPERS_AT_A_TIME]
            asked = [
                prepare(decider.pairs, lesson.shortlists[i], priors[i], resources.config.max_labels)
                for i in chosen
            ]
            for i, prepared, logits in zip(chosen, asked, decider.log_odds(asked), strict=True):
                inputs.append(joint_inputs(np.array(prepared.prior, np.float32), logits))
                truth.append(np.isin(prepared.labels, lesson.shortlists[i].labels[lesson.truth[i]]))
            counter.add(len(chosen))
    joint = fit_joint(
        np.concatenate(inputs), np.concatenate(truth), sum(lesson.gold_pairs[i] for i in unseen)
    )
    return Calibrator(trees, joint), _figures(
        joint, np.concatenate(inputs), np.concatenate(truth), lesson, unseen
    )


def _figures(
    joint: Joint,
    inputs: Floats,
    truth: np.ndarray[Any, np.dtype[np.bool_]],
    lesson: Lesson,
    used: Sequence[int],
) -> dict[str, Any]:
    probability = sigmoid(inputs @ np.array(joint.weights, np.float32) + joint.intercept)
    gold = sum(lesson.gold_pairs[i] for i in used)
    decided = probability >= joint.threshold
    return {
        "joint_papers": len(used),
        "threshold": joint.threshold,
        "held_out_micro_f1": round(micro_f1(decided, truth, gold), 4),
        "held_out_calibration_error": round(expected_calibration_error(probability, truth), 4),
        "shortlist_recall": round(
            sum(int(t.sum()) for t in lesson.truth) / max(sum(lesson.gold_pairs), 1), 4
        ),
    }
