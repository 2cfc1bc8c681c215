"""The cell model: premises of numbers, what it says of them, how it is learnt."""

import json
from typing import Any

import numpy as np
import pytest
from conftest import corpus, json_row
from safetensors.torch import load_file

from tdm_ray.classify.cell_model import CellModel
from tdm_ray.classify.checkpoint import embedded_cells, embedded_folder
from tdm_ray.classify.pairs import hypothesis
from tdm_ray.classify.tokenizer import load_tokenizer
from tdm_ray.config import embedded_matcher
from tdm_ray.errors import OutputError, TaxonomyError
from tdm_ray.extract.candidates import candidates_of
from tdm_ray.extract.cell_text import premise
from tdm_ray.extract.choose import choose
from tdm_ray.extract.line_kinds import LineKinds
from tdm_ray.papers.grid import table_of_grid
from tdm_ray.records import TDM, Paper, Section
from tdm_ray.training.cell_pairs import cell_pairs
from tdm_ray.training.cells import learn_cell_model

GRID = [
    ["Model", "CIFAR-10 error", "ImageNet top-1 error"],
    ["ResNet […]", "6.1", "24.1"],
    ["VGG […]", "5.9", "28.0"],
    ["PreNet […]", "5.5", "23.1"],
    ["FooNet (ours)", "4.2", "21.9"],
]
OWN = 6  # the candidate of the paper's own row and CIFAR-10
PAPER = Paper(
    "1901.00001",
    "FooNet: a network for images",
    "We propose FooNet.",
    [Section("Experiments", "FooNet reaches an error of 4.2 % on CIFAR-10.")],
    [table_of_grid("Test error (%) of single models.", GRID)],
)
CIFAR = TDM("Image Classification", "CIFAR-10", "Percentage error")
IMAGENET = TDM("Image Classification", "ImageNet", "Top 1 Error")
SQUAD = TDM("Question Answering", "SQuAD1.1", "EM")


@pytest.fixture(scope="module")
def cells():
    return CellModel(embedded_cells(), precision="float32", threads=2)


@pytest.fixture(scope="module")
def labelled_scores(tmp_path_factory):
    """Thirty papers with their scores, as files."""
    papers, gold, taxonomy = corpus(30)
    folder = tmp_path_factory.mktemp("scores")
    (folder / "papers.jsonl").write_text("".join(json.dumps(json_row(p)) + "\n" for p in papers))
    lines = (
        f"{p}.pdf\t{'$'.join(f'{tdm}#{scores[0]}' for tdm, scores in found.items())}\n"
        for p, found in gold.results.items()
    )
    (folder / "gold.tsv").write_text("".join(lines))
    (folder / "taxonomy.tsv").write_text("".join(f"{label.tdm}\t9\n" for label in taxonomy.labels))
    return folder


@pytest.fixture(scope="module")
def premises():
    candidates = candidates_of(PAPER)
    kinds = LineKinds.load(embedded_matcher())(PAPER, candidates)
    return [premise(candidates, kinds, row) for row in range(len(candidates))]


def test_a_number_in_words(premises):
    caption = "Test error (%) of single models."
    assert premises[0] == f"baseline highest ; ResNet […] ; CIFAR-10 error ; 6.1 ; {caption}"
    assert premises[OWN].startswith("own lowest ; FooNet (ours) ; CIFAR-10 error ; 4.2 ;")
    assert premises[-1].startswith("text ; 4.2 %")
    assert "on CIFAR-10." in premises[-1]


def test_the_right_label_of_a_cell_is_the_likeliest(cells, premises):
    own = premises[OWN]
    (found,) = cells.probabilities([[(own, CIFAR), (own, IMAGENET), (own, SQUAD)]])
    assert found.argmax() == 0
    assert found[0] > 2 * found[2]
    (of_rows,) = cells.probabilities([[(premises[OWN], CIFAR), (premises[0], CIFAR)]])
    assert of_rows[0] > of_rows[1]  # the paper's own row rather than the baseline's


def test_a_paper_is_judged_as_alone(cells, premises):
    alone = [cells.probabilities([[(text, CIFAR)]])[0] for text in premises]
    together = cells.probabilities([[(text, CIFAR)] for text in premises])
    np.testing.assert_array_equal(alone, together)
    assert cells.probabilities([]) == []
    assert [len(found) for found in cells.probabilities([[], [(premises[0], CIFAR)]])] == [0, 1]


def test_pairs_are_what_the_tokenizer_makes_of_two_texts(cells, premises):
    pairs = cells.pairs_of([(premises[0], CIFAR), (premises[0] * 9, SQUAD)])
    whole = load_tokenizer(embedded_folder())(premises[0], hypothesis(CIFAR))["input_ids"]
    assert pairs.ids.take([0]).values.tolist() == whole
    assert pairs.ids.lengths[1] == 80


def candidate(premise: str, rank: float, row: str = "FooNet (ours)", score: float = 4.2) -> dict[str, Any]:
    evidence = {"kind": "cell", "table": 0, "row_headers": [row], "column_headers": ["CIFAR-10 error"]}
    return {
        "score": score,
        "score_text": str(score),
        "score_confidence": 0.5,
        "method": row,
        "evidence": {**evidence, "text": str(score)},
        "premise": premise,
        "rank": rank,
    }


def decision(tdm: TDM, probability: float, first: dict[str, Any], *others: dict[str, Any]) -> dict[str, Any]:
    return {**vars(tdm), "probability": probability, **first, "others": list(others)}


def test_decisions_get_what_the_cell_model_says(cells, premises):
    nothing = dict.fromkeys(candidate("", 0))
    decisions = [
        decision(CIFAR, 0.9, candidate(premises[OWN], 1.0)),
        decision(SQUAD, 0.6, nothing),
    ]
    ((first, second), empty) = choose([decisions, []], cells)
    (judged,) = cells.probabilities([[(premises[OWN], CIFAR)]])
    assert first["cell_probability"] == pytest.approx(judged[0], rel=1e-5)
    assert (second["score"], second["cell_probability"]) == (None, None)
    assert not {"premise", "rank", "others"} & {*first, *second}
    assert empty == []


@pytest.mark.parametrize(("lead", "score"), [(0.0, 4.2), (10.0, 6.1)])
def test_of_candidates_alike_the_cell_model_chooses_and_a_far_better_rank_stays(cells, premises, lead, score):
    baseline = candidate(premises[0], lead, "ResNet [5]", 6.1)
    (chosen,) = choose([[decision(CIFAR, 0.9, baseline, candidate(premises[OWN], 0.0))]], cells)[0]
    assert chosen["score"] == score


def test_a_cell_that_a_surer_label_takes_is_left_to_it(cells, premises):
    own = candidate(premises[OWN], 5.0)
    other = candidate(premises[0], 0.0, "ResNet [5]", 6.1)
    twice = [decision(IMAGENET, 0.6, own, other), decision(CIFAR, 0.9, own, other)]
    less_sure, sure = choose([twice], cells)[0]
    assert (sure["score"], less_sure["score"]) == (4.2, 6.1)
    assert TDM.of(sure) == CIFAR


def test_the_cell_model_is_learnt_and_loads(labelled_scores, tmp_path):
    asked = [[str(labelled_scores / "papers.jsonl")], [str(labelled_scores / "gold.tsv")]]
    taxonomy = str(labelled_scores / "taxonomy.tsv")
    pairs = cell_pairs(*asked, taxonomy, 5)
    groups = {pair.group for pair in pairs if pair.right}
    assert groups
    assert {pair.right for pair in pairs if pair.group in groups} == {True, False}
    assert any(not pair.group for pair in pairs)  # labels that the paper does not report
    out = tmp_path / "cells"
    figures = learn_cell_model(*asked, taxonomy, 5, str(out), steps=2)
    assert 0 < figures["average_precision"] <= 1
    assert json.loads((out / "config.json").read_text())["word_embeddings_from"] == "embedded"
    assert "bert.embeddings.word_embeddings.weight" not in load_file(out / "model.safetensors")
    (found,) = CellModel(str(out), precision="float32").probabilities([[(pairs[0].premise, CIFAR)]])
    assert 0 < found[0] < 1
    with pytest.raises(OutputError, match="not empty"):
        learn_cell_model(*asked, taxonomy, 5, str(out), steps=2)


def test_papers_without_entered_scores_teach_nothing(labelled_scores, tmp_path):
    lines = (labelled_scores / "gold.tsv").read_text().splitlines()
    (tmp_path / "gold.tsv").write_text(
        "".join(f"{line.split(chr(9))[0]}\tT#MNIST#F1#unknown\n" for line in lines)
    )
    asked = [[str(labelled_scores / "papers.jsonl")], [str(tmp_path / "gold.tsv")]]
    with pytest.raises(TaxonomyError, match="prints a score"):
        cell_pairs(*asked, str(labelled_scores / "taxonomy.tsv"), 5)
