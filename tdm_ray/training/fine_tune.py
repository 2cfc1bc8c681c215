"""From labelled papers to a checkpoint folder: pairs, training, document frequencies, calibrator, model card data."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import pyarrow as pa

from tdm_ray.config import ScoreConfig
from tdm_ray.model.checkpoint import open_checkpoint
from tdm_ray.model.entailment import load_encoder, save_half
from tdm_ray.model.labelled import labelled_neighbours
from tdm_ray.model.learn import fit_calibrator, study
from tdm_ray.model.lexicon import Lexicon
from tdm_ray.model.scorer import Knowledge
from tdm_ray.model.shortlist import Shortlister
from tdm_ray.model.tokens import tokens
from tdm_ray.premise.passages import passages
from tdm_ray.records import Paper
from tdm_ray.storage import join, write_json, write_table
from tdm_ray.taxonomy.gold import Gold, fold_of
from tdm_ray.taxonomy.labels import Taxonomy
from tdm_ray.taxonomy.sources import read_taxonomy
from tdm_ray.training.examples import Pair, pairs_of
from tdm_ray.training.loop import TrainConfig, train

CALIBRATION_FOLDS = 5  # one paper in five is kept from the model, for calibration
COMMON = 3  # a word in fewer papers counts as unseen


def fine_tune(
    base: str, papers: Sequence[Paper], gold: Gold, taxonomy: Taxonomy, out: str, *, epochs: int, config: TrainConfig
) -> None:
    """Fine-tune `base` on four fifths of the papers and write a checkpoint folder (model, tokenizer, word counts).

    The ids of the papers that were learnt from are kept in `training.json`: a calibrator must not be fitted on them.
    """
    frequency = document_frequency(papers)
    write_table(frequency, join(out, "document_frequency.parquet"))
    counts = dict(zip(frequency["word"].to_pylist(), frequency["papers"].to_pylist(), strict=True))
    lexicon = Lexicon(taxonomy, counts, len(papers))
    learnt = [p for p in papers if fold_of(p.paper_id, CALIBRATION_FOLDS)]
    kept = [p for p in papers if not fold_of(p.paper_id, CALIBRATION_FOLDS)]
    rounds = [_pairs(learnt, gold, taxonomy, lexicon, config.seed + epoch) for epoch in range(epochs)]
    held_out = _pairs(kept, gold, taxonomy, lexicon, config.seed)
    print(
        f"{len(learnt)} papers to learn from, {len(kept)} held out; pairs {[len(r) for r in rounds]}, {len(held_out)}"
    )
    model, tokenizer = load_encoder(base, outputs=1)
    log = train(model, tokenizer, rounds, held_out, config)
    save_half(model, tokenizer, out)
    write_json(
        join(out, "training.json"),
        {
            "papers": len(papers),
            "config": asdict(config),
            "log": log,
            "learnt_from": sorted(p.paper_id for p in learnt),
        },
    )


def _pairs(papers: Sequence[Paper], gold: Gold, taxonomy: Taxonomy, lexicon: Lexicon, seed: int) -> list[Pair]:
    neighbours, vectorizer = labelled_neighbours(papers, gold, taxonomy)
    shortlisters = (Shortlister(lexicon, neighbours, vectorizer), Shortlister(lexicon))
    return list(pairs_of(papers, gold, taxonomy, shortlisters, seed=seed))


def document_frequency(papers: Sequence[Paper]) -> pa.Table:
    """How many papers each word stands in: columns `word`, `papers`; words in fewer than `COMMON` left out."""
    seen: Counter[str] = Counter()
    for paper in papers:
        seen.update({w for p in passages(paper) for w in tokens(p.text)})
    kept = sorted((w, n) for w, n in seen.items() if n >= COMMON and len(w) <= 40)
    table = pa.table({"word": [w for w, _ in kept], "papers": pa.array([n for _, n in kept], pa.int32())})
    return table.replace_schema_metadata({"documents": str(len(papers))})


def calibrate(folder: str, papers: Sequence[Paper], gold: Gold, taxonomy: str, min_count: int) -> dict[str, Any]:
    """Fit the calibrator of a checkpoint, for scoring without an index: names and the model's word only."""
    checkpoint = open_checkpoint(folder)
    knowledge = Knowledge(ScoreConfig(model=folder), checkpoint, read_taxonomy(taxonomy, min_count=min_count), None)
    annotated = [p for p in papers if p.paper_id in gold.results]
    calibrator, figures = fit_calibrator(
        study(annotated, gold, knowledge, knowledge.shortlister), knowledge, threads=os.cpu_count() or 1
    )
    calibrator.save(checkpoint.calibrator_folder)
    return figures
