"""Labelled papers -> what the shortlist can learn from them: their word vectors and their labels."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import numpy as np
import scipy.sparse as sp
from sklearn.feature_extraction.text import TfidfVectorizer

from tdm_ray.arxiv_ids import base_id
from tdm_ray.classify.neighbours import Neighbours, new_vectorizer, telling_words
from tdm_ray.gold.annotations import Gold
from tdm_ray.parallel import over_chunks
from tdm_ray.records import Paper
from tdm_ray.taxonomy.labels import Taxonomy
from tdm_ray.text.passages import passages
from tdm_ray.text.tokens import tokens


def versions(paper_ids: Sequence[str]) -> list[list[int]]:
    """For each paper the positions of all its versions, itself among them."""
    by_base: dict[str, list[int]] = defaultdict(list)
    for i, paper_id in enumerate(paper_ids):
        by_base[base_id(paper_id)].append(i)
    return [by_base[base_id(paper_id)] for paper_id in paper_ids]


def label_matrix(paper_ids: Sequence[str], gold: Gold, taxonomy: Taxonomy) -> sp.csr_matrix:
    """Which paper reports which label, 0 or 1; shape (papers, labels)."""
    pairs = [
        (row, taxonomy.index[tdm])
        for row, paper_id in enumerate(paper_ids)
        for tdm in gold.results.get(paper_id, ())
        if tdm in taxonomy.index
    ]
    rows, columns = np.array(pairs, np.int64).reshape(-1, 2).T
    return sp.csr_matrix((np.ones(len(pairs), np.float32), (rows, columns)), (len(paper_ids), len(taxonomy)))


def labelled_neighbours(papers: Sequence[Paper], gold: Gold, taxonomy: Taxonomy) -> tuple[Neighbours, TfidfVectorizer]:
    """The neighbours' index over `papers`, row i being paper i, and the vectorizer to query it with."""
    vectorizer = new_vectorizer()
    vectors = sp.csr_matrix(vectorizer.fit_transform(over_chunks(_telling, papers, what="papers cut into words")))
    return Neighbours(vectors, label_matrix([p.paper_id for p in papers], gold, taxonomy)), vectorizer


def _telling(papers: Sequence[Paper]) -> list[list[str]]:
    views = ((found, [tokens(p.text) for p in found]) for found in map(passages, papers))
    return [telling_words(found, words) for found, words in views]
