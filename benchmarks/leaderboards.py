"""Generated predictions to leaderboards: time and memory.

    python tests/measure_leaderboards.py FOLDER [--predictions 50000000]

The folder is filled once (20 predictions a paper, 10,000 labels of very different size, evidence of a cell and its row
of six) and kept.
"""

import argparse
import threading
import time
from datetime import date
from pathlib import Path

import numpy as np
import psutil
import pyarrow as pa
import pyarrow.parquet as pq

from tdm_ray.leaderboard.read import build_leaderboards
from tdm_ray.records import EVIDENCE, PREDICTIONS, ROW_CELL, SCORED, TAXONOMY

LABELS, A_PAPER, CHUNK, CELLS = 10_000, 20, 250_000, 6


def generate(folder: Path, total: int) -> None:
    """A folder as `score_corpus` leaves it."""
    chance = np.random.default_rng(0)
    names = [{"task": f"Task {i % 500}", "dataset": f"Dataset {i % 5000}", "metric": f"Metric {i}", "papers": 0,
              "direction": ("higher", "lower", "unknown")[i % 3], "aliases": []} for i in range(LABELS)]  # fmt: skip
    folder.mkdir(parents=True)
    taxonomy = pa.Table.from_pylist(names, schema=TAXONOMY)
    pq.write_table(taxonomy, folder / "taxonomy.parquet")
    weights = 1 / np.arange(1, LABELS + 1) ** 0.7
    words = pa.array([f"header of table {i}" for i in range(5000)])
    captions = pa.array([f"Table {i}. A comparison with the state of the art on the test set." for i in range(5000)])
    for name in ("predictions", "scored"):
        (folder / name).mkdir()
    for number, start in enumerate(range(0, total, CHUNK)):
        rows = min(CHUNK, total - start)
        label = chance.choice(LABELS, rows, p=weights / weights.sum())
        paper = (start + np.arange(rows)) // A_PAPER
        score = chance.normal(50 + label % 40, 5).round(1)
        heads = _lists(words.take(chance.integers(0, 5000, 2 * rows)), 2)
        text = pa.array(score.astype(str))
        evidence = pa.StructArray.from_arrays(
            [
                pa.repeat("cell", rows),
                pa.array(label % 7, pa.int32()),
                captions.take(label % 5000),
                heads,
                heads,
                text,
                _rows(text, words, chance),
            ],
            fields=list(EVIDENCE),
        )
        columns = {
            "paper_id": _ids(paper), **{part: taxonomy[part].take(label) for part in ("task", "dataset", "metric")},
            "probability": chance.random(rows, np.float32), "score": pa.array(score, mask=chance.random(rows) < 0.4),
            "score_text": text, "evidence": evidence, "model_id": pa.repeat("generated", rows),
            "taxonomy_id": pa.repeat("generated", rows), "content_hash": _ids(paper),
        }  # fmt: skip
        table = pa.table([columns.get(f.name, pa.nulls(rows, f.type)) for f in PREDICTIONS], schema=PREDICTIONS)
        pq.write_table(table, folder / "predictions" / f"part-{number:05d}.parquet", compression="zstd")
        papers = np.unique(paper)
        columns = {"paper_id": _ids(papers), "title": pa.array([f"A paper on the topic of {p}" for p in papers]),
                   "published": pa.array([date.fromordinal(730_000 + p % 8000) for p in papers])}  # fmt: skip
        table = pa.table([columns.get(f.name, pa.nulls(len(papers), f.type)) for f in SCORED], schema=SCORED)
        pq.write_table(table, folder / "scored" / f"part-{number:05d}.parquet")


def _lists(values: pa.Array, size: int) -> pa.ListArray:
    return pa.ListArray.from_arrays(np.arange(len(values) // size + 1, dtype=np.int32) * size, values)


def _rows(text: pa.Array, words: pa.Array, chance: np.random.Generator) -> pa.ListArray:
    """For each prediction the cells of its row, the last of them its own."""
    count = len(text) * CELLS
    marked = np.arange(count) % CELLS == CELLS - 1
    cells = pa.StructArray.from_arrays(
        [
            text.take(np.arange(count) // CELLS), pa.array(marked),
            _lists(words.take(chance.integers(0, 5000, 2 * count)), 2), pa.array(marked),
        ],
        fields=list(ROW_CELL),
    )  # fmt: skip
    return _lists(cells, CELLS)


def _ids(papers: np.ndarray) -> pa.Array:
    return pa.array([f"{p // 10000:04d}.{p % 10000:05d}v1" for p in papers.tolist()])


def watch(peak: list[int], done: threading.Event) -> None:
    """The most memory that this process and its children held together (shared pages counted once each)."""
    own = psutil.Process()
    while not done.wait(0.2):
        held = 0
        for process in [own, *own.children(recursive=True)]:
            try:
                held += process.memory_full_info().uss
            except psutil.NoSuchProcess:
                continue
        peak[0] = max(peak[0], held)


def main() -> None:
    """Generate where need be, aggregate, print."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("folder", type=Path)
    options.add_argument("--predictions", type=int, default=50_000_000)
    asked = options.parse_args()
    if not asked.folder.exists():
        generate(asked.folder, asked.predictions)
    peak, done = [0], threading.Event()
    threading.Thread(target=watch, args=(peak, done), daemon=True).start()
    started = time.perf_counter()
    table = build_leaderboards(str(asked.folder))
    took = time.perf_counter() - started
    done.set()
    rows = sum(pq.read_metadata(p).num_rows for p in (asked.folder / "leaderboards").glob("*.parquet"))
    print(f"{rows:,} entries in {took / 60:.1f} min, at most {peak[0] / 1e9:.1f} GB; {len(table):,} returned")


if __name__ == "__main__":
    main()
