"""Learn the cell model: the embedded checkpoint, fine-tuned on the pairs of `cell_pairs`.

The loss is that of each pair (binary cross-entropy) and, of each group with a right candidate, how far the
right ones are ahead of the others (the negative log of their share of the softmax). Word embeddings stay as
they are, so that the two models share them.

    OUT/model.safetensors    half precision, without the word embeddings
    OUT/config.json          names where these come from
    OUT/training.json        figures on held-out papers
"""

from __future__ import annotations

import tempfile
from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import torch
from safetensors.torch import load_file, save_file
from sklearn.metrics import average_precision_score
from torch.nn.functional import binary_cross_entropy_with_logits
from transformers import get_linear_schedule_with_warmup

from tdm_ray.arrays import Floats, Ints
from tdm_ray.classify.bert import WORDS
from tdm_ray.classify.cell_model import MAX_TOKENS
from tdm_ray.classify.checkpoint import embedded_folder
from tdm_ray.classify.encoder import load_encoder, save_half
from tdm_ray.classify.precision import BFLOAT16, fastest_precision
from tdm_ray.config import EMBEDDED
from tdm_ray.errors import OutputError
from tdm_ray.gold.annotations import fold_of
from tdm_ray.parallel import cores
from tdm_ray.progress import step as shown
from tdm_ray.storage import copy_files, exists, join, list_files, read_json, write_json
from tdm_ray.training.batches import encode, logits_of
from tdm_ray.training.cell_pairs import CellPair, cell_pairs

_GROUPS_A_STEP = 7
_ALONE_A_STEP = 8  # pairs with a label that the paper does not report
_WARMUP = 0.06
_LISTWISE = 0.5
_PAIRS_A_TEST = 96
_HELD_OUT = 25  # one paper of so many


def learn_cell_model(
    papers: Sequence[str],
    annotations: Sequence[str],
    taxonomy: str,
    min_count: int,
    out: str,
    *,
    steps: int = 1_700,
    learning_rate: float = 8e-5,
) -> dict[str, Any]:
    """Pair, train, save to `out`; returns the figures on the held-out papers.

    Raises `OutputError` where `out` is not empty, `TaxonomyError` where no paper prints a score."""
    if exists(out) and list_files(out):
        raise OutputError(f"{out}: not empty; choose another --out, or delete it")
    pairs = cell_pairs(papers, annotations, taxonomy, min_count)
    held_out = [fold_of(pair.group.partition(" ")[0], _HELD_OUT) == 0 for pair in pairs]
    train = [pair for pair, out_of_it in zip(pairs, held_out, strict=True) if not out_of_it]
    test = [pair for pair, out_of_it in zip(pairs, held_out, strict=True) if out_of_it and pair.group]
    trainer = _Trainer(steps, learning_rate)
    trainer.train(train)
    figures = {"pairs": len(train), "steps": steps, **trainer.figures(test or train)}
    trainer.save(out)
    write_json(join(out, "training.json"), figures)
    return figures


class _Trainer:
    def __init__(self, steps: int, learning_rate: float) -> None:
        torch.manual_seed(0)
        torch.set_num_threads(cores())
        self.model, self.tokenizer = load_encoder(embedded_folder(), outputs=1)
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self.model.to(self.device)  # type: ignore[arg-type]
        words: Any = self.model.get_input_embeddings()
        words.weight.requires_grad = False
        self.bfloat16 = fastest_precision()[0] == BFLOAT16
        self.steps = steps
        learnt = [p for p in self.model.parameters() if p.requires_grad]
        self.optimizer = torch.optim.AdamW(learnt, learning_rate, weight_decay=0.01, fused=True)
        linear: Any = get_linear_schedule_with_warmup
        self.schedule = linear(self.optimizer, int(_WARMUP * steps), steps)

    def train(self, pairs: Sequence[CellPair]) -> None:
        """Take `steps` steps of groups in random order, with pairs without a group beside them."""
        encoded = self._encoded(pairs)
        groups = _groups(pairs)
        alone = np.flatnonzero([not pair.group for pair in pairs])
        random = np.random.default_rng(0)
        self.model.train()
        with shown("training steps", self.steps) as counter:
            for number, chosen in enumerate(_endless(len(groups), random), start=1):
                rows = [groups[group] for group in chosen]
                beside = random.choice(alone, _ALONE_A_STEP) if len(alone) else np.empty(0, np.int64)
                self._step(encoded, rows, beside)
                counter.add(1)
                if number == self.steps:
                    return

    def _step(self, encoded: pa.Table, groups: Sequence[Ints], alone: Ints) -> None:
        batch = encoded.take(pa.array(np.concatenate([*groups, alone])))
        truth = torch.from_numpy(batch["label"].to_numpy().astype(np.float32)).to(self.device)
        logits = self._logits(batch)
        loss = binary_cross_entropy_with_logits(logits, truth)
        behind = []
        for end, size in zip(np.cumsum([len(g) for g in groups]), map(len, groups), strict=True):
            of_group, right = logits[end - size : end], truth[end - size : end] > 0
            if right.any():
                behind.append(torch.logsumexp(of_group, 0) - torch.logsumexp(of_group[right], 0))
        if behind:
            loss = loss + _LISTWISE * torch.stack(behind).mean()
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        self.optimizer.step()
        self.schedule.step()
        self.optimizer.zero_grad()

    def _logits(self, batch: pa.Table) -> torch.Tensor:
        return logits_of(self.model, self.tokenizer, batch, self.device, bfloat16=self.bfloat16)

    @torch.inference_mode()
    def figures(self, pairs: Sequence[CellPair]) -> dict[str, float]:
        """Average precision over the pairs, and how often a right candidate is first of its group."""
        encoded = self._encoded(pairs)
        self.model.eval()  # type: ignore[no-untyped-call]
        parts = [
            self._logits(encoded.slice(at, _PAIRS_A_TEST)) for at in range(0, len(encoded), _PAIRS_A_TEST)
        ]
        logits: Floats = torch.cat(parts).cpu().numpy()
        right = np.array([pair.right for pair in pairs])
        first = [right[rows[logits[rows].argmax()]] for rows in _groups(pairs) if right[rows].any()]
        precision = float(average_precision_score(right, logits))
        return {"average_precision": round(precision, 4), "right_is_first": round(float(np.mean(first)), 4)}

    def _encoded(self, pairs: Sequence[CellPair]) -> pa.Table:
        table = pa.table(
            {
                "label": [pair.right for pair in pairs],
                "context": [pair.premise for pair in pairs],
                "TDM": [pair.hypothesis for pair in pairs],
            }
        )
        return encode(table, embedded_folder(), MAX_TOKENS)

    def save(self, out: str) -> None:
        """Write the folder; `config.json` comes last."""
        with tempfile.TemporaryDirectory() as half:
            save_half(self.model, self.tokenizer, half)
            weights = load_file(join(half, "model.safetensors"))
            config = read_json(join(half, "config.json"))
            del weights[WORDS]
            save_file(weights, join(half, "model.safetensors"), metadata={"format": "pt"})
            copy_files(join(half, "model.safetensors"), out)
        write_json(join(out, "config.json"), {**config, "word_embeddings_from": EMBEDDED})


def _groups(pairs: Sequence[CellPair]) -> list[Ints]:
    """The places of each group's pairs."""
    places = defaultdict(list)
    for place, pair in enumerate(pairs):
        if pair.group:
            places[pair.group].append(place)
    return [np.array(of_group, np.int64) for of_group in places.values()]


def _endless(count: int, random: np.random.Generator) -> Iterator[Ints]:
    """Batches of `_GROUPS_A_STEP` of so many groups in random order, over and over."""
    while True:
        order = random.permutation(count)
        yield from (order[at : at + _GROUPS_A_STEP] for at in range(0, count, _GROUPS_A_STEP))
