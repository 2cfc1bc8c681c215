"""Taxonomies and gold from every documented source."""

import ast
import csv
import gzip
import json
import math
import shlex
from importlib import resources
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from conftest import own_labels
from hypothesis import given
from hypothesis import strategies as st

from tdm_ray.arxiv_ids import base_id
from tdm_ray.errors import TaxonomyError
from tdm_ray.gold.annotations import fold_of, read_gold
from tdm_ray.records import TAXONOMY, TDM
from tdm_ray.storage import write_table
from tdm_ray.taxonomy.direction import direction_of, direction_over_time
from tdm_ray.taxonomy.join import own_tsv
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


OWN = "task\tdataset\tmetric\tdirection\tpapers\n"
TASK = '[{"task": "T", "datasets": [{"dataset": "D", "sota": {"rows": [%s]}}]}]'


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("t.tsv", f"{OWN}A\tB\tC\t\t²\n", r"t\.tsv, line 2: papers must be a number; found '²'; mend"),
        ("t.tsv", "A#B#C\t²\n", r"t\.tsv, line 1: expected task#dataset#metric<TAB>count, found .*; mend"),
        ("t.tsv", f"A#B#C\t{'9' * 5000}\n", r"t\.tsv, line 1: expected task#dataset#metric<TAB>count"),
        ("t.tsv", f"{OWN}\nA\tB\t{'C' * 131_073}\n", r"t\.tsv, line 3: a field of 131,073 characters.*; put"),
        ("t.tsv", f"{OWN}A\tB\tC\nA\tB\t\n", r"t\.tsv, line 3: task, dataset and metric must .*; mend"),
        ("t.tsv", f"{OWN}\nA\tB\tC\tup\n", r"t\.tsv, line 3: direction must be one of .*'up'; mend"),
        ("t.tsv", "task\tdataset\tmetric\trange\nA\tB\tC\t9", r"t\.tsv, line 2: range must .*'9'; mend"),
        ("t.tsv", "task\tdataset\tmetric\trange\nA\tB\tC\t9..1", r"t\.tsv, line 2: range must .*; mend"),
        ("t.tsv", OWN, r"t\.tsv: no label in it; see docs/inputs\.md"),
        ("t.tsv", "", r"t\.tsv: the file is empty; see docs/inputs\.md"),
        ("t.json", "\ufeff \n", r"t\.json: the file is empty; see docs/inputs\.md"),
        ("t.json", '[{"task": "T", "subtasks": [{"datasets": []}]}]', r'with "task" and "datasets".*; mend'),
        ("t.json", '[{"task": "T", "datasets": ["D"]}]', r"\"datasets\" of the task 'T', found 'D'.*; mend"),
        ("t.json", '[{"task": 5, "datasets": []}]', r't\.json: "task" must be a text, found \'5\'; mend'),
        ("t.json", TASK % "7", r"t\.json: .*\"rows\" of the task 'T', found '7'.*; mend"),
        ("t.json", TASK % '{"metrics": ["F1"]}', r"t\.json: .*\"metrics\" of the task 'T', found .*; mend"),
        ("t.json", "[" * 100_000, r"t\.json: .*; mend"),
    ],
    ids=lambda text: text[:40],
)
def test_a_malformed_file_is_named_with_its_line_and_a_cure(tmp_path, name, content, message):
    (tmp_path / name).write_text(content)
    with pytest.raises(TaxonomyError, match=message):
        read_taxonomy(str(tmp_path / name))


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"task": None}, r"t\.parquet, row 2: task, dataset and metric must be given; found '#B#C'; mend"),
        ({"direction": "up"}, r"t\.parquet, row 2: direction must be one of higher, .*; found 'up'; mend"),
        ({"aliases": [None]}, r"t\.parquet, row 2: an alias is null; mend"),
    ],
)
def test_a_malformed_table_is_named_with_its_row_and_a_cure(tmp_path, row, message):
    right = {"task": "A", "dataset": "B", "metric": "C", "papers": 1, "direction": None, "aliases": None}
    table = pa.Table.from_pylist([right, {**right, **row}], schema=TAXONOMY)
    write_table(table, str(tmp_path / "t.parquet"))
    with pytest.raises(TaxonomyError, match=message):
        read_taxonomy(str(tmp_path / "t.parquet"))


def test_a_packed_file_that_ends_early(tmp_path):
    (tmp_path / "t.tsv.gz").write_bytes(gzip.compress(b"A#B#C\t5\n")[:-9])
    with pytest.raises(TaxonomyError, match=r"t\.tsv\.gz: cannot be read as a taxonomy"):
        read_taxonomy(str(tmp_path / "t.tsv.gz"))


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_only_a_line_break_ends_a_line(tmp_path, end):
    lines = [OWN.strip(), "A\tB\u2028B\tC\tlower\t3", "", "A\tB\tD\tlower\t3"]
    (tmp_path / "own.tsv").write_bytes((end.join(lines) + end).encode())
    (tmp_path / "field.tsv").write_bytes(f"A#B\u2028B#C\t3{end}A#B#D\t3{end}".encode())
    own = read_taxonomy(str(tmp_path / "own.tsv"))
    assert [str(label.tdm) for label in own.labels] == ["A#B#D", "A#B B#C"]
    assert [(label.direction, label.papers) for label in own.labels] == [("lower", 3)] * 2
    assert [label.tdm.metric for label in read_taxonomy(str(tmp_path / "field.tsv")).labels] == ["D", "C"]


def test_a_table_and_back(tmp_path):
    taxonomy = Taxonomy.of(
        [
            Label(TDM("A", "B", "C"), 3, "lower", ("dataset: X",), "vision", 0, 100),
            Label(TDM("A", "A", "C"), low=0),
        ]
    )
    write_table(taxonomy.table(), str(tmp_path / "t.parquet"))
    assert read_taxonomy(str(tmp_path / "t.parquet")) == taxonomy


def test_ranges_and_areas_are_read_and_written_again(tmp_path):
    rows = ["area\ttask\tdataset\tmetric\trange", "speech\tA\tB\tC\t-1..1", "\tA\tB\tD\t0..", "\tA\tB\tE"]
    path = tmp_path / "t.tsv"
    path.write_text("\n".join(rows))
    taxonomy = read_taxonomy(str(path))
    known = [(label.area, label.low, label.high) for label in taxonomy.labels]
    assert known == [("speech", -1, 1), ("", 0, math.inf), ("", -math.inf, math.inf)]
    assert taxonomy.labels[0].printed_range == (-100, 100)
    path.write_text("\n".join(own_tsv(taxonomy)))
    assert read_taxonomy(str(path)) == taxonomy
    assert Taxonomy.of([Label(TDM("A", "B", "C"), high=1)]).taxonomy_id != taxonomy.taxonomy_id


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
    written = [(direction_of(label.tdm.metric), label.direction) for label in read_taxonomy().labels]
    agree = [found == direction for found, direction in written if found != "unknown"]
    assert np.mean(agree) >= 0.99
    assert len(agree) >= 0.85 * len(written)
    higher = (
        "Frames per second",
        "Reward per episode",
        "Mean per class accuracy",
        "Average Return (1M steps)",
        "Accuracy (batch size 1)",
        "Real-time accuracy",
        "Gloss BLEU-4",
        "F1 (PER)",
        "PER F1",
        "Accuracy per question",
        "Recall per query",
        "F1 on DROP",
        "Memory accuracy",
        "Error reduction",
        "WER reduction",
        "Mean Reciprocal Rank",
        "Foo ↑",
        "Loss (higher is better)",
        "neg_mean_squared_error",
        "Detection Rate",
    )
    lower = (
        "False Alarm Rate",
        "Collision rate",
        "Brier score",
        "Accuracy drop",
        "Seconds per image",
        "LogLoss",
        "Jaccard (Decay)",
        "Phone Error Rate (PER)",
        "Seconds per question",
        "F1 drop",
        "GPU memory (MB)",
        "Reconstruction error",
        "Foo ↓",
        "Foo (lower is better)",
        r"Accuracy gap $\downarrow$",
        "Negative Log-Likelihood",
        *("ECE", "MAPE", "FAD", "regret", "JSD", "mATE", "IDSW", "KL divergence"),
    )
    assert [direction_of(m) for m in (*higher, *lower)] == ["higher"] * len(higher) + ["lower"] * len(lower)
    assert direction_of("Backbone") == direction_of("Train Set") == direction_of("xyzzy") == "unknown"
    assert direction_of("Repetition Rate") == direction_of("Learning rate") == "unknown"


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


def test_the_commands_of_the_jobs_can_be_pasted():
    """Each line of a command but the last ends with a backslash, also where --help shows it."""
    assert JOBS
    assert all(map(_commands, JOBS))
    for command in (command for path in JOBS for command in _commands(path)):
        lines = command.split("\n")
        assert [line.endswith(" \\") for line in lines] == [True] * (len(lines) - 1) + [False], command
        assert max(map(len, lines)) <= 110, command
        assert shlex.split(command)[0] in ("python", "ray", "tdm-ray")


JOBS = sorted((Path(__file__).parents[1] / "jobs").glob("*.py"))


def _commands(path):
    """The indented blocks of a script's docstring, a deeper line being part of the command before it."""
    lines = ast.get_docstring(ast.parse(path.read_text()), clean=False).split("\n")
    block = [line.removeprefix("    ") for line in lines if line.startswith("    ")]
    starts = [n for n, line in enumerate(block) if not line.startswith(" ")]
    return ["\n".join(block[a:b]) for a, b in zip(starts, [*starts[1:], len(block)], strict=True)]


def test_broken_lines_are_passed_over_and_named_unless_strict(tmp_path, capsys):
    path = tmp_path / "t.tsv"
    path.write_text("A#B#C\t5\nA#B\t5\nA#B#D\t6\nA#B#E\t7\n")
    taxonomy = read_taxonomy(str(path))
    assert [label.tdm.metric for label in taxonomy.labels] == ["C", "D", "E"]
    (broken,) = taxonomy.broken
    assert "t.tsv, line 2: expected task#dataset#metric" in broken
    with pytest.raises(TaxonomyError, match="line 2"):
        read_taxonomy(str(path), strict=True)


def test_the_bundled_taxonomy_has_no_broken_line():
    path = resources.files("tdm_ray.taxonomy") / "default.tsv"
    assert read_taxonomy(str(path), strict=True) == read_taxonomy()
