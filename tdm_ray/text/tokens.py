"""The words by which names are found in papers, folded so that CIFAR-10 and "Cifar 10" are one word."""

from __future__ import annotations

import re
import unicodedata

_LETTERS = re.compile(r"[^\W\d_]+")
_DIGIT = re.compile(r"\d")
_RUNS = re.compile(r"[^\W\d_]+|\d+")
# A run of letters, and the digits after it where at most one of - _ @ or a space stands between.
_WORD = re.compile(r"(?P<letters>[^\W\d_]+)(?:[-_@ ]?(?P<digits>\d+))?|(?P<number>\d+)")


def fold(text: str) -> str:
    """Ligatures and accents taken apart, in small letters."""
    return unicodedata.normalize("NFKD", text).lower()


def may_stand_in(word: str, folded: str) -> bool:
    """A quick test whether `word` may be one of the `tokens` of the text `folded`: it holds the same letters
    and digits.

    Ten times as fast as making the tokens.
    """
    return all(run in folded for run in _RUNS.findall(word))


def tokens(text: str) -> list[str]:
    """The folded words of `text`: "CIFAR-10" -> cifar10, cifar, 10; "F1" -> f1; "WMT 2014" -> wmt2014, wmt,
    2014.

    The parts of a joined word count too, so that "CoNLL" finds half of "CoNLL 2003"; one- and two-letter
    parts do not ("f" and "1" stand everywhere)."""
    folded = fold(text)
    if not _DIGIT.search(folded):  # half of all passages: nothing to join, a quarter of the time saved
        return _LETTERS.findall(folded)
    words: list[str] = []
    for letters, digits, number in _WORD.findall(folded):
        if number:
            words.append(number)
        elif not digits:
            words.append(letters)
        else:
            words.append(letters + digits)
            if len(letters) > 2:
                words += (letters, digits)
    return words
