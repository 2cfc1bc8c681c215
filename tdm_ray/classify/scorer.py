"""One paper's way to its predictions, in two halves that a pipeline can put on different machines.

Preparer: paper -> passages -> shortlist -> prior -> the labels asked, with their tokens    (CPU, no torch)
Decider:  tokens -> entailment -> probability -> the labels decided for                    (GPU or CPU)
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tdm_ray.config import ScoreConfig
from tdm_ray.classify.calibration import Calibrator, Floats
from tdm_ray.classify.checkpoint import Checkpoint, open_checkpoint
from tdm_ray.classify.features import NAMED, largest, worth_asking
from tdm_ray.classify.index import Index, load_index
from tdm_ray.classify.lexicon import Lexicon
from tdm_ray.classify.pairs import PairBuilder, Pairs, Ragged
from tdm_ray.classify.shortlist import Shortlist, Shortlister
from tdm_ray.text.passages import Passage, whole_text
from tdm_ray.text.windows import title_text
from tdm_ray.records import TDM, Paper
from tdm_ray.storage import digest, file_bytes, list_files, local_copy
from tdm_ray.taxonomy.direction import direction_over_time
from tdm_ray.taxonomy.labels import Taxonomy
from tdm_ray.taxonomy.sources import read_taxonomy

if TYPE_CHECKING:
    from tdm_ray.classify.entailment import EntailmentModel


# So few labels are looked for in a paper's letters first: 1 ms, and 7 where labelled papers report them; a shortlist
# takes 20. Of more some always pass.
_FEW = 20


@dataclass(frozen=True)
class Knowledge:
    """Everything a `ScoreConfig` names, loaded but for the model's weights."""

    config: ScoreConfig
    checkpoint: Checkpoint
    taxonomy: Taxonomy
    index: Index | None

    @classmethod
    def of(cls, config: ScoreConfig) -> Knowledge:
        """Load checkpoint, taxonomy and index. Raises `CheckpointError`, `TaxonomyError`."""
        checkpoint = open_checkpoint(config.model)
        taxonomy = read_taxonomy(config.taxonomy, min_count=config.min_count)
        index = load_index(config.index, taxonomy, checkpoint.digest) if config.index else None
        if index:
            silent = [n for n in index.scores if taxonomy.labels[n].direction == "unknown"]
            taxonomy = taxonomy.directed({n: direction_over_time(index.scores[n]) for n in silent})
        return cls(config, checkpoint, taxonomy, index)

    @property
    def calibrator(self) -> Calibrator:
        """The index's where there is one, else the checkpoint's."""
        return self.index.calibrator if self.index else self.checkpoint.calibrator

    @property
    def threshold(self) -> float:
        """The least probability of a prediction."""
        return self.calibrator.joint.threshold if self.config.threshold is None else self.config.threshold

    @cached_property
    def model_id(self) -> str:
        """Names all that decides besides the taxonomy: checkpoint, index, matcher, threshold, labels asked."""
        index = self.index.digest if self.index else ""
        matcher = digest(file_bytes(list_files(self.config.matcher_folder)))
        parts = (self.checkpoint.digest, index, matcher, self.threshold, self.config.asked, NAMED)
        return f"{self.checkpoint.name}-{digest([repr(parts).encode()])}"

    @cached_property
    def shortlister(self) -> Shortlister:
        """The shortlist over this taxonomy, with neighbours where there is an index."""
        lexicon = Lexicon(self.taxonomy, self.checkpoint.document_frequency, self.checkpoint.documents)
        return Shortlister(lexicon, *((self.index.neighbours, self.index.vectorizer) if self.index else ()))


@dataclass(frozen=True)
class Prepared:
    """One paper's likely labels, highest prior first, and what the model needs to be asked about the first of them."""

    labels: list[int]
    prior: list[float]
    parts: list[list[int]]  # token ids: the title, then every passage some window points at (see PairBuilder.premise)
    windows: list[list[int]]  # per label asked: positions in `parts`; the other labels cannot pass the threshold
    passages: Sequence[Passage | None] = ()  # per label: the one that names it best; of no use to the model


class Preparer:
    """The first half: no model. `only`: the labels to ask about, where they would be without it."""

    def __init__(self, knowledge: Knowledge, only: frozenset[TDM] | None = None) -> None:
        from transformers import AutoTokenizer  # here: torch comes with it, two seconds for those who only plan

        self.knowledge, index = knowledge, knowledge.taxonomy.index
        self.only = None if only is None else np.array(sorted(index[tdm] for tdm in only if tdm in index), np.int64)
        lexicon = knowledge.shortlister.lexicon
        few = self.only is not None and len(self.only) <= _FEW
        self._sieve = lexicon.sieve(lexicon.label_elements[self.only, 1], NAMED) if few else None
        self.least_prior = knowledge.calibrator.least_prior(knowledge.threshold)
        self.pairs = PairBuilder(AutoTokenizer.from_pretrained(local_copy(knowledge.checkpoint.folder)), 0)

    def shortlist(self, paper: Paper) -> tuple[Shortlist, Floats]:
        """The shortlist, and the prior's log-odds of each of its labels."""
        found = self.knowledge.shortlister.shortlist(paper)
        return found, self.knowledge.calibrator.prior(found.features)

    def __call__(self, paper: Paper) -> Prepared:
        """The `asked` labels of the highest prior; those that may pass the threshold are ready for the model."""
        if self._passed_over(paper):
            return Prepared([], [], [], [])
        found, prior = self.shortlist(paper)
        return prepare(self.pairs, found, prior, self.knowledge.config.asked, self.least_prior, self.only)

    def _passed_over(self, paper: Paper) -> bool:
        """Whether it is seen at once that none of the labels `only` is worth asking about."""
        if self.only is None or self._sieve is None or self._sieve(whole_text(paper)):
            return False
        return not self.knowledge.shortlister.reported(paper, self.only)


def asked_rows(found: Shortlist, prior: Floats, asked: int) -> NDArray[np.int64]:
    """The rows of the `asked` labels of the highest prior, the highest first, but those not worth it."""
    rows = largest(prior, asked)
    return rows[worth_asking(found.features[rows])]


def prepare(
    pairs: PairBuilder, found: Shortlist, prior: Floats, asked: int, least_prior: float = -np.inf,
    only: NDArray[np.int64] | None = None,
) -> Prepared:  # fmt: skip
    """The labels of `asked_rows`, with the tokens of the windows of those that may pass.

    Of these the labels `only`: so each is decided for as it is among all.
    """
    rows = asked_rows(found, prior, asked)
    rows = rows if only is None else rows[np.isin(found.labels[rows], only)]
    all_windows = [[int(w) for w in found.windows[row] if w >= 0] for row in rows]
    windows = all_windows[: int((prior[rows] >= least_prior).sum())]
    used = sorted({w for ws in windows for w in ws})
    texts, place = [found.passages[w].text for w in used], {w: i for i, w in enumerate(used)}
    parts, chosen = pairs.premise(title_text(found.passages), texts, [[place[w] for w in ws] for ws in windows])
    return Prepared(
        labels=[int(label) for label in found.labels[rows]],
        prior=[float(p) for p in prior[rows]],
        parts=parts,
        windows=chosen,
        passages=[found.passages[ws[0]] if ws else None for ws in all_windows],
    )


class Decider:
    """The second half: holds the model and the taxonomy's tokens."""

    def __init__(self, knowledge: Knowledge, *, threads: int | None = None) -> None:
        from tdm_ray.classify.entailment import MAX_TOKENS, EntailmentModel, hypothesis

        self.knowledge = knowledge
        self.model: EntailmentModel = EntailmentModel(knowledge.checkpoint.folder, threads=threads)
        self.together = self.model.device.type == "cuda"
        self.pairs = PairBuilder(self.model.tokenizer, min(MAX_TOKENS, self.model.max_tokens))
        self.hypotheses = Ragged.of(self.pairs.ids([hypothesis(label.tdm) for label in knowledge.taxonomy.labels]))

    def log_odds(self, papers: Sequence[Prepared]) -> list[Floats]:
        """For each paper the model's log-odds of each label asked; shapes (asked,).

        On a CPU a paper's pairs make batches of their own: so its numbers do not depend, not even in the last bit, on
        which papers it is scored with. On a GPU, which one paper does not fill, the pairs of all go together.
        """
        pairs = [self.pairs_of(prepared) for prepared in papers]
        if not self.together or not pairs:
            return [self.model.logits(of_paper) for of_paper in pairs]
        return np.split(self.model.logits(Pairs.joined(pairs)), np.cumsum([len(p) for p in pairs])[:-1])

    def pairs_of(self, prepared: Prepared) -> Pairs:
        """The pairs of one paper, as the model reads them."""
        asked = prepared.labels[: len(prepared.windows)]
        return self.pairs.pairs(prepared.parts, prepared.windows, self.hypotheses.take(asked))

    def probabilities(self, prepared: Prepared, log_odds: Floats) -> Floats:
        """The calibrated probability of each label asked; shape (asked,)."""
        prior = np.array(prepared.prior[: len(log_odds)], np.float32)
        return self.knowledge.calibrator.probability(prior, log_odds)

    def __call__(
        self, prepared: Prepared, log_odds: Floats, proofs: Sequence[dict[str, Any]] = ()
    ) -> list[dict[str, Any]]:
        """The decisions, most probable first, as values of `records.DECISION`.

        `proofs` are what `results` found for each label, score and evidence; without them there is neither.
        """
        probability = self.probabilities(prepared, log_odds)
        labels = [self.knowledge.taxonomy.labels[position] for position in prepared.labels]
        return [
            {**asdict(labels[i].tdm), "probability": probability[i], **(proofs[i] if proofs else {})}
            for i in np.argsort(-probability, kind="stable")
            if probability[i] >= self.knowledge.threshold
        ]
