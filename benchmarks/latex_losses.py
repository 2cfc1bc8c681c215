"""What the conversion of LaTeX loses: `python -m benchmarks.latex_losses DUMP... [--newest N]`.

A number cell is a cell of a table that, without the names of its commands, holds a digit and at most six
letters; arguments that a macro of the author's does not print are none of it (publishers of sources had taken
the formulas out of macros too). It is lost where no digit of it is left in the text. A tabular becomes a
table where that has a cell. `tabulars_with_text` leaves out those without text in two cells (pictures,
formulas that were taken out) and those in definitions; of each paper at most as many tables as it has of
these are counted (`tables_of_text`). Printed are these counts, the papers with a lost cell, the commands
that pandoc hands back unknown, and the seconds a paper takes. DUMP is a folder with arXiv's source tars;
`--newest` takes the last e-prints by name.
"""

from __future__ import annotations

import argparse
import glob
import json
import re
import tarfile
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from multiprocessing import Pool
from typing import Any

from tdm_ray.errors import PaperError
from tdm_ray.papers.latex.conditionals import without_branches
from tdm_ray.papers.latex.eprint import read_eprint
from tdm_ray.papers.latex.macros import Macro, expand, expand_once
from tdm_ray.papers.latex.paper import converted_cells, read_tex
from tdm_ray.papers.latex.tabular import TexTable, read_tabular, tabulars
from tdm_ray.papers.latex.tex import without_comments

_COMMAND = re.compile(
    r"\\[a-zA-Z]*(?:cite|ref|label|footnote|color|tnote|includegraphics|rotatebox|scalebox|multirow|ding)[a-zA-Z]*\*?(?:\s*\[[^\]]*\])*\s*\{[^{}]*\}"
    # Lengths and ranges of columns, not what stands after them.
    r"|\\(?:parbox|resizebox\*?\s*\{[^{}]*\}|[cC]line|Xcline|cmidrule)\s*(?:\[[^\]]*\]|\([^)]*\))?\s*\{[^{}]*\}"
    r"|\\(?:vspace|hspace|rule|raisebox|fontsize)\*?(?:\s*\{[^{}]*\})+|\\[a-zA-Z@]+\*?(?:\[[^\]]*\])?|[-\d.]+(?:pt|em|ex|cm|mm)\b"
)
_FILE = re.compile(
    r"\{[^{}]*\.(?:png|jpe?g|pdf|eps)\}|\\(?:includegraphics|parbox)\s*\[[^\]]*\]\s*\{(?:[^{}]|\{[^{}]*\})*\}"
)
_NO_TEXT = re.compile(
    r"\\(?:includegraphics|animategraphics|epsfig|psfig|vspace|hspace|label|ref|cite\w*|begin|end)\*?"
    r"\s*(?:\[[^\]]*\]|\{[^{}]*\}|<[^>]*>)+|\$[^$]*\$|\\[a-zA-Z@]+\*?(?:\[[^\]]*\])?"
)
_LETTERS = 6
_ROUNDS = 3  # macros within macros that are followed


def losses(member: tuple[str, bytes]) -> dict[str, Any]:
    """The counts of one e-print."""
    name, data = member
    started = time.perf_counter()
    found: dict[str, Any] = {"paper": name, "cells": 0, "lost": [], "tabulars": 0, "tables": 0, "unknown": []}
    try:
        tex = read_eprint(data)
        paper = read_tex(name, tex)
    except PaperError as error:
        return {**found, "rejected": error.reason, "seconds": time.perf_counter() - started}
    found["seconds"] = time.perf_counter() - started
    found["tabulars"] = len(tabulars(without_comments(tex)))
    found["tables"] = sum(bool(table.cells) for table in paper.tables)
    expanded, macros = expand(without_branches(without_comments(tex)))
    holding = [_holds_text(read_tabular(one, expanded)) for one in tabulars(expanded)]
    found["tabulars_with_text"] = sum(holding)
    found["tables_of_text"] = min(sum(holding), found["tables"])
    silent = _silent(macros)
    for source, text in converted_cells(tex):
        found["unknown"] += text.unknown
        if reads_as_number(expand_once(source, silent) if silent else source):
            found["cells"] += 1
            if not any(map(str.isdigit, text.text)):
                found["lost"].append(source)
    return found


def _holds_text(table: TexTable) -> bool:
    """Whether at least two cells hold a letter or digit besides pictures, formulas and commands."""
    texts = (_NO_TEXT.sub(" ", cell) for row in table.grid for cell in row)
    return sum(any(map(str.isalnum, text)) for text in texts) > 1


def _silent(macros: Mapping[str, Macro]) -> dict[str, Macro]:
    """The macros that print no argument: they leave them out, or name a file or a size by them."""
    found = {}
    for name, macro in macros.items():
        body = macro.body
        for _ in range(_ROUNDS):
            body = expand_once(body, macros)
        printed = _COMMAND.sub(" ", _FILE.sub(" ", body))
        if macro.parameters and not re.search(r"#\d", printed):
            found[name] = replace(macro, body="")
    return found


def reads_as_number(tex: str) -> bool:
    """Whether a cell's TeX holds a number and little else."""
    bare = _COMMAND.sub(" ", _FILE.sub(" ", tex))
    return any(map(str.isdigit, bare)) and sum(map(str.isalpha, bare)) <= _LETTERS


def eprints(folders: Iterable[str], newest: int | None) -> Iterator[tuple[str, bytes]]:
    """The e-prints of the tars of some folders; of `newest` the last by name."""
    tars = sorted(path for folder in folders for path in glob.glob(f"{folder}/**/*.tar", recursive=True))
    names = [(name, path) for path in tars for name in _names(path)]
    wanted = set(sorted(names, key=lambda one: one[0].rsplit("/", 1)[-1])[-newest:] if newest else names)
    for path in tars:
        with tarfile.open(path) as archive:
            for member in archive:
                file = archive.extractfile(member) if (member.name, path) in wanted else None
                if file is not None:
                    yield member.name.rsplit("/", 1)[-1], file.read()


def _names(path: str) -> list[str]:
    with tarfile.open(path) as archive:
        return [member.name for member in archive if member.isreg()]


def main() -> None:
    """Print the counts over some dumps."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("dumps", nargs="+")
    parser.add_argument("--newest", type=int)
    parser.add_argument("--every", type=int, default=1, help="read one e-print of so many")
    parser.add_argument("--show", type=int, default=0, help="print so many lost cells")
    args = parser.parse_args()
    chosen = (one for number, one in enumerate(eprints(args.dumps, args.newest)) if number % args.every == 0)
    with Pool(2) as pool:
        rows = list(pool.imap_unordered(losses, chosen, chunksize=8))
    read = [row for row in rows if "rejected" not in row]
    lost = [(row["paper"], cell) for row in read for cell in row["lost"]]
    unknown = Counter(name for row in read for name in row["unknown"])
    figures = {
        "papers": len(read),
        "rejected": Counter(row["rejected"] for row in rows if "rejected" in row),
        "number_cells": (cells := sum(row["cells"] for row in read)),
        "lost": len(lost),
        "lost_percent": round(100 * len(lost) / max(cells, 1), 3),
        "papers_with_lost": sum(bool(row["lost"]) for row in read),
        "tabulars": sum(row["tabulars"] for row in read),
        "tables": sum(row["tables"] for row in read),
        "tabulars_with_text": sum(row["tabulars_with_text"] for row in read),
        "tables_of_text": sum(row["tables_of_text"] for row in read),
        "seconds_a_paper": round(sum(row["seconds"] for row in rows) / max(len(rows), 1), 4),
        "slowest_s": round(max((row["seconds"] for row in rows), default=0), 2),
        "unknown": unknown.most_common(60),
    }
    print(json.dumps(figures, indent=1))
    slowest = sorted(read, key=lambda row: -row["seconds"])[:3]
    print("slowest:", ", ".join(f"{row['paper']} {row['seconds']:.1f} s" for row in slowest))
    for paper, cell in list(dict.fromkeys(lost))[: args.show]:
        print(paper, repr(cell[:200]))


if __name__ == "__main__":
    main()
