"""From input paths to input splits: which reader a file needs (by its suffix), how much one task reads."""

from __future__ import annotations

import re
from collections.abc import Callable, Container, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import PurePosixPath

import pyarrow as pa
import pyarrow.parquet as pq

from tdm_ray.arxiv_ids import id_of_file_name
from tdm_ray.errors import InputError
from tdm_ray.papers.latex.manifest import Expected, read_manifest
from tdm_ray.records import PAPERS
from tdm_ray.storage import digest, exists, file_state, join, list_files, open_file

FILES_A_SPLIT = 64

_SUFFIXES = {
    ".xml": "tei",
    ".tei": "tei",
    ".jsonl": "jsonl",
    ".json": "jsonl",
    ".ndjson": "jsonl",
    ".html": "html",
    ".htm": "html",
    ".xhtml": "html",
    ".zip": "zip",
    ".txt": "text",
    ".md": "markdown",
    ".markdown": "markdown",
    ".parquet": "parquet",
    ".tar": "dump",
    ".tgz": "eprint",
    ".tex": "eprint",
    ".ltx": "eprint",
    ".pdf": "eprint",
}
ONE_PAPER_A_FILE = ("tei", "html", "text", "markdown", "eprint")
_MANIFEST = re.compile(r"arXiv_src_manifest[\w.-]*\.xml(\.gz)?$")
_IS_PDF = re.compile(r"\.pdf(?:\.gz)?$", re.IGNORECASE)
_CURE_OF_PDF = (
    "make TEI of them with GROBID (https://grobid.readthedocs.io), or Markdown with docling, Marker or "
    "MinerU, and give that"
)
_TEI_COLUMNS = {"paper_id", "tei"}
_PAPERS_COLUMNS = set(PAPERS.names) - {"conversion", "published_by_id"}  # what tables had from the start


@dataclass(frozen=True)
class InputSplit:
    """A unit of reading: some small files, one file of many papers, or one row group of a Parquet file.

    `papers` is how many papers it holds, None where only reading will tell; `expected` is a tar's entry in
    arXiv's manifest; `rows` are the rows of a row group to read, None for all."""

    kind: str
    paths: tuple[str, ...]
    papers: int | None
    row_group: int = 0
    first_row: int = 0
    expected: Expected | None = None
    rows: tuple[int, ...] | None = None

    def only(self, paths: Container[str]) -> InputSplit | None:
        """The split without its other files; None where none is left."""
        kept = tuple(p for p in self.paths if p in paths)
        if kept == self.paths:
            return self
        return replace(self, paths=kept, papers=len(kept)) if kept else None


def find_splits(
    paths: Iterable[str],
    *,
    manifest: str | None = None,
    strict: bool = False,
    tell: Callable[[str], None] | None = None,
) -> list[InputSplit]:
    """The splits of all inputs, in order. Raises `InputError` where a path has nothing that a reader knows,
    and where there are only PDFs.

    manifest: arXiv's `arXiv_src_manifest.xml`, against which tars are checked; without it one beside the tars
    is used. strict, tell: of a broken entry in it, see `read_manifest`."""
    read = partial(read_manifest, strict=strict, tell=tell)
    given = read(manifest) if manifest else None
    every = list(paths)
    splits = [split for path in every for split in _splits(path, given, read)]
    if all(_IS_PDF.search(path) for split in splits for path in split.paths):
        raise InputError(f"{', '.join(every)}: nothing but PDFs; {_CURE_OF_PDF}")
    return splits


def count_papers(splits: Iterable[InputSplit]) -> int | None:
    """How many papers the splits hold, None where only reading will tell."""
    counts = [split.papers for split in splits]
    return None if None in counts else sum(n for n in counts if n)


def fingerprint(splits: Iterable[InputSplit]) -> str:
    """The digest of the input files' names, sizes and times: it changes when the input does."""
    paths = dict.fromkeys(path for split in splits for path in split.paths)
    return digest(f"{path}\t{file_state(path)}\n".encode("utf-8", "backslashreplace") for path in paths)


def paper_id_of_path(path: str) -> str:
    """The id of a paper that has a file of its own: `a/1412.6575v4.tei.xml` -> `1412.6575v4`.

    Ids of before April 2007 have their slash in no file name: `hep-th9901001.gz` -> `hep-th/9901001`.
    """
    name = PurePosixPath(path).name
    for suffix in (".gz", *_SUFFIXES, ".tar", ".tei", ".grobid"):
        name = name.removesuffix(suffix)
    return id_of_file_name(name)


def kind_of(path: str) -> str | None:
    """The reader of a file by its name, `.gz` set aside; `None` where none knows it."""
    if _MANIFEST.search(path):
        return None
    zipped = path.removesuffix(".gz")
    kind = _SUFFIXES.get(PurePosixPath(zipped).suffix.lower())
    if zipped != path and kind in (None, "dump"):  # `1911.02782.gz`: arXiv's own name of an e-print
        return "eprint"
    return kind


def _splits(
    path: str, manifest: Mapping[str, Expected] | None, read: Callable[[str], Mapping[str, Expected]]
) -> Iterator[InputSplit]:
    ingested = join(path, "papers")
    root = ingested if exists(join(path, "ingest.json")) and exists(ingested) else path
    files = list_files(root)
    known = [(kind, file) for file in files if (kind := kind_of(file))]
    if not known:
        raise InputError(
            f"{path}: no papers found; readable are {', '.join(sorted(_SUFFIXES))}, "
            "also with .gz (see docs/inputs.md)"
        )
    single = [(kind, f) for kind, f in known if kind in ONE_PAPER_A_FILE]
    if manifest is None:
        manifest = next((read(f) for f in _manifests(root, files) if exists(f)), {})
    for kind in dict.fromkeys(kind for kind, _ in single):
        files = [f for k, f in single if k == kind]
        for start in range(0, len(files), FILES_A_SPLIT):
            chunk = tuple(files[start : start + FILES_A_SPLIT])
            yield InputSplit(kind, chunk, len(chunk))
    for kind, file in known:
        if kind in ("jsonl", "zip"):
            yield InputSplit(kind, (file,), None)
        elif kind == "dump":
            expected = manifest.get(PurePosixPath(file).name)
            yield InputSplit(kind, (file,), expected.items if expected else None, expected=expected)
        elif kind == "parquet":
            yield from _parquet_splits(file)


def _manifests(root: str, files: list[str]) -> list[str]:
    """The manifests among the files, or beside a single tar."""
    if not any(f.endswith(".tar") for f in files):
        return []
    beside = join(root.rpartition("/")[0] or ".", "arXiv_src_manifest.xml")
    return [f for f in files if _MANIFEST.search(f)] or [beside]


def _parquet_splits(path: str) -> Iterator[InputSplit]:
    try:
        with open_file(path) as file:
            parquet = pq.ParquetFile(file)
            names = set(parquet.schema_arrow.names)
            groups = parquet.num_row_groups
            rows = [parquet.metadata.row_group(g).num_rows for g in range(groups)]
    except (OSError, pa.ArrowException) as error:
        raise InputError(f"{path}: not a Parquet file that can be read ({error})") from None
    kind = "papers_table" if names >= _PAPERS_COLUMNS else "tei_table" if names >= _TEI_COLUMNS else None
    if kind is None:
        raise InputError(
            f"{path}: columns {sorted(names)} are neither those of a papers "
            f"table ({', '.join(PAPERS.names)}) "
            "nor paper_id, tei and (optionally) tables; rename or select them first"
        )
    for group in range(groups):
        yield InputSplit(kind, (path,), rows[group], group, sum(rows[:group]))
