"""How long a corpus will take, from a short run of the pipeline on the machine at hand.

Two runs over a sample, one of them of a few papers, tell what a start costs and what a paper costs, all contention of
the stages included. Each stage by itself tells what other machines would need: core seconds for preparing, FLOPs for
the model.
"""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from tdm_ray.cluster import connect, cores
from tdm_ray.config import ScoreConfig
from tdm_ray.errors import InputError
from tdm_ray.model.scorer import Prepared
from tdm_ray.papers.pieces import Piece, find_pieces
from tdm_ray.papers.read import converted_table, piece_tables
from tdm_ray.records import PAPERS
from tdm_ray.scoring.pipeline import score_corpus
from tdm_ray.scoring.stages import Decide, Prepare

SAMPLE = 128
_FEW = 8  # papers of the first run: what they cost is taken off the start again
# Dense bfloat16 (T4: float16) peaks in TFLOP/s, from NVIDIA's data sheets.
GPU_TFLOPS = {"T4": 65, "L4": 121, "A10": 125, "A100": 312, "H100": 989, "H200": 989}
# Of that peak in short batches of a small encoder; assumed, to be replaced by a run on the GPU itself.
_GPU_SHARE = 0.2


@dataclass(frozen=True)
class Pace:
    """What was measured: seconds of a start, of a paper in the pipeline, and core seconds of its two stages."""

    cores: int
    papers: int
    start_s: float
    paper_s: float
    read_core_s: float
    prepare_core_s: float
    model_flops: float

    def __str__(self) -> str:
        return (
            f"measured on {self.cores} cores, {self.papers} papers: a start takes {self.start_s:.0f} s, a paper "
            f"{self.paper_s:.2f} s; reading {self.read_core_s:.3f} and preparing {self.prepare_core_s:.3f} core "
            f"seconds, {self.model_flops / 1e9:.1f} GFLOP in the model"
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
        spent = f"{self.core_hours:,.0f} core hours" + (f", {self.gpu_hours:,.0f} GPU hours" if self.gpu_hours else "")
        said = "as measured here" if self.measured else "extrapolated from here"
        return f"{self.papers:,} papers: {hours} h {minutes:02} min, {spent}; held up by {self.bottleneck}; {said}"

    def cost(self, per_hour: float) -> float:
        """What it costs where all machines together cost `per_hour`."""
        return self.seconds / 3600 * per_hour


def measure_pace(papers: Sequence[str], config: ScoreConfig, *, sample: int = SAMPLE) -> Pace:
    """Score `sample` papers, drawn evenly from `papers`, on this machine (or the cluster at hand), and time it.

    Raises `InputError` where there are too few to tell, and what `score_corpus` raises.
    """
    table, read_s = _sample(find_pieces(papers), sample)
    if len(table) < 2 * _FEW:
        raise InputError(f"{len(table)} papers are too few to tell a pace; give {2 * _FEW} at least")
    connect()
    with tempfile.TemporaryDirectory() as folder:
        few, many = (_run(table.slice(0, n), config, os.path.join(folder, str(n))) for n in (_FEW, len(table)))
    paper_s = (many - few) / (len(table) - _FEW)
    prepare_s, flops = _stages(table, config)
    return Pace(cores(), len(table), few - _FEW * paper_s, paper_s, read_s, prepare_s, flops)


def estimate(
    pace: Pace, papers: int, *, cpus: int | None = None, gpus: int | None = None, gpu: str = "A100"
) -> Estimate:
    """What `papers` papers take: here, or on `cpus` cores, or with `gpus` GPUs of a kind in `GPU_TFLOPS` beside them.

    On other machines cores are taken to be as fast as those measured, and a GPU to reach a fifth of its peak.
    """
    on_cores = pace.paper_s * pace.cores + pace.read_core_s
    if not gpus:
        given = cpus or pace.cores
        seconds = pace.start_s + papers * on_cores / given
        return Estimate(papers, seconds, seconds * given / 3600, 0.0, "cores", cpus is None or cpus == pace.cores)
    if gpu not in GPU_TFLOPS:
        raise InputError(f"--gpu {gpu}: not known; choose one of {', '.join(GPU_TFLOPS)}")
    given = cpus or 16 * gpus
    by_cores = (pace.read_core_s + pace.prepare_core_s) / given
    by_gpus = pace.model_flops / (GPU_TFLOPS[gpu] * 1e12 * _GPU_SHARE) / gpus
    seconds = pace.start_s + papers * max(by_cores, by_gpus)
    slower = "cores" if by_cores > by_gpus else "GPUs"
    return Estimate(papers, seconds, seconds * given / 3600, seconds * gpus / 3600, slower, measured=False)


def _sample(pieces: Sequence[Piece], count: int) -> tuple[pa.Table, float]:
    """Papers of up to `count` pieces drawn evenly, as many of each as are needed; and the core seconds to read one."""
    chosen = [pieces[i * len(pieces) // min(count, len(pieces))] for i in range(min(count, len(pieces)))]
    each = -(-count // len(chosen))
    started = time.perf_counter()
    read = [table for piece in chosen for table in islice(piece_tables(piece), 1)]
    read_s = (time.perf_counter() - started) / max(sum(map(len, read)), 1)
    started = time.perf_counter()
    found = pa.concat_tables([converted_table(table.slice(0, each)) for table in read])
    read_s += (time.perf_counter() - started) / max(len(found), 1)
    return found.filter(pc.is_null(found["reason"])).slice(0, count), read_s


def _run(readings: pa.Table, config: ScoreConfig, out: str) -> float:
    """The wall time of scoring these papers."""
    corpus = f"{out}.parquet"
    pq.write_table(readings.select(PAPERS.names), corpus, row_group_size=64)
    started = time.perf_counter()
    score_corpus(corpus, out, config)
    return time.perf_counter() - started


def _stages(readings: pa.Table, config: ScoreConfig) -> tuple[float, float]:
    """Core seconds of preparing and FLOPs of the model, a paper."""
    prepare, decide = Prepare(config), Decide(config)
    prepare(readings.slice(0, 2))
    started = time.perf_counter()
    prepared = prepare(readings)
    took = time.perf_counter() - started
    asked = [Prepared(**ask) for ask in prepared["ask"].to_pylist() if ask]
    flops = sum(decide.decider.model.flops(decide.decider.pairs_of(ask).ids.lengths) for ask in asked)
    return took / len(readings), flops / len(readings)
