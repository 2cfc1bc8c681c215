"""Token ids of (premise, hypothesis) pairs, put together from passages that are tokenised once.

A paper's windows overlap. So passages are tokenised once a paper, hypotheses once a taxonomy, and the ids of
all pairs of a paper are copied together. They equal, id for id, what the tokenizer makes of the two texts (a
test compares both for WordPiece and byte-level BPE)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from tdm_ray.arrays import Ints
from tdm_ray.classify.tokenizer import Tokenizer
from tdm_ray.records import TDM
from tdm_ray.text.windows import JOINT

Ids = NDArray[np.int32]


def hypothesis(tdm: TDM) -> str:
    """A TDM as the model reads it."""
    return f"{tdm.task}; {tdm.dataset}; {tdm.metric}"


@dataclass(frozen=True)
class Ragged:
    """Rows of different lengths, one after the other; `starts` has one entry more than there are rows."""

    values: Ids
    starts: Ints

    @classmethod
    def of(cls, rows: Sequence[Sequence[int]]) -> Ragged:
        """The rows of a list of lists."""
        lengths = np.array([len(row) for row in rows], np.int64)
        return cls.split(np.fromiter(chain.from_iterable(rows), np.int32, int(lengths.sum())), lengths)

    @classmethod
    def split(cls, values: Ids, lengths: Ints) -> Ragged:
        """Rows of these lengths, one after the other in `values`."""
        return cls(values, np.concatenate([[0], np.cumsum(lengths)]))

    @property
    def lengths(self) -> Ints:
        """How long each row is."""
        return np.diff(self.starts)

    def take(self, rows: Sequence[int] | Ints) -> Ragged:
        """The given rows, in that order."""
        chosen = np.asarray(rows, np.int64)  # also of no rows at all
        lengths = self.lengths[chosen]
        return Ragged.split(self.copied(chosen, lengths), lengths)

    def copied(self, rows: Ints, lengths: Ints) -> Ids:
        """The first `lengths` values of each of the rows, one after the other; both of any one shape."""
        counts = lengths.ravel()
        starts = self.starts[rows.ravel()] - (np.cumsum(counts) - counts)
        return np.asarray(self.values[np.repeat(starts, counts) + np.arange(counts.sum())])

    @classmethod
    def joined(cls, parts: Sequence[Ragged]) -> Ragged:
        """The rows of all parts, in order."""
        return cls.split(
            np.concatenate([m.values for m in parts]), np.concatenate([m.lengths for m in parts])
        )


@dataclass(frozen=True)
class Pairs:
    """The token ids of pairs, and where in each the hypothesis begins (what follows has token type 1, if
    any)."""

    ids: Ragged
    second: Ints

    def __len__(self) -> int:
        return len(self.second)

    @classmethod
    def joined(cls, parts: Sequence[Pairs]) -> Pairs:
        """The pairs of all parts, in order; there must be one part at least."""
        ids = Ragged.joined([pairs.ids for pairs in parts])
        return cls(ids, np.concatenate([pairs.second for pairs in parts]))

    def padded(self, rows: Ints, padding: int) -> tuple[Ints, Ints, Ints]:
        """Ids, token types and attention mask of the given rows; shapes (rows, longest of them)."""
        place = np.arange(self.ids.lengths[rows].max())
        mask = place < self.ids.lengths[rows][:, None]
        last = len(self.ids.values) - 1
        ids = self.ids.values[np.minimum(self.ids.starts[rows][:, None] + place, last)]
        types = (place >= self.second[rows][:, None]) & mask
        return np.where(mask, ids, padding).astype(np.int64), types.astype(np.int64), mask.astype(np.int64)


class PairBuilder:
    """Builds pairs for one tokenizer, `max_tokens` long at most; what does not fit is cut from the premise's
    end."""

    def __init__(self, tokenizer: Tokenizer, max_tokens: int) -> None:
        self.tokenizer = tokenizer
        self.max_tokens = max_tokens

    def ids(self, texts: Sequence[str]) -> list[list[int]]:
        """The token ids of each text, without special tokens."""
        if not texts:
            return []
        encoded = self.tokenizer(list(texts), add_special_tokens=False, verbose=False)["input_ids"]
        return [list(ids) for ids in encoded]

    def premise(
        self, title: str, passages: Sequence[str], windows: Sequence[Sequence[int]]
    ) -> tuple[list[list[int]], list[list[int]]]:
        """The token ids of a paper's parts: its title, then each passage with the mark that joins it to what
        stands before; and of which parts each window (positions in `passages`) is made, besides the title.
        """
        joined = self.ids([title, *(JOINT + text for text in passages)])
        if title:
            return joined, [[1 + i for i in window] for window in windows]
        first = len(
            joined
        )  # nothing stands before the first passage of a window: it is there without the mark, too
        return joined + self.ids(passages), [
            [first + w[0], *(1 + i for i in w[1:])] if w else [] for w in windows
        ]

    @cached_property
    def _frame(self) -> tuple[Ragged, bool]:
        """The special tokens before, between and after the two texts, and whether the two have types 0 and
        1."""
        a, b = self.ids(["premise", "hypothesis"])
        encoded = self.tokenizer("premise", "hypothesis")
        whole = list(encoded["input_ids"])
        start = _find(whole, a, 0)
        middle = _find(whole, b, start + len(a))
        types = encoded.get("token_type_ids") or [0]
        frame = Ragged.of([whole[:start], whole[start + len(a) : middle], whole[middle + len(b) :], []])
        return frame, max(types) == 1

    def pairs(
        self, parts: Sequence[Sequence[int]], windows: Sequence[Sequence[int]], hypotheses: Ragged
    ) -> Pairs:
        """The pairs of one paper: its title (the first of `parts`) and the parts of each window, with a
        hypothesis.

        `windows` and `hypotheses` have a row a pair.
        """
        frame, typed = self._frame
        pool = Ragged.joined([frame, hypotheses, Ragged.of(parts)])
        count = len(windows)
        chosen = Ragged.of(windows)
        before, between, after, nothing = (np.full((count, 1), row) for row in range(4))
        hypothesis = 4 + np.arange(count)[:, None]
        title = np.full((count, 1), 4 + count)
        window = np.repeat(nothing, chosen.lengths.max(initial=0), axis=1)
        window[np.arange(window.shape[1]) < chosen.lengths[:, None]] = 4 + count + chosen.values
        segments = np.concatenate([before, title, window, between, hypothesis, after], axis=1)
        lengths = pool.lengths[segments]
        room = np.maximum(self.max_tokens - lengths[:, [0, -3, -2, -1]].sum(axis=1), 0)
        lengths[:, 1:-3] = _within(lengths[:, 1:-3], room)
        lengths = _within(lengths, np.full(count, self.max_tokens))
        ids = Ragged.split(pool.copied(segments, lengths), lengths.sum(axis=1))
        return Pairs(ids, lengths[:, :-2].sum(axis=1) if typed else ids.lengths)


def _within(lengths: Ints, room: Ints) -> Ints:
    """The lengths of a row's segments, cut from its end so that the row is `room` long at most."""
    before = np.cumsum(lengths, axis=1) - lengths
    return np.clip(room[:, None] - before, 0, lengths)


def _find(whole: list[int], part: list[int], start: int) -> int:
    return next(i for i in range(start, len(whole)) if whole[i : i + len(part)] == part)
