"""Measure tdm_ray on this machine, side by side with other ways of scoring; prints tables, writes a picture.

    python jobs/benchmark.py 'DATA/tei/dev-*.parquet' --annotations DATA/annotations/resultsAnnotation.tsv \
        --taxonomy DATA/annotations/TDM_taxonomy.tsv --min-count 5 --index my-index --out figures.json

About an hour on 2 cores, under ten minutes with --quick. Without papers it takes those of the demo. Needs
`pip install '.[benchmark]'`.
"""

import argparse
import json
from pathlib import Path

from rich.console import Console

from tdm_ray.config import BenchmarkConfig, ScoreConfig
from tdm_ray.demo import demo_gold, demo_papers

try:
    from benchmarks.speed.report import as_tables, save_plot
    from benchmarks.speed.run import PARTS, benchmark
except ModuleNotFoundError as error:
    raise SystemExit(f"{error.name} is not installed: pip install '.[benchmark]'") from None


def main() -> None:
    """Parse the command line, measure, show."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("papers", nargs="*", help="files, folders, globs; the demo's without any")
    parser.add_argument("--annotations", nargs="+", default=[])
    parser.add_argument("--taxonomy", default="default")
    parser.add_argument("--min-count", type=int, default=0)
    parser.add_argument("--index")
    parser.add_argument("--model", default="embedded")
    parser.add_argument("--quick", action="store_true", help="fewer papers: under ten minutes on 2 cores")
    parser.add_argument("--only", nargs="+", default=[], choices=PARTS, help="some parts of it; plan needs ray")
    parser.add_argument("--out", type=Path, help="write the figures here, as JSON")
    parser.add_argument("--plot", type=Path, help="write the picture here; beside --out without it")
    args = parser.parse_args()
    config = ScoreConfig(model=args.model, taxonomy=args.taxonomy, min_count=args.min_count, index=args.index)
    sizes = BenchmarkConfig.quick() if args.quick else BenchmarkConfig()
    papers, annotations = (args.papers, args.annotations) if args.papers else ([demo_papers()], [demo_gold()])
    out, plot = args.out, args.plot or (args.out.with_suffix(".png") if args.out else Path("benchmark.png"))
    for path in filter(None, (out, plot)):
        path.parent.mkdir(parents=True, exist_ok=True)
    keep = (lambda found: out.write_text(json.dumps(found, indent=2))) if out else (lambda found: None)
    found = benchmark(papers, annotations, config, sizes, only=args.only, keep=keep)
    Console().print(as_tables(found))
    save_plot(found, str(plot))
    print(f"picture: {plot}")


if __name__ == "__main__":
    main()
