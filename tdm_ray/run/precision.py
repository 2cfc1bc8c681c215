"""Choose the precision of a run: as asked for, else that of the store's last run, else the faster."""

from __future__ import annotations

import os

from tdm_ray.classify.precision import fastest_precision
from tdm_ray.classify.resources import Resources
from tdm_ray.config import AUTO


def choose_precision(resources: Resources, last_model_id: str | None) -> tuple[str, str]:
    """The precision, and why it was chosen; no reason where there was nothing to choose.

    A store keeps the precision of its last run: otherwise a night on another machine would score all papers
    anew."""
    wanted = resources.config.precision
    if wanted != AUTO:
        return wanted, ""
    if last_model_id and (same := resources.precision_of(last_model_id)):
        return same, ""
    if not os.environ.get("RAY_ADDRESS"):
        return fastest_precision()
    from tdm_ray.run.cluster import connect, gpus, on_a_worker

    connect()
    chosen, reason = on_a_worker(fastest_precision, gpu=gpus() > 0)
    return chosen, f"on the cluster: {reason}"
