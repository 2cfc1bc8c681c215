"""The dials of the speed benchmark: how many papers each part takes, one precision for all."""

from __future__ import annotations

from dataclasses import dataclass, replace

from tdm_ray.classify.precision import fastest_precision
from tdm_ray.config import AUTO, ScoreConfig


@dataclass(frozen=True, kw_only=True)
class BenchmarkConfig:
    """How many papers each part takes; these need about an hour on 2 cores.

    ray_papers: a quarter, half and all of them go through the Ray engine, half through the local one.
    wrong_labels: of each paper, that the exhaustive way is timed on besides its gold.
    """

    contest_papers: int = 60
    wrong_labels: int = 16
    label_papers: int = 100
    ray_papers: int = 2000
    actor_papers: int = 320
    plan_sample: int = 160
    memory_papers: int = 8000

    @classmethod
    def quick(cls) -> BenchmarkConfig:
        """Some minutes on 2 cores; ratios are less sure."""
        return cls(
            contest_papers=8,
            wrong_labels=4,
            label_papers=12,
            ray_papers=96,
            actor_papers=32,
            plan_sample=32,
            memory_papers=96,
        )


def with_precision(config: ScoreConfig) -> ScoreConfig:
    """The configuration with a precision: the faster one here where it leaves that open."""
    return replace(config, precision=fastest_precision()[0]) if config.precision == AUTO else config
