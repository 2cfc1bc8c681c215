"""Join two taxonomies: one's labels, and those of the other that mean none of them, with both's names.

How `tdm_ray/taxonomy/default.tsv` was made of our own 608 labels and the field's 1,850:

    python jobs/join_taxonomies.py --own own.tsv --other DATA/annotations/TDM_taxonomy.tsv --min-count 5 \\
        --out default.tsv
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
