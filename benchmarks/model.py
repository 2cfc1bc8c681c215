"""What each part of the model adds, on papers it has not seen: a Markdown table.

    python -m benchmarks.model --train 'tei/train-*.parquet' --dev 'tei/dev-*.parquet' \
        --annotations resultsAnnotation.tsv --taxonomy TDM_taxonomy.tsv --min-count 5

With `--more`, papers to learn from besides (of other readers, say), the last steps learn from them, too.
Papers that are in `--dev` are left out of what is learnt from. About 15 minutes on 2 cores with 4,000 papers.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp

from tdm_ray.arrays import Floats, Ints
from tdm_ray.arxiv_ids import base_id
from tdm_ray.classify.calibration import best_threshold, fit_prior, sigmoid
from tdm_ray.classify.features import LEARNED, LEXICAL
from tdm_ray.classify.lexicon import Lexicon
from tdm_ray.classify.precision import fastest_precision
from tdm_ray.classify.resources import Resources
from tdm_ray.classify.scorer import Decider, prepare
from tdm_ray.classify.shortlist import Shortlist, Shortlister
from tdm_ray.config import ScoreConfig
from tdm_ray.evaluation.figures import f1_figures
from tdm_ray.gold.annotations import Gold, read_gold
from tdm_ray.gold.labelled_papers import Gathered, gather, read_all
from tdm_ray.records import Reading
from tdm_ray.taxonomy.labels import Taxonomy
from tdm_ray.taxonomy.sources import read_taxonomy
from tdm_ray.training.index import Lesson, fit_calibrator, study
from tdm_ray.training.neighbours import labelled_neighbours

FEATURES = (*LEXICAL, *LEARNED)
ALL = frozenset(FEATURES)
SIBLINGS = frozenset(name for name in FEATURES if "siblings" in name)
COUNTS = frozenset({"label_count", "dataset_count", "label_given_dataset"})
STEPS = {
    "where and how often names stand": frozenset(LEXICAL) - SIBLINGS,
    "+ what neighbours report": ALL - SIBLINGS - COUNTS,
    "+ how often a label is reported": ALL - SIBLINGS,
    "+ better than its siblings": ALL,
}

Decided = tuple[list[tuple[Ints, Floats]], float]  # per paper labels and probabilities; the threshold


@dataclass(frozen=True, kw_only=True)
class Setting:
    """What all steps share: the model, gold, the labels with and without rare ones, the dev papers."""

    resources: Resources
    gold: Gold
    taxonomy: Taxonomy
    whole: Taxonomy
    dev: Gathered

    def learn(self, readings: Sequence[Reading]) -> tuple[Lesson, list[Shortlist]]:
        """What there is to learn from labelled papers, and the shortlists of the dev papers."""
        gathered = gather(readings, self.gold, self.taxonomy, self.whole)
        papers = [labelled.paper for labelled in gathered.papers]
        checkpoint = self.resources.checkpoint
        lexicon = Lexicon(self.taxonomy, checkpoint.document_frequency, checkpoint.documents)
        shortlister = Shortlister(lexicon, *labelled_neighbours(papers, self.gold, self.taxonomy))
        new = [shortlister.shortlist(labelled.paper) for labelled in self.dev.papers]
        return study(gathered, shortlister), new

    def report(self, name: str, decided: Decided) -> None:
        """Print one line of the table."""
        found, threshold = decided
        shape = (len(self.dev.papers), len(self.taxonomy))
        made = sp.lil_matrix(shape, dtype=np.float32)
        truth = sp.lil_matrix(shape, dtype=np.float32)
        for row, ((labels, probability), labelled) in enumerate(zip(found, self.dev.papers, strict=True)):
            made[row, labels[probability >= threshold]] = 1
            truth[row, list(labelled.known)] = 1
        figures = f1_figures(made.tocsr(), truth.tocsr())
        print(f"| {name} | {figures['micro_f1']:.3f} | {figures['macro_f1']:.3f} |", flush=True)


def prior_alone(lesson: Lesson, new: Sequence[Shortlist], features: frozenset[str]) -> Decided:
    """The prior of some features alone, with a threshold from papers that its trees have not seen."""
    chosen = [number for number, name in enumerate(FEATURES) if name in features]
    sizes = [len(shortlist.labels) for shortlist in lesson.shortlists]
    rows = np.concatenate([shortlist.features for shortlist in lesson.shortlists])[:, chosen]
    truth = np.concatenate(lesson.truth)
    trees, out_of_fold = fit_prior(rows, truth, np.repeat(lesson.folds, sizes))
    found = []
    for shortlist in new:
        log_odds = np.asarray(trees.predict(shortlist.features[:, chosen], raw_score=True), np.float32)
        found.append((shortlist.labels, sigmoid(log_odds)))
    return found, best_threshold(sigmoid(out_of_fold), truth, sum(lesson.gold_pairs))


def joined(lesson: Lesson, new: Sequence[Shortlist], resources: Resources) -> Decided:
    """The prior and the model together."""
    calibrator, _ = fit_calibrator(lesson, resources)
    decider = Decider(resources)
    asked = [
        prepare(decider.pairs, shortlist, calibrator.prior(shortlist.features), resources.config.max_labels)
        for shortlist in new
    ]
    found = [
        (
            np.array(prepared.labels, np.int64),
            calibrator.probability(np.array(prepared.prior, np.float32), log_odds),
        )
        for prepared, log_odds in zip(asked, decider.log_odds(asked), strict=True)
    ]
    return found, calibrator.joint.threshold


def main() -> None:
    """Parse the command line, learn, decide for the dev papers step by step, print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--train", nargs="+", required=True, help="labelled papers to learn from")
    parser.add_argument("--dev", nargs="+", required=True, help="labelled papers to decide for")
    parser.add_argument("--more", nargs="+", help="more labelled papers to learn from, in the last step")
    parser.add_argument("--annotations", nargs="+", required=True)
    parser.add_argument("--taxonomy", default="default")
    parser.add_argument("--min-count", type=int, default=0)
    args = parser.parse_args()
    config = ScoreConfig(taxonomy=args.taxonomy, min_count=args.min_count)
    gold = read_gold(*args.annotations)
    taxonomy = read_taxonomy(args.taxonomy, min_count=args.min_count)
    whole = read_taxonomy(args.taxonomy)
    resources = Resources.of(config, fastest_precision()[0])
    dev = gather(read_all(args.dev), gold, taxonomy, whole)
    setting = Setting(resources=resources, gold=gold, taxonomy=taxonomy, whole=whole, dev=dev)
    held_out = {base_id(labelled.paper.paper_id) for labelled in dev.papers}
    train, more = (
        [r for r in read_all(paths) if r.paper and base_id(r.paper.paper_id) not in held_out]
        for paths in (args.train, args.more or [])
    )
    print("| | micro F1 | macro F1 |\n|---|---|---|", flush=True)
    lesson, new = setting.learn(train)
    for name, features in STEPS.items():
        setting.report(name, prior_alone(lesson, new, features))
    if more:
        lesson, new = setting.learn([*train, *more])
        setting.report("all of the above, with more papers", prior_alone(lesson, new, ALL))
    setting.report("+ the cross-encoder", joined(lesson, new, resources))


if __name__ == "__main__":
    main()
