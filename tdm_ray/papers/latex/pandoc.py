"""Parts of TeX become text through pandoc, or through pylatexenc where pandoc cannot read them.

All parts of a paper go in one call. Where that fails the parts are halved until the broken one stands alone,
so a stray command costs its own part and not the paper. Of 60 real papers pandoc alone fails on 5."""

from __future__ import annotations

import json
import re
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import pypandoc
from pylatexenc.latex2text import LatexNodes2Text

from tdm_ray.papers.latex.tex import OPTION, balanced
from tdm_ray.text.clean import clean

# Pandoc takes 0.1 s for a paper, 0.6 at worst of 60; a macro that doubles for ever takes all it is given.
_CALL_S = 10.0
_PAPER_S = 30.0
_HEAP = "512m"
_PART = "tdmpart"
_PLAIN = re.compile(r"[^\\${}~^_#&%`'\"<>-]*")
_BOLD_MATH = re.compile(r"\\(?:mathbf|boldsymbol|bm|bf|pmb|textbf)\b")
_SILENT = frozenset(
    {"Cite", "Note", "Image", "RawInline", "RawBlock", "Figure", "Table", "HorizontalRule", "CodeBlock"}
)
_BREAKS = frozenset({"Space", "SoftBreak", "LineBreak"})
_BLOCKS = frozenset(
    {"Para", "Plain", "Header", "LineBlock", "BlockQuote", "Div", "BulletList", "OrderedList"}
)


@dataclass(frozen=True)
class Text:
    """A converted part: its text, whether any of it is bold, and whether pandoc could not read it."""

    text: str = ""
    bold: bool = False
    tolerant: bool = False


def convert(parts: Sequence[str], definitions: Sequence[str] = ()) -> list[Text]:
    """The text of each part, in order; `definitions` are the author's macros as `\\newcommand`s.

    No content of a part makes it raise, and none is executed: pandoc runs in its sandbox, without files and
    without a shell, with 512 MB and 10 s a call, 30 s a paper."""
    closed = {p: p if _PLAIN.fullmatch(p) else balanced(p) for p in dict.fromkeys(parts)}
    parts = [closed[p] for p in parts]
    waiting = list(dict.fromkeys(p for p in parts if not _PLAIN.fullmatch(p)))
    call = _Converter("", time.monotonic() + _PAPER_S)
    call = _Converter("".join(call.readable(definitions)), call.deadline)
    known = dict(zip(waiting, call.texts(waiting), strict=True))
    return [known[p] if p in known else Text(clean(p)) for p in parts]


@dataclass(frozen=True)
class _Converter:
    preamble: str
    deadline: float

    def readable(self, definitions: Sequence[str]) -> list[str]:
        """The definitions that pandoc can read."""
        if not definitions or self.run("".join(definitions)) is not None:
            return list(definitions)
        if len(definitions) == 1 or self.late:
            return []
        half = len(definitions) // 2
        return self.readable(definitions[:half]) + self.readable(definitions[half:])

    def texts(self, parts: Sequence[str]) -> list[Text]:
        """The text of each part."""
        if not parts:
            return []
        output = None if self.late else self.run(self.preamble + "".join(map(_wrapped, parts)))
        blocks = [b["c"][1] for b in output or () if b["t"] == "Div" and b["c"][0][1] == [_PART]]
        if len(blocks) == len(parts):
            return [_text(b, part) for b, part in zip(blocks, parts, strict=True)]
        if len(parts) == 1 or self.late:
            return [_tolerant(p) for p in parts]
        half = len(parts) // 2
        return self.texts(parts[:half]) + self.texts(parts[half:])

    @property
    def late(self) -> bool:
        return time.monotonic() > self.deadline

    def run(self, tex: str) -> list[dict[str, Any]] | None:
        """The blocks pandoc makes of the source, None where it fails."""
        command = [_pandoc(), "+RTS", f"-M{_HEAP}", "-RTS", "--sandbox", "--from=latex", "--to=json"]
        try:
            done = subprocess.run(  # noqa: S603 - a fixed command; the paper is on its standard input
                command,
                input=tex.encode("utf-8", "replace"),
                capture_output=True,
                check=False,
                timeout=_CALL_S,
            )
        except subprocess.TimeoutExpired:
            return None
        try:
            blocks: list[dict[str, Any]] | None = (
                json.loads(done.stdout)["blocks"] if done.returncode == 0 else None
            )
        except RecursionError:
            return None
        return blocks


@lru_cache(1)
def _pandoc() -> str:
    return str(pypandoc.get_pandoc_path())


def _wrapped(part: str) -> str:
    return f"\n\n\\begin{{{_PART}}}\n{part}\n\\end{{{_PART}}}\n\n"


def _text(blocks: list[dict[str, Any]], part: str) -> Text:
    texts: list[str] = []
    bold = [False]
    try:
        _walk(blocks, texts, bold)
    except RecursionError:  # groups a thousand deep
        return _tolerant(part)
    return Text(clean("".join(texts)), bold[0])


def _walk(node: Any, texts: list[str], bold: list[bool]) -> None:
    if isinstance(node, list):
        for child in node:
            _walk(child, texts, bold)
        return
    if not isinstance(node, dict):
        return
    kind: str = node.get("t", "")
    content: Any = node.get("c")
    if kind == "Str":
        texts.append(content)
    elif kind in _BREAKS:
        texts.append(" ")
    elif kind == "Math":
        bold[0] |= bool(_BOLD_MATH.search(content[1]))
        texts.append(_math(content[1]))
    elif kind == "Code":
        texts.append(content[1])
    elif kind not in _SILENT:
        bold[0] |= kind == "Strong"
        if kind in ("Subscript", "Superscript") and texts and texts[-1][-1:].isdigit():
            texts.append(" ")  # "93.5" with a small "0.2" beside it is no 93.50.2
        _walk(_inner(kind, content), texts, bold)
        if kind in _BLOCKS:
            texts.append(". " if kind == "Header" else " ")


def _inner(kind: str, content: Any) -> Any:
    """What of a node's content holds text: not its attributes, numbers and targets."""
    if kind in ("Link", "Span", "Div", "Quoted", "OrderedList"):
        return [] if kind == "Link" and _is_reference(content) else content[1]
    return content[2] if kind == "Header" else content


def _is_reference(link: Any) -> bool:
    return any(key == "reference-type" for key, _ in link[0][2])


_DECODER = LatexNodes2Text(math_mode="text", strict_latex_spaces=False)
_SMALL = re.compile(r"(\.\d+)[_^]\{?([\d±+(-])")
_NUMBER = re.compile(r"[\d.,+\-/=<>() ]*")
# A power of a number keeps its sign: 10^4 is not 104.
_SUBSCRIPT = re.compile(r"^[_^]|(?<=\w)_(?=\w)|(?<=[^\W\d])\^(?=\w)|(?<=\w)\^(?=[^\W\d])|[{}$]|_(?=\()")


@lru_cache(20_000)
def _math(tex: str) -> str:
    """A formula as running text: `F_1` is F1, `\\pm` is ±."""
    if _NUMBER.fullmatch(tex):
        return tex
    try:
        text = _DECODER.latex_to_text(tex)
    except Exception:  # noqa: BLE001 - pylatexenc raises many kinds for broken formulas; they stay as they are
        text = tex
    return _SUBSCRIPT.sub("", _SMALL.sub(r"\1 \2", text))


_DROPPED = re.compile(
    rf"\\(?=[a-zA-Z]*?(?:cite|ref|label|footnote))[a-zA-Z]++\*?(?:{OPTION}){{0,2}}\{{[^{{}}]*\}}"
)


def _tolerant(part: str) -> Text:
    """The text of a part that pandoc cannot read."""
    tex = _DROPPED.sub(" ", part[:200_000])
    try:
        text = _DECODER.latex_to_text(tex)
    except Exception:  # noqa: BLE001 - as above; what is left when all commands are taken out is still the text
        text = re.sub(r"\\[a-zA-Z@]+\*?|[{}$~]", " ", tex)
    return Text(clean(text), bool(_BOLD_MATH.search(part)), tolerant=True)
