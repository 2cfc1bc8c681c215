"""What each reader makes of a good paper."""

import dataclasses
import gzip
import io
import json
import tarfile
import time
from datetime import date

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tdm_ray.errors import PaperError
from tdm_ray.papers.grid import is_value, spread, table_of_grid
from tdm_ray.papers.json_paper import read_json_paper
from tdm_ray.papers.plain_text import read_plain_text
from tdm_ray.papers.read import read_papers, read_split, split_tables
from tdm_ray.papers.reading_order import in_reading_order
from tdm_ray.papers.rows import _as_readings
from tdm_ray.papers.splits import find_splits, paper_id_of_path
from tdm_ray.papers.table import readings_table
from tdm_ray.papers.tei import read_tei
from tdm_ray.records import PAPERS, Cell, Paper, PaperTable, Section
from tdm_ray.text.hyphens import without_breaks, without_spaced_breaks, words_of

TABLES = PAPERS.field("tables").type
TEI = """<TEI xmlns="http://www.tei-c.org/ns/1.0"><teiHeader><fileDesc>
<titleStmt><title level="a" type="main">A  Good
Title</title></titleStmt>
<publicationStmt><date type="published" when="2019-05-24">24 May</date></publicationStmt></fileDesc>
<profileDesc><abstract><div><p>We report.</p><p>Twice.</p></div></abstract></profileDesc></teiHeader>
<text><body>
<div><head n="1">Results</head><p>On CIFAR-10 <ref>[1]</ref> we get 3.5<!-- a comment --> %.</p>
<note place="foot">a foot note</note><div><head>Inner</head><p>Of its own.</p></div></div>
<figure type="table"><head>Table 1</head><figDesc>Errors on CIFAR-10.</figDesc>
<table><row><cell>Model</cell><cell>Error</cell></row><row><cell>Ours</cell><cell>3.5</cell></row></table></figure>
</body></text></TEI>"""
PDF_TABLE = {
    "caption": "Table 2: accuracy",
    "rows": ["Ours"],
    "columns": ["SST-2"],
    "mergedAllColumns": [],
    "numberCells": [
        {
            "number": "93.5",
            "isBolded": True,
            "associatedRows": ["Ours"],
            "associatedColumns": ["SST-2"],
            "associatedMergedColumns": ["Accuracy"],
        }
    ],
}


def test_tei():
    paper = read_tei("1", TEI)
    assert (paper.title, paper.abstract) == ("A Good Title", "We report. Twice.")
    assert paper.published == date(2019, 5, 24)
    assert list(paper.sections) == [
        Section("Results", "On CIFAR-10 [1] we get 3.5 %."),
        Section("Inner", "Of its own."),
    ]
    (table,) = paper.tables
    assert "Errors on CIFAR-10." in table.caption
    assert list(table.cells) == [Cell("3.5", False, ["Ours"], ["Error"], 1, 1)]


def test_the_tables_of_a_pdf_parser_are_taken_over_the_teis_own():
    (table,) = read_tei("1", TEI, json.dumps([PDF_TABLE])).tables
    assert table == PaperTable("Table 2: accuracy", [Cell("93.5", True, ["Ours"], ["Accuracy", "SST-2"])])


def cell(number, row, column):
    return {
        "number": number,
        "isBolded": False,
        "associatedRows": [row],
        "associatedColumns": [column],
        "associatedMergedColumns": [],
    }


# Two rows alike in one number, two in their first header: the number's row is the one that shares its
# headers' words.
SCRAMBLED = [
    cell("7.5", "Net , large", "Error"),
    cell("9.9", "nowhere", "Error"),
    cell("12", "Base [ 3 ]", "Params"),
    cell("7.5", "Base [ 3 ]", "Error"),
    cell("3.1", "Net", "Error"),
    cell("40", "Net , large", "Params"),
]
IN_ORDER = ["7.5 Base", "12 Base", "3.1 Net", "7.5 Net", "40 Net", "9.9 nowhere"]
ROWS = [
    ["Model", "Error", "Params"],
    ["Base [3]", "7.5", "12"],
    ["Net", "3.1", ""],
    ["Net, large", "7.5", "40"],
]


def order(table):
    return [f"{c.value} {c.row_headers[0].split()[0]}" for c in table.cells]


def test_cells_of_a_pdf_parser_are_put_in_the_order_of_the_teis_rows():
    rows = "".join(f"<row>{''.join(f'<cell>{text}</cell>' for text in row)}</row>" for row in ROWS)
    tei = TEI.replace("</body>", f'<figure type="table"><table>{rows}</table></figure></body>')
    (table,) = read_tei(
        "1", tei, json.dumps([{"caption": "Table 1: errors", "numberCells": SCRAMBLED}])
    ).tables
    assert order(table) == IN_ORDER


def ordered(cells, *grids, caption=""):
    """The values of cells given as (value, row header), in the order of grids."""
    table = PaperTable(caption, [Cell(value, False, [row] if row else []) for value, row in cells])
    return [c.value for c in in_reading_order([table], grids)[0].cells]


def test_of_several_grids_the_one_that_holds_the_tables_numbers_counts():
    """The smaller of two that hold them all; none that holds less than half of them; before the raw text."""
    cells = [("3", ""), ("1", ""), ("2", "")]
    right = [["1", "2", "3"]]
    other = [["3", "8", "9"]]
    large = [["3", "2", "1"], ["8", "9", "7"]]
    assert ordered(cells, other, large, right) == ["1", "2", "3"]
    assert ordered(cells, other) == ["3", "1", "2"]
    assert ordered(cells, [["3", "2", "1"]], caption="1 2 3") == ["3", "2", "1"]
    assert ordered(cells, other, caption="x 1 2 3") == ["1", "2", "3"]


def test_numbers_are_found_however_a_parser_spaces_them():
    cells = [("81 . 7", "A"), ("0.5", "A"), ("81 . 2", "A")]
    assert ordered(cells, [["A", ".5", "81.2", "81.7"]]) == ["0.5", "81 . 2", "81 . 7"]


def test_a_cell_that_stands_nowhere_comes_last():
    assert ordered([("9.9", ""), ("2.5", ""), ("1.5", "")], [["1.5", "2.5"], ["7", "8"]]) == [
        "1.5",
        "2.5",
        "9.9",
    ]
    assert ordered([("9.9", "A"), ("2.5", "B"), ("1.5", "A")], [["A", "1.5"], ["B", "2.5"]]) == [
        "1.5",
        "9.9",
        "2.5",
    ]


def test_a_number_that_stands_in_all_rows_tells_none():
    """Looking at each of 10,000 rows for each of 10,000 cells took 54 s."""
    cells = [("0.5", f"{i}") for i in range(10_000)]
    assert ordered(cells, [["a", "0.5"]] * 10_000) == ["0.5"] * 10_000


def test_cells_of_a_pdf_parser_are_put_in_the_order_of_the_raw_text():
    """Where the TEI has no such table, the text that the parser leaves with the caption tells rows apart."""
    raw = " ".join(text for row in ROWS for text in row if text)
    (table,) = read_tei(
        "1", TEI, json.dumps([{"caption": f"{raw} Table 1: errors", "numberCells": SCRAMBLED}])
    ).tables
    assert order(table) == IN_ORDER


def test_cells_stay_where_nothing_tells_their_order():
    (table,) = read_tei(
        "1", TEI, json.dumps([{"caption": "Table 1: errors", "numberCells": SCRAMBLED}])
    ).tables
    assert [c.value for c in table.cells] == [c["number"] for c in SCRAMBLED]


def test_words_broken_at_a_lines_end_are_joined_as_the_paper_writes_them():
    """ "CIFAR" stands in the paper, "preand" does not."""
    caption = "Results on CI- \nFAR-10, pre- and post-norm"
    (table,) = read_tei("1", TEI, json.dumps([{"caption": caption, "numberCells": []}])).tables
    assert table.caption == "Results on CIFAR-10, pre- and post-norm"


def test_numbers_at_a_lines_end_stay_two():
    tei = TEI.replace("we get", "of 15 rows, 85.23, we get")
    (table,) = read_tei("1", tei, json.dumps([{"caption": "Rows 1- 5, 85.2- 3", "numberCells": []}])).tables
    assert table.caption == "Rows 1- 5, 85.2- 3"


def test_json_lines():
    paper = read_json_paper(
        json.dumps(
            {
                "paper_id": "2",
                "title": "T",
                "abstract": "A",
                "published": "2020-01-02",
                "categories": ["cs.CL"],
                "sections": [{"heading": "H", "text": "Text."}],
                "tables": [
                    {
                        "caption": "C",
                        "cells": [
                            {"value": "1.0", "bold": True, "row_headers": ["r"], "column_headers": ["c"]}
                        ],
                    }
                ],
            }
        ).encode()
    )
    assert (paper.paper_id, paper.title, paper.abstract, paper.published) == ("2", "T", "A", date(2020, 1, 2))
    assert list(paper.categories) == ["cs.CL"]
    assert list(paper.sections) == [Section("H", "Text.")]
    assert list(paper.tables) == [PaperTable("C", [Cell("1.0", True, ["r"], ["c"])])]


UNARXIVE = {
    "paper_id": "2105.05862",
    "abstract": {"text": "We do."},
    "metadata": {
        "title": "T",
        "categories": "cs.CL cs.LG",
        "abstract": "not this one",
        "versions": [{"version": "v1", "created": "Wed, 12 May 2021 18:00:00 GMT"}],
    },
    "body_text": [
        {"section": "Introduction", "text": "One."},
        {"section": "Introduction", "text": "Two."},
        {"section": "Results", "text": "Three."},
    ],
    "ref_entries": {
        "a": {"type": "figure", "caption": "A picture"},
        "b": {"type": "table", "caption": "Errors"},
    },
}
S2ORC = {
    "paper_id": "77490025",
    "title": "T",
    "abstract": "We do.",
    "pdf_parse": {
        "abstract": [{"text": "We do."}],
        "body_text": [
            {"section": "Introduction", "text": "One."},
            {"section": "Introduction", "text": "Two."},
            {"section": "Results", "text": "Three."},
        ],
        "ref_entries": {
            "TABREF0": {
                "type_str": "table",
                "text": "Errors",
                "html": "<html><table>"
                "<tr><td></td><td "
                "colspan=2>CIFAR</td></tr><tr><td>Model</td><td>Top-1</td><td>Top-5</td></tr>"
                "<tr><td>Ours</td><td>3.5</td><td>0.9</td></tr></table></html>",
            }
        },
    },
}


def test_parsed_corpora():
    one, two = (read_json_paper(json.dumps(d)) for d in (UNARXIVE, S2ORC))
    for paper in (one, two):
        assert (paper.title, paper.abstract) == ("T", "We do.")
        assert list(paper.sections) == [Section("Introduction", "One. Two."), Section("Results", "Three.")]
        assert [t.caption for t in paper.tables] == ["Errors"]
    assert (one.source, list(one.categories), one.published) == (
        "unarxive",
        ["cs.CL", "cs.LG"],
        date(2021, 5, 12),
    )
    assert two.source == "s2orc"
    assert list(two.tables[0].cells) == [
        Cell("3.5", False, ["Ours"], ["CIFAR", "Top-1"], 2, 1),
        Cell("0.9", False, ["Ours"], ["CIFAR", "Top-5"], 2, 2),
    ]


@pytest.mark.parametrize("change", [{"body_text": "x"}, {"ref_entries": 3}, {"metadata": {"versions": [{}]}}])
def test_a_parsed_paper_that_is_none(change):
    with pytest.raises(PaperError) as error:
        read_json_paper(json.dumps({**UNARXIVE, **change}))
    assert error.value.reason == "not_a_paper"


def test_markdown():
    text = "# Title\n\n## Abstract\n\nWe do.\n\n## 1 Results\n\nText of it.\n\nTable 1: Errors\n\n"
    paper = read_plain_text("3", text + "| Model | Error |\n|---|---|\n| Ours | **3.5** |\n", markdown=True)
    assert (paper.title, paper.abstract) == ("Title", "We do.")
    assert [s.heading for s in paper.sections] == ["Results"]
    (table,) = paper.tables
    assert list(table.cells) == [Cell("3.5", True, ["Ours"], ["Error"], 1, 1)]


def test_plain_text_with_and_without_the_word_abstract():
    bodies = ("Abstract\n\nWe do.\n\n1 Introduction\n\nText.\n", "We do.\n\n1. Introduction\n\nText.\n")
    for body in bodies:
        paper = read_plain_text("4", "Title\n\n" + body)
        assert (paper.title, paper.abstract) == ("Title", "We do.")
        assert list(paper.sections) == [Section("Introduction", "Text.")]


def test_headers_of_a_grid():
    grid = [
        ["", "GLUE", "GLUE", ""],
        ["Model", "SST-2", "MNLI", "Size"],
        ["Supervised:", "", "", ""],
        ["BERT", "94.9", "86.7", "-"],
        ["XLNet", "95.6", "89.8", "340M"],
    ]
    cells = table_of_grid("c", grid).cells
    assert Cell("89.8", False, ["Supervised:", "XLNet"], ["GLUE", "MNLI"], 4, 2) in cells
    assert Cell("340M", False, ["Supervised:", "XLNet"], ["Size"], 4, 3) in cells
    assert len(cells) == 5  # the dash is nothing
    assert [is_value(t) for t in ("3.5", "<0.1", "93.5 ± 0.2", "1,024", "SST-2", "")] == [True] * 4 + [
        False
    ] * 2


def test_the_id_in_a_file_name():
    names = (
        "a/1412.6575v4.tei.xml",
        "1412.6575v4.grobid.tei.xml.gz",
        "1412.6575v4.md",
        "s3://b/1412.6575v4.json",
    )
    assert {paper_id_of_path(n) for n in names} == {"1412.6575v4"}


def test_a_paper_goes_through_arrow_and_back_unchanged(papers, tmp_path):
    table = readings_table(r for r in read_papers(*_written(papers, tmp_path)))
    assert [Paper.from_row(r).content_hash for r in table.to_pylist()] == [p.content_hash for p in papers]
    assert table["content_hash"].to_pylist() == [p.content_hash for p in papers]


def _written(papers, folder):
    import pyarrow as pa

    pq.write_table(pa.Table.from_pylist([p.row() for p in papers], schema=PAPERS), folder / "papers.parquet")
    return [str(folder / "papers.parquet")]


def put(table, name, values):
    return table.set_column(table.schema.get_field_index(name), name, values)


@pytest.mark.parametrize(
    ("change", "columns"),
    [
        (lambda t: t, True),
        (lambda t: t.drop_columns(["conversion"]), True),
        (lambda t: put(t, "title", pa.nulls(len(t), pa.string())), True),
        (lambda t: put(t, "abstract", pa.nulls(len(t))), True),  # as written where no row has one
        (lambda t: put(t, "abstract", t["abstract"].cast(pa.large_string())), True),
        (lambda t: put(t, "content_hash", pa.nulls(len(t), pa.string())), False),
        (lambda t: put(t, "sections", pa.array([[None]] * len(t), PAPERS.field("sections").type)), False),
        (lambda t: put(t, "tables", pa.array([[{"caption": "C", "cells": [None]}]] * len(t), TABLES)), False),
        (lambda t: put(t, "published", pa.array([7.5] * len(t))), False),
    ],
)
def test_columns_are_read_as_rows_are(change, columns, papers, tmp_path):
    """Whichever way a papers table takes, its readings are the same but for the hash, also of rows that are
    none."""
    table = change(pa.Table.from_pylist([p.row() for p in papers], schema=PAPERS))
    assert (
        _as_readings("p", range(len(table)), table.combine_chunks().to_batches()[0]) is not None
    ) == columns
    pq.write_table(table, tmp_path / "papers.parquet", row_group_size=5)
    splits = list(find_splits([str(tmp_path)]))
    by_columns = pa.concat_tables(found for split in splits for found in split_tables(split, hashed=True))
    assert len(by_columns) == len(papers)
    by_rows = readings_table(found for split in splits for found in read_split(split))
    assert by_columns.drop_columns("content_hash").equals(by_rows.drop_columns("content_hash"))
    some = [dataclasses.replace(split, rows=(0, 1), papers=2) for split in splits]
    assert sum(len(found) for split in some for found in split_tables(split, hashed=True)) == 6


def test_of_a_file_that_has_grown_the_planned_rows_are_read(papers, tmp_path):
    table = pa.Table.from_pylist([p.row() for p in papers], schema=PAPERS)
    pq.write_table(table.slice(0, 6), tmp_path / "papers.parquet")
    (split,) = find_splits([str(tmp_path)])
    pq.write_table(table, tmp_path / "papers.parquet")
    assert sum(map(len, split_tables(split, hashed=True))) == 6


def test_the_hash_is_that_of_the_text():
    paper = Paper("1", "T", "A", [Section("H", "x")], source="tei")
    assert paper.content_hash == Paper("2", "T", "A", [Section("H", "x")], source="text").content_hash
    assert paper.content_hash != Paper("1", "T", "A", [Section("H", "y")], source="tei").content_hash


def test_gzip_reads_the_same(tmp_path):
    (tmp_path / "1.tei.xml").write_text(TEI)
    (tmp_path / "gz").mkdir()
    (tmp_path / "gz" / "1.tei.xml.gz").write_bytes(gzip.compress(TEI.encode()))
    (plain,), (packed,) = (list(read_papers(str(p))) for p in (tmp_path / "1.tei.xml", tmp_path / "gz"))
    assert plain.paper == packed.paper


def test_cells_that_span_rows_and_columns_are_spread():
    rows = [
        [("Model", 1, 2), ("CIFAR-10", 2, 1)],
        [("Acc", 1, 1), ("Err", 1, 1)],
        [("A", 1, 1), ("x", 2, 3)],
        [],
        [],
    ]
    assert spread(rows) == [
        ["Model", "CIFAR-10", "CIFAR-10"],
        ["Model", "Acc", "Err"],
        ["A", "x", "x"],
        ["", "x", "x"],
        ["", "x", "x"],
    ]
    with pytest.raises(PaperError, match="cells"):
        spread([[("x", 10**9, 10**9)] * 2000])


def test_json_papers_as_others_write_them():
    table = {"caption": "C", "columns": ["Model", "Acc"], "rows": [["Ours", 95.1]]}
    line = {"paper_id": "1", "abstract": "We.", "published": "2020-01-02T00:00:00Z", "tables": [table]}
    paper = read_json_paper(json.dumps(line))
    assert paper.published == date(2020, 1, 2)
    assert [(c.value, c.column_headers) for c in paper.tables[0].cells] == [("95.1", ["Acc"])]
    odd = read_json_paper(
        json.dumps({**line, "published": "2020", "tables": [{"caption": "C", "rows": None}]})
    )
    assert (odd.published, odd.tables[0].cells) == (None, [])


@pytest.mark.parametrize(
    ("name", "day"),
    {
        "2203.03605v2": "2022-03-01",
        "1412.6575": "2014-12-01",
        "hep-th9901001": "1999-01-01",
        "mine": None,
        "1499.0001": None,
    }.items(),
)
def test_an_arxiv_id_dates_a_paper_to_its_month(tmp_path, name, day):
    (tmp_path / f"{name}.txt").write_text("A title\n\nAbstract\n\nWe do it.\n")
    ((paper,),) = [[reading.paper for reading in read_papers(str(tmp_path))]]
    assert (str(paper.published), paper.published_by_id) == (str(day), day is not None)
    assert Paper.from_row(paper.row()).published_by_id == paper.published_by_id


PAPER = {"title": "A net", "abstract": "We reach 3.2 on CIFAR-10.", "authors": ["A. B."]}


@pytest.mark.parametrize(
    "text",
    [
        json.dumps([{"paper_id": "a", **PAPER}, {"paper_id": "b", **PAPER}]),
        json.dumps([{"paper_id": "a", **PAPER}, {"paper_id": "b", **PAPER}], indent=2),
        "\n".join(json.dumps({"paper_id": one, **PAPER}, indent=4) for one in "ab"),
        ",\n".join(json.dumps({"paper_id": one, **PAPER}, indent=4) for one in "ab"),
        "\ufeff" + "\n\n".join(json.dumps({"paper_id": one, **PAPER}) for one in "ab"),
        "\r\n".join(json.dumps({"arxiv_id": one, **PAPER}) for one in "ab"),
    ],
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_json_of_every_layout(tmp_path, text, encoding):
    (tmp_path / "p.json").write_bytes(text.encode(encoding))
    readings = list(read_papers(str(tmp_path)))
    assert [reading.paper and reading.paper.paper_id for reading in readings] == ["a", "b"], readings
    assert readings[0].location.endswith("#0")
    assert {reading.paper.conversion for reading in readings} == {None}


def test_an_array_that_ends_early_keeps_what_came_before(tmp_path):
    text = json.dumps([{"paper_id": "a", **PAPER}, {"paper_id": "b", **PAPER}], indent=2)
    (tmp_path / "p.json").write_text(text[: -len(text) // 4])
    first, second = read_papers(str(tmp_path))
    assert first.paper.paper_id == "a"
    assert second.reason == "malformed_json"
    assert "the 1 objects before this one were read" in second.detail


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"sections": "x"}, '"sections" is a string; give a list of objects'),
        ({"sections": ["x"]}, r'"sections"\[0\] is a string; give an object'),
        ({"sections": [{"text": ["x"]}]}, r'"sections"\[0\]: "text" is an array; give a string'),
        ({"tables": [{"rows": {"a": 1}}]}, r'"tables"\[0\]: "rows" must be a list of lists of strings'),
        ({"tables": [{"cells": [{}]}]}, r'"tables"\[0\]: cell 0 has no "value"'),
        ({"title": {"en": "x"}}, '"title" is an object; give a string'),
    ],
)
def test_errors_of_json_name_the_key_and_the_cure(change, message):
    with pytest.raises(PaperError, match=message) as error:
        read_json_paper(json.dumps({"paper_id": "p", **PAPER, **change}))
    assert not {"object has no attribute", "NoneType", "dict", "__"} & set(str(error.value).split())


def test_unknown_keys_are_told():
    paper = read_json_paper(json.dumps({"paper_id": "p", **PAPER, "fulltext": "x", "doi": "y", "none": None}))
    assert paper.conversion == "json; unknown keys: fulltext doi"


@pytest.mark.parametrize(
    ("text", "joined"),
    {
        "91.2% accu-\nracy": "91.2% accuracy",
        "CIFAR-\n10 and CIFAR-\n100": "CIFAR-10 and CIFAR-100",
        "cross-\nattention": "cross-attention",
        "state-of-the-\nart": "state-of-the-art",
        "training, pre-\ntraining": "training, pre-training",
        "we pre-\ndict": "we predict",
        "a Style-\nGAN": "a Style-GAN",
        "style and style-\nbased": "style and style-based",
        "clas- sification": "classification",
        "pre- and post-training": "pre- and post-training",
        "85.2- 3.1": "85.2- 3.1",
        "a coattention and co-\nattention": "a coattention and coattention",
    }.items(),
)
def test_words_broken_at_the_end_of_a_line_are_joined(text, joined):
    words = words_of(text)
    assert without_spaced_breaks(without_breaks(text, words), words) == joined


MARKDOWN = """---
title: "A Small Net"
date: 2020-01-02
---
**Abstract**

We reach $96.3_{0.1}$ and \\(F_1\\), for $5 a day.

# Results

<table><thead><tr><th></th><th colspan="2">CIFAR</th></tr><tr><th>Net</th><th>10</th><th>100</th></tr></thead>

<tbody><tr><td>Ours</td><td><b>96.3</b><sup>1</sup></td><td>80.1</td></tr></tbody></table>

Table 1. HTML with an empty line in it.

| Net | Acc |
|---|---|
| Ours | 95.0<sup>2</sup> |

\\begin{table}
\\begin{tabular}{lc} Net & BLEU \\\\ \\hline Ours & **28.4** $\\pm$ 0.2 \\end{tabular}
\\caption{LaTeX with a caption.}
\\end{table}

A word bro-
ken, bro- ken again; broken.
"""


def test_markdown_of_converters_of_pdf(tmp_path):
    (tmp_path / "2401.00001.md").write_text(MARKDOWN)
    ((paper,),) = [[reading.paper for reading in read_papers(str(tmp_path))]]
    assert (paper.title, str(paper.published)) == ("A Small Net", "2020-01-02")
    assert paper.abstract == "We reach 96.3 0.1 and F1, for $5 a day."
    tables = [
        (t.caption, [(*c.row_headers, *c.column_headers, c.value, c.bold) for c in t.cells])
        for t in paper.tables
    ]
    assert tables == [
        (
            "Table 1. HTML with an empty line in it.",
            [("Ours", "CIFAR", "10", "96.3¹", True), ("Ours", "CIFAR", "100", "80.1", False)],
        ),
        ("", [("Ours", "Acc", "95.0²", False)]),
        ("LaTeX with a caption.", [("Ours", "BLEU", "28.4 ± 0.2", True)]),
    ]
    assert paper.sections[-1].text.endswith("A word broken, bro- ken again; broken.")


@pytest.mark.parametrize(
    "text", ["---\n- a\n---\n# T\n\nWe do it.", "---\n: :\n---\n# T\n\nWe do it.", "---\n\n# T\n\nWe do it."]
)
def test_front_matter_that_says_nothing_is_passed_over(text):
    paper = read_plain_text("p", text, markdown=True)
    assert (paper.title, paper.published) == ("T", None)
    assert "We do it." in paper.abstract


@pytest.mark.parametrize("text", ["<table>", "\\begin{table}", "$", "\\(", "---\n", "**", "a-\nb"])
def test_markdown_takes_linear_time(text):
    began = time.process_time()
    read_plain_text("p", f"# T\n\nWe do it.\n\n{text * 20_000}", markdown=True)
    assert time.process_time() - began < 20  # quadratic patterns took minutes


def test_folders_that_are_links_are_read_once(tmp_path):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "a.txt").write_text("T\n\nAbstract\n\nWe do it.\n")
    (tmp_path / "papers").mkdir()
    (tmp_path / "papers" / "link").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "elsewhere" / "loop").symlink_to(tmp_path / "papers")
    assert [reading.paper.paper_id for reading in read_papers(str(tmp_path / "papers"))] == ["a"]


def test_an_encrypted_source_is_named(tmp_path):
    with tarfile.open(tmp_path / "2401.00001.tar.gz", "w:gz") as archive:
        info = tarfile.TarInfo("2401.00001.cry")
        info.size = 3
        archive.addfile(info, io.BytesIO(b"xyz"))
    (reading,) = read_papers(str(tmp_path))
    assert reading.reason == "no_source"
    assert "encrypted (.cry)" in reading.detail


def test_what_is_no_table_in_markdown_stays_text():
    text = "# T\n\nWe do it.\n\n\\begin{table}\nWe reach 96.3 here.\n\\end{table}\n"
    paper = read_plain_text("p", text, markdown=True)
    assert not paper.tables
    assert "We reach 96.3 here." in paper.abstract
