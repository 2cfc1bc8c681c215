"""Find labels that may be one board: by their names, and by papers that report the same scores for both."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from itertools import combinations

from tdm_ray.records import TDM
from tdm_ray.taxonomy.groups import Group, boards_of
from tdm_ray.taxonomy.labels import Label, Taxonomy

_Name = tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]
Results = Mapping[str, Mapping[TDM, Sequence[str]]]  # by paper and label the scores, as they are printed
_WORD = re.compile(r"[^\W\d_]+|\d+(?:\.\d+)?|\+")
# What stands for the same in names, as words: read from left to right, the longest first.
_SYNONYMS = (
    (("mean", "intersection", "over", "union"), ("miou",)),
    (("intersection", "over", "union"), ("iou",)),
    (("mean", "average", "precision"), ("map",)),
    (("average", "precision"), ("ap",)),
    (("exact", "match"), ("em",)),
    (("f", "measure"), ("f1",)),
    (("f", "score"), ("f1",)),
    (("f", "1"), ("f1",)),
    (("mean", "iou"), ("miou",)),
    (("mean", "ap"), ("map",)),
    (("word", "error", "rate"), ("wer",)),
    (("bits", "per", "character"), ("bpc",)),
    (("root", "mean", "square", "error"), ("rmse",)),
    (("mean", "absolute", "error"), ("mae",)),
    (("mean", "squared", "error"), ("mse",)),
    (("perplexity",), ("ppl",)),
    (("validation",), ("val",)),
    (("development",), ("dev",)),
    (("accuracy",), ("acc",)),
    (("percentage",), ()),
    (("percent",), ()),
)
_FILLER = frozenset(
    ("the", "a", "of", "on", "for", "in", "dataset", "data", "set", "score", "scores", "corpus")
)
_SPLITS = frozenset(("val", "test", "dev", "testdev"))
_LIKE = 0.9  # of difflib's ratio: "Pearson Corelation" and "Pearson Correlation" have 0.97
_SHORT = 5  # shorter names differ by one letter and mean another thing: APS and APM
_MOST_NAMES = 12  # names of a label that are compared
_LEAST_SAME = 3  # papers with the same scores that make a pair without alike names
_LEAST_DIGITS = 3  # of a score that two labels share by more than chance


@dataclass(frozen=True)
class Twin:
    """Two labels that may be one board. `same` and `other` count the papers that report both, with the same
    score and with different ones; `names` says how their names agree ("" where they do not)."""

    first: TDM
    second: TDM
    names: str
    same: int = 0
    other: int = 0

    @property
    def evidence(self) -> str:
        """What speaks for the pair, for people."""
        scores = f"{self.same} papers with the same score, {self.other} with others"
        return "; ".join(filter(None, (self.names, scores if self.same or self.other else "")))


def find_twins(taxonomy: Taxonomy, results: Results, groups: Sequence[Group] = ()) -> list[Twin]:
    """Pairs of labels of a taxonomy that may be one board and are not known as one, the surest first.
    `groups` are those that people have accepted.

    Names alone never make a pair where scores speak against it: more papers have different scores for the two
    than the same one. Nor do labels of opposite directions, or whose names differ in a number."""
    counts = _counted(results)
    known = boards_of(taxonomy, groups)
    labels = {label.tdm: label for label in taxonomy.labels}
    found = {}
    for pair, names in _alike(taxonomy):
        same, other = counts.get(pair, (0, 0))
        if other <= same:
            found[pair] = Twin(*pair, names, same, other)
    for pair, (same, other) in counts.items():
        if pair not in found and same >= _LEAST_SAME and not other and _share_a_word(*pair):
            found[pair] = Twin(*pair, "", same, other)
    kept = [
        twin
        for (one, two), twin in found.items()
        if one in labels
        and two in labels
        and known.get(one, one) != known.get(two, two)
        and {labels[one].direction, labels[two].direction} != {"higher", "lower"}
        and _numbers(one) == _numbers(two)
    ]
    return sorted(kept, key=lambda twin: (-twin.same, not twin.names, twin.first, twin.second))


def _counted(results: Results) -> dict[tuple[TDM, TDM], tuple[int, int]]:
    """By pair of labels the papers that report both with the same score, and with different ones."""
    counts: dict[tuple[TDM, TDM], list[int]] = defaultdict(lambda: [0, 0])
    for by_label in results.values():
        numbers = {tdm: frozenset(filter(None, map(_number, scores))) for tdm, scores in by_label.items()}
        for pair in combinations(sorted(tdm for tdm, held in numbers.items() if held), 2):
            shared = numbers[pair[0]] & numbers[pair[1]]
            if shared:
                counts[pair][0] += any(len(number) >= _LEAST_DIGITS for number in shared)
            else:
                counts[pair][1] += 1
    return {pair: (same, other) for pair, (same, other) in counts.items()}


def _number(score: str) -> str:
    """The digits of a score without zeros at its ends: 0.912 and 91.2 are one."""
    number = re.search(r"\d+(?:\.\d+)?", score.replace(",", ""))
    return number[0].replace(".", "").strip("0") if number else ""


def _alike(taxonomy: Taxonomy) -> Iterator[tuple[tuple[TDM, TDM], str]]:
    """Pairs of labels that some of their names make one, and how."""
    by_name: dict[_Name, list[Label]] = defaultdict(list)
    for label in taxonomy.labels:
        for key in _keys(label):
            by_name[key].append(label)
    seen = set()
    for name, labels in by_name.items():
        for one, two in combinations(sorted(labels, key=lambda label: label.tdm), 2):
            pair = (one.tdm, two.tdm)
            if pair not in seen and _tasks_alike(one.tdm.task, two.tdm.task):
                seen.add(pair)
                yield pair, f"both read as {', '.join(' '.join(words) for words in name if words)}"
    for pair in _near(taxonomy):
        if pair not in seen:
            yield pair, "near in spelling"


def _near(taxonomy: Taxonomy) -> Iterator[tuple[TDM, TDM]]:
    """Pairs of one task that differ in one word's spelling: "Pearson Corelation"."""
    groups: dict[tuple[str, int, int], list[tuple[tuple[str, ...], TDM]]] = defaultdict(list)
    for label in taxonomy.labels:
        data, metric = _words(label.tdm.dataset), _words(label.tdm.metric)
        groups[label.tdm.task.lower(), len(data), len(metric)].append(((*data, *metric), label.tdm))
    for names in groups.values():
        for (one, first), (two, second) in combinations(names, 2):
            different = [pair for pair in zip(one, two, strict=True) if pair[0] != pair[1]]
            if len(different) == 1 and _misspelt(*different[0]):
                yield min(first, second), max(first, second)


def _misspelt(one: str, other: str) -> bool:
    """Whether one word is another but for a letter or two within it ("restricted", "unrestricted": no)."""
    if min(len(one), len(other)) <= _SHORT or one.endswith(other) or other.endswith(one):
        return False
    return one[0] == other[0] and SequenceMatcher(None, one, other, autojunk=False).ratio() >= _LIKE


def _keys(label: Label) -> set[_Name]:
    """Each name of a label in words: of its data, its split, and its metric."""
    keys = set()
    for dataset in label.names("dataset")[:_MOST_NAMES]:
        for metric in label.names("metric")[:_MOST_NAMES]:
            words = (*_words(dataset), *_words(metric))
            splits = tuple(sorted(_SPLITS.intersection(words)))
            names = (tuple(w for w in _words(name) if w not in _SPLITS) for name in (dataset, metric))
            data, measure = names
            keys.add((data, splits, measure))
    return {key for key in keys if key[0] and key[2]}


def _words(name: str) -> tuple[str, ...]:
    words = tuple(word.lower() for word in _WORD.findall(name))
    for longer, shorter in _SYNONYMS:
        for at in range(len(words) - len(longer), -1, -1):
            if words[at : at + len(longer)] == longer:
                words = (*words[:at], *shorter, *words[at + len(longer) :])
    return tuple(_singular(word) for word in words if word not in _FILLER)


def _singular(word: str) -> str:
    return word[:-1] if len(word) > 4 and word.endswith("s") and not word.endswith("ss") else word


def _tasks_alike(one: str, other: str) -> bool:
    return _words(one) == _words(other)


def _share_a_word(one: TDM, other: TDM) -> bool:
    return not set(_words(one.dataset)).isdisjoint(_words(other.dataset))


def _numbers(tdm: TDM) -> tuple[str, ...]:
    return tuple(sorted(re.findall(r"\d+", f"{tdm.dataset} {tdm.metric}".replace("F1", "F"))))
