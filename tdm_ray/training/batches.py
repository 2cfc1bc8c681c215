"""Training pairs become token ids, and these become batches of rows of similar length; no Ray."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import Any

import numpy as np
import pyarrow as pa
import torch
from numpy.typing import NDArray
from transformers import AutoTokenizer, PreTrainedTokenizerBase

from tdm_ray.classify.entailment import MAX_TOKENS, truth_logit
from tdm_ray.storage import local_copy

# Batches are cut from pools of so many, sorted by length: that leaves 3 % of padding instead of 30 %.
BATCHES_A_POOL = 50
ENCODED = pa.schema([("label", pa.bool_()), ("ids", pa.list_(pa.int32())), ("types", pa.list_(pa.int32()))])


@lru_cache(maxsize=2)
def _tokenizer(base: str) -> PreTrainedTokenizerBase:
    return AutoTokenizer.from_pretrained(local_copy(base))


def encode(pairs: pa.Table, base: str, max_tokens: int = MAX_TOKENS) -> pa.Table:
    """A table of pairs -> `ENCODED`; a context that does not fit is cut at its end."""
    encoded = _tokenizer(base)(
        pairs["context"].to_pylist(), pairs["TDM"].to_pylist(), truncation="only_first", max_length=max_tokens
    )
    ids = encoded["input_ids"]
    types = encoded.get("token_type_ids") or [[0] * len(row) for row in ids]
    return pa.table({"label": pairs["label"], "ids": ids, "types": types}).cast(ENCODED)


def batches(pools: Iterable[pa.Table], size: int, *, seed: int) -> Iterator[pa.Table]:
    """Batches of `size` rows of like length from each pool, in random order; every row once.

    The same pools and seed give the same batches, so that a resumed run can pass over those it has done.
    """
    random = np.random.default_rng(seed)
    for pool in pools:
        order = np.argsort(pool["ids"].combine_chunks().value_lengths().to_numpy(), kind="stable")
        starts = range(0, len(order), size)
        for chunk in random.permutation(len(starts)):
            yield pool.take(pa.array(order[starts[chunk] : starts[chunk] + size]))


def steps_of(rows: int, size: int, accumulate: int) -> int:
    """How many steps of `accumulate` batches of `size` rows `batches` and `grouped` make of `rows` rows."""
    pools, rest = divmod(rows, BATCHES_A_POOL * size)
    return -(-(pools * BATCHES_A_POOL + -(-rest // size)) // accumulate)


def grouped(ungrouped: Iterable[pa.Table], accumulate: int) -> Iterator[list[pa.Table]]:
    """Groups of `accumulate` batches: one step each; the last may have fewer."""
    group: list[pa.Table] = []
    for batch in ungrouped:
        group.append(batch)
        if len(group) == accumulate:
            yield group
            group = []
    if group:
        yield group


def logits_of(
    model: Any, tokenizer: PreTrainedTokenizerBase, batch: pa.Table, device: torch.device, *, bfloat16: bool
) -> torch.Tensor:
    """The log-odds of a batch of `ENCODED` rows, in single precision; shape (rows,)."""
    given = tensors(batch, tokenizer.pad_token_id or 0, tokenizer.model_input_names, device)
    with torch.autocast(device.type, torch.bfloat16, enabled=bfloat16):
        return truth_logit(model(**given).logits.float())


def tensors(batch: pa.Table, padding: int, names: list[str], device: torch.device) -> dict[str, torch.Tensor]:
    """A batch as the model's input: padded to its longest row, on `device`; `names` are those that the model
    takes."""
    lengths = batch["ids"].combine_chunks().value_lengths().to_numpy()
    held = np.arange(lengths.max()) < lengths[:, None]
    arrays: dict[str, NDArray[Any]] = {"input_ids": np.full(held.shape, padding, np.int64)}
    arrays["input_ids"][held] = batch["ids"].combine_chunks().flatten().to_numpy()
    arrays["attention_mask"] = held.astype(np.int64)
    if "token_type_ids" in names:
        arrays["token_type_ids"] = np.zeros(held.shape, np.int64)
        arrays["token_type_ids"][held] = batch["types"].combine_chunks().flatten().to_numpy()
    return {name: torch.from_numpy(array).to(device) for name, array in arrays.items()}
