"""What pandoc does not know it hands back raw, with the author's macros expanded: here it becomes text.

Without that pandoc drops an unknown command with its arguments, and with the bare number after it, which it
takes for a length: `\\ours{84.2}`, `\\quad 96.3`. A command that is not listed here loses its options and
keeps its arguments."""

from __future__ import annotations

import re
from functools import lru_cache

from pylatexenc.latex2text import get_default_latex_context_db

from tdm_ray.papers.latex.tex import arguments, option, options

_COMMAND = re.compile(r"\\(?P<name>[a-zA-Z@]+|.)(?:\s*\*)?", re.DOTALL)
_GROUP = re.compile(r"\s*\{")
_ENVIRONMENT = re.compile(r"\\begin\s*\{(?P<name>[^{}]*)\}")
_LENGTH = re.compile(
    r"\s*+=?\s*+-?\s*+[\d.]+\s*+(?:true)?(?:pt|cm|mm|in|ex|em|mu|pc|bp|sp|dd|cc|fil+|\\[a-zA-Z@]+)?"
)


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_ALL = 9
_TEXT_ONLY = _words(
    """
    text mbox hbox makebox framebox fbox boxed makecell thead shortstack specialcell tabincell smash
    underbar uwave dashuline strong normalfont sc rlap llap bm mathbf mathrm operatorname overline rm it
    tcbox
    """
)
_ONE_SETTING = _words(
    """
    scalebox rotatebox raisebox parbox pbox adjustbox color sethlcolor cellcolor rowcolor columncolor
    diagbox slashbox backslashbox hypertarget hspace vspace raise lower
    """
)
_TWO_SETTINGS = _words("rule fcolorbox resizebox multirow multicolumn fontsize")
_SETTINGS_ONLY = _words(
    """
    label ref eqref cref Cref autoref pageref nameref subref cite citep citet nocite index todo footnote
    footnotemark footnotetext tablefootnote thanks tnote tnotex includegraphics adjustimage animategraphics
    input include bibliography bibliographystyle setcounter addtocounter stepcounter refstepcounter phantom
    hphantom vphantom arrayrulecolor rowcolors captionsetup fontfamily fontseries fontshape linespread
    pagestyle thispagestyle hyphenation marginpar marginnote RequirePackage usepackage documentclass
    pgfplotsset tikzset tikz lstset usetikzlibrary newcommand renewcommand providecommand newenvironment
    newtheorem newcounter newlength crefname theoremstyle hypersetup graphicspath setlength addtolength
    settowidth definecolor colorlet setstretch setlist cmidrule cline hhline specialrule noalign caption
    captionof markboth enlargethispage printbibliography acrodef newacronym newglossaryentry addcontentsline
    numberwithin DeclareMathOperator DeclareGraphicsExtensions newtcolorbox SetRow SetCell rowfont comment
    vcenter put multiput line vector circle
    """
)
# How many of the first arguments are no text: colours, lengths, angles, counts. Of `_ALL` none is.
_NOT_TEXT = {
    **dict.fromkeys(_TEXT_ONLY, 0),
    **dict.fromkeys(_ONE_SETTING, 1),
    **dict.fromkeys(_TWO_SETTINGS, 2),
    **dict.fromkeys(_SETTINGS_ONLY, _ALL),
}
_REFERENCE = re.compile(r"[cC]ite|ref(?:range)?$|bibliography")
# Large initials: the rest of the word is the second argument.
_JOINED = _words("IEEEPARstart PARstart lettrine")
# What stands apart from the text before it: a blank, or another size ("34.3\\tiny{2.2}", a deviation).
_SPACES = _words("xspace space tiny scriptsize footnotesize small")
# After these an argument may be a bare length: `\\hskip 3pt`.
_LENGTHS = _words("hskip vskip kern hspace vspace mskip mkern raise lower moveleft moveright")
_PICTURES = _words(
    "tikzpicture pgfpicture picture algorithm algorithm* algorithmic lstlisting verbatim minted comment "
    "thebibliography CCSXML filecontents filecontents* pspicture axis figure figure* wrapfigure"
)
_SYMBOLS = {"checkmark": "✓", "cmark": "✓", "xmark": "✗", "textuparrow": "↑", "textdownarrow": "↓"}
# Marks of the font Zapf Dingbats, by number: a feature that a method has, or has not.
_DINGBATS = {"51": "✓", "52": "✓", "53": "✗", "54": "✗", "55": "✗", "56": "✗"}
# How many groups after `\\begin{...}` are no text.
_NOT_TEXT_IN = {
    "CJK": 2,
    "CJK*": 2,
    "minipage": 1,
    "turn": 1,
    "rotate": 1,
    "adjustbox": 1,
    "multicols": 1,
    "adjustwidth": 2,
}
_DINGBAT = re.compile(r"\\ding\s*\{\s*(\d+)\s*\}")


def known_text(raw: str) -> str:
    """The TeX that stands for what pandoc has handed back: the text in it, without the unknown command or
    environment around. Shorter than `raw` by at least the command's name."""
    environment = _ENVIRONMENT.match(raw)
    if environment:
        return _inside(raw, environment)
    command = _COMMAND.match(raw)
    if command is None:
        return raw if "\\" not in raw else " "
    name = command["name"]
    dingbat = _DINGBAT.match(raw)
    if dingbat:
        return f"{_DINGBATS.get(dingbat[1], '')}{raw[dingbat.end() :]}"
    length = _LENGTH.match(raw, command.end()) if name in _LENGTHS else None
    if length:
        return f" {raw[length.end() :]}"
    at = options(raw, command.end())
    symbol = None if name in _NOT_TEXT else _symbol(name)
    return f"{symbol}{raw[at:]}" if symbol is not None else _grouped(raw, at, name)


def takes_arguments(raw: str) -> str | None:
    """The name of an unlisted command that pandoc has handed back with arguments, None for others."""
    command = _COMMAND.match(raw)
    if command is None or _ENVIRONMENT.match(raw) or command["name"] in _NOT_TEXT:
        return None
    if _REFERENCE.search(command["name"]) or _symbol(command["name"]) is not None:
        return None
    return f"\\{command['name']}" if _has_arguments(raw, options(raw, command.end())) else None


def _inside(raw: str, begin: re.Match[str]) -> str:
    if begin["name"] in _PICTURES:
        return " "
    end = raw.rfind("\\end")
    at = options(raw, begin.end())
    unread = arguments(raw, at, _NOT_TEXT_IN.get(begin["name"], 0))
    return raw[unread[1] if unread else at : end if end > 0 else len(raw)]


def _has_arguments(raw: str, at: int) -> bool:
    return bool(_GROUP.match(raw, at))


def _grouped(raw: str, at: int, name: str) -> str:
    """The rest of a command as text: its arguments apart but for the first that are no text, without the
    options between them."""
    not_text = _ALL if _REFERENCE.search(name) else _NOT_TEXT.get(name, 0)
    texts = []
    while _has_arguments(raw, at):
        read = arguments(raw, at, 1)
        if read is None:
            break
        texts += read[0] if not_text <= 0 else []
        not_text -= 1
        _, at = option(raw, read[1])
    if texts:
        before = " " if name in _SPACES else ""
        return f"{before}{('' if name in _JOINED else ' ').join(texts)} {raw[at:]}"
    return f" {raw[at:]}" if name in _SPACES else raw[at:].lstrip()


@lru_cache(4096)
def _symbol(name: str) -> str | None:
    """What a symbol's command prints (`\\checkmark`, `\\pm`); None where it is none."""
    if name in _SYMBOLS:
        return _SYMBOLS[name] or None
    spec = get_default_latex_context_db().get_macro_spec(name)
    printed = getattr(spec, "simplify_repl", None)
    return printed if isinstance(printed, str) and "%" not in printed else None
