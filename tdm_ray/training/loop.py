"""One worker's training loop, the same on one CPU and on many GPUs."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import nullcontext
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
import ray.train
import ray.train.torch
import torch
from sklearn.metrics import average_precision_score
from transformers import get_linear_schedule_with_warmup

from tdm_ray.classify.encoder import load_encoder
from tdm_ray.classify.precision import BFLOAT16, fastest_precision
from tdm_ray.config import TrainConfig
from tdm_ray.training.batches import BATCHES_A_POOL, batches, grouped, logits_of, steps_of

SCORE = "average_precision"
STATE = "state.pt"


@dataclass
class Progress:
    """Where a run stands; travels in every checkpoint. `done` counts the steps of the epoch that is under
    way."""

    epoch: int = 1
    done: int = 0
    step: int = 0
    losses: list[float] = field(default_factory=list)
    log: list[dict[str, float]] = field(default_factory=list)


class Worker:
    """Model, optimiser and schedule of one worker, and where they stand; made anew or from the last
    checkpoint."""

    def __init__(self, base: str, config: TrainConfig, rows: int, board: Any) -> None:
        context = ray.train.get_context()
        self.config = config
        self.board = board
        self.rank = context.get_world_rank()
        self.size = context.get_world_size()
        self.batch = max(1, config.pairs_a_step // (self.size * config.accumulate))
        self.steps = config.epochs * steps_of(rows // self.size, self.batch, config.accumulate)
        self.progress = Progress()
        self.started = time.monotonic()
        torch.manual_seed(config.seed)
        checkpoint = ray.train.get_checkpoint()
        with checkpoint.as_directory() if checkpoint else nullcontext(base) as folder:
            model, self.tokenizer = load_encoder(folder, outputs=1)
            self.inner = model
            self.model: Any = ray.train.torch.prepare_model(model)
            self.device = next(self.model.parameters()).device
            self.optimizer = torch.optim.AdamW(
                self.model.parameters(), config.learning_rate, weight_decay=config.weight_decay, fused=True
            )
            warmup = int(self.steps * config.warmup)
            linear: Any = get_linear_schedule_with_warmup
            self.schedule = linear(self.optimizer, warmup, self.steps)
            if checkpoint:
                self._restore(
                    torch.load(os.path.join(folder, STATE), map_location=self.device, weights_only=True)
                )
        self.first = self.progress.step
        self.bfloat16 = fastest_precision()[0] == BFLOAT16

    def _restore(self, state: dict[str, Any]) -> None:
        self.optimizer.load_state_dict(state["optimizer"])
        self.schedule.load_state_dict(state["schedule"])
        self.progress = Progress(**state["progress"])

    def epoch(self, pools: Iterable[pa.Table]) -> None:
        """Train on one pass over this worker's shard, from the step where the last checkpoint stood."""
        self.model.train()
        ungrouped = batches(pools, self.batch, seed=self.config.seed + self.progress.epoch)
        for number, group in enumerate(grouped(ungrouped, self.config.accumulate), start=1):
            if number <= self.progress.done:
                continue
            self.progress.losses.append(self._step(group))
            self.progress.done = number
            self.progress.step = self.progress.step + 1
            self._say()
            if self.progress.step % self.config.checkpoint_steps == 0:
                self.report({"step": self.progress.step})

    def _step(self, group: list[pa.Table]) -> float:
        total = 0.0
        for i, batch in enumerate(group, start=1):
            # Gradients of all but the last batch of a step stay on their worker.
            alone = i < len(group) and hasattr(self.model, "no_sync")
            with self.model.no_sync() if alone else nullcontext():
                loss = self._loss(batch) / len(group)
                loss.backward()  # type: ignore[no-untyped-call]
            total += float(loss.detach())
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        self.optimizer.step()
        self.schedule.step()
        self.optimizer.zero_grad()
        return total

    def _loss(self, batch: pa.Table) -> torch.Tensor:
        truth = torch.from_numpy(batch["label"].to_numpy().astype(np.float32)).to(self.device)
        return torch.nn.functional.binary_cross_entropy_with_logits(self._logits(batch), truth)

    def _logits(self, batch: pa.Table) -> torch.Tensor:
        return logits_of(self.model, self.tokenizer, batch, self.device, bfloat16=self.bfloat16)

    @torch.inference_mode()
    def evaluate(self, pools: Iterable[pa.Table]) -> dict[str, float]:
        """Loss and average precision over the held-out pairs of all workers."""
        self.model.eval()
        evaluated = [
            (self._logits(b).cpu().numpy(), b["label"].to_numpy())
            for b in batches(pools, 2 * self.batch, seed=0)
        ]
        own = (
            [np.concatenate(column) for column in zip(*evaluated, strict=True)]
            if evaluated
            else [np.empty(0), np.empty(0)]
        )
        everyones: list[Any] = [own]
        if self.size > 1:
            everyones = [None] * self.size
            torch.distributed.all_gather_object(everyones, own)
        logits, truth = (np.concatenate(column) for column in zip(*everyones, strict=True))
        return {
            "held_out_loss": _cross_entropy(logits, truth),
            SCORE: float(average_precision_score(truth, logits)),
        }

    def end_epoch(self, figures: dict[str, float]) -> None:
        """Log the epoch and report it with a checkpoint that stands at the start of the next."""
        progress = self.progress
        losses = self.progress.losses
        entry = {
            "epoch": progress.epoch,
            "step": progress.step,
            "loss": round(sum(losses) / max(len(losses), 1), 5),
            **figures,
        }
        self.progress = Progress(progress.epoch + 1, 0, progress.step, [], [*progress.log, entry])
        self.report(entry)

    def report(self, metrics: dict[str, float]) -> None:
        """Hand metrics and the state to Ray Train; all workers do, the first one's files are kept."""
        with tempfile.TemporaryDirectory() as folder:
            checkpoint = None
            if self.rank == 0:
                self.inner.save_pretrained(folder)
                self.tokenizer.save_pretrained(folder)
                state = {"optimizer": self.optimizer.state_dict(), "schedule": self.schedule.state_dict()}
                torch.save({**state, "progress": vars(self.progress)}, os.path.join(folder, STATE))
                checkpoint = ray.train.Checkpoint.from_directory(folder)
            ray.train.report(metrics, checkpoint=checkpoint)

    def _say(self) -> None:
        if self.rank == 0:
            last = self.progress.losses[-50:]
            note = f"epoch {self.progress.epoch}, loss {sum(last) / len(last):.4f}"
            self.board.say.remote(self.progress.step, self.steps, note)


def train_worker(given: dict[str, Any]) -> None:
    """What each worker of the group runs."""
    config = TrainConfig(**given["config"])
    if not torch.cuda.is_available():
        local = ray.train.get_context().get_local_world_size()
        torch.set_num_threads(max(1, (os.cpu_count() or 1) // local))
    worker = Worker(given["base"], config, given["rows"], given["board"])
    while worker.progress.epoch <= config.epochs:
        worker.epoch(_pools("train", worker.batch))
        worker.end_epoch(worker.evaluate(_pools("test", worker.batch)))


def _pools(name: str, size: int) -> Iterator[pa.Table]:
    shard = ray.train.get_dataset_shard(name)
    yield from shard.iter_batches(batch_size=BATCHES_A_POOL * size, batch_format="pyarrow")


def _cross_entropy(logits: np.ndarray[Any, Any], truth: np.ndarray[Any, Any]) -> float:
    return float(np.mean(np.logaddexp(0, logits) - logits * truth))
