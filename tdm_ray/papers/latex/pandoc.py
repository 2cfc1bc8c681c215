"""Parts of TeX become text through pandoc, or through pylatexenc where pandoc cannot read them.

All parts of a paper go in one call. Where that fails the parts are halved until the broken one stands alone,
so a stray command costs its own part and not the paper. Of 60 real papers pandoc alone fails on 5. What
pandoc does not know it hands back raw; the text in it (see `unknown`) is converted in a further call."""

from __future__ import annotations

import json
import re
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import pypandoc
from pylatexenc.latex2text import LatexNodes2Text

from tdm_ray.papers.latex.tex import OPTION, balanced
from tdm_ray.papers.latex.unknown import known_text, takes_arguments
from tdm_ray.text.clean import clean
from tdm_ray.text.numbers import raised

# Pandoc takes 0.1 s for a paper, 0.6 at worst of 60; a macro that doubles for ever takes all it is given.
_CALL_S = 10.0
_PAPER_S = 30.0
_HEAP = "512m"
# Each part stands in an environment that pandoc knows; of one that it does not know it reads no word.
_PART = "center"
# Calls for what pandoc has handed back: an unknown command within another, three deep.
_ROUNDS = 4
_PLAIN = re.compile(r"[^\\${}~^_#&%`'\"<>-]*")
_BOLD_MATH = re.compile(r"\\(?:mathbf|boldsymbol|bm|bf|pmb|textbf)\b")
_SILENT = frozenset({"Cite", "Note", "Image", "Figure", "Table", "HorizontalRule", "CodeBlock"})
_RAW = frozenset({"RawInline", "RawBlock"})
_SCRIPTS = {"Subscript": "_", "Superscript": "^"}
_SCRIPT = re.compile(r"[_^]")
_TEN = re.compile(r"(?<![\d.])10$")
_POWER = re.compile(r"[-−+]?\d{1,2}")
_BREAKS = frozenset({"Space", "SoftBreak", "LineBreak"})
_BLOCKS = frozenset(
    {"Para", "Plain", "Header", "LineBlock", "BlockQuote", "Div", "BulletList", "OrderedList"}
)


@dataclass(frozen=True)
class Text:
    """A converted part: its text, whether any of it is bold, whether pandoc could not read it, and the
    unknown commands with arguments in it."""

    text: str = ""
    bold: bool = False
    tolerant: bool = False
    unknown: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Draft:
    """A part as pandoc gave it: its text, in pieces, between them the TeX of what is to be converted yet."""

    pieces: list[str | _Again]
    bold: bool = False
    unknown: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Again:
    tex: str


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

    def texts(self, parts: Sequence[str], rounds: int = _ROUNDS) -> list[Text]:
        """The text of each part; what pandoc hands back is converted in `rounds` - 1 further calls."""
        drafts = self.drafts(parts)
        again = dict.fromkeys(
            piece.tex
            for draft in drafts
            if isinstance(draft, _Draft)
            for piece in draft.pieces
            if isinstance(piece, _Again)
        )
        if rounds <= 1:
            known = {tex: _tolerant(tex) for tex in again}
        else:
            known = dict(zip(again, self.texts(list(again), rounds - 1), strict=True))
        return [draft if isinstance(draft, Text) else _finished(draft, known) for draft in drafts]

    def drafts(self, parts: Sequence[str]) -> list[Text | _Draft]:
        """What one call makes of each part."""
        if not parts:
            return []
        output = None if self.late else self.run(self.preamble + "".join(map(_wrapped, parts)))
        blocks = [b["c"][1] for b in output or () if b["t"] == "Div" and b["c"][0][1] == [_PART]]
        if len(blocks) == len(parts):
            return [_draft(b, part) for b, part in zip(blocks, parts, strict=True)]
        if len(parts) == 1 or self.late:
            return [_tolerant(p) for p in parts]
        half = len(parts) // 2
        return self.drafts(parts[:half]) + self.drafts(parts[half:])

    @property
    def late(self) -> bool:
        return time.monotonic() > self.deadline

    def run(self, tex: str) -> list[dict[str, Any]] | None:
        """The blocks pandoc makes of the source, None where it fails."""
        command = [_pandoc(), "+RTS", f"-M{_HEAP}", "-RTS", "--sandbox", "--from=latex+raw_tex", "--to=json"]
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


def _draft(blocks: list[dict[str, Any]], part: str) -> Text | _Draft:
    walk = _Walk()
    try:
        walk.over(blocks)
    except RecursionError:  # groups a thousand deep
        return _tolerant(part)
    return _Draft(walk.pieces, walk.bold, tuple(dict.fromkeys(walk.unknown)))


def _finished(draft: _Draft, known: Mapping[str, Text]) -> Text:
    inner = [known[piece.tex] for piece in draft.pieces if isinstance(piece, _Again)]
    texts = (piece if isinstance(piece, str) else known[piece.tex].text for piece in draft.pieces)
    unknown = dict.fromkeys((*draft.unknown, *(name for text in inner for name in text.unknown)))
    return Text(
        clean(_THIN_BLANK.sub("", "".join(texts))),
        draft.bold or any(text.bold for text in inner),
        unknown=tuple(unknown),
    )


class _Walk:
    """A walk over pandoc's blocks, which gathers their text."""

    def __init__(self) -> None:
        self.pieces: list[str | _Again] = []
        self.bold = False
        self.unknown: list[str] = []

    def over(self, node: Any) -> None:
        """Take the text of a node, or of a list of them."""
        if isinstance(node, list):
            for child in node:
                self.over(child)
        elif isinstance(node, dict):
            self._take(node.get("t", ""), node.get("c"))

    def _take(self, kind: str, content: Any) -> None:
        if kind == "Str":
            self.pieces.append(content)
        elif kind in _BREAKS:
            self.pieces.append(" ")
        elif kind == "Math":
            self.bold |= bool(_BOLD_MATH.search(content[1]))
            self.pieces.append(_beside_digits(math_text(content[1]), content[1], self._before()))
        elif kind == "Code":
            self.pieces.append(content[1])
        elif kind in _RAW:
            self._raw(content[1])
            if kind == "RawBlock":
                self.pieces.append(" ")
        elif kind not in _SILENT:
            self.bold |= kind == "Strong"
            self._small(kind, content) if kind in _SCRIPTS else self.over(_inner(kind, content))
            if kind in _BLOCKS:
                self.pieces.append(". " if kind == "Header" else " ")

    def _raw(self, tex: str) -> None:
        unknown = takes_arguments(tex)
        if unknown:
            self.unknown.append(unknown)
        text = known_text(tex)
        self.pieces.append(text if _PLAIN.fullmatch(text) else _Again(text))

    def _small(self, kind: str, content: Any) -> None:
        inner = _Walk()
        inner.over(content)
        self.bold |= inner.bold
        self.unknown += inner.unknown
        text = "".join(piece for piece in inner.pieces if isinstance(piece, str)).strip()
        if len(inner.pieces) == 1 or text == "".join(map(str, inner.pieces)).strip():
            self.pieces.append(_beside_digits(text, _SCRIPTS[kind] + text, self._before()))
        else:
            self.pieces += inner.pieces

    def _before(self) -> str:
        last = self.pieces[-1] if self.pieces else ""
        return last if isinstance(last, str) else ""


def _beside_digits(text: str, tex: str, before: str) -> str:
    """The text of an index or exponent that follows `before`. After a digit it is none of its digits: a mark
    stays raised, a power keeps its sign, a deviation stands apart."""
    script = _SCRIPT.match(tex)
    if script is None or not before[-1:].isdigit():
        return text
    is_raised = script[0] == "^"
    if is_raised and _TEN.search(before) and _POWER.fullmatch(text):
        return f"^{text}"
    return raised(text) if is_raised and re.fullmatch(r"\d{1,2}", text) else f" {text}"


def _inner(kind: str, content: Any) -> Any:
    """What of a node's content holds text: not its attributes, numbers and targets."""
    if kind in ("Link", "Span", "Div", "Quoted", "OrderedList"):
        return [] if kind == "Link" and _is_reference(content) else content[1]
    return content[2] if kind == "Header" else content


def _is_reference(link: Any) -> bool:
    return any(key == "reference-type" for key, _ in link[0][2])


_DECODER = LatexNodes2Text(math_mode="text", strict_latex_spaces=False)
_SMALL = re.compile(r"(\.\d+)[_^]\{?([\d±+(-])")
# Between thousands: "1\\,234".
_THIN_BLANK = re.compile(r"(?<=\d)(?:[\u2006\u2009\u202f]|\\,|\{,\})(?=\d{3}(?!\d))")
# A footnote's mark after a number, but not the power of a 10.
_MARK_OF_NUMBER = re.compile(r"(?<=\d)(?<!(?<![\d.])10)\^\{?(\d{1,2})\}?(?![\d.])")
_NUMBER = re.compile(r"[\d.,+\-/=<>() ]*")
# A power of a number keeps its sign: 10^4 is not 104.
_SUBSCRIPT = re.compile(r"^[_^]|(?<=\w)_(?=\w)|(?<=[^\W\d])\^(?=\w)|(?<=\w)\^(?=[^\W\d])|[{}$]|_(?=\()")


@lru_cache(20_000)
def math_text(tex: str) -> str:
    """A formula as running text: `F_1` is F1, `\\pm` is ±."""
    if _NUMBER.fullmatch(tex):
        return tex
    tex = _THIN_BLANK.sub("", tex)
    try:
        text = _DECODER.latex_to_text(tex)
    except Exception:  # noqa: BLE001 - pylatexenc raises many kinds for broken formulas; they stay as they are
        text = tex
    text = _MARK_OF_NUMBER.sub(lambda match: raised(match[1]), text)
    return _SUBSCRIPT.sub("", _SMALL.sub(r"\1 \2", text))


_DROPPED = re.compile(
    rf"\\(?=[a-zA-Z]*?(?:cite|ref|label|footnote))[a-zA-Z]++\*?(?:{OPTION}){{0,2}}\{{[^{{}}]*\}}"
)


def plain_tex(text: str) -> str:
    """A title or abstract of arXiv's metadata, text with some TeX in it, as plain text. No pandoc."""
    if not any(mark in text for mark in "\\$~{"):
        return text
    return _tolerant(re.sub(r"(?<!\\)%", r"\\%", text)).text


def _tolerant(part: str) -> Text:
    """The text of a part that pandoc cannot read."""
    tex = _DROPPED.sub(" ", part[:200_000])
    try:
        text = _DECODER.latex_to_text(tex)
    except Exception:  # noqa: BLE001 - as above; what is left when all commands are taken out is still the text
        text = re.sub(r"\\[a-zA-Z@]+\*?|[{}$~]", " ", tex)
    return Text(clean(text), bool(_BOLD_MATH.search(part)), tolerant=True)
