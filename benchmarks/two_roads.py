"""Two roads to the same table: `python -m benchmarks.two_roads DUMP... --work DIR [--papers 120] [--seed 1]`.

E-prints drawn by a seed are read from LaTeX by our reader, and from the HTML that LaTeXML makes of them (the
program `latexmlc`, Debian's package `latexml`), as arXiv serves it. Printed is the share of the number cells
of either road that both have with the same headers, by class of difference. DIR keeps the HTML, so that a
second call compares only. DUMP is a folder with arXiv's source tars.
"""

from __future__ import annotations

import argparse
import glob
import posixpath
import random
import re
import subprocess
import tarfile
import tempfile
import unicodedata
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import groupby
from multiprocessing import Pool
from pathlib import Path
from typing import Any

from tdm_ray.errors import PaperError
from tdm_ray.papers.grid import is_value
from tdm_ray.papers.html_page import read_html
from tdm_ray.papers.latex.eprint import is_tar, members, read_eprint, unpacked
from tdm_ray.papers.latex.paper import read_tex
from tdm_ray.papers.latex.project import decode, main_file
from tdm_ray.papers.latex.tex import without_comments
from tdm_ray.records import Paper, PaperTable

_TABULAR = re.compile(rb"\\begin\s*\{(?:tabular|longtable)")
_SECONDS = 80
# Style files of conferences load these; flat sources lack such files, and their commands would be unknown.
_PACKAGES = ("natbib", "multirow", "booktabs", "graphicx", "xcolor", "colortbl", "amsmath", "amssymb")
_LEAST_PAGE = 3000  # bytes; a page of fewer says that LaTeXML gave up


def drawn(dumps: Sequence[str], papers: int, seed: int) -> Iterator[tuple[str, bytes]]:
    """The e-prints with a tabular, drawn from all tars by the seed."""
    tars = [path for dump in dumps for path in sorted(glob.glob(f"{dump}/**/*.tar", recursive=True))]
    names = []
    for path in tars:
        with tarfile.open(path) as archive:
            names += [(path, name) for name in archive.getnames() if name.endswith(".gz")]
    random.Random(seed).shuffle(names)
    for path, name in names:
        with tarfile.open(path) as archive:
            file = archive.extractfile(name)
            data = file.read() if file else b""
        if papers and _has_tabular(data):
            papers -= 1
            yield posixpath.basename(name).removesuffix(".gz"), data


def _has_tabular(data: bytes) -> bool:
    try:
        files = files_of(data)
    except PaperError:
        return False
    return any(_TABULAR.search(text) for text in files.values())


def files_of(data: bytes) -> dict[str, bytes]:
    """The files of an e-print by name: those of its archive, or its one source."""
    content = unpacked(data)
    return members(content) if is_tar(content) else {"main.tex": content}


def convert(item: tuple[str, bytes, str]) -> str:
    """Convert one e-print by LaTeXML; its HTML and its source are kept in the folder."""
    name, data, work = item
    page = Path(work) / f"{name}.html"
    source = Path(work) / f"{name}.gz"
    if page.exists() or (Path(work) / f"{name}.failed").exists():
        return name
    files = files_of(data)
    texts = {posixpath.normpath(n): without_comments(decode(d)) for n, d in files.items()}
    with tempfile.TemporaryDirectory() as folder:
        for path, text in files.items():
            place = (Path(folder) / path).resolve()
            if place.is_relative_to(folder):
                place.parent.mkdir(parents=True, exist_ok=True)
                place.write_bytes(text)
        main = Path(folder) / main_file(files, texts)
        command = ["latexmlc", "--format=html5", "--nodefaultresources", "--timeout", str(_SECONDS)]
        command += [f"--preload={package}.sty" for package in _PACKAGES]
        command += ["--path", folder, "--dest", str(page), main.name]
        try:
            subprocess.run(command, cwd=main.parent, timeout=_SECONDS + 30, capture_output=True, check=False)
        except subprocess.TimeoutExpired:
            page.unlink(missing_ok=True)
    if page.exists():
        source.write_bytes(data)
    else:
        (Path(work) / f"{name}.failed").touch()
    return name


def compared(source: Path) -> tuple[str, Counter[str], list[str]] | None:
    """The number cells of one e-print by class: in both roads with the same headers, or why not. None where
    LaTeXML gave up."""
    name = source.name.removesuffix(".gz")
    page = source.with_name(f"{name}.html").read_bytes()
    if len(page) < _LEAST_PAGE:
        return None
    try:
        tex = read_tex(name, read_eprint(source.read_bytes()))
        html = read_html(name, page)
    except PaperError as error:
        return name, Counter({f"rejected: {error.reason}": 1}), []
    counts: Counter[str] = Counter()
    examples: list[str] = []
    ours = [_numbers(table) for table in tex.tables]
    theirs = [_numbers(table) for table in html.tables]
    unread = _with_unknown_commands(name, page, html)
    for one, other in _matched(ours, theirs):
        kinds = list(_classes(name, one, other, examples))
        number = next((number for number, table in enumerate(theirs) if table is other), None)
        counts.update(
            f"{kind}, LaTeXML knew no command" if number in unread and kind != "same" else kind
            for kind in kinds
        )
    return name, counts, examples


def _with_unknown_commands(name: str, page: bytes, html: Paper) -> set[int]:
    """The tables in which LaTeXML met a command that it does not know: its arguments became text there, rules
    and spans were lost."""
    again = read_html(name, page.replace(b"ltx_ERROR", b"ltx_none"))
    return {n for n, (a, b) in enumerate(zip(html.tables, again.tables, strict=True)) if a != b}


def _numbers(table: PaperTable) -> list[tuple[str, list[str], list[str]]]:
    """The number cells of a table: its digits, its row headers and its column headers."""
    return [
        (_digits(cell.value), _plain(cell.row_headers), _plain(cell.column_headers))
        for cell in table.cells
        if is_value(cell.value)
    ]


def _digits(text: str) -> str:
    return " ".join(re.findall(r"\d+(?:\.\d+)?|\.\d+", unicodedata.normalize("NFKC", text)))


def _plain(headers: Sequence[str]) -> list[str]:
    """Headers as letters and digits in small letters, one that spans several levels once: how a road writes a
    formula or a mark is no matter."""
    plain = (re.sub(r"\[…\]|[\W_]", "", unicodedata.normalize("NFKD", header)).lower() for header in headers)
    return [header for header, _ in groupby(header for header in plain if header)]


def _matched(ours: list[Any], theirs: list[Any]) -> Iterator[tuple[list[Any], list[Any]]]:
    """The tables of both roads in pairs that share most numbers; one of one road alone with an empty one."""
    numbers = [[Counter(digits for digits, *_ in table) for table in tables] for tables in (ours, theirs)]
    shared = {
        (i, j): (one & other).total()
        for i, one in enumerate(numbers[0])
        for j, other in enumerate(numbers[1])
    }
    left = (set(range(len(ours))), set(range(len(theirs))))
    for (i, j), count in sorted(shared.items(), key=lambda item: (-item[1], item[0])):
        if count and i in left[0] and j in left[1]:
            left[0].remove(i)
            left[1].remove(j)
            yield ours[i], theirs[j]
    yield from ((ours[i], []) for i in sorted(left[0]))
    yield from (([], theirs[j]) for j in sorted(left[1]))


def _classes(name: str, ours: list[Any], theirs: list[Any], examples: list[str]) -> Iterator[str]:
    """The class of each number cell of a pair of tables, the same cells first."""
    rest = list(theirs)
    waiting = []
    for cell in ours:
        if cell in rest:
            rest.remove(cell)
            yield "same"
        else:
            waiting.append(cell)
    for cell in waiting:
        alike = [other for other in rest if other[0] == cell[0]]
        other = max(alike, key=lambda o: (o[1] == cell[1]) + (o[2] == cell[2]), default=None)
        if other is None:
            kind = "only LaTeX" if theirs else "table only LaTeX"
        else:
            rest.remove(other)
            same = (cell[1] == other[1], cell[2] == other[2])
            kind = {(True, False): "column headers", (False, True): "row headers"}.get(same, "both headers")
        examples.append(f"{kind}\t{name}\t{cell}\t{other}")
        yield kind
    for cell in rest:
        kind = "only HTML" if ours else "table only HTML"
        examples.append(f"{kind}\t{name}\t{cell}")
        yield kind


def report(work: str) -> None:
    """Compare all that was converted; print the classes, the papers that differ most, and examples."""
    with Pool() as pool:
        results = pool.map(compared, sorted(Path(work).glob("*.gz")))
    kept = [result for result in results if result]
    total = sum((counts for _, counts, _ in kept), Counter())
    cells = sum(count for kind, count in total.items() if not kind.startswith("rejected"))
    print(
        f"{len(kept)} of {len(results)} e-prints converted by LaTeXML; {cells:,} number cells of either road"
    )
    for kind, count in total.most_common():
        print(f"{kind:20} {count:7,} {count / max(cells, 1):7.2%}")
    worst = sorted(kept, key=lambda r: r[1]["same"] - sum(r[1].values()))[:25]
    for name, counts, _ in worst:
        print(name, dict(counts))
    lines = [line for _, _, examples in kept for line in examples]
    (Path(work) / "differences.tsv").write_text("\n".join(lines) + "\n", encoding="utf-8")


def main() -> None:
    """Convert what is not yet converted, then compare."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("dumps", nargs="+")
    parser.add_argument("--work", required=True)
    parser.add_argument("--papers", type=int, default=120)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--processes", type=int, default=1)
    given = parser.parse_args()
    Path(given.work).mkdir(parents=True, exist_ok=True)
    items = ((name, data, given.work) for name, data in drawn(given.dumps, given.papers, given.seed))
    with Pool(given.processes) as pool:
        for name in pool.imap(convert, items):
            print(name, flush=True)
    report(given.work)


if __name__ == "__main__":
    main()
