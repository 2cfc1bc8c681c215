"""The word vectors and labels of labelled papers, for the neighbours of the shortlist."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import scipy.sparse as sp
from sklearn.feature_extraction.text import TfidfVectorizer

from tdm_ray.classify.neighbours import Neighbours, new_vectorizer, telling_words, vectorizer_of
from tdm_ray.gold.annotations import Gold
from tdm_ray.gold.labelled_papers import label_matrix
from tdm_ray.parallel import over_chunks
from tdm_ray.records import Paper
from tdm_ray.taxonomy.labels import Taxonomy
from tdm_ray.text.passages import passages
from tdm_ray.text.tokens import tokens


def labelled_neighbours(
    papers: Sequence[Paper], gold: Gold, taxonomy: Taxonomy, most_words: int | None = None
) -> tuple[Neighbours, TfidfVectorizer]:
    """The neighbours' index over `papers`, row i being paper i, and the vectorizer to query it with.

    most_words: how many words of a paper are kept, the weightiest; all without it."""
    vectorizer = new_vectorizer()
    vectors = sp.csr_matrix(
        vectorizer.fit_transform(over_chunks(_telling, papers, what="papers cut into words"))
    )
    if most_words is not None:
        vectors, vectorizer = _weightiest(vectors, vectorizer, most_words)
    return Neighbours(vectors, label_matrix([p.paper_id for p in papers], gold, taxonomy)), vectorizer


def _weightiest(
    vectors: sp.csr_matrix, vectorizer: TfidfVectorizer, most: int
) -> tuple[sp.csr_matrix, TfidfVectorizer]:
    """The vectors with the `most` weightiest words of each row, and a vectorizer of the words left."""
    kept = vectors.copy()
    for start, end in pairwise(kept.indptr):
        weights = kept.data[start:end]
        if len(weights) > most:
            weights[weights < np.partition(weights, -most)[-most]] = 0
    kept.eliminate_zeros()
    used = np.flatnonzero(np.diff(kept.tocsc().indptr))
    words = vectorizer.get_feature_names_out()[used]
    kept = sp.csr_matrix(kept[:, used])
    kept.data = kept.data.astype(np.float16).astype(np.float32)  # so that they are stored in half the space
    return kept, vectorizer_of(words, vectorizer.idf_[used])


def _telling(papers: Sequence[Paper]) -> list[list[str]]:
    views = (
        (paper_passages, [tokens(p.text) for p in paper_passages]) for paper_passages in map(passages, papers)
    )
    return [telling_words(paper_passages, words) for paper_passages, words in views]
