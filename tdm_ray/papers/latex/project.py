"""The files of a TeX project become one flat source: `\\input` and `\\include` are followed.

An `\\input` of a file that is not in the project stays in the source, so that its reader can tell."""

from __future__ import annotations

import json
import posixpath
import re
from collections.abc import Mapping
from functools import cached_property

from tdm_ray.errors import PaperError
from tdm_ray.papers.latex.macros import Macro, definitions_of, expand_once, macros_of
from tdm_ray.papers.latex.tex import OPTION, without_comments

_DOCUMENT = re.compile(r"\\document(?:class|style)\b")
_BEGIN = re.compile(r"\\begin\s*\{document\}")
# Papers come from strangers: in none of these may two parts compete for the same blanks or letters.
_INPUT = re.compile(
    r"\\(?:(?:@?input|include|subfile(?:include)?|includestandalone(?:\[[^\]]{0,200}\])?|InputIfFileExists"
    r"|loadsection)\s*\{(?:\s*\")?(?P<braced>[^{}\"]++)\"?\s*\}"
    r"|(?:sub)?import\*?\s*\{(?P<folder>[^{}]*)\}\s*\{(?P<imported>[^{}]+)\}|input\s+(?P<bare>[^\s{}\\]+))"
)
_PATHS = re.compile(r"\\input@path\s*\{((?:\s*\{[^{}]*\})+)\s*\}")
_PACKAGE = re.compile(rf"\\(?:usepackage|RequirePackage)\s*+(?:{OPTION}\s*+)?\{{([^{{}}]+)\}}")
_CLASS = re.compile(rf"\\document(?:class|style)\s*+(?:{OPTION}\s*+)?\{{([^{{}}]+)\}}")
_LARGEST_PACKAGE = 300_000
_TOPLEVEL = re.compile(r"(?<![\w./-])([\w./-]+\.tex)\s+toplevelfile")
_ENCODING = re.compile(
    rb"\\usepackage\s*\[([a-zA-Z0-9-]+)\]\s*\{inputenc\}|\\begin\s*\{CJK\*?\}\s*\{([A-Za-z0-9]+)\}"
)
_CODECS = {
    "latin1": "cp1252",
    "ansinew": "cp1252",
    "cp1252": "cp1252",
    "latin2": "iso8859-2",
    "latin9": "iso8859-15",
    "applemac": "mac-roman",
    "cp1251": "cp1251",
    "koi8-r": "koi8-r",
    "gbk": "gbk",
    "gb": "gbk",
    "bg5": "big5",
    "big5": "big5",
    "jis": "shift_jis",
    "sjis": "shift_jis",
    "ks": "euc_kr",
}
_TEX = (".tex", ".ltx", ".latex")
_USUAL = ("main", "ms", "paper", "article", "arxiv", "manuscript", "root", "camera", "camera_ready")
# By its name, or its title, a file beside the paper.
_BESIDE = re.compile(
    r"(?<![a-z])(?:supp(?:l|lement|lementary|lemental)?|appendix|rebuttal|response|reply|cover(?:.?letter)?"
    r"|template|example|sample|instructions?|guidelines?|formatting|old|backup|copy|diff|poster|slides)"
    r"(?![a-z])",
    re.IGNORECASE,
)
_VERSION = re.compile(r"v(\d{1,3})$")
_TITLE = re.compile(r"\\(?:icml)?title\s*(?:\[[^\]]{0,300}\]\s*)?\{([^{}]{0,300})")
_PATH = re.compile(r"[\w ./-]{1,200}")
README = re.compile(r"(?:.*/)?00README(?:\.\w+)?")
_DEEP = 12
_LONGEST = 20_000_000


def decode(data: bytes) -> str:
    """The text of a file: UTF-8, else what it says of itself, else Windows-1252."""
    data = data.removeprefix(b"\xef\xbb\xbf").replace(b"\0", b"")
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        named = _ENCODING.search(data)
        name = (named[1] or named[2]).decode().lower() if named else ""
        text = data.decode(_CODECS.get(name, "cp1252"), "replace")
    return text.replace("\r\n", "\n").replace("\r", "\n")


def flatten(files: Mapping[str, bytes]) -> str:
    """One source of all files, comments taken out. Raises `PaperError` no_source, too_large."""
    texts = {posixpath.normpath(name): without_comments(decode(data)) for name, data in files.items()}
    main = main_file(files, texts)
    project = _Project(texts, posixpath.dirname(main))
    flat = project.followed(main, (main,))
    return _macros(texts, flat) + flat


def main_file(files: Mapping[str, bytes], texts: Mapping[str, str]) -> str:
    """The name of the file that is the paper; `texts` are the files without comments, by normal names. Raises
    `PaperError` no_source."""
    readme = next((name for name in files if README.fullmatch(name)), None)
    toplevel = _toplevel(decode(files[readme])) if readme else None
    return _main({name: text for name, text in texts.items() if not README.fullmatch(name)}, toplevel)


def without_inputs(flat: str) -> tuple[str, list[str]]:
    """A flat source without the inputs that are left in it, and the names of the files that it has not."""
    names = dict.fromkeys(_target(match) for match in _INPUT.finditer(flat))
    return _INPUT.sub(" ", flat), [name for name in names if name != "."]


def _toplevel(readme: str) -> str | None:
    """The main file that arXiv's `00README.XXX` or `00README.json` names, where it names one."""
    match = _TOPLEVEL.search(readme)
    if match:
        return posixpath.normpath(match[1])
    try:
        sources = json.loads(readme)["sources"]
        names = [str(source["filename"]) for source in sources if source.get("usage") == "toplevel"]
        return posixpath.normpath(names[0]) if names else None
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return None


def _main(texts: Mapping[str, str], named: str | None) -> str:
    """The file that LaTeX would be called with."""
    if named in texts:
        return str(named)
    sources = [
        n
        for n in texts
        if n.lower().endswith(_TEX) or ("." not in posixpath.basename(n) and "\\" in texts[n])
    ]
    sources = sources or [n for n in texts if _DOCUMENT.search(texts[n])]
    if not sources:
        raise PaperError("no_source", f"no TeX file among {', '.join(sorted(texts)[:10])}")
    project = _Project(texts, "")
    inner = {project.file_named(_target(m), n) for n in sources for m in _INPUT.finditer(texts[n])}
    ranks = {n: _rank(n, texts[n], n in inner, f"{posixpath.splitext(n)[0]}.bbl" in texts) for n in sources}
    return max(sources, key=lambda n: (*ranks[n], -len(n), n))


def _rank(name: str, text: str, inner: bool, compiled: bool) -> tuple[bool | int, ...]:
    stem = posixpath.splitext(posixpath.basename(name))[0].lower()
    title = _TITLE.search(text)
    return (
        bool(_DOCUMENT.search(text)),
        bool(_BEGIN.search(text)),
        not inner,
        "\\title" in text or "\\section" in text,
        not _BESIDE.search(title[1] if title else ""),
        compiled,
        not _BESIDE.search(stem),
        stem in _USUAL,
        int(version[1]) if (version := _VERSION.search(stem)) else 0,
        len(text),
    )


def _target(match: re.Match[str]) -> str:
    name = match["braced"] or match["bare"] or posixpath.join(match["folder"] or "", match["imported"] or "")
    return posixpath.normpath(name.strip())


class _Project:
    """The files of a project by name, and how its main file finds them."""

    def __init__(self, texts: Mapping[str, str], root: str) -> None:
        self._texts = texts
        self._by_lower = {name.lower(): name for name in texts}
        paths = (match[1] for text in texts.values() for match in _PATHS.finditer(text))
        searched = (path for group in paths for path in re.findall(r"\{\s*([^{}]*?)\s*\}", group))
        self._roots = tuple(dict.fromkeys((".", root, *searched)))
        self._size = 0

    @cached_property
    def _defined(self) -> list[Macro]:
        return [macro for text in self._texts.values() for macro in macros_of(text)]

    @cached_property
    def _paths(self) -> dict[str, Macro]:
        """The macros that stand for a part of a file's name."""
        return {m.name: m for m in self._defined if not m.parameters and _PATH.fullmatch(m.body)}

    @cached_property
    def _inputs(self) -> dict[str, Macro]:
        """The macros that input a file which they are given."""
        return {m.name: m for m in self._defined if m.parameters and _INPUT.search(m.body)}

    def followed(self, name: str, above: tuple[str, ...]) -> str:
        """A file's text with its inputs in place."""
        text = self._texts[name]
        begin = _BEGIN.search(text)
        body = begin.end() if begin else 0
        text = f"{text[:body]}{expand_once(text[body:], self._inputs)}"
        self._size += len(text)
        if self._size > _LONGEST:
            raise PaperError(
                "too_large", f"more than {_LONGEST:,} characters of TeX with all inputs followed"
            )

        def follow(match: re.Match[str]) -> str:
            inner = self.file_named(expand_once(_target(match), self._paths), name)
            if inner is None:
                return match[0]
            if inner in above or len(above) > _DEEP:
                return " "
            body = self.followed(inner, (*above, inner))
            whole = _BEGIN.search(body)  # a subfile is a document of its own
            return f"\n{body[whole.end() :].split(chr(92) + 'end{document}')[0] if whole else body}\n"

        return _INPUT.sub(follow, text)

    def file_named(self, target: str, near: str) -> str | None:
        """The file a name means: as in TeX with or without its suffix, from the root, a folder of
        `\\input@path`, or beside the file that names it; in other cases of letters where none has these."""
        bases = [posixpath.normpath(posixpath.join(root, target)) for root in self._roots]
        bases.append(posixpath.normpath(posixpath.join(posixpath.dirname(near), target)))
        names = [name for base in bases for name in (base, *(base + suffix for suffix in _TEX))]
        exact = next((name for name in names if name in self._texts), None)
        return exact or next((self._by_lower[n.lower()] for n in names if n.lower() in self._by_lower), None)


def _macros(texts: Mapping[str, str], flat: str) -> str:
    """The definitions in the project's own packages and its class, as `\\newcommand`s."""
    packages = {name.strip() + ".sty" for match in _PACKAGE.finditer(flat) for name in match[1].split(",")}
    wanted = packages | {f"{name.strip()}.cls" for name in _CLASS.findall(flat)}
    own = [
        text
        for name, text in texts.items()
        if (name in wanted or posixpath.basename(name) in {posixpath.basename(w) for w in wanted})
        and len(text) < _LARGEST_PACKAGE
    ]
    return "".join(macro.definition for text in own for macro in definitions_of(text))
