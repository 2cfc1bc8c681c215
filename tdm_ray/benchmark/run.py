"""The whole benchmark, part by part; what each part measures stands in its module."""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from tdm_ray.benchmark.contest import Contest
from tdm_ray.benchmark.corpus import read_material
from tdm_ray.benchmark.growth import by_labels
from tdm_ray.benchmark.machine import describe
from tdm_ray.benchmark.overhead import Loop, Rays, actors, driver_memory, ray_against_loop, two_nodes
from tdm_ray.config import BenchmarkConfig, ScoreConfig
from tdm_ray.scoring.estimate import estimate, measure_pace

KEYS = (
    "ours_vs_exhaustive", "ours_vs_crossencoder", "ray_vs_loop", "two_actors_vs_one", "labels_6900_vs_1850",
    "papers_2x", "peak_share",
)  # fmt: skip


def benchmark(
    papers: Sequence[str], annotations: Sequence[str], config: ScoreConfig, sizes: BenchmarkConfig | None = None
) -> dict[str, Any]:
    """Measure everything on `papers`; returns the ratios of `KEYS`, and what they come from.

    Raises `InputError` where no paper is annotated, `TaxonomyError`, `CheckpointError` as scoring does.
    """
    sizes, started = sizes or BenchmarkConfig(), time.perf_counter()
    material = read_material(papers, annotations, config.taxonomy, config.min_count)
    found: dict[str, Any] = {"machine": describe(), "sizes": asdict(sizes)}
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        say("contest: exhaustive, CrossEncoder.predict, ours")
        found["contest"] = Contest(material, config, sizes.contest_papers, sizes.wrong_labels).run()
        say("growth by labels")
        found["labels"] = by_labels(material, config, folder, sizes.label_papers)
        say("the pipeline against a bare loop")
        rays, loop = Rays(config, folder, material.papers), Loop(config)
        found["ray"] = ray_against_loop(rays, loop, material.papers, sizes.ray_papers)
        say("two actors against one")
        found["actors"] = actors(config, loop, material.papers, sizes.actor_papers)
        say("the planner against a real run")
        found["plan"] = plan_against_run(rays, found["ray"], sizes.plan_sample)
        say("two simulated nodes")
        found["nodes"] = two_nodes(config, folder, material.papers, sizes.actor_papers)
        say("memory of the driver")  # one label asked a paper: what the model reads does not pass through the driver
        found["memory"] = driver_memory(
            replace(config, asked=1), folder, material.papers, sizes.memory_papers // 10, sizes.memory_papers
        )
    found["seconds"] = time.perf_counter() - started
    parts = [found[part] for part in ("contest", "ray", "actors", "labels")]
    return {**{key: value for part in parts for key, value in part.items() if key in KEYS}, **found}


def plan_against_run(rays: Rays, ran: dict[str, Any], sample: int) -> dict[str, Any]:
    """What the planner says, from a sample, of the run against the loop, and what that took, its start included."""
    count, took = ran["papers"], ran["ray_s"] + ran["warm_start_s"]
    pace = measure_pace([str(rays.folder / f"{count}.parquet")], rays.config, sample=sample)
    said = estimate(pace, count).seconds
    return {"papers": count, "sample": sample, "planned_s": said, "took_s": took, "error": said / took - 1,
            "pace": asdict(pace)}  # fmt: skip


def say(text: str) -> None:
    """A line for the person who waits."""
    print(f"benchmark: {time.strftime('%H:%M:%S')} {text}", file=sys.stderr, flush=True)
