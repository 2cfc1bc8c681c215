"""An index folder: what the user's own labelled papers teach the shortlist and the calibrator.

index.json           what it was built from, its figures, the model it is calibrated for
taxonomy.parquet     its labels, in the order of labels.npz's columns
papers.parquet       the ids of the labelled papers, in the order of the rows
vocabulary.parquet   word, idf
vectors.npz, labels.npz    sparse matrices (scipy's form)
scores.parquet       what each of the labelled papers (their ids without versions) reports of which label
quotes.parquet, quoted_words.parquet    what stands in the labelled papers' tables (see `extract.quotes`)
calibrator/          prior.txt, joint.json
"""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa
import scipy.sparse as sp
from sklearn.feature_extraction.text import TfidfVectorizer

from tdm_ray.arrays import Floats
from tdm_ray.classify.calibration import Calibrator
from tdm_ray.classify.neighbours import Neighbours, vectorizer_of
from tdm_ray.errors import CheckpointError
from tdm_ray.records import TAXONOMY
from tdm_ray.storage import (
    digest,
    exists,
    file_bytes,
    join,
    list_files,
    open_file,
    read_json,
    read_table,
    write_json,
    write_table,
)
from tdm_ray.taxonomy.join import known_names
from tdm_ray.taxonomy.labels import Taxonomy

_VOCABULARY = pa.schema([("word", pa.string()), ("idf", pa.float32())])
_SCORES = pa.schema([("paper_id", pa.string()), ("label", pa.int32()), ("score", pa.float64())])


@dataclass(frozen=True)
class Index:
    """An index folder, its labels mapped to those of `taxonomy`; each part is read when it is first used.

    Labels that the index does not know have no neighbours.
    """

    folder: str
    taxonomy: Taxonomy

    def check(self, model_digest: str) -> None:
        """Raises `CheckpointError` where the index was calibrated for another model than the one of this
        digest."""
        facts = self.facts
        if facts.get("model_digest") != model_digest:
            raise CheckpointError(
                f"{self.folder}: calibrated for the model {facts.get('model')} "
                f"({facts.get('model_digest')}), not for "
                f"this one ({model_digest}); build the index again with the same --model"
            )

    @cached_property
    def facts(self) -> Mapping[str, Any]:
        """What stands in `index.json`. Raises `CheckpointError` where the folder is no index."""
        path = join(self.folder, "index.json")
        if not exists(path):
            raise CheckpointError(
                f"{self.folder}: not an index (no index.json); build one with `tdm-ray index`"
            )
        return dict(read_json(path))

    @cached_property
    def neighbours(self) -> Neighbours:
        """The labelled papers."""
        return Neighbours(_load_matrix(join(self.folder, "vectors.npz")), self._reported)

    @cached_property
    def counts(self) -> Floats:
        """How many labelled papers report each label of the taxonomy; shape (labels,)."""
        return np.asarray(self._reported.sum(axis=0), np.float32).ravel()

    @cached_property
    def vectorizer(self) -> TfidfVectorizer:
        """What turns a paper's words into a row like those of `neighbours`."""
        vocabulary = read_table(join(self.folder, "vocabulary.parquet"), _VOCABULARY)
        return vectorizer_of(vocabulary["word"].to_pylist(), vocabulary["idf"].to_numpy())

    @cached_property
    def calibrator(self) -> Calibrator:
        """The calibrator for scoring with these neighbours."""
        return Calibrator.load(join(self.folder, "calibrator"))

    @cached_property
    def scores(self) -> dict[int, list[tuple[str, float]]]:
        """By label: the papers (ids without versions) that report it, and their scores."""
        places = self._places
        scores: dict[int, list[tuple[str, float]]] = {}
        for row in read_table(join(self.folder, "scores.parquet"), _SCORES).to_pylist():
            position = places[row["label"]]
            if position is not None:
                scores.setdefault(position, []).append((row["paper_id"], row["score"]))
        return scores

    @cached_property
    def _places(self) -> list[int | None]:
        """The positions of the index's labels in the taxonomy, under their own or another name."""
        names = known_names(self.taxonomy)
        return [self.taxonomy.index.get(names.get(label.tdm, label.tdm)) for label in self._known.labels]

    @cached_property
    def _reported(self) -> sp.csr_matrix:
        """0/1 matrix (labelled papers, the taxonomy's labels)."""
        return sp.csr_matrix(_load_matrix(join(self.folder, "labels.npz")) @ self._projection)

    @property
    def _projection(self) -> sp.csr_matrix:
        """0/1 matrix (the index's labels, the taxonomy's labels)."""
        pairs = [(i, place) for i, place in enumerate(self._places) if place is not None]
        rows, columns = np.array(pairs, np.int64).reshape(-1, 2).T
        shape = (len(self._known), len(self.taxonomy))
        return sp.csr_matrix((np.ones(len(pairs), np.float32), (rows, columns)), shape)

    @cached_property
    def _known(self) -> Taxonomy:
        return Taxonomy.from_table(read_table(join(self.folder, "taxonomy.parquet"), TAXONOMY))


def index_digest(folder: str) -> str:
    """The digest of an index's files. Raises `CheckpointError` where the folder is no index."""
    if not exists(join(folder, "index.json")):
        raise CheckpointError(f"{folder}: not an index (no index.json); build one with `tdm-ray index`")
    return digest(file_bytes(f for f in list_files(folder) if not f.endswith("index.json")))


def save_index(
    folder: str,
    taxonomy: Taxonomy,
    paper_ids: Sequence[str],
    neighbours: Neighbours,
    vectorizer: TfidfVectorizer,
    calibrator: Calibrator,
    scores: Mapping[int, Sequence[tuple[str, float]]],
    facts: Mapping[str, Any],
) -> None:
    """Write an index folder; `index.json` comes last, so that a folder without it is known to be
    unfinished."""
    words = vectorizer.get_feature_names_out()
    vocabulary = pa.table({"word": words, "idf": vectorizer.idf_}).cast(_VOCABULARY)
    reported = [
        {"paper_id": paper, "label": label, "score": score}
        for label, results in sorted(scores.items())
        for paper, score in results
    ]
    write_table(taxonomy.table(), join(folder, "taxonomy.parquet"))
    write_table(pa.table({"paper_id": list(paper_ids)}), join(folder, "papers.parquet"))
    write_table(vocabulary, join(folder, "vocabulary.parquet"))
    _save_matrix(join(folder, "vectors.npz"), neighbours.vectors)
    _save_matrix(join(folder, "labels.npz"), neighbours.labels)
    write_table(pa.Table.from_pylist(reported, schema=_SCORES), join(folder, "scores.parquet"))
    calibrator.save(join(folder, "calibrator"))
    write_json(join(folder, "index.json"), dict(facts))


def _save_matrix(path: str, matrix: sp.csr_matrix) -> None:
    buffer = io.BytesIO()
    sp.save_npz(buffer, matrix)
    with open_file(path, "wb") as file:
        file.write(buffer.getvalue())


def _load_matrix(path: str) -> sp.csr_matrix:
    with open_file(path) as file:
        return sp.csr_matrix(sp.load_npz(io.BytesIO(file.read())))
