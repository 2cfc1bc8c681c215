"""Token ids of (premise, hypothesis) pairs, put together from parts that are tokenised once: passages and hypotheses.

A paper's windows overlap much: 32 hypotheses point at about 40 passages. So passages are tokenised once a paper,
hypotheses once a taxonomy, and a pair is only a concatenation. Equal, id for id, to what the tokenizer makes of the
pair of texts (a test holds both against each other for WordPiece and byte-level BPE).
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from transformers import PreTrainedTokenizerBase

from tdm_ray.premise.windows import JOINT

Ids = NDArray[np.int32]


class PairBuilder:
    """Builds pairs for one tokenizer, `max_tokens` long at most; what does not fit is cut from the premise's end."""

    def __init__(self, tokenizer: PreTrainedTokenizerBase, max_tokens: int) -> None:
        self.tokenizer = tokenizer
        self.max_tokens = max_tokens

    def ids(self, texts: Sequence[str]) -> list[list[int]]:
        """The token ids of each text, without special tokens."""
        if not texts:
            return []
        encoded = self.tokenizer(list(texts), add_special_tokens=False, verbose=False)["input_ids"]
        return [list(ids) for ids in encoded]

    def premise_parts(self, title: str, passages: Sequence[str]) -> list[list[int]]:
        """The token ids of the title, then of each passage with the mark that joins it to what stands before."""
        return self.ids([title, *(JOINT + text if title else text for text in passages)])

    @cached_property
    def _frame(self) -> tuple[list[int], list[int], list[int], bool]:
        """The special tokens before, between and after the two texts, and whether the two have types 0 and 1."""
        a, b = self.ids(["premise", "hypothesis"])
        encoded = self.tokenizer("premise", "hypothesis")
        whole = list(encoded["input_ids"])
        start = _find(whole, a, 0)
        middle = _find(whole, b, start + len(a))
        types = encoded.get("token_type_ids") or [0]
        return whole[:start], whole[start + len(a) : middle], whole[middle + len(b) :], max(types) == 1

    def pair(self, parts: Sequence[Sequence[int]], hypothesis: Sequence[int]) -> tuple[Ids, Ids]:
        """The token ids and token types of one pair; `parts` are the premise's."""
        before, between, after, typed = self._frame
        room = max(self.max_tokens - len(before) - len(between) - len(after) - len(hypothesis), 0)
        premise = [i for part in parts for i in part][:room]
        first = len(before) + len(premise) + len(between)
        ids = np.array([*before, *premise, *between, *hypothesis, *after][: self.max_tokens], np.int32)
        types = np.zeros(len(ids), np.int32)
        types[first:] = int(typed)
        return ids, types


def _find(whole: list[int], part: list[int], start: int) -> int:
    return next(i for i in range(start, len(whole)) if whole[i : i + len(part)] == part)
