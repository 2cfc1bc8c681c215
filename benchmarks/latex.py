"""What reading LaTeX keeps of a dump, counted against its TeX.

    tdm-ray ingest dump/src --out corpus
    python -m benchmarks.latex dump/src corpus

Reads the tars again (without converting) and compares with the papers table that `tdm-ray ingest` made of
them. A tabular counts where it holds text: grids of images, and tables whose formulas were taken out of the
source, do not; neither does one inside another's cell, in a comment or in an `\\iffalse`.
"""

from __future__ import annotations

import argparse
import re
from collections import Counter
from collections.abc import Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from typing import Any

from tdm_ray.papers.latex.macros import expand
from tdm_ray.papers.latex.paper import _cell, _without_skipped
from tdm_ray.papers.latex.split import _TITLE, _body
from tdm_ray.papers.latex.tabular import read_tabular, tabulars
from tdm_ray.papers.latex.tex import Environment, without_comments
from tdm_ray.papers.read import read_split
from tdm_ray.papers.splits import InputSplit, find_splits
from tdm_ray.parallel import cores
from tdm_ray.records import PAPERS
from tdm_ray.storage import join, read_table

_TEXT = re.compile(r"[^\W_]")
_COMMANDS = re.compile(r"\\[a-zA-Z]+\*?(?:\s*\[[^\]]*\])*|\{[^{}]*\.(?:png|pdf|jpe?g|eps)\}|[{}]")
_SHARES = (
    "titled",
    "titled_in_source",
    "abstract",
    "abstract_or_intro",
    "sections",
    "whole",
    "whole_where_titled",
)


@dataclass(frozen=True, kw_only=True)
class Source:
    """What the TeX of a paper holds."""

    tabulars: int
    with_text: int
    titled: bool


def count_split(split: InputSplit) -> dict[str, Source]:
    """The sources of an input split by paper id."""
    return {
        reading.paper_id: count_source(reading.tex)
        for reading in read_split(split)
        if reading.tex is not None
    }


def count_source(tex: str) -> Source:
    """Count in one flat source."""
    live = _without_skipped(without_comments(tex))
    body = _body(expand(live)[0])
    tables = tabulars(body)
    with_text = sum(has_text(table, body) for table in tables)
    return Source(tabulars=len(tables), with_text=with_text, titled=bool(_TITLE.search(live)))


def has_text(table: Environment, body: str) -> bool:
    """Whether a tabular holds letters or digits besides commands and names of images."""
    cells = (_cell(cell) for row in read_tabular(table, body).grid for cell in row)
    return any(_TEXT.search(_COMMANDS.sub(" ", cell)) for cell in cells)


def count_paper(paper: Mapping[str, Any], source: Source) -> dict[str, int]:
    """What became of a source, as numbers to add up."""
    tables = paper["tables"]
    full = sum(any(c["row_headers"] or c["column_headers"] for c in table["cells"]) for table in tables)
    headings = [section["heading"] for section in paper["sections"]]
    intro = bool(paper["abstract"] or any("ntroduc" in heading or not heading for heading in headings))
    whole = bool(paper["title"] and intro and headings)
    return {
        "papers": 1,
        "titled": bool(paper["title"]),
        "titled_in_source": source.titled,
        "abstract": bool(paper["abstract"]),
        "abstract_or_intro": intro,
        "sections": bool(headings),
        "whole": whole,
        "whole_where_titled": whole and source.titled,
        "tabulars": source.tabulars,
        "with_text": source.with_text,
        "full": full,
        "kept": min(full, source.with_text),
        "tolerant": ";" in (paper["conversion"] or ""),
    }


def main() -> None:
    """Parse the command line, count, print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("dump", help="the tars, as in arXiv's dump")
    parser.add_argument("corpus", help="what `tdm-ray ingest` made of them")
    args = parser.parse_args()
    with ProcessPoolExecutor(cores()) as pool:
        sources = {
            key: found
            for part in pool.map(count_split, find_splits([args.dump]))
            for key, found in part.items()
        }
    total = Counter[str]()
    for paper in read_table(join(args.corpus, "papers"), PAPERS).to_pylist():
        total.update(count_paper(paper, sources[paper["paper_id"]]))
    count = len(sources)
    print(f"e-prints {count:,}; became papers {total['papers']:,} ({total['papers'] / count:.2%})")
    for name in _SHARES:
        print(f"  {name.replace('_', ' ')}: {total[name]:,} ({total[name] / count:.1%})")
    print(f"tabulars {total['tabulars']:,}, with text {total['with_text']:,}")
    print(f"tables with cells and headers {total['full']:,}")
    share = total["kept"] / max(total["with_text"], 1)
    print(f"  of the tabulars with text, at most one table each: {share:.1%}")
    print(f"papers of which a part was read by the tolerant fallback: {total['tolerant']:,}")


if __name__ == "__main__":
    main()
