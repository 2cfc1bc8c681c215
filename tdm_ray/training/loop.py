"""One worker's training loop: pairs in, a fine-tuned cross-encoder out."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from sklearn.metrics import average_precision_score
from transformers import PreTrainedModel, PreTrainedTokenizerBase, get_linear_schedule_with_warmup

from tdm_ray.model.entailment import MAX_TOKENS, has_fast_bfloat16, truth_logit
from tdm_ray.training.examples import Pair

LOG_EVERY = 50


@dataclass(frozen=True, kw_only=True)
class TrainConfig:
    """The dials of fine-tuning; the defaults are the recipe of the embedded checkpoint."""

    learning_rate: float = 1e-4
    warmup: float = 0.06
    pairs_a_batch: int = 32
    weight_decay: float = 0.01
    seed: int = 0
    threads: int = 2


def train(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    epochs: Sequence[Sequence[Pair]],
    held_out: Sequence[Pair],
    config: TrainConfig,
) -> list[dict[str, float]]:
    """Train in place on one list of pairs an epoch; the returned log has a line each epoch, held-out figures in it."""
    torch.manual_seed(config.seed)
    torch.set_num_threads(config.threads)
    steps = sum(math.ceil(len(pairs) / config.pairs_a_batch) for pairs in epochs)
    optimizer = torch.optim.AdamW(
        model.parameters(), config.learning_rate, weight_decay=config.weight_decay, fused=True
    )
    warmup = int(steps * config.warmup)
    schedule = get_linear_schedule_with_warmup(optimizer, warmup, steps)  # type: ignore[no-untyped-call]
    started, step, loss_sum, log = time.monotonic(), 0, 0.0, []
    for epoch, pairs in enumerate(epochs, start=1):
        model.train()
        for batch in batches(pairs, config.pairs_a_batch, seed=config.seed + epoch):
            loss = _loss(model, tokenizer, batch)
            loss.backward()  # type: ignore[no-untyped-call]
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            schedule.step()
            optimizer.zero_grad()
            step, loss_sum = step + 1, loss_sum + float(loss.detach())
            if step % LOG_EVERY == 0:
                left = (time.monotonic() - started) / step * (steps - step)
                said = f"epoch {epoch}  step {step}/{steps}  loss {loss_sum / LOG_EVERY:.4f}  left {left / 60:.0f} min"
                print(said, flush=True)
                loss_sum = 0.0
        log.append({"epoch": epoch, "step": step, **evaluate(model, tokenizer, held_out)})
        print(log[-1], flush=True)
    return log


def batches(pairs: Sequence[Pair], size: int, *, seed: int) -> Iterator[list[Pair]]:
    """Shuffled batches of pairs of like length: sorted within pools of 50 batches, so that little is padding."""
    random = np.random.default_rng(seed)
    order = random.permutation(len(pairs))
    pools = [order[i : i + 50 * size] for i in range(0, len(order), 50 * size)]
    chunks = []
    for pool in pools:
        by_length = sorted(pool, key=lambda i: len(pairs[i].premise))
        chunks += [by_length[i : i + size] for i in range(0, len(by_length), size)]
    for chunk in random.permutation(len(chunks)):
        yield [pairs[i] for i in chunks[chunk]]


def _forward(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, batch: Sequence[Pair]) -> torch.Tensor:
    encoded = tokenizer(
        [p.premise for p in batch], [p.hypothesis for p in batch],
        truncation="only_first", max_length=MAX_TOKENS, padding=True, return_tensors="pt",
    )  # fmt: skip
    device = next(model.parameters()).device
    with torch.autocast(device.type, torch.bfloat16, enabled=device.type == "cuda" or has_fast_bfloat16()):
        return truth_logit(model(**encoded.to(device)).logits.float())


def _loss(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, batch: Sequence[Pair]) -> torch.Tensor:
    logits = _forward(model, tokenizer, batch)
    truth = torch.tensor([float(p.true) for p in batch], device=logits.device)
    return torch.nn.functional.binary_cross_entropy_with_logits(logits, truth)


@torch.inference_mode()
def evaluate(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, pairs: Sequence[Pair]) -> dict[str, float]:
    """Loss and average precision over held-out pairs."""
    model.eval()  # type: ignore[no-untyped-call]
    order = sorted(range(len(pairs)), key=lambda i: len(pairs[i].premise))
    chunks = [[pairs[i] for i in order[k : k + 64]] for k in range(0, len(order), 64)]
    logits = torch.cat([_forward(model, tokenizer, chunk) for chunk in chunks])
    truth = torch.tensor([float(p.true) for chunk in chunks for p in chunk], device=logits.device)
    loss = torch.nn.functional.binary_cross_entropy_with_logits(logits, truth)
    return {
        "held_out_loss": float(loss),
        "held_out_average_precision": float(average_precision_score(truth.cpu().numpy(), logits.cpu().numpy())),
    }
