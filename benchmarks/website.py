"""A site of generated leaderboards: time, memory, sizes, and how long a search takes in a browser.

    python -m benchmarks.website STORE --boards 7000 --entries 300_000

The store is filled once and kept. The search needs Playwright and Chromium (`chromium` on the path, or its
path in the variable CHROMIUM); without them it is left out.
"""

from __future__ import annotations

import argparse
import os
import shutil
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from benchmarks.memory import peak_memory
from tdm_ray.records import LEADERBOARDS, TDM
from tdm_ray.store.tables import Store
from tdm_ray.taxonomy.sources import read_taxonomy
from tdm_ray.website.build import build_site

A_PAPER = 6
RUN = "generated"
HEADERS = ("Method", "Params", "Time", "Memory", "Epochs")
SEARCHES = ("imagenet top", "squad", "a", "image classification cifar-100 accuracy", "nothing of the kind")


def fill(store: Store, boards: int, entries: int) -> None:
    """Leaderboards of very different size, with tasks and metrics of our taxonomy, as a run leaves them."""
    chance = np.random.default_rng(0)
    labels = [label.tdm for label in read_taxonomy().labels]
    weights = 1 / np.arange(1, boards + 1) ** 0.7
    sizes = np.maximum(np.round(weights / weights.sum() * entries).astype(int), 1)
    papers = max(1, entries // A_PAPER)
    rows: list[dict[str, Any]] = []
    for number, size in enumerate(sizes.tolist()):
        tdm = labels[number % len(labels)]
        if again := number // len(labels):
            tdm = TDM(tdm.task, f"{tdm.dataset} {again}", tdm.metric)
        rows += _board(tdm, size, chance.integers(papers, size=size).tolist(), chance)
    store.overwrite("leaderboards", [pa.Table.from_pylist(rows, schema=LEADERBOARDS)], RUN)
    counts = {"papers": papers, "scored": papers, "new_papers": papers, "predictions": len(rows)}
    none = {"changed_papers": 0, "asked_again": 0, "rejected": {}}
    news = {"new_entries": len(rows), "new_best": boards}
    made = {"run_id": RUN, "started_at": datetime.now(UTC), "seconds": 0.0, "outcome": "done"}
    ids = {"model_id": RUN, "taxonomy_id": RUN}
    store.add_run({**made, **ids, **counts, **none, **news, "versions": store.versions()})


def _board(tdm: TDM, size: int, papers: list[int], chance: np.random.Generator) -> Iterator[dict[str, Any]]:
    """The entries of one leaderboard, the best first; those that were the best when they came are marked."""
    scores = np.sort(chance.normal(70, 9, size).round(2))[::-1]
    days = chance.integers(0, 4000, size)
    by_day = np.argsort(days, kind="stable")
    best_before = np.concatenate([[-np.inf], np.maximum.accumulate(scores[by_day])[:-1]])
    was_best = np.zeros(size, bool)
    was_best[by_day] = scores[by_day] > best_before
    for place, paper in enumerate(papers):
        text = f"{scores[place]:.2f}"
        yield {
            "task": tdm.task,
            "dataset": tdm.dataset,
            "metric": tdm.metric,
            "direction": "higher",
            "rank": place + 1,
            "paper_id": f"{2001 + paper // 9999:04d}.{paper % 9999:05d}",
            "title": f"A generated paper, number {paper}, with a title as long as titles are",
            "published": date(2012, 1, 1) + timedelta(days=int(days[place])),
            "score": float(scores[place]),
            "score_text": text,
            "probability": 0.8,
            "evidence": _evidence(tdm, text),
            "outlier": False,
            "was_best": bool(was_best[place]),
        }


def _evidence(tdm: TDM, text: str) -> dict[str, Any]:
    """A cell in a row of six."""
    values = {**dict.fromkeys(HEADERS, "12.3"), tdm.metric: text}
    row = [
        {"value": value, "bold": False, "column_headers": [tdm.dataset, name], "marked": name == tdm.metric}
        for name, value in values.items()
    ]
    return {
        "kind": "cell",
        "table": 1,
        "caption": f"Results on {tdm.dataset}.",
        "row_headers": ["Ours"],
        "column_headers": [tdm.dataset, tdm.metric],
        "text": text,
        "row": row,
    }


def search(site: Path, chromium: str) -> None:
    """Print how long the page says that some searches took."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_page()
        page.goto((site / "index.html").resolve().as_uri())
        for words in SEARCHES:
            page.fill("#search", words)
            done = "words => document.getElementById('search').dataset.words === words"
            page.wait_for_function(done, arg=words)
            took_ms = page.locator("#search").get_attribute("data-ms")
            print(f"search {words!r}: {took_ms} ms, {page.locator('#told').inner_text()}")
        browser.close()


def main() -> None:
    """Generate once, build twice, search."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("store", type=Path, help="a folder, filled where it is not there yet")
    parser.add_argument("--boards", type=int, default=7000)
    parser.add_argument("--entries", type=int, default=300_000)
    parser.add_argument("--out", type=Path, help="where the site goes (default: STORE-site)")
    args = parser.parse_args()
    site = args.out or args.store.with_name(f"{args.store.name}-site")
    if not (args.store / "runs").exists():
        fill(Store(str(args.store)), args.boards, args.entries)
    with peak_memory() as peak:
        for _ in range(2):
            print(build_site(str(args.store), str(site)))
    print(f"most memory, all processes: {peak}")
    home = sum((site / name).stat().st_size for name in ("index.html", "static/site.css", "static/site.js"))
    index = (site / "search-index.js").stat().st_size
    print(f"home before search: {home / 1000:.0f} kB; index of the search: {index / 1000:.0f} kB")
    chromium = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium and find_spec("playwright"):
        search(site, chromium)
    else:
        print("search: left out, there is no Chromium or no Playwright")


if __name__ == "__main__":
    main()
