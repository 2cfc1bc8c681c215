"""Labels that are one board: which stands for the others, and how boards show them."""

import json

import pyarrow as pa
import pytest
from test_run import Nights, never, nights, rows  # noqa: F401 - a fixture
from typer.testing import CliRunner

from tdm_ray.cli import app
from tdm_ray.errors import InputError, TaxonomyError
from tdm_ray.leaderboard.one_board import board_keys, moved_labels, on_boards, with_members
from tdm_ray.leaderboard.read import read_leaderboards
from tdm_ray.records import BOARD, TAXONOMY, TDM
from tdm_ray.run.local_engine import LocalEngine
from tdm_ray.store.tables import Store
from tdm_ray.taxonomy.groups import add_groups, boards_of, groups_of_store, read_groups
from tdm_ray.taxonomy.labels import Label, Taxonomy
from tdm_ray.taxonomy.twins import find_twins

VAL = TDM("Semantic Segmentation", "ADE20K val", "mIoU")
VALIDATION = TDM("Semantic Segmentation", "ADE20K", "Validation mIoU")
MEAN = TDM("Semantic Segmentation", "ADE20K val", "Mean IoU")
OTHER = TDM("Image Classification", "ImageNet", "Top-1")
ERROR = TDM("Image Classification", "ImageNet", "Top-1 error")


def taxonomy(*labels):
    return Taxonomy.of([label if isinstance(label, Label) else Label(label) for label in labels])


def test_groups_that_ship_hold_for_every_taxonomy():
    known = taxonomy(Label(VAL, 3), Label(VALIDATION, 9, "higher"), Label(MEAN, 20), OTHER)
    # Of a known direction, then of most papers.
    assert boards_of(known) == {VAL: VALIDATION, MEAN: VALIDATION}
    assert boards_of(taxonomy(VAL, OTHER)) == {}


def test_what_people_put_first_stands_for_a_group_and_groups_that_share_a_label_are_one():
    known = taxonomy(Label(VAL, 3), Label(VALIDATION, 9, "higher"), Label(MEAN, 20), OTHER)
    own = TDM("Scene Parsing", "ADE20K", "mIoU")
    assert boards_of(known, [(VAL, MEAN)]) == {VALIDATION: VAL, MEAN: VAL}
    # A circle of pairs, a label that the taxonomy has not, and one that is its own twin.
    circle = [(VAL, own), (own, VALIDATION), (VALIDATION, VAL), (OTHER, OTHER)]
    assert boards_of(known, circle) == {VALIDATION: VAL, MEAN: VAL}


def test_an_error_is_no_accuracy():
    known = taxonomy(Label(OTHER, 1, "higher"), Label(ERROR, 1, "lower"))
    with pytest.raises(TaxonomyError, match=r"is better higher and .* lower: they cannot be one board"):
        boards_of(known, [(OTHER, ERROR)])
    # What ships cannot be edited: a taxonomy that contradicts it goes without.
    assert boards_of(taxonomy(Label(VAL, 1, "higher"), Label(VALIDATION, 1, "lower"))) == {}


def test_the_file_of_a_store_is_read_added_to_and_checked(tmp_path):
    assert groups_of_store(str(tmp_path)) == []
    assert add_groups(str(tmp_path), [(VAL, MEAN), (OTHER, ERROR)]) == 2
    assert add_groups(str(tmp_path), [(MEAN, VAL)]) == 0
    assert groups_of_store(str(tmp_path)) == [(VAL, MEAN), (OTHER, ERROR)]
    bad = tmp_path / "bad.tsv"
    bad.write_text("group\ttask\tdataset\tmetric\n1\tA\t\tB\n")
    with pytest.raises(TaxonomyError, match=r"bad\.tsv, row 2: a field is empty"):
        read_groups(str(bad))
    bad.write_text("group\ttask\tdataset\n")
    with pytest.raises(TaxonomyError, match="no column 'metric'"):
        read_groups(str(bad))


def a_table(rows):
    return pa.table({name: [row[name] for row in rows] for name in rows[0]})


def test_of_one_paper_the_surest_row_of_a_board_is_kept():
    known = [
        {**vars_of(VAL), "papers": 1, "direction": "higher", "aliases": [], "board": None},
        {**vars_of(MEAN), "papers": 1, "direction": "higher", "aliases": [], "board": vars_of(VAL)},
    ]
    labels = pa.Table.from_pylist(known, schema=TAXONOMY.append(BOARD))
    moved = moved_labels(labels)
    found = [
        ("a", VAL, 0.5, 41.0, 0.9),
        ("a", MEAN, 0.8, 42.0, 0.6),
        ("b", MEAN, None, None, 0.7),
        ("b", VAL, None, None, 0.8),
        ("c", OTHER, 0.4, 1.0, 0.4),
    ]
    names = ("confidence", "score", "probability")
    predictions = a_table(
        [{"paper_id": p, **vars_of(t), **dict(zip(names, v, strict=True))} for p, t, *v in found]
    )
    shown = on_boards(predictions, moved).to_pylist()
    assert [(row["paper_id"], TDM.of(row), row["score"], row["probability"]) for row in shown] == [
        ("a", VAL, 42.0, 0.6),
        ("b", VAL, None, 0.8),
        ("c", OTHER, 1.0, 0.4),
    ]
    keys = board_keys(predictions, moved).to_pylist()
    assert keys[0] == keys[1] == keys[2] != keys[4]
    assert with_members([keys[4]], moved) == {keys[4]}
    assert len(with_members([keys[0]], moved)) == 2
    older = labels.drop_columns("board")
    assert on_boards(predictions, moved_labels(older)).equals(predictions)


def test_twins_are_found_by_names_and_by_scores_and_scores_may_speak_against_them():
    dev = TDM("Semantic Segmentation", "ADE20K dev", "mIoU")
    text_image = TDM("Text-to-Image Retrieval", "COCO", "Recall@1")
    image_text = TDM("Image-to-Text Retrieval", "COCO", "Recall@1")
    pose = TDM("Pose Estimation", "COCO test-dev", "AP")
    keypoints = TDM("Keypoint Detection", "COCO test-dev", "AP")
    one = TDM("Scene Text", "Born Digital", "Mean Average Precision")
    two = TDM("Scene Text", "born-digital dataset", "mAP")
    plus = TDM("Referring", "RefCOCO+", "Accuracy")
    bare = TDM("Referring", "RefCOCO", "Acc")
    spelt = TDM("Referring", "RefCOCO dataset", "Accuracy (%)")
    misspelt = [TDM("T", "STS Benchmark", f"Pearson {name}") for name in ("Corelation", "Correlation")]
    others = [TDM("T", "IEMOCAP", f"{name} Accuracy") for name in ("Weighted", "Unweighted")]
    coco = (text_image, image_text, pose, keypoints)
    known = taxonomy(VAL, VALIDATION, dev, *coco, one, two, plus, bare, spelt, *misspelt, *others)
    results = {
        **{f"p{n}": {pose: [f"71.{n}"], keypoints: [f"0.71{n}"]} for n in range(1, 4)},
        "q": {one: ["55.1"], two: ["55.1"]},
        "r": {bare: ["80.1"], spelt: ["70.2"], plus: ["70.2"]},
    }
    found = find_twins(known, results)
    # ADE20K's two are known; the scores of `bare` and `spelt` differ; one letter, order and split count.
    assert [(twin.first, twin.second, twin.same, twin.other) for twin in found] == [
        (keypoints, pose, 3, 0),
        (one, two, 1, 0),
        (*misspelt, 0, 0),
    ]
    assert found[1].evidence == "both read as born digital, map; 1 papers with the same score, 0 with others"
    assert find_twins(known, results, [(pose, keypoints)]) == found[1:]
    without = find_twins(known, {})
    assert [(twin.first, twin.second) for twin in without] == [(bare, spelt), (one, two), tuple(misspelt)]


def test_twins_of_a_store_are_listed_and_accepted(nights):  # noqa: F811
    nights.run()
    listed = CliRunner().invoke(app, ["taxonomy", "twins", nights.store])
    assert listed.exit_code == 0
    assert "pairs of labels that may be one board" in listed.output
    metrics = ("Accuracy", "Percentage correct")
    one, two = (TDM("Image Classification", "CIFAR-10", metric) for metric in metrics)
    gold = nights.papers.parent / "gold.tsv"
    lines = [f"{n}\t{t.task}\t{t.dataset}\t{t.metric}\t9{n}.1" for n in range(4) for t in (one, two)]
    gold.write_text("paper_id\ttask\tdataset\tmetric\tscore\n" + "\n".join(lines) + "\n")
    args = ["taxonomy", "twins", nights.store, "--annotations", str(gold)]
    found = [json.loads(line) for line in CliRunner().invoke(app, [*args, "--json"]).output.splitlines()]
    with pytest.raises(InputError, match=f"there is no pair 99; the list has {len(found)}"):
        CliRunner().invoke(app, [*args, "--accept", "1,99"], catch_exceptions=False)
    with pytest.raises(InputError, match="'x' is no number"):
        CliRunner().invoke(app, [*args, "--accept", "x"], catch_exceptions=False)
    done = CliRunner().invoke(app, [*args, "--accept", "1"], catch_exceptions=False)
    assert "1 new groups" in done.output
    first = found[0]
    assert groups_of_store(nights.store) == [(TDM.of(first["first"]), TDM.of(first["second"]))]


def vars_of(tdm):
    return {"task": tdm.task, "dataset": tdm.dataset, "metric": tdm.metric}


def test_a_store_shows_a_group_once_from_the_next_run_on_and_apart_again(nights, monkeypatch):  # noqa: F811
    nights.run()
    apart = rows(nights.store, "leaderboards")
    every = read_leaderboards(nights.store, tentative=True).to_pylist()
    boards = list(dict.fromkeys(TDM.of(row) for row in every if row["direction"] == "higher"))
    first, second = boards[:2]
    add_groups(nights.store, [(first, second)])
    monkeypatch.setattr(LocalEngine, "score", never("something was scored"))
    assert nights.run()["outcome"] == "done"
    joined = read_leaderboards(nights.store, tentative=True).to_pylist()
    assert second not in {TDM.of(row) for row in joined}
    wanted = {row["paper_id"] for row in every if TDM.of(row) in (first, second)}
    together = [row for row in joined if TDM.of(row) == first]
    assert sorted(row["paper_id"] for row in together) == sorted(wanted)
    assert sorted(row["rank"] for row in together) == list(range(1, len(wanted) + 1))
    kept = {TDM.of(row) for row in Store(nights.store).read("predictions").to_pylist()}
    assert second in kept
    assert nights.run()["outcome"] == "nothing new"
    (nights.papers.parent / "store" / "equivalents.tsv").unlink()
    assert nights.run()["outcome"] == "done"
    assert rows(nights.store, "leaderboards") == apart
