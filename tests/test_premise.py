"""Passages, DocTAET, evidence windows."""

import numpy as np

from tdm_ray.records import Cell, Paper, PaperTable, Section
from tdm_ray.text.doctaet import MAX_WORDS, doctaet, experiments, tables
from tdm_ray.text.passages import FIELDS, MAX_PASSAGES, WORDS, passages
from tdm_ray.text.windows import WINDOWS, choose_windows, premise_text


def paper(**change):
    row = {
        "paper_id": "1",
        "title": "A title",
        "abstract": "We test. It works.",
        "sections": [
            Section("Experiments", "We use the CIFAR-10 dataset. The sky is blue. " + "long " * 100),
            Section("Method", "Our dataset loader is fast."),
        ],
        "tables": [
            PaperTable(
                "Table 1: Accuracy on CIFAR-10.", [Cell("91.2", False, ["Ours"], ["Accuracy"])], "raw 1 2"
            ),
        ],
    }
    return Paper(**{**row, **change})


def test_no_word_is_lost_and_no_passage_too_long():
    found = passages(paper())
    assert max(len(p.text.split()) for p in found) <= WORDS
    body = [w for p in found if p.field == "experiment" for w in p.text.split()]
    assert body == paper().sections[0].text.split()
    assert {p.field for p in found} == set(FIELDS)
    assert [p.text for p in found if p.field == "caption"] == ["Table 1: Accuracy on CIFAR-10."]
    assert [(p.text, p.table) for p in found if p.field in ("columns", "rows", "table_text")] == [
        ("Accuracy", 0),
        ("Ours", 0),
        ("raw 1 2", 0),
    ]


def test_a_book_is_cut_but_keeps_its_tables():
    found = passages(paper(sections=[Section("Method", "word " * WORDS * MAX_PASSAGES * 2)]))
    assert len(found) == MAX_PASSAGES
    assert any(p.field == "caption" for p in found)


def test_doctaet_takes_telling_sentences_of_telling_sections():
    said = experiments(paper())
    assert said.startswith("We use the CIFAR-10 dataset.")
    assert "sky" not in said
    assert "loader" not in said
    assert tables(paper()) == "Table 1: Accuracy on CIFAR-10. Accuracy"
    many = paper(sections=[Section("Evaluation", "This dataset is used. " * 100)])
    assert len(experiments(many).split()) == MAX_WORDS
    assert doctaet(paper()).splitlines()[:2] == ["A title", "We test. It works."]


def coverage(*rows):
    return np.array([rows], np.float32)


def test_windows_prefer_passages_that_name_both():
    fields = np.array([FIELDS.index(f) for f in ("title", "body", "body", "caption", "body")])
    dataset = coverage(1, 1, 0, 1, 0)
    metric = coverage(1, 0, 1, 1, 0)
    chosen = choose_windows(np.zeros((1, 5), np.float32), dataset, metric, fields)
    assert chosen.tolist() == [[3, 1, 2]]  # the caption names both; the title stands in every premise already


def test_windows_of_a_paper_with_little_text():
    fields = np.array([FIELDS.index("title"), FIELDS.index("body")])
    chosen = choose_windows(*(np.zeros((1, 2), np.float32),) * 3, fields)
    assert chosen.tolist() == [[1, -1, -1]]
    assert chosen.shape == (1, WINDOWS)


def test_the_premise_is_title_and_windows():
    found = passages(paper())
    assert premise_text(found, [1, -1]) == "A title | We test. It works."
