"""Scores and evidence: what counts as a candidate, tables out of order, a matcher that learns, and what
ships."""

import csv
import json
import math
from dataclasses import replace
from importlib.resources import files

import numpy as np
import pytest
from conftest import corpus, line_kinds

from tdm_ray.classify.checkpoint import open_checkpoint
from tdm_ray.classify.lexicon import Lexicon
from tdm_ray.classify.resources import Resources
from tdm_ray.classify.scorer import Preparer
from tdm_ray.config import ScoreConfig
from tdm_ray.demo import demo_papers
from tdm_ray.errors import CheckpointError, OutputError, TaxonomyError
from tdm_ray.extract.associations import Associations, Counts, count_words
from tdm_ray.extract.candidates import CELL, PLACES, TEXT, candidates_of
from tdm_ray.extract.extractor import Extractor, row_around
from tdm_ray.extract.features import FeatureBuilder
from tdm_ray.extract.matcher import FORM, Matcher, _Claims, _ruled_out, best_rows, confidence_features
from tdm_ray.papers.grid import table_of_grid
from tdm_ray.papers.read import read_papers
from tdm_ray.records import TDM, Cell, Paper, PaperTable, Section
from tdm_ray.taxonomy.labels import Label, Taxonomy
from tdm_ray.text.numbers import numbers, same_number
from tdm_ray.training.boost import FOLDS, Stack, boost, out_of_fold
from tdm_ray.training.matcher import fit, learn_matcher, tasks_of, with_rare


@pytest.fixture(scope="module")
def resources():
    return Resources.of(ScoreConfig(index="none"))


@pytest.fixture(scope="module")
def prove(resources):
    preparer = Preparer(resources)
    extractor = Extractor(resources)

    def prove(paper):
        prepared = preparer(paper)
        labels = [str(resources.taxonomy.labels[n].tdm) for n in prepared.labels]
        return dict(zip(labels, extractor(paper, prepared), strict=True))

    return prove


def paper(*tables, text="", title="Squeeze nets"):
    return Paper("1901.00001", title, "We propose SqueezeNet.", [Section("Experiments", text)], tables)


def test_candidates_know_their_place():
    """Two rows, two columns and a sentence: headers, ranks by value, order, and which numbers count at
    all."""
    grid = [["Model", "MNIST", "CIFAR-10"], ["Base", "98.1", "90.0/91.0"], ["Ours", "99.1 ± 0.1", "93.5"]]
    found = candidates_of(
        paper(table_of_grid("Table 1. Accuracy.", grid), text="We reach 99.1 % on MNIST in 2019.")
    )
    assert [n.value for n in found.numbers] == [98.1, 99.1, 93.5, 99.1]
    assert [found.contexts[c] for c in found.beside] == ["Base", "Ours", "Ours", ""]
    assert [found.contexts[c] for c in found.above] == ["MNIST", "MNIST", "CIFAR-10", ""]
    assert found.kinds.tolist() == [CELL, CELL, CELL, TEXT]
    assert found.printed[1] == "99.1 ± 0.1"
    in_row = found.places[:3, 0]
    in_column = found.places[:3, 1]
    np.testing.assert_allclose(in_column, [0.25, 0.75, np.nan])
    np.testing.assert_allclose(in_row, [np.nan, 0.75, 0.25])


def test_candidates_know_what_comes_after_them():
    grid = [
        ["Model", "MNIST", "SVHN"],
        ["Base", "98.1", "90.0"],
        ["Ours", "99.1", "93.5"],
        ["Ours+", "99.2", ""],
    ]
    after = [PLACES.index(name) for name in ("rows_below", "after_in_row", "below_in_column")]
    places = candidates_of(paper(table_of_grid("", grid))).places[:, after]
    assert places.tolist() == [[2, 1, 2], [2, 0, 1], [1, 1, 1], [1, 0, 0], [0, 0, 0]]


def test_the_deviation_of_a_number_is_no_candidate():
    """A PDF table parser cuts "79.97 ± 0.60%" in two cells of one row."""
    cells = [Cell("79.97±", False, ["Ours"]), Cell("0.60%", False, ["Ours"]), Cell("0.5", False, ["Base"])]
    assert [n.value for n in candidates_of(paper(PaperTable("", cells))).numbers] == [79.97, 0.5]
    results = [Cell("79.97±", False, ["Ours"]), Cell("80.10±", False, ["Ours"])]
    assert [n.value for n in candidates_of(paper(PaperTable("", results))).numbers] == [79.97, 80.1]


def test_a_caption_comes_before_the_raw_text_that_a_parser_left_with_it():
    table = PaperTable(
        "Table 3: Accuracy.", [Cell("99.1", False, ["Ours"], ["MNIST"])], "Model MNIST Ours 99.1"
    )
    found = candidates_of(paper(table))
    assert found.contexts[found.about[0]] == "Table 3: Accuracy. Model MNIST Ours 99.1"


def test_a_paper_without_numbers_has_none():
    assert len(candidates_of(paper(text="No numbers here."))) == 0


ODD = {
    "ragged rows": table_of_grid(
        "Accuracy on ImageNet", [["a", "Top 1 Accuracy"], ["b"], ["Ours", "77.1", "3", "4"], []]
    ),
    "no header": PaperTable("ImageNet Top 1 Accuracy", [Cell("77.1"), Cell("x"), Cell("")]),
    "three numbers": PaperTable(
        "ImageNet Top 1 Accuracy", [Cell("77.1 78.2 79.3", True, ["Ours"], ["ImageNet"])]
    ),
    "not a number": PaperTable(
        "ImageNet Top 1 Accuracy", [Cell("NaN", True, ["Ours"], ["ImageNet"]), Cell("nan")]
    ),
    "beyond all": PaperTable("ImageNet Top 1 Accuracy", [Cell("1e308", True, ["Ours"], ["ImageNet"])]),
    "nothing": PaperTable("", []),
    "10,000 cells": PaperTable(
        "ImageNet",
        [Cell(f"{i % 97}.{i % 7}", False, [f"r{i // 100}"], [f"c{i % 100}"]) for i in range(10_000)],
    ),
}


@pytest.mark.parametrize("table", ODD.values(), ids=ODD)
def test_odd_tables_end_in_no_false_certainty(prove, table):
    """No crash, and no score but a number that the table states alone in a cell."""
    title = "SqueezeNet: Image Classification on ImageNet, Top 1 Accuracy"
    found = [p for p in prove(paper(table, title=title)).values() if p["score"] is not None]
    stated = {n[0].value for n in (numbers(c.value) for c in table.cells) if len(n) == 1}
    assert all(p["score"] in stated for p in found)
    assert bool(found) == (table is ODD["ragged rows"])  # the one that states a number under a header


def test_the_demos_scores_are_right_and_stand_in_their_evidence(prove):
    """Every score is a number of its own evidence, and nine of ten are what tdm_ray/demo/expected.tsv
    says."""
    with files("tdm_ray.demo").joinpath("expected.tsv").open() as file:
        expected = {tuple(row.values())[:4]: row["score"] for row in csv.DictReader(file, delimiter="\t")}
    said = 0
    right = 0
    for reading in read_papers(demo_papers()):
        for label, p in prove(reading.paper).items():
            if p["score"] is None:
                continue
            assert p["score_text"] in p["evidence"]["text"]
            assert p["score"] == pytest.approx(numbers(p["score_text"])[0].value)
            assert p["evidence"]["kind"] != "cell" or p["evidence"]["column_headers"]
            entered = expected.get((reading.paper.paper_id, *label.split("#", 2)))
            said += entered is not None
            right += entered is not None and same_number(p["score_text"], entered)
    assert said > 0.85 * len(expected)
    assert right > 0.9 * said


@pytest.fixture(scope="module")
def learnt():
    papers, gold, taxonomy = corpus(90)
    checkpoint = open_checkpoint("embedded")
    lexicon = Lexicon(taxonomy, checkpoint.document_frequency, checkpoint.documents)
    tasks = tasks_of(papers, gold, taxonomy)
    return fit(tasks, lexicon, taxonomy.labels, gold.scores(gold.results, taxonomy), line_kinds())


def test_a_matcher_learns_what_is_ones_own(learnt):
    """By chance one of 36 numbers would be right; on papers it did not learn from, most are."""
    _, figures = learnt
    assert figures["papers"] == 90
    assert figures["results"] == 270
    assert figures["right"] > 0.7
    assert figures["said_right"] > 0.7


def test_labels_too_rare_to_be_asked_teach_all_the_same():
    """Of nine labels three are asked: as many papers and results are learnt from, the figures are of the
    three."""
    papers, gold, taxonomy = corpus(90)
    common = Taxonomy(tuple(label for label in taxonomy.labels if label.tdm.dataset == "WMT"))
    every = with_rare(common, gold, gold.results)
    assert [label.tdm for label in every.labels] == [label.tdm for label in taxonomy.labels]
    assert {label.direction for label in every.labels} == {"higher"}
    assert len(with_rare(common, gold, [])) == 3
    checkpoint = open_checkpoint("embedded")
    lexicon = Lexicon(every, checkpoint.document_frequency, checkpoint.documents)
    asked = [every.index[label.tdm] for label in common.labels]
    _, figures = fit(tasks_of(papers, gold, every), lexicon, every.labels, {}, line_kinds(), asked)
    of_wmt = sum(tdm.dataset == "WMT" for results in gold.results.values() for tdm in results)
    assert (figures["papers"], figures["results"], figures["results_asked"]) == (90, 270, of_wmt)
    assert figures["right"] > 0.6


def test_the_third_look_sees_the_first_of_each_group_and_its_lead():
    rows = np.arange(8, dtype=np.float32).reshape(4, 2)
    ranked = np.array([1.0, 0.0, 2.0, 5.0], np.float32)
    best = best_rows(ranked, [3, 1], 1)[:, 0]
    share = np.exp(2) / (np.exp(2) + np.exp(1) + 1)
    assert best.tolist() == [2, 3]
    seen = confidence_features(rows, ranked, [3, 1], best)
    np.testing.assert_allclose(seen, [[4, 5, 2, share, 1], [6, 7, 5, 1, 5]], rtol=1e-6)


def test_a_later_row_has_its_own_share_and_no_lead():
    rows = np.arange(8, dtype=np.float32).reshape(4, 2)
    ranked = np.array([1.0, 0.0, 2.0, 5.0], np.float32)
    second = best_rows(ranked, [3, 1], 2)[:, 1]
    assert second.tolist() == [0, -1]
    seen = confidence_features(rows, ranked, [3, 1], np.array([0, 3]))
    share = np.exp(1) / (np.exp(2) + np.exp(1) + 1)
    np.testing.assert_allclose(seen[0], [0, 1, 1, share, -1], rtol=1e-6)


@pytest.mark.parametrize("stage", ["scorer", "reranker", "confidence"])
def test_what_is_learnt_of_noise_says_nothing_of_papers_unseen(stage):
    """Each paper's rows are told by a number of its own: whoever saw it knows which is right, nobody else
    does."""
    chance = np.random.default_rng(0)
    right = chance.permuted(np.tile([True, False, False, False], (600, 1)), axis=1).ravel()
    stack = Stack(
        chance.random((2400, 3)).astype(np.float32),
        right,
        np.ones(2400, np.float32),
        np.arange(600) % FOLDS,
        np.zeros(600, np.int64),
        np.zeros(600, bool),
        np.full(600, 4),
    )
    first = out_of_fold(stack, stage).reshape(600, 4).argmax(axis=1)
    assert right.reshape(600, 4)[np.arange(600), first].mean() < 0.32
    known = np.asarray(boost(stack, stage).predict(stack.rows)).reshape(600, 4).argmax(axis=1)
    assert right.reshape(600, 4)[np.arange(600), known].mean() > 0.4


def test_others_are_the_common_labels():
    """A header that names a label too rare to be asked for names no other."""
    taxonomy = Taxonomy.of([Label(TDM("T", dataset, "M"), 9) for dataset in ("MNIST", "SVHN")])
    checkpoint = open_checkpoint("embedded")
    lexicon = Lexicon(taxonomy, checkpoint.document_frequency, checkpoint.documents)
    shown = paper(table_of_grid("", [["Model", "SVHN"], ["Ours", "99.1"]]))
    every, common = (
        FeatureBuilder(lexicon, taxonomy.labels, Associations.of(Counts.none()), line_kinds(), asked)
        .context_of(shown)
        .best_of_others[1]
        .max()
        for asked in (None, [taxonomy.index[TDM("T", "MNIST", "M")]])
    )
    assert every > 0.3
    assert common == 0


def test_a_taxonomy_that_nobody_reports(labelled_files, tmp_path):
    (tmp_path / "taxonomy.tsv").write_text("T#A dataset of nobody#M\t9\n")
    asked = ([str(labelled_files / "papers.jsonl")], [str(labelled_files / "gold.tsv")])
    with pytest.raises(TaxonomyError, match="only 0 papers have a score of a label of the taxonomy"):
        learn_matcher(*asked, str(tmp_path / "taxonomy.tsv"), 5, "embedded", str(tmp_path / "out"))


def test_a_matcher_comes_back_as_it_was_saved(learnt, tmp_path):
    matcher, figures = learnt
    matcher.save(str(tmp_path), figures)
    again = Matcher.load(str(tmp_path))
    assert again.least_confidence == matcher.least_confidence
    assert again.associations.table.equals(matcher.associations.table)
    for trees, saved in zip(vars(matcher.trees).values(), vars(again.trees).values(), strict=True):
        rows = np.random.default_rng(0).random((20, trees.num_feature()))
        np.testing.assert_array_equal(saved.predict(rows), trees.predict(rows))


def test_words_that_stand_at_right_numbers_gain_weight():
    """ "top1" heads the right column of Accuracy in three papers; "params" the wrong one."""
    grid = [["Model", "top1", "params"], ["A", "70.1", "5.5"], ["B", "71.3", "6.5"]]
    counts = Counts.none()
    for _ in range(3):
        found = candidates_of(paper(table_of_grid("", grid)))
        right = np.array([n.text == "71.3" for n in found.numbers])
        counts.add(count_words(found, [(TDM("T", "ImageNet", "Accuracy"), right)]))
    weights = {(r["name"], r["word"]): r["weight"] for r in Associations.of(counts).table.to_pylist()}
    assert weights["accuracy", "top1"] > 0.2
    assert weights["accuracy", "params"] < -0.2


def test_a_folder_that_is_no_matcher(tmp_path):
    with pytest.raises(CheckpointError, match=r"not a matcher.*tdm-ray matcher"):
        Matcher.load(str(tmp_path))
    for name in ("scorer.txt", "reranker.txt", "confidence.txt"):
        (tmp_path / name).write_text("{}")
    (tmp_path / "matcher.json").write_text(json.dumps({"form": FORM}))
    with pytest.raises(CheckpointError, match="damaged"):
        Matcher.load(str(tmp_path))


def test_a_matcher_of_another_version(learnt, tmp_path, monkeypatch):
    matcher, figures = learnt
    matcher.save(str(tmp_path), figures)
    monkeypatch.setattr("tdm_ray.extract.matcher.FORM", "another")
    with pytest.raises(CheckpointError, match="learnt by a version of tdm_ray with other features; make it"):
        Matcher.load(str(tmp_path))


@pytest.mark.parametrize(
    "name", ["matcher.json", "scorer.txt", "reranker.txt", "confidence.txt", "associations.parquet"]
)
def test_a_damaged_matcher(learnt, tmp_path, name):
    learnt[0].save(str(tmp_path), learnt[1])
    whole = (tmp_path / name).read_bytes()
    (tmp_path / name).write_bytes(whole[: len(whole) // 2])
    with pytest.raises(CheckpointError, match="make it again"):
        Matcher.load(str(tmp_path))


def test_papers_without_numbers_teach_nothing():
    papers, gold, taxonomy = corpus(40)
    bare = [replace(p, tables=[]) for p in papers]
    checkpoint = open_checkpoint("embedded")
    lexicon = Lexicon(taxonomy, checkpoint.document_frequency, checkpoint.documents)
    with pytest.raises(TaxonomyError, match="none of the 40 papers"):
        fit(tasks_of(bare, gold, taxonomy), lexicon, taxonomy.labels, {}, line_kinds())


def test_too_few_papers_or_a_full_folder(labelled_files, tmp_path):
    asked = ([str(labelled_files / "papers.jsonl")], [str(labelled_files / "gold.tsv")])
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="not empty"):
        learn_matcher(*asked, str(labelled_files / "taxonomy.tsv"), 5, "embedded", str(tmp_path))
    (tmp_path / "one.jsonl").write_text((labelled_files / "papers.jsonl").read_text().splitlines()[0])
    with pytest.raises(TaxonomyError, match="a matcher needs 30"):
        learn_matcher(
            [str(tmp_path / "one.jsonl")],
            asked[1],
            str(labelled_files / "taxonomy.tsv"),
            5,
            "embedded",
            str(tmp_path / "out"),
        )


def test_the_row_of_a_cell_is_its_own():
    def row(values, columns, head=("Ours",)):
        return [
            Cell(v, row_headers=head, column_headers=[c] if c else [])
            for v, c in zip(values, columns, strict=True)
        ]

    def around(cells, place):
        return [(c["value"], c["marked"]) for c in row_around(cells, place)]

    twice = [*row("123", "ABC"), *row("456", "ABC")]  # two rows of one header, or of none
    assert around(twice, 3) == [("4", True), ("5", False), ("6", False)]
    assert around(twice, 4) == [("4", False), ("5", True), ("6", False)]
    assert around([*row("123", "ABC"), *row("456", "ABC", ("Theirs",))], 2) == [
        ("1", False),
        ("2", False),
        ("3", True),
    ]
    assert around(row("12", ("", "")), 1) == [("2", True)]
    assert len(row_around(row(["1"] * 40, [str(n) for n in range(40)]), 20)) == 17


def test_a_cell_of_several_numbers_gives_one_to_each_header():
    table = table_of_grid("SQuAD", [["Model", "EM / F1", "Size"], ["BERT", "84.1 / 90.8", "110M"]])
    candidates = candidates_of(Paper("1", "T", "A", tables=[table]))
    found = [
        (n.value, candidates.contexts[a]) for n, a in zip(candidates.numbers, candidates.above, strict=True)
    ]
    assert found == [(84.1, "EM"), (90.8, "F1"), (110e6, "Size")]
    bare = table_of_grid("SQuAD", [["Model", "Score"], ["BERT", "84.1 / 90.8"]])
    assert not len(candidates_of(Paper("1", "T", "A", tables=[bare])))  # which is which is not said


def test_numbers_without_a_word_around_them_have_features():
    paper = Paper("1", "T", "A", tables=[PaperTable("", [Cell("1.5"), Cell("2.5")])])
    taxonomy = Taxonomy.of([Label(TDM("Parsing", "PTB", "LAS"))])
    builder = FeatureBuilder(
        Lexicon(taxonomy, {}, 1), taxonomy.labels, Associations.of(Counts.none()), line_kinds()
    )
    assert len(builder.of(builder.context_of(paper), 0)) == 2


def test_a_number_outside_the_range_of_a_label_is_ruled_out():
    grid = [["Model", "Rating"], ["Ours", "0.91"], ["Other", "91"], ["Third", "910"], ["Last", "-3"]]
    lexicon = Lexicon(Taxonomy.of([Label(TDM("T", "Bench", "Rating"))]), {}, 1)
    builder = FeatureBuilder(lexicon, (), Associations.of(Counts.none()), line_kinds())
    context = builder.context_of(Paper("1", "T", "A", tables=[table_of_grid("Bench", grid)]))
    for low, high, kept in ((0, 1, [0.91, 91]), (0, 10, [0.91]), (-math.inf, math.inf, [0.91, 91, 910, -3])):
        label = Label(TDM("T", "Bench", "Rating"), low=low, high=high)
        assert context.candidates.values[~_ruled_out(label, context)].tolist() == kept


def test_a_caption_that_names_another_direction_of_retrieval_rules_its_numbers_out():
    label = Label(TDM("Video Retrieval", "Bench", "video-to-text R@1"))
    builder = FeatureBuilder(
        Lexicon(Taxonomy.of([label]), {}, 1), (), Associations.of(Counts.none()), line_kinds()
    )
    for caption, heads, ruled_out in (
        ("Text-to-video retrieval on Bench.", ["R@1"], [True]),
        ("Retrieval on Bench.", ["R@1"], [False]),
        ("Retrieval on Bench.", ["T2V R@1", "V2T R@1"], [True, False]),
    ):
        grid = [["Model", *heads], ["Ours", *("41.0" for _ in heads)]]
        context = builder.context_of(Paper("1", "T", "A", tables=[table_of_grid(caption, grid)]))
        assert _ruled_out(label, context).tolist() == ruled_out


def test_a_cell_that_a_surer_label_takes_is_lost_to_the_others():
    tdms = [TDM("Parsing", "PTB", metric) for metric in ("LAS", "UAS")]
    twins = [
        TDM("Semantic Segmentation", "ADE20K val", "mIoU"),
        TDM("Semantic Segmentation", "ADE20K", "Validation mIoU"),
    ]
    for labels, lost in ((tdms, True), (twins, False)):
        ranked = np.array([3.0, 1.0, 2.0, 0.5], np.float32)
        claims = _Claims(np.array([7, 8, 7, 9]), ranked, [2, 2], labels)
        assert claims.settle(np.array([0, 1]), {0, 1}) == lost
        assert int(ranked[2:].argmax()) == (1 if lost else 0)
