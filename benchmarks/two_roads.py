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
from collections.abc import Iterator, Sequence
from multiprocessing import Pool
from pathlib import Path

from tdm_ray.errors import PaperError
from tdm_ray.papers.latex.eprint import is_tar, members, unpacked
from tdm_ray.papers.latex.project import decode, main_file
from tdm_ray.papers.latex.tex import without_comments

_TABULAR = re.compile(rb"\\begin\s*\{(?:tabular|longtable)")
_SECONDS = 80


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


if __name__ == "__main__":
    main()
