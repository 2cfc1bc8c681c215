"""An e-print as arXiv distributes it becomes one flat TeX source.

It may be a gzip of one TeX file, a gzip of a tar of a project, or a plain tar, distinguished by content. A
PDF, an HTML page or a withdrawal notice is rejected. Nothing is written to disk; names inside an archive are
only compared, never opened. See https://info.arxiv.org/help/bulk_data_s3.html and https://info.arxiv.org/help/unpack.html
"""

from __future__ import annotations

import io
import re
import tarfile
import zlib

from tdm_ray.errors import PaperError
from tdm_ray.papers.latex.project import README, decode, flatten

# What an e-print may unpack to: of 4,196 real ones the largest has 0.7 MB of TeX; with figures 100 MB are
# seen.
MAX_UNPACKED = 150_000_000
# Of that, TeX: a book has 5 MB.
MAX_TEX = 20_000_000
_TEX_NAMES = (
    ".tex",
    ".ltx",
    ".latex",
    ".sty",
    ".cls",
    ".bbl",
    ".inp",
    ".txt",
    ".tikz",
    ".def",
    ".macros",
    ".tab",
    ".tbl",
    "",
)
_GZIP = b"\x1f\x8b"
_PDF = b"%PDF"
_MARKUP = re.compile(rb"\s*(?:<\?xml[^>]*>\s*)?<(?:!doctype\s+html|html|head)", re.IGNORECASE)
_WITHDRAWN = re.compile(r"\b(?:withdrawn|withdrawal)\b", re.IGNORECASE)
_MARKS = re.compile(
    r"\\(?:begin|section|documentclass|documentstyle|title|par|bf|input|centerline|magnification)\b"
)


def read_eprint(data: bytes) -> str:
    """The flat TeX source of an e-print.

    Raises `PaperError`: empty, truncated, too_large, pdf_only, html_only, withdrawn, not_a_paper, no_source.
    """
    content = unpacked(data)
    if not content.strip(b"\0 \t\r\n"):
        raise PaperError("empty", "the e-print holds nothing")
    if content.startswith(_PDF):
        raise PaperError("pdf_only", "the e-print is a PDF; give a GROBID TEI of it")
    if _MARKUP.match(content):
        raise PaperError("html_only", "the e-print is an HTML page")
    if is_tar(content):
        return flatten(members(content))
    if content.startswith(b"%!PS"):
        raise PaperError("pdf_only", "the e-print is PostScript; give a GROBID TEI of it")
    return _single(content)


def unpacked(data: bytes, *, layers: int = 2) -> bytes:
    """The content of a gzip, or of a gzip in a gzip, at most `MAX_UNPACKED` bytes of it; other data as it
    is."""
    if not data.startswith(_GZIP):
        return data
    stream = zlib.decompressobj(zlib.MAX_WBITS | 16)
    try:
        content = stream.decompress(data, MAX_UNPACKED + 1)
    except zlib.error as error:
        raise PaperError("truncated", f"{error}; fetch the e-print again") from None
    if len(content) > MAX_UNPACKED:
        raise PaperError("too_large", f"unpacks to more than {MAX_UNPACKED:,} bytes")
    if not stream.eof:
        raise PaperError("truncated", "the gzip ends early; fetch the e-print again")
    return content if layers <= 1 else unpacked(content, layers=layers - 1)


def is_tar(content: bytes) -> bool:
    """Whether the content of an e-print is an archive of a project."""
    return content[257:262] == b"ustar" or _old_tar(content)


def _old_tar(content: bytes) -> bool:
    """Whether the first block is a tar header without the magic of POSIX, as the oldest e-prints have it."""
    try:
        tarfile.TarInfo.frombuf(content[:512], "utf-8", "replace")
    except tarfile.HeaderError:
        return False
    return True


def members(content: bytes) -> dict[str, bytes]:
    """The text files of an archive, by name. Raises `PaperError`: truncated, too_large, pdf_only, ...."""
    files: dict[str, bytes] = {}
    kinds = set()
    total = 0
    try:
        with tarfile.open(fileobj=io.BytesIO(content), mode="r:") as archive:
            for member in archive:
                suffix = _suffix(member.name)
                kinds.add(suffix)
                wanted = suffix in _TEX_NAMES or README.fullmatch(member.name)
                file = archive.extractfile(member) if member.isreg() and wanted else None
                if file is None:
                    continue
                total += member.size
                if total > MAX_TEX:
                    raise PaperError("too_large", f"more than {MAX_TEX:,} bytes of TeX")
                files[member.name.removeprefix("./")] = file.read()
    except tarfile.TarError as error:
        if not files:
            raise PaperError("truncated", f"{error}; fetch the e-print again") from None
    if not files:
        if kinds & {".pdf", ".ps", ".eps"}:
            raise PaperError(
                "pdf_only", "the e-print has a PDF or PostScript and no TeX; give a GROBID TEI of it"
            )
        if ".cry" in kinds:
            raise PaperError(
                "no_source", "the source is encrypted (.cry): arXiv withholds it; give a TEI of the PDF"
            )
        raise PaperError(
            "no_source", f"no TeX among the files of the e-print ({', '.join(sorted(kinds)) or 'none'})"
        )
    return files


def _suffix(name: str) -> str:
    base = name.rsplit("/", 1)[-1]
    return f".{base.rsplit('.', 1)[1].lower()}" if "." in base[1:] else ""


def _single(content: bytes) -> str:
    if len(content) > MAX_TEX:
        raise PaperError("too_large", f"more than {MAX_TEX:,} bytes of TeX")
    text = decode(content)
    if len(text) < 5000 and _WITHDRAWN.search(text) and "\\section" not in text:
        raise PaperError("withdrawn", text.strip()[:200])
    if not _MARKS.search(text) and _binary(text):
        raise PaperError("not_a_paper", "neither TeX nor an archive of it")
    return flatten({"main.tex": content})


def _binary(text: str) -> bool:
    odd = sum(not (c.isprintable() or c.isspace()) for c in text[:10_000])
    return odd > 0.05 * len(text[:10_000])
