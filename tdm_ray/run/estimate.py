"""Estimate how long a corpus will take, from a short run of the pipeline on this machine (`plan`).

A run of a few papers and a run of many tell what a start costs and what a paper costs. Timing each stage
alone tells what GPUs would need: core seconds to prepare a paper, FLOPs in the model."""

from __future__ import annotations

import io
import os
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from tdm_ray.classify.precision import fastest_precision
from tdm_ray.classify.resources import Resources
from tdm_ray.classify.scorer import Prepared
from tdm_ray.config import ScoreConfig
from tdm_ray.errors import InputError
from tdm_ray.papers.read import converted_table, split_tables
from tdm_ray.papers.splits import InputSplit, find_splits
from tdm_ray.records import PAPERS
from tdm_ray.run.cluster import connect, cores, gpus
from tdm_ray.run.layout import PREPARING
from tdm_ray.run.log import Log
from tdm_ray.run.run import new_run_id, score_corpus
from tdm_ray.run.stages import Decide, Prepare

# papers of the short run; papers that are taken of a split at least
_FEW = 8
_A_SPLIT = 8
# Dense bfloat16 (T4: float16) peaks in TFLOP/s, from NVIDIA's data sheets.
GPU_TFLOPS = {"T4": 65, "L4": 121, "A10": 125, "A100": 312, "H100": 989, "H200": 989}
# Of that peak in batches of a small encoder: assumed. `plan` on a machine with the GPU itself measures
# instead.
_GPU_SHARE = 0.2


@dataclass(frozen=True)
class Pace:
    """What was measured: seconds of a start and of a paper in the pipeline; of a paper, core seconds to read
    it, to prepare it and to hand it to the model; FLOPs of the model; the words of a paper."""

    cores: int
    gpus: float
    papers: int
    words: int
    start_s: float
    paper_s: float
    read_core_s: float
    prepare_core_s: float
    host_core_s: float
    model_flops: float

    def __str__(self) -> str:
        return (
            f"measured on {self.cores} cores and {self.gpus:g} GPUs with "
            f"{self.papers} papers of {self.words:,} words: "
            f"a start takes {self.start_s:.0f} s, a paper {self.paper_s:.2f} "
            f"s; reading {self.read_core_s:.3f} and "
            f"preparing {self.prepare_core_s:.3f} core seconds, "
            f"{self.model_flops / 1e9:.1f} GFLOP in the model"
        )


@dataclass(frozen=True)
class Estimate:
    """What a corpus would take, and what holds it up; `measured` where the machine is the one at hand."""

    papers: int
    seconds: float
    core_hours: float
    gpu_hours: float
    bottleneck: str
    measured: bool

    def __str__(self) -> str:
        hours, minutes = divmod(round(self.seconds / 60), 60)
        spent = f"{self.core_hours:,.0f} core hours" + (
            f", {self.gpu_hours:,.0f} GPU hours" if self.gpu_hours else ""
        )
        basis = "as measured here" if self.measured else "extrapolated from here"
        return (
            f"{self.papers:,} papers: {hours} h {minutes:02} min, {spent}; "
            f"held up by {self.bottleneck}; {basis}"
        )

    def cost(self, per_hour: float) -> float:
        """What it costs where all machines together cost `per_hour`."""
        return self.seconds / 3600 * per_hour


def measure_pace(papers: Sequence[str], config: ScoreConfig, *, sample: int) -> Pace:
    """Score `sample` papers, drawn evenly from `papers`, on this machine, and time it.

    Raises `InputError` where there are too few to tell, and what `score_corpus` raises.
    """
    table, read_s = _sample(find_splits(papers), sample)
    if len(table) < 2 * _FEW:
        raise InputError(f"{len(table)} papers are too few to tell a pace; give {2 * _FEW} at least")
    connect()
    with tempfile.TemporaryDirectory() as folder:
        # The first run of a cluster is slower than all others.
        runs = [
            _run(table.slice(0, n), config, os.path.join(folder, str(i)))
            for i, n in enumerate([1, _FEW, len(table)])
        ]
    *stages, work_core_s = _stages(table, config)
    longer = (runs[2] - runs[1]) / (len(table) - _FEW)
    # Of a few quick papers the two runs differ by less than their starts do: then the stages alone tell.
    paper_s = longer if longer > 0 else work_core_s / cores()
    start_s = max(0.0, runs[1] - _FEW * paper_s)
    return Pace(cores(), gpus(), len(table), _words(table), start_s, paper_s, read_s, *stages)


def estimate(
    pace: Pace, papers: int, *, cpus: int | None = None, gpus: int | None = None, gpu: str = "A100"
) -> Estimate:
    """What `papers` papers take: here, or on `cpus` cores, or with `gpus` GPUs beside them (16 cores each by
    default).

    Other machines' cores are taken to be as fast as these. Where the pace was measured with GPUs, others are
    taken to be like them; where it was not, they are of the kind `gpu` of `GPU_TFLOPS` and reach a fifth of
    its peak."""
    if not gpus and not (pace.gpus and cpus):
        given = cpus or pace.cores
        seconds = pace.start_s + papers * (pace.paper_s * pace.cores + pace.read_core_s) / given
        spent = seconds * pace.gpus / 3600
        return Estimate(papers, seconds, seconds * given / 3600, spent, "cores", given == pace.cores)
    with_gpus = gpus or pace.gpus
    given = cpus or int(16 * with_gpus)
    by_cores = (pace.read_core_s + pace.prepare_core_s) / (PREPARING * given)
    if pace.gpus:
        by_gpus = pace.paper_s * pace.gpus / with_gpus  # at most: the model may have waited for its papers
    else:
        check_gpu(gpu)
        by_gpus = (pace.model_flops / (GPU_TFLOPS[gpu] * 1e12 * _GPU_SHARE) + pace.host_core_s) / with_gpus
    seconds = pace.start_s + papers * max(by_cores, by_gpus)
    slower = "cores" if by_cores > by_gpus else "GPUs"
    return Estimate(
        papers, seconds, seconds * given / 3600, seconds * with_gpus / 3600, slower, measured=False
    )


def check_gpu(gpu: str) -> None:
    """Raises `InputError` for a GPU whose peak is not known."""
    if gpu not in GPU_TFLOPS:
        raise InputError(f"--gpu {gpu}: not known; choose one of {', '.join(GPU_TFLOPS)}")


def _sample(splits: Sequence[InputSplit], count: int) -> tuple[pa.Table, float]:
    """A sample of papers from evenly drawn splits, and the core seconds to read one paper.

    Eight or more papers are taken of a split; where splits are too small for that, more splits are drawn.
    """
    split_count = min(len(splits), -(-count // _A_SPLIT))
    papers, read_s = _drawn(splits, split_count, count)
    while len(papers) < count and split_count < len(splits):
        split_count = min(len(splits), 2 * split_count)
        papers, read_s = _drawn(splits, split_count, count)
    return papers, read_s


def _drawn(splits: Sequence[InputSplit], split_count: int, count: int) -> tuple[pa.Table, float]:
    """At most `count` papers from `split_count` splits."""
    chosen = [splits[i * len(splits) // split_count] for i in range(split_count)]
    started = time.perf_counter()
    read = [table for split in chosen for table in islice(split_tables(split), 1)]
    read_s = (time.perf_counter() - started) / max(sum(map(len, read)), 1)
    started = time.perf_counter()
    shares = _shares([len(table) for table in read], count)
    taken = [table.slice(0, share) for table, share in zip(read, shares, strict=True)]
    papers = pa.concat_tables(map(converted_table, taken))
    read_s += (time.perf_counter() - started) / max(len(papers), 1)
    return papers.filter(pc.is_null(papers["reason"])).slice(0, count), read_s


def _shares(sizes: Sequence[int], count: int) -> list[int]:
    """How many of each split to take for `count` in all: as many of each, more of the larger where some are
    too small."""
    shares = [0] * len(sizes)
    left = count
    for rank, place in enumerate(sorted(range(len(sizes)), key=sizes.__getitem__)):
        shares[place] = min(sizes[place], -(-left // (len(sizes) - rank)))
        left -= shares[place]
    return shares


def _words(readings: pa.Table) -> int:
    """The mean number of words in the sections of a paper."""
    texts = pc.struct_field(pc.list_flatten(readings["sections"]), "text")
    return round((pc.sum(pc.list_value_length(pc.utf8_split_whitespace(texts))).as_py() or 0) / len(readings))


def _run(readings: pa.Table, config: ScoreConfig, out: str) -> float:
    """The wall time of scoring these papers."""
    corpus = f"{out}.parquet"
    pq.write_table(readings.select(PAPERS.names), corpus, row_group_size=64)
    started = time.perf_counter()
    score_corpus(corpus, out, config, engine="ray", log=Log(new_run_id(), file=io.StringIO()))
    return time.perf_counter() - started


def _stages(readings: pa.Table, config: ScoreConfig) -> tuple[float, float, float, float]:
    """Of a paper: core seconds to prepare it, and to hand it to the model; FLOPs of the model; core seconds
    to prepare and to score it."""
    resources = Resources.of(config, fastest_precision()[0])
    prepare = Prepare(config, resources.fingerprints)
    decide = Decide(config, resources.fingerprints)
    decide(prepare(readings.slice(0, 2)))
    started = time.process_time()
    prepared = prepare(readings)
    prepare_s = time.process_time() - started
    prepared_papers = [Prepared(**given) for given in prepared["hypotheses"].to_pylist() if given]
    started = time.perf_counter()
    log_odds = decide.decider.log_odds(prepared_papers)
    model_s = time.perf_counter() - started
    decide.decider.log_odds = lambda papers: log_odds  # type: ignore[method-assign]
    cells_s, cell_flops = _without_cells(decide, prepared)
    started = time.perf_counter()
    decide(prepared)
    host_s = time.perf_counter() - started
    started = time.perf_counter()
    pairs = [decide.decider.pairs_of(ask) for ask in prepared_papers]
    host_s += time.perf_counter() - started
    flops = cell_flops + sum(decide.decider.model.flops(of_paper.ids.lengths) for of_paper in pairs)
    model_s += cells_s
    work_s = prepare_s + model_s * decide.decider.threads
    count = len(readings)
    return prepare_s / count, host_s / count, flops / count, work_s / count


def _without_cells(decide: Decide, prepared: pa.Table) -> tuple[float, float]:
    """Let `decide` take what the cell model says of these papers as said; returns the seconds and the FLOPs
    that the model takes for it."""
    cells = decide.cells
    judge = cells.probabilities
    asked: list[Any] = []

    def noted(papers: Any) -> Any:
        asked[:] = papers
        return judge(papers)

    cells.probabilities = noted  # type: ignore[method-assign]
    decide(prepared)
    started = time.perf_counter()
    said = judge(asked)
    seconds = time.perf_counter() - started
    cells.probabilities = lambda papers: said  # type: ignore[method-assign]
    return seconds, sum(cells.model.flops(cells.pairs_of(paper).ids.lengths) for paper in asked)
