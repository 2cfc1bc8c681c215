"""Score the same papers with an older version and this one, in turns, and compare speed and results.

    git worktree add ../old v0.1
    python -m benchmarks.side_by_side --old ../old --papers 'tei/dev-*.parquet' --limit 200 \
        --taxonomy TDM_taxonomy.tsv --min-count 5 --index my-index --rounds 2

Each run is a fresh process with a Ray of its own, in the same precision. Timed is the call of `score_corpus`:
the start of its cluster is in it, that of the process and its imports is not. Rounds go old, new, new, old.
Machines are noisy: read the ratio of the medians beside the spread of the rounds.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.compare import compare_runs, describe
from benchmarks.figures import commit, default_path, write_figures
from tdm_ray.classify.precision import BFLOAT16, FLOAT32, has_bfloat16_flags
from tdm_ray.errors import InputError
from tdm_ray.storage import open_file, parquet_files

ROWS_A_GROUP = 64
HERE = Path(__file__).resolve().parents[1]

# What a process of either version runs: version 0.1 has its own module, and neither engines nor precisions.
_SCORE = """
import json, sys, time
from importlib.util import find_spec

from tdm_ray.config import RayConfig, ScoreConfig

given = json.loads(sys.argv[1])
engine = {}
if find_spec("tdm_ray.scoring"):
    from tdm_ray.scoring.pipeline import score_corpus
    del given["config"]["precision"]
else:
    from tdm_ray.run.run import score_corpus
    engine = {"engine": "ray"}
config = ScoreConfig(**given["config"])
layout = RayConfig(papers_a_block=given["papers_a_block"])
started = time.perf_counter()
summary = score_corpus(given["papers"], given["out"], config, layout, **engine)
seconds = time.perf_counter() - started
print(json.dumps({"papers": summary.papers, "seconds": seconds}), flush=True)
"""


@dataclass(frozen=True, kw_only=True)
class Took:
    """What a run took."""

    papers: int
    seconds: float

    @property
    def papers_per_s(self) -> float:
        """The start of the cluster included."""
        return self.papers / self.seconds


@dataclass(frozen=True, kw_only=True)
class Version:
    """A version of the package: its name here and its source tree."""

    name: str
    root: Path

    def score(self, given: Mapping[str, Any]) -> Took:
        """Score in a process of its own, which sees nothing but this version."""
        environment = {name: value for name, value in os.environ.items() if name != "RAY_ADDRESS"}
        environment |= {"PYTHONPATH": str(self.root), "PYTHONDONTWRITEBYTECODE": "1"}
        done = subprocess.run(
            [sys.executable, "-c", _SCORE, json.dumps(given)],
            cwd=given["folder"],
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise SystemExit(f"{self.name} ended with exit code {done.returncode}:\n{done.stderr[-4000:]}")
        return Took(**json.loads(done.stdout.splitlines()[-1]))


def first_papers(pattern: str, count: int | None, path: Path) -> Path:
    """Write the first papers of Parquet files as they are, in small row groups; returns `path`."""
    tables: list[pa.Table] = []
    for name in parquet_files(pattern):
        with open_file(name) as file:
            tables.append(pq.ParquetFile(file).read())
        if count and sum(map(len, tables)) >= count:
            break
    if not tables:
        raise InputError(f"{pattern}: no Parquet files; give TEI or papers tables")
    pq.write_table(pa.concat_tables(tables)[:count], path, row_group_size=ROWS_A_GROUP, compression="zstd")
    return path


def old_precision() -> str:
    """The precision that version 0.1 chooses here, by what the machine says of itself."""
    import torch

    if torch.cuda.is_available():
        return BFLOAT16 if torch.cuda.is_bf16_supported() else FLOAT32
    return BFLOAT16 if has_bfloat16_flags() else FLOAT32


def turns(versions: Sequence[Version], rounds: int) -> Iterator[tuple[int, Version]]:
    """Old, new, new, old, ...: what grows slower over time meets both alike."""
    for number in range(rounds):
        for version in versions if number % 2 == 0 else reversed(versions):
            yield number, version


def race(versions: Sequence[Version], given: Mapping[str, Any], rounds: int) -> dict[str, list[Took]]:
    """The runs of each version, printed one by one; results lie in the folder as `old-0`, `new-0`, ..."""
    taken: dict[str, list[Took]] = {version.name: [] for version in versions}
    for number, version in turns(versions, rounds):
        took = version.score({**given, "out": f"{given['folder']}/{version.name}-{number}"})
        taken[version.name].append(took)
        rate = f"{took.papers_per_s:.2f} papers/s"
        print(
            f"round {number + 1}: {version.name} {took.papers} papers, {took.seconds:.1f} s, {rate}",
            flush=True,
        )
    return taken


def figures(taken: Mapping[str, Sequence[Took]]) -> dict[str, Any]:
    """Seconds and papers a second of each version, and the ratio."""
    rates = {name: median(took.papers_per_s for took in runs) for name, runs in taken.items()}
    return {
        "papers": taken["new"][0].papers,
        "seconds": {name: [took.seconds for took in runs] for name, runs in taken.items()},
        "papers_per_s": rates,
        "new_vs_old": rates["new"] / rates["old"],
    }


def compared(folder: Path, tolerance: float) -> bool:
    """Whether the results of the first round are the same, numbers within `tolerance`; printed."""
    differences, _ = compare_runs(
        str(folder / "old-0"), str(folder / "new-0"), tolerance=tolerance, whole_rejects=False
    )
    for name, difference in differences.items():
        print("\n".join(describe(name, difference)))
    return not any(differences.values())


def parsed() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--old", type=Path, required=True, help="the source tree of version 0.1")
    parser.add_argument("--papers", required=True, help="Parquet files: TEI or papers tables")
    parser.add_argument("--limit", type=int, help="only so many papers, the first")
    parser.add_argument("--taxonomy", default="default")
    parser.add_argument("--min-count", type=int, default=0)
    parser.add_argument("--index", type=Path)
    parser.add_argument("--papers-a-block", type=int, help="of both (default: as each version has it)")
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument(
        "--tolerance", type=float, default=0.0, help="by which numbers of the results may differ"
    )
    parser.add_argument("--out", type=Path, default=default_path("side_by_side"), help="the figures, as JSON")
    return parser.parse_args()


def main() -> None:
    """Parse the command line, race, compare the results."""
    args = parsed()
    taxonomy = args.taxonomy if args.taxonomy == "default" else str(Path(args.taxonomy).resolve())
    config = {
        "taxonomy": taxonomy,
        "min_count": args.min_count,
        "index": str(args.index.resolve()) if args.index else None,
        "precision": old_precision(),
    }
    versions = [Version(name="old", root=args.old.resolve()), Version(name="new", root=HERE)]
    commits = {version.name: commit(version.root) for version in versions}
    print(f"commits {commits}, precision {config['precision']}", flush=True)
    with tempfile.TemporaryDirectory() as place:
        papers = first_papers(args.papers, args.limit, Path(place) / "papers.parquet")
        given = {
            "config": config,
            "papers": str(papers),
            "papers_a_block": args.papers_a_block,
            "folder": place,
        }
        found = figures(race(versions, given, args.rounds))
        same = compared(Path(place), args.tolerance)
    rates = ", ".join(f"{name} {rate:.2f}" for name, rate in found["papers_per_s"].items())
    print(f"papers/s, median: {rates}; ratio new / old {found['new_vs_old']:.2f}")
    named = {name: Path(value).name if isinstance(value, str) else value for name, value in config.items()}
    write_figures(
        args.out,
        {"commits": commits, "config": named, **found, "tolerance": args.tolerance, "same_results": same},
    )
    print(f"figures: {args.out}")


if __name__ == "__main__":
    main()
