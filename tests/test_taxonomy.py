"""Taxonomies and gold from every documented source."""

import csv
import json
from importlib import resources
from pathlib import Path

import numpy as np
import pytest
from conftest import own_labels
from hypothesis import given
from hypothesis import strategies as st

from tdm_ray.arxiv_ids import base_id
from tdm_ray.errors import TaxonomyError
from tdm_ray.gold.annotations import fold_of, read_gold
from tdm_ray.records import TDM
from tdm_ray.storage import write_table
from tdm_ray.taxonomy.direction import direction_of, direction_over_time
from tdm_ray.taxonomy.labels import Label, Taxonomy
from tdm_ray.taxonomy.sources import read_taxonomy

TABLES = [
    {
        "task": "Vision",
        "datasets": [],
        "subtasks": [
            {
                "task": "Image Classification",
                "datasets": [
                    {
                        "dataset": "ImageNet",
                        "sota": {
                            "metrics": ["Top 1"],
                            "rows": [
                                {
                                    "metrics": {"Top 1": "77.1", "Top 5": ""},
                                    "paper_url": "https://arxiv.org/abs/1512.03385",
                                },
                                {"metrics": {"Top 1": "84.3"}, "paper_title": "EfficientNet"},
                            ],
                        },
                    }
                ],
            }
        ],
    }
]
TOP1 = TDM("Image Classification", "ImageNet", "Top 1")


def test_the_default_taxonomy():
    taxonomy = read_taxonomy()
    assert len(taxonomy) >= 2000
    own = [taxonomy.labels[taxonomy.index[tdm]] for tdm in own_labels()]
    assert {label.direction for label in own} == {"higher", "lower"}
    known = [label.direction in ("higher", "lower") for label in taxonomy.labels]
    assert np.mean(known) > 0.97
    with resources.files("tdm_ray.taxonomy").joinpath("default.tsv").open() as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    assert len(rows) == len(taxonomy)  # no label twice
    areas = {"vision", "language", "speech", "graphs", "reinforcement learning", "recommendation"}
    assert areas <= {row["area"] for row in rows}
    with resources.files("tdm_ray.demo").joinpath("expected.tsv").open() as file:
        for row in csv.DictReader(file, delimiter="\t"):
            assert TDM(row["task"], row["dataset"], row["metric"]) in taxonomy.index
    label = taxonomy.labels[taxonomy.index[TDM("Image Classification", "ImageNet", "Top-1 Accuracy")]]
    assert "ILSVRC 2012" in label.names("dataset")
    assert label.names("task") == ["Image Classification"]


def test_the_fields_tsv(tmp_path):
    path = tmp_path / "t.tsv"
    path.write_text("A#B#C\t5\nA#B#D#1-2\t4\nunknown\t9\n\n")
    assert [str(x.tdm) for x in read_taxonomy(str(path)).labels] == ["A#B#C", "A#B#D#1-2"]
    assert [x.tdm.metric for x in read_taxonomy(str(path)).labels] == ["C", "D#1-2"]
    assert [x.papers for x in read_taxonomy(str(path), min_count=5).labels] == [5]


def test_evaluation_tables(tmp_path):
    path = tmp_path / "t.json"
    path.write_text(json.dumps(TABLES))
    (label,) = read_taxonomy(str(path)).labels
    assert (label.tdm, label.papers) == (TOP1, 2)
    assert read_gold(str(path)).results == {
        "1512.03385": {TOP1: ("77.1",)},
        "EfficientNet": {TOP1: ("84.3",)},
    }


def test_a_table_and_back(tmp_path):
    taxonomy = Taxonomy.of(
        [Label(TDM("A", "B", "C"), 3, "lower", ("dataset: X",)), Label(TDM("A", "A", "C"))]
    )
    write_table(taxonomy.table(), str(tmp_path / "t.parquet"))
    assert read_taxonomy(str(tmp_path / "t.parquet")) == taxonomy


def test_the_id_is_that_of_names_and_aliases():
    one = Label(TDM("A", "B", "C"))
    other = Label(TDM("A", "B", "D"))
    same = Taxonomy.of([Label(other.tdm, 7, "higher"), one]).taxonomy_id
    assert Taxonomy.of([one, other]).taxonomy_id == same
    assert Taxonomy.of([one]).taxonomy_id != same
    assert Taxonomy.of([Label(one.tdm, aliases=("metric: x",)), other]).taxonomy_id != same


def test_broken_annotations_are_named_not_fatal(tmp_path):
    path = tmp_path / "gold.tsv"
    path.write_text("a/1.2v1.pdf\tA#B#C#1$A#B#C#2$A#B#3$A#B#C#$A#B#C#D#5\nno tab here\n2.pdf\tA#B#C#9\n")
    gold = read_gold(str(path))
    assert gold.results == {"1.2v1": {TDM("A", "B", "C"): ("1", "2")}, "2": {TDM("A", "B", "C"): ("9",)}}
    assert len(gold.broken) == 4
    assert gold.broken[-1] == "line 2: 0 tabs instead of one"
    assert gold.table().num_rows == 3


def test_several_annotation_files_are_one_gold(tmp_path):
    (tmp_path / "a.tsv").write_text("1v1.pdf\tA#B#C#1\nno tab\n")
    result = {"task": "A", "dataset": "B", "metric": "C", "score": "2"}
    lines = [{"paper_id": "1v1", "results": [result]}, {"paper_id": "2", "results": []}]
    (tmp_path / "b.jsonl").write_text("\n".join(map(json.dumps, lines)))
    gold = read_gold(str(tmp_path / "a.tsv"), str(tmp_path / "b.jsonl"))
    assert gold.results == {"1v1": {TDM("A", "B", "C"): ("1", "2")}, "2": {}}
    assert gold.broken == (f"{tmp_path}/a.tsv: line 2: 0 tabs instead of one",)


@pytest.mark.parametrize("text", ["", "nothing\n"])
def test_no_annotations_at_all(tmp_path, text):
    (tmp_path / "g.tsv").write_text(text)
    with pytest.raises(TaxonomyError, match="no annotation of the form"):
        read_gold(str(tmp_path / "g.tsv"))


@given(st.integers(0, 10**6), st.integers(1, 9), st.integers(2, 7))
def test_versions_stand_on_one_side(number, version, folds):
    paper = f"1412.{number % 100_000:05d}"
    assert base_id(f"{paper}v{version}") == paper
    assert fold_of(paper, folds) == fold_of(f"{paper}v{version}", folds) < folds


def test_the_real_files(real_data):
    assert len(read_taxonomy(str(real_data / "annotations/TDM_taxonomy.tsv"), min_count=5)) == 1850
    gold = read_gold(str(real_data / "annotations/resultsAnnotation.tsv"))
    assert (len(gold.results), len(gold.broken)) == (5087, 20)
    for path in (real_data / "evaluation-tables").glob("*.json"):
        assert len(read_taxonomy(str(path))) > 0


def directions():
    with (Path(__file__).parent / "directions.tsv").open() as file:
        return {
            row["metric"]: row["direction"]
            for row in csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE)
        }


def test_direction_from_a_metrics_name():
    """Held against 270 metrics of the field judged by hand, and against the directions of our own
    taxonomy."""
    judged = directions()
    assert len(judged) >= 200
    wrong = {m for m, direction in judged.items() if direction_of(m) not in (direction, "unknown")}
    silent = {m for m in judged if direction_of(m) == "unknown"}
    assert wrong == set()
    assert len(silent) <= 0.05 * len(judged)  # names of datasets in the place of a metric: "SemEval 2013"
    own = [label for label in read_taxonomy().labels if direction_of(label.tdm.metric) == label.direction]
    assert len(own) >= 0.99 * len(read_taxonomy())
    higher = (
        "Frames per second",
        "Reward per episode",
        "Mean per class accuracy",
        "Average Return (1M steps)",
        "Accuracy (batch size 1)",
        "Real-time accuracy",
        "Gloss BLEU-4",
    )
    lower = (
        "False Alarm Rate",
        "Collision rate",
        "Brier score",
        "Accuracy drop",
        "Seconds per image",
        "LogLoss",
        "Jaccard (Decay)",
    )
    assert [direction_of(m) for m in (*higher, *lower)] == ["higher"] * len(higher) + ["lower"] * len(lower)
    assert direction_of("Backbone") == direction_of("Train Set") == direction_of("xyzzy") == "unknown"


def test_directions_of_the_real_taxonomy(real_data):
    judged = directions()
    labels = read_taxonomy(str(real_data / "annotations" / "TDM_taxonomy.tsv"), min_count=5).labels
    known = [label for label in labels if label.tdm.metric in judged]
    assert len(known) > 1300
    assert sum(label.direction == judged[label.tdm.metric] for label in known) >= 0.97 * len(known)


def test_a_taxonomy_overrides_the_rules(tmp_path):
    path = tmp_path / "t.tsv"
    path.write_text("task\tdataset\tmetric\tdirection\nA\tB\tError\thigher\nA\tB\tAccuracy\tunknown\n")
    assert {x.tdm.metric: x.direction for x in read_taxonomy(str(path)).labels} == {
        "Error": "higher",
        "Accuracy": "higher",
    }


def test_the_way_scores_went_over_the_years_tells_a_direction():
    rising = [
        (f"{year}{month:02d}.00001v1", 50.0 + year + month / 10)
        for year in (17, 18, 19)
        for month in (1, 5, 9)
    ]
    assert direction_over_time(rising) == "higher"
    assert direction_over_time([(paper, -score) for paper, score in rising]) == "lower"
    assert direction_over_time(rising[:7]) == "unknown"  # too few months
    assert direction_over_time([(paper, 1.0) for paper, _ in rising]) == "unknown"
    assert direction_over_time([("P19-1001", score) for _, score in rising]) == "unknown"  # no dates
    taxonomy = Taxonomy.of(
        [Label(TDM("T", "D", "Mystery")), Label(TDM("T", "D", "Other"), direction="lower")]
    )
    learnt = taxonomy.directed({0: "higher", 1: "higher"})
    assert [label.direction for label in learnt.labels] == ["higher", "lower"]
    assert learnt.taxonomy_id == taxonomy.taxonomy_id


def test_gold_of_columns_names_broken_lines(tmp_path):
    path = tmp_path / "gold.tsv"
    head = "paper_id\ttask\tdataset\tmetric\tscore\n"
    path.write_text(f"{head}1901.00001\tA\tB\tC\t5\n1901.00002\tA\n1901.00001\tA\tB\tC\t6\n")
    gold = read_gold(str(path))
    assert gold.results == {"1901.00001": {TDM("A", "B", "C"): ("5", "6")}}
    assert gold.broken == ("line 3: paper_id, task, dataset or metric is missing",)
