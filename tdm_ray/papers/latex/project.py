"""The files of a TeX project become one flat source: `\\input` and `\\include` are followed."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Mapping

from tdm_ray.errors import PaperError
from tdm_ray.papers.latex.tex import OPTION, without_comments

_DOCUMENT = re.compile(r"\\document(?:class|style)\b")
_BEGIN = re.compile(r"\\begin\s*\{document\}")
# Papers come from strangers: in none of these may two parts compete for the same blanks or letters.
_INPUT = re.compile(
    r"\\(?:(?:input|include|subfile|InputIfFileExists|loadsection)\s*\{(?:\s*\")?(?P<braced>[^{}\"]++)\"?\s*\}"
    r"|(?:sub)?import\*?\s*\{(?P<folder>[^{}]*)\}\s*\{(?P<imported>[^{}]+)\}|input\s+(?P<bare>[^\s{}\\]+))"
)
_PACKAGE = re.compile(rf"\\(?:usepackage|RequirePackage)\s*+(?:{OPTION}\s*+)?\{{([^{{}}]+)\}}")
_DEFINITION = re.compile(
    r"^[^\S\n]*\\(?:(?:re|provide)?newcommand|providecommand|DeclareMathOperator)\b[^\n]*$", re.MULTILINE
)
_TOPLEVEL = re.compile(r"(?<![\w./-])([\w./-]+\.tex)\s+toplevelfile")
_ENCODING = re.compile(rb"\\usepackage\s*\[([a-z0-9-]+)\]\s*\{inputenc\}")
_CODECS = {
    "latin1": "cp1252",
    "ansinew": "cp1252",
    "cp1252": "cp1252",
    "latin2": "iso8859-2",
    "latin9": "iso8859-15",
    "applemac": "mac-roman",
    "cp1251": "cp1251",
    "koi8-r": "koi8-r",
}
_TEX = (".tex", ".ltx", ".latex")
_USUAL = ("main", "ms", "paper", "article", "arxiv", "manuscript", "root", "template")
_DEEP = 12
_LONGEST = 20_000_000


def decode(data: bytes) -> str:
    """The text of a file: UTF-8, else what it says of itself, else Windows-1252."""
    data = data.removeprefix(b"\xef\xbb\xbf").replace(b"\0", b"")
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        named = _ENCODING.search(data[:20_000])
        text = data.decode(_CODECS.get(named[1].decode(), "cp1252") if named else "cp1252", "replace")
    return text.replace("\r\n", "\n").replace("\r", "\n")


def flatten(files: Mapping[str, bytes]) -> str:
    """One source of all files, comments taken out. Raises `PaperError` no_source, too_large."""
    texts = {posixpath.normpath(name): without_comments(decode(data)) for name, data in files.items()}
    main = _main(texts, _toplevel(files))
    flat = _followed(texts, main, (main,), [0])
    return _macros(texts, flat) + flat


def _toplevel(files: Mapping[str, bytes]) -> str | None:
    """The main file that arXiv's `00README` names, where there is one."""
    for name in files:
        if posixpath.basename(name).startswith("00README"):
            match = _TOPLEVEL.search(decode(files[name]))
            if match:
                return posixpath.normpath(match[1])
    return None


def _main(texts: Mapping[str, str], named: str | None) -> str:
    """The file that LaTeX would be called with."""
    if named in texts:
        return str(named)
    sources = [
        n for n in texts if n.endswith(_TEX) or ("." not in posixpath.basename(n) and "\\" in texts[n])
    ]
    sources = sources or [n for n in texts if _DOCUMENT.search(texts[n]) and n.endswith(".txt")]
    if not sources:
        raise PaperError("no_source", f"no TeX file among {', '.join(sorted(texts)[:10])}")
    inner = {_file_named(texts, _target(m), n) for n in sources for m in _INPUT.finditer(texts[n])}
    return max(sources, key=lambda n: (*_rank(n, texts[n], n in inner), -len(n), n))


def _rank(name: str, text: str, inner: bool) -> tuple[bool, bool, bool, bool, bool, int]:
    stem = posixpath.splitext(posixpath.basename(name))[0].lower()
    return (
        bool(_DOCUMENT.search(text)),
        bool(_BEGIN.search(text)),
        not inner,
        "\\title" in text or "\\section" in text,
        stem in _USUAL,
        len(text),
    )


def _target(match: re.Match[str]) -> str:
    name = match["braced"] or match["bare"] or posixpath.join(match["folder"] or "", match["imported"] or "")
    return posixpath.normpath(name.strip())


def _file_named(texts: Mapping[str, str], target: str, near: str) -> str | None:
    """The file a name means: as in TeX with or without its suffix, from the root or beside the file that
    names it."""
    for base in (target, posixpath.normpath(posixpath.join(posixpath.dirname(near), target))):
        for name in (base, *(base + suffix for suffix in _TEX)):
            if name in texts:
                return name
    return None


def _followed(texts: Mapping[str, str], name: str, above: tuple[str, ...], size: list[int]) -> str:
    text = texts[name]
    size[0] += len(text)
    if size[0] > _LONGEST:
        raise PaperError("too_large", f"more than {_LONGEST:,} characters of TeX with all inputs followed")

    def follow(match: re.Match[str]) -> str:
        inner = _file_named(texts, _target(match), name)
        if inner is None or inner in above or len(above) > _DEEP:
            return " "
        body = _followed(texts, inner, (*above, inner), size)
        whole = _BEGIN.search(body)  # a subfile is a document of its own
        return f"\n{body[whole.end() :].split(chr(92) + 'end{document}')[0] if whole else body}\n"

    return _INPUT.sub(follow, text)


def _macros(texts: Mapping[str, str], flat: str) -> str:
    """One-line definitions in the project's own packages; those of published styles do no harm."""
    wanted = {name.strip() + ".sty" for match in _PACKAGE.finditer(flat) for name in match[1].split(",")}
    own = [text for name, text in texts.items() if posixpath.basename(name) in wanted and len(text) < 100_000]
    return "".join(
        f"{line.strip()}\n"
        for text in own
        for line in _DEFINITION.findall(text)
        if line.count("{") == line.count("}")
    )
