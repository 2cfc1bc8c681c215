"""Boards that papers report and no label names: proposed, accepted by a person, filled by the next night."""

import json
import shutil

import pyarrow as pa
import pytest
from test_run import Nights, rows
from typer.testing import CliRunner

from tdm_ray.cli import app
from tdm_ray.config import ScoreConfig
from tdm_ray.discover.accept import accept, proposals_of_store
from tdm_ray.discover.proposals import UNKNOWN_TASK
from tdm_ray.discover.tasks import TasksOfTitles
from tdm_ray.errors import InputError
from tdm_ray.papers.grid import table_of_grid
from tdm_ray.records import PROPOSALS, TDM, Paper, Section
from tdm_ray.store.tables import Store
from tdm_ray.taxonomy.added import add_labels, added_labels
from tdm_ray.taxonomy.labels import Label, Taxonomy


def a_paper(number, dataset="FooBar-7"):
    grid = [
        ["Method", f"{dataset} Accuracy (%)", "CIFAR-10 Accuracy (%)"],
        ["ResNet", f"8{number}.3", "93.1"],
        ["DenseNet", f"8{number}.9", "94.2"],
        ["Net (ours)", f"9{number}.1", f"95.{number}"],
    ]
    text = (
        f"We evaluate image classification on the {dataset} dataset and on CIFAR-10. "
        f"Our method reaches an accuracy of 9{number}.1% on the {dataset} dataset."
    )
    table = table_of_grid(f"Table 1: Image classification accuracy on {dataset} and CIFAR-10.", grid)
    sections = [Section("Experiments", text)]
    return Paper(f"190{number}.00001", "Nets for Image Classification", text, sections, [table])


@pytest.fixture(scope="module")
def filled(tmp_path_factory):
    """A store after one night with three papers on FooBar-7; a later test accepts the proposal there."""
    found = Nights(tmp_path_factory.mktemp("proposals"), ScoreConfig(precision="float32"))
    found.add(*(a_paper(number) for number in range(1, 4)))
    found.run()
    return found


def test_a_run_proposes_and_its_summary_tells(filled):
    run = Store(filled.store).last()
    assert run["new_proposals"] == 1
    (row,) = proposals_of_store(filled.store)
    assert (row["task"], row["dataset"], row["papers"]) == ("Image Classification", "FooBar-7", 3)
    assert row["direction"] == "higher"
    assert {one["paper_id"] for one in row["evidence"]} == {f"190{n}.00001" for n in range(1, 4)}
    assert proposals_of_store(filled.store, 4) == []
    summary = next((filled.papers.parent / "store" / "nights").glob("*.md")).read_text()
    assert f"- {row['proposal_id']}: FooBar-7, " in summary
    shown = CliRunner().invoke(app, ["propose", filled.store], catch_exceptions=False).output
    assert "1 boards that the taxonomy may lack" in shown
    listed = CliRunner().invoke(app, ["propose", filled.store, "--json"], catch_exceptions=False).output
    assert json.loads(listed)["proposal_id"] == row["proposal_id"]


def test_an_accepted_proposal_is_asked_of_the_papers_seen_and_is_no_proposal_any_more(filled, tmp_path):
    (row,) = proposals_of_store(filled.store)
    with pytest.raises(InputError, match="no proposal nosuch"):
        accept(filled.store, ["nosuch"])
    args = ["taxonomy", "accept", filled.store, row["proposal_id"]]
    assert "1 new labels" in CliRunner().invoke(app, args, catch_exceptions=False).output
    assert "0 new labels" in CliRunner().invoke(app, args, catch_exceptions=False).output
    assert proposals_of_store(filled.store) == []
    night = filled.run()
    assert night["asked_again"] == 3
    board = TDM.of(row)
    snapshot = Store(filled.store).snapshot()
    scores = {
        one["paper_id"]: one["score_text"]
        for one in snapshot.read("leaderboards").to_pylist()
        if TDM.of(one) == board
    }
    assert scores == {f"190{n}.00001": f"9{n}.1" for n in range(1, 4)}
    assert len(snapshot.read("proposals")) == 0
    # A store that starts with the label has the same results, and no proposal either.
    other = Nights(tmp_path, filled.config)
    other.add(*(a_paper(number) for number in range(1, 4)))
    (tmp_path / "store").mkdir()
    (tmp_path / "store" / "labels.tsv").write_bytes(
        (filled.papers.parent / "store" / "labels.tsv").read_bytes()
    )
    other.run()
    for name in ("results", "proposals"):
        assert rows(filled.store, name) == rows(other.store, name), name
    # Labels scored together compete for cells, so the confidence differs; batches round the probability.
    boards = (map(json.loads, rows(one.store, "leaderboards", ["confidence"])) for one in (filled, other))
    one, two = ([row for row in board if "FooBar" in row["dataset"]] for board in boards)
    probabilities = [[row.pop("probability") for row in board] for board in (one, two)]
    assert probabilities[0] == pytest.approx(probabilities[1], abs=1e-6)
    assert one == two != []


def test_later_papers_change_only_the_proposals_on_their_data_sets(tmp_path):
    nights = Nights(tmp_path, ScoreConfig(precision="float32"))
    nights.add(*(a_paper(n) for n in range(1, 4)), *(a_paper(n, "BazQux") for n in range(4, 6)))
    nights.run()
    assert [row["papers"] for row in proposals_of_store(nights.store)] == [3]
    nights.add(a_paper(6, "BazQux"))
    assert nights.run()["new_proposals"] == 1
    found = {row["dataset"]: row["papers"] for row in proposals_of_store(nights.store)}
    assert found == {"BazQux": 3, "FooBar-7": 3}
    nights.add(a_paper(1, "Other-9"))  # the paper has changed
    nights.run()
    assert {row["dataset"]: row["papers"] for row in proposals_of_store(nights.store)} == {"BazQux": 3}


def test_names_of_ours_are_no_data_set(tmp_path):
    nights = Nights(tmp_path, ScoreConfig(index="none", precision="float32"))
    nights.add(*(a_paper(n, "Ours") for n in range(1, 5)))
    nights.run()
    assert len(rows(nights.store, "results")) > 0
    assert proposals_of_store(nights.store) == []


def test_a_proposal_without_a_task_needs_one(filled, tmp_path):
    root = str(tmp_path / "store")
    shutil.copytree(filled.store, root)
    (tmp_path / "store" / "labels.tsv").unlink(missing_ok=True)
    row = {**an_empty_proposal(), "proposal_id": "p1", "task": UNKNOWN_TASK, "dataset": "Foo", "metric": "EM"}
    store = Store(root)
    store.overwrite("proposals", [pa.Table.from_pylist([row], schema=PROPOSALS)], "run")
    last = {**store.last(), "versions": store.versions(), "run_id": "run"}
    store.add_run(last)
    with pytest.raises(InputError, match="Foo: its papers name no task; give it with --task"):
        accept(root, ["p1"])
    (label,) = accept(root, ["p1"], task="Question Answering")
    assert label.tdm == TDM("Question Answering", "Foo", "EM")
    # Accepted under another task than the proposed one it is no proposal either.
    assert proposals_of_store(root) == []


def an_empty_proposal():
    return {
        "direction": "higher",
        "papers": 3,
        "names": [],
        "nearest": [],
        "evidence": [],
        "dataset_key": "foo",
    }


def test_labels_added_to_a_store_are_a_file_that_a_person_can_edit(tmp_path):
    root = str(tmp_path)
    assert len(added_labels(root)) == 0
    one = Label(TDM("Parsing", "Foo", "F1"), 0, "higher", ("dataset: Foo-1",))
    assert add_labels(root, [one, one]) == [one]
    assert add_labels(root, [one]) == []
    with (tmp_path / "labels.tsv").open("a") as file:
        file.write("\tParsing\tBar\tError\tlower\t0..\t0\t\t\n")
    assert added_labels(root).labels == (Label(TDM("Parsing", "Bar", "Error"), 0, "lower", low=0), one)


def test_tasks_that_a_title_names():
    known = Taxonomy.of(
        [Label(TDM(task, "D", "M")) for task in ("Object Detection", "3D Object Detection", "Parsing")]
    )
    find = TasksOfTitles(known)
    assert find("Fast 3D object detections") == ["3D Object Detection"]
    assert find("Parsing, object detection and more") == ["Parsing", "Object Detection"]
    assert find("Objects and their detection") == []
