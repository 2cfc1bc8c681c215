"""Join two taxonomies: one's labels, and those of the other that mean none of them, with both's names.

How the first 2,023 labels of `tdm_ray/taxonomy/default.tsv` were made of our own 608 and the field's 1,850:

    python jobs/join_taxonomies.py --own own.tsv --other DATA/annotations/TDM_taxonomy.tsv --min-count 5 \\
        --out default.tsv

The file that ships has our own labels first; this writes all in the order of their names. Three labels
differ: in that file CoLA's Matthews Correlation lacks the alias "Accuracy" and its 23 papers, and the two of
CNN / Daily Mail under Question Answering a direction.
"""

import argparse

from tdm_ray.taxonomy.join import join_files


def main() -> None:
    """Parse the command line, run the recipe."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--own", required=True, help="the taxonomy whose names are kept")
    parser.add_argument("--other", required=True, help="the taxonomy that adds labels and aliases")
    parser.add_argument("--min-count", type=int, default=0, help="least count of a label of the other")
    parser.add_argument("--out", required=True, help="the TSV to write (docs/inputs.md, Taxonomies)")
    args = parser.parse_args()
    print(join_files(args.own, args.other, args.out, min_count=args.min_count))


if __name__ == "__main__":
    main()
