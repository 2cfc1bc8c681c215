"""The whole recipe of fine-tuning: data set, training, calibrator."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tdm_ray.classify.precision import fastest_precision
from tdm_ray.classify.resources import Resources
from tdm_ray.config import DatasetConfig, ScoreConfig, TrainConfig
from tdm_ray.gold.annotations import read_gold
from tdm_ray.gold.labelled_papers import gather, read_all
from tdm_ray.storage import exists, join, remove_folder
from tdm_ray.taxonomy.sources import read_taxonomy
from tdm_ray.training.dataset import create_dataset
from tdm_ray.training.fit import train_model
from tdm_ray.training.index import fit_calibrator, study


def fine_tune(
    papers: Sequence[str],
    annotations: Sequence[str],
    taxonomy: str,
    base: str,
    out: str,
    *,
    dataset: DatasetConfig,
    train: TrainConfig,
) -> dict[str, Any]:
    """Data set (`out/dataset`), training and calibration (`out/checkpoint`); each step that is done is not
    repeated.

    Returns the calibrator's figures on the papers that the model has not seen.
    """
    pairs = join(out, "dataset")
    checkpoint = join(out, "checkpoint")
    if not exists(join(pairs, "dataset.json")):
        remove_folder(pairs)  # what an interrupted run left
        create_dataset(papers, annotations, taxonomy, pairs, dataset)
    train_model(pairs, base, checkpoint, train)
    return calibrate(
        checkpoint, papers, annotations, join(pairs, "taxonomy-seen.tsv"), dataset.leaderboard_threshold
    )


def calibrate(
    folder: str, papers: Sequence[str], annotations: Sequence[str], taxonomy: str, min_count: int
) -> dict[str, Any]:
    """Fit the calibrator of a checkpoint, for scoring without an index: from names and the model only."""
    config = ScoreConfig(model=folder, taxonomy=taxonomy, min_count=min_count)
    resources = Resources.of(config, fastest_precision()[0])
    labels = resources.taxonomy
    lesson = study(
        gather(read_all(papers), read_gold(*annotations), labels, read_taxonomy(taxonomy)),
        resources.shortlister,
    )
    calibrator, figures = fit_calibrator(lesson, resources)
    calibrator.save(resources.checkpoint.calibrator_folder)
    return figures
