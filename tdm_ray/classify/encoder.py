"""Any Hugging Face encoder as a cross-encoder, through transformers: for training, and to score with what
`bert` does not compute."""

from __future__ import annotations

import os

import torch
from transformers import (
    AutoConfig,
    AutoModelForSequenceClassification,
    AutoTokenizer,
    PreTrainedModel,
    PreTrainedTokenizerBase,
)
from transformers.utils import logging

from tdm_ray.classify.checkpoint import missing_head, not_loadable
from tdm_ray.storage import local_copy


def load_encoder(name: str, *, outputs: int | None = None) -> tuple[PreTrainedModel, PreTrainedTokenizerBase]:
    """Any Hugging Face encoder, by name or folder (here or in a store), as a cross-encoder with its
    tokenizer.

    In single precision. `outputs` sets the width of a new classification head (training); `None` takes the
    head that is there. Raises `CheckpointError` where nothing loadable is found."""
    folder = local_copy(name)
    logging.set_verbosity_error()  # type: ignore[no-untyped-call]
    logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    try:
        # Older encoders to start from (SciBERT) have a pickle only, of which transformers loads nothing but
        # tensors.
        safe = True if outputs is None else None
        head = {} if outputs is None else {"num_labels": outputs, **_without_dropout(folder)}
        model, loading = AutoModelForSequenceClassification.from_pretrained(
            folder, use_safetensors=safe, dtype=torch.float32, output_loading_info=True, **head
        )
        tokenizer = AutoTokenizer.from_pretrained(folder)
    except (OSError, ValueError, KeyError) as error:
        raise not_loadable(name, error) from None
    if outputs is None and loading["missing_keys"]:
        raise missing_head(name, sorted(loading["missing_keys"]))
    return model, tokenizer


def _without_dropout(name: str) -> dict[str, float]:
    """The encoder's dropout settings, at zero.

    One or two epochs do not overfit, and on a CPU dropout makes a step half as long again (its attention has
    no fused kernel)."""
    config = AutoConfig.from_pretrained(name).to_dict()
    return {
        k: 0.0 for k, v in config.items() if k.endswith(("dropout", "dropout_prob")) and isinstance(v, float)
    }


def save_half(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, folder: str) -> None:
    """Save as safetensors in half precision (22.7 M parameters: 45 MB)."""
    os.makedirs(folder, exist_ok=True)
    half: torch.nn.Module = model
    half.to(torch.float16)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
