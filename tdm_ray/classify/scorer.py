"""From a paper to its predictions in two halves, Preparer and Decider, which may run on two machines.

Preparer: paper -> passages -> shortlist -> prior -> hypotheses with their tokens    (CPU, no torch)
Decider:  tokens -> entailment -> probability -> the labels that pass                (GPU or CPU)
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from tdm_ray.arrays import Floats, Ints
from tdm_ray.classify.features import MIN_NAME_COVERAGE, largest, worth_asking
from tdm_ray.classify.lexicon import NameFilter
from tdm_ray.classify.pairs import PairBuilder, Pairs, Ragged, hypothesis
from tdm_ray.classify.resources import Resources
from tdm_ray.classify.shortlist import Shortlist
from tdm_ray.classify.tokenizer import load_tokenizer
from tdm_ray.parallel import cores
from tdm_ray.records import TDM, Paper
from tdm_ray.taxonomy.equivalent import opposites
from tdm_ray.text.passages import Passage, whole_text
from tdm_ray.text.windows import title_text

if TYPE_CHECKING:
    from tdm_ray.classify.entailment import EntailmentModel


# Up to this many labels are first looked for in the paper's text: that takes 1 ms (7 where labelled papers
# report them), a shortlist 20. Of more labels some nearly always occur.
_FEW = 20


@dataclass(frozen=True)
class Prepared:
    """One paper's likely labels. The first are its hypotheses: for these it holds what the model needs. Both
    they and the others come in the order of their prior.

    parts: token ids: the title, then every passage that some window points at (see `PairBuilder.premise`).
    windows: per hypothesis, positions in `parts`; the labels after these cannot pass the threshold.
    passages: per label, the one that names it best; the model does not need it.
    """

    labels: list[int]
    prior: list[float]
    parts: list[list[int]]
    windows: list[list[int]]
    passages: Sequence[Passage | None] = ()


class Preparer:
    """The first half: no model. `only`: keep only the hypotheses of these labels."""

    def __init__(self, resources: Resources, only: frozenset[TDM] | None = None) -> None:
        self.resources = resources
        index = resources.taxonomy.index
        opposite = opposites(index)
        self._opposite = {index[one]: index[other] for one, other in opposite.items()}
        self.only: Ints | None = None
        self._filter: NameFilter | None = None
        if only is not None:
            self.only = np.array(sorted(index[tdm] for tdm in only if tdm in index), np.int64)
            if len(self.only) <= _FEW:
                lexicon = resources.shortlister.lexicon
                self._filter = lexicon.name_filter(lexicon.label_elements[self.only, 1], MIN_NAME_COVERAGE)
        self.least_prior = resources.calibration.least_prior(resources.thresholds)
        self.pairs = PairBuilder(load_tokenizer(resources.checkpoint.folder), 0)

    def shortlist(self, paper: Paper) -> tuple[Shortlist, Floats]:
        """The shortlist, and the prior's log-odds of each of its labels.

        An error and its accuracy get the higher of both: gold often holds one where the paper prints the
        other. Which of them it is, the headers of the score tell (see `extract.settle`)."""
        shortlist = self.resources.shortlister.shortlist(paper)
        prior = self.resources.calibration.prior(shortlist.labels, shortlist.features)
        place = {int(label): row for row, label in enumerate(shortlist.labels)}
        pairs = [(row, place.get(self._opposite.get(label, -1))) for label, row in place.items()]
        others = [row if other is None else other for row, other in pairs]
        return shortlist, np.maximum(prior, prior[others]) if others else prior

    def __call__(self, paper: Paper) -> Prepared:
        """The `max_labels` labels of the highest prior; those that may pass the threshold are hypotheses."""
        if self._can_be_passed_over(paper):
            return Prepared([], [], [], [])
        shortlist, prior = self.shortlist(paper)
        most = self.resources.config.max_labels
        return prepare(self.pairs, shortlist, prior, most, self.least_prior[shortlist.labels], self.only)

    def _can_be_passed_over(self, paper: Paper) -> bool:
        """Whether a quick test shows that none of the labels `only` can become a hypothesis."""
        if self.only is None or self._filter is None or self._filter(whole_text(paper)):
            return False
        return not self.resources.shortlister.reported(paper, self.only)


def likeliest_rows(shortlist: Shortlist, prior: Floats, max_labels: int) -> Ints:
    """The rows of the `max_labels` labels of the highest prior, and of half as many that are not learnt, less
    those not worth scoring; in the order of their prior."""
    learnt, new = (np.flatnonzero(group) for group in (shortlist.learnt, ~shortlist.learnt))
    best = [learnt[largest(prior[learnt], max_labels)], new[largest(prior[new], max_labels // 2)]]
    rows = np.concatenate(best)
    rows = rows[np.argsort(-prior[rows], kind="stable")]
    return rows[worth_asking(shortlist.features[rows])]


def prepare(
    pairs: PairBuilder,
    shortlist: Shortlist,
    prior: Floats,
    max_labels: int,
    least_prior: float | Floats = -np.inf,
    only: Ints | None = None,
) -> Prepared:
    """The labels of `likeliest_rows`, first those that may pass the threshold, with the tokens of their
    windows; `least_prior` is what the labels of the shortlist need for that, each or all.

    `only` is applied last, so that each of these labels is decided as it would be among all.
    """
    rows = likeliest_rows(shortlist, prior, max_labels)
    rows = rows if only is None else rows[np.isin(shortlist.labels[rows], only)]
    may_pass = (prior >= least_prior)[rows]
    rows = np.concatenate([rows[may_pass], rows[~may_pass]])
    all_windows = [[int(w) for w in shortlist.windows[row] if w >= 0] for row in rows]
    windows = all_windows[: int(may_pass.sum())]
    used = sorted({w for window in windows for w in window})
    place = {w: i for i, w in enumerate(used)}
    texts = [shortlist.passages[w].text for w in used]
    windows_in_parts = [[place[w] for w in window] for window in windows]
    parts, chosen = pairs.premise(title_text(shortlist.passages), texts, windows_in_parts)
    return Prepared(
        labels=[int(label) for label in shortlist.labels[rows]],
        prior=[float(p) for p in prior[rows]],
        parts=parts,
        windows=chosen,
        passages=[shortlist.passages[window[0]] if window else None for window in all_windows],
    )


class Decider:
    """The second half: holds the model and the taxonomy's tokens.

    threads: papers that are decided at a time on a CPU (default: as many as there are cores)."""

    def __init__(self, resources: Resources, *, threads: int | None = None) -> None:
        from tdm_ray.classify.entailment import MAX_TOKENS, EntailmentModel

        self.resources = resources
        self.model: EntailmentModel = EntailmentModel(
            resources.checkpoint.folder, precision=resources.fingerprints.precision
        )
        self.threads = threads or cores()
        self.pairs = PairBuilder(self.model.tokenizer, min(MAX_TOKENS, self.model.max_tokens))
        texts = [hypothesis(label.tdm) for label in resources.taxonomy.labels]
        self.hypotheses = Ragged.of(self.pairs.ids(texts))

    def log_odds(self, papers: Sequence[Prepared]) -> list[Floats]:
        """For each paper the model's log-odds of each hypothesis; shapes (hypotheses,). No bit of a paper's
        depends on the others on a CPU (see `EntailmentModel.logits_by_paper`)."""
        return self.model.logits_by_paper([self.pairs_of(prepared) for prepared in papers], self.threads)

    def pairs_of(self, prepared: Prepared) -> Pairs:
        """The pairs of one paper, as the model reads them."""
        labels = prepared.labels[: len(prepared.windows)]
        return self.pairs.pairs(prepared.parts, prepared.windows, self.hypotheses.take(labels))

    def probabilities(self, prepared: Prepared, log_odds: Floats) -> Floats:
        """The calibrated probability of each hypothesis; shape (hypotheses,)."""
        prior = np.array(prepared.prior[: len(log_odds)], np.float32)
        labels = np.array(prepared.labels[: len(log_odds)], np.int64)
        return self.resources.calibration.probability(labels, prior, log_odds)

    def __call__(
        self, prepared: Prepared, log_odds: Floats, extractions: Sequence[dict[str, Any]] = ()
    ) -> list[dict[str, Any]]:
        """The decisions, most probable first, as values of `records.DECISION`.

        `extractions` are the score and the evidence of each label (see `extract`); without them there is
        neither."""
        probability = self.probabilities(prepared, log_odds)
        labels = [self.resources.taxonomy.labels[position] for position in prepared.labels]
        least = self.resources.thresholds[prepared.labels[: len(probability)]]
        return [
            {
                **asdict(labels[i].tdm),
                "probability": probability[i],
                **(extractions[i] if extractions else {}),
            }
            for i in np.argsort(-probability, kind="stable")
            if probability[i] >= least[i]
        ]
