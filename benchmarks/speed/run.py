"""The whole benchmark, part by part; what each part measures stands in its module."""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from benchmarks.speed.config import BenchmarkConfig, with_precision
from benchmarks.speed.contest import Contest
from benchmarks.speed.corpus import Material, labelled, read_material
from benchmarks.speed.growth import by_labels
from benchmarks.speed.machine import describe
from benchmarks.speed.overhead import Runs, actors, driver_memory, ray_against_loop, two_nodes
from tdm_ray.config import ScoreConfig
from tdm_ray.run.estimate import estimate, measure_pace

KEYS = (
    "ours_vs_exhaustive",
    "ours_vs_crossencoder",
    "ours_vs_crossencoder_pair_for_pair",
    "ray_vs_loop",
    "two_actors_vs_one",
    "labels_6900_vs_1850",
    "papers_2x",
    "peak_share",
)
PARTS = ("contest", "labels", "ray", "actors", "plan", "nodes", "memory")


def benchmark(
    papers: Sequence[str],
    annotations: Sequence[str],
    config: ScoreConfig,
    sizes: BenchmarkConfig | None = None,
    *,
    only: Sequence[str] = (),
    keep: Callable[[dict[str, Any]], object] = lambda found: None,
) -> dict[str, Any]:
    """Measure all `PARTS` on `papers`, or `only` some; returns the ratios of `KEYS` and what is behind them.

    `keep` is called with what is there after each part: a run of an hour should not end with nothing.
    Raises `InputError` where no paper is annotated, `TaxonomyError`, `CheckpointError` as scoring does.
    """
    sizes = sizes or BenchmarkConfig()
    started = time.perf_counter()
    config = with_precision(config)  # once, so that all parts have the same
    material = read_material(papers, annotations, config.taxonomy, config.min_count)
    found: dict[str, Any] = {"machine": describe(), "precision": config.precision, "sizes": asdict(sizes)}
    with tempfile.TemporaryDirectory() as place:
        for name, text, measure in _parts(material, config, sizes, Path(place), found):
            if only and name not in only:
                continue
            print(f"benchmark: {time.strftime('%H:%M:%S')} {text}", file=sys.stderr, flush=True)
            found[name] = measure()
            found.update({key: value for key, value in found[name].items() if key in KEYS})
            found["seconds"] = time.perf_counter() - started
            keep(found)
    return found


def _parts(
    material: Material, config: ScoreConfig, sizes: BenchmarkConfig, folder: Path, found: dict[str, Any]
) -> Iterator[tuple[str, str, Callable[[], dict[str, Any]]]]:
    """Name, what it is, and what measures it; `found` holds the parts before."""
    papers = material.papers
    items = labelled(material, sizes.contest_papers)
    rays = Runs("ray", config, folder, papers)
    loop = Runs("local", config, folder, papers)
    count = sizes.ray_papers
    few = sizes.actor_papers
    many = sizes.memory_papers
    yield "contest", "every label, CrossEncoder.predict, ours", Contest(items, config, sizes.wrong_labels).run
    yield "labels", "growth by labels", lambda: by_labels(material, config, folder, sizes.label_papers)
    yield "ray", "the Ray engine beside the local one", lambda: ray_against_loop(rays, loop, papers, count)
    yield "actors", "two actors beside one", lambda: actors(config, papers, few)
    yield (
        "plan",
        "the planner beside a real run",
        lambda: plan_against_run(rays, found["ray"], sizes.plan_sample),
    )
    yield "nodes", "two simulated nodes", lambda: two_nodes(config, folder, papers, few)
    yield "memory", "memory of the driver", lambda: driver_memory(config, folder, papers, many // 10, many)


def plan_against_run(rays: Runs, ran: dict[str, Any], sample: int) -> dict[str, Any]:
    """What the planner says, from a sample, of the run beside the loop, and what that took with its start."""
    count = ran["papers"]
    took_s = ran["ray_s"] + ran["warm_start_s"]
    pace = measure_pace([str(rays.folder / f"{count}.parquet")], rays.config, sample=sample)
    planned_s = estimate(pace, count).seconds
    return {
        "papers": count,
        "sample": sample,
        "planned_s": planned_s,
        "took_s": took_s,
        "error": planned_s / took_s - 1,
        "pace": asdict(pace),
    }
