"""Papers whose tables are odd: they are decided like others, and nothing absurd is confirmed."""

import pytest

from tdm_ray.config import CONFIRMED, ScoreConfig
from tdm_ray.explain import trace
from tdm_ray.papers.grid import table_of_grid
from tdm_ray.records import Paper, Section

ABSTRACT = "We propose FooNet for image classification on CIFAR-10 and report the accuracy."


def _paper(
    grid=(), text="", caption="Table 1: Accuracy (%) on CIFAR-10 for image classification.", title="FooNet"
):
    tables = [table_of_grid(caption, grid)] if grid else []
    return Paper("2001.00001", title, ABSTRACT, [Section("Experiments", text)], tables)


ODD = {
    "200 columns": [
        ["Model", *(f"Accuracy {n}" for n in range(199))],
        *([name, *(f"{50 + n / 7:.1f}" for n in range(199))] for name in ("Base […]", "FooNet (ours)")),
    ],
    "all rows ours": [["Model", "Accuracy"], *(["Ours", f"{90 + n}.1"] for n in range(8))],
    "no header": [["93.1", "92.2"], ["91.0", "90.5"]],
    "several in a cell": [["Model", "Top-1 / Top-5"], ["FooNet", "93.1 / 99.2"]],
    "one cell": [["Model", "Accuracy"], ["FooNet", "93.1"]],
    "not a number": [["Model", "Accuracy"], ["FooNet", "NaN"], ["Base", "inf"]],
}


@pytest.fixture(scope="module")
def decide():
    return lambda paper: trace(paper, ScoreConfig(precision="float32")).decisions


@pytest.mark.parametrize("name", ODD)
def test_odd_tables_are_decided(decide, name):
    for row in decide(_paper(ODD[name])):
        assert row["score"] is None or 0 <= row["score"] <= 100
        assert row["confidence"] is None or 0 <= row["confidence"] <= 1


def test_a_result_in_the_text_alone(decide):
    rows = decide(_paper(text="FooNet reaches an accuracy of 94.3 % on CIFAR-10, which is the best result."))
    assert {row["evidence"]["kind"] for row in rows if row["score"] is not None} <= {"sentence"}


def test_a_survey_confirms_nothing(decide):
    grid = [
        ["Model", "Accuracy"],
        ["ResNet [1]", "93.6"],
        ["DenseNet [2]", "96.5"],
        ["WRN (2016) [3]", "96.0"],
    ]
    paper = Paper(
        "2001.00002",
        "A survey of image classification",
        "We review methods that others have published for image classification on CIFAR-10.",
        [Section("Comparison", "Table 1 lists the accuracy that the papers report.")],
        [table_of_grid("Table 1: Accuracy of published methods on CIFAR-10.", grid)],
    )
    assert [row for row in decide(paper) if (row["confidence"] or 0) >= CONFIRMED] == []
