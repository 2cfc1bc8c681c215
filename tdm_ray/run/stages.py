"""The two stages of scoring, Prepare and Decide: an Arrow table in, an Arrow table out, no Ray.

    Prepare: READINGS -> PREPARED     shortlist, and the scores of the likely labels (CPU)
    Decide:  PREPARED -> OUTCOMES     the model scores each hypothesis, the cell model the candidates of those
                                      that hold; each takes one, settled among each other (GPU or CPU)

A row is one paper all the way, also one without predictions and one that is rejected: nothing is lost.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeVar

import pyarrow as pa

from tdm_ray.arrays import Floats
from tdm_ray.classify.cell_model import CellModel
from tdm_ray.classify.resources import Fingerprints, Resources, cells_folder
from tdm_ray.classify.scorer import Decider, Prepared, Preparer
from tdm_ray.config import ScoreConfig
from tdm_ray.errors import PaperError
from tdm_ray.extract.choose import choose
from tdm_ray.extract.confidence import confidence_of
from tdm_ray.extract.extractor import Extractor
from tdm_ray.extract.settle import Decision, settled
from tdm_ray.papers.limits import paper_limits
from tdm_ray.records import DECISION, OUTCOMES, TDM, Paper

Item = TypeVar("Item")
Result = TypeVar("Result")
_IN_FLIGHT = ["location", "paper_id", "title", "published", "source", "content_hash", "reason", "detail"]
_HYPOTHESES = pa.struct(
    [
        ("labels", pa.list_(pa.int32())),
        ("prior", pa.list_(pa.float32())),
        ("parts", pa.list_(pa.list_(pa.int32()))),
        ("windows", pa.list_(pa.list_(pa.int32()))),
    ]
)
_EXTRACTED = [
    *(DECISION.field(n) for n in ("score", "score_text", "score_confidence", "method", "evidence")),
    ("premise", pa.string()),  # the evidence as the cell model reads it
    ("rank", pa.float32()),
]
_EXTRACTION = pa.struct([*_EXTRACTED, ("others", pa.list_(pa.struct(_EXTRACTED)))])
PREPARED = pa.schema(
    [
        *(OUTCOMES.field(name) for name in _IN_FLIGHT),
        ("hypotheses", _HYPOTHESES),
        ("extractions", pa.list_(_EXTRACTION)),
        OUTCOMES.field("results"),
    ]
)


class Prepare:
    """Makes a paper's shortlist, its hypotheses with their premises, and their scores, on the CPU.

    only: keep only the hypotheses of these labels; None: of all labels.
    """

    def __init__(
        self, config: ScoreConfig, fingerprints: Fingerprints, only: frozenset[TDM] | None = None
    ) -> None:
        resources = Resources(config, fingerprints)
        self.preparer = Preparer(resources, only)
        self.extractor = Extractor(resources)
        self.asks_all = only is None

    def __call__(self, readings: pa.Table) -> pa.Table:
        """READINGS -> PREPARED, row by row."""
        return pa.Table.from_pylist([self._row(row) for row in readings.to_pylist()], schema=PREPARED)

    def _row(self, row: dict[str, Any]) -> dict[str, Any]:
        kept = {name: row[name] for name in _IN_FLIGHT}
        if row["reason"]:
            return kept
        try:
            with paper_limits():
                return {**kept, **self._prepared(Paper.from_row(row))}
        except Exception as error:  # noqa: BLE001 - a paper that breaks a stage is a reject, with its cause
            return {**kept, **_failure(error)}

    def _prepared(self, paper: Paper) -> dict[str, Any]:
        prepared = self.preparer(paper)
        chosen = len(prepared.windows)
        context = self.extractor.context_of(paper) if chosen else None
        extractions = self.extractor(paper, prepared, context)[:chosen] if chosen else []
        hypotheses = {
            "labels": prepared.labels[:chosen],
            "prior": prepared.prior[:chosen],
            "parts": prepared.parts,
            "windows": prepared.windows,
        }
        columns = {"hypotheses": hypotheses, "extractions": extractions}
        if not self.asks_all:
            return columns
        results = [vars(result) for result in self.extractor.results(paper, context)]
        # The hash that a table gives may be that of another text; making it takes 2 ms.
        return {**columns, "results": results, "content_hash": paper.content_hash}


class Decide:
    """Decides which hypotheses of a paper hold; keeps the model and the taxonomy's tokens in memory."""

    def __init__(self, config: ScoreConfig, fingerprints: Fingerprints, threads: int | None = None) -> None:
        resources = Resources(config, fingerprints)
        self.decider = Decider(resources, threads=threads)
        cells = cells_folder(config.matcher_folder)
        self.cells = CellModel(cells, precision=fingerprints.precision, threads=self.decider.threads)
        self.confidence = confidence_of(resources)

    def __call__(self, prepared: pa.Table) -> pa.Table:
        """PREPARED -> OUTCOMES, row by row."""
        rows = prepared.to_pylist()
        prepared = [None if row["reason"] else Prepared(**row["hypotheses"]) for row in rows]
        answers = _each(self.decider.log_odds, [paper for paper in prepared if paper])
        waiting = iter(answers)
        asked = [
            Asked(row, paper, next(waiting)) if paper else None
            for row, paper in zip(rows, prepared, strict=True)
        ]
        decided = iter(_each(self._decisions, [paper for paper in asked if paper]))
        outcomes = [
            _outcome(row, paper, next(decided) if paper else None)
            for row, paper in zip(rows, asked, strict=True)
        ]
        return pa.Table.from_pylist(outcomes, schema=OUTCOMES)

    def _decisions(self, papers: list[Asked]) -> list[list[Decision]]:
        """The settled decisions of each paper."""
        decided = [self.decider(paper.prepared, paper.answer(), paper.row["extractions"]) for paper in papers]
        return [settled(decisions, self.confidence) for decisions in choose(decided, self.cells)]


@dataclass(frozen=True)
class Asked:
    """A paper that the model has read: its row, its hypotheses, and the model's log-odds or its failure."""

    row: Mapping[str, Any]
    prepared: Prepared
    log_odds: Floats | Exception

    def answer(self) -> Floats:
        """The log-odds; raises the failure where there are none."""
        if isinstance(self.log_odds, Exception):
            raise self.log_odds
        return self.log_odds


def _each(work: Callable[[list[Item]], Sequence[Result]], items: list[Item]) -> list[Result | Exception]:
    """The results of `work` for all items at once. Where that fails, for each item alone, so that only the
    one that causes it fails."""
    try:
        return list(work(items))
    except Exception as error:  # noqa: BLE001 - a paper that breaks a stage is a reject, with its cause
        if len(items) == 1:
            return [error]
    return [result for item in items for result in _each(work, [item])]


def _outcome(
    row: Mapping[str, Any], asked: Asked | None, decisions: list[Decision] | Exception | None
) -> dict[str, Any]:
    outcome = {**{name: row[name] for name in _IN_FLIGHT}, "seen_at": datetime.now(UTC)}
    if asked is None or decisions is None:
        return outcome
    if isinstance(decisions, Exception):
        return {**outcome, **_failure(decisions)}
    return {
        **outcome,
        "hypotheses": len(asked.answer()),
        "decisions": decisions,
        "results": row["results"] or [],
    }


def _failure(error: Exception) -> dict[str, str]:
    reason = error.reason if isinstance(error, PaperError) else "failed"
    return {"reason": reason, "detail": f"{type(error).__name__}: {error}"}
