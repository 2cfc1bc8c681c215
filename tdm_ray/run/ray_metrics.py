"""Ray's metrics (Prometheus): `ray_tdm_ray_papers_total` and its like, by stage."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc
from ray.util.metrics import Counter


class Counted:
    """Counts the rows that a stage has made: papers, pairs of paper and label, rejects by reason."""

    def __init__(self, stage: str) -> None:
        self._tags = {"stage": stage}
        self._papers = Counter("tdm_ray_papers", "Papers that went through.", ("stage",))
        self._pairs = Counter(
            "tdm_ray_pairs", "Pairs of paper and label that the model was asked about.", ("stage",)
        )
        self._rejects = Counter("tdm_ray_rejects", "Papers rejected, by reason.", ("stage", "reason"))

    def __call__(self, rows: pa.Table) -> None:
        """Count these rows."""
        if len(rows):
            self._papers.inc(len(rows), self._tags)
        if "decisions" in rows.column_names and (pairs := pc.sum(rows["hypotheses"]).as_py()):
            self._pairs.inc(pairs, self._tags)
        for found in rows["reason"].drop_null().value_counts().to_pylist():
            self._rejects.inc(found["counts"], {**self._tags, "reason": found["values"]})
