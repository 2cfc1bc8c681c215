"""The word vectors and labels of labelled papers, for the neighbours of the shortlist."""

from __future__ import annotations

from collections.abc import Sequence

import scipy.sparse as sp
from sklearn.feature_extraction.text import TfidfVectorizer

from tdm_ray.classify.neighbours import Neighbours, new_vectorizer, telling_words
from tdm_ray.gold.annotations import Gold
from tdm_ray.gold.labelled_papers import label_matrix
from tdm_ray.parallel import over_chunks
from tdm_ray.records import Paper
from tdm_ray.taxonomy.labels import Taxonomy
from tdm_ray.text.passages import passages
from tdm_ray.text.tokens import tokens


def labelled_neighbours(
    papers: Sequence[Paper], gold: Gold, taxonomy: Taxonomy
) -> tuple[Neighbours, TfidfVectorizer]:
    """The neighbours' index over `papers`, row i being paper i, and the vectorizer to query it with."""
    vectorizer = new_vectorizer()
    vectors = sp.csr_matrix(
        vectorizer.fit_transform(over_chunks(_telling, papers, what="papers cut into words"))
    )
    return Neighbours(vectors, label_matrix([p.paper_id for p in papers], gold, taxonomy)), vectorizer


def _telling(papers: Sequence[Paper]) -> list[list[str]]:
    views = (
        (paper_passages, [tokens(p.text) for p in paper_passages]) for paper_passages in map(passages, papers)
    )
    return [telling_words(paper_passages, words) for paper_passages, words in views]
