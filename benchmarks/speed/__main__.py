"""Measure tdm_ray on this machine, side by side with other ways of scoring; prints tables, writes a picture.

    python -m benchmarks.speed --quick
    python -m benchmarks.speed 'tei/dev-*.parquet' --annotations resultsAnnotation.tsv \
        --taxonomy TDM_taxonomy.tsv --min-count 5 --index my-index

About an hour on 2 cores, some minutes with --quick. Without papers it takes those of the demo. Needs
`pip install '.[benchmark]'`.
"""

import argparse
from pathlib import Path
from typing import Any

from rich.console import Console

from tdm_ray.config import ScoreConfig
from tdm_ray.demo import demo_gold, demo_papers

try:
    from benchmarks.figures import default_path, write_figures
    from benchmarks.speed.config import BenchmarkConfig
    from benchmarks.speed.report import as_tables, save_plot
    from benchmarks.speed.run import PARTS, benchmark
except ModuleNotFoundError as error:
    raise SystemExit(f"{error.name} is not installed: pip install '.[benchmark]'") from None


def main() -> None:
    """Parse the command line, measure, show."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("papers", nargs="*", help="files, folders, globs; the demo's without any")
    parser.add_argument("--annotations", nargs="+", default=[])
    parser.add_argument("--taxonomy", default="default")
    parser.add_argument("--min-count", type=int, default=0)
    parser.add_argument("--index")
    parser.add_argument("--model", default="embedded")
    parser.add_argument("--quick", action="store_true", help="fewer papers: some minutes on 2 cores")
    parser.add_argument(
        "--only", nargs="+", default=[], choices=PARTS, help="some parts of it; plan needs ray"
    )
    parser.add_argument(
        "--out", type=Path, help="the figures, as JSON (default: in benchmarks/results, by what is measured)"
    )
    parser.add_argument("--plot", type=Path, help="the picture (default: beside --out)")
    args = parser.parse_args()
    config = ScoreConfig(model=args.model, taxonomy=args.taxonomy, min_count=args.min_count, index=args.index)
    sizes = BenchmarkConfig.quick() if args.quick else BenchmarkConfig()
    papers = args.papers or [demo_papers()]
    annotations = args.annotations if args.papers else [demo_gold()]
    name = "-".join(["speed", *(["quick"] if args.quick else []), *args.only])
    out = args.out or default_path(name)
    plot = args.plot or out.with_suffix(".png")
    plot.parent.mkdir(parents=True, exist_ok=True)

    def keep(found: dict[str, Any]) -> None:
        write_figures(out, found)

    found = benchmark(papers, annotations, config, sizes, only=args.only, keep=keep)
    Console().print(as_tables(found))
    save_plot(found, str(plot))
    print(f"figures: {out}; picture: {plot}")


if __name__ == "__main__":
    main()
