"""Three ways to score the same papers with the same model, in turns: exhaustive, a library's, ours.

exhaustive   every label of the taxonomy with the paper's DocTAET, 512 tokens, as the originals of the field
             did it (Hou et al., ACL 2019; Kabongo et al., ICADL 2021): timed on gold and some wrong labels of
             each paper, extrapolated to all
library      `CrossEncoder.predict` of sentence-transformers on our shortlist, with the same premises
ours         the two stages as the pipeline runs them, scores and evidence included
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from functools import cached_property, lru_cache
from multiprocessing import get_context
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import scipy.sparse as sp
import torch
from numpy.typing import NDArray

from benchmarks.speed.config import with_precision
from benchmarks.speed.entries import NAMES, Entry, dtype_name
from benchmarks.speed.machine import matmul_peak, peak_mb
from tdm_ray.arrays import Floats
from tdm_ray.classify.entailment import MAX_TOKENS, batches
from tdm_ray.classify.pairs import hypothesis
from tdm_ray.classify.resources import Resources
from tdm_ray.classify.scorer import Prepared, likeliest_rows, prepare
from tdm_ray.classify.shortlist import Shortlist
from tdm_ray.config import ScoreConfig
from tdm_ray.evaluation.figures import f1_figures
from tdm_ray.papers.table import readings_table
from tdm_ray.parallel import cores
from tdm_ray.records import TDM, Paper, Reading
from tdm_ray.run.stages import Decide, Prepare
from tdm_ray.text.doctaet import doctaet

if TYPE_CHECKING:
    from sentence_transformers import CrossEncoder

Item = tuple[Paper, tuple[int, ...]]  # a paper and its gold, as positions in the taxonomy
_WHOLE_TOKENS = 512
_PAPERS_A_TURN = 4


class Contest:
    """The contenders, each loaded when its first turn comes, and the papers they are asked about."""

    def __init__(self, items: Sequence[Item], config: ScoreConfig, wrong_labels: int) -> None:
        self.items = items
        self.config = with_precision(config)
        self.wrong = wrong_labels
        self.alone = False
        self.resources = Resources.of(self.config, self.config.precision)
        self.claims = [hypothesis(label.tdm) for label in self.resources.taxonomy.labels]
        self.lengths: list[tuple[int, float]] = []  # words of a paper, seconds it took ours
        self.sampled: list[tuple[float, bool, float]] = []  # exhaustive: logit, gold, labels it stands for
        shape = (len(items), len(self.claims))
        self.entries: dict[str, Entry] = {name: Entry() for name in NAMES}
        self.gold, *decided = (sp.lil_matrix(shape, dtype=np.float32) for _ in range(3))
        self.decided = dict(zip(("library", "ours"), decided, strict=True))
        for row, (_, gold) in enumerate(items):
            self.gold[row, list(gold)] = 1

    @cached_property
    def prepare(self) -> Prepare:
        """Our first stage."""
        return Prepare(self.config, self.resources.fingerprints)

    @cached_property
    def decide(self) -> Decide:
        """Our second stage."""
        return Decide(self.config, self.resources.fingerprints, cores())

    @cached_property
    def library_dtype(self) -> torch.dtype:
        """Float32 on a CPU, as the library advises (the checkpoint's float16 is ten times slower)."""
        return torch.bfloat16 if torch.cuda.is_available() else torch.float32

    @lru_cache  # noqa: B019 - one contest a process
    def library(self, max_length: int) -> CrossEncoder:
        """The same checkpoint in the library's hands."""
        from sentence_transformers import CrossEncoder  # of the extra `benchmark`

        folder = self.resources.checkpoint.folder
        kwargs = {"dtype": self.library_dtype}
        model: CrossEncoder = CrossEncoder(folder, max_length=max_length, model_kwargs=kwargs)
        return model

    def run(self) -> dict[str, Any]:
        """Take turns over all papers; the ratios, and the rows of the table."""
        turns = [self.exhaustive, self.shortlisted, self.ours]
        for number, first in enumerate([0, *range(0, len(self.items), _PAPERS_A_TURN)]):
            rows = range(first, min(first + _PAPERS_A_TURN, len(self.items)))
            for turn in (*turns[number % 3 :], *turns[: number % 3]):
                turn(rows)
            if number == 0:  # to warm up: not counted
                self.entries = {name: Entry() for name in NAMES}
                self.lengths = []
                self.sampled = []
        self._judge()
        return self._figures()

    def exhaustive(self, rows: range) -> None:
        """Gold and some wrong labels of each paper, in the library's batches of 32."""
        pairs: list[tuple[str, str]] = []
        chance = np.random.default_rng(rows.start)
        for row in rows:
            paper, gold = self.items[row]
            others = np.setdiff1d(np.arange(len(self.claims)), gold)
            wrong = chance.choice(others, min(self.wrong, len(others)), replace=False)
            pairs += [(doctaet(paper), self.claims[label]) for label in (*gold, *wrong)]
            each = len(others) / max(len(wrong), 1)
            self.sampled += [(0.0, True, 1.0)] * len(gold) + [(0.0, False, each)] * len(wrong)
        logits = self._predict(_WHOLE_TOKENS, pairs, "exhaustive")
        start = len(self.sampled) - len(pairs)
        self.sampled[start:] = [(float(z), *s[1:]) for z, s in zip(logits, self.sampled[start:], strict=True)]
        self.entries["exhaustive"].papers += len(pairs) / len(self.claims)

    def shortlisted(self, rows: range) -> None:
        """The library on our shortlists; our model on the same pairs: all, and those that may pass."""
        started = time.perf_counter()
        found = self._shortlists(rows)
        to_shortlist = time.perf_counter() - started  # each of the three needs it
        orders = [likeliest_rows(*each, self.config.max_labels) for each in found]
        logits = self._predicted(found, orders)
        parts = np.split(logits, np.cumsum([len(order) for order in orders])[:-1])
        for row, (shortlist, prior), order, part in zip(rows, found, orders, parts, strict=True):
            labels = shortlist.labels[order]
            probability = self.resources.calibration.probability(labels, prior[order], part)
            passed = probability >= self.resources.threshold
            self.decided["library"][row, shortlist.labels[order][passed]] = 1
        for name, all_pairs in (("all_pairs", True), ("deciding", False)):
            with self._timed(name, model=True):
                asked = self._answers(found, all_pairs)
            self._count(name, asked)
        for name in ("library", "all_pairs", "deciding"):
            self.entries[name].seconds += to_shortlist
        self.entries["library"].papers += len(rows)

    def library_alone(self, rows: range) -> None:
        """The library on our shortlists, nothing else."""
        found = self._shortlists(rows)
        self._predicted(found, [likeliest_rows(*each, self.config.max_labels) for each in found])

    def _shortlists(self, rows: range) -> list[tuple[Shortlist, Floats]]:
        return [self.prepare.preparer.shortlist(self.items[row][0]) for row in rows]

    def _predicted(
        self, found: Sequence[tuple[Shortlist, Floats]], orders: Sequence[NDArray[np.int64]]
    ) -> Floats:
        """What the library says of the chosen pairs of each shortlist."""
        pairs = [
            (premise, self.claims[label])
            for (shortlist, _), order in zip(found, orders, strict=True)
            for premise, label in zip(shortlist.premises(order), shortlist.labels[order], strict=True)
        ]
        return self._predict(MAX_TOKENS, pairs, "library")

    def _answers(self, found: Sequence[tuple[Shortlist, Floats]], all_pairs: bool) -> list[Prepared]:
        pairs = self.prepare.preparer.pairs
        least = np.full_like(self.prepare.preparer.least_prior, -np.inf)
        if not all_pairs:
            least = self.prepare.preparer.least_prior
        most = self.config.max_labels
        asked = [prepare(pairs, *each, most, least[each[0].labels]) for each in found]
        self.decide.decider.log_odds(asked)
        return asked

    def ours(self, rows: range) -> None:
        """Through the stages, decided as one block; a paper has its share of that time by its tokens."""
        tables = []
        took = []
        with self._timed("ours"):
            for row in rows:
                started = time.perf_counter()
                tables.append(self.prepare(readings_table([Reading(str(row), self.items[row][0])])))
                took.append(time.perf_counter() - started)
            started = time.perf_counter()
            with self._timed("ours", model=True, whole=False):
                outcomes = self.decide(pa.concat_tables(tables))
            deciding = time.perf_counter() - started
        asked = [Prepared(**table["hypotheses"][0].as_py()) for table in tables]
        tokens = [int(self.decide.decider.pairs_of(prepared).ids.lengths.sum()) for prepared in asked]
        index = self.resources.taxonomy.index
        for at, row in enumerate(rows):
            words = sum(len(s.text.split()) for s in self.items[row][0].sections)
            self.lengths.append((words, took[at] + deciding * tokens[at] / max(sum(tokens), 1)))
            for d in outcomes["decisions"][at].as_py() or ():
                self.decided["ours"][row, index[TDM(d["task"], d["dataset"], d["metric"])]] = 1
        self._count("ours", asked)

    def _predict(self, max_length: int, pairs: list[tuple[str, str]], name: str) -> Floats:
        """The library's log-odds, timed, and counted."""
        model = self.library(max_length)
        with self._timed(name, model=True):
            told = model.predict(pairs, activation_fn=torch.nn.Identity(), show_progress_bar=False)
        if not self.alone:
            encoded = model.tokenizer(pairs, truncation=True, max_length=max_length)["input_ids"]
            self._add(name, np.array([len(ids) for ids in encoded]))
        logits = np.asarray(told, np.float32)
        return logits[:, 1] - logits[:, 0] if logits.ndim == 2 else logits

    def _count(self, name: str, asked: Sequence[Prepared]) -> None:
        model = self.decide.decider.model
        for prepared in asked:
            lengths = self.decide.decider.pairs_of(prepared).ids.lengths
            self._add(name, lengths)
            for rows in batches(lengths, model.tokens_a_batch):
                self.entries[name].padded += len(rows) * int(lengths[rows].max())
        self.entries[name].papers += len(asked)

    def _add(self, name: str, lengths: NDArray[np.int64]) -> None:
        entry = self.entries[name]
        entry.pairs += len(lengths)
        entry.tokens += int(lengths.sum())
        entry.flops += self.decide.decider.model.flops(lengths)

    @contextmanager
    def _timed(self, name: str, *, model: bool = False, whole: bool = True) -> Iterator[None]:
        """The time of the body, for a contender: in the model, in all, or both."""
        started = time.perf_counter()
        yield
        took = time.perf_counter() - started
        self.entries[name].model_s += took if model else 0.0
        self.entries[name].seconds += took if whole else 0.0

    def _judge(self) -> None:
        """Micro F1; of the exhaustive way at the best threshold for these papers, wrong labels scaled up."""
        gold = self.gold.tocsr()
        for name, decided in self.decided.items():
            self.entries[name].micro_f1 = f1_figures(decided.tocsr(), gold)["micro_f1"]
        logits, truth, weight = (np.array(column) for column in zip(*self.sampled, strict=True))
        order = np.argsort(-logits, kind="stable")
        hits = np.cumsum(truth[order])
        made = np.cumsum(weight[order])
        self.entries["exhaustive"].micro_f1 = float((2 * hits / (made + truth.sum())).max())

    def _figures(self) -> dict[str, Any]:
        model = self.decide.decider.model
        entries = self.entries
        peaks = {dtype: matmul_peak(dtype, model.device) for dtype in {self.library_dtype, model.dtype}}
        dtypes = {n: self.library_dtype if n in ("exhaustive", "library") else model.dtype for n in NAMES}
        turns = {"exhaustive": "exhaustive", "library": "library_alone", "ours": "ours"}
        few = self.items[:_PAPERS_A_TURN]
        memory = {name: peak_memory(turn, few, self.config, self.wrong) for name, turn in turns.items()}
        ours = entries["ours"]
        exhaustive = entries["exhaustive"]
        return {
            "papers": len(self.items),
            "labels": len(self.claims),
            "peak_gflops": {dtype_name(dtype): peak / 1e9 for dtype, peak in peaks.items()},
            "ours_vs_exhaustive": ours.papers / ours.seconds / (exhaustive.papers / exhaustive.seconds),
            "ours_vs_crossencoder": entries["library"].model_s / entries["deciding"].model_s,
            "ours_vs_crossencoder_pair_for_pair": entries["library"].model_s / entries["all_pairs"].model_s,
            "peak_share": ours.flops / ours.model_s / peaks[model.dtype],
            "padding": 1 - ours.tokens / max(ours.padded, 1),
            "contenders": [
                {
                    "dtype": dtype_name(dtypes[name]),
                    "memory_mb": memory.get(name),
                    **entry.row(name, peaks[dtypes[name]]),
                }
                for name, entry in entries.items()
            ],
            "lengths": self.lengths,
        }


def peak_memory(turn: str, items: Sequence[Item], config: ScoreConfig, wrong_labels: int) -> float:
    """The most memory, in MB, of a process in which a contender is alone and takes one turn."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as process:
        return process.submit(_alone, turn, items, config, wrong_labels).result()


def _alone(turn: str, items: Sequence[Item], config: ScoreConfig, wrong_labels: int) -> float:
    torch.set_num_threads(cores())
    contest = Contest(items, config, wrong_labels)
    contest.alone = True
    getattr(contest, turn)(range(len(items)))
    return peak_mb()
