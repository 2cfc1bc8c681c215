"""Find and compare numbers as papers print them: 91.2%, 1,234.5, 12,5, 12.3M, 3.1 x 10^-4, 31.2 ± 0.4.

A number's value is in plain units: suffixes for thousands and more are multiplied out, a percent stays as
printed (91.2% is 91.2), since leaderboards of one metric mix 91.2 and 91.2% and mean the same."""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

# Beyond this nothing is a result: a mistake of the printer or of a parser.
LARGEST = 1e15
_FACTORS = {"k": 1e3, "m": 1e6, "b": 1e9, "g": 1e9, "t": 1e12}
_DASHES = str.maketrans({"−": "-", "–": "-", "—": "-", "‐": "-", "‑": "-", "×": "x", "∗": "*"})
# The middle dot multiplies before a power of ten, and is a point elsewhere.
_DOT_TIMES = re.compile(r"\s?[·⋅]\s?(?=10\s?\^?\s?\{?[-+⁺⁻⁰¹²³⁴⁵⁶⁷⁸⁹\d])")
_DOT_POINT = str.maketrans({"·": ".", "⋅": "."})
# Thousands by a thin or small blank: "1 234.5" as siunitx prints it.
_THIN = re.compile(r"(?<![\d.,])(\d{1,3})((?:[\u2009\u202f\u2006\u200a]\d{3})+)(?![\d])")
# "1.234,5", with points for the thousands and a comma for the decimals.
_CONTINENTAL = re.compile(r"(?<![\d.,])(\d{1,3}(?:\.\d{3})+),(\d{1,2})(?![\d.,])")
SPACED_POINT = re.compile(r"(?<=\d) ?\. ?(?=\d)|(?<![\w.)]) ?\. (?=\d)")  # "81 . 2", as PDF parsers print
_POWER = re.compile(r"\s?[x*]\s?10\s?\^?\s?\{?\(?\s?(?P<sign>[-+]?)\s?(?P<power>\d{1,2})\}?\)?(?!\d*\.)")
# What follows a result and is none: its deviation, or what it gains over another ("45.2 (+1.3)").
_ASIDE = re.compile(
    r"(?:±|\+\s?/?\s?-|\\pm)\s?\.?\d[\d.,]*\s?%?(?:\s?\(\s?[+↑↓Δ∆-]*\s?\d*\.?\d+\s?%?\s?\))?"
    # errors to both sides: "96.3 +0.3/-0.2", "96.3^+0.3_-0.2"
    r"|(?<=[\d%*])\s?\^?\{?\+\s?\d*\.?\d+\}?\s?[/_,]?\s?\{?-\s?\d*\.?\d+\}?"
    r"|(?<=[\d%*])\s?\(\s?[±+↑↓Δ∆-]*\s?\d*\.?\d+\s?%?\s?[↑↓]?\s?\)"
    r"|(?<=[\d%*])\s?[↑↓+▲△▼▽▴▵▾▿⇑⇓]\s?\d*\.?\d+\s?%?"
    # an interval: "96.3 [96.0, 96.6]", "96.3 (96.0-96.6)"
    r"|(?<=[\d%*])\s?[(\[]\s?\d*\.\d+\s?%?\s?[,;-]\s?\d*\.\d+\s?%?\s?[)\]]"
)
_NUMBER = re.compile(
    r"(?<![\w.])(?<![A-Za-z]-)(?P<digits>[-+]?\s?(?:[1-9]\d{0,2}(?:,\d{3})+(?:\.\d+)?|(?:0,\d+|\d+,\d{1,2})(?![\d,.])|\d+\.\d+|\d+\.?|\.\d+)"
    r"(?:[eE][-+]?\d{1,3})?)(?P<unit>\s?%|\s?[kKMBGT](?![A-Za-z]))?(?!\.?\d)",
)
_HEADER_UNIT = re.compile(r"[(\[]\s?(?:in )?(?:x\s?)?(?P<unit>[kKMBG]|thousand|million|billion)s?\s?[)\]]")
_COUNTED = re.compile(
    r"param|weights|flop|\bmacs?\b|mult-?add|\bops\b|size|tokens?\b|words?\b|steps?\b|frames?\b|samples?\b|#",
    re.IGNORECASE,
)
# A footnote's mark after a number is none of its digits; after a 10 it is a power.
_FOOTNOTE = re.compile(r"(?<=\d)(?<!\b10)[⁰¹²³⁴⁵⁶⁷⁸⁹]+|(?<=\d)\s?[\u2460-\u24ff\u2776-\u2793]+")
_SUPERSCRIPTS = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")
_RAISED = re.compile(r"(?<=\b10)([⁺⁻]?[⁰¹²³⁴⁵⁶⁷⁸⁹]+)")
_CITATION = re.compile(r"\[\s?\d+(?:\s?[,-]\s?\d+)*\s?\]")
_HUNDREDFOLD = re.compile(r"\bx ?100\b", re.IGNORECASE)
_DEVIATION = 0.05  # of its number, at most
_BESIDE = re.compile(r"\s*[/|]\s*|\s+[-–]\s+(?=\d)")
_MOST_BESIDE = 4
_LONGEST_PART = 16
_UNITS = {"ms", "sec", "fps", "db", "gb", "mb", "hrs", "min", "pt", "pts", "bpd"}


@dataclass(frozen=True)
class Number:
    """A printed number: its value, how it was printed, and the places after its point."""

    value: float
    text: str
    decimals: int
    percent: bool = False


def raised(digits: str) -> str:
    """Digits as a mark or power: "12" -> "¹²"."""
    return digits.translate(_SUPERSCRIPTS)


def numbers(text: str) -> list[Number]:
    """All numbers of `text`, in order, without uncertainties; those that cannot be results (too large) left
    out."""
    plain = _plain(text)
    parsed = (_number(match) for match in _NUMBER.finditer(plain) if not _is_name(plain, match))
    return [number for number in parsed if number is not None]


def the_number(text: str) -> Number | None:
    """The one number that a cell states; None where it states none, or several ("87.9/92.8").

    A small second number of as many decimals is its deviation, printed as an index: "96.3 0.1"."""
    stated = numbers(text)
    if len(stated) == 2 and text.split() == [n.text for n in stated]:
        first, second = stated
        if second.decimals == first.decimals > 0 and abs(second.value) <= _DEVIATION * abs(first.value):
            return first
    return stated[0] if len(stated) == 1 else None


def in_header_unit(number: Number, headers: Sequence[str], metric: str) -> float:
    """The value of a metric that counts, multiplied where a header of counts says so: 144 below "Params (M)"
    is 144 million.

    Elsewhere a letter is a name: "METEOR (M)", "Top-1 (M)", kelvins. A merged header may count beside what it
    does not: of "FLOPs (M) | AP" 0.856 is an AP. A share is the hundredfold where the metric's name says so:
    0.572 is 57.2 of "NDCG (x 100)".
    """
    if _HUNDREDFOLD.search(metric) and abs(number.value) <= 1:
        return round(number.value * 100, 10)
    if not _COUNTED.search(metric):
        return number.value
    unit = next((m for h in headers if _COUNTED.search(h) and (m := _HEADER_UNIT.search(h))), None)
    if unit is None or number.percent or abs(number.value) >= 1e4:
        return number.value
    return number.value * _FACTORS[{"thousand": "k"}.get(unit["unit"], unit["unit"].lower()[0])]


def several_numbers(text: str) -> list[Number]:
    """The numbers of a cell that states some beside each other ("84.1 / 90.8"); none where it states one, or
    anything besides."""
    parts = _BESIDE.split(text.strip())
    stated = [the_number(part) for part in parts] if 2 <= len(parts) <= _MOST_BESIDE else []
    bare = all(len(part.strip()) <= _LONGEST_PART and not re.search(r"[^\W\d_]{2}", part) for part in parts)
    return [n for n in stated if n] if bare and all(stated) else []


def same_number(printed: str, entered: str) -> bool:
    """Whether a printed number is the one that somebody entered: equal but for rounding, or as share and
    percent.

    Rounded may be only what keeps three digits: 95 is not 95.3, but 95.34 is. 0.912 is 91.2; 2 is not 200.4.
    """
    a = numbers(printed)
    b = numbers(entered)
    return bool(a and b) and any(_agree(*pair) for pair in _scaled(a[0], b[0]))


def _scaled(a: Number, b: Number) -> list[tuple[float, int, float, int]]:
    pairs = [(a.value, a.decimals, b.value, b.decimals)]
    if abs(a.value) <= 1 and abs(b.value) <= 100:
        pairs.append((a.value * 100, max(a.decimals - 2, 0), b.value, b.decimals))
    if abs(b.value) <= 1 and abs(a.value) <= 100:
        pairs.append((a.value, a.decimals, b.value * 100, max(b.decimals - 2, 0)))
    return pairs


def _agree(x: float, x_decimals: int, y: float, y_decimals: int) -> bool:
    places = min(x_decimals, y_decimals)
    close = abs(x - y) <= 0.5 * 10.0**-places + 1e-9 * abs(y)
    return math.isclose(x, y, rel_tol=1e-9) or (
        close and (x_decimals == y_decimals or abs(y) * 10**places >= 100)
    )


def _plain(text: str) -> str:
    marked = _FOOTNOTE.sub(" ", _RAISED.sub(r"^\1", text.translate(_DASHES)))
    marked = _DOT_TIMES.sub("x", _THIN.sub(lambda m: re.sub(r"\s", "", m[0]), marked)).translate(_DOT_POINT)
    marked = _CONTINENTAL.sub(lambda m: f"{m[1].replace('.', '')}.{m[2]}", marked)
    folded = unicodedata.normalize("NFKC", marked).translate(_DASHES)
    folded = SPACED_POINT.sub(".", folded)
    folded = _POWER.sub(lambda m: f"e{m['sign']}{m['power']}", folded)
    return _ASIDE.sub(" ", _CITATION.sub(" ", folded))


def _is_name(text: str, match: re.Match[str]) -> bool:
    """Whether what follows makes it a name or an ordinal and no number: 3D, 2nd, 101-layer; 45.2a is a
    footnote."""
    after = text[match.end() : match.end() + 4]
    letters = re.match(r"[^\W\d_]+", after)
    word = letters[0] if letters else ""
    return (
        (len(word) > 1 and word.lower() not in _UNITS) or word == "D" or bool(re.match(r"-[A-Za-z]|_", after))
    )


def _number(match: re.Match[str]) -> Number | None:
    digits = "".join(match["digits"].split())
    unit = (match["unit"] or "").strip()
    if re.fullmatch(r"[-+]?(?:0,\d+|\d+,\d{1,2})", digits):
        digits = digits.replace(",", ".")  # the decimal comma
    digits = digits.replace(",", "")
    value = float(digits) * _FACTORS.get(unit.lower(), 1)
    if not math.isfinite(value) or abs(value) > LARGEST:
        return None
    mantissa = digits.lower().partition("e")[0]
    return Number(value, match[0].strip(), len(mantissa.partition(".")[2]), unit == "%")


def find_printed(text: str, printed: str) -> tuple[int, int] | None:
    """Where a number stands in a text as it was printed, and not as a part of a name or of another number."""
    match = re.search(rf"(?<![\w.,-]){re.escape(printed)}(?!\w|[.,]\d)", text) if printed else None
    return match.span() if match else None
