"""Numbers, counted words, order and acronyms: what tells a name from its siblings."""

import numpy as np
import pytest

from tdm_ray.extract.candidates import candidates_of
from tdm_ray.extract.fine_print import FEATURES, FinePrint
from tdm_ray.papers.grid import table_of_grid
from tdm_ray.records import TDM, Paper


def above(name, *heads, part="dataset"):
    """What `part`_`name`_above says for a number under each head; the part's name is the first of `heads`."""
    asked, *heads = heads
    grid = [["Model", *heads], ["Ours", *(f"{70 + i}.5" for i in range(len(heads)))]]
    found = candidates_of(Paper("1", "T", "", [], [table_of_grid("", grid)]))
    tdm = TDM("T", asked, "M") if part == "dataset" else TDM("T", "D", asked)
    values = FinePrint(found.contexts).features(tdm, found)
    assert values.shape == (len(heads), len(FEATURES))
    return values[:, FEATURES.index(f"{part}_{name}_above")].tolist()


def test_numbers_of_a_name():
    assert above("numbers", "Recall@10", "R@10", "R@1", "mAP", part="metric") == [1, -1, 0]
    assert above("numbers", "Set5 - 4x upscaling", "Set5 ×4", "Set5 ×2", "Set14 ×3") == [1, 0.5, -1]
    assert np.isnan(above("numbers", "SQuAD", "SQuAD 1.1", "SQuAD")).all()


def test_counted_words():
    """Of "imagenet 5", "5 way", "way 1" and "1 shot"."""
    assert above("counted", "Imagenet 5-way (1-shot)", "1-shot", "5-shot", "5-way 1-shot") == [0.25, 0, 0.75]


@pytest.mark.parametrize(
    ("name", "heads", "expected"),
    [
        ("WMT2014 English-German", ["German English, EN-DE"], [-1]),  # words before their short forms
        ("Duke to Market", ["Duke → Market", "Market→Duke", "Market"], [1, -1, 0]),
        ("WMT2014 English-German", ["EN-DE", "De→En", "English German"], [1, -1, 1]),
    ],
)
def test_the_order_of_words(name, heads, expected):
    assert above("order", name, *heads) == expected


def test_acronyms_stand_for_names_and_names_for_acronyms():
    assert above("acronym", "Quora Question Pairs", "QQP", "Pairs", "Quora") == [1, 0, 0]
    assert above("acronym", "Area Under the Curve", "AUC", "AUTC", "AC", part="metric") == [1, 1, 0]
    assert above("acronym", "MRR", "Mean Reciprocal Rank", "Mean Rank", part="metric") == [1, 0]


def test_a_paper_without_numbers():
    found = candidates_of(Paper("1", "T", "", [], []))
    assert FinePrint(found.contexts).features(TDM("T", "D 1", "M"), found).shape == (0, len(FEATURES))
