"""One cell proves one label; how sure a row is."""

import numpy as np
import pytest

from tdm_ray.config import embedded_matcher
from tdm_ray.errors import CheckpointError, InputError
from tdm_ray.extract.confidence import INPUTS, RowConfidence, load_confidence, save_confidence
from tdm_ray.extract.settle import settled

CONFIDENCE = RowConfidence(1.0, 1.0, 0.0, 0.0)
CELL = {
    "kind": "cell",
    "table": 1,
    "caption": "T",
    "row_headers": ["Ours"],
    "column_headers": ["A"],
    "text": "5.1",
}


def _row(dataset: str, probability: float, metric: str = "mIoU", **evidence) -> dict:
    return {
        "task": "Semantic Segmentation",
        "dataset": dataset,
        "metric": metric,
        "probability": probability,
        "score": 5.1,
        "score_text": "5.1",
        "score_confidence": 0.6,
        "cell_probability": 0.6,
        "method": "Ours",
        "evidence": {**CELL, "row": None, **evidence},
    }


def test_the_surest_label_keeps_the_cell():
    low, high = settled([_row("Cityscapes val", 0.5), _row("ADE20K val", 0.9)], CONFIDENCE)
    assert high["score"] == 5.1
    assert high["confidence"] > 0.5
    assert [low[n] for n in ("score", "score_text", "score_confidence", "confidence", "method")] == [None] * 5
    assert low["evidence"]["kind"] == "caption"
    assert low["probability"] == 0.5


def test_a_cell_is_one_whatever_the_unit_of_a_label():
    shares = [
        _row("MS MARCO", 0.9, "NDCG", text="0.572"),
        _row("Robust04", 0.5, "NDCG (x 100)", text="0.572"),
    ]
    shares[0]["score"] = 0.572
    shares[1]["score"] = 57.2
    assert [row["score"] for row in settled(shares, CONFIDENCE)] == [0.572, None]


def test_names_of_one_board_share_a_cell():
    both = settled([_row("ADE20K val", 0.9), _row("ADE20K", 0.5, "Validation mIoU")], CONFIDENCE)
    assert [row["score"] for row in both] == [5.1, 5.1]


def test_other_cells_and_sentences_are_left_alone():
    other = _row("Cityscapes val", 0.5, column_headers=["B"])
    sentence = _row("CamVid", 0.5, kind="sentence")
    assert [row["score"] for row in settled([_row("ADE20K val", 0.9), other, sentence], CONFIDENCE)] == [
        5.1
    ] * 3


def test_a_cell_whose_headers_name_another_metric_is_no_score():
    (row,) = settled([_row("ADE20K val", 0.9, column_headers=["x" * 300, "Pixel accuracy"])], CONFIDENCE)
    assert row["score"] is None
    (row,) = settled([_row("ADE20K val", 0.9, column_headers=["mIoU", "Pixel accuracy"])], CONFIDENCE)
    assert row["score"] == 5.1


def test_of_an_error_and_its_accuracy_the_surer_is_kept():
    rows = [
        {**_row("CIFAR-10", p, metric), "task": "Image Classification", **more}
        for metric, p, more in (
            ("Percentage correct", 0.9, {"score": None, "score_confidence": None}),
            ("Percentage error", 0.5, {}),
        )
    ]
    assert [row["metric"] for row in settled(rows, CONFIDENCE)] == ["Percentage error"]


def test_confidence_grows_with_both_probabilities():
    def sure(probability, score):
        given = {"probability": probability, "score_confidence": score, "cell_probability": 0.5}
        return CONFIDENCE(given)

    assert sure(0.9, 0.6) > sure(0.9, 0.5) > sure(0.5, 0.5) == pytest.approx(0.5)
    assert sure(0.9, None) is None
    assert 0 < sure(0.0, 1.0) < 1


def test_confidence_is_learnt_saved_and_loaded(tmp_path):
    chance = np.random.default_rng(0)
    values = chance.uniform(0.05, 0.95, (400, 3))
    right = chance.uniform(size=400) < values.prod(axis=1)
    rows = [dict(zip(INPUTS, row, strict=True)) for row in values.tolist()]
    learnt = RowConfidence.learn(rows, right)
    stated = np.array([learnt(row) for row in rows])
    assert abs(stated.mean() - right.mean()) < 0.03
    assert min(learnt.label, learnt.score, learnt.cell) > 0
    assert learnt({**rows[0], "score_confidence": None}) is None
    with pytest.raises(InputError, match="right and rows that are wrong"):
        RowConfidence.learn(rows, np.ones(400, bool))
    save_confidence(str(tmp_path), learnt, CONFIDENCE)
    assert load_confidence(str(tmp_path), with_index=True) == learnt
    assert load_confidence(str(tmp_path), with_index=False) == CONFIDENCE


def test_a_damaged_confidence_is_named(tmp_path):
    (tmp_path / "confidence.json").write_text('{"with_index"')
    with pytest.raises(CheckpointError, match=r"confidence\.json"):
        load_confidence(str(tmp_path), with_index=True)
    (tmp_path / "confidence.json").unlink()
    for indexed in (True, False):  # a matcher of one's own has none
        shipped = load_confidence(embedded_matcher(), with_index=indexed)
        assert load_confidence(str(tmp_path), with_index=indexed) == shipped
    (tmp_path / "confidence.json").write_text('{"with_index": {}}')
    with pytest.raises(CheckpointError, match=r"confidence\.json"):
        load_confidence(str(tmp_path), with_index=True)
