"""The dials of a run, keyword-only and frozen; what they mean stands here once."""

from __future__ import annotations

from dataclasses import dataclass

EMBEDDED = "embedded"


@dataclass(frozen=True, kw_only=True)
class ScoreConfig:
    """What decides a prediction: the model, the taxonomy, and what labelled papers taught.

    model: `embedded`, or the name or folder of a fine-tuned Hugging Face cross-encoder.
    taxonomy: `default`, or a file (see README, Taxonomies); `min_count` drops its rarer labels.
    index: a folder made by `tdm-ray index`, or None.
    asked: how many labels a paper's model is asked about, of the 64 on its shortlist.
    threshold: the least probability of a prediction; None takes the calibrator's own.
    """

    model: str = EMBEDDED
    taxonomy: str = "default"
    min_count: int = 0
    index: str | None = None
    asked: int = 32
    threshold: float | None = None


@dataclass(frozen=True, kw_only=True)
class RayConfig:
    """How the work is laid out on a cluster; every `None` is chosen from what the cluster has.

    actors: actors that hold the model; None: one a GPU, or one for every four CPUs (at least one).
    gpus: GPUs an actor; None: 1 where the cluster has any, else 0. A fraction packs actors on one GPU.
    papers_a_block: the unit of work, retry and checkpoint; None: 64 (10 s of work on 2 CPU cores), fewer where the
    corpus is too small to keep all actors busy with that.
    """

    actors: int | None = None
    gpus: float | None = None
    papers_a_block: int | None = None
