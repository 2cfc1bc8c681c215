"""Numbers as printed: every form of the field, both ways; what is no number; which two are the same."""

import math

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from tdm_ray.text.numbers import (
    LARGEST,
    find_printed,
    in_header_unit,
    numbers,
    same_number,
    several_numbers,
    the_number,
)

PRINTED = [
    ("91.2", 91.2),
    (".912", 0.912),
    ("91.2%", 91.2),
    ("91.2 %", 91.2),
    ("1,234.5", 1234.5),
    ("10,000,000", 1e7),
    ("12,5", 12.5),
    ("12.3M", 12.3e6),
    ("580k", 580e3),
    ("0.8B", 0.8e9),
    ("3.1e-4", 3.1e-4),
    ("3.1 × 10^-4", 3.1e-4),
    ("31.2 ± 0.4", 31.2),
    ("31.2±.4%", 31.2),
    ("95.23 +- 0.19", 95.23),
    ("95.23 +/- 0.19", 95.23),
    ("1.749 (±0.343)", 1.749),
    ("97.49 (0.15)", 97.49),
    ("81 . 2±0 . 8", 81.2),
    ("0 .711", 0.711),
    ("-0.46", -0.46),
    ("−0.5", -0.5),
    ("†45.2", 45.2),
    ("86.39*", 86.39),
    ("45.2a", 45.2),
    ("0.912 [12]", 0.912),
    ("45.2 (+1.3)", 45.2),
    ("45.2 ↑1.3", 45.2),
    ("31.2ms", 31.2),
    ("108.8(2080Ti)", 108.8),
    ("<0.01", 0.01),
    ("97.21±", 97.21),
    ("91.2²", 91.2),
    ("86.39¹²", 86.39),
    ("3.1×10⁻⁴", 3.1e-4),
    ("0,912", 0.912),
    ("1,234", 1234),
    ("-0,4567", -0.4567),
]


@pytest.mark.parametrize(("text", "value"), PRINTED)
def test_every_printed_form(text, value):
    assert the_number(text).value == pytest.approx(value)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "-",
        "nan",
        "NaN",
        "inf",
        "ResNet-101",
        "3D",
        "2nd",
        "3-fold",
        "F1",
        "[47]",
        "1e308",
        "9" * 40,
        "0.63.3",
    ],
)
def test_what_is_no_result(text):
    assert the_number(text) is None


@pytest.mark.parametrize("text", ["87.9/92.8", "87.9 / 92.8", "1 2 3", "45.2-46.1", "61.1 / 32.3 / 33.7"])
def test_a_cell_with_several_numbers_states_none(text):
    assert the_number(text) is None
    assert len(numbers(text)) > 1


values = st.integers(-(10**7), 10**7).flatmap(lambda n: st.integers(0, 4).map(lambda d: (n, d)))


def plain(number, decimals):
    return f"{number / 10**decimals:.{decimals}f}"


@given(
    values,
    st.sampled_from(["{}", "{}%", "{} %", "{} ± 0.4", "{}±1.2", "{} (0.4)", "{}*", "† {}", " {} ", "{} [3]"]),
)
def test_what_is_printed_is_read(value, form):
    text = plain(*value)
    found = the_number(form.format(text))
    assert found.value == pytest.approx(float(text))
    assert found.decimals == value[1]
    assert found.percent == ("%" in form)


@given(st.integers(1000, 10**9), st.integers(0, 2))
def test_thousands_separators(number, decimals):
    assert the_number(f"{number:,.{decimals}f}").value == number


@given(values, st.sampled_from([("k", 1e3), ("K", 1e3), ("M", 1e6), ("B", 1e9)]))
def test_suffixes_multiply(value, suffix):
    text = plain(*value)
    assume(abs(float(text) * suffix[1]) <= LARGEST)
    assert the_number(text + suffix[0]).value == pytest.approx(float(text) * suffix[1])


@given(st.integers(1, 9999), st.integers(-12, 12))
def test_scientific_form(mantissa, power):
    assert the_number(f"{mantissa / 1000}e{power}").value == pytest.approx(mantissa / 1000 * 10.0**power)


@given(st.text(max_size=60))
def test_any_text_is_survived(text):
    assert all(math.isfinite(n.value) and abs(n.value) <= LARGEST for n in numbers(text))


@given(values)
def test_the_same_number(value):
    text = plain(*value)
    assert same_number(text, text)
    assert same_number(text, f"{text}%")
    share = same_number(text, plain(value[0], value[1] + 2))
    assert share == (abs(float(text)) <= 100) or abs(float(text)) < 0.1  # a share and its percent


@given(st.integers(1000, 99999), st.integers(1, 3))
def test_rounding_keeps_three_digits(number, decimals):
    text = plain(number, decimals)
    rounded = plain(round(number / 10), decimals - 1)
    assert same_number(text, rounded) == (
        abs(float(text)) * 10 ** (decimals - 1) >= 99.95 or float(text) == float(rounded)
    )


def test_close_is_not_the_same():
    assert not same_number("95", "95.3")
    assert not same_number("1", "0.912")
    assert not same_number("95.4", "95.3")
    assert not same_number("", "95.3")
    for printed, entered in (
        ("2", "200.4"),
        ("1.5", "150.3"),
        ("120.4", "1.2"),
        ("5", "500.2"),
        ("1", "100.4"),
    ):
        assert not same_number(printed, entered)
        assert not same_number(entered, printed)


def test_units_of_a_header():
    assert in_header_unit(the_number("144"), ["Ours", "Params (M)"], "Params") == 144e6
    assert in_header_unit(the_number("144"), ["Params [million]"], "Number of params") == 144e6
    assert in_header_unit(the_number("144"), ["Accuracy (%)"], "Accuracy") == 144
    assert in_header_unit(the_number("144000000"), ["Params (M)"], "Params") == 144e6
    for header in ("METEOR (M)", "Top-1 (M)", "Recall (K)", "RMSE (K)"):
        assert in_header_unit(the_number("91.2"), ["# Params", header], header) == 91.2
    assert in_header_unit(the_number("5%"), ["Params (M)"], "Params") == 5
    assert in_header_unit(the_number("0.856"), ["FLOPs (M)", "AP"], "AP") == 0.856  # a merged header
    assert in_header_unit(the_number("0.572"), ["NDCG"], "NDCG (x 100)") == 57.2
    assert in_header_unit(the_number("57.2"), ["NDCG"], "NDCG (x 100)") == 57.2


@pytest.mark.parametrize(
    ("text", "printed", "found"),
    [
        ("On CIFAR-10 we reach an error of 10 percent", "10", (33, 35)),
        ("93.5 or 3.5", "3.5", (8, 11)),
        ("3.51", "3.5", None),
        ("it is 3.5.", "3.5", (6, 9)),
        ("1,234 and 234", "234", (10, 13)),
        ("none", "", None),
    ],
)
def test_a_printed_number_is_found_where_it_stands_alone(text, printed, found):
    assert find_printed(text, printed) == found


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("96.3 ▲2.9", 96.3),
        ("96.3 0.1", 96.3),  # its deviation, printed as an index
        ("96.3 [96.0, 96.6]", 96.3),
        ("96.3 (96.0-96.6)", 96.3),
        ("96.3 95.1", None),  # two results
        ("0.31 0.01", 0.31),
        ("12 1", None),
    ],
)
def test_what_stands_beside_a_result_is_none(text, value):
    found = the_number(text)
    assert (found.value if found else None) == value


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("84.1 / 90.8", [84.1, 90.8]),
        ("84.1/90.8", [84.1, 90.8]),
        ("12.5±0.1 | 13.2±0.2", [12.5, 13.2]),
        ("84.1", []),
        ("3/4 of it", []),
        ("F1/EM", []),
        ("1/2/3/4/5", []),
    ],
)
def test_several_numbers_of_a_cell(text, values):
    assert [number.value for number in several_numbers(text)] == values


def test_what_stands_beside_a_result_is_none_of_it():
    told = {
        "96.3 ▴2.9": 96.3,
        "96.3 (Δ 1.3)": 96.3,
        "96.3 +0.3/-0.2": 96.3,
        "96.3 +0.3 -0.2": 96.3,
        "96.3 ± 0.1 (+1.2)": 96.3,
        "45.2①": 45.2,
        "96²": 96,
        "1.2·10^-3": 0.0012,
        "1.2 · 10⁻³": 0.0012,
        "1.2E-03": 0.0012,
        "84·2": 84.2,
        "1\u2009234.5": 1234.5,
        "1.234,5": 1234.5,
    }
    assert {text: the_number(text).value for text in told} == told
