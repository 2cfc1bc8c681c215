"""An index folder: what the user's own labelled papers teach the shortlist and the calibrator.

index.json           what it was built from, its figures, the model it is calibrated for
taxonomy.parquet     its labels, in the order of labels.npz's columns
papers.parquet       the ids of the labelled papers, in the order of the rows
vocabulary.parquet   word, idf
vectors.npz, labels.npz    sparse matrices (scipy's form)
scores.parquet       what each of the labelled papers (their ids without versions) reports of which label
quotes.parquet, quoted_words.parquet    what stands in the labelled papers' tables, and when (see `quotes`)
calibrator/          prior.txt, joint.json
"""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import scipy.sparse as sp
from sklearn.feature_extraction.text import TfidfVectorizer

from tdm_ray.errors import CheckpointError
from tdm_ray.classify.calibration import Calibrator
from tdm_ray.classify.neighbours import Neighbours, vectorizer_of
from tdm_ray.extract.quotes import Quotes
from tdm_ray.records import TAXONOMY
from tdm_ray.storage import (  # fmt: skip
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
from tdm_ray.taxonomy.labels import Taxonomy

_VOCABULARY = pa.schema([("word", pa.string()), ("idf", pa.float32())])
_QUOTES, _WORDS = pa.schema([("entry", pa.uint64())]), pa.schema([("word", pa.string())])
_SCORES = pa.schema([("paper_id", pa.string()), ("label", pa.int32()), ("score", pa.float64())])


@dataclass(frozen=True)
class Index:
    """A loaded index, its labels brought into the order of the taxonomy in use."""

    neighbours: Neighbours
    vectorizer: TfidfVectorizer
    calibrator: Calibrator
    scores: dict[int, list[tuple[str, float]]]
    """By label: the papers (ids without versions) that report it, and their scores."""
    quotes: Quotes | None
    """None of an index built before there were any."""
    digest: str


def save_index(
    folder: str,
    taxonomy: Taxonomy,
    paper_ids: Sequence[str],
    neighbours: Neighbours,
    vectorizer: TfidfVectorizer,
    calibrator: Calibrator,
    scores: Mapping[int, Sequence[tuple[str, float]]],
    quotes: Quotes,
    facts: Mapping[str, Any],
) -> None:
    """Write an index folder; `index.json` comes last, so that a folder without it is known to be unfinished."""
    words = vectorizer.get_feature_names_out()
    write_table(taxonomy.table(), join(folder, "taxonomy.parquet"))
    write_table(pa.table({"paper_id": list(paper_ids)}), join(folder, "papers.parquet"))
    write_table(pa.table({"word": words, "idf": vectorizer.idf_}).cast(_VOCABULARY), join(folder, "vocabulary.parquet"))
    _save_matrix(join(folder, "vectors.npz"), neighbours.vectors)
    _save_matrix(join(folder, "labels.npz"), neighbours.labels)
    rows = [{"paper_id": p, "label": label, "score": s} for label, found in sorted(scores.items()) for p, s in found]
    write_table(pa.Table.from_pylist(rows, schema=_SCORES), join(folder, "scores.parquet"))
    write_table(pa.table([quotes.entries], schema=_QUOTES), join(folder, "quotes.parquet"))
    write_table(pa.table([sorted(quotes.told)], schema=_WORDS), join(folder, "quoted_words.parquet"))
    calibrator.save(join(folder, "calibrator"))
    write_json(join(folder, "index.json"), dict(facts))


def load_index(folder: str, taxonomy: Taxonomy, model_digest: str) -> Index:
    """The index at `folder` for `taxonomy`; labels it does not know have no neighbours.

    Raises `CheckpointError` where the folder is no index, or was calibrated for another model.
    """
    if not exists(join(folder, "index.json")):
        raise CheckpointError(f"{folder}: not an index (no index.json); build one with `tdm-ray index`")
    facts = read_json(join(folder, "index.json"))
    if facts.get("model_digest") != model_digest:
        raise CheckpointError(
            f"{folder}: calibrated for the model {facts.get('model')} ({facts.get('model_digest')}), not for this one "
            f"({model_digest}); build the index again with the same --model"
        )
    known = Taxonomy.from_table(read_table(join(folder, "taxonomy.parquet"), TAXONOMY))
    labels = _load_matrix(join(folder, "labels.npz")) @ _projection(known, taxonomy)
    scores: dict[int, list[tuple[str, float]]] = {}
    for row in read_table(join(folder, "scores.parquet"), _SCORES).to_pylist():
        position = taxonomy.index.get(known.labels[row["label"]].tdm)
        if position is not None:
            scores.setdefault(position, []).append((row["paper_id"], row["score"]))
    vocabulary = read_table(join(folder, "vocabulary.parquet"), _VOCABULARY)
    vectorizer = vectorizer_of(vocabulary["word"].to_pylist(), vocabulary["idf"].to_numpy())
    neighbours = Neighbours(_load_matrix(join(folder, "vectors.npz")), sp.csr_matrix(labels))
    files = [f for f in list_files(folder) if not f.endswith("index.json")]
    calibrator = Calibrator.load(join(folder, "calibrator"))
    return Index(neighbours, vectorizer, calibrator, scores, _quotes(folder, facts), digest(file_bytes(files)))


def _quotes(folder: str, facts: Mapping[str, Any]) -> Quotes | None:
    if "quoted_papers" not in facts:
        return None
    entries = read_table(join(folder, "quotes.parquet"), _QUOTES)["entry"].to_numpy()
    told = read_table(join(folder, "quoted_words.parquet"), _WORDS)["word"].to_pylist()
    return Quotes(entries, facts["quoted_papers"], frozenset(told))


def _projection(known: Taxonomy, wanted: Taxonomy) -> sp.csr_matrix:
    """0/1 matrix (known labels, wanted labels)."""
    pairs = [(i, wanted.index[label.tdm]) for i, label in enumerate(known.labels) if label.tdm in wanted.index]
    rows, columns = np.array(pairs, np.int64).reshape(-1, 2).T
    return sp.csr_matrix((np.ones(len(pairs), np.float32), (rows, columns)), (len(known), len(wanted)))


def _save_matrix(path: str, matrix: sp.csr_matrix) -> None:
    buffer = io.BytesIO()
    sp.save_npz(buffer, matrix)
    with open_file(path, "wb") as file:
        file.write(buffer.getvalue())


def _load_matrix(path: str) -> sp.csr_matrix:
    with open_file(path) as file:
        return sp.csr_matrix(sp.load_npz(io.BytesIO(file.read())))
