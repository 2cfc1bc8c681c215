"""Results without a label, and the leaderboards that they speak for."""

import numpy as np

from tdm_ray.discover.names import plain
from tdm_ray.discover.proposals import propose
from tdm_ray.extract.candidates import candidates_of
from tdm_ray.extract.line_kinds import KINDS, METHODS_IN_ROWS, CellKinds
from tdm_ray.extract.open_results import OpenResult, open_results
from tdm_ray.papers.grid import table_of_grid
from tdm_ray.records import TDM, Paper, Section
from tdm_ray.taxonomy.labels import Label, Taxonomy

KNOWN = Taxonomy.of([Label(TDM("Image Classification", "CIFAR-10", "Accuracy"), 9, "higher")])


def a_paper(grid, caption="Table 1: Results.", text="We evaluate on the FooBar-7 dataset."):
    table = table_of_grid(caption, grid)
    return Paper("1801.00001", "A net", "It is good.", [Section("Experiments", text)], [table])


def results_of(paper, own_row="Ours"):
    candidates = candidates_of(paper)
    kinds = np.zeros((len(candidates), len(KINDS)), np.float32)
    beside = [candidates.contexts[at] for at in candidates.beside]
    kinds[[name.startswith(own_row) for name in beside], KINDS.index("own")] = 0.9
    axis = np.full(len(candidates), METHODS_IN_ROWS)
    return open_results(paper, candidates, CellKinds(kinds, axis, ["Our Net"]), ["Our Net"])


def test_a_result_is_read_with_the_names_in_its_headers():
    grid = [
        ["Method", "FooBar-7 test", "Params"],
        ["", "Acc.", "M"],
        ["Net-5", "91.2", "3.1"],
        ["Ours", "93.4", "2.0"],
    ]
    (result,) = results_of(a_paper(grid))
    assert (result.dataset_text, result.metric_family, result.value_text) == ("FooBar-7", "accuracy", "93.4")
    assert result.is_called_dataset
    assert result.confidence > 0.8


def test_a_header_that_names_data_set_and_metric():
    grid = [
        ["Method", "FooBar-7 Accuracy (%)", "BazQux F1"],
        ["Net-5", "91.2", "3.1"],
        ["Ours", "93.4", "2.0"],
    ]
    found = results_of(a_paper(grid))
    assert [(one.dataset_text, one.metric_text, one.metric_family, one.value) for one in found] == [
        ("FooBar-7", "Accuracy (%)", "accuracy", 93.4),
        ("BazQux", "F1", "f-score", 2.0),
    ]


def test_a_data_set_in_the_caption_and_the_usual_metric_of_the_text():
    grid = [["Method", "small", "large"], ["Net-5", "31.2", "33.1"], ["Ours", "33.4", "32.0"]]
    text = "We report BLEU. BLEU is computed on the FooBar-7 dataset. BLEU is higher."
    found = results_of(a_paper(grid, "Table 1: Results on the FooBar-7 test set.", text))
    assert {(one.dataset_text, one.metric_family) for one in found} == {("FooBar-7", "bleu")}
    assert not results_of(a_paper(grid, "Table 1: Results of Net-5.", text))


def test_metrics_whose_names_mean_other_things_too():
    grid = [
        ["Method", "FooBar-7", "BazQux"],
        ["", "MR", "H@10"],
        ["Net-5", "91", "0.31"],
        ["Ours", "93", "0.32"],
    ]
    found = results_of(a_paper(grid))
    assert [(one.dataset_text, one.metric_family) for one in found] == [
        ("FooBar-7", "mean rank"),
        ("BazQux", "hits"),
    ]
    # A caption of several metrics names none for certain, and no score either.
    grid = [["Method", "FooBar-7"], ["Net-5", "31.2"], ["Ours", "33.4"]]
    caption = "Table 1: Accuracy and BLEU scores on the FooBar-7 test set, of three runs each."
    assert [one.metric_family for one in results_of(a_paper(grid, caption, "The BLEU of it."))] == ["bleu"]
    (one,) = results_of(a_paper(grid, "Table 1: Raw scores of 30 games.", "The accuracy is not measured."))
    assert one.metric_family == "score"


def test_a_label_of_such_a_metric_is_known():
    known = Taxonomy.of([Label(TDM("Link Prediction", "FooBar-7", "MR"))])
    found = propose(
        rows(3, "FooBar-7", "mean rank", "Mean Rank") + rows(3, "BazQux", "mean rank", "MR"), known, {}
    )
    assert [str(one.tdm) for one in found] == ["unknown#BazQux#MR"]


def rows(count, dataset, metric="accuracy", text="Acc.", called=True, method=None):
    return [
        OpenResult(f"18{n:02}.00001", 0, 1, 1, 90 + n, f"9{n}.1", method, dataset, called, text, metric, 1.0)
        for n in range(1, count + 1)
    ]


def test_what_several_papers_report_is_proposed_once_with_task_and_direction():
    found = (
        rows(3, "FooBar-7")
        + rows(2, "Rare-8")
        + rows(4, "CIFAR-10 test")
        + rows(3, "foobar7 dataset", "wer", "WER")
    )
    tasks = {"1801.00001": {"Image Classification"}, "1802.00001": {"Image Classification", "Parsing"}}
    proposals = propose(found, KNOWN, tasks)
    assert [(str(one.tdm), one.direction, one.papers) for one in proposals] == [
        ("Image Classification#FooBar-7#Accuracy", "higher", 3),
        ("Image Classification#foobar7 dataset#WER", "lower", 3),
    ]
    assert len(proposals[0].evidence) == 3
    assert proposals[0].proposal_id != proposals[1].proposal_id
    assert propose(found, KNOWN, tasks, least_papers=4) == []


def test_no_method_no_common_word_and_no_part_of_an_f1_is_proposed():
    networks = rows(3, "NetA-50") + rows(4, "FooBar-7", method="NetA-50")
    words = rows(1, "Pose", called=True) + rows(5, "Pose", called=False)[1:]
    f_scores = rows(3, "BazQux", "f-score", "F1") + rows(3, "BazQux", "precision", "P")
    found = propose([*networks, *words, *f_scores], KNOWN, {})
    assert [one.tdm.dataset for one in found] == ["FooBar-7", "BazQux"]
    assert found[1].tdm.metric == "F1"


def test_a_name_that_papers_give_methods_too_or_that_several_tasks_share_is_no_data_set():
    # Seven results "on CLIP", three of papers that say "the CLIP data set", beside four methods of that name.
    models = rows(3, "CLIP") + rows(7, "CLIP", called=False)[3:] + rows(4, "FooBar-7", method="CLIP")
    shared = rows(3, "Pose") + rows(3, "POSE") + rows(3, "Zero-Shot")
    tasks = ("Human Pose Estimation", "6D Pose Estimation", "Zero-Shot Learning", "Zero-shot Retrieval")
    known = Taxonomy.of([Label(TDM(task, "D", "M")) for task in tasks])
    assert {one.tdm.dataset for one in propose(models + shared, known, {})} == {"FooBar-7"}


def test_an_accuracy_without_a_cut_off_is_the_top_1_accuracy():
    both = rows(2, "FooBar-7") + rows(4, "FooBar-7", "top", "Top-1")[2:] + rows(3, "FooBar-7", "top", "Top-5")
    found = propose(both, KNOWN, {})
    assert sorted((one.tdm.metric, one.papers) for one in found) == [("Accuracy", 4), ("Top-5", 3)]


def test_a_metric_that_tables_seldom_name_and_a_pair_of_languages_are_no_board():
    guessed = rows(2, "FooBar-7", "ap", "mAP") + rows(6, "FooBar-7", "ap", "")[2:]
    unnamed = rows(5, "BazQux", "accuracy", "")
    found = propose(guessed + unnamed + rows(5, "En-De", "bleu", "BLEU"), KNOWN, {})
    assert [str(one.tdm) for one in found] == ["unknown#BazQux#Accuracy"]


def test_cut_offs_are_boards_of_their_own():
    found = propose(rows(3, "FooBar-7", "recall", "R@1") + rows(3, "FooBar-7", "recall", "R@5"), KNOWN, {})
    assert sorted(one.tdm.metric for one in found) == ["R@1", "R@5"]


def test_plain_names():
    names = ("The CUB-200 dataset", "CUB 200 test", "cub200", "test set", "")
    assert [plain(name) for name in names] == ["cub200", "cub200", "cub200", "", ""]
    assert plain("Duke to MSMT") == plain("Duke→MSMT") == "dukemsmt"
    assert plain("DukeMTMC-reID") == "dukemtmc"
