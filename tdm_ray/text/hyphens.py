"""Words that a line's end has broken: "accu-\\nracy" is accuracy, "cross-\\nattention" keeps its hyphen."""

from __future__ import annotations

import re
from collections.abc import Set

# First halves of compounds, which keep the hyphen that a line ends with.
_FIRST_HALVES = frozenset(
    (
        *("cross", "self", "state", "multi", "non", "semi", "well", "high", "low", "long", "short", "real"),
        *("end", "open", "zero", "few", "one", "two", "three", "four", "five", "fine", "coarse", "large"),
        *("small", "deep", "hard", "soft", "hand", "human", "mid", "top", "hyper", "data", "domain", "task"),
        *("class", "word", "sentence", "image", "text", "object", "time", "full", "half", "first", "second"),
        *("in", "out", "so", "on", "off", "up", "per", "all", "free", "left", "right", "front", "back"),
        *("feed", "fully", "weakly", "point", "pixel", "part", "rule", "graph", "model", "noise", "ground"),
        *("pre", "post", "co", "re", "de", "bi", "tri", "sub", "super", "meta", "inter", "intra", "pseudo"),
    )
)
_SECOND_HALVES = frozenset(
    (
        *(
            "based",
            "aware",
            "level",
            "wise",
            "free",
            "shot",
            "supervised",
            "trained",
            "scale",
            "world",
            "art",
        ),
        *("specific", "like", "driven", "guided", "invariant", "dependent", "independent", "agnostic", "the"),
        *("of", "to", "end", "training", "tuning", "attention", "domain", "modal", "task", "class", "view"),
    )
)
# What a prefix may also begin without a hyphen: "pre-\ndict" is one word.
_PREFIXES = frozenset(("pre", "post", "co", "re", "de", "bi", "tri", "sub", "super", "inter", "intra", "in"))
_WORD = re.compile(r"[^\W\d_]+(?:-[^\W\d_]+)*")
_BROKEN = re.compile(r"((?:[^\W_]+-)*)([^\W\d_]{2,})-[ \t]*\n\s*([^\W\d_]{2,})")
_BEFORE_NUMBER = re.compile(r"([^\W\d_])-[ \t]*\n\s*(?=\d)")
_SPACED = re.compile(r"(?<![\w-])([^\W\d_]{2,})- ([a-zà-ÿ]{2,})(?![\w-])")
_HUNG = frozenset(("and", "or", "to", "nor", "but", "und", "oder", "et", "ou", "versus", "vs", "as", "from"))


def words_of(text: str) -> frozenset[str]:
    """The words of a text in small letters, those that a line's end has broken left out; compounds whole."""
    return frozenset(_WORD.findall(_BROKEN.sub(" ", text).lower()))


def without_breaks(text: str, words: Set[str]) -> str:
    """The text with the words joined that a line's end has broken; `words` are those of the paper.

    A word loses its hyphen. It keeps it where the paper has it so elsewhere, where the half before is a first
    half of compounds ("self-") or has a hyphen itself ("state-of-the-"), or where a number follows."""
    if "-" not in text:
        return text
    text = _BEFORE_NUMBER.sub(r"\1-", text)
    return _BROKEN.sub(
        lambda match: match[1] + _joined(match[2], match[3], words, inside=bool(match[1])), text
    )


def without_spaced_breaks(text: str, words: Set[str]) -> str:
    """The same for "clas- sification", as parsers of PDF leave it; "pre- and post-training" stays."""
    if "- " not in text:
        return text
    return _SPACED.sub(
        lambda match: match[0] if match[2] in _HUNG else _joined(match[1], match[2], words, inside=False),
        text,
    )


def _joined(first: str, second: str, words: Set[str], *, inside: bool) -> str:
    whole = f"{first}{second}"
    compound = f"{first}-{second}"
    if whole.lower() in words:
        return compound if inside else whole
    if inside or compound.lower() in words or not second[0].islower():
        return compound
    half = first.lower()
    if half in _PREFIXES:
        return compound if second.lower() in words else whole
    is_compound = half in _FIRST_HALVES or (second in _SECOND_HALVES and half in words)
    return compound if is_compound else whole
