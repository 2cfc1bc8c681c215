"""The settings of scoring, ingestion, data sets, training, Ray and the benchmark, explained once."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from importlib import resources

from tdm_ray.errors import InputError

EMBEDDED = "embedded"
NONE = "none"
DEFAULT = "default"
ENGINES = ("auto", "local", "ray")
AUTO = "auto"
# Rows of at least this confidence (the probability that label and score are right) are confirmed: boards,
# exports and pages show them; the others are tentative, and shown when asked for.
CONFIRMED = 0.75


# In a matcher's folder, where it has them: the weights of the confidence, and a cell model.
CONFIDENCE = "confidence.json"
CELLS = "cells"


def embedded_index() -> str:
    """The folder of the index that ships."""
    return str(resources.files("tdm_ray") / "classify" / "embedded_index")


def embedded_matcher() -> str:
    """The folder of the matcher that ships."""
    return str(resources.files("tdm_ray") / "extract" / "embedded")


@dataclass(frozen=True, kw_only=True)
class ScoreConfig:
    """What decides a prediction: the model, the taxonomy, and what labelled papers taught.

    model: `embedded`, or the name or folder of a fine-tuned Hugging Face cross-encoder. taxonomy:
    `default`, or a file (docs/inputs.md, Taxonomies); `min_count` drops its rarer labels. added_labels: a
    file of labels that join the taxonomy's; a run takes the store's own, where it has one. index: a folder
    made by `tdm-ray index`; `embedded`, the one that ships; `none`; or `auto`: the one that ships, for
    the model and the taxonomy that ship. matcher: a folder made by `tdm-ray matcher`, which finds scores;
    None takes the one that ships. max_labels: how many labels of a paper's shortlist of 64 become
    hypotheses at most; half as many more may, of those that no paper of the index reports. Labels whose
    dataset neither the paper names nor its neighbours report do not, nor do those whose prior is too low
    for the model to lift them above the threshold. threshold: the least probability of a prediction; None
    takes the calibrator's own. precision: `float32`, `bfloat16`, or `auto`: the faster one by a trial."""

    model: str = EMBEDDED
    taxonomy: str = DEFAULT
    added_labels: str | None = None
    min_count: int = 0
    index: str = AUTO
    matcher: str | None = None
    max_labels: int = 32
    threshold: float | None = None
    precision: str = AUTO

    def __post_init__(self) -> None:
        if self.precision not in (AUTO, "float32", "bfloat16"):
            raise InputError(f"--precision {self.precision}: choose auto, float32 or bfloat16")

    @property
    def index_folder(self) -> str | None:
        """Where the index lies; None without one.

        That which ships is calibrated for the model that ships. It takes a label that it does not know for a
        rare one, so for another taxonomy it must be asked for."""
        if self.index == AUTO:
            return embedded_index() if (self.model, self.taxonomy) == (EMBEDDED, DEFAULT) else None
        return {NONE: None, EMBEDDED: embedded_index()}.get(self.index, self.index)

    @property
    def matcher_folder(self) -> str:
        """Where the matcher lies, also the one that ships."""
        return self.matcher or embedded_matcher()


@dataclass(frozen=True, kw_only=True)
class Selection:
    """Which papers of a corpus are wanted; all of them without.

    categories: arXiv's, as patterns (`cs.*`, `stat.ML`); one that fits is enough.
    since, until: days (`2024-01-31`) of the first version, both included.
    """

    categories: tuple[str, ...] = ()
    since: str | None = None
    until: str | None = None

    def __post_init__(self) -> None:
        for name in ("since", "until"):
            try:
                date.fromisoformat(getattr(self, name) or "2000-01-01")
            except ValueError:
                raise InputError(
                    f"--{name} {getattr(self, name)}: not a day; write it as 2024-01-31"
                ) from None

    def __str__(self) -> str:
        conditions = (
            " or ".join(self.categories),
            f"since {self.since}" if self.since else "",
            f"until {self.until}" if self.until else "",
        )
        return f"not {', '.join(filter(None, conditions))}" if any(conditions) else "all"


@dataclass(frozen=True, kw_only=True)
class IngestConfig:
    """What goes into a papers table.

    metadata: arXiv's metadata snapshot, for dates, categories, titles and abstracts.
    manifest: arXiv's manifest of its dump, to check tars against; None takes one that lies beside them.
    selection: which papers are wanted.
    shard_mb: the size of a Parquet file, in MB, beyond which the next one is begun.
    strict: whether a snapshot or manifest with a broken entry is refused; else that is passed over, and told.
    """

    metadata: str | None = None
    manifest: str | None = None
    selection: Selection = Selection()
    shard_mb: int = 256
    strict: bool = False


@dataclass(frozen=True, kw_only=True)
class DatasetConfig:
    """How training pairs are made of papers, annotations and a taxonomy.

    leaderboard_threshold: labels with a smaller count in the taxonomy are not known. num_negative_instances:
    wrong labels a paper, as false rows. negatives: `hard` (the head of the shortlist: siblings of the gold,
    and what neighbours report), `random`, or `first` (the first of the taxonomy for every paper, as the
    original of the field did; to reproduce its figures). context: `evidence` (title and the passages that
    name the label) or `doctaet` (one digest for a paper's rows). allowed_unknown: how many papers without a
    known label give a row `unknown`; as many others give a false one. folds: how many disjoint hold-outs.
    held_out_papers: the share of papers in each (None: 0.3 of two, 1/k of k folds, 0.2 of one).
    held_out_labels: the share of labels that no row is made of, for zero-shot figures. tsv: the original's
    TSV instead of Parquet."""

    leaderboard_threshold: int = 5
    num_negative_instances: int = 10
    negatives: str = "hard"
    context: str = "evidence"
    allowed_unknown: int = 600
    folds: int = 2
    held_out_papers: float | None = None
    held_out_labels: float = 0.0
    seed: int = 0
    tsv: bool = False

    def __post_init__(self) -> None:
        for name, choices in (
            ("negatives", ("hard", "random", "first")),
            ("context", ("evidence", "doctaet")),
        ):
            if getattr(self, name) not in choices:
                raise InputError(f"--{name} {getattr(self, name)}: choose one of {', '.join(choices)}")
        if not 0 < self.test_share * self.folds <= 1:
            raise InputError(
                f"{self.folds} hold-outs of {self.test_share:g} each are more than there is; lower one"
            )

    @property
    def test_share(self) -> float:
        """The share of papers held out of each fold."""
        by_folds = {1: 0.2, 2: 0.3}.get(self.folds, 1 / self.folds)
        return by_folds if self.held_out_papers is None else self.held_out_papers


@dataclass(frozen=True, kw_only=True)
class TrainConfig:
    """The settings of fine-tuning.

    epochs: passes over the training pairs. pairs_a_step: over all workers together. accumulate: batches a
    step is split into on each worker, for encoders that do not fit otherwise. warmup: the share of steps over
    which the learning rate rises to `learning_rate`, before it falls to nothing, linearly. checkpoint_steps:
    how often the state is kept, besides after each epoch: what a killed run loses at most. workers: None
    takes one a GPU, or one on all cores. max_failures: how often killed workers are started again."""

    epochs: int = 1
    learning_rate: float = 1e-4
    warmup: float = 0.06
    weight_decay: float = 0.01
    pairs_a_step: int = 32
    accumulate: int = 1
    checkpoint_steps: int = 500
    workers: int | None = None
    max_failures: int = 3
    seed: int = 0


@dataclass(frozen=True, kw_only=True)
class RayConfig:
    """How the work is laid out on a cluster; every `None` is chosen from what the cluster has.

    actors: actors that hold the model; None: one a GPU, or one for every four CPUs (at least one). gpus:
    GPUs an actor; None: 1 where the cluster has any, else 0. A fraction packs actors on one GPU. threads:
    papers that an actor without a GPU decides at a time; None: the cores shared out among them, or one
    where papers are scored for added labels only. preparers: actors that prepare papers for the model, a
    CPU each; None: as many as keep the model busy. papers_a_block: the unit of work and retry; None: 64
    (10 s of work on 2 CPU cores), fewer where the corpus is too small to keep all actors busy with that."""

    actors: int | None = None
    gpus: float | None = None
    threads: int | None = None
    preparers: int | None = None
    papers_a_block: int | None = None
