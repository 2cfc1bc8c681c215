"""The cell model: entailment one level down. The premise is a number of a paper in words, the hypothesis a
label.

A cross-encoder like the entailment model, fine-tuned on results whose number people entered, against the
other numbers of the same paper and against other labels (`training.cells`). It judges the evidence of the few
labels that a paper is decided to report."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tdm_ray.arrays import Floats
from tdm_ray.classify.checkpoint import embedded_folder
from tdm_ray.classify.pairs import PairBuilder, Pairs, Ragged, hypothesis
from tdm_ray.classify.tokenizer import load_tokenizer
from tdm_ray.records import TDM

MAX_TOKENS = 80


class CellModel:
    """The model, ready to judge; its tokenizer is that of the embedded checkpoint, whose word embeddings it
    shares."""

    def __init__(self, folder: str, *, precision: str, threads: int = 1) -> None:
        from tdm_ray.classify.entailment import EntailmentModel

        self.model = EntailmentModel(folder, precision=precision, tokenizer=load_tokenizer(embedded_folder()))
        self.threads = threads
        self.pairs = PairBuilder(self.model.tokenizer, MAX_TOKENS)

    def probabilities(self, papers: Sequence[Sequence[tuple[str, TDM]]]) -> list[Floats]:
        """For each paper how probably each of its premises states a result of the label beside it; shapes
        (premises,). On a CPU no bit of a paper's depends on the others."""
        logits = self.model.logits_by_paper([self.pairs_of(paper) for paper in papers], self.threads)
        return [np.asarray(1 / (1 + np.exp(-of_paper)), np.float32) for of_paper in logits]

    def pairs_of(self, paper: Sequence[tuple[str, TDM]]) -> Pairs:
        """The pairs of one paper, as the model reads them."""
        premises = self.pairs.ids([text for text, _ in paper])
        hypotheses = Ragged.of(self.pairs.ids([hypothesis(tdm) for _, tdm in paper]))
        no_title: list[int] = []
        return self.pairs.pairs([no_title, *premises], [[1 + i] for i in range(len(paper))], hypotheses)
