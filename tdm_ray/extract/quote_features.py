"""What labelled papers' tables say of a paper's numbers and rows: features of a candidate, from
`model.quotes`."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tdm_ray.arrays import Floats
from tdm_ray.arxiv_ids import month_number
from tdm_ray.extract.candidates import Candidates
from tdm_ray.extract.quotes import (
    IN_ROW,
    NAME,
    NUMBER,
    WITH_WORD,
    WORD,
    Keys,
    Quotes,
    digits_of,
    hashes,
    key,
    row_words,
)
from tdm_ray.records import TDM, Paper
from tdm_ray.text.tokens import tokens

_WHEN = ("before", "after")
FEATURES = (
    *(f"number_{when}" for when in _WHEN),
    *(f"number_in_row_{when}" for when in _WHEN),
    *(f"row_name_{when}" for when in _WHEN),
    "row_word_before_least",
    "row_word_before_most",
    "row_word_after_least",
    "row_word_after_share",
    "size_before",
    "size_after",
    *(f"number_with_dataset_{when}" for when in _WHEN),
)
_USUAL = 0.13  # a word that stands in rows of more papers than this tells no two rows apart
Matrix = NDArray[np.float64]


class QuoteFeatures:
    """One paper's candidates, and how often each stands in tables of earlier months and of later ones."""

    def __init__(self, quotes: Quotes | None, paper: Paper, candidates: Candidates) -> None:
        month = month_number(paper.paper_id, paper.published)
        self._quotes = quotes if month else None
        self._month = month or 0
        self._found = candidates
        digits = [digits_of(number.text) or "" for number in candidates.numbers]
        self._distinct = {text: place for place, text in enumerate(dict.fromkeys(digits))}
        self._place = np.array([self._distinct[text] for text in digits], np.int64)
        self._digits = hashes(self._distinct)
        self._none = np.array([not text for text in self._distinct], bool)
        self._same = self._of_paper() if self._quotes else None

    def features(self, tdm: TDM) -> Floats:
        """The `FEATURES` of each candidate; shape (candidates, FEATURES). NaN where nothing can be known."""
        if self._same is None:
            return np.full((len(self._found), len(FEATURES)), np.nan, np.float32)
        words = self._quotes.context_words.intersection(tokens(tdm.dataset)) if self._quotes else ()
        counts = np.full((2, len(self._digits)), np.nan)
        for word in hashes(words):
            counts = np.fmax(counts, self._counts(key(WITH_WORD, self._digits, word)))
        counts[:, self._none] = np.nan
        return np.concatenate([self._same, counts[:, self._place].T], axis=1, dtype=np.float32)

    def _counts(self, keys: Keys) -> Matrix:
        assert self._quotes is not None
        return self._quotes.around(keys, self._month).astype(np.float64)

    def _of_paper(self) -> Matrix:
        assert self._quotes is not None
        numbers = self._counts(key(NUMBER, self._digits))
        numbers[:, self._none] = np.nan
        in_row, rows = self._rows()
        sizes = np.log1p(np.tile(np.array([self._quotes.sizes(self._month)]).T, len(in_row[0])))
        return np.concatenate([numbers[:, self._place], in_row, rows[:, self._found.beside], sizes]).T

    def _rows(self) -> tuple[Matrix, Matrix]:
        """For each candidate its number in a row that shares an unusual word; for each context what its name
        says."""
        assert self._quotes is not None
        beside = self._found.beside
        in_row = np.zeros((2, len(beside)))
        rows = np.full((6, len(self._found.contexts)), np.nan)
        for context in np.unique(beside).tolist():
            words = row_words(self._found.contexts[context])
            if not words:
                continue
            name = hashes([" ".join(words)])
            each = hashes(words)
            before, after = self._counts(key(WORD, each))
            rows[:2, [context]] = self._counts(key(NAME, name))
            rows[2:, context] = before.min(), before.max(), after.min(), (after / (before + 1)).max()
            here = np.flatnonzero(beside == context)
            for word in each[before + after < _USUAL * self._quotes.papers]:
                keys = key(IN_ROW, self._digits[self._place[here]], word)
                in_row[:, here] = np.maximum(in_row[:, here], self._counts(keys))
        in_row[:, self._none[self._place]] = np.nan
        return in_row, rows
