"""What a `ScoreConfig` names (checkpoint, taxonomy, index), each loaded when it is first needed."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from tdm_ray.arrays import Bools, Floats
from tdm_ray.classify.calibration import Calibration, Calibrator
from tdm_ray.classify.checkpoint import Checkpoint, checkpoint_digest, embedded_cells, open_checkpoint
from tdm_ray.classify.features import LEXICAL, MIN_NAME_COVERAGE
from tdm_ray.classify.index import Index, index_digest
from tdm_ray.classify.lexicon import Lexicon
from tdm_ray.classify.precision import FLOAT32, PRECISIONS
from tdm_ray.classify.shortlist import Shortlister
from tdm_ray.config import CELLS, CONFIDENCE, ScoreConfig, embedded_matcher
from tdm_ray.storage import digest, exists, file_bytes, join, list_files
from tdm_ray.taxonomy.direction import direction_over_time
from tdm_ray.taxonomy.equivalent import with_relatives
from tdm_ray.taxonomy.labels import Taxonomy
from tdm_ray.taxonomy.sources import read_taxonomy

# The least probability of labels that are not learnt, where the user gives no threshold. From names alone a
# sibling of what a paper reports gets 0.3 to 0.5: of 14 such labels of dev papers a reader called 4 right.
_NEW_THRESHOLD = 0.5
# Raised when the code decides otherwise with the same files: then a store's papers are scored anew.
_RULES = 3


@dataclass(frozen=True)
class Fingerprints:
    """Digests of the files that decide, made once by the driver and handed to the workers; and the
    precision."""

    checkpoint: str
    index: str
    matcher: str
    precision: str = FLOAT32

    @classmethod
    def of(cls, config: ScoreConfig, precision: str = FLOAT32) -> Fingerprints:
        """Read the files and make them. Raises `CheckpointError` for what is no checkpoint or index."""
        index = index_digest(config.index_folder) if config.index_folder else ""
        matcher = digest(file_bytes(deciding_files(config.matcher_folder)))
        return cls(checkpoint_digest(config.model), index, matcher, precision)


def deciding_files(matcher: str) -> list[str]:
    """The files of a matcher's folder, and those that ship and take the place of what it lacks."""
    return list(
        dict.fromkeys([*list_files(matcher), confidence_file(matcher), *list_files(cells_folder(matcher))])
    )


def confidence_file(matcher: str) -> str:
    """The weights of the confidence: a matcher's own, or those of the matcher that ships."""
    own = join(matcher, CONFIDENCE)
    return own if exists(own) else join(embedded_matcher(), CONFIDENCE)


def cells_folder(matcher: str) -> str:
    """The cell model: a matcher's own, or the one that ships."""
    own = join(matcher, CELLS)
    return own if exists(own) else embedded_cells()


def labels_of(config: ScoreConfig) -> Taxonomy:
    """The taxonomy of a configuration, with the labels that were added to it.

    Raises `TaxonomyError` where a file is no taxonomy."""
    taxonomy = read_taxonomy(config.taxonomy, min_count=config.min_count)
    if config.added_labels is None:
        return taxonomy
    added = read_taxonomy(config.added_labels)
    return replace(Taxonomy.of([*taxonomy.labels, *added.labels]), broken=taxonomy.broken + added.broken)


def learnt_labels(taxonomy: Taxonomy, counts: Floats) -> Bools:
    """Which labels labelled papers speak of, shape (labels,): those that some report, and their relatives.

    counts: how many papers report each label, shape (labels,)."""
    reported = with_relatives(taxonomy.labels[at].tdm for at in np.flatnonzero(counts))
    return np.array([label.tdm in reported for label in taxonomy.labels], bool)


@dataclass(frozen=True)
class Resources:
    """Checkpoint, taxonomy and index, and what is computed from them; not the model's weights."""

    config: ScoreConfig
    fingerprints: Fingerprints

    @classmethod
    def of(cls, config: ScoreConfig, precision: str = FLOAT32) -> Resources:
        """The resources of a configuration; all of it is checked.

        Raises `CheckpointError`, `TaxonomyError` for what cannot be used.
        """
        labels_of(config)  # the fastest of the checks comes first
        loaded = cls(config, Fingerprints.of(config, precision))
        loaded.checkpoint.check()
        if loaded.index:
            loaded.index.check(loaded.fingerprints.checkpoint)
        return loaded

    def with_precision(self, precision: str) -> Resources:
        """The same for a model that computes in another precision."""
        return replace(self, fingerprints=replace(self.fingerprints, precision=precision))

    @cached_property
    def checkpoint(self) -> Checkpoint:
        """The model's folder, its word counts and its calibrator."""
        return open_checkpoint(self.config.model, self.fingerprints.checkpoint)

    @cached_property
    def index(self) -> Index | None:
        """What labelled papers taught, where there is an index."""
        return Index(self.config.index_folder, self._labels) if self.config.index_folder else None

    @cached_property
    def _labels(self) -> Taxonomy:
        return labels_of(self.config)

    @cached_property
    def taxonomy(self) -> Taxonomy:
        """The labels. A direction that neither the file nor the metric's name gives is read off the scores of
        the index."""
        if self.index is None:
            return self._labels
        scores = self.index.scores
        silent = [n for n in scores if self._labels.labels[n].direction == "unknown"]
        return self._labels.directed({n: direction_over_time(scores[n]) for n in silent})

    @cached_property
    def calibrator(self) -> Calibrator:
        """The index's where there is one, else the checkpoint's."""
        return self.index.calibrator if self.index else self.checkpoint.calibrator

    @cached_property
    def calibration(self) -> Calibration:
        """What decides each label: the index's calibrator those that are learnt, the checkpoint's the
        others."""
        return Calibration(self.calibrator, self.checkpoint.calibrator, self.learnt, len(LEXICAL))

    @cached_property
    def learnt(self) -> Bools:
        """Which labels papers of the index report, under this name, another one or as its opposite; all where
        there is no index or the checkpoint brings no prior. Shape (labels,)."""
        if self.index is None or self.checkpoint.calibrator.booster is None:
            return np.ones(len(self._labels), bool)
        return learnt_labels(self._labels, self.index.counts)

    @property
    def threshold(self) -> float:
        """The least probability of a prediction of a label that is learnt."""
        return self.calibrator.joint.threshold if self.config.threshold is None else self.config.threshold

    @cached_property
    def thresholds(self) -> Floats:
        """The least probability of a prediction of each label; shape (labels,)."""
        new = self.threshold if self.config.threshold is not None else max(self.threshold, _NEW_THRESHOLD)
        return np.where(self.learnt, self.threshold, new)

    @property
    def model_id(self) -> str:
        """The id of all that decides besides the taxonomy: checkpoint, precision, index, matcher, threshold,
        number of labels."""
        prints = self.fingerprints
        parts = (prints.checkpoint, prints.index, prints.matcher, self.threshold, self.config.max_labels)
        decided_by = digest([repr((*parts, prints.precision, MIN_NAME_COVERAGE, _RULES)).encode()])
        return f"{self.checkpoint.name}-{prints.precision}-{decided_by}"

    def precision_of(self, model_id: str) -> str | None:
        """The precision with which these resources have that model id; None where they have it with none."""
        return next((p for p in PRECISIONS if self.with_precision(p).model_id == model_id), None)

    @cached_property
    def shortlister(self) -> Shortlister:
        """The shortlist over this taxonomy, with neighbours where there is an index."""
        lexicon = Lexicon(self.taxonomy, self.checkpoint.document_frequency, self.checkpoint.documents)
        if self.index is None:
            return Shortlister(lexicon)
        return Shortlister(lexicon, self.index.neighbours, self.index.vectorizer, self.learnt)
