"""One line of a flattened table: its cells, which are values and runs of other words."""

from __future__ import annotations

import re
from dataclasses import dataclass

_DIGITS = r"(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?|\.\d+"
_PLAIN = rf"[~<>≈+\-−–±]?\$?(?:{_DIGITS})(?:[eE][-+−]?\d+)?"
_UNIT = r"(?:[%‰kKMBGTxX×]|ms|s|M|GB|MB)?"
_MARKS = r"[*†‡§¶^a-d]{0,3}"
# A value as one word: 93.1, 93.1%, 12.3M, 93.1±0.2, 84.1/90.8, (0.2), **93.1**, a dash for none.
_VALUE = re.compile(
    rf"[*_]{{0,2}}[(\[]?{_PLAIN}{_UNIT}(?:(?:±|\+/-|/|\\pm){_PLAIN}{_UNIT})*[)\]]?{_MARKS}[*_]{{0,2}}[,;]?"
    r"|[-–—−]{1,3}|[✓✗✔✘√]|[nN]\.?/?[aA]\.?|OOM|\?"
)
_JOINS = frozenset(("±", "+/-", "\\pm", "/", "|", "+-"))
_TIMES = frozenset(("x", "×"))  # joins two values that stand next to it: "8192 × 8"
_AFTER = frozenset(("%", "‰", "k", "K", "M", "B", "G", "ms", "s", "x", "×", "↑", "↓", "*", "†", "‡"))
_ASIDE = re.compile(rf"[(\[]\s*[±+\-−↑↓]?\s*(?:{_DIGITS})%?\s*[)\]]")
_DEVIATION = re.compile(r"±?\d(?:\.\d{1,2})?[eE][-−]\d{1,2}")  # of the value before it: "0.8705 4.3e-3"
CITATION = re.compile(r"\[\d{1,3}(?:\s?[,–-]\s?\d{1,3})*\]")
_CHUNK = re.compile(r"\S+(?: \S+)*")
_SPACED = re.compile(r"\[\d{1,3}(?:, ?\d{1,3})+\]")
_BLANK = "\ue000"  # a blank within a citation
_YEAR = re.compile(r"[(\[](?:19|20)\d\d[a-z]?[)\]][,;]?")
_MARKED = re.compile(r"\([a-zA-Z×%]\)")  # a unit or mark in brackets: "9.2 (x)"
_RULE = re.compile(r"[\s\-=_─━═+|~.]*")
_MOST_WORDS = 14
_SHORT_NAME = 5  # words of a name that may be "in the vehicle"
_CHECKS = frozenset("✓✗✔✘√")
_LEAST_CHECKS = 2
_FUNCTION_WORDS = frozenset(
    ("the", "is", "are", "was", "were", "that", "which", "of", "in", "on", "we", "our", "this", "these", "by")
)


Extent = tuple[int, int]  # where the cells of a column begin and end in their lines


@dataclass(frozen=True)
class Cell:
    """A cell of a line: where it stands, its text, and whether that is a value (or a dash for none)."""

    start: int
    end: int
    text: str
    is_value: bool = False

    @property
    def middle(self) -> float:
        """Where the middle of the cell stands."""
        return (self.start + self.end) / 2

    @property
    def is_gap(self) -> bool:
        """Whether the cell is a dash, or says that there is no value."""
        return self.is_value and not any(map(str.isdigit, self.text))

    @property
    def is_open(self) -> bool:
        """Whether a bracket in the cell is not closed yet: "BoW (K = 4800)"."""
        return self.text.count("(") > self.text.count(")")

    def joined(self, other: Cell) -> Cell:
        """The cell with another after it."""
        return Cell(self.start, other.end, f"{self.text} {other.text}", self.is_value)


def is_whole(value: str) -> bool:
    """Whether a value is a whole number, as a name may end with, a citation after it set aside."""
    return re.fullmatch(r"\d{1,4}(?: \[.*\])?", value) is not None


def is_value_word(word: str) -> bool:
    """Whether a word is a value, or a dash for none."""
    return _VALUE.fullmatch(word) is not None and not _YEAR.fullmatch(word)


def is_rule(line: str) -> bool:
    """Whether a line is drawn: dashes, equal signs."""
    return len(line.strip()) > 2 and _RULE.fullmatch(line) is not None


def is_row(line: str) -> bool:
    """Whether a line may be a row: it ends with a value, and is no sentence."""
    last = line.rstrip(" |")
    if not last or not (last[-1].isdigit() or last[-1] in "%)]*†‡§¶-–—−kKMBGxAas?_↑↓✓✗✔✘√"):
        return False
    cells = cells_of(line)
    marks = sum(cell.text in _CHECKS for cell in cells)
    if not cells or not cells[-1].is_value:
        return False
    if marks < _LEAST_CHECKS and all(cell.is_gap or not cell.is_value for cell in cells):
        return False
    words = [word.lower() for cell in cells if not cell.is_value for word in cell.text.split()]
    return len(words) <= _MOST_WORDS * len(cells) and (
        len(words) <= _SHORT_NAME or len(_FUNCTION_WORDS.intersection(words)) <= 1
    )


def chunks_of(line: str) -> list[Cell]:
    """The texts of a line that more than one blank keeps apart."""
    return [Cell(match.start(), match.end(), match[0]) for match in _CHUNK.finditer(line)]


def cells_of(line: str) -> list[Cell]:
    """The cells of a line: each value is one ("93.1 ± 0.2", "93.1 (0.2)", "12 M"), and so is each run of
    other words that single blanks keep apart; a citation belongs to what is before it."""
    line = _SPACED.sub(lambda match: match[0].replace(" ", _BLANK), line.strip("\n"))
    cells: list[Cell] = []
    words = [(match.start(), match.end(), match[0]) for match in re.finditer(r"[^\s|]+", line)]
    place = 0
    while place < len(words):
        start, end, word = words[place]
        place += 1
        last = cells[-1] if cells else None
        near = last is not None and start - last.end == 1
        if last is not None and not last.is_value and last.is_open:
            cells[-1] = last.joined(Cell(start, end, word))
        elif CITATION.fullmatch(word.replace(_BLANK, " ")):
            cited = Cell(start, end, word.replace(_BLANK, " "))
            cells[-1:] = [last.joined(cited)] if last is not None else [cited]
        elif last is not None and last.is_value and near and _DEVIATION.fullmatch(word):
            cells[-1] = last.joined(Cell(start, end, word))
        elif last is not None and last.is_value and _belongs(last, word, words[place:]):
            if word in _JOINS or (word in _TIMES and near and _goes_on(end, words[place:])):
                word = f"{word} {words[place][2]}"
                end = words[place][1]
                place += 1
            glue = "" if word == "%" else " "
            cells[-1] = Cell(last.start, end, f"{last.text}{glue}{word}", True)
        elif is_value_word(word):
            cells.append(Cell(start, end, word, True))
        elif last is not None and not last.is_value and near:
            cells[-1] = last.joined(Cell(start, end, word))
        else:
            cells.append(Cell(start, end, word))
    return cells


def _goes_on(end: int, after: list[tuple[int, int, str]]) -> bool:
    """Whether a single blank after its end a value follows."""
    return bool(after) and after[0][0] - end == 1 and is_value_word(after[0][2])


def _belongs(last: Cell, word: str, after: list[tuple[int, int, str]]) -> bool:
    """Whether a word belongs to the value before it: a unit, a deviation, what joins it with the next."""
    if word in _JOINS:
        return bool(after) and is_value_word(after[0][2])
    if last.is_gap:
        return False
    is_aside = _ASIDE.fullmatch(word) is not None and not _YEAR.fullmatch(word)
    return is_aside or word in _AFTER or _MARKED.fullmatch(word) is not None
