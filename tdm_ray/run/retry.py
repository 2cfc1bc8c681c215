"""Retry what fails for a passing reason (storage away, a node lost): how often, and after how long."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import pyarrow as pa
import pyarrow.compute as pc
from deltalake.exceptions import DeltaError

from tdm_ray.classify.resources import Resources
from tdm_ray.config import RayConfig
from tdm_ray.errors import TdmRayError, UnreachableError
from tdm_ray.run.engine import choose_engine
from tdm_ray.run.log import Log
from tdm_ray.run.todo import Todo, without
from tdm_ray.run.work import ScoreWork
from tdm_ray.store.staging import Staging

ATTEMPTS = 4
WAIT_S = 15.0
T = TypeVar("T")


def with_retries(step: Callable[[], T], log: Log) -> T:
    """What `step` returns, retried where it fails for a passing reason; it must be safe to do twice."""
    for attempt in range(1, ATTEMPTS + 1):
        try:
            return step()
        except (DeltaError, OSError, UnreachableError) as error:
            if attempt == ATTEMPTS or is_full(error):
                raise
            _wait(log, error)
    raise AssertionError


def is_full(error: Exception) -> bool:
    """Whether the error means a full disk; Ray and delta-rs pass the system's error on as text."""
    return "No space left" in str(error) or "os error 28" in str(error)


@dataclass(frozen=True)
class Stager:
    """Scores the papers that have no staged outcome yet; engine: see `engine.choose_engine`."""

    todo: Todo
    staging: Staging
    resources: Resources
    engine: str
    ray_config: RayConfig
    log: Log

    def stage(self, kind: str) -> pa.ChunkedArray:
        """Score until every paper was tried; returns a mask of the papers that still have no outcome.

        It is tried again as long as each attempt stages more papers. Raises `TdmRayError` where no paper has
        an outcome."""
        attempts = 0
        left = -1
        while True:
            try:
                missing = self._missing(kind)
                count = pc.sum(missing).as_py() or 0
                if not count:
                    return missing
                attempts = attempts + 1 if count == left else 1
                left = count
                self._score(kind, missing, attempts)
                without_outcome = self._missing(kind)
            except Exception as error:
                if attempts >= ATTEMPTS or not _may_pass(error):
                    raise
                _wait(self.log, error)
                continue
            if pc.sum(without_outcome).as_py() == len(without_outcome) and kind == "whole":
                raise TdmRayError(f"of {count:,} papers none came out; see the workers' logs")
            return without_outcome

    def _missing(self, kind: str) -> pa.ChunkedArray:
        return without(self.todo.kinds[kind][0], self.todo.corpus, self.staging.paper_keys(kind))

    def _score(self, kind: str, missing: pa.ChunkedArray, attempt: int) -> None:
        splits = self.todo.corpus.of_rows(missing)
        engine, reason = choose_engine(self.engine, splits, self.ray_config)
        self.log(
            "scoring",
            papers=pc.sum(missing).as_py(),
            kind=kind.partition("-")[0],
            attempt=attempt,
            engine=engine.name,
            reason=reason,
        )
        only = self.todo.kinds[kind][1]
        work = ScoreWork(splits, self.staging, kind, self.resources.config, self.resources.fingerprints, only)
        engine.score(work, self.log.line)


def _may_pass(error: Exception) -> bool:
    meant = isinstance(error, TdmRayError) and not isinstance(error, UnreachableError)
    return not meant and not is_full(error)


def _wait(log: Log, error: Exception) -> None:
    log("to be tried again", error=f"{type(error).__name__}: {str(error)[-500:]}", after_s=WAIT_S)
    time.sleep(WAIT_S)
