"""Papers come from strangers: what one of them holds costs that paper, and neither the others nor the process."""

import pytest

from tdm_ray.papers.latex.macros import expand
from tdm_ray.papers.latex.pandoc import _tolerant
from tdm_ray.papers.latex.paper import _cell, _without_skipped
from tdm_ray.papers.latex.project import flatten
from tdm_ray.papers.latex.split import split
from tdm_ray.papers.latex.tabular import _table
from tdm_ray.papers.latex.tex import argument, balanced, environments
from tdm_ray.papers.limits import time_limit
from tdm_ray.papers.plain_text import read_plain_text
from tdm_ray.papers.reading_order import in_reading_order
from tdm_ray.premise.passages import MAX_PASSAGES, passages
from tdm_ray.records import Cell, Paper, PaperTable

LONG = 50_000


def many(text):
    return (text * (LONG // len(text) + 1))[:LONG]


def in_a_project(text="", **files):
    flatten({"main.tex": text.encode(), **{name.replace("_", "."): data.encode() for name, data in files.items()}})


def in_a_table(text):
    _table(text)
    _cell(text)


def in_text(text):
    list(environments(text, ["tabular", "table"]))
    split(text)


# Each took from one second to days, as a pattern or a loop that looked at the rest of the text from every place.
SUPERLINEAR = {
    "input": (in_a_project, "\\input{" + many(" ")),
    "inputs": (in_a_project, many("\\input{")),
    "package, blanks": (in_a_project, "\\usepackage" + many(" ")),
    "package, options": (in_a_project, many("\\usepackage[")),
    "definitions": (lambda text: in_a_project("\\usepackage{a}\\section{x}", a_sty=text), many("\n")),
    "main file": (lambda text: flatten({"a.tex": b"\\section{x}", "00README": text.encode()}), many("_")),
    "front": (in_text, "\\" + many("title")),
    "dropped": (_tolerant, "\\" + many("ref")),
    "cited": (_tolerant, many("\\cite[")),
    "open definitions": (expand, many("\\newcommand{")),
    "open bodies": (expand, many("\\newcommand\\a{")),
    "row ends": (in_a_table, many("\\\\[")),
    "begins in a table": (in_a_table, many("\\begin{")),
    "rules": (in_a_table, many("\\cmidrule(")),
    "options in a cell": (in_a_table, many("\\footnote[")),
    "skipped": (_without_skipped, many("\\iffalse ")),
    "open tables": (in_text, many("\\begin{tabular}")),
    "open sections": (in_text, many("\\section{")),
    "deep groups": (balanced, "{" * LONG + "}" * LONG),
    "crossed environments": (balanced, many("\\begin{a}") + many("\\end{b}")),
    "crossed groups": (balanced, many("\\begin{a}") + many("}")),
}


@pytest.mark.parametrize("name", SUPERLINEAR)
def test_hostile_tex_takes_seconds(name):
    read, text = SUPERLINEAR[name]
    with time_limit(5):
        read(text)


def test_a_text_of_headings_takes_seconds():
    with time_limit(5):
        paper = read_plain_text("1", "Title\n\n" + many("1. Item\n") * 20 + "\n\nText.")
    assert paper.sections[-1].text == "Text."


def test_a_sentence_of_a_million_words_takes_seconds():
    with time_limit(5):
        found = passages(Paper("1", "Title", "word " * 1_000_000))
    assert len(found) == MAX_PASSAGES


def test_of_too_many_grids_none_is_looked_at():
    tables = [PaperTable("", [Cell("2"), Cell("1")])] * 4000
    with time_limit(5):
        found = in_reading_order(tables, [[["1", "2"]]] * 4000)
    assert found == tables


def test_a_long_group_ends_where_it_is_closed():
    """By the map of the text, which is not asked about a short one."""
    inner = "x" * 600 + "{y}" + "\\}" + "z" * 600
    assert argument(f"a {{b}}{{{inner}}} c", 5) == (inner, 5 + len(inner) + 2)
    assert argument(f"{{{inner}", 0) is None
    assert argument(f"\\{{{inner}}} c", 1) == (inner, 1 + len(inner) + 2)


def test_environments_are_paired_by_name():
    text = "\\begin{b}\\begin{a}\\begin{b}\\begin{a}1\\end{a}\\end{a}\\end{b}2\\end{b}\\begin{a}3\\end{a}"
    assert [e.body(text) for e in environments(text, ["a"])] == ["\\begin{b}\\begin{a}1\\end{a}", "3"]
    assert [e.body(text)[-1] for e in environments(text, ["a", "b"])] == ["2", "3"]
    left_open = "\\begin{a}\\begin{b}1\\end{b}"
    assert [e.body(left_open) for e in environments(left_open, ["a", "b"])] == ["1"]


def test_what_has_no_partner_is_taken_out():
    assert balanced("{a \\begin{t} b} c \\end{t} } {").split() == ["{a", "b}", "c"]
    assert balanced("\\begin{t}{\\end{t}} $x$ $").split() == ["\\begin{t}", "\\end{t}", "$x$"]


def test_a_definition_at_the_end_of_a_source():
    assert expand("text \\newcommand{\\a")[0] == "text \\newcommand{\\a"


def test_an_input_is_followed_with_blanks_and_quotes_around_its_name():
    main = '\\section{x}\\input{ "a" } \\input{  a  }\\input{"a.tex"}\\input{ }.'
    assert flatten({"main.tex": main.encode(), "a.tex": b"A"}).split() == ["\\section{x}", "A", "A", "A", "."]
