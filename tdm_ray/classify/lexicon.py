"""How much of a TDM's names stands in which passage: one sparse product serves shortlist, features and
evidence.

The coverage of a name by a passage is the share of the name's words, weighted by inverse document frequency,
that the passage holds. An element (one task, dataset or metric) is covered as well as its best alias."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import reduce

import numpy as np
import scipy.sparse as sp

from tdm_ray.arrays import Floats, Ints
from tdm_ray.records import TDM_COLUMNS
from tdm_ray.taxonomy.labels import Taxonomy
from tdm_ray.text.passages import FIELDS, Passage
from tdm_ray.text.tokens import fold, may_stand_in, tokens

PARTS = tuple(TDM_COLUMNS)
_ROUNDING = 1e-4  # of sums of single-precision weights


@dataclass(frozen=True)
class Coverage:
    """What one paper shows of every element, and where its passages stand.

    6 % of the (element, passage) pairs of a real paper share a word at all: what looks at all is done on
    `found`."""

    found: sp.csr_matrix  # (elements, passages), in (0, 1]
    fields: Ints  # index into FIELDS, per passage
    tables: Ints  # table number or -1, per passage

    def rows(self, elements: Ints) -> Floats:
        """The coverage of some elements, shape (elements, passages)."""
        return np.asarray(self.found[elements].toarray(), np.float32)

    def matrix(self) -> Floats:
        """That of all elements; in columns, which is how it is reduced: twice as fast."""
        return np.asarray(self.found.toarray(order="F"), np.float32)


@dataclass(frozen=True)
class NameFilter:
    """Names as weights of words, shape (names, words), and how much of one of them a passage must hold."""

    words: Sequence[str]
    names: sp.csr_matrix
    least: float

    def __call__(self, text: str) -> bool:
        """Whether some passage of the text may hold so much. A no is right, but where a word ends in a Greek
        sigma."""
        folded = fold(text)
        held = np.array([may_stand_in(word, folded) for word in self.words], np.float32)
        return bool((self.names @ held).max(initial=0) >= self.least - _ROUNDING)


class Lexicon:
    """The names of a taxonomy as a sparse matrix, ready to be held against passages."""

    def __init__(self, taxonomy: Taxonomy, document_frequency: Mapping[str, int], documents: int) -> None:
        elements: dict[tuple[str, str], int] = {}
        variants: list[list[str]] = []
        for label in taxonomy.labels:
            for part in PARTS:
                key = (part, getattr(label.tdm, part))
                if key not in elements:
                    elements[key] = len(elements)
                    variants.append([])
                variants[elements[key]] += label.names(part)
        self.label_elements: Ints = np.array(
            [[elements[part, getattr(label.tdm, part)] for part in PARTS] for label in taxonomy.labels]
        )
        """Shape (labels, 3): the elements of each label, in the order of `PARTS`."""
        bags = [[sorted(set(tokens(name))) for name in dict.fromkeys(names)] for names in variants]
        self._vocabulary = {w: i for i, w in enumerate(sorted({w for bag in bags for ws in bag for w in ws}))}
        self._known = frozenset(self._vocabulary)
        self._document_frequency = document_frequency
        self._documents = documents
        idf = {w: self.idf(w) for w in self._vocabulary}
        # The first names of all elements, the second ones of those that have one, and so on.
        most = max(map(len, bags))
        self._names = [
            self._matrix([bag[n] if n < len(bag) else [] for bag in bags], idf) for n in range(most)
        ]
        self.weight: Floats = np.array(
            [max(sum(idf[w] for w in ws) for ws in bag) for bag in bags], np.float32
        )
        """Shape (elements,): the information in a name, the sum of the idf of its words."""

    def idf(self, word: str) -> float:
        """The inverse document frequency of a word, at least 0.1."""
        return float(np.log((self._documents + 1) / (self._document_frequency.get(word, 0) + 1))) + 0.1

    def _matrix(self, bags: Sequence[Sequence[str]], idf: Mapping[str, float]) -> sp.csr_matrix:
        rows = np.repeat(np.arange(len(bags)), [len(ws) for ws in bags])
        columns = [self._vocabulary[w] for ws in bags for w in ws]
        values = [idf[w] / sum(idf[v] for v in ws) for ws in bags for w in ws]
        return sp.csr_matrix((values, (rows, columns)), (len(bags), len(self._vocabulary)), dtype=np.float32)

    def name_filter(self, elements: Ints, least: float) -> NameFilter:
        """What tells the texts of which no passage covers one of these elements by `least`."""
        names = sp.vstack([names[np.unique(elements)] for names in self._names]).tocsr()
        used = np.unique(names.indices)
        words = list(self._vocabulary)
        return NameFilter([words[column] for column in used], names[:, used], least)

    def coverage(self, found: Sequence[Passage], words: Sequence[Sequence[str]]) -> Coverage:
        """The coverage of every element by every passage of one paper; `words` are the passages' `tokens`."""
        bags = [self._known.intersection(ws) for ws in words]
        indices = np.array([self._vocabulary[w] for bag in bags for w in bag], np.int32)
        pointers = np.cumsum([0, *map(len, bags)])
        shape = (len(bags), len(self._vocabulary))
        held = sp.csr_matrix((np.ones(len(indices), np.float32), indices, pointers), shape)
        by_name = [names @ held.T for names in self._names]
        for product in by_name:
            np.minimum(product.data, 1.0, out=product.data)
        return Coverage(
            reduce(lambda best, other: best.maximum(other), by_name),
            np.array([FIELDS.index(p.field) for p in found], np.int64),
            np.array([p.table for p in found], np.int64),
        )
