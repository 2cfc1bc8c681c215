"""The head of a flattened table whose columns no blanks keep: which words name which column."""

from __future__ import annotations

import math
import re
from collections.abc import Callable

from tdm_ray.papers.flat_rows import Cell, chunks_of

_LABEL_WORDS = (
    "model models method methods system systems team teams approach approaches algorithm algorithms network "
    "networks backbone architecture name dataset data task setting settings variant author authors reference "
    "encoder detector baseline baselines run rank no. # id"
)
# Words that go on with the word before them: "Final Score", "Test Acc."
_BEFORE_WORDS = (
    "final test val val. validation dev train top mean avg avg. average overall total macro micro weighted "
    "pixel class word character phone exact f1 inference training error success frame input batch image "
    "fp fn tp tn testing classification hit detection running memory gpu inception recognition equal miss "
    "number public private human r p"
)
_AFTER_WORDS = (
    "score scores rate acc acc. accuracy error err err. ratio loss time length size count index measure "
    "match precision recall f1 iou bleu params parameters set data avg len iter iters 1 5 10"
)
_RUNNING = frozenset(
    ("the", "is", "are", "of", "in", "on", "we", "our", "this", "and", "by", "with", "a", "for")
)
_PROSE = frozenset(("the", "is", "are", "of", "we", "our", "this"))  # never between two names
_NO_ROWS = frozenset(("model", "models", "method", "methods", "system", "approach", "algorithm"))
_POSSESSIVE = frozenset(("our", "proposed", "no"))
_COUNTED = frozenset(
    ("run", "fold", "top", "step", "layer", "level", "split", "session", "round", "task", "part")
)
_LABELS = frozenset(_LABEL_WORDS.split())
_BEFORE = frozenset(_BEFORE_WORDS.split())
_AFTER = frozenset(_AFTER_WORDS.split())
_GLUED = re.compile(r"[/%↑↓].*")
_HARD = re.compile(r"[(\[].*|/.*|%|↑|↓|‰|[↑↓]\)?")


def units_of(line: str, count: int, *, alone: bool = False) -> list[Cell] | None:
    """The names of a line where they are `count`, its words joined as far as they must be; else None. Words
    that more than one blank keeps apart are never joined; a unit or remark is a name only where it may stand
    `alone`."""
    for joins in (_whole, _soft, _hard, *((_never,) if alone else ())):
        units = _cells(line, joins, across=1)
        if len(units) == count:
            return units
    return None


def _cells(line: str, joins: Callable[[str, str], bool], *, across: float) -> list[Cell]:
    """The words of a line, those joined that belong to one name and have at most so many blanks between; of
    running text ("rate of failures") all."""
    units: list[Cell] = []
    running = [chunk for chunk in chunks_of(line) if _PROSE.intersection(chunk.text.split())]
    for match in re.finditer(r"\S+", line):
        word = Cell(match.start(), match.end(), match[0])
        last = units[-1] if units else None
        near = last is not None and word.start - last.end <= across
        runs_on = any(chunk.start < word.start < chunk.end for chunk in running)
        if last is not None and (runs_on or (near and (last.is_open or joins(last.text, word.text)))):
            units[-1] = last.joined(word)
        else:
            units.append(word)
    return units


def is_label(line: str) -> bool:
    """Whether a line holds nothing but what heads names: "Method", "Model name"."""
    words = line.lower().split()
    return bool(words) and "  " not in line.strip() and _LABELS.issuperset(words)


def words_of(line: str) -> list[Cell]:
    """The words of a line, each with the units and remarks after it."""
    return _cells(line, _hard, across=1)


def names_of(line: str) -> list[Cell]:
    """The words of a line with their units and remarks, those joined that are often one name."""
    return _cells(line, _soft, across=1)


def begins_with_label(line: str) -> bool:
    """Whether a line begins with a word that heads names: "Model", "Method"."""
    return _first_word(line) in _LABELS


def heads_models(line: str) -> bool:
    """Whether a line begins with a word that no row is named by: "Model", "Method"."""
    return _first_word(line) in _NO_ROWS


def _first_word(line: str) -> str:
    return next(iter(line.lower().split(maxsplit=1)), "")


def named(line: str, width: int) -> list[str] | None:
    """The words of a line as a name and `width` others, or as these others alone."""
    if line.rstrip().endswith((".", ";")) and len(line.split()) > width + 3:
        return None
    for joins in (_never, _hard, _soft):
        units = _units(line, joins)
        if len(units) == width + 1:
            return units
    for joins in (_hard, _soft):
        units = _units(line, joins)
        if len(units) == width and units[0].lower() not in _LABELS:
            return ["", *units]
    for joins in (_soft, _hard):
        units = _units(line, joins)
        names = units[:-width]
        if len(names) > 1 and all(word.lower() in _LABELS for word in " ".join(names).split()):
            return [" ".join(names), *units[-width:]]
    return None


def over_columns(line: str, width: int) -> list[str] | None:
    """The words of an upper line, each over as many columns as another; None for a line of running text."""
    if line.rstrip().endswith((".", ";", ",")) or len(_RUNNING.intersection(line.lower().split())) > 0:
        return None
    for joins in (_soft, _hard, _never):
        units = _units(line, joins)
        name = units.pop(0) if units and units[0].lower() in _LABELS else ""
        if width > 1 and len(units) > 1 and width % len(units) == 0:
            each = width // len(units)
            return [name, *(unit for unit in units for _ in range(each))]
    return None


def _units(line: str, joins: Callable[[str, str], bool]) -> list[str]:
    """The words of a line, those joined that belong to one name, whatever blanks are between."""
    return [unit.text for unit in _cells(line, joins, across=math.inf)]


def _whole(before: str, word: str) -> bool:
    return True


def _never(before: str, word: str) -> bool:
    return _GLUED.fullmatch(word) is not None


def _hard(before: str, word: str) -> bool:
    """Whether a word is a unit or remark, which no column is named by alone, or stands beside "=" or "@"."""
    return _HARD.fullmatch(word) is not None or word in ("=", "@") or before.endswith(("=", "@", "/"))


def goes_on(before: str, word: str) -> bool:
    """Whether a word goes on with the name before it: "Final" and "Score", "Params" and "(M)"."""
    return bool(before and word) and _soft(before, word.split(maxsplit=1)[0])


def _soft(before: str, word: str) -> bool:
    """Whether two words are often one name: "Final Score", "5 Epochs", "Our method", "Run 1"."""
    if _hard(before, word):
        return True
    last = before.rsplit(maxsplit=1)[-1].lower()
    next_word = word.lower().rstrip("%")
    if word.isalpha() and (before.isdigit() or last in _POSSESSIVE):
        return True
    return (last in _BEFORE and next_word in _AFTER) or (last in _COUNTED and next_word.isdigit())
