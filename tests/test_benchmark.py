"""The benchmark's parts and the planner, small: every part is real, the figures are not worth anything."""

import json
import math
import os
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
import torch
from rich.console import Console

from benchmarks.speed import contest as contest_module
from benchmarks.speed.contest import Contest
from benchmarks.speed.corpus import evenly, labelled, read_material, taxonomy_of, write_corpus
from benchmarks.speed.growth import by_labels
from benchmarks.speed.machine import describe, matmul_peak
from benchmarks.speed.report import RATIOS, as_tables, save_plot
from benchmarks.speed.run import KEYS
from tdm_ray.classify.entailment import EntailmentModel
from tdm_ray.config import ScoreConfig
from tdm_ray.demo import demo_gold, demo_papers
from tdm_ray.errors import InputError
from tdm_ray.papers.splits import find_splits
from tdm_ray.run.estimate import GPU_TFLOPS, Pace, _sample, _shares, estimate, measure_pace


@pytest.fixture(scope="module")
def material():
    return read_material([demo_papers()], [demo_gold()], "default", 0)


def test_material_knows_papers_and_gold(material, tmp_path):
    assert len(material.papers) == 36
    drawn = labelled(material, 5)
    assert len(drawn) == 5
    assert all(gold for _, gold in drawn)
    (tmp_path / "gold.tsv").write_text("elsewhere.pdf\tA#B#C#1\n")
    with pytest.raises(InputError, match="no paper is annotated"):
        read_material([demo_papers()], [str(tmp_path / "gold.tsv")], "default", 0)


def test_copies_have_ids_of_their_own(material):
    many = evenly(material.papers, 100)
    assert len({paper.paper_id for paper in many}) == 100
    assert many[0].content_hash == many[36].content_hash == many[72].content_hash
    assert len({paper.paper_id for paper in evenly(material.papers, 7)}) == 7


def test_taxonomies_of_any_size(material):
    """The most reported labels first; beyond all, new ones of known names."""
    small = taxonomy_of(material, 50)
    large = taxonomy_of(material, 20_000)
    least = min(label.papers for label in small.labels)
    assert sum(label.papers > least for label in material.whole.labels) <= 50
    assert (len(small), len(large)) == (50, 20_000)
    assert set(material.whole.index) <= set(large.index)
    tasks = {label.tdm.task for label in material.whole.labels}
    assert {label.tdm.task for label in large.labels} == tasks


@pytest.mark.long  # needs the extra `benchmark`
def test_the_contenders_decide_alike(material, tiny_model, monkeypatch):
    """The library reads the same pairs as our model: the same decisions; exhaustive counts every label."""
    monkeypatch.setattr(
        contest_module, "peak_memory", lambda *given: 200.0
    )  # a process each; see the long test
    contest = Contest(labelled(material, 6), ScoreConfig(model=tiny_model, threshold=0.5, max_labels=6), 2)
    found = contest.run()
    rows = {row["name"].split(" ")[0]: row for row in found["contenders"]}
    assert found["papers"] == 6
    assert found["labels"] == len(material.taxonomy)
    assert len(found["lengths"]) == 6
    assert all(words > 0 and seconds > 0 for words, seconds in found["lengths"])
    assert (contest.decided["library"] != contest.decided["ours"]).nnz <= 1  # the last bits, at the threshold
    assert rows["ours,"]["micro_f1"] == pytest.approx(rows["CrossEncoder.predict"]["micro_f1"], abs=0.05)
    assert found["ours_vs_exhaustive"] > 1
    assert contest.entries["all_pairs"].pairs == 32  # of 36: those whose dataset is named
    assert contest.entries["all_pairs"].tokens == contest.entries["library"].tokens
    sampled = {weight for _, gold, weight in contest.sampled if not gold}
    assert min(sampled) > 100  # two wrong labels of a paper stand for all of its others


def test_growth_by_labels(material, tiny_model, tmp_path):
    found = by_labels(material, ScoreConfig(model=tiny_model, max_labels=4), tmp_path, 2)
    seconds = found["seconds_a_paper"]
    assert list(seconds) == ["300", "1850", "6900"]
    assert all(seconds.values())  # how they compare is the benchmark's to say: two papers are all noise
    assert found["labels_6900_vs_1850"] > 0


def test_machine():
    assert "cores of" in describe()
    assert matmul_peak(torch.float32, torch.device("cpu")) > 1e9


def test_flops_are_those_of_the_layers(tiny_model):
    """Two layers of hidden size 32 and 64 between: 4 x 32^2 + 2 x 32 x 64 weights a layer."""
    model = EntailmentModel(tiny_model)
    assert model.flops(np.array([10])) == 2 * 2 * (4 * 32**2 + 2 * 32 * 64) * 10 + 4 * 10**2 * 32 * 2
    assert model.flops(np.array([10, 10])) == 2 * model.flops(np.array([10]))


PACE = Pace(
    cores=2,
    gpus=0,
    papers=128,
    words=4000,
    start_s=10,
    paper_s=0.2,
    read_core_s=0.0,
    prepare_core_s=0.075,
    host_core_s=0.001,
    model_flops=2e10,
)


def test_estimates():
    here = estimate(PACE, 2000)
    assert (here.seconds, here.measured) == (pytest.approx(410), True)
    spread = estimate(PACE, 2000, cpus=64)
    assert (spread.seconds, spread.measured) == (pytest.approx(10 + 400 * 2 / 64), False)
    gpus = estimate(PACE, 1_000_000, gpus=8, gpu="T4", cpus=10_000)
    assert gpus.bottleneck == "GPUs"
    assert gpus.seconds == pytest.approx(10 + 1e6 * (2e10 / (65e12 * 0.2) + 0.001) / 8)
    starved = estimate(PACE, 1_000_000, gpus=8, gpu="H100")
    assert starved.bottleneck == "cores"
    assert starved.seconds == pytest.approx(10 + 1e6 * 0.1 / 128)  # three quarters of the cores prepare
    measured = replace(PACE, gpus=1, cores=16)
    assert estimate(measured, 2000).gpu_hours == pytest.approx(estimate(measured, 2000).seconds / 3600)
    assert estimate(measured, 1_000_000, gpus=4, cpus=1000).seconds == pytest.approx(10 + 1e6 * 0.2 / 4)
    with pytest.raises(InputError, match=", ".join(GPU_TFLOPS)):
        estimate(PACE, 5, gpus=1, gpu="V100")


def test_too_few_papers_to_plan_with(jsonl):
    with pytest.raises(InputError, match="12 papers are too few to tell a pace; give 16 at least"):
        measure_pace([str(jsonl)], ScoreConfig(), sample=48)


def test_where_more_papers_took_no_longer_the_stages_tell_the_pace(monkeypatch, tiny_model):
    """Ray's part is left out here: its runs take a second each, whatever they hold."""
    for name, value in (("connect", None), ("_run", 1.0), ("cores", 2), ("gpus", 0.0)):
        monkeypatch.setattr(f"tdm_ray.run.estimate.{name}", lambda *given, value=value: value)
    pace = measure_pace([demo_papers()], ScoreConfig(model=tiny_model), sample=16)
    assert pace.papers == 16
    assert pace.paper_s > pace.prepare_core_s / 2 > 0
    assert 0 <= pace.start_s < 1


def test_a_sample_of_many_small_files_is_whole(material, tmp_path):
    """An ingested corpus has a file a month, which may hold a paper or two."""
    for number, paper in enumerate(material.papers):
        write_corpus([paper], str(tmp_path / f"{number:02d}.parquet"))
    found, read_s = _sample(find_splits([str(tmp_path)]), 20)
    assert len(found) == len(set(found["paper_id"].to_pylist())) == 20
    assert read_s > 0


def test_a_small_taxonomy_does_not_grow_for_ever(material):
    few = replace(material, whole=taxonomy_of(material, 10))
    with pytest.raises(InputError, match="larger --taxonomy"):
        taxonomy_of(few, 6900)


TINY = """
import json, sys
from benchmarks.speed.run import benchmark
from benchmarks.speed.config import BenchmarkConfig
from tdm_ray.config import ScoreConfig
from tdm_ray.demo import demo_gold, demo_papers
sizes = BenchmarkConfig(contest_papers=3, wrong_labels=2, label_papers=1, ray_papers=40, actor_papers=24,
                        plan_sample=64, memory_papers=20)
config = ScoreConfig(model=sys.argv[1], max_labels=4)
only = ("contest", "labels", "ray", "plan")  # the others take two minutes more: ten Ray starts
json.dump(benchmark([demo_papers()], [demo_gold()], config, sizes, only=only), open(sys.argv[2], "w"))
"""


@pytest.mark.long  # three minutes; its parts are tested above, and the planner too
def test_the_whole_benchmark(tiny_model, tmp_path):
    """In a process of its own: it starts and ends clusters."""
    out = tmp_path / "figures.json"
    environment = {**os.environ, "RAY_ADDRESS": ""}
    subprocess.run([sys.executable, "-c", TINY, tiny_model, str(out)], check=True, env=environment)
    found = json.loads(out.read_text())
    # The difference of two short runs: on a busy machine the noise of their starts is larger.
    assert math.isfinite(found["papers_2x"])
    assert all(found[key] > 0 for key in KEYS if key not in ("two_actors_vs_one", "papers_2x"))
    assert found["ray"]["startup_s"] > found["ray"]["warm_start_s"] > 0
    assert all(row["memory_mb"] > 100 for row in found["contest"]["contenders"] if row["memory_mb"])
    assert found["ray"]["papers"] == 40
    assert found["plan"]["planned_s"] > 0
    console = Console(record=True, width=200)
    console.print(as_tables(found))
    printed = console.export_text()
    assert all((text in printed) == (part in found) for part, text, _ in RATIOS.values())
    save_plot(found, str(tmp_path / "figures.png"))
    assert (tmp_path / "figures.png").read_bytes().startswith(b"\x89PNG")


def test_a_sample_takes_more_of_large_splits_where_others_are_small():
    assert _shares([11, 2, 1, 12, 10], 16) == [4, 2, 1, 4, 5]
    assert sum(_shares([1, 1, 100], 50)) == 50
    assert _shares([3, 3], 50) == [3, 3]
