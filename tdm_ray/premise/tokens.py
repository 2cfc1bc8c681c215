"""The words by which names are found in papers: folded so that CIFAR-10, CIFAR10 and "Cifar 10" are one word."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

# A run of letters, and the digits after it where at most one of - _ @ or a space stands between; or digits alone.
_WORD = re.compile(r"[^\W\d_]+(?:[-_@ ]?\d+)?|\d+")
_PARTS = re.compile(r"(?P<letters>[^\W\d_]+)[-_@ ]?(?P<digits>\d*)|\d+")


def tokens(text: str) -> list[str]:
    """The folded words of `text`: "CIFAR-10" -> cifar10, cifar, 10; "F1" -> f1; "WMT 2014" -> wmt2014, wmt, 2014.

    The parts of a joined word count too, so that "CoNLL" finds half of "CoNLL 2003"; one- and two-letter parts do
    not ("f" and "1" stand everywhere).
    """
    folded = (text if text.isascii() else unicodedata.normalize("NFKD", text)).lower()
    found: list[str] = []
    for word in _WORD.findall(folded):
        if word.isalpha():
            found.append(word)
        else:
            found += _parts(word)
    return found


@lru_cache(maxsize=1 << 16)
def _parts(word: str) -> tuple[str, ...]:
    match = _PARTS.fullmatch(word)
    letters, digits = (match["letters"], match["digits"]) if match else (None, None)
    if not letters or not digits:
        return (word,)
    return (letters + digits, letters, digits) if len(letters) > 2 else (letters + digits,)
