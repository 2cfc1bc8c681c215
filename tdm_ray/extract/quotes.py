"""Numbers and row names in the tables of labelled papers, by month: what papers quote from others.

A number that earlier papers print is a baseline's; one that later papers print was quoted from this paper.
The same holds for the names of rows.

An entry is 64 bits: 48 of a hash (of a number, of a number and a word of its row, ...) and 16 of the month in
which a paper that has it came out. Entries are sorted, so that both counts are found by bisection: of 7,000
papers 4 million, 34 MB."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from tdm_ray.arxiv_ids import base_id, month_number
from tdm_ray.classify.lexicon import Lexicon
from tdm_ray.parallel import over_chunks
from tdm_ray.records import Paper
from tdm_ray.storage import join, read_table, write_table
from tdm_ray.taxonomy.labels import Label
from tdm_ray.text.numbers import the_number
from tdm_ray.text.passages import header_text
from tdm_ray.text.tokens import tokens

Keys = NDArray[np.uint64]
Counts = NDArray[np.int64]
NUMBER, IN_ROW, WITH_WORD, NAME, WORD = range(5)  # kinds of entries
_ENTRIES = pa.schema([("entry", pa.uint64())])
_WORDS = pa.schema([("word", pa.string())])
# shorter numbers and words stand everywhere
_LEAST_DIGITS = 3
_LEAST_LETTERS = 3
_LEAST_IDF = 2.0
_NOTHING = np.uint64(0)
_MONTH = np.uint64((1 << 16) - 1)
_FACTORS = [
    np.uint64(f) for f in (0x9E3779B97F4A7C15, 0xC2B2AE3D27D4EB4F, 0xBF58476D1CE4E5B9)
]  # those of splitmix64


@dataclass(frozen=True)
class Quotes:
    """The sorted entries of many papers; of the words around a number only `context_words` were counted."""

    entries: Keys
    papers: int
    context_words: frozenset[str] = frozenset()

    def save(self, folder: str) -> dict[str, int]:
        """Write the entries into an index folder; returns what belongs into its `index.json`."""
        write_table(pa.table([self.entries], schema=_ENTRIES), join(folder, "quotes.parquet"))
        write_table(
            pa.table([sorted(self.context_words)], schema=_WORDS), join(folder, "quoted_words.parquet")
        )
        return {"quoted_papers": self.papers}

    @classmethod
    def load(cls, folder: str, facts: Mapping[str, Any]) -> Quotes | None:
        """The entries of an index folder with these `facts`; None of an index built before there were any."""
        if "quoted_papers" not in facts:
            return None
        entries = read_table(join(folder, "quotes.parquet"), _ENTRIES)["entry"].to_numpy()
        context_words = read_table(join(folder, "quoted_words.parquet"), _WORDS)["word"].to_pylist()
        return cls(entries, facts["quoted_papers"], frozenset(context_words))

    @classmethod
    def of(cls, papers: Sequence[Paper], context_words: Set[str]) -> Quotes:
        """The entries of these papers, one version of each; those whose month is not known have none.

        `context_words`: see `dataset_words`.
        """
        one = {base_id(paper.paper_id): paper for paper in papers}
        read = over_chunks(_Reader(frozenset(context_words)), list(one.values()), what="papers' tables read")
        keys_of_papers = [keys for keys in read if len(keys)]
        return cls(
            np.sort(np.concatenate([np.empty(0, np.uint64), *keys_of_papers])),
            len(keys_of_papers),
            frozenset(context_words),
        )

    def around(self, keys: Keys, month: int) -> Counts:
        """How many papers of earlier months have each key, and how many of later ones; shape (2, keys)."""
        base = keys & ~_MONTH
        this_month = np.uint64(month)
        start = np.searchsorted(self.entries, base, "left")
        before = np.searchsorted(self.entries, base | this_month, "left")
        after = np.searchsorted(self.entries, base | this_month, "right")
        end = np.searchsorted(self.entries, base | _MONTH, "right")
        return np.stack([before - start, end - after])

    def sizes(self, month: int) -> tuple[int, int]:
        """How many entries are of earlier and of later months: where none are, nothing follows from a count
        of 0."""
        return int(self._until[month - 1]), int(self._until[-1] - self._until[month])

    @cached_property
    def _until(self) -> Counts:
        return np.cumsum(np.bincount((self.entries & _MONTH).astype(np.int64), minlength=1 << 16))


def digits_of(text: str) -> str | None:
    """The digits of a printed number, so that 0.853 and 85.3 are one; None where they are too few."""
    digits = re.sub(r"\D", "", text).lstrip("0")
    return digits if len(digits) >= _LEAST_DIGITS else None


def row_words(beside: str) -> list[str]:
    """The words of a row's name, sorted."""
    return sorted({word for word in tokens(beside) if not word.isdigit()})


def key(kind: int, one: Keys, other: Keys | np.uint64 = _NOTHING) -> Keys:
    """The keys of an entry: of a word, or of a number and a word."""
    with np.errstate(over="ignore"):
        mixed = one * _FACTORS[0] + other * _FACTORS[1] + np.uint64(kind)
        mixed = (mixed ^ (mixed >> np.uint64(29))) * _FACTORS[2]
    return np.asarray((mixed ^ (mixed >> np.uint64(32))) & ~_MONTH)


def hashes(words: Iterable[str]) -> Keys:
    """64 bits of BLAKE2b of each word."""
    return np.array([_hash(word) for word in words], np.uint64)


@lru_cache(maxsize=1 << 18)
def _hash(word: str) -> int:
    return int.from_bytes(hashlib.blake2b(word.encode(), digest_size=8).digest(), "little")


def dataset_words(labels: Iterable[Label], lexicon: Lexicon) -> set[str]:
    """The words of the labels' datasets, without common ones ("test", "set": in every seventh paper), which
    would make half of all entries."""
    words = {word for label in labels for word in tokens(label.tdm.dataset) if len(word) >= _LEAST_LETTERS}
    return {word for word in words if lexicon.idf(word) >= _LEAST_IDF}


@dataclass(frozen=True)
class _Reader:
    context_words: frozenset[str]

    def __call__(self, papers: Sequence[Paper]) -> list[Keys]:
        return [_entries(paper, self.context_words) for paper in papers]


def _entries(paper: Paper, wanted: frozenset[str]) -> Keys:
    month = month_number(paper.paper_id, paper.published)
    names = set[str]()
    pairs = set[tuple[str, str]]()
    near_words = set[tuple[str, str]]()
    for table in paper.tables if month else ():
        about = set(tokens(table.caption))
        for cell in table.cells:
            number = the_number(cell.value)
            beside = header_text(cell.row_headers)
            if number is None:
                continue
            names.add(beside)
            if digits := digits_of(number.text):
                pairs.update((digits, word) for word in row_words(beside) or [""])
                around = {*about, *tokens(beside), *tokens(header_text(cell.column_headers))}
                near_words.update((digits, word) for word in around & wanted)
    words = {word for name in names for word in row_words(name)}
    keys = [
        key(NUMBER, hashes({digits for digits, _ in pairs})),
        *(
            key(kind, *_both(words_of_pairs))
            for kind, words_of_pairs in ((IN_ROW, pairs), (WITH_WORD, near_words))
        ),
        key(NAME, hashes({" ".join(row_words(name)) for name in names} - {""})),
        key(WORD, hashes(words)),
    ]
    return np.unique(np.concatenate(keys)) | np.uint64(month or 0)


def _both(pairs: set[tuple[str, str]]) -> tuple[Keys, Keys]:
    return hashes(one for one, _ in pairs), hashes(other for _, other in pairs)
