"""What an engine is given to do: frozen descriptions that can travel to other machines."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import pyarrow as pa

from tdm_ray.classify.resources import Fingerprints
from tdm_ray.config import ScoreConfig
from tdm_ray.papers.splits import InputSplit
from tdm_ray.records import TDM
from tdm_ray.store.staging import Staging

Tell = Callable[[str], None]


@dataclass(frozen=True)
class ReadWork:
    """Read and convert the papers of some input splits into blocks of `READINGS` below `staging`.

    select: joins metadata and filters (`papers.metadata.Select`), or None.
    done: locations that are staged already; they are not converted again.
    """

    splits: Sequence[InputSplit]
    staging: Staging
    select: Callable[[pa.Table], pa.Table] | None
    done: pa.Array


@dataclass(frozen=True)
class ScoreWork:
    """Classify papers and extract their scores, into blocks of `OUTCOMES` below `staging`.

    kind: the folder of the staging. only: the labels to ask about; None: all.
    """

    splits: Sequence[InputSplit]
    staging: Staging
    kind: str
    config: ScoreConfig
    fingerprints: Fingerprints
    only: frozenset[TDM] | None = None


class Engine(Protocol):
    """Runs the stages over many papers: in this process, or on a Ray cluster."""

    name: str

    def read(self, work: ReadWork, tell: Tell) -> None:
        """Do the work; what is staged when this returns is whole."""

    def score(self, work: ScoreWork, tell: Tell) -> None:
        """Do the work; what is staged when this returns is whole."""
