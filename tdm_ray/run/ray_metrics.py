"""Counters for Prometheus, through Ray: papers, pairs and rejects by stage."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc
from ray.util.metrics import Counter


class Counted:
    """Counts a stage's rows: papers, pairs of paper and hypothesis, rejects by reason."""

    def __init__(self, stage: str) -> None:
        self._tags = {"stage": stage}
        self._papers = Counter("tdm_ray_papers", "Papers that went through.", ("stage",))
        self._pairs = Counter(
            "tdm_ray_pairs", "Pairs of paper and label that the model was asked about.", ("stage",)
        )
        self._rejects = Counter("tdm_ray_rejects", "Papers rejected, by reason.", ("stage", "reason"))

    def __call__(self, rows: pa.Table) -> None:
        """Add these rows to the counters."""
        if len(rows):
            self._papers.inc(len(rows), self._tags)
        if "decisions" in rows.column_names and (pairs := pc.sum(rows["hypotheses"]).as_py()):
            self._pairs.inc(pairs, self._tags)
        for reason in rows["reason"].drop_null().value_counts().to_pylist():
            self._rejects.inc(reason["counts"], {**self._tags, "reason": reason["values"]})
