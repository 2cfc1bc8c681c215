"""The scorer's features: what speaks for a number being the paper's own result for a label.

Some of it is the same for every TDM (is the row ours, is the number bold, the best of its column), the rest
compares the TDM's names, direction and known scores with what stands around the number."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from tdm_ray.arrays import Floats
from tdm_ray.classify.lexicon import Lexicon
from tdm_ray.extract.associations import FEATURES as ASSOCIATED
from tdm_ray.extract.associations import Associations, ContextWords
from tdm_ray.extract.candidates import ABSTRACT, PLACES, TEXT, Candidates, candidates_of
from tdm_ray.extract.fine_print import FEATURES as FINE
from tdm_ray.extract.fine_print import FinePrint
from tdm_ray.extract.line_kinds import KINDS, CellKinds, LineKinds
from tdm_ray.extract.metric_features import FEATURES as METRIC
from tdm_ray.extract.metric_features import MetricFeatures
from tdm_ray.extract.quote_features import FEATURES as QUOTED
from tdm_ray.extract.quote_features import QuoteFeatures
from tdm_ray.extract.quotes import Quotes
from tdm_ray.records import TDM_COLUMNS, Paper
from tdm_ray.taxonomy.labels import Label
from tdm_ray.text.passages import Passage
from tdm_ray.text.tokens import tokens

_PATTERNS_BY_NAME = {
    "ours": r"\bours?\b|\bproposed\b|\bthis (?:work|paper)\b|\bour (?:model|method|approach)",
    "cited": r"\[\s*\d+|\bet al\b|\(?(?:19|20)\d\d[a-z]?\)|,\s*(?:19|20)\d\d|@xcite|\bbaseline",
    "ablation": r"ablat|effect of|impact of|influence|without|w/o|varying|different|hyper|sensitivity",
    "dev": r"\bdev\b|\bval\b|validation|development",
    "test": r"\btest\b",
    "compared": r"state[- ]of[- ]the[- ]art|compar|sota|results? (?:on|of)|performance",
}
_PATTERNS = {name: re.compile(pattern, re.IGNORECASE) for name, pattern in _PATTERNS_BY_NAME.items()}
# "we propose BERT", "a method called ...": what a paper calls its own.
_NAMED = re.compile(
    r"(?:called|named|propose|present|introduce|dubbed|termed|method|model|approach|framework)s?,?\s+"
    r"(?:a |an |the |our |is )?(?:\w+ ){0,3}?([A-Z][\w-]*[A-Z0-9][\w-]*)"
)
_FACTS = (
    *_PATTERNS_BY_NAME,
    "in_title",
    "in_short_title",
    "in_abstract",
    "rarest_of_title",
    "rarest_of_abstract",
    "words",
    "own_names",
    "tf_idf",
    "in_contexts",
    "least_mentions",
)
_PART = (
    "beside",
    "above",
    "about",
    "best",
    "together",
    "in_table",
    "beside_against_table",
    "above_against_table",
    "in_paper",
    "best_against_paper",
    "others_beside",
    "others_above",
    "others_about",
)
COMMON = (
    *(f"{place}_{fact}" for place in ("beside", "above", "about") for fact in _FACTS),
    *(f"kind_{kind}" for kind in KINDS),
    *PLACES,
    "table",
    "table_share",
    "bold",
    "kind",
    "percent",
    "decimals",
    "same_value",
    "same_in_abstract",
    "same_in_text",
    "negative",
    "fraction",
    "up_to_100",
    "whole",
    "year",
)
SCORER_FEATURES = (
    *(f"{part}_{name}" for part in TDM_COLUMNS for name in _PART),
    "dataset_and_metric",
    "dataset_and_metric_in_paper",
    "dataset_and_metric_against_paper",
    "signed_rank_in_row",
    "signed_rank_in_column",
    "goodness_in_row",
    "goodness_in_column",
    "direction",
    "label_says_dev",
    "label_says_test",
    "task_weight",
    "dataset_weight",
    "metric_weight",
    "known_scores",
    "from_median",
    "in_range",
    "to_closest",
    "log_ratio",
    "above_known",
    *ASSOCIATED,
    *FINE,
    *METRIC,
    *QUOTED,
    *COMMON,
)
# What cannot be known without an index; the scores that other papers report are given apart.
INDEX_FEATURES = [SCORER_FEATURES.index(name) for name in QUOTED]
_DIRECTIONS = {"higher": 1.0, "lower": -1.0}
Known = Mapping[int, Sequence[float]]  # scores that labelled papers report, by label
# where a paper says what its method is called: the first sections, so many characters
_SECTIONS = 2
_START = 6000


@dataclass(frozen=True)
class PaperContext:
    """One paper: its candidates, and all of their features that do not depend on the label."""

    candidates: Candidates
    common: Floats  # (candidates, COMMON)
    coverage: Floats  # (elements, contexts)
    best_of_others: Floats  # (3, contexts): the weightiest element of each kind that a context names
    words: ContextWords
    fine_print: FinePrint
    metrics: MetricFeatures
    kinds: CellKinds
    quotes_of_paper: QuoteFeatures
    associations_of_paper: Sequence[sp.csr_matrix]


class FeatureBuilder:
    """Makes the features, for one taxonomy; of its labels the `common` ones (default: all) count as others.

    line_kinds: tells own results from baselines'. quotes: what labelled papers' tables hold, where there is
    an index.
    """

    def __init__(
        self,
        lexicon: Lexicon,
        labels: Sequence[Label],
        associations: Associations,
        line_kinds: LineKinds,
        common: Sequence[int] | None = None,
        quotes: Quotes | None = None,
    ) -> None:
        self.lexicon = lexicon
        self.labels = labels
        self.associations = associations
        self.line_kinds = line_kinds
        self.quotes = quotes
        elements = lexicon.label_elements if common is None else lexicon.label_elements[list(common)]
        self._kinds = [np.unique(elements[:, part]) for part in range(3)]
        self._weight = np.minimum(lexicon.weight, 6) / 6

    def context_of(self, paper: Paper) -> PaperContext:
        """The candidates of a paper and all that does not depend on the label."""
        candidates = candidates_of(paper)
        bags = [tokens(text) for text in candidates.contexts]
        coverage = self.lexicon.coverage(
            [Passage("caption", text) for text in candidates.contexts], bags
        ).matrix()
        weighted = coverage * self._weight[:, None]
        others = np.stack([weighted[kind].max(axis=0) for kind in self._kinds])
        words = ContextWords(bags)
        fine_print = FinePrint(candidates.contexts)
        kinds = self.line_kinds(paper, candidates)
        common = self._common(candidates, paper, [set(bag) for bag in bags], kinds.kinds)
        quotes_of_paper = QuoteFeatures(self.quotes, paper, candidates)
        associations = self.associations.of_paper(words)
        return PaperContext(
            candidates,
            common,
            coverage,
            others,
            words,
            fine_print,
            MetricFeatures(candidates.contexts),
            kinds,
            quotes_of_paper,
            associations,
        )

    def sign(self, label: int) -> float:
        """1 where a higher score is better, -1 where a lower one is, else 0."""
        return _DIRECTIONS.get(self.labels[label].direction, 0.0)

    def of(self, context: PaperContext, label: int, known: Sequence[float] = ()) -> Floats:
        """The `SCORER_FEATURES` of each candidate for one label; `known` are scores that other papers report
        of it."""
        candidates = context.candidates
        elements = self.lexicon.label_elements[label]
        columns: list[NDArray[np.floating]] = []
        strength = []
        for part in range(3):
            new, best = self._names(context, elements[part], part)
            columns += new
            strength.append(best)
        both = strength[1] * strength[2]
        most = both.max(initial=0)
        columns += [both, np.full(len(both), most), both - most]
        columns += self._label(candidates, label)
        columns += _against_known(candidates.values, np.sort(np.array(known, np.float64)))
        tdm = self.labels[label].tdm
        rest = (
            self.associations.features(tdm, candidates, context.words, context.associations_of_paper),
            context.fine_print.features(tdm, candidates),
            context.metrics.features(tdm, candidates),
            context.quotes_of_paper.features(tdm),
            context.common,
        )
        return np.concatenate([np.stack(columns, axis=1), *rest], axis=1, dtype=np.float32)

    def _names(self, context: PaperContext, element: int, part: int) -> tuple[list[Floats], Floats]:
        candidates = context.candidates
        coverage = context.coverage[element]
        around = [coverage[places] for places in (candidates.beside, candidates.above, candidates.about)]
        beside, above, about = around
        best = np.maximum(np.maximum(beside, above), about)
        table = np.zeros(int(candidates.tables.max(initial=-1)) + 2, np.float32)
        np.maximum.at(table, candidates.tables + 1, np.maximum(beside, above))
        in_table = table[candidates.tables + 1]
        most = best.max(initial=0)
        own = self._weight[element]
        other = context.best_of_others[part]
        others = [
            other[places] - own * coverage_there
            for places, coverage_there in zip(
                (candidates.beside, candidates.above, candidates.about), around, strict=True
            )
        ]
        return [
            beside,
            above,
            about,
            best,
            np.minimum(beside + above + about, 1),
            in_table,
            beside - in_table,
            above - in_table,
            np.full(len(best), most, np.float32),
            best - most,
            *others,
        ], best

    def _label(self, candidates: Candidates, label: int) -> list[NDArray[np.floating]]:
        sign = self.sign(label)
        in_row = candidates.places[:, 0]
        in_column = candidates.places[:, 1]
        good = [
            ranks if sign > 0 else 1 - ranks if sign < 0 else np.full_like(ranks, np.nan)
            for ranks in (in_row, in_column)
        ]
        name = f"{self.labels[label].tdm.dataset} {self.labels[label].tdm.metric}"
        weights = np.minimum(np.round(self.lexicon.weight[self.lexicon.label_elements[label]]), 12)
        says = [bool(_PATTERNS[split].search(name)) for split in ("dev", "test")]
        same = [np.full(len(candidates), value, np.float32) for value in (sign, *says, *weights)]
        return [in_row * sign, in_column * sign, *good, *same]

    def _common(
        self, candidates: Candidates, paper: Paper, bags: Sequence[set[str]], line_kinds: Floats
    ) -> Floats:
        facts = self._facts(candidates.contexts, bags, paper)
        tables = candidates.tables
        values = candidates.values
        kinds = candidates.kinds
        texts = [n.text.rstrip("% ") for n in candidates.numbers]
        counts = [
            Counter(texts),
            *(
                Counter(t for t, k in zip(texts, kinds, strict=True) if k == kind)
                for kind in (ABSTRACT, TEXT)
            ),
        ]
        size = np.abs(values)
        whole = values == np.round(values)
        columns = [
            tables,
            tables / max(tables.max(initial=1), 1),
            candidates.bold,
            kinds,
            [n.percent for n in candidates.numbers],
            [n.decimals for n in candidates.numbers],
            *([np.log1p(count[t]) for t in texts] for count in counts),
            values < 0,
            size <= 1,
            size <= 100,
            whole,
            whole & (values >= 1900) & (values < 2030),
        ]
        rest = np.stack([np.asarray(c, np.float32) for c in columns], axis=1)
        around = [facts[places] for places in (candidates.beside, candidates.above, candidates.about)]
        return np.concatenate([*around, line_kinds, candidates.places, rest], axis=1, dtype=np.float32)

    def _facts(self, contexts: Sequence[str], bags: Sequence[set[str]], paper: Paper) -> Floats:
        """The `_FACTS` of each context; `bags` are the contexts' words."""
        text = Counter(tokens(" ".join([paper.abstract, *(s.text for s in paper.sections)])))
        title = set(tokens(paper.title))
        abstract = set(tokens(paper.abstract))
        short = set(tokens(paper.title.split(":")[0])) if ":" in paper.title else set()
        own = _own_names(paper)
        common = Counter(word for bag in bags for word in bag)
        idf = self.lexicon.idf
        rows = []
        for context, bag in zip(contexts, bags, strict=True):
            weight = {w: idf(w) for w in bag}
            total = sum(weight.values()) or 1.0
            shares = [sum(weight[w] for w in bag & other) / total for other in (title, short, abstract)]
            rarest = [max((weight[w] for w in bag & other), default=0.0) for other in (title, abstract)]
            informative = [
                (float(np.log1p(text[w])) * weight[w], w) for w in bag if len(w) > 1 and not w.isdigit()
            ]
            most, word = max(informative, default=(0.0, ""))
            mentions = min((text[w] for _, w in informative), default=0)
            matches = [bool(pattern.search(context)) for pattern in _PATTERNS.values()]
            length = min(len(context.split()), 50)
            rows.append(
                [*matches, *shares, *rarest, length, len(bag & own), most, common[word] / len(bags), mentions]
            )
        return np.array(rows, np.float32)


def _own_names(paper: Paper) -> set[str]:
    start = " ".join([paper.abstract, *(s.text[:_START] for s in paper.sections[:_SECTIONS])])
    short = paper.title.split(":")[0] if ":" in paper.title else ""
    return {
        w for name in [short, *_NAMED.findall(start)] for w in tokens(name) if len(w) > 2 and not w.isdigit()
    }


def _against_known(values: NDArray[np.float64], known: NDArray[np.float64]) -> list[NDArray[np.floating]]:
    """How a number compares with the scores that other papers report; NaN where none do."""
    if not len(known):
        return [np.zeros(len(values)), *([np.full(len(values), np.nan)] * 5)]
    low = known[0]
    high = known[-1]
    median = float(np.median(known))
    spread = max(float(known.std()), abs(median) * 0.05, 1e-6)
    size = max(abs(median), 1e-6)
    return [
        np.full(len(values), len(known)),
        (values - median) / spread,
        (values >= low - 0.1 * abs(low)) & (values <= high + 0.1 * abs(high)),
        np.abs(values[:, None] - known[None, :]).min(axis=1) / size,
        np.log(np.maximum(np.abs(values), 1e-6) / size),
        np.searchsorted(known, values) / len(known),
    ]
