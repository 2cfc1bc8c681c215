"""What each part of the model adds, on papers it has not seen; prints a Markdown table (about 15 minutes on 2 cores).

    python tests/measure_model.py DATA LATEX     # the folder of the real data; LATEX: a corpus of its train e-prints

LATEX is made by `tdm-ray ingest DATA/dump/src --out LATEX`; its dev papers are left out here.
"""

import json
import sys

import numpy as np
import scipy.sparse as sp

from tdm_ray.classify.calibration import best_threshold, fit_prior, sigmoid
from tdm_ray.classify.features import LEARNED, LEXICAL
from tdm_ray.classify.lexicon import Lexicon
from tdm_ray.classify.resources import Resources
from tdm_ray.classify.scorer import Decider, prepare
from tdm_ray.classify.shortlist import Shortlister
from tdm_ray.config import ScoreConfig
from tdm_ray.evaluation.figures import f1_figures
from tdm_ray.gold.annotations import read_gold
from tdm_ray.gold.labelled_papers import gather, read_all
from tdm_ray.taxonomy.sources import read_taxonomy
from tdm_ray.training.index import fit_calibrator, study
from tdm_ray.training.neighbours import labelled_neighbours

SIBLINGS = {name for name in LEXICAL + LEARNED if "siblings" in name}
COUNTS = {"label_count", "dataset_count", "label_given_dataset"}
STEPS = {
    "where and how often names stand": set(LEXICAL) - SIBLINGS,
    "+ what neighbours report": set(LEXICAL + LEARNED) - SIBLINGS - COUNTS,
    "+ how often a label is reported": set(LEXICAL + LEARNED) - SIBLINGS,
    "+ better than its siblings": set(LEXICAL + LEARNED),
}


def main(data: str, latex: str) -> None:
    """Learn from TEI papers alone, then from both, and decide for the dev papers."""
    taxonomy_file = f"{data}/annotations/TDM_taxonomy.tsv"
    taxonomy, whole = read_taxonomy(taxonomy_file, min_count=5), read_taxonomy(taxonomy_file)
    gold = read_gold(f"{data}/annotations/resultsAnnotation.tsv", f"{data}/annotations/latex.jsonl")
    with open(f"{data}/annotations/latex.jsonl") as file:
        held_out = {v["paper_id"] for v in map(json.loads, file) if v["split"] != "train"}
    resources = Resources.of(ScoreConfig(taxonomy=taxonomy_file, min_count=5))
    lexicon = Lexicon(taxonomy, resources.checkpoint.document_frequency, resources.checkpoint.documents)
    tei, dev = read_all([f"{data}/tei/train-*.parquet"]), gather(read_all([f"{data}/tei/dev-*.parquet"]), gold, taxonomy, whole)  # fmt: skip  # noqa: E501
    more = [r for r in read_all([latex]) if r.paper and r.paper.paper_id not in held_out]
    print("| | micro F1 | macro F1 |\n|---|---|---|", flush=True)
    for readings, name in ((tei, ""), ([*tei, *more], " (with the LaTeX papers' gold)")):
        gathered = gather(readings, gold, taxonomy, whole)
        papers = [x.paper for x in gathered.papers]
        shortlister = Shortlister(lexicon, *labelled_neighbours(papers, gold, taxonomy))
        lesson, new = study(gathered, shortlister), [shortlister.shortlist(x.paper) for x in dev.papers]
        for step, columns in list(STEPS.items()) if not name else [("all of the above", set(LEXICAL + LEARNED))]:
            report(step + name, *prior_alone(lesson, new, columns), dev, taxonomy)
    report("+ the cross-encoder", *joined(lesson, new, resources), dev, taxonomy)


def prior_alone(lesson, new, columns):
    """Probabilities for the new papers' shortlists, and the threshold from out-of-fold ones."""
    chosen = [i for i, name in enumerate(LEXICAL + LEARNED) if name in columns]
    sizes = [len(found.labels) for found in lesson.shortlists]
    rows, truth = np.concatenate([f.features for f in lesson.shortlists])[:, chosen], np.concatenate(lesson.truth)
    trees, out_of_fold = fit_prior(rows, truth, np.repeat(lesson.folds, sizes))
    found = [sigmoid(np.asarray(trees.predict(f.features[:, chosen], raw_score=True), np.float32)) for f in new]
    return [(f.labels, p) for f, p in zip(new, found, strict=True)], best_threshold(sigmoid(out_of_fold), truth, sum(lesson.gold_pairs))  # fmt: skip  # noqa: E501


def joined(lesson, new, resources):
    """The same from prior and model together."""
    calibrator, _ = fit_calibrator(lesson, resources)
    decider, decided = Decider(resources), []
    for found in new:
        prior = calibrator.prior(found.features)
        prepared = prepare(decider.pairs, found, prior, resources.config.max_labels)
        probability = calibrator.probability(np.array(prepared.prior, np.float32), decider.log_odds([prepared])[0])
        decided.append((np.array(prepared.labels), probability))
    return decided, calibrator.joint.threshold


def report(name, found, threshold, dev, taxonomy):
    """One line of the table."""
    shape = (len(dev.papers), len(taxonomy))
    decided, truth = sp.lil_matrix(shape, dtype=np.float32), sp.lil_matrix(shape, dtype=np.float32)
    for row, ((labels, probability), labelled) in enumerate(zip(found, dev.papers, strict=True)):
        decided[row, labels[probability >= threshold]] = 1
        truth[row, list(labelled.known)] = 1
    figures = f1_figures(decided.tocsr(), truth.tocsr())
    print(f"| {name} | {figures['micro_f1']:.3f} | {figures['macro_f1']:.3f} |", flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:3])
