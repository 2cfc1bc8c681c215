"""The entailment model: a cross-encoder that reads (premise, hypothesis) and says how true the pair is.

The method is that of TDMS-IE (Hou et al., ACL 2019); here each hypothesis has its own premise (see
`text.windows`)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from tdm_ray.arrays import Ints
from tdm_ray.classify.bert import is_bert, load_bert
from tdm_ray.classify.pairs import Pairs
from tdm_ray.classify.precision import FLOAT32
from tdm_ray.classify.tokenizer import load_tokenizer

MAX_TOKENS = 160  # three windows of 32 words, a title and a hypothesis: 99 % of the pairs fit
_PADDING = 0.08  # of a batch at most, 4 % over all; less would be paid for in small batches
# A batch's tokens, padding included. A CPU is fastest at 4,096 (9,600 tokens/s; 7,500 at 512, 7,700 at
# 16,384).
_TOKENS = {"cpu": 4_096, "cuda": 65_536}


class EntailmentModel:
    """The model, ready to score, on the best device at hand; precision: `float32` or `bfloat16` (see
    `precision`). `tokenizer` takes the place of the folder's."""

    def __init__(self, folder: str, *, precision: str = FLOAT32, tokenizer: Any = None) -> None:
        module, self.tokenizer = _load(folder, tokenizer)
        self.config = module.config
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self.dtype: torch.dtype = getattr(torch, precision)
        self.model: torch.nn.Module = module.to(self.device, self.dtype).eval()
        # One paper does not fill a GPU.
        self.together = self.device.type == "cuda"
        self.tokens_a_batch = _TOKENS[self.device.type]
        self._padding = self.tokenizer.pad_token_id or 0
        # RoBERTa's positions start after its padding id, so two of its 514 are not to be had.
        positions = getattr(self.config, "max_position_embeddings", None) or 512
        self.max_tokens = min(positions - 2, self.tokenizer.model_max_length)

    def __repr__(self) -> str:
        size = sum(p.numel() for p in self.model.parameters()) / 1e6
        return f"{self.config.model_type} ({size:.1f} M parameters, {self.dtype}, {self.device})"

    @torch.inference_mode()
    def logits(self, pairs: Pairs) -> NDArray[np.float32]:
        """The log-odds that each hypothesis is true of its premise; shape (pairs,).

        The last bits of a pair's log-odds depend on the pairs that it is scored with.
        """
        result = np.empty(len(pairs), np.float32)
        for rows in batches(pairs.ids.lengths, self.tokens_a_batch):
            output = self.model(**self._tensors(pairs, rows)).logits.float()
            result[rows] = truth_logit(output).cpu().numpy()
        return result

    def logits_by_paper(self, papers: Sequence[Pairs], threads: int) -> list[NDArray[np.float32]]:
        """The log-odds of each paper's pairs.

        On a CPU each paper has batches of its own and one thread, so that its numbers do not depend, not even
        in the last bit, on the papers beside it or on the machine's cores. On a GPU the pairs of all go
        together."""
        if not self.together or not papers:
            return self.logits_apart(papers, threads)
        return np.split(self.logits(Pairs.joined(papers)), np.cumsum([len(p) for p in papers])[:-1])

    def logits_apart(self, many: Sequence[Pairs], threads: int) -> list[NDArray[np.float32]]:
        """The same for each of many by itself, `threads` at a time.

        No bit of it depends on the others or on `threads`: each operation takes one thread, since the last
        bits of a sum depend on how many share it."""
        before = torch.get_num_threads()
        torch.set_num_threads(1)
        try:
            with ThreadPoolExecutor(threads) as pool:
                return list(pool.map(self.logits, many))
        finally:
            torch.set_num_threads(before)

    def flops(self, lengths: Ints) -> float:
        """The FLOPs of one pass over pairs of these lengths, padding not counted.

        Two for each weight of a layer's linear maps and each token, and for attention 4 L^2 H a layer.
        """
        maps = [
            m for n, m in self.model.named_modules() if isinstance(m, torch.nn.Linear) and ".layer" in f".{n}"
        ]
        attention = 4 * self.config.num_hidden_layers * self.config.hidden_size * int((lengths**2).sum())
        return float(2 * sum(m.weight.numel() for m in maps) * int(lengths.sum()) + attention)

    def _tensors(self, pairs: Pairs, rows: Ints) -> dict[str, torch.Tensor]:
        ids, types, mask = pairs.padded(rows, self._padding)
        arrays = {"input_ids": ids, "attention_mask": mask}
        if "token_type_ids" in self.tokenizer.model_input_names:
            arrays["token_type_ids"] = types
        return {name: torch.from_numpy(array).to(self.device) for name, array in arrays.items()}


def _load(folder: str, tokenizer: Any) -> tuple[Any, Any]:
    """A checkpoint's model and its tokenizer; transformers is only imported where it is needed."""
    if is_bert(folder):
        return load_bert(folder), tokenizer or load_tokenizer(folder)
    from tdm_ray.classify.encoder import load_encoder

    return load_encoder(folder)


def batches(lengths: Ints, budget: int) -> Iterator[Ints]:
    """Rows of like length, the longest first; `budget` tokens a batch at most (or one row), 8 % padding."""
    order = np.argsort(-lengths, kind="stable")
    total = np.concatenate([[0], np.cumsum(lengths[order])])
    start = 0
    while start < len(order):
        longest = int(lengths[order[start]])
        rows = np.arange(1, max(1, min(len(order) - start, budget // max(longest, 1))) + 1)
        fits = (1 - _PADDING) * longest * rows <= total[start + rows] - total[start]
        end = start + int(rows[fits][-1])
        yield order[start:end]
        start = end


def truth_logit(output: torch.Tensor) -> torch.Tensor:
    """The log-odds of "true": the one output, or of two classes (false, true) their difference; shape
    (pairs,)."""
    return output[:, 0] if output.shape[1] == 1 else output[:, 1] - output[:, 0]
