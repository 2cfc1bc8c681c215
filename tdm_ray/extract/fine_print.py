"""What tells one name from its siblings, and counts little by weight: numbers, the order of words, acronyms.

"Mini-Imagenet 5-way (1-shot)" and "(5-shot)", "Duke to Market" and "Market to Duke", "Recall@1" and
"Recall@10" share nearly all their words; "QQP" shares none with "Quora Question Pairs"."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from itertools import pairwise

import numpy as np

from tdm_ray.arrays import Floats
from tdm_ray.extract.candidates import Candidates
from tdm_ray.records import TDM
from tdm_ray.text.tokens import fold

_WORD = re.compile(r"\d+|[^\W\d_]+")
_SMALL = frozenset(("of", "the", "and", "on", "for", "in", "to", "a"))
_LANGUAGES = {
    "german": "de",
    "chinese": "zh",
    "spanish": "es",
    "czech": "cs",
    "turkish": "tr",
    "estonian": "et",
    "dutch": "nl",
    "japanese": "ja",
    "latvian": "lv",
    "polish": "pl",
    "portuguese": "pt",
    "swedish": "sv",
    "kazakh": "kk",
}
_LEAST_INITIALS = 3
_MOST_INITIALS = 5
_PARTS = ("dataset", "metric")
_PLACES = ("beside", "above", "about")
FEATURES = tuple(
    f"{part}_{what}_{place}"
    for part in _PARTS
    for what in ("numbers", "counted", "acronym", *(("order",) if part == "dataset" else ()))
    for place in _PLACES
)
Places = dict[str, list[int]]


class FinePrint:
    """One paper's contexts, by the words, numbers, counted words ("1 shot") and initials that stand in
    them."""

    def __init__(self, contexts: Sequence[str]) -> None:
        self._texts = [_words(text) for text in contexts]
        self._words = _places(self._texts)
        self._counted = _places(map(_counts, self._texts))
        self._initials = _places(map(_runs, self._texts))
        self._numbered = np.array([any(map(str.isdigit, text)) for text in self._texts], bool)

    def features(self, tdm: TDM, candidates: Candidates) -> Floats:
        """The `FEATURES` of each candidate; shape (candidates, FEATURES)."""
        dataset = _words(tdm.dataset)
        metric = _words(tdm.metric)
        by_context = [*self._of(dataset), self._order(dataset), *self._of(metric)]
        places = (candidates.beside, candidates.above, candidates.about)
        return np.stack([column[place] for column in by_context for place in places], axis=1)

    def _of(self, name: Sequence[str]) -> list[Floats]:
        return [self._numbers(name), self._share(self._counted, _counts(name)), self._acronym(name)]

    def _share(self, places: Places, wanted: Sequence[str]) -> Floats:
        """The share of what is wanted that stands in each context; NaN where nothing is."""
        held = np.zeros(len(self._texts), np.float32)
        for one in wanted:
            held[places.get(one, [])] += 1
        return held / np.float32(len(wanted)) if wanted else np.full_like(held, np.nan)

    def _numbers(self, name: Sequence[str]) -> Floats:
        """The share of the name's numbers; -1 where only others stand."""
        share = self._share(self._words, list(dict.fromkeys(filter(str.isdigit, name))))
        share[(share == 0) & self._numbered] = -1
        return share

    def _acronym(self, name: Sequence[str]) -> Floats:
        """1 where the name stands as an acronym, or one of its words is that of three to five words there."""
        words = [word for word in name if not word.isdigit()]
        held = np.zeros(len(self._texts), np.float32)
        for initials in {"".join(w[0] for w in words), "".join(w[0] for w in words if w not in _SMALL)}:
            if len(initials) >= _LEAST_INITIALS:
                held[self._words.get(initials, [])] = 1
        for word in set(words) - _SMALL:  # "for" is the initials of many three words
            held[self._initials.get(word, [])] = 1
        return held

    def _order(self, name: Sequence[str]) -> Floats:
        """1 where two neighbouring words of the name stand in its order, -1 in the other, 0 where not both
        do.

        Of several pairs the last one that stands there counts, and words before their short forms.
        """
        held = np.zeros(len(self._texts), np.float32)
        for before, after in pairwise([w for w in name if len(w) > 1 and w not in _SMALL]):
            for one, other in ((_short(before), _short(after)), (before, after)):
                for context in set(self._words.get(one, ())) & set(self._words.get(other, ())):
                    text = self._texts[context]
                    held[context] = np.sign(text.index(other) - text.index(one)) or held[context]
        return held


def _words(text: str) -> list[str]:
    return _WORD.findall(fold(text).replace("×", "x"))


def _counts(words: Sequence[str]) -> list[str]:
    """Numbers with the word after them, "5 way"; for "x4" and "top1" with that before."""
    pairs = [f"{a} {b}" for a, b in pairwise(words) if a.isdigit() != b.isdigit()]
    return list(dict.fromkeys(pairs))


def _runs(words: Sequence[str]) -> set[str]:
    """The initials of three to five words in a row."""
    letters = "".join(word[0] for word in words)
    lengths = range(_LEAST_INITIALS, _MOST_INITIALS + 1)
    return {letters[i : i + n] for n in lengths for i in range(len(letters) - n + 1)}


def _short(word: str) -> str:
    """A language by its code (ISO 639-1), else by its first two letters: "english" is "en"."""
    return _LANGUAGES.get(word, word[:2])


def _places(texts: Iterable[Iterable[str]]) -> Places:
    places: Places = {}
    for number, text in enumerate(texts):
        for word in dict.fromkeys(text):
            places.setdefault(word, []).append(number)
    return places
