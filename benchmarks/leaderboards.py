"""Generated predictions to leaderboards: time and memory.

    python -m benchmarks.leaderboards STORE --predictions 50_000_000
    python -m benchmarks.leaderboards STORE --predictions 200_000 --rows-a-part 50_000

The store is filled once (20 predictions a paper, 10,000 labels of very different size, evidence of a cell and
its row of six) and kept; its leaderboards are ranked anew each time, as by the first run of a store. Where
there are more predictions than rows a part, they are spread over files by label and ranked file by file.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import pyarrow as pa
from deltalake import write_deltalake
from numpy.typing import NDArray

from benchmarks.figures import default_path, write_figures
from benchmarks.memory import peak_memory
from tdm_ray.leaderboard.parts import ROWS_A_PART
from tdm_ray.records import EVIDENCE, MARKS, PREDICTIONS, ROW_CELL, SCORED, TAXONOMY, TDM_COLUMNS
from tdm_ray.run.boards import refresh_leaderboards
from tdm_ray.storage import join
from tdm_ray.store.schemas import FORMS, with_month
from tdm_ray.store.tables import Store, options

LABELS = 10_000
A_PAPER = 20
CHUNK = 250_000
CELLS = 6
WORDS = 5_000
RUN = "generated"

Ints = NDArray[np.int64]


def fill(store: Store, total: int) -> None:
    """The tables that leaderboards are made of, as a run leaves them."""
    store.roll_back()  # what is there of a filling that was interrupted
    _append(store, "predictions", _predictions(total))
    _append(store, "scored", _scored(-(-total // A_PAPER)))
    store.overwrite("taxonomy", [_taxonomy()], RUN)
    row = {"run_id": RUN, "started_at": datetime.now(UTC), "outcome": "done"}
    store.add_run({**row, "versions": store.versions()})


def _append(store: Store, name: str, tables: Iterable[pa.Table]) -> None:
    """A commit each: a table of all months at once would keep a file of each of them open."""
    for table in tables:
        write_deltalake(
            join(store.root, name),
            table,
            mode="append",
            partition_by=list(FORMS[name].partition),
            storage_options=options(store.root),
        )


def _taxonomy() -> pa.Table:
    rows = [
        {
            "task": f"Task {number % 500}",
            "dataset": f"Dataset {number % 5000}",
            "metric": f"Metric {number}",
            "papers": 0,
            "direction": ("higher", "lower", "unknown")[number % 3],
            "aliases": [],
        }
        for number in range(LABELS)
    ]
    return pa.Table.from_pylist(rows, schema=TAXONOMY)


def _predictions(total: int) -> Iterator[pa.Table]:
    chance = np.random.default_rng(0)
    taxonomy = _taxonomy()
    weights = 1 / np.arange(1, LABELS + 1) ** 0.7
    words = pa.array([f"header of table {number}" for number in range(WORDS)])
    for start in range(0, total, CHUNK):
        number = np.arange(start, min(start + CHUNK, total))
        label = chance.choice(LABELS, len(number), p=weights / weights.sum())
        pairs = np.unique(number // A_PAPER * LABELS + label)  # a paper has a label once
        paper, label = np.divmod(pairs, LABELS)
        rows = len(pairs)
        score = chance.normal(50 + label % 40, 5).round(1)
        text = pa.array(score.astype(str))
        papers = _ids(paper)
        columns = {
            **{part: taxonomy[part].take(label) for part in TDM_COLUMNS},
            "paper_id": papers,
            "content_hash": papers,
            "probability": chance.random(rows, np.float32),
            "score": pa.array(score, mask=chance.random(rows) < 0.4),
            "score_text": text,
            "evidence": _evidence(label, text, words, chance),
        }
        yield with_month(_table(columns, PREDICTIONS, rows))


def _scored(total: int) -> Iterator[pa.Table]:
    for start in range(0, total, CHUNK):
        papers = np.arange(start, min(start + CHUNK, total))
        columns = {
            "paper_id": _ids(papers),
            "content_hash": _ids(papers),
            "title": pa.array([f"A paper on the topic of {paper}" for paper in papers]),
            "published": pa.array([date.fromordinal(730_000 + paper % 8000) for paper in papers.tolist()]),
        }
        yield with_month(_table(columns, SCORED, len(papers)))


def _table(columns: dict[str, pa.Array], schema: pa.Schema, rows: int) -> pa.Table:
    """A table of the columns that are given; the others are null."""
    return pa.table([columns.get(f.name, pa.nulls(rows, f.type)) for f in schema], schema=schema)


def _evidence(label: Ints, text: pa.Array, words: pa.Array, chance: np.random.Generator) -> pa.Array:
    """A cell for each prediction, with its headers and the cells of its row, the last of them its own."""
    rows = len(label)
    captions = pa.array(
        [f"Table {n}. A comparison with the state of the art on the test set." for n in range(WORDS)]
    )
    headers = _lists(words.take(chance.integers(0, WORDS, 2 * rows)), 2)
    count = rows * CELLS
    marked = pa.array(np.arange(count) % CELLS == CELLS - 1)
    cells = {
        "value": text.take(np.arange(count) // CELLS),
        "bold": marked,
        "column_headers": _lists(words.take(chance.integers(0, WORDS, 2 * count)), 2),
        "marked": marked,
    }
    row = pa.StructArray.from_arrays([cells[field.name] for field in ROW_CELL], fields=list(ROW_CELL))
    parts = {
        "kind": pa.repeat("cell", rows),
        "table": pa.array(label % 7, pa.int32()),
        "caption": captions.take(label % WORDS),
        "row_headers": headers,
        "column_headers": headers,
        "text": text,
        "row": _lists(row, CELLS),
    }
    return pa.StructArray.from_arrays([parts[field.name] for field in EVIDENCE], fields=list(EVIDENCE))


def _lists(values: pa.Array, size: int) -> pa.ListArray:
    return pa.ListArray.from_arrays(np.arange(len(values) // size + 1, dtype=np.int32) * size, values)


def _ids(papers: Ints) -> pa.Array:
    """Ids of 9,999 papers a month."""
    months = [f"{year:02d}{month:02d}" for year in range(7, 100) for month in range(1, 13)]
    return pa.array([f"{months[paper // 9999]}.{paper % 9999 + 1:05d}v1" for paper in papers.tolist()])


def measure(store: Store, rows_a_part: int) -> dict[str, Any]:
    """Rank all leaderboards of the store in parts of so many rows."""
    in_parts = patch("tdm_ray.leaderboard.parts.ROWS_A_PART", rows_a_part)
    in_memory = patch("tdm_ray.run.boards.ROWS_A_PART", rows_a_part)
    with peak_memory() as peak, in_parts, in_memory:
        started = time.perf_counter()
        refresh_leaderboards(store, (), RUN, marks=MARKS.empty_table(), held=None, anew=True)
        took_s = time.perf_counter() - started
    return {
        "predictions": store.scan("predictions").count_rows(),
        "entries": store.scan("leaderboards").count_rows(),
        "rows_a_part": rows_a_part,
        "minutes": took_s / 60,
        "peak_gb": peak.held / 1e9,
    }


def main() -> None:
    """Generate where need be, rank, print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("store", help="a folder, filled where it is not there yet")
    parser.add_argument("--predictions", type=int, default=50_000_000)
    parser.add_argument("--rows-a-part", type=int, default=ROWS_A_PART)
    parser.add_argument("--out", type=Path, default=default_path("leaderboards"), help="the figures, as JSON")
    args = parser.parse_args()
    store = Store(args.store)
    if store.last() is None:
        fill(store, args.predictions)
    found = measure(store, args.rows_a_part)
    print(
        f"{found['predictions']:,} predictions, {found['entries']:,} entries, "
        f"{found['minutes']:.2f} min, at most {found['peak_gb']:.2f} GB"
    )
    write_figures(args.out, found)
    print(f"figures: {args.out}")


if __name__ == "__main__":
    main()
