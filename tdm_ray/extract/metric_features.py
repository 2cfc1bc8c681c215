"""Features that tell whether the headers and the caption of a number name the label's metric or another.

Per place (beside, above, about): 1 where it names the label's family of metrics (see `taxonomy.metrics`), -1
where it names only others, 0 where it names none; the same for the cut-off (Hits@10, top-5)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tdm_ray.arrays import Bools, Floats
from tdm_ray.extract.candidates import Candidates
from tdm_ray.records import TDM
from tdm_ray.taxonomy.metrics import cut_off, families_in, family_of, leads, limits, may_be_one, stance

_PLACES = ("beside", "above", "about")
FEATURES = (
    *(f"metric_{what}_{place}" for what in ("family", "cut_off") for place in _PLACES),
    "metric_family_in_headers",
    "metric_family_elsewhere",
    "out_of_limits",
)


class MetricFeatures:
    """One paper's contexts, by the families of metrics and the cut-offs that they name."""

    def __init__(self, contexts: Sequence[str]) -> None:
        self._contexts = contexts
        self._families = [families_in(text) for text in contexts]
        self._cuts = [cut_off(text) for text in contexts]

    def contradicted(self, tdm: TDM, candidates: Candidates) -> Bools:
        """Which candidates stand at headers that name another metric (see `taxonomy.metrics.contradicts`), or
        at headers or a caption that name only another direction of retrieval."""
        stances = np.array([stance(tdm.metric, text) for text in self._contexts], np.int64)
        headers = np.stack([stances[candidates.beside], stances[candidates.above]])
        other = (headers < 0).any(axis=0) | (
            self._by_caption(tdm, candidates) & (stances[candidates.about] < 0)
        )
        contradicted = other & ~(headers > 0).any(axis=0) | self._leads_elsewhere(tdm, candidates)
        return np.asarray(contradicted & (candidates.tables >= 0))

    def _leads_elsewhere(self, tdm: TDM, candidates: Candidates) -> Bools:
        """Where headers and caption name directions of retrieval, but not the metric's."""
        wanted = leads(tdm.metric)
        if not wanted:
            return np.zeros(len(candidates), bool)
        named = [leads(text) for text in self._contexts]
        others = np.array([bool(directions) for directions in named], bool)
        own = np.array([not wanted.isdisjoint(directions) for directions in named], bool)
        places = (candidates.beside, candidates.above, candidates.about)
        some, mine = (np.any([column[place] for place in places], axis=0) for column in (others, own))
        return np.asarray(some & ~mine)

    def _by_caption(self, tdm: TDM, candidates: Candidates) -> Bools:
        """Where the caption counts, since the headers name no metric: one of errors rules out an accuracy,
        and the reverse."""
        silent = np.array([not named for named in self._families], bool)
        either = family_of(tdm.metric) in ("error", "accuracy")
        return np.asarray(either & silent[candidates.beside] & silent[candidates.above])

    def features(self, tdm: TDM, candidates: Candidates) -> Floats:
        """The `FEATURES` of each candidate; shape (candidates, FEATURES)."""
        family = family_of(tdm.metric)
        cut = cut_off(tdm.metric)
        families = np.array([_agreement(family, named) for named in self._families], np.float32)
        cuts = np.array([0.0 if cut is None or c is None else 1.0 if c == cut else -1.0 for c in self._cuts])
        places = (candidates.beside, candidates.above, candidates.about)
        columns = [column[place] for column in (families, cuts) for place in places]
        headers = np.stack([families[candidates.beside], families[candidates.above]])
        in_headers = np.where((headers > 0).any(axis=0), 1.0, headers.min(axis=0, initial=0))
        table = np.zeros(int(candidates.tables.max(initial=-1)) + 2, np.float32)
        np.maximum.at(table, candidates.tables + 1, in_headers)
        elsewhere = np.where(in_headers > 0, 0.0, table[candidates.tables + 1])
        low, high = limits(tdm.metric)
        outside = (candidates.values < low) | (candidates.values > high)
        return np.stack([*columns, in_headers, elsewhere, outside], axis=1).astype(np.float32)


def _agreement(family: str | None, named: frozenset[str]) -> float:
    if family is None or not named:
        return 0.0
    if family in named:
        return 1.0
    return 0.0 if any(may_be_one(family, other) for other in named) else -1.0
