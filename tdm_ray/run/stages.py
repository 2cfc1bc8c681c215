"""The two stages of scoring as Arrow in, Arrow out. They do not know Ray: call them on a table and look.

    Prepare: READINGS -> PREPARED     Decide: PREPARED -> OUTCOMES

A row is one paper all the way, also one without predictions and one that is rejected: nothing is lost, and a
checkpoint of rows is a checkpoint of papers.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pyarrow as pa

from tdm_ray.config import ScoreConfig
from tdm_ray.errors import PaperError
from tdm_ray.classify.calibration import Floats
from tdm_ray.classify.scorer import Decider, Knowledge, Prepared, Preparer
from tdm_ray.records import DECISION, OUTCOMES, TDM, Paper
from tdm_ray.extract.extractor import Prover

_IN_FLIGHT = ["location", "paper_id", "title", "published", "source", "content_hash", "reason", "detail"]
_ASK = pa.struct(
    [
        ("labels", pa.list_(pa.int32())),
        ("prior", pa.list_(pa.float32())),
        ("parts", pa.list_(pa.list_(pa.int32()))),
        ("windows", pa.list_(pa.list_(pa.int32()))),
    ]
)
_PROOF = pa.struct([DECISION.field(name) for name in ("score", "score_text", "score_confidence", "evidence")])
PREPARED = pa.schema([*(OUTCOMES.field(name) for name in _IN_FLIGHT), ("ask", _ASK), ("proofs", pa.list_(_PROOF))])


class Prepare:
    """Premise, shortlist, and the scores of the labels asked, on the CPU.

    only: the labels that are asked about, where they would be without it; None: all.
    """

    def __init__(self, config: ScoreConfig, only: frozenset[TDM] | None = None) -> None:
        knowledge = Knowledge.of(config)
        self.preparer, self.prover, self.whole = Preparer(knowledge, only), Prover(knowledge), only is None

    def __call__(self, readings: pa.Table) -> pa.Table:
        """READINGS -> PREPARED, row by row."""
        return pa.Table.from_pylist([self._row(row) for row in readings.to_pylist()], schema=PREPARED)

    def _row(self, row: dict[str, Any]) -> dict[str, Any]:
        kept = {name: row[name] for name in _IN_FLIGHT}
        if row["reason"]:
            return kept
        try:
            paper = Paper.from_row(row)
            prepared = self.preparer(paper)
            if self.whole:
                kept["content_hash"] = paper.content_hash  # the table's may be another text's; 2 ms
            asked = len(prepared.windows)
            ask = {
                "labels": prepared.labels[:asked], "prior": prepared.prior[:asked],
                "parts": prepared.parts, "windows": prepared.windows,
            }  # fmt: skip
            return {**kept, "ask": ask, "proofs": self.prover(paper, prepared)[:asked] if asked else []}
        except Exception as error:  # noqa: BLE001 - a paper that breaks a stage is a reject, with its cause
            return {**kept, **_failure(error)}


class Decide:
    """The model's word on each paper; holds the model and the taxonomy's tokens."""

    def __init__(self, config: ScoreConfig, threads: int | None = None) -> None:
        self.decider = Decider(Knowledge.of(config), threads=threads)

    def __call__(self, prepared: pa.Table) -> pa.Table:
        """PREPARED -> OUTCOMES, row by row."""
        rows = prepared.to_pylist()
        asked = [None if row["reason"] else Prepared(**row["ask"]) for row in rows]
        told = iter(self._log_odds([ask for ask in asked if ask]))
        outcomes = [self._row(row, ask, next(told) if ask else None) for row, ask in zip(rows, asked, strict=True)]
        return pa.Table.from_pylist(outcomes, schema=OUTCOMES)

    def _log_odds(self, papers: list[Prepared]) -> list[Floats | Exception]:
        """Of all papers at once; where that fails, one by one, so that only the paper that breaks it is lost."""
        try:
            return list(self.decider.log_odds(papers))
        except Exception as error:  # noqa: BLE001 - as above
            failure = error
        return [failure] if len(papers) == 1 else [told for paper in papers for told in self._log_odds([paper])]

    def _row(self, row: dict[str, Any], asked: Prepared | None, told: Floats | Exception | None) -> dict[str, Any]:
        outcome = {**{name: row[name] for name in _IN_FLIGHT}, "seen_at": datetime.now(UTC)}
        if asked is None or told is None:
            return outcome
        try:
            if isinstance(told, Exception):
                raise told
            decisions = self.decider(asked, told, row["proofs"])
            return {**outcome, "hypotheses": len(told), "decisions": decisions}
        except Exception as error:  # noqa: BLE001 - as above
            return {**outcome, **_failure(error)}


def _failure(error: Exception) -> dict[str, str]:
    reason = error.reason if isinstance(error, PaperError) else "failed"
    return {"reason": reason, "detail": f"{type(error).__name__}: {error}"}
