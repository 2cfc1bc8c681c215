"""A site of generated leaderboards: time, memory, sizes, and how long a search takes in Chromium.

python tests/measure_site.py FOLDER [--boards 7000] [--entries 300000]
"""

import argparse
import threading
import time
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import psutil
import pyarrow as pa

from tdm_ray.records import LEADERBOARDS
from tdm_ray.storage import write_table
from tdm_ray.taxonomy.sources import read_taxonomy
from tdm_ray.website.build import build_site

A_PAPER = 6


def generate(folder: Path, boards: int, entries: int) -> None:
    """A leaderboards table as large, with tasks and metrics of our taxonomy; evidence of a row of six cells."""
    chance = np.random.default_rng(0)
    labels = [label.tdm for label in read_taxonomy().labels]
    weights = 1 / np.arange(1, boards + 1) ** 0.7
    sizes = np.maximum(np.round(weights / weights.sum() * entries).astype(int), 1)
    papers, rows = entries // A_PAPER, []
    for number, size in enumerate(sizes.tolist()):
        tdm, higher = labels[number % len(labels)], bool(number % 3)
        dataset = tdm.dataset if number < len(labels) else f"{tdm.dataset} {number // len(labels)}"
        scores = np.sort(chance.normal(70, 9, size).round(2))[:: -1 if higher else 1]
        days = chance.integers(0, 4000, size)
        best = np.inf if not higher else -np.inf
        was = np.zeros(size, bool)
        for at in np.argsort(days, kind="stable"):
            if scores[at] > best if higher else scores[at] < best:
                best, was[at] = scores[at], True
        for rank in range(size):
            paper, score = int(chance.integers(papers)), f"{scores[rank]:.2f}"
            heads = ["Method", "Params", tdm.metric, "Time", "Memory", "Epochs"]
            cells = [{"value": score if h == tdm.metric else "12.3", "bold": False, "column_headers": [dataset, h],
                      "marked": h == tdm.metric} for h in heads]  # fmt: skip
            rows.append({
                "task": tdm.task, "dataset": dataset, "metric": tdm.metric, "rank": rank + 1,
                "direction": "higher" if higher else "lower", "was_best": bool(was[rank]),
                "paper_id": f"{2001 + paper // 9999:04d}.{paper % 9999:05d}",
                "title": f"A generated paper, number {paper}, with a title as long as titles are",
                "published": date(2012, 1, 1) + timedelta(days=int(days[rank])), "outlier": False,
                "score": float(scores[rank]), "score_text": score, "probability": 0.8,
                "evidence": {"kind": "cell", "table": 1, "caption": f"Results on {dataset}.", "row_headers": ["Ours"],
                             "column_headers": [dataset, tdm.metric], "text": score, "row": cells},
            })  # fmt: skip
    write_table(pa.Table.from_pylist(rows, schema=LEADERBOARDS), f"{folder}/leaderboards/part-00000.parquet")


def main() -> None:
    """Generate once, build twice, look."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--boards", type=int, default=7000)
    parser.add_argument("--entries", type=int, default=300_000)
    args = parser.parse_args()
    if not (args.folder / "leaderboards").exists():
        generate(args.folder, args.boards, args.entries)
    most = [0]
    threading.Thread(target=_watch, args=(most,), daemon=True).start()
    for _ in range(2):
        print(build_site(str(args.folder), str(args.folder / "site")))
    print(f"most memory, all processes: {most[0] / 1e9:.2f} GB")
    site = args.folder / "site"
    told = {name: (site / name).stat().st_size / 1000 for name in ("index.html", "static/site.css", "static/site.js")}
    print(f"home before search: {sum(told.values()):.0f} kB; index of the search: "
          f"{(site / 'search-index.js').stat().st_size / 1000:.0f} kB")  # fmt: skip
    _search(site)


def _watch(most: list[int]) -> None:
    me = psutil.Process()
    while True:
        processes = [me, *me.children(recursive=True)]
        most[0] = max(most[0], sum(p.memory_info().rss for p in processes if p.is_running()))
        time.sleep(0.5)


def _search(site: Path) -> None:
    from browser import opened

    with opened() as page:
        page.goto((site / "index.html").as_uri())
        for words in ("imagenet top", "squad", "a", "image classification cifar-100 accuracy", "nothing of the kind"):
            page.fill("#search", words)
            page.wait_for_function("words => document.getElementById('search').dataset.words === words", arg=words)
            found = page.locator("#told").inner_text()
            print(f"search {words!r}: {page.locator('#search').get_attribute('data-ms')} ms, {found}")


if __name__ == "__main__":
    main()
