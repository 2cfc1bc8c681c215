"""Learn whose a row or a column of a table is (own, variant, baseline), as the matcher that ships has it.

Two minutes on 2 cores, where the LaTeX papers are read already (`tdm-ray ingest`):

    python jobs/line_kinds.py --papers corpus 'DATA/tei/train-*.parquet' --out out/line-kinds \\
        --cells tests/by_reading/cells.parquet --classes DATA/annotations/axcell_cells.jsonl \\
        --held-out DATA/splits.json

The three files of OUT belong into `tdm_ray/extract/embedded`; then learn the matcher again (`tdm-ray
matcher`).
"""

import argparse

from tdm_ray.training.line_kinds import learn_from_files


def main() -> None:
    """Parse the command line, run the recipe."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--papers", nargs="+", required=True, help="papers that are judged or whose names count"
    )
    parser.add_argument("--cells", required=True, help="cells judged by reading, as Parquet")
    parser.add_argument("--classes", help="AxCell's classes of cells, as JSON lines")
    parser.add_argument("--held-out", help="a JSON file whose `dev` lists the ids that are not learnt from")
    parser.add_argument("--out", required=True)
    args = parser.parse_args()
    print(learn_from_files(args.papers, args.cells, args.classes, args.held_out, args.out))


if __name__ == "__main__":
    main()
