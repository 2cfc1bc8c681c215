"""Papers come from strangers: what one of them holds costs that paper, and neither the others nor the
process."""

import gzip
import hashlib
import io
import itertools
import json
import os
import resource
import signal
import sys
import tarfile
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace

import fsspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from fsspec.spec import AbstractBufferedFile

from tdm_ray import records
from tdm_ray.errors import InputError, PaperError
from tdm_ray.papers import json_files, read
from tdm_ray.papers import rows as rows_reader
from tdm_ray.papers.grid import table_of_grid
from tdm_ray.papers.items import location_of
from tdm_ray.papers.json_paper import read_json_paper
from tdm_ray.papers.latex.conditionals import without_branches
from tdm_ray.papers.latex.macros import expand
from tdm_ray.papers.latex.pandoc import _tolerant
from tdm_ray.papers.latex.paper import _cell, read_tex
from tdm_ray.papers.latex.project import flatten, without_inputs
from tdm_ray.papers.latex.split import split
from tdm_ray.papers.latex.tabular import _table
from tdm_ray.papers.latex.tex import argument, balanced, environments
from tdm_ray.papers.latex.unknown import known_text
from tdm_ray.papers.limits import paper_limits, time_limit
from tdm_ray.papers.pdf_tables import read_pdf_tables
from tdm_ray.papers.plain_text import read_plain_text
from tdm_ray.papers.read import converted_table, read_papers, split_tables
from tdm_ray.papers.reading_order import in_reading_order
from tdm_ray.papers.splits import find_splits
from tdm_ray.papers.table import readings_table
from tdm_ray.papers.tei import read_tei
from tdm_ray.records import PAPERS, TABLE, Cell, Paper, PaperTable, Reading
from tdm_ray.run.papers_table import file_of
from tdm_ray.storage import file_system, open_file, read_json, read_table, write_json
from tdm_ray.text.passages import MAX_PASSAGES, passages

LONG = 50_000


def many(text):
    return (text * (LONG // len(text) + 1))[:LONG]


def in_a_project(text="", **files):
    flatten(
        {"main.tex": text.encode(), **{name.replace("_", "."): data.encode() for name, data in files.items()}}
    )


def in_a_table(text):
    _table(text)
    _cell(text)


def read_tex_of_macros(count):
    names = [f"\\m{''.join(chr(97 + int(d)) for d in str(n))}x" for n in range(count)]
    chain = "".join(f"\\newcommand{{{a}}}{{{b}}}" for a, b in itertools.pairwise(names))
    read_tex("1", f"{chain}\\section{{A}} Words and {names[0]} of text.")


def in_text(text):
    list(environments(text, ["tabular", "table"]))
    split(text)


# Each took from one second to days, as a pattern or a loop that looked at the rest of the text from every
# place.
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
    "skipped": (without_branches, many("\\iffalse ")),
    "branches": (without_branches, many("\\if0 \\else ")),
    "flags": (without_branches, "\\newif\\ifa" + many("\\iffalse \\atrue ")),
    "long flags": (without_branches, "\\newif\\ifa\\" + many("true")),
    "toggles": (without_branches, "\\newtoggle{a}" + many("\\iftoggle{a}{")),
    "names of commands": (expand, many("\\csname a")),
    "names after others": (expand, many("\\expandafter ")),
    "chained macros": (read_tex_of_macros, 3000),
    "handed back": (known_text, "\\a" + many("{b}")),
    "options handed back": (known_text, "\\a" + many("[")),
    "lengths": (known_text, "\\hskip" + many(" ")),
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
    flat = flatten({"main.tex": main.encode(), "a.tex": b"A"})
    assert without_inputs(flat)[0].split() == ["\\section{x}", "A", "A", "A", "."]


def test_the_alarm_is_not_caught_by_the_body():
    def stubborn():
        while True:
            with suppress(Exception):
                time.sleep(1)

    with pytest.raises(PaperError, match=r"too_slow: not done after 0\.05 s"), time_limit(0.05):
        stubborn()


def test_of_two_limits_the_one_that_ends_first_counts():
    with pytest.raises(PaperError, match=r"after 0\.05 s"), time_limit(0.05), time_limit(60):
        time.sleep(1)
    with time_limit(0.3):
        with pytest.raises(PaperError, match=r"after 0\.05 s"), time_limit(0.05):
            time.sleep(1)
        with pytest.raises(PaperError, match=r"after 0\.3 s"), time_limit(0.3):
            time.sleep(0.1)
            raise PaperError("too_slow", "not done after 0.3 s")
    with pytest.raises(PaperError, match=r"after 0\.2 s"), time_limit(0.2):
        with time_limit(0.1):
            pass
        time.sleep(1)
    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)


def test_a_limit_in_another_thread_is_none():
    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(
            lambda: paper_limits(0.01).__enter__() is None and time.sleep(0.05) is None
        ).result()


@pytest.mark.skipif(sys.platform != "linux", reason="RLIMIT_DATA")
@pytest.mark.parametrize("take", [lambda: bytearray(400_000_000), lambda: pa.allocate_buffer(3_000_000_000)])
def test_a_paper_may_take_so_much_memory_and_no_more(take):
    before = resource.getrlimit(resource.RLIMIT_DATA)
    with (
        pytest.raises(PaperError, match="too_large: needs more than 100 MB of memory"),
        paper_limits(60, 100),
    ):
        take()
    assert resource.getrlimit(resource.RLIMIT_DATA) == before
    with paper_limits(60, 1000):
        bytearray(400_000_000)


GOOD = {"paper_id": "1", "title": "A title", "abstract": "We report accuracy."}


def written(folder, name, *papers):
    (folder / name).write_text("".join(json.dumps(paper) + "\n" for paper in papers))
    return str(folder / name)


def tables_of(path, **hooks):
    return pa.concat_tables(
        t for split in find_splits([path]) for t in split_tables(split, **hooks)
    ).to_pylist()


@pytest.mark.parametrize(
    "strange",
    [
        {"paper_id": "\ud800x"},
        {"categories": ["cs.\udc01"]},
        {"title": "\udfffT"},
        {"published": "\ud800"},
        {"abstract": "", "tables": [{"caption": "\ud800", "rows": [["\ud801", "1"]]}]},
        {"paper_id": "\x1b[2J"},
    ],
    ids=str,
)
def test_what_is_no_text_harms_no_other_paper(strange, tmp_path):
    rows = tables_of(written(tmp_path, "a.jsonl", GOOD, {**GOOD, **strange}, GOOD))
    assert len(rows) == 3
    assert not [text for text in (*map(str, rows[1].values()),) if "\x1b" in text]
    assert rows[0]["reason"] is None
    assert rows[2]["reason"] is None


def test_a_strange_id_is_written_out(tmp_path):
    (row,) = tables_of(written(tmp_path, "a.jsonl", {**GOOD, "paper_id": "\ud800x\x1b"}))
    assert row["paper_id"] == "\\ud800x\\x1b"


def test_a_strange_file_name_is_written_out(tmp_path):
    path = os.fsencode(str(tmp_path)) + b"/caf\xe9.md"
    with open(path, "wb") as file:
        file.write(b"# Title\n\n## Results\n\nText.\n")
    (row,) = tables_of(str(tmp_path))
    assert (row["reason"], row["location"]) == (None, f"{tmp_path}/caf\\udce9.md")
    assert row["paper_id"] == "caf\\udce9"


def test_a_row_that_arrow_refuses_is_its_own_reject():
    good = Reading("f#0", Paper("1", "T", "A"))
    bad = Reading("f#1", Paper("2", "T", "\ud800", source="tei"))
    worse = Reading("f#\ud800", Paper("3", 4, "A", published="soon"))
    rows = readings_table([good, bad, worse, good]).to_pylist()
    assert [row["reason"] for row in rows] == [None, "failed", "failed", None]
    assert (rows[1]["paper_id"], rows[1]["source"], rows[1]["location"]) == ("2", "tei", "f#1")
    assert rows[2]["location"] == "f#\\ud800"


def test_a_hook_is_told_what_is_read_and_says_what_is_not(tmp_path):
    path = written(tmp_path, "a.jsonl", GOOD, GOOD, GOOD)
    begun = []
    rows = tables_of(path, skip=lambda location: location.endswith("#1"), begin=begun.append)
    assert [row["reason"] for row in rows] == [None, "crashed", None]
    assert begun == [f"{path}#0", f"{path}#2"]


def test_the_same_hooks_watch_a_conversion():
    papers = [Reading(f"f#{i}", paper_id=f"{i}", source="latex", tex="\\section{A} Text.") for i in range(2)]
    begun = []
    rows = converted_table(
        readings_table(papers), skip=lambda location: location == "f#0", begin=begun.append
    )
    assert rows["reason"].to_pylist() == ["crashed", None]
    assert begun == ["f#1"]
    assert rows["paper_id"].to_pylist() == ["0", "1"]


def test_a_paper_too_slow_to_read_costs_itself(tmp_path, monkeypatch):
    def slow(line):
        time.sleep(5 if b'"2"' in line else 0)
        return Paper("1", "T", "A")

    monkeypatch.setattr(json_files, "read_json_paper", slow)
    monkeypatch.setattr(read, "paper_limits", lambda *_: paper_limits(0.2))
    rows = tables_of(written(tmp_path, "a.jsonl", GOOD, {**GOOD, "paper_id": "2"}, GOOD))
    assert [(row["reason"], row["paper_id"]) for row in rows] == [(None, "1"), ("too_slow", "2"), (None, "1")]


class Stored(AbstractBufferedFile):
    """A file of a store, whose `readline` takes no size."""

    def __init__(self, fs, path, data):
        self.data = data
        super().__init__(fs, path, size=len(data), block_size=1000)

    def _fetch_range(self, start, end):
        return self.data[start:end]


@pytest.mark.parametrize("name", ["a.jsonl", "a.jsonl.gz"])
def test_json_lines_are_read_from_a_store(name, monkeypatch):
    lines = "".join(
        json.dumps({**GOOD, "paper_id": f"{i}", "abstract": "long " * i}) + "\n" for i in range(1, 90)
    )
    data = gzip.compress(lines.encode()) if name.endswith(".gz") else lines.encode()
    fs = fsspec.filesystem("memory")
    fs.pipe_file(f"/hostile/{name}", data)
    with pytest.raises(TypeError):
        Stored(fs, name, data).readline(5)
    monkeypatch.setattr(type(fs), "_open", lambda self, path, *args, **options: Stored(self, path, data))
    found = list(read_papers(f"memory://hostile/{name}"))
    assert [r.paper.paper_id for r in found] == [f"{i}" for i in range(1, 90)]


def pax(**headers):
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for number in (1, 2):
            info = tarfile.TarInfo(f"2401/2401.0000{number}.gz")
            info.size = 4
            info.pax_headers = headers if number == 2 else {}
            archive.addfile(info, io.BytesIO(b"\\a{}"))
    return buffer.getvalue()


def long_names(count=1500):
    info = tarfile.TarInfo("././@LongLink")
    info.type = tarfile.GNUTYPE_LONGNAME
    info.size = 4
    return (info.tobuf(tarfile.GNU_FORMAT) + b"abc\0".ljust(512, b"\0")) * count + bytes(1024)


@pytest.mark.parametrize(
    "data",
    [
        pax(size="9" * 40),
        pax(**{"GNU.sparse.size": "x", "GNU.sparse.map": "1,2"}),
        pax(**{"GNU.sparse.map": "a,b", "GNU.sparse.size": "5"}),
        long_names(),
    ],
    ids=["endless", "sparse size", "sparse map", "long names"],
)
def test_headers_of_a_tar_that_lie(data, tmp_path):
    (tmp_path / "a.tar").write_bytes(data)
    with time_limit(20):
        found = list(read_papers(str(tmp_path)))
    assert {r.reason for r in found} & {"truncated", "failed"}
    assert found[-1].location.startswith(f"{tmp_path}/a.tar#")


def test_a_pipe_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "a.md")
    (tmp_path / "b.md").write_text("# Title\n\nText.\n")
    with time_limit(5):
        found = list(read_papers(str(tmp_path)))
    assert [r.reason for r in found] == ["unreadable", None]
    with pytest.raises(InputError, match="neither a file nor a folder"):
        open_file(str(tmp_path / "a.md"))


def test_colons_in_a_name_are_a_name(tmp_path):
    (tmp_path / "file::a.md").write_text("# Title\n\nText.\n")
    assert [r.reason for r in read_papers(str(tmp_path))] == [None]
    assert file_system("s3://bucket/a::b.jsonl")[1] == "bucket/a::b.jsonl"


def test_json_is_written_whole_or_not_at_all(tmp_path, monkeypatch):
    path = str(tmp_path / "new" / "run.json")
    write_json(path, {"run": 1})

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        write_json(path, {"run": 2})
    assert read_json(path) == {"run": 1}


def test_json_is_written_to_a_store():
    write_json("memory://hostile/run.json", {"run": 1})
    assert read_json("memory://hostile/run.json") == {"run": 1}


def test_a_row_of_a_parquet_file_may_be_so_long(tmp_path, monkeypatch):
    monkeypatch.setattr(rows_reader, "MAX_PAPER_BYTES", 1000)
    tei = '<TEI xmlns="http://www.tei-c.org/ns/1.0"><text><body><div><p>Text.</p></div></body></text></TEI>'
    rows = {
        "paper_id": ["1", "2", "3"],
        "tei": [tei, tei + " " * 1000, tei],
        "tables": [None, None, "[" * 1001],
    }
    pq.write_table(pa.table(rows), tmp_path / "a.parquet")
    assert [r.reason for r in read_papers(str(tmp_path))] == [None, "too_large", "too_large"]


def test_a_location_tells_its_path():
    for path, item in (("a/b.jsonl", 3), ("a#b/c.tar", "2401/x#1.gz"), ("a.tar", "%23#"), ("a.tar", "")):
        assert file_of(location_of(path, item), {path}) == path
    assert location_of("a", "b#c") == "a#b%23c"
    assert location_of("a", "b#c") != location_of("a", "b%23c")
    assert file_of(location_of("a#b.md"), {"a", "a#b.md"}) == "a#b.md"
    assert file_of(location_of("a.md"), {"a.md"}) == "a.md"
    assert file_of(location_of("a.md", 3), {"b.md"}) is None


def test_a_hash_is_made_once(monkeypatch):
    made = []
    blake2b = hashlib.blake2b
    monkeypatch.setattr(records.hashlib, "blake2b", lambda *a, **o: made.append(1) or blake2b(*a, **o))
    paper = Paper("1", "T", "A")
    assert readings_table([Reading("f", paper)])["content_hash"][0].as_py() == paper.content_hash
    assert len(made) == 1
    source = Reading("f", paper_id="1", source="latex", tex="\\section{A} Text.")
    converted_table(readings_table([source]))
    assert len(made) == 2


HEAD = "head " * 10_000
REPEATED = [[HEAD] * 200] + [["0.5"] * 200] * 180
TEI = (
    "<TEI "
    'xmlns="http://www.tei-c.org/ns/1.0"><teiHeader><profileDesc><abstract>{abstract}</abstract></profileDesc>'
    "</teiHeader><text><body>{body}</body></text></TEI>"
)


def latex(rows):
    body = " \\\\ ".join(" & ".join(row) for row in rows)
    return (
        f"\\section{{A}} Text. \\begin{{tabular}}{{c}} \\multicolumn{{199}}{{c}}{{{HEAD}}} "
        f"\\\\ {body} \\end{{tabular}}"
    )


@pytest.mark.parametrize(
    "read",
    [
        lambda: read_json_paper(json.dumps({**GOOD, "tables": [{"rows": REPEATED}]})),
        lambda: read_tex("1", latex([["0.5"] * 199] * 180)),
    ],
    ids=["json", "latex"],
)
def test_a_long_header_is_not_kept_whole_in_each_cell(read):
    with paper_limits(30, 1000):
        (table,) = read().tables
        made = readings_table([Reading("f", Paper("1", "T", "A", tables=[table]))])
    assert made["reason"].to_pylist() == [None]
    assert len(table.cells) > 30_000
    assert table.cells[0].column_headers == [HEAD[:200]]


def test_an_ordinary_header_is_kept_whole():
    assert table_of_grid("", [["", HEAD], ["Ours", "0.5"]]).cells[0].column_headers == [HEAD]


def html_table(cells):
    return {"type": "table", "caption": "C", "html": f"<table><tr>{cells}</tr></table>"}


@pytest.mark.parametrize(
    "paper",
    [
        {**GOOD, "tables": [{"rows": [["a", *["1"] * 500]] * 500}]},
        {**GOOD, "tables": [{"cells": [{"value": "1"}] * 70_000}] * 3},
        {**GOOD, "tables": [{"rows": [[f"h{i}" for i in range(1000)]] * 1000 + [["a", *["1"] * 999]] * 4}]},
        {
            **GOOD,
            "body_text": [{"text": "x"}],
            "ref_entries": {"a": html_table("<td colspan=100>1</td>" * 2001)},
        },
    ],
    ids=["a table", "tables", "headers", "html"],
)
def test_a_paper_has_so_many_cells_and_no_more(paper):
    with pytest.raises(PaperError, match="too_large: tables of more than 200,000 cells"):
        read_json_paper(json.dumps(paper))


def test_a_paper_of_spanned_cells_is_too_large():
    rows = " \\\\ ".join(["\\multicolumn{200}{c}{1}"] * 1500)
    with pytest.raises(PaperError, match="too_large"):
        read_tex("1", f"\\begin{{tabular}}{{c}} {rows} \\end{{tabular}} " * 2)


def test_paragraphs_in_paragraphs_are_read_once():
    paper = read_tei("1", TEI.format(abstract="<p>a " * 100 + "</p>" * 100 + "<p>b</p>", body=""))
    assert paper.abstract.split() == ["a"] * 100 + ["b"]


def test_tables_in_tables_are_read_once():
    inner = "<figure type='table'><head>H</head><row><cell>m</cell><cell>1</cell></row>"
    paper = read_tei("1", TEI.format(abstract="<p>a</p>", body=inner * 100 + "</figure>" * 100))
    assert [len(table.cells) for table in paper.tables] == [1] * 100


def test_the_text_of_a_pdf_table_parser_is_no_caption():
    def table(caption):
        return read_pdf_tables(json.dumps([{"caption": caption, "numberCells": []}]))[0]

    assert table("1 2 Table 2. On X, as Table 1 shows") == PaperTable(
        "Table 2. On X, as Table 1 shows", [], "1 2"
    )
    assert table("No number") == PaperTable("No number", [], "")


def test_the_hash_takes_in_the_text_of_a_table():
    def hash_of(*table):
        return Paper("1", "T", "A", tables=[PaperTable(*table)]).content_hash

    assert hash_of("Table 1: x", (), "1 2") == hash_of("1 2 Table 1: x")  # as before the two were told apart
    assert hash_of("Table 1: x", (), "1 2") != hash_of("Table 1: x")


def test_a_table_of_papers_without_the_text_of_tables_is_read(tmp_path):
    """As they were written before there was such a field, by columns and by rows."""
    paper = Paper(
        "1", "T", "A", tables=[PaperTable("C", [Cell("1", False, ["r"], ["c"])], "raw")], source="tei"
    )
    old = pa.list_(pa.struct([field for field in TABLE if field.name != "text"]))
    table = pa.Table.from_pylist([paper.row()] * 3, schema=PAPERS)
    place = PAPERS.get_field_index("tables")
    for name, form in (("new", table), ("old", table.set_column(place, "tables", table["tables"].cast(old)))):
        pq.write_table(form, tmp_path / f"{name}.parquet")
        (split,) = find_splits([str(tmp_path / f"{name}.parquet")])
        assert all(isinstance(found, pa.Table) for found in rows_reader.papers_tables(split, split.paths[0]))
        by_columns = pa.concat_tables(split_tables(split, hashed=True)).to_pylist()
        by_rows = pa.concat_tables(split_tables(split)).to_pylist()
        expected = [replace(paper.tables[0], text="raw" if name == "new" else "")]
        assert [Paper.from_row(row).tables for row in (*by_columns, *by_rows)] == [expected] * 6
        assert len(read_table(str(tmp_path / f"{name}.parquet"), PAPERS)) == 3
