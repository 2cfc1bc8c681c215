"""Headers over several cells of a row, as a PDF table parser gives them, are taken apart where they can."""

from __future__ import annotations

import pytest

from tdm_ray.papers.reading_order import in_reading_order
from tdm_ray.papers.shared_headers import with_own_headers
from tdm_ray.records import Cell, PaperTable


def _table(*rows: tuple[str, str, str]) -> PaperTable:
    return PaperTable(
        "Table 1: Results", [Cell(value, False, [row], ["Test", head]) for row, head, value in rows]
    )


def _columns(table: PaperTable) -> list[tuple[str, str]]:
    return [(cell.value, cell.column_headers[-1]) for cell in table.cells]


def test_values_joined_by_a_slash_have_each_their_part() -> None:
    table = _table(
        *(("Ours", "EM / F1", v) for v in ("76.2/", "84.6")),
        *(("BiDAF", "EM / F1", v) for v in ("68.0/", "77.3")),
    )
    assert _columns(with_own_headers(table)) == [
        ("76.2", "EM"),
        ("84.6", "F1"),
        ("68.0", "EM"),
        ("77.3", "F1"),
    ]


def test_groups_of_values_in_one_run_each_begin_anew() -> None:
    table = _table(
        *(("Ours", "R1 / R2 / RL", v) for v in ("33.7/", "15.2/", "31.3", "39.9/", "20.0/", "37.1"))
    )
    assert [head for _, head in _columns(with_own_headers(table))] == ["R1", "R2", "RL", "R1", "R2", "RL"]


@pytest.mark.parametrize(
    ("header", "heads"),
    [
        ("What Where When Avg", ["What", "Where", "When", "Avg"]),
        ("Lexicon OntoNotes MSRA Resume Weibo", ["OntoNotes", "MSRA", "Resume", "Weibo"]),
    ],
)
def test_a_header_of_a_word_a_cell_is_taken_apart(header: str, heads: list[str]) -> None:
    table = _table(*((row, header, v) for row in ("A", "B") for v in ("1.0", "2.0", "3.0", "4.0")))
    assert [head for _, head in _columns(with_own_headers(table))] == heads * 2


@pytest.mark.parametrize(
    ("header", "values"),
    [
        ("TEST F1", ("0.93", "0.77")),  # two words are a name as often as two
        ("mCAP AP 50 AP", ("45.9", "68.2", "49.1")),  # which word is too many is not known
        ("NUC with different p", ("0.4", "0.6", "0.8")),
        ("Accuracy", ("1.0", "2.0", "3.0")),
        ("EM / F1", ("76.2/", "84.6/", "77.0")),  # three values, two parts
    ],
)
def test_any_other_header_stays_as_it_is(header: str, values: tuple[str, ...]) -> None:
    table = _table(*(("Ours", header, v) for v in values))
    assert with_own_headers(table) is table


def test_a_header_that_most_rows_have_over_another_number_of_cells_stays() -> None:
    rows = [("A", 3), ("B", 4), ("C", 4)]
    table = _table(*((row, "x y z", str(float(i))) for row, count in rows for i in range(count)))
    assert with_own_headers(table) is table


def test_tables_whose_order_is_not_known_stay() -> None:
    table = _table(*(("Ours", "EM / F1", v) for v in ("76.2/", "84.6")))
    assert in_reading_order([table], []) == [table]
    ordered = in_reading_order([table], [[["Ours", "76.2/84.6"]]])
    assert _columns(ordered[0]) == [("76.2", "EM"), ("84.6", "F1")]
