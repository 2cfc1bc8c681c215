"""Score the same papers with an older version and this one, in turns, and compare speed and results.

    git worktree add ../old v0.1
    python -m benchmarks.side_by_side --old ../old --papers 'tei/dev-*.parquet' --limit 200 \
        --taxonomy TDM_taxonomy.tsv --min-count 5 --index my-index --rounds 3

Each run is a fresh process with a Ray of its own, in the same precision. Seconds are those of the run's own
summary (imports are not in them), less those of a run over one paper, which each version makes first: its
start-up. Wall time is that of the whole process. Machines are noisy: read the ratio of the medians beside the
spread of the rounds.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import pyarrow as pa
import pyarrow.parquet as pq

import tdm_ray
from benchmarks.compare import compare_runs, describe
from benchmarks.speed.machine import describe as describe_machine
from tdm_ray.classify.precision import BFLOAT16, FLOAT32, has_bfloat16_flags
from tdm_ray.errors import InputError
from tdm_ray.storage import open_file, parquet_files

ROWS_A_GROUP = 64


@dataclass(frozen=True, kw_only=True)
class Version:
    """A version of the package: its source tree, the module of its command, options that only it has."""

    name: str
    root: Path
    module: str
    options: Sequence[str] = ()

    def score(self, papers: Path, out: Path, options: Sequence[str]) -> Took:
        """Score `papers` into `out` in a process of its own."""
        command = [sys.executable, "-m", self.module, "score", str(papers), "--out", str(out), "--json"]
        environment = {name: value for name, value in os.environ.items() if name != "RAY_ADDRESS"}
        environment["PYTHONPATH"] = str(self.root)
        started = time.perf_counter()
        done = subprocess.run(
            [*command, *options, *self.options],
            cwd=self.root,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        wall_s = time.perf_counter() - started
        if done.returncode:
            raise SystemExit(f"{self.name} ended with exit code {done.returncode}:\n{done.stderr[-4000:]}")
        summary = json.loads(done.stdout.splitlines()[-1])
        return Took(papers=summary["papers"], seconds=summary["seconds"], wall_s=wall_s)


@dataclass(frozen=True, kw_only=True)
class Took:
    """What a run took: by its own summary, and as a process."""

    papers: int
    seconds: float
    wall_s: float

    def papers_per_s(self, start: Took) -> float:
        """Papers a second, less the start that a run over one paper shows."""
        return (self.papers - start.papers) / max(self.seconds - start.seconds, 1e-9)


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


def race(
    versions: Sequence[Version], papers: Path, folder: Path, options: Sequence[str], rounds: int
) -> None:
    """Take turns, the other version first in every second round; print each run, then the ratio."""
    one = first_papers(str(papers), 1, folder / "one.parquet")
    starts = {
        version.name: version.score(one, folder / f"start-{version.name}", options) for version in versions
    }
    for name, start in starts.items():
        print(f"start, one paper: {name} {start.seconds:.1f} s, wall {start.wall_s:.1f} s", flush=True)
    rates: dict[str, list[float]] = {version.name: [] for version in versions}
    walls: dict[str, list[float]] = {version.name: [] for version in versions}
    for number in range(rounds):
        for version in versions if number % 2 == 0 else reversed(versions):
            took = version.score(papers, folder / f"{version.name}-{number}", options)
            rate = took.papers_per_s(starts[version.name])
            rates[version.name].append(rate)
            walls[version.name].append(took.wall_s)
            told = (
                f"{took.papers} papers, {took.seconds:.1f} s, {rate:.2f} papers/s, wall {took.wall_s:.1f} s"
            )
            print(f"round {number + 1}: {version.name} {told}", flush=True)
    old, new = (version.name for version in versions)
    print(f"papers/s, median: {old} {median(rates[old]):.2f}, {new} {median(rates[new]):.2f}")
    print(f"ratio of medians, {new} / {old}: {median(rates[new]) / median(rates[old]):.2f}")
    print(f"wall, ratio of medians, {new} / {old}: {median(walls[new]) / median(walls[old]):.2f}")


def main() -> None:
    """Parse the command line, race, compare the results."""
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
    parser.add_argument("--rounds", type=int, default=3)
    args = parser.parse_args()
    precision = old_precision()
    taxonomy = args.taxonomy if args.taxonomy == "default" else str(Path(args.taxonomy).resolve())
    options = ["--taxonomy", taxonomy, "--min-count", str(args.min_count)]
    options += ["--index", str(args.index.resolve())] if args.index else []
    options += ["--papers-a-block", str(args.papers_a_block)] if args.papers_a_block else []
    here = Path(tdm_ray.__file__).resolve().parents[1]
    versions = [
        Version(name="old", root=args.old.resolve(), module="tdm_ray.cli"),
        Version(
            name="new", root=here, module="tdm_ray", options=["--engine", "ray", "--precision", precision]
        ),
    ]
    print(f"{describe_machine()}; precision {precision}", flush=True)
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        papers = first_papers(args.papers, args.limit, folder / "papers.parquet")
        race(versions, papers, folder, options, args.rounds)
        differences, _ = compare_runs(str(folder / "old-0"), str(folder / "new-0"))
        for name, difference in differences.items():
            print("\n".join(describe(name, difference)))


if __name__ == "__main__":
    main()
