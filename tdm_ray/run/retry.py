"""What fails for a reason that may pass (a store that is away, a lost node) is tried again."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import pyarrow as pa
import pyarrow.compute as pc
from deltalake.exceptions import DeltaError

from tdm_ray.config import RayConfig, ScoreConfig
from tdm_ray.errors import TdmRayError, UnreachableError
from tdm_ray.run.log import Log
from tdm_ray.store.staging import Staging
from tdm_ray.run.todo import Todo, without

ATTEMPTS, WAIT_S = 4, 15.0
T = TypeVar("T")


def patiently(step: Callable[[], T], log: Log) -> T:
    """What `step` returns; it must be one that may be done twice."""
    for attempt in range(1, ATTEMPTS + 1):
        try:
            return step()
        except (DeltaError, OSError, UnreachableError) as error:
            if attempt == ATTEMPTS or is_full(error):
                raise
            _wait(log, error)
    raise AssertionError


def is_full(error: Exception) -> bool:
    """Whether a disk is: Ray and delta-rs hand the system's error on as text."""
    return "No space left" in str(error) or "os error 28" in str(error)


@dataclass(frozen=True)
class Stager:
    """Makes the outcomes of a night that are not staged yet."""

    todo: Todo
    staging: Staging
    config: ScoreConfig
    ray_config: RayConfig
    log: Log

    def stage(self, kind: str) -> pa.ChunkedArray:
        """Returns which papers of the corpus no outcome came of, though all was gone through.

        In as many attempts as it takes while each gets further. Raises `TdmRayError` where nothing came at all.
        """
        attempts, left = 0, -1
        while True:
            try:
                count = pc.sum(missing := self._missing(kind)).as_py() or 0
                if not count:
                    return missing
                attempts, left = (attempts + 1 if count == left else 1), count
                self._score(kind, missing, attempts)
                lost = self._missing(kind)
            except Exception as error:
                if (isinstance(error, TdmRayError) and not isinstance(error, UnreachableError)) or is_full(error):
                    raise
                if attempts >= ATTEMPTS:
                    raise
                _wait(self.log, error)
                continue
            if pc.sum(lost).as_py() == len(lost) and kind == "whole":
                raise TdmRayError(f"of {count:,} papers none came out; see the workers' logs")
            return lost

    def _missing(self, kind: str) -> pa.ChunkedArray:
        return without(self.todo.kinds[kind][0], self.todo.corpus, self.staging.keys(kind))

    def _score(self, kind: str, missing: pa.ChunkedArray, attempt: int) -> None:
        from tdm_ray.run.ray_engine import stage_outcomes

        self.log("scoring", papers=pc.sum(missing).as_py(), kind=kind.partition("-")[0], attempt=attempt)
        stage_outcomes(
            self.todo.corpus.of_rows(missing), self.staging.attempt(kind), self.config, self.ray_config,
            tries=self.staging.tries, only=self.todo.kinds[kind][1], tell=self.log.line,
        )  # fmt: skip


def _wait(log: Log, error: Exception) -> None:
    log("to be tried again", error=f"{type(error).__name__}: {str(error)[-500:]}", after_s=WAIT_S)
    time.sleep(WAIT_S)
