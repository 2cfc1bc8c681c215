"""How cost grows with the labels of the taxonomy."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path
from typing import Any

from benchmarks.speed.config import with_precision
from benchmarks.speed.corpus import Material, evenly, taxonomy_of
from tdm_ray.classify.resources import Fingerprints
from tdm_ray.config import ScoreConfig
from tdm_ray.papers.table import readings_table
from tdm_ray.parallel import cores
from tdm_ray.records import Reading
from tdm_ray.run.local_engine import LocalStages
from tdm_ray.run.work import ScoreWork
from tdm_ray.storage import write_table
from tdm_ray.store.staging import Staging

LABELS = (300, 1850, 6900)


def by_labels(material: Material, config: ScoreConfig, folder: Path, count: int) -> dict[str, Any]:
    """Seconds a paper through both stages for taxonomies of so many `LABELS`, paper by paper in turn."""
    config = with_precision(config)
    fingerprints = Fingerprints.of(config, config.precision)
    stages = {}
    for size in LABELS:
        path = str(folder / f"taxonomy{size}.parquet")
        write_table(taxonomy_of(material, size).table(), path)
        sized = replace(config, taxonomy=path, min_count=0)
        work = ScoreWork((), Staging(str(folder / "labels"), str(size)), "whole", sized, fingerprints)
        stages[size] = LocalStages(work, threads=cores())
    took = dict.fromkeys(LABELS, 0.0)
    for number, paper in enumerate([material.papers[0], *evenly(material.papers, count)]):
        reading = readings_table([Reading("1", paper)])
        for size, score in stages.items():
            started = time.perf_counter()
            score(reading)
            took[size] += (time.perf_counter() - started) if number else 0.0  # the first one warms up
    return {
        "papers": count,
        "seconds_a_paper": {str(size): took[size] / count for size in LABELS},
        "labels_6900_vs_1850": took[6900] / took[1850],
    }
