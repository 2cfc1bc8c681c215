"""Tables flattened to text, held against their HTML: `python -m benchmarks.flat_tables DIR [--papers 30]`.

DIR holds pages of LaTeXML (`benchmarks.two_roads` makes it). A browser prints each to PDF (`chromium`),
`pdftotext -layout` makes text of it, and our reader of plain text reads that. Printed is, of the number cells
of the pages, the share that stands under the right headers, that stands under others, and that stayed text.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import tempfile
from collections import Counter
from multiprocessing import Pool
from pathlib import Path

from lxml import etree, html

from benchmarks.two_roads import _LEAST_PAGE, _digits, _matched
from tdm_ray.errors import PaperError
from tdm_ray.papers.grid import CITED, is_value
from tdm_ray.papers.html_page import read_html
from tdm_ray.papers.plain_text import read_plain_text
from tdm_ray.records import PaperTable

# A page wide enough for every table, its cells aligned as the source has them.
_STYLE = b"""<style>@page{size:24in 30in;margin:.5in} td,th{padding:0 8pt;white-space:nowrap;text-align:left}
table{border-collapse:collapse} figcaption{display:block} .ltx_note_outer{display:none} figure{margin:1em}
td.ltx_align_center,th.ltx_align_center{text-align:center} td.ltx_align_right{text-align:right}</style>"""
# Pages are made without bibliographies: a citation there prints its key.
_CITE = re.compile(
    rb'<cite\b.*?</cite>|<span class="ltx_ref ltx_missing_citation[^>]*>[^<]*</span>', re.DOTALL
)
_INLINE = re.compile(rb'\sstyle="[^"]*"')
_TAGS = {"ltx_tabular": "table", "ltx_thead": "thead", "ltx_tbody": "tbody", "ltx_tr": "tr", "ltx_td": "td"}
_PRINT = ("chromium", "--headless", "--no-sandbox", "--disable-gpu", "--no-pdf-header-footer")


def printed(page: Path) -> str:
    """The page as text, with its layout."""
    with tempfile.TemporaryDirectory() as folder:
        shown = Path(folder) / "page.html"
        pdf = Path(folder) / "page.pdf"
        shown.write_bytes(_shown(page.read_bytes()).replace(b"</head>", _STYLE + b"</head>", 1))
        command = [*_PRINT, f"--print-to-pdf={pdf}", f"file://{shown}"]
        subprocess.run(command, check=True, capture_output=True, timeout=120)
        done = subprocess.run(["pdftotext", "-layout", str(pdf), "-"], check=True, capture_output=True)
        return done.stdout.decode("utf-8", "replace")


def _shown(source: bytes) -> bytes:
    """The page with its tables as a browser shows them: LaTeXML's spans as rows and cells."""
    root = html.document_fromstring(_CITE.sub(b"[7]", _INLINE.sub(b"", source)))
    for node in root.iter(etree.Element):
        names = (node.get("class") or "").split()
        tag = next((tag for name, tag in _TAGS.items() if name in names), None)
        if tag and node.tag != "th":
            node.tag = tag
        elif node.tag == "p":
            node.tag = "div"  # a paragraph cannot hold a table
        for span in ("colspan", "rowspan"):
            named = next((name for name in names if name.startswith(f"ltx_{span}_")), None)
            if named and tag == "td":
                node.set(span, named.rpartition("_")[2])
    return bytes(html.tostring(root, doctype="<!DOCTYPE html>", encoding="utf-8"))


def compared(page: Path) -> tuple[str, Counter[str], list[str]] | None:
    """Of a page's number cells, how many are right, wrong and text; None for a page without any."""
    data = page.read_bytes()
    if len(data) < _LEAST_PAGE:
        return None
    try:
        tables = read_html(page.stem, data).tables
        if repr(tables) != repr(read_html(page.stem, data.replace(b"ltx_ERROR", b"ltx_none")).tables):
            return None  # LaTeXML did not know a command in a table
        theirs = [_cells(table) for table in tables]
        text = page.with_suffix(".txt")
        if not text.exists():
            text.write_text(printed(page), encoding="utf-8")
        ours = [_cells(table) for table in read_plain_text(page.stem, text.read_text("utf-8")).tables]
    except (PaperError, subprocess.SubprocessError) as error:
        return page.stem, Counter({f"failed: {type(error).__name__}": 1}), []
    counts: Counter[str] = Counter()
    lines = []
    for one, other in _matched(theirs, ours):
        rest = list(other)
        for cell in one:
            alike = [c for c in rest if c[0] == cell[0]]
            best = max(
                alike, key=lambda c: (c[1:] == cell[1:], c[1] == cell[1], c[2] == cell[2]), default=None
            )
            kind = "text" if best is None else _kind(cell, best)
            counts[kind] += 1
            if best is not None:
                rest.remove(best)
            if not kind.startswith("right"):
                lines.append(f"{kind}\t{page.stem}\t{cell}\t{best}")
        counts["read, and no number cell of the page"] += len(rest)
        lines += [f"more\t{page.stem}\t{cell}" for cell in rest]
    return page.stem, counts, lines


def _kind(cell: tuple[str, ...], read: tuple[str, ...]) -> str:
    """How a number that was read stands to the page's: a name of an upper level may be missing."""
    same_row = read[1].endswith(cell[1]) and (read[1] == cell[1] or cell[1])  # names of two columns are one
    if same_row and cell[2] == read[2]:
        return "right"
    upper = same_row and read[2] and cell[2].endswith(read[2])
    return "right, an upper header missing" if upper else "wrong"


def _cells(table: PaperTable) -> list[tuple[str, str, str]]:
    """The number cells: digits; letters and digits of the last row header and of all column headers."""
    return [
        (_digits(c.value), _joined(c.row_headers[-1:]), _joined(c.column_headers))
        for c in table.cells
        if is_value(c.value)
    ]


def _joined(headers: object) -> str:
    text = " ".join(dict.fromkeys(headers))  # type: ignore[call-overload]
    return re.sub(r"\[[\d, –-]*\]|[\W_]", "", text.replace(CITED, "")).lower()


def main() -> None:
    """Print the shares and the papers that are worst; write DIR/flat.tsv, every cell that is not right."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder")
    parser.add_argument("--papers", type=int, default=30)
    given = parser.parse_args()
    kept = []
    with Pool(2) as pool:
        for result in pool.imap(compared, sorted(Path(given.folder).glob("*.html"))):
            if result and sum(result[1].values()):
                kept.append(result)
            if len(kept) == given.papers:
                break
        pool.terminate()
    total = sum((counts for _, counts, _ in kept), Counter())
    cells = sum(count for kind, count in total.items() if kind.startswith(("right", "wrong", "text")))
    print(f"{len(kept)} papers, {cells:,} number cells")
    for kind, count in total.most_common():
        print(f"{kind:40} {count:6,} {count / max(cells, 1):7.2%}")
    for name, counts, _ in sorted(kept, key=lambda r: r[1]["right"] - sum(r[1].values()))[:15]:
        print(name, dict(counts))
    lines = [line for _, _, more in kept for line in more]
    (Path(given.folder) / "flat.tsv").write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
