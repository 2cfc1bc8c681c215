"""Learn the cell model, which judges whether a number in words states a result of a label.

About an hour on 2 cores. OUT takes the place of the model that ships in the folder of a matcher of one's own
(MATCHER/cells):

    python jobs/cell_model.py --papers 'DATA/tei/train-*.parquet' --min-count 5 --out out/cells \\
        --taxonomy DATA/annotations/TDM_taxonomy.tsv --annotations DATA/annotations/resultsAnnotation.tsv
"""

import argparse
import json

from tdm_ray.training.cells import learn_cell_model


def main() -> None:
    """Parse the command line, run the recipe."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--papers", nargs="+", required=True)
    parser.add_argument("--annotations", nargs="+", required=True)
    parser.add_argument("--taxonomy", required=True)
    parser.add_argument("--min-count", type=int, default=5)
    parser.add_argument("--steps", type=int, default=1_700)
    parser.add_argument("--learning-rate", type=float, default=8e-5)
    parser.add_argument("--out", required=True)
    args = parser.parse_args()
    figures = learn_cell_model(
        args.papers,
        args.annotations,
        args.taxonomy,
        args.min_count,
        args.out,
        steps=args.steps,
        learning_rate=args.learning_rate,
    )
    print(json.dumps(figures, indent=1))


if __name__ == "__main__":
    main()
