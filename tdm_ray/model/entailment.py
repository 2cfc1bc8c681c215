"""The entailment model: a transformer cross-encoder that reads (premise, hypothesis) and says how true the pair is.

The method is that of TDMS-IE (Hou et al., ACL 2019); the premise here is chosen per hypothesis (premise.windows).
"""

from __future__ import annotations

import os
from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from transformers import AutoModelForSequenceClassification, AutoTokenizer, PreTrainedModel, PreTrainedTokenizerBase
from transformers.utils import logging

from tdm_ray.errors import CheckpointError
from tdm_ray.records import TDM

MAX_TOKENS = 160  # three windows of 32 words, a title and a hypothesis: 99 % of the pairs fit
PAIRS_A_BATCH = 32


def hypothesis(tdm: TDM) -> str:
    """A TDM as the model reads it."""
    return f"{tdm.task}; {tdm.dataset}; {tdm.metric}"


def load_encoder(name: str, *, outputs: int | None = None) -> tuple[PreTrainedModel, PreTrainedTokenizerBase]:
    """Any Hugging Face encoder, by name or folder, as a cross-encoder with its tokenizer, in single precision.

    `outputs` sets the width of a new classification head (training); `None` takes the head that is there.
    Raises `CheckpointError` where nothing loadable is found.
    """
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    head = {} if outputs is None else {"num_labels": outputs}
    try:
        model = AutoModelForSequenceClassification.from_pretrained(name, use_safetensors=True, dtype=torch.float32, **head)  # fmt: skip
        tokenizer = AutoTokenizer.from_pretrained(name)
    except (OSError, ValueError, KeyError) as error:
        raise CheckpointError(
            f"{name}: no encoder could be loaded ({str(error).splitlines()[0]}); give the name or folder of a Hugging "
            "Face encoder with model.safetensors and a tokenizer, or `embedded`"
        ) from None
    return model, tokenizer


def has_fast_bfloat16() -> bool:
    """Whether this CPU multiplies bfloat16 matrices in hardware (AVX-512 BF16 or AMX); read from /proc/cpuinfo."""
    try:
        with open("/proc/cpuinfo", encoding="ascii", errors="replace") as file:
            flags = next((line for line in file if line.startswith("flags")), "").split()
    except OSError:
        return False
    return "avx512_bf16" in flags or "amx_bf16" in flags


class EntailmentModel:
    """The model, ready to score, on the best device at hand.

    bfloat16 where the GPU or CPU multiplies it in hardware (1.7x on a CPU with AVX-512 BF16), else float32.
    """

    def __init__(self, folder: str, *, threads: int | None = None) -> None:
        if threads:
            torch.set_num_threads(threads)
        model, self.tokenizer = load_encoder(folder)
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        fast = torch.cuda.is_bf16_supported() if self.device.type == "cuda" else has_fast_bfloat16()
        self.dtype = torch.bfloat16 if fast else torch.float32
        self.model = model.to(self.device, self.dtype).eval()

    def __repr__(self) -> str:
        parameters = sum(p.numel() for p in self.model.parameters())
        return f"{self.model.config.model_type}, {parameters / 1e6:.1f} M parameters, {self.dtype}, {self.device}, {torch.get_num_threads()} threads"  # fmt: skip

    @torch.inference_mode()
    def logits(self, premises: Sequence[str], hypotheses: Sequence[str]) -> NDArray[np.float32]:
        """The log-odds that each hypothesis is true of its premise; shape (pairs,).

        The pairs of one paper make batches of their own: so a paper's numbers do not depend, not even in the last
        bit, on which papers it is scored with.
        """
        if not premises:
            return np.zeros(0, np.float32)
        encoded = self.tokenizer(list(premises), list(hypotheses), truncation="only_first", max_length=MAX_TOKENS)
        lengths = np.array([len(ids) for ids in encoded["input_ids"]])
        order = np.argsort(-lengths, kind="stable")
        result = np.empty(len(lengths), np.float32)
        for start in range(0, len(order), PAIRS_A_BATCH):
            chosen = order[start : start + PAIRS_A_BATCH]
            batch = self.tokenizer.pad({k: [v[i] for i in chosen] for k, v in encoded.items()}, return_tensors="pt")
            output = self.model(**batch.to(self.device)).logits.float()
            result[chosen] = truth_logit(output).cpu().numpy()
        return result


def truth_logit(output: torch.Tensor) -> torch.Tensor:
    """The log-odds of "true": the one output, or of two classes (false, true) their difference; shape (pairs,)."""
    return output[:, 0] if output.shape[1] == 1 else output[:, 1] - output[:, 0]


def save_half(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, folder: str) -> None:
    """Save as safetensors in half precision (22.7 M parameters: 45 MB)."""
    os.makedirs(folder, exist_ok=True)
    model.to(torch.float16).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
