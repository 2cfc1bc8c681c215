"""What the names of metrics say: families, cut-offs, limits; and the features made of them."""

import math

import numpy as np
import pytest

from tdm_ray.extract.candidates import candidates_of
from tdm_ray.extract.metric_features import FEATURES, MetricFeatures
from tdm_ray.papers.grid import table_of_grid
from tdm_ray.records import TDM, Paper
from tdm_ray.taxonomy.metrics import (
    contradicts,
    cut_off,
    families_in,
    family_of,
    leads,
    limits,
    may_be_one,
    stance,
)
from tdm_ray.taxonomy.sources import read_taxonomy


@pytest.mark.parametrize(
    ("metric", "family"),
    [
        ("Accuracy", "accuracy"),
        ("Top-1 Error Rate", "error"),
        ("F1", "f-score"),
        ("EM", "exact match"),
        ("ROUGE-L", "rouge-l"),
        ("Mean IoU", "iou"),
        ("box AP", "ap"),
        ("Average Precision", "ap"),
        ("Precision", "precision"),
        ("Hits@10", "hits"),
        ("Word Error Rate (WER)", "wer"),
        ("BLEU score", "bleu"),
        ("Number of params", "parameters"),
        ("Score", None),
    ],
)
def test_families(metric, family):
    assert family_of(metric) == family


def test_texts_name_all_their_families():
    assert families_in("EM and F1 on SQuAD") == {"exact match", "f-score"}
    assert may_be_one("top", "error") and may_be_one("error", "wer")
    assert not may_be_one("error", "accuracy")
    assert not may_be_one("las", "uas")


@pytest.mark.parametrize(
    ("metric", "number"),
    [("Hits@10", "10"), ("Top-5 Accuracy", "5"), ("R@1", "1"), ("Rank-1", "1"), ("F1", None), ("AP50", None)],
)
def test_cut_offs(metric, number):
    assert cut_off(metric) == number


@pytest.mark.parametrize(
    ("metric", "header", "other"),
    [
        ("mAP@0.5", "mAP@0.50", False),
        ("mAP@0.5", "mAP@50", False),
        ("mAP@0.5", "mAP@.5", False),
        ("mAP@.5", "mAP@.75", True),
        ("mAP@0.5", "mAP@75", True),
        ("Mean AP @ 0.5", "AP@0.75", True),
        ("IoU@50", "IoU@0.5", False),
        ("Top-5 accuracy", "Acc. (top-1 / top-5)", False),
        ("Top-5 accuracy", "Top-1/5 accuracy", False),
        ("Top-5 accuracy", "Top-1 accuracy", True),
        ("Recall@5", "Recall@1 | Recall@5", False),
        ("Recall@5", "Recall@1/5/10", False),
        ("Recall@5", "Recall@1 | Recall@10", True),
        ("Recall@50", "Recall@0.5", True),
        ("Recall@5", "Recall", False),
        ("mAP@10", "mAP@1", True),
    ],
)
def test_cut_offs_contradict_only_where_none_agrees(metric, header, other):
    assert contradicts(metric, header) is other
    assert stance(metric, header) == (-1 if other else 1)


def test_directions_of_retrieval():
    assert leads("text-to-video R@1") == leads("T2V") == leads("Text → Video (R@1)") == {"tv"}
    assert leads("I2T / T2I") == {"it", "ti"}
    assert not leads("from A to B, a to t")


@pytest.mark.parametrize(
    "metric",
    ["Pearson r", "Spearman r", "Kendall's r", "Pearson's r", "Pearson’s r", "Pearson correlation r"],
)
def test_the_r_of_a_correlation_is_no_recall(metric):
    assert family_of(metric) == "correlation"
    assert families_in(metric) == {"correlation"}
    assert limits(metric) == (-100, 100)


def test_an_r_alone_is_recall():
    assert [family_of(text) for text in ("R", "P | R", "ROUGE R", "Pearson | R")] == ["recall"] * 4


@pytest.mark.parametrize(
    ("metric", "low", "high"),
    [
        ("Accuracy", 0, 100),
        ("SSIM", -1, 1),
        ("PSNR", 0, math.inf),
        ("Test perplexity", 1, math.inf),
        ("Percentage error", 0, 100),
        ("Spearman Correlation", -100, 100),
        ("Relative accuracy gain", -math.inf, math.inf),
        ("Score", -math.inf, math.inf),
    ],
)
def test_limits(metric, low, high):
    assert limits(metric) == (low, high)


def test_most_metrics_of_the_default_taxonomy_have_a_family():
    metrics = [label.tdm.metric for label in read_taxonomy().labels]
    assert np.mean([family_of(metric) is not None for metric in metrics]) > 0.7


def _features(grid: list[list[str]], metric: str, caption: str = "") -> dict[str, list[float]]:
    paper = Paper("1", "T", "A", tables=[table_of_grid(caption, grid)])
    candidates = candidates_of(paper)
    rows = MetricFeatures(candidates.contexts).features(TDM("Parsing", "PTB", metric), candidates)
    assert rows.shape == (len(candidates), len(FEATURES))
    return {name: rows[:, n].tolist() for n, name in enumerate(FEATURES)}


def test_headers_that_name_another_metric_are_told_from_the_right_one():
    found = _features(
        [["Model", "UAS", "LAS", "Time"], ["Ours", "95.1", "93.2", "7.1"]], "LAS", "LAS and UAS."
    )
    assert found["metric_family_above"] == [-1, 1, -1]
    assert found["metric_family_in_headers"] == [-1, 1, -1]
    assert found["metric_family_elsewhere"] == [1, 0, 1]
    assert found["metric_family_about"] == [1, 1, 1]


def test_cut_offs_in_headers():
    found = _features([["Model", "Hits@1", "Hits@10"], ["Ours", "33.0", "52.0"]], "Hits@10")
    assert found["metric_cut_off_above"] == [-1, 1]


def test_values_that_a_metric_cannot_have():
    found = _features([["Model", "Acc", "x"], ["Ours", "93.2", "893.1"]], "Accuracy")
    assert found["out_of_limits"] == [0, 1]
