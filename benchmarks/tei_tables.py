"""Tables of GROBID's TEI whose cells span: `python -m benchmarks.tei_tables TEI.parquet...`.

Printed is how many tables have a cell with `cols`, and the share of these that get rows of one width.
"""

from __future__ import annotations

import sys
from collections import Counter

import pyarrow.parquet as pq

from tdm_ray.errors import PaperError
from tdm_ray.papers import tei


def widths(document: str) -> Counter[bool]:
    """Of the tables of a document with cells that span: how many have rows of one width, how many not."""
    root = tei._parse(document)
    figures = root.iterfind(f".//{tei._NAMESPACE}figure[@type='table']")
    spanning = (f for f in figures if any(cell.get("cols") for cell in f.iter(f"{tei._NAMESPACE}cell")))
    grids = (tei._grid(figure, list(figure.iter(tei._ROW))).rows for figure in spanning)
    return Counter(len({len(row) for row in grid}) == 1 for grid in grids)


def main() -> None:
    """Print the count and the share."""
    total: Counter[bool] = Counter()
    for path in sys.argv[1:]:
        for document in pq.read_table(path, columns=["tei"])["tei"].to_pylist():
            try:
                total += widths(document or "")
            except PaperError:
                continue
    tables = total.total()
    print(
        f"{tables:,} tables with cells that span; {total[True] / max(tables, 1):.1%} with rows of one width"
    )


if __name__ == "__main__":
    main()
