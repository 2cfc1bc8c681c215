"""Learnt associations of words: "PTB" stands at results on "Penn Treebank", "Acc." at "Accuracy".

Learnt by counting: for a word of a dataset's or metric's name and a word of a context, how often the second
stands at the right numbers, against how often it stands at any number of the same papers; the logarithm of
the ratio."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import scipy.sparse as sp
from numpy.typing import NDArray

from tdm_ray.arrays import Floats
from tdm_ray.extract.candidates import Candidates
from tdm_ray.records import TDM
from tdm_ray.storage import read_table, write_table
from tdm_ray.text.tokens import tokens

PARTS = ("dataset", "metric")
PLACES = ("header", "about")
Pair = tuple[int, str, str]  # part and place as one number, word of the name, word of the context
_SCHEMA = pa.schema(
    [("kind", pa.int8()), ("name", pa.string()), ("word", pa.string()), ("weight", pa.float32())]
)
# Counts are smoothed by half a paper; what fewer than two papers show is chance, and weak words are not kept.
_SMOOTHING = 0.5
_LEAST_PAPERS = 2
_LEAST_WEIGHT = 0.2
_WORDS = 60
FEATURES = (
    *(
        f"{part}_{what}"
        for part in PARTS
        for what in ("words_beside", "words_above", "words_in_headers", "best_word")
    ),
    *(f"{part}_words_about" for part in PARTS),
)


def name_words(tdm: TDM, part: int) -> list[str]:
    """The words of a name, each once."""
    return list(dict.fromkeys(tokens(getattr(tdm, PARTS[part]))))


class ContextWords:
    """The words of one paper's contexts, given as their `tokens`, as a 0/1 matrix (contexts, words)."""

    def __init__(self, contexts: Sequence[Sequence[str]]) -> None:
        bags = [sorted(set(words[:_WORDS])) for words in contexts]
        self.vocabulary = {w: i for i, w in enumerate(sorted({w for bag in bags for w in bag}))}
        columns = [self.vocabulary[w] for bag in bags for w in bag]
        pointers = np.cumsum([0, *map(len, bags)])
        shape = (len(bags), len(self.vocabulary))
        self.matrix = sp.csr_matrix((np.ones(len(columns), np.float32), columns, pointers), shape)


@dataclass(frozen=True)
class Counts:
    """How often pairs of words stand together: `right[pair]` at right numbers, `any[pair]` at any number
    (shares of a paper's numbers, summed over papers), `papers[pair]` in how many papers."""

    right: Counter[Pair]
    any: Counter[Pair]
    papers: Counter[Pair]

    @classmethod
    def none(cls) -> Counts:
        """Nothing counted yet."""
        return cls(Counter(), Counter(), Counter())

    def add(self, other: Counts) -> None:
        """Count in what another has counted."""
        self.right.update(other.right)
        self.any.update(other.any)
        self.papers.update(other.papers)


def count_words(candidates: Candidates, labelled: Iterable[tuple[TDM, NDArray[np.bool_]]]) -> Counts:
    """The counts of one paper; `labelled` says for each of its TDMs which candidates are right."""
    words = ContextWords([tokens(text) for text in candidates.contexts])
    at = [
        words.matrix[candidates.beside].maximum(words.matrix[candidates.above]),
        words.matrix[candidates.about],
    ]
    everywhere = [np.asarray(m.mean(axis=0)).ravel() for m in at]
    spelled = list(words.vocabulary)
    counts = Counts.none()
    pairs: set[Pair] = set()
    for tdm, right in labelled:
        if not right.any():
            continue
        for place, matrix in enumerate(at):
            at_right = np.asarray(matrix[np.flatnonzero(right)].mean(axis=0)).ravel()
            for part in range(len(PARTS)):
                for name in name_words(tdm, part):
                    for column in np.flatnonzero(everywhere[place]):
                        pair = (part * 2 + place, name, spelled[column])
                        counts.any[pair] += everywhere[place][column]
                        if at_right[column]:
                            counts.right[pair] += at_right[column]
                        pairs.add(pair)
    counts.papers.update(pairs)
    return counts


class Associations:
    """The weights learnt, by part and place: sparse matrices (words of names, words of contexts)."""

    def __init__(self, table: pa.Table) -> None:
        kinds = table["kind"].to_numpy()
        weights = table["weight"].to_numpy()
        names, words = (table[column].dictionary_encode().combine_chunks() for column in ("name", "word"))
        self._names = {w: i for i, w in enumerate(names.dictionary.to_pylist())}
        self._words = {w: i for i, w in enumerate(words.dictionary.to_pylist())}
        rows = names.indices.to_numpy()
        columns = words.indices.to_numpy()
        shape = (len(self._names), len(self._words))
        self._matrices = [
            sp.csr_matrix((weights[kinds == k], (rows[kinds == k], columns[kinds == k])), shape)
            for k in range(4)
        ]
        self.table = table

    @classmethod
    def of(cls, counts: Counts) -> Associations:
        """The weights of all pairs that enough papers show."""
        rows = []
        for (kind, name, word), anywhere in counts.any.items():
            pair = (kind, name, word)
            weight = float(np.log((counts.right[pair] + _SMOOTHING) / (anywhere + _SMOOTHING)))
            if counts.papers[pair] >= _LEAST_PAPERS and abs(weight) >= _LEAST_WEIGHT:
                rows.append({"kind": kind, "name": name, "word": word, "weight": weight})
        rows.sort(key=lambda r: (r["kind"], r["name"], r["word"]))
        return cls(pa.Table.from_pylist(rows, schema=_SCHEMA))

    def save(self, path: str) -> None:
        """Write the weights as Parquet."""
        write_table(self.table, path)

    @classmethod
    def load(cls, path: str) -> Associations:
        """Read what `save` wrote."""
        return cls(read_table(path, _SCHEMA))

    def of_paper(self, words: ContextWords) -> list[sp.csr_matrix]:
        """The columns of one paper's words, for `features`."""
        known = [(place, self._words[w]) for w, place in words.vocabulary.items() if w in self._words]
        columns, rows = np.array(known, np.int64).reshape(-1, 2).T
        shape = (len(self._words), len(words.vocabulary))
        chosen = sp.csr_matrix((np.ones(len(columns), np.float32), (rows, columns)), shape)
        return [matrix @ chosen for matrix in self._matrices]

    def features(
        self, tdm: TDM, candidates: Candidates, words: ContextWords, own: Sequence[sp.csr_matrix]
    ) -> Floats:
        """The `FEATURES` of each candidate for a TDM: summed weights of the words beside, above and about
        it."""
        columns = []
        about = []
        for part in range(len(PARTS)):
            rows = [self._names[w] for w in name_words(tdm, part) if w in self._names]
            header, about_weights = (_strongest(own[part * 2 + place], rows) for place in range(2))
            sums = words.matrix @ header
            best = _largest(words.matrix, header)
            beside = sums[candidates.beside]
            above = sums[candidates.above]
            columns += [
                beside,
                above,
                beside + above,
                np.maximum(best[candidates.beside], best[candidates.above]),
            ]
            about.append((words.matrix @ about_weights)[candidates.about])
        return np.stack([*columns, *about], axis=1).astype(np.float32)


def _strongest(matrix: sp.csr_matrix, rows: Sequence[int]) -> Floats:
    """For each context word its weight with the word of the name that says most about it."""
    if not rows or not matrix.shape[1]:
        return np.zeros(matrix.shape[1], np.float32)
    weights = matrix[rows].toarray()
    return np.asarray(weights[np.abs(weights).argmax(axis=0), np.arange(weights.shape[1])], np.float32)


def _largest(bags: sp.csr_matrix, weights: Floats) -> Floats:
    """The largest weight of each context's words, at least 0."""
    if not bags.shape[1]:  # contexts without a word
        return np.zeros(bags.shape[0], np.float32)
    return np.asarray(bags.multiply(weights[None, :]).max(axis=1).toarray(), np.float32).ravel()
