"""Hidden boards come back: `python -m benchmarks.hidden_boards PAPERS... --taxonomy FILE --annotations GOLD`.

A quarter of the taxonomy's data sets (by a hash of the name) are hidden; of the results that papers report
without a label proposals are made (`tdm_ray.discover`). Printed are how many of the hidden labels that at
least three of these papers report in gold are proposed, with the same data set and metric, and the first
proposals. PAPERS are ingested folders.
"""

from __future__ import annotations

import argparse
import hashlib
import time
from collections import defaultdict
from collections.abc import Iterator
from functools import lru_cache
from multiprocessing import Pool
from typing import Any

import pyarrow.dataset as pads

from tdm_ray.arxiv_ids import base_id
from tdm_ray.classify.resources import Resources
from tdm_ray.config import ScoreConfig
from tdm_ray.discover.names import plain
from tdm_ray.discover.proposals import LEAST_PAPERS, propose
from tdm_ray.extract.candidates import candidates_of
from tdm_ray.extract.line_kinds import LineKinds
from tdm_ray.extract.open_results import OpenResult, open_family, open_results
from tdm_ray.gold.annotations import read_gold
from tdm_ray.records import TDM, Paper
from tdm_ray.taxonomy.labels import Taxonomy
from tdm_ray.taxonomy.metrics import may_be_one
from tdm_ray.taxonomy.sources import read_taxonomy


@lru_cache(maxsize=1)
def _line_kinds() -> LineKinds:
    return LineKinds.load(Resources.of(ScoreConfig()).config.matcher_folder)


def results_of(row: dict[str, Any]) -> tuple[str, list[OpenResult]]:
    """A paper's id, and its results without a label."""
    paper = Paper.from_row(row)
    candidates = candidates_of(paper)
    kinds = _line_kinds()(paper, candidates)
    return paper.paper_id, open_results(paper, candidates, kinds, kinds.own_names)


def _papers(folders: list[str]) -> Iterator[dict[str, Any]]:
    for folder in folders:
        for batch in pads.dataset(f"{folder}/papers").to_batches(batch_size=64):
            yield from batch.to_pylist()


def _is_hidden(tdm: TDM) -> bool:
    return int(hashlib.md5(plain(tdm.dataset).encode()).hexdigest(), 16) % 4 == 0


def main() -> None:
    """Print the share that comes back, and the first proposals."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("papers", nargs="+")
    parser.add_argument("--taxonomy", required=True)
    parser.add_argument("--min-count", type=int, default=5)
    parser.add_argument("--annotations", nargs="+", required=True)
    parser.add_argument("--show", type=int, default=100)
    args = parser.parse_args()
    with Pool(2) as pool:
        by_paper = dict(pool.imap(results_of, _papers(args.papers), chunksize=8))
    taxonomy = read_taxonomy(args.taxonomy, min_count=args.min_count)
    kept = Taxonomy(tuple(label for label in taxonomy.labels if not _is_hidden(label.tdm)))
    ids = set(map(base_id, by_paper))
    reported: dict[TDM, set[str]] = defaultdict(set)
    tasks: dict[str, set[str]] = defaultdict(set)
    for name, results in read_gold(*args.annotations).results.items():
        for tdm in results if base_id(name) in ids else ():
            reported[tdm].add(base_id(name))
            if tdm in kept.index:
                tasks[name].add(tdm.task)
    started = time.perf_counter()
    found = propose([row for rows in by_paper.values() for row in rows], kept, tasks)
    seconds = time.perf_counter() - started
    families: dict[str, set[str]] = defaultdict(set)
    for proposal in found:
        for name in proposal.names:
            families[plain(name)].add(open_family(proposal.tdm.metric))
    wanted = [t for t in taxonomy.index if _is_hidden(t) and len(reported[t]) >= LEAST_PAPERS]
    back = [
        tdm
        for tdm in wanted
        if any(may_be_one(open_family(tdm.metric), family) for family in families.get(plain(tdm.dataset), ()))
    ]
    print(f"{len(by_paper):,} papers, {len(found):,} proposals in {seconds:.1f} s")
    print(f"{len(back)} of {len(wanted)} hidden labels are proposed")
    for proposal in found[: args.show]:
        print(proposal.papers, proposal.tdm, proposal.direction, "; ".join(proposal.names[:3]))


if __name__ == "__main__":
    main()
