"""One line of a flattened table: a name and the values after it."""

from __future__ import annotations

import re
from dataclasses import dataclass

from tdm_ray.text.clean import clean

_DIGITS = r"(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?|\.\d+"
_PLAIN = rf"[~<>≈+\-−–±]?\$?(?:{_DIGITS})(?:[eE][-+−]?\d+)?"
_UNIT = r"(?:[%‰kKMBGTxX×]|ms|s|M|GB|MB)?"
_MARKS = r"[*†‡§¶^a-d]{0,3}"
# A value as one word: 93.1, 93.1%, 12.3M, 93.1±0.2, 84.1/90.8, (0.2), **93.1**, a dash for none.
_VALUE = re.compile(
    rf"[*_]{{0,2}}[(\[]?{_PLAIN}{_UNIT}(?:(?:±|\+/-|/|\\pm){_PLAIN}{_UNIT})*[)\]]?{_MARKS}[*_]{{0,2}}[,;]?"
    r"|[-–—−]{1,3}|[nN]\.?/?[aA]\.?|OOM|\?"
)
_JOINS = frozenset(("±", "+/-", "\\pm", "/", "|", "+-"))
_AFTER = frozenset(("%", "‰", "k", "K", "M", "B", "G", "ms", "s", "x", "×", "↑", "↓", "*", "†", "‡"))
_ASIDE = re.compile(rf"[(\[]\s*[±+\-−↑↓]?\s*(?:{_DIGITS})%?\s*[)\]]")
_CITATION = re.compile(r"\[\d{1,3}(?:\s?[,–-]\s?\d{1,3})*\]")
_SPACED = re.compile(r"\[\d{1,3}(?:, ?\d{1,3})+\]")
_BLANK = "\ue000"  # a blank within a citation
_YEAR = re.compile(r"[(\[](?:19|20)\d\d[a-z]?[)\]][,;]?")
_RULE = re.compile(r"[\s\-=_─━═+|~.]*")
_MOST_WORDS = 14
_FUNCTION_WORDS = frozenset(
    ("the", "is", "are", "was", "were", "that", "which", "of", "in", "on", "we", "our", "this", "these", "by")
)


@dataclass(frozen=True)
class Row:
    """A row: the words of its name, and its values from left to right."""

    name: tuple[str, ...]
    values: tuple[str, ...]

    def aligned(self, width: int) -> list[str] | None:
        """The name and as many values, taken from the right. None where there are fewer, or where what is
        left is no number in a name ("ResNet 50")."""
        surplus = self.values[: len(self.values) - width]
        if len(self.values) < width or len(surplus) > 2 or any(not is_whole(v) for v in surplus):
            return None
        if surplus and not self.name:
            return None
        return [clean(" ".join((*self.name, *surplus))), *self.values[len(self.values) - width :]]


def is_whole(value: str) -> bool:
    """Whether a value is a whole number, as a name may end with."""
    return value.isdigit() and len(value) < 5


def is_value_word(word: str) -> bool:
    """Whether a word is a value, or a dash for none."""
    return _VALUE.fullmatch(word) is not None and not _YEAR.fullmatch(word)


def is_rule(line: str) -> bool:
    """Whether a line is drawn: dashes, equal signs."""
    return len(line.strip()) > 2 and _RULE.fullmatch(line) is not None


def numbered_row(line: str) -> Row | None:
    """The row of a line that ends with values after a name; None for any other line."""
    last = line.rstrip()
    if not last or not (last[-1].isdigit() or last[-1] in "%)]*†‡§¶-–—−kKMBGxAas?_|↑↓"):
        return None
    words = _SPACED.sub(lambda match: match[0].replace(" ", _BLANK), last.strip(" |")).split()
    values: list[str] = []
    while words:
        word = words[-1]
        if _CITATION.fullmatch(word) and not values:
            words.pop()
        elif word in _AFTER and len(words) > 1 and is_value_word(words[-2]) and words[-2][0] not in "-–—":
            values.insert(0, f"{words[-2]} {word}" if word.isalpha() else f"{words[-2]}{word}")
            del words[-2:]
        elif is_value_word(word) and not _CITATION.fullmatch(word):
            words.pop()
            _put(values, word, words)
        else:
            break
    if not any(any(map(str.isdigit, value)) for value in values) or not words:
        return None
    sentence = len(words) > _MOST_WORDS or len(_FUNCTION_WORDS.intersection(w.lower() for w in words)) > 1
    name = tuple(word.replace(_BLANK, " ") for word in words)
    return None if sentence else Row(name, tuple(values))


def _put(values: list[str], word: str, words: list[str]) -> None:
    """Add a value on the left, with what belongs to it: "93.1 ± 0.2", "93.1 (0.2)"."""
    if len(words) > 1 and words[-1] in _JOINS and is_value_word(words[-2]):
        values.insert(0, f"{words[-2]} {words[-1]} {word}")
        del words[-2:]
    elif _ASIDE.fullmatch(word) and words and is_value_word(words[-1]) and not _ASIDE.fullmatch(words[-1]):
        values.insert(0, f"{words[-1]} {word}")
        words.pop()
    else:
        values.insert(0, word)
