"""What a contender of the contest did, and how it is called."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch

NAMES = {
    "exhaustive": "every label, DocTAET, 512 tokens (extrapolated; its F1 projected)",
    "library": "CrossEncoder.predict on our shortlist",
    "all_pairs": "our model, every pair of that shortlist",
    "deciding": "our model, the pairs of it that may pass",
    "ours": "ours, scores and evidence included",
}


@dataclass
class Entry:
    """What one contender did; `papers` in `seconds`, of them `model_s` on (premise, hypothesis) pairs."""

    papers: float = 0.0
    pairs: int = 0
    tokens: int = 0
    padded: int = 0
    flops: float = 0.0
    seconds: float = 0.0
    model_s: float = 0.0
    micro_f1: float | None = None

    def row(self, name: str, peak: float) -> dict[str, Any]:
        """As a row of the report."""
        rates = {"papers_per_s": self.papers, "pairs_per_s": self.pairs, "tokens_per_s": self.tokens}
        return {
            "name": NAMES[name],
            **{rate: count / self.seconds for rate, count in rates.items()},
            "micro_f1": self.micro_f1,
            "peak_share": self.flops / self.model_s / peak,
        }


def dtype_name(dtype: torch.dtype) -> str:
    """`float32`, without the library's prefix."""
    return str(dtype).removeprefix("torch.")
