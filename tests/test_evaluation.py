"""Figures against numbers worked out by hand and against the definitions; reports of both protocols, end to
end."""

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import scipy.sparse as sp
from hypothesis import given
from hypothesis import strategies as st

from tdm_ray.config import ScoreConfig
from tdm_ray.errors import InputError
from tdm_ray.evaluation.figures import best_f1, by_group, calibration, f1_figures, with_unknown
from tdm_ray.evaluation.report import evaluate, markdown
from tdm_ray.evaluation.scores import score_figures
from tdm_ray.evaluation.whole import by_year
from tdm_ray.gold.annotations import Gold
from tdm_ray.records import PREDICTIONS, TDM, Cell, Paper, PaperTable
from tdm_ray.taxonomy.labels import Label, Taxonomy
from tdm_ray.training.index import index_corpus


def matrix(rows):
    return sp.csr_matrix(np.array(rows, np.float32))


def test_figures_by_hand():
    """Three papers, four labels: 2 of 3 decisions right, 2 of 4 gold found; the last label has no gold."""
    decided = matrix([[1, 1, 0, 0], [1, 0, 0, 0], [0, 0, 0, 0]])
    gold = matrix([[1, 0, 1, 0], [1, 1, 0, 0], [0, 0, 0, 0]])
    found = f1_figures(decided, gold)
    assert found["precision"] == pytest.approx(2 / 3)
    assert found["recall"] == pytest.approx(2 / 4)
    assert found["micro_f1"] == pytest.approx(4 / 7)
    assert found["macro_f1"] == pytest.approx((1 + 0 + 0) / 3)
    assert found["paper_f1"] == pytest.approx((2 / 4 + 2 / 3) / 2)
    assert found["false_positives_per_wrong_pair"] == pytest.approx(1 / 8)
    unknown = f1_figures(with_unknown(decided), with_unknown(gold))
    assert unknown["micro_f1"] == pytest.approx(2 * 3 / (4 + 5))  # the third paper is rightly unknown
    tasks = by_group(decided, gold, ["a", "b", "b", "c"])
    assert [(t["group"], t["gold"], t["decided"], t["micro_f1"]) for t in tasks] == [
        ("a", 2, 2, 1.0),
        ("b", 2, 1, 0.0),
    ]


def test_scores_by_hand():
    """Three decisions: a right score, a wrong one, and a right label without one."""
    tdms = [TDM("T", "D", metric) for metric in ("A", "B", "C")]
    taxonomy = Taxonomy.of([Label(tdm) for tdm in tdms])
    cells = [Cell("91.2 ± 0.3"), Cell("80.0"), Cell("70.5")]
    paper = Paper("p", "", "", tables=[PaperTable("", cells)])
    gold = Gold({"p": {tdms[0]: ("91.2%",), tdms[1]: ("0.705",), tdms[2]: ("12.3",)}})

    def row(tdm, probability, text=None):
        evidence = {"kind": "cell", "text": text or "", "row_headers": [], "column_headers": []}
        return {
            "paper_id": "p",
            "task": tdm.task,
            "dataset": tdm.dataset,
            "metric": tdm.metric,
            "evidence": evidence,
            "probability": probability,
            "score_text": text,
            "score": float(text.split()[0]) if text else None,
        }

    rows = [
        row(tdms[0], 0.9, "91.2 ± 0.3"),
        row(tdms[1], 0.8, "80.0"),
        row(tdms[2], 0.7),
    ]
    found = score_figures(pa.Table.from_pylist(rows, schema=PREDICTIONS), [paper], gold, taxonomy)
    assert (found["predictions"], found["with_score"], found["right"]) == (3, 2, 1)
    assert found["tdms"] == {"precision": 1 / 2, "recall": 1 / 3, "micro_f1": pytest.approx(2 / 5)}
    assert found["right_tdms_with_score_in_a_table"] == 2  # 12.3 stands nowhere
    assert found["right_in_tables"] == 1 / 2
    assert found["with_evidence"] == 1.0


@given(st.integers(0, 2**32 - 1))
def test_figures_hold_for_any_decisions(seed):
    """Micro F1 is the harmonic mean of P and R; all right gives 1; no threshold beats the best one."""
    random = np.random.default_rng(seed)
    gold = sp.csr_matrix((random.random((8, 6)) < 0.3).astype(np.float32))
    probability = sp.csr_matrix(random.random((8, 6)).astype(np.float32))
    best = best_f1(probability, gold)
    for threshold in (0.2, 0.5, 0.9, best["threshold"]):
        found = f1_figures((probability >= threshold).astype(np.float32), gold)
        p = found["precision"]
        r = found["recall"]
        assert found["micro_f1"] == pytest.approx(2 * p * r / (p + r) if p + r else 0)
        assert found["micro_f1"] <= best["micro_f1"] + 1e-9
    assert found["micro_f1"] == pytest.approx(best["micro_f1"])
    if gold.nnz:
        assert f1_figures(gold, gold)["micro_f1"] == f1_figures(gold, gold)["macro_f1"] == 1


def test_calibration_of_what_is_calibrated():
    random = np.random.default_rng(0)
    probability = random.random(50_000).astype(np.float32)
    honest = calibration(probability, random.random(50_000) < probability)
    assert honest["expected_calibration_error"] < 0.01
    assert sum(row["pairs"] for row in honest["reliability"]) == 50_000
    boasting = calibration(probability, random.random(50_000) < probability / 2)
    assert boasting["expected_calibration_error"] == pytest.approx(0.25, abs=0.01)


@pytest.fixture(scope="module")
def files(labelled_files):
    return (
        [str(labelled_files / "papers.jsonl")],
        [str(labelled_files / "gold.tsv")],
        str(labelled_files / "taxonomy.tsv"),
    )


def test_the_whole_taxonomy(files, tiny_model, tmp_path):
    papers, annotations, taxonomy = files
    config = ScoreConfig(model=tiny_model, taxonomy=taxonomy, max_labels=8, index=str(tmp_path / "index"))
    index_corpus(
        papers, annotations, ScoreConfig(model=tiny_model, taxonomy=taxonomy, max_labels=8), config.index
    )
    held_out = tmp_path / "held-out.tsv"
    held_out.write_text("".join(Path(taxonomy).read_text().splitlines(keepends=True)[::4]))
    out = str(tmp_path / "out")
    text = evaluate(papers, annotations, out, config, held_out_labels=str(held_out), engine="local")
    facts = json.loads((tmp_path / "out" / "report.json").read_text())
    assert text == (tmp_path / "out" / "report.md").read_text() == markdown(facts)
    assert text.startswith("# Evaluation\n\nProtocol: whole taxonomy")
    assert facts["papers"] == 108
    # Every paper is in the index twice more, under another id.
    assert facts["figures"]["micro_f1"] > 0.8
    parts = facts["held_out_labels"], facts["other_labels"]
    assert sum(p["labels"] for p in parts) == facts["labels"]
    assert facts["shortlist"]["recall_at"]["64"] > 0.95
    assert sorted(facts["shortlist"]["recall_at"].values()) == list(facts["shortlist"]["recall_at"].values())
    assert facts["calibration"]["reliability"][0]["pairs"] > 100
    assert sum(task["gold"] for task in facts["tasks"]) == facts["gold_pairs"]
    assert sum(year["gold"] for year in facts["years"]) == facts["gold_pairs"]


def test_figures_by_year():
    gold = sp.csr_matrix(np.array([[1, 1], [0, 1], [1, 0]], np.float32))
    decided = sp.csr_matrix(np.array([[1, 1], [1, 0], [0, 0]], np.float32))
    learnt = np.array([True, False])
    first, second = by_year(decided, gold, ["1901.00001", "2003.00001v2", "1912.00001"], learnt)
    assert (first["group"], first["papers"], first["gold"], first["micro_f1"]) == ("2019", 2, 3, 4 / 5)
    assert (second["group"], second["micro_f1"], second["learnt_gold"]) == ("2020", 0.0, 0)
    assert (first["learnt_gold"], first["learnt_f1"]) == (2, 2 / 3)


def test_the_fields_protocol(files, tiny_model, tmp_path):
    papers, annotations, taxonomy = files
    config = ScoreConfig(model=tiny_model, taxonomy=taxonomy)
    text = evaluate(papers, annotations, str(tmp_path / "out"), config, protocol="field")
    facts = json.loads((tmp_path / "out" / "report.json").read_text())
    assert "gold and 10 random wrong labels a paper" in text
    assert len(facts["folds"]) == 2
    assert facts["figures"]["micro_f1"] > facts["label_frequency_alone"]["micro_f1"] + 0.2
    with pytest.raises(InputError, match="choose whole or field"):
        evaluate(papers, annotations, str(tmp_path / "out"), config, protocol="mine")
