"""What the LaTeX road keeps of a dump, counted against its TeX. Prints the figures of the README; not a test.

    python tests/measure_latex.py ../shared/data/dump/src out/dump

Reads the tars again (without converting) and compares with the papers table that `tdm-ray ingest` made of them. A
tabular counts where it holds text: grids of images, and tables whose formulas were taken out of the source, do not;
neither does one inside another's cell, in a comment or in an `\\iffalse`.
"""

import re
import sys
from collections import Counter
from concurrent.futures import ProcessPoolExecutor

from tdm_ray.papers.latex.macros import expand
from tdm_ray.papers.latex.paper import _SKIPPED, _cell
from tdm_ray.papers.latex.split import _TITLE, _body
from tdm_ray.papers.latex.tabular import read_tabular, tabulars
from tdm_ray.papers.latex.tex import without_comments
from tdm_ray.papers.splits import find_splits
from tdm_ray.papers.read import read_split
from tdm_ray.records import PAPERS
from tdm_ray.storage import read_table

_TEXT = re.compile(r"[^\W_]{1,}")
_COMMANDS = re.compile(r"\\[a-zA-Z]+\*?(?:\s*\[[^\]]*\])*|\{[^{}]*\.(?:png|pdf|jpe?g|eps)\}|[{}]")


def has_text(environment, body):
    cells = (_cell(c) for row in read_tabular(environment, body).grid for c in row)
    return any(_TEXT.search(_COMMANDS.sub(" ", c)) for c in cells)


def count(split):
    """paper_id -> (all tabulars, those with text, whether there is a title in the source)."""
    found = {}
    for reading in read_split(split):
        if reading.tex is not None:
            live = _SKIPPED.sub(" ", without_comments(reading.tex))
            body = _body(expand(live)[0])
            tables = tabulars(body)
            found[reading.paper_id] = (len(tables), sum(has_text(t, body) for t in tables), bool(_TITLE.search(live)))
    return found


def main(dump, corpus):
    with ProcessPoolExecutor(2) as pool:
        source = {k: v for part in pool.map(count, find_splits([dump])) for k, v in part.items()}
    papers = read_table(f"{corpus}/papers", PAPERS).to_pylist()
    total = Counter()
    for p in papers:
        every, texts, titled = source[p["paper_id"]]
        full = sum(any(c["row_headers"] or c["column_headers"] for c in t["cells"]) for t in p["tables"])
        intro = p["abstract"] or any("ntroduc" in s["heading"] or not s["heading"] for s in p["sections"])
        total.update(
            papers=1, titled=bool(p["title"]), titled_in_source=titled, abstract_or_intro=bool(intro),
            abstract=bool(p["abstract"]), sections=bool(p["sections"]),
            whole=bool(p["title"] and intro and p["sections"]),
            whole_where_titled=bool(titled and p["title"] and intro and p["sections"]), tabulars=every, with_text=texts,
            tables=len(p["tables"]), full=full,
            kept=min(full, texts), tolerant=";" in (p["conversion"] or ""),
        )  # fmt: skip
    n = len(source)
    print(f"e-prints {n:,}; became papers {total['papers']:,} ({total['papers'] / n:.2%})")
    for name in (
        "titled",
        "titled_in_source",
        "abstract",
        "abstract_or_intro",
        "sections",
        "whole",
        "whole_where_titled",
    ):
        print(f"  {name.replace('_', ' ')}: {total[name]:,} ({total[name] / n:.1%})")
    print(f"tabulars {total['tabulars']:,}, with text {total['with_text']:,}; tables {total['tables']:,}, ", end="")
    print(f"with cells and headers {total['full']:,}")
    print(f"  of the tabulars with text, at most one table each: {total['kept'] / total['with_text']:.1%}")
    print(f"papers of which a part was read by the tolerant fallback: {total['tolerant']:,}")


if __name__ == "__main__":
    main(*sys.argv[1:])
