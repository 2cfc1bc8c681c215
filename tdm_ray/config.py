"""The dials of a run, keyword-only and frozen; what they mean stands here once."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from tdm_ray.errors import InputError

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
                raise InputError(f"--{name} {getattr(self, name)}: not a day; write it as 2024-01-31") from None

    def __str__(self) -> str:
        said = (" or ".join(self.categories), f"since {self.since}" if self.since else "", f"until {self.until}" if self.until else "")  # fmt: skip  # noqa: E501
        return f"not {', '.join(filter(None, said))}" if any(said) else "all"


@dataclass(frozen=True, kw_only=True)
class IngestConfig:
    """What goes into a papers table.

    metadata: arXiv's metadata snapshot, for dates, categories, titles and abstracts.
    manifest: arXiv's manifest of its dump, to check tars against; None takes one that lies beside them.
    selection: which papers are wanted.
    shard_mb: the size of a Parquet file, in MB, beyond which the next one is begun.
    """

    metadata: str | None = None
    manifest: str | None = None
    selection: Selection = Selection()
    shard_mb: int = 256


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
