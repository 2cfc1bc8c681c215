"""Labelled papers -> a calibrator (and an index): shortlists, out-of-fold priors, model log-odds, the joint."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tdm_ray.config import ScoreConfig
from tdm_ray.errors import OutputError, TaxonomyError
from tdm_ray.model.calibration import (  # fmt: skip
    Calibrator,
    Joint,
    expected_calibration_error,
    fit_joint,
    fit_prior,
    joint_inputs,
    micro_f1,
    sigmoid,
)
from tdm_ray.model.checkpoint import open_checkpoint
from tdm_ray.model.index import save_index
from tdm_ray.model.labelled import label_matrix, labelled_neighbours, versions
from tdm_ray.model.lexicon import Floats, Lexicon
from tdm_ray.model.scorer import Decider, Knowledge, prepare
from tdm_ray.model.shortlist import Shortlist, Shortlister
from tdm_ray.papers.read import read_papers
from tdm_ray.records import Paper
from tdm_ray.storage import exists, list_files
from tdm_ray.taxonomy.gold import Gold, fold_of, read_gold
from tdm_ray.taxonomy.sources import read_taxonomy

FOLDS = 5
# Papers that the model is asked about to fit the joint: 800 of them are 25,000 pairs, three minutes on 2 cores, and
# twice as many moved no weight by more than its standard error.
JOINT_PAPERS = 800
LEAST_PAPERS = 50


@dataclass(frozen=True)
class Lesson:
    """The shortlists of all labelled papers, none seeing itself or its other versions, and which labels are gold."""

    papers: Sequence[Paper]
    shortlists: Sequence[Shortlist]
    truth: Sequence[np.ndarray[Any, np.dtype[np.bool_]]]
    folds: np.ndarray[Any, np.dtype[np.int64]]
    gold_pairs: Sequence[int]


def index_corpus(papers: Sequence[str], annotations: Sequence[str], config: ScoreConfig, out: str) -> dict[str, Any]:
    """Read papers and annotations from files, then `build_index`. Raises `OutputError` where `out` is not empty."""
    if exists(out) and list_files(out):
        raise OutputError(f"{out}: not empty; choose another --out, or delete it")
    readings = [reading for path in papers for reading in read_papers(path)]
    found = [reading.paper for reading in readings if reading.paper]
    facts = build_index(found, read_gold(*annotations), config, out, threads=os.cpu_count() or 1)
    return {"rejected": len(readings) - len(found), **facts}


def build_index(papers: Sequence[Paper], gold: Gold, config: ScoreConfig, out: str, *, threads: int) -> dict[str, Any]:
    """Learn from `papers` and `gold` and write an index folder; returns what stands in its `index.json`.

    Raises `TaxonomyError` where fewer than `LEAST_PAPERS` papers have a label of the taxonomy.
    """
    checkpoint, taxonomy = open_checkpoint(config.model), read_taxonomy(config.taxonomy, min_count=config.min_count)
    annotated = [p for p in papers if p.paper_id in gold.results]
    labelled = label_matrix([p.paper_id for p in annotated], gold, taxonomy).sum(axis=1)
    if (known := int((labelled > 0).sum())) < LEAST_PAPERS:
        raise TaxonomyError(
            f"only {known} of {len(papers)} papers have a label of the taxonomy; an index needs {LEAST_PAPERS}. Check "
            "that the annotations' file names are the papers' ids, and that their TDMs are spelled as in the taxonomy"
        )
    neighbours, vectorizer = labelled_neighbours(annotated, gold, taxonomy)
    lexicon = Lexicon(taxonomy, checkpoint.document_frequency, checkpoint.documents)
    lesson = study(annotated, gold, Knowledge(config, checkpoint, taxonomy, None), Shortlister(lexicon, neighbours, vectorizer))  # fmt: skip  # noqa: E501
    calibrator, figures = fit_calibrator(lesson, Knowledge(config, checkpoint, taxonomy, None), threads=threads)
    facts = {
        "model": checkpoint.name, "model_digest": checkpoint.digest, "taxonomy_id": taxonomy.taxonomy_id,
        "papers": len(papers), "annotated": len(annotated), "with_known_label": known,
        "broken_annotations": len(gold.broken), **figures,
    }  # fmt: skip
    save_index(out, taxonomy, [p.paper_id for p in annotated], neighbours, vectorizer, calibrator, facts)
    return facts


def study(papers: Sequence[Paper], gold: Gold, knowledge: Knowledge, shortlister: Shortlister) -> Lesson:
    """Shortlist every labelled paper as if it were new."""
    index = knowledge.taxonomy.index
    known = [{index[t] for t in gold.results[p.paper_id] if t in index} for p in papers]
    same = versions([p.paper_id for p in papers])
    folds = np.array([fold_of(p.paper_id, FOLDS) for p in papers])
    if shortlister.neighbours is None:
        shortlists = [shortlister.shortlist(p) for p in papers]
    else:
        counts = shortlister.neighbours.counts_of_others(folds)
        shortlists = [
            shortlister.shortlist(p, leave_out=s, counts=counts[f]) for p, s, f in zip(papers, same, folds, strict=True)
        ]
    truth = [np.isin(found.labels, list(labels)) for found, labels in zip(shortlists, known, strict=True)]
    return Lesson(papers, shortlists, truth, folds, [len(labels) for labels in known])


def fit_calibrator(lesson: Lesson, knowledge: Knowledge, *, threads: int) -> tuple[Calibrator, dict[str, Any]]:
    """The prior from all papers, the joint from those that the model was not trained on; and how well they did."""
    sizes = [len(found.labels) for found in lesson.shortlists]
    rows = np.concatenate([found.features for found in lesson.shortlists])
    trees, log_odds = fit_prior(rows, np.concatenate(lesson.truth), np.repeat(lesson.folds, sizes))
    priors = np.split(log_odds, np.cumsum(sizes)[:-1])
    unseen = [i for i, p in enumerate(lesson.papers) if p.paper_id not in knowledge.checkpoint.learnt_from]
    unseen = unseen[:: max(1, len(unseen) // JOINT_PAPERS)][:JOINT_PAPERS]
    decider = Decider(knowledge, threads=threads)
    inputs, truth = [], []
    for i in unseen:
        prepared = prepare(
            decider.pairs, lesson.shortlists[i], priors[i], knowledge.config.asked, lesson.papers[i].tables
        )
        inputs.append(joint_inputs(np.array(prepared.prior, np.float32), decider.log_odds(prepared)))
        truth.append(lesson.truth[i][np.argsort(-priors[i], kind="stable")[: knowledge.config.asked]])
    joint = fit_joint(np.concatenate(inputs), np.concatenate(truth), sum(lesson.gold_pairs[i] for i in unseen))
    return Calibrator(trees, joint), _figures(joint, np.concatenate(inputs), np.concatenate(truth), lesson, unseen)


def _figures(
    joint: Joint, inputs: Floats, truth: np.ndarray[Any, np.dtype[np.bool_]], lesson: Lesson, used: Sequence[int]
) -> dict[str, Any]:
    probability = sigmoid(inputs @ np.array(joint.weights, np.float32) + joint.intercept)
    gold = sum(lesson.gold_pairs[i] for i in used)
    decided = probability >= joint.threshold
    return {
        "joint_papers": len(used),
        "threshold": joint.threshold,
        "held_out_micro_f1": round(micro_f1(decided, truth, gold), 4),
        "held_out_calibration_error": round(expected_calibration_error(probability, truth), 4),
        "shortlist_recall": round(sum(int(t.sum()) for t in lesson.truth) / max(sum(lesson.gold_pairs), 1), 4),
    }
