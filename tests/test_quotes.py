"""What other papers' tables say: counts by month, hashes that stay, features of a candidate, a matcher that
learns."""

import random
from datetime import date

import numpy as np
import pytest
from conftest import line_kinds
from hypothesis import given
from hypothesis import strategies as st

from tdm_ray.arxiv_ids import month_number
from tdm_ray.classify.checkpoint import open_checkpoint
from tdm_ray.classify.lexicon import Lexicon
from tdm_ray.extract.associations import Associations, Counts
from tdm_ray.extract.candidates import candidates_of
from tdm_ray.extract.features import INDEX_FEATURES, SCORER_FEATURES, FeatureBuilder
from tdm_ray.extract.quote_features import FEATURES, QuoteFeatures
from tdm_ray.extract.quotes import (
    IN_ROW,
    NAME,
    NUMBER,
    WORD,
    Quotes,
    _entries,
    dataset_words,
    digits_of,
    hashes,
    key,
    row_words,
)
from tdm_ray.gold.annotations import Gold
from tdm_ray.papers.grid import table_of_grid
from tdm_ray.records import TDM, Paper
from tdm_ray.taxonomy.labels import Label, Taxonomy
from tdm_ray.training.matcher import Task, _features_of, fit, tasks_of

LABELS = [Label(TDM("T", dataset, "Accuracy"), 9, "higher") for dataset in ("MNIST", "SQuAD", "WMT")]
TAXONOMY = Taxonomy.of(LABELS)


def lexicon():
    checkpoint = open_checkpoint("embedded")
    return Lexicon(TAXONOMY, checkpoint.document_frequency, checkpoint.documents)


def paper(paper_id, rows, published=None, heads=("MNIST",)):
    table = table_of_grid("Table 1. Results.", [["Model", *heads], *rows])
    return Paper(paper_id, "A network", "A network.", [], [table], published)


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(1, 60_000))), st.integers(1, 60_000))
def test_counts_are_of_earlier_and_of_later_months(entries, now):
    keys = hashes(map(str, range(6))) & ~np.uint64(65535)
    quotes = Quotes(np.sort(np.array([keys[k] | np.uint64(month) for k, month in entries], np.uint64)), 1)
    before, after = quotes.around(keys, now)
    assert before.tolist() == [sum(k == one and month < now for k, month in entries) for one in range(6)]
    assert after.tolist() == [sum(k == one and month > now for k, month in entries) for one in range(6)]


def test_how_much_came_later():
    quotes = Quotes(np.array([7, 7, 8, 12], np.uint64), 3)
    assert [quotes.sizes(month) for month in (6, 7, 8, 12, 13)] == [(0, 4), (0, 2), (2, 1), (3, 0), (4, 0)]
    assert Quotes(np.empty(0, np.uint64), 0).sizes(7) == (0, 0)


def test_hashes_stay_what_they_are():
    """An index is read by later versions."""
    assert key(NUMBER, hashes(["853"])).tolist() == [93636554986684416]
    assert key(IN_ROW, hashes(["853"]), hashes(["resnet"])).tolist() == [131755340060557312]
    assert len({int(key(kind, hashes(["resnet"]))[0]) for kind in (NUMBER, NAME, WORD)}) == 3


@pytest.mark.parametrize(
    ("text", "digits"),
    [("85.3", "853"), ("0.853", "853"), (".0853", "853"), ("1,234", "1234"), ("9.5", None)],
)
def test_the_digits_of_a_number(text, digits):
    assert digits_of(text) == digits


@pytest.mark.parametrize(
    ("paper_id", "published", "month"),
    [
        ("1512.03385", None, 12 * 2015 + 12),
        ("1512.03385v2", date(2016, 2, 1), 12 * 2015 + 12),
        ("hep-th/9901001", None, 12 * 1999 + 1),
        ("cs0112017", None, 12 * 2001 + 12),
        ("mine", None, None),
        ("mine", date(2016, 2, 1), 12 * 2016 + 2),
        ("1513.03385", date(2016, 2, 1), 12 * 2016 + 2),
        ("9012345", date(2019, 6, 1), 12 * 2019 + 6),
        ("paper0611001", None, None),
        ("math.AG0611001", None, 12 * 2006 + 11),
    ],
)
def test_the_month_number_a_paper(paper_id, published, month):
    assert month_number(paper_id, published) == month


def test_a_row_that_earlier_papers_print_is_known_and_one_that_later_ones_print_was_quoted():
    """Of the row's name, its number, and that number where the data set is named; other words and short
    numbers not."""
    earlier = paper("1701.00001", [["BaseNet", "91.25"]])
    later = paper("1801.00001", [["OurNet [3]", "0.9350"]])
    undated = paper("mine", [["OurNet", "93.50"]])
    asked = paper(
        "1706.00001", [["BaseNet", "91.25"], ["OurNet", "93.50"], ["Other", "9.5"]], heads=("MNIST",)
    )
    found = Quotes.of([earlier, later, undated, asked], dataset_words(LABELS, lexicon()))
    quotes = Quotes(found.entries, 100, found.context_words)  # of four papers every word would be a usual one
    seen = QuoteFeatures(quotes, asked, candidates_of(asked)).features(TDM("T", "MNIST", "Accuracy"))
    base, ours, other = (dict(zip(FEATURES, row, strict=True)) for row in seen.tolist())
    for what in ("number", "number_in_row", "row_name", "number_with_dataset"):
        assert (base[f"{what}_before"], base[f"{what}_after"]) == (1, 0), what
        assert (ours[f"{what}_before"], ours[f"{what}_after"]) == (0, 1), what
    assert np.isnan(other["number_before"]) and np.isnan(other["number_with_dataset_after"])
    assert (other["row_name_before"], other["row_word_after_share"]) == (0, 0)
    sizes = [np.log1p(len(_entries(other, quotes.context_words))) for other in (earlier, later)]
    np.testing.assert_allclose([base["size_before"], base["size_after"]], sizes, rtol=1e-6)
    place = FEATURES.index("number_with_dataset_before")
    of_others = [
        QuoteFeatures(quotes, asked, candidates_of(asked)).features(TDM("T", name, "M"))
        for name in ("SQuAD", "XYZ")
    ]
    assert [rows[0, place] for rows in of_others] == [
        0,
        pytest.approx(np.nan, nan_ok=True),
    ]  # XYZ was not counted


def test_versions_of_a_paper_are_one():
    several = [paper(f"1701.00001{version}", [["BaseNet", "91.25"]]) for version in ("", "v1", "v2")]
    one = Quotes.of(several[:1], {"mnist"})
    assert (Quotes.of(several, {"mnist"}).entries.tolist(), one.papers) == (one.entries.tolist(), 1)


def test_what_cannot_be_known_is_not_a_number():
    shown = paper("1706.00001", [["BaseNet", "91.25"]])
    undated = paper("mine", [["BaseNet", "91.25"]])
    quotes = Quotes.of([shown], set())
    for quoted in (
        QuoteFeatures(None, shown, candidates_of(shown)),
        QuoteFeatures(quotes, undated, candidates_of(undated)),
    ):
        assert np.isnan(quoted.features(LABELS[0].tdm)).all()
    empty = Paper("1706.00001", "A title", "")
    assert QuoteFeatures(quotes, empty, candidates_of(empty)).features(LABELS[0].tdm).shape == (
        0,
        len(FEATURES),
    )


def test_names_of_rows_are_their_words():
    assert row_words("OurNet [3] | ours 12") == ["ournet", "ours", "ours12"]


def test_papers_learnt_from_as_without_an_index_know_nothing_of_others():
    shown = [paper(f"1701.{number:05d}", [["BaseNet", "91.25"]]) for number in range(40)]
    tasks = [Task(found, 0, ((0, ("91.25",)),)) for found in shown]
    signs = FeatureBuilder(
        lexicon(),
        TAXONOMY.labels,
        Associations.of(Counts.none()),
        line_kinds(),
        None,
        Quotes.of(shown, {"mnist"}),
    )
    at = SCORER_FEATURES.index("known_scores")
    for task in tasks:
        rows = _features_of(signs, signs.context_of(task.paper), task, 0, {0: [("1702.00001", 90.0)]})
        assert rows[:, at].tolist() == [0 if task.without_index else 1]
        assert np.isnan(rows[:, INDEX_FEATURES]).all() == task.without_quotes
    assert 4 < sum(task.without_index for task in tasks) < sum(task.without_quotes for task in tasks) < 32


def history(count):
    """A paper a month; its table repeats the three before it in any order, and nothing else tells which is
    its own."""
    chance = random.Random(0)
    papers = []
    results = {}
    rows = [[f"{chance.uniform(40, 95):.2f}" for _ in LABELS] for n in range(count)]
    for number in range(3, count):
        shown = [
            [f"Model {c}", *row]
            for c, row in zip("ABCD", chance.sample(rows[number - 3 : number + 1], 4), strict=True)
        ]
        paper_id = f"{17 + number // 12}{number % 12 + 1:02d}.{number:05d}"
        found = paper(paper_id, shown, heads=[label.tdm.dataset for label in LABELS])
        papers.append(found)
        results[found.paper_id] = {
            label.tdm: (score,) for label, score in zip(LABELS, rows[number], strict=True)
        }
    return papers, Gold(results)


def test_a_matcher_learns_from_what_others_quote():
    """Rows in any order, under names that say nothing, with numbers of one range: by chance one of four is
    right."""
    papers, gold = history(80)  # a part of them is learnt from as if nothing were quoted
    quotes = Quotes.of(papers, {"mnist", "squad", "wmt"})
    tasks = tasks_of(papers, gold, TAXONOMY)
    _, figures = fit(tasks, lexicon(), TAXONOMY.labels, {}, line_kinds(), None, quotes)
    _, nothing_quoted = fit(tasks, lexicon(), TAXONOMY.labels, {}, line_kinds())
    assert figures["right"] > 0.8
    assert nothing_quoted["right"] < 0.5
