"""Three ways to score the same papers with the same model, taking turns: exhaustive, a library's cross-encoder, ours.

exhaustive   every label of the taxonomy with the paper's DocTAET, 512 tokens, as the originals of the field did it
             (Hou et al., ACL 2019; Kabongo et al., ICADL 2021): timed on gold and some wrong labels of each paper,
             extrapolated to all
library      `CrossEncoder.predict` of sentence-transformers on our shortlist, with the same premises
ours         the two stages as the pipeline runs them, scores and evidence included
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.sparse as sp
import torch
from numpy.typing import NDArray
from sentence_transformers import CrossEncoder

from tdm_ray.benchmark.corpus import Material, labelled
from tdm_ray.benchmark.machine import matmul_peak, watched
from tdm_ray.config import ScoreConfig
from tdm_ray.evaluation.figures import f1_figures
from tdm_ray.model.calibration import Floats
from tdm_ray.model.entailment import MAX_TOKENS, hypothesis
from tdm_ray.model.scorer import Prepared, prepare
from tdm_ray.model.shortlist import Shortlist
from tdm_ray.parallel import cores
from tdm_ray.premise.doctaet import doctaet
from tdm_ray.records import TDM, Paper, Reading, readings_table
from tdm_ray.scoring.stages import Decide, Prepare

Item = tuple[Paper, tuple[int, ...]]  # a paper and its gold, as positions in the taxonomy
Entries = dict[str, "Entry"]
_WHOLE_TOKENS = 512
_PAPERS_A_TURN = 4
_NAMES = {
    "exhaustive": "every label, DocTAET, 512 tokens (extrapolated)",
    "library": "CrossEncoder.predict on our shortlist",
    "all_pairs": "our model, every pair of that shortlist",
    "deciding": "our model, the pairs of it that can pass",
    "ours": "ours, scores and evidence included",
}


@dataclass
class Entry:
    """What one contender did; `papers` in `seconds`, of them `model_s` on (premise, hypothesis) pairs."""

    papers: float = 0.0
    pairs: int = 0
    tokens: int = 0
    flops: float = 0.0
    seconds: float = 0.0
    model_s: float = 0.0
    memory_mb: float = 0.0
    micro_f1: float | None = None

    def row(self, name: str, peak: float) -> dict[str, Any]:
        """As a row of the report."""
        rates = {"papers_per_s": self.papers, "pairs_per_s": self.pairs, "tokens_per_s": self.tokens}
        return {
            "name": _NAMES[name], **{rate: count / self.seconds for rate, count in rates.items()},
            "memory_mb": self.memory_mb, "micro_f1": self.micro_f1, "peak_share": self.flops / self.model_s / peak,
        }  # fmt: skip


class Contest:
    """The contenders, loaded, and the papers they are asked about."""

    def __init__(self, material: Material, config: ScoreConfig, papers: int, wrong_labels: int) -> None:
        self.items, self.wrong = labelled(material, papers), wrong_labels
        self.prepare, self.decide = Prepare(config), Decide(config, threads=cores())
        self.decider, self.preparer = self.decide.decider, self.prepare.preparer
        self.knowledge = self.decider.knowledge
        folder, labels = self.knowledge.checkpoint.folder, self.knowledge.taxonomy.labels
        # Float32 on a CPU, as the library advises: in the checkpoint's float16 it is ten times slower.
        dtype = torch.float32 if self.decider.model.device.type == "cpu" else self.decider.model.dtype
        self.short, self.long = (
            CrossEncoder(folder, max_length=n, model_kwargs={"dtype": dtype}) for n in (MAX_TOKENS, _WHOLE_TOKENS)
        )
        self.claims = [hypothesis(label.tdm) for label in labels]
        self.entries: Entries = {name: Entry() for name in _NAMES}
        self.lengths: list[tuple[int, float]] = []  # words of a paper, seconds it took ours
        self.sampled: list[tuple[float, bool, float]] = []  # exhaustive: logit, gold, labels it stands for
        shape = (len(self.items), len(labels))
        self.gold, self.decided = sp.lil_matrix(shape, dtype=np.float32), {}
        for name in ("library", "ours"):
            self.decided[name] = sp.lil_matrix(shape, dtype=np.float32)
        for row, (_, gold) in enumerate(self.items):
            self.gold[row, list(gold)] = 1

    def run(self) -> dict[str, Any]:
        """Take turns over all papers; the ratios, and the rows of the table."""
        turns = [self._exhaustive, self._shortlisted, self._ours]
        for number, first in enumerate([0, *range(0, len(self.items), _PAPERS_A_TURN)]):
            rows = range(first, min(first + _PAPERS_A_TURN, len(self.items)))
            for turn in (*turns[number % 3 :], *turns[: number % 3]):
                turn(rows)
            if number == 0:  # to warm up: not counted
                self.entries, self.lengths, self.sampled = {name: Entry() for name in _NAMES}, [], []
        self._judge()
        return self._figures()

    def _exhaustive(self, rows: range) -> None:
        """Gold and some wrong labels of each paper, in the library's batches of 32."""
        pairs, entry = [], self.entries["exhaustive"]
        chance = np.random.default_rng(rows.start)
        for row in rows:
            paper, gold = self.items[row]
            others = np.setdiff1d(np.arange(len(self.claims)), gold)
            wrong = chance.choice(others, min(self.wrong, len(others)), replace=False)
            pairs += [(doctaet(paper), self.claims[label]) for label in (*gold, *wrong)]
            self.sampled += [(0.0, True, 1.0)] * len(gold) + [(0.0, False, len(others) / len(wrong))] * len(wrong)
        logits = self._predict(self.long, pairs, entry)
        start = len(self.sampled) - len(pairs)
        self.sampled[start:] = [(float(z), *s[1:]) for z, s in zip(logits, self.sampled[start:], strict=True)]
        entry.seconds, entry.papers = entry.model_s, entry.pairs / len(self.claims)

    def _shortlisted(self, rows: range) -> None:
        """The library on our shortlists; and our model on the same pairs, all of them, and those that can pass."""
        found = []
        with self._timed("library"):
            for row in rows:
                shortlist, prior = self.preparer.shortlist(self.items[row][0])
                found.append((shortlist, prior, np.argsort(-prior, kind="stable")[: self.knowledge.config.asked]))
            pairs = [
                (premise, self.claims[label])
                for shortlist, _, order in found
                for premise, label in zip(shortlist.premises(order), shortlist.labels[order], strict=True)
            ]
            entry = self.entries["library"]
            logits = self._predict(self.short, pairs, entry)
        entry.papers += len(rows)
        parts = np.split(logits, np.cumsum([len(order) for *_, order in found])[:-1])
        for row, (shortlist, prior, order), part in zip(rows, found, parts, strict=True):
            passed = self.knowledge.calibrator.probability(prior[order], part) >= self.knowledge.threshold
            self.decided["library"][row, shortlist.labels[order][passed]] = 1
        for name, least in (("all_pairs", -np.inf), ("deciding", self.preparer.least_prior)):
            with self._timed(name, model=True):
                asked = [self._answer(shortlist, prior, least) for shortlist, prior, _ in found]
            self._count(name, asked)

    def _answer(self, shortlist: Shortlist, prior: Floats, least: float) -> Prepared:
        prepared = prepare(self.preparer.pairs, shortlist, prior, self.knowledge.config.asked, least)
        self.decider.log_odds([prepared])
        return prepared

    def _ours(self, rows: range) -> None:
        """Paper by paper through the pipeline's stages."""
        tables = []
        for row in rows:
            paper = self.items[row][0]
            reading = readings_table([Reading(str(row), paper)])
            started = time.perf_counter()
            with self._timed("ours"):
                tables.append(self.prepare(reading))
                with self._timed("ours", model=True, whole=False):
                    outcome = self.decide(tables[-1])
            self.lengths.append((sum(len(s.text.split()) for s in paper.sections), time.perf_counter() - started))
            index = self.knowledge.taxonomy.index
            for d in outcome["decisions"][0].as_py() or ():
                self.decided["ours"][row, index[TDM(d["task"], d["dataset"], d["metric"])]] = 1
        self._count("ours", [Prepared(**table["ask"][0].as_py()) for table in tables])

    def _predict(self, model: CrossEncoder, pairs: list[tuple[str, str]], entry: Entry) -> Floats:
        """The library's log-odds, timed, and counted."""
        with watched() as memory:
            started = time.perf_counter()
            logits = model.predict(pairs, activation_fn=torch.nn.Identity(), show_progress_bar=False)
            entry.model_s += time.perf_counter() - started
        entry.memory_mb = max(entry.memory_mb, memory.growth_mb)
        encoded = model.tokenizer(pairs, truncation=True, max_length=model.max_seq_length)["input_ids"]
        self._add(entry, np.array([len(ids) for ids in encoded]))
        return np.asarray(logits, np.float32)

    def _count(self, name: str, asked: Sequence[Prepared]) -> None:
        for prepared in asked:
            self._add(self.entries[name], self.decider.pairs_of(prepared).ids.lengths)
        self.entries[name].papers += len(asked)

    def _add(self, entry: Entry, lengths: NDArray[np.int64]) -> None:
        entry.pairs += len(lengths)
        entry.tokens += int(lengths.sum())
        entry.flops += self.decider.model.flops(lengths)

    @contextmanager
    def _timed(self, name: str, *, model: bool = False, whole: bool = True) -> Iterator[None]:
        """Time and memory of the body, for a contender: as time in the model, in all, or both."""
        entry = self.entries[name]
        with watched() as memory:
            started = time.perf_counter()
            yield
            took = time.perf_counter() - started
        entry.model_s += took if model else 0.0
        entry.seconds += took if whole else 0.0
        entry.memory_mb = max(entry.memory_mb, memory.growth_mb)

    def _judge(self) -> None:
        """Micro F1; of the exhaustive way at the best threshold for these very papers, wrong labels scaled up."""
        gold = self.gold.tocsr()
        for name, decided in self.decided.items():
            self.entries[name].micro_f1 = f1_figures(decided.tocsr(), gold)["micro_f1"]
        logits, truth, weight = (np.array(column) for column in zip(*self.sampled, strict=True))
        order = np.argsort(-logits, kind="stable")
        hits = np.cumsum(truth[order])
        made = np.cumsum(weight[order])
        self.entries["exhaustive"].micro_f1 = float((2 * hits / (made + truth.sum())).max())

    def _figures(self) -> dict[str, Any]:
        model, entries = self.decider.model, self.entries
        plain, own = (matmul_peak(dtype, model.device) for dtype in (torch.float32, model.dtype))
        peaks = {name: plain if name in ("exhaustive", "library") else own for name in _NAMES}
        ours = entries["ours"]
        exhaustive = entries["exhaustive"]
        return {
            "papers": len(self.items), "labels": len(self.claims), "dtype": str(model.dtype).removeprefix("torch."),
            "peak_gflops": own / 1e9, "peak_gflops_float32": plain / 1e9,
            "ours_vs_exhaustive": ours.papers / ours.seconds / (exhaustive.papers / exhaustive.seconds),
            "ours_vs_crossencoder": entries["library"].model_s / entries["deciding"].model_s,
            "ours_vs_crossencoder_pair_for_pair": entries["library"].model_s / entries["all_pairs"].model_s,
            "peak_share": ours.flops / ours.model_s / own,
            "contenders": [entry.row(name, peaks[name]) for name, entry in entries.items()],
            "lengths": self.lengths,
        }  # fmt: skip
