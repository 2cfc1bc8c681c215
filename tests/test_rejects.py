"""Every bad input of the readers ends as a message that names file and cure, or as a reject with its
reason."""

import gzip
import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tdm_ray.errors import InputError, TaxonomyError
from tdm_ray.papers.read import read_papers
from tdm_ray.papers.splits import find_splits
from tdm_ray.taxonomy.sources import read_taxonomy

GOOD = {"paper_id": "1", "title": "A title", "abstract": "We report accuracy."}
TEI = (
    "<TEI "
    'xmlns="http://www.tei-c.org/ns/1.0"><teiHeader><fileDesc><titleStmt><title>{title}</title></titleStmt></fileDesc></teiHeader><text><body>{body}</body></text></TEI>'
)
DIV = "<div><head>Results</head><p>Accuracy is 91.</p></div>"
BOMB = (
    '<!DOCTYPE TEI [<!ENTITY a "aaaaaaaaaa"><!ENTITY b '
    '"&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;"><!ENTITY c "&b;&b;&b;&b;&b;">]>'
)
HUGE = "word " * 10_000_000  # 50 MB on one line


def reasons(path):
    return [(r.reason, r.detail) for r in read_papers(str(path))]


@pytest.mark.parametrize(
    ("name", "content", "reason", "detail"),
    [
        ("a.tei.xml", "<TEI><a></TEI>", "malformed_xml", "line 1"),
        ("a.tei.xml", "<html><body>x</body></html>", "not_a_paper", "<html>, not <TEI>"),
        ("a.tei.xml", TEI.format(title="T", body=""), "no_text", "neither an abstract nor a body"),
        ("a.tei.xml", TEI.format(title="", body=""), "no_text", "neither an abstract nor a body"),
        ("a.tei.xml", "", "empty", "empty"),
        ("a.md", "", "empty", "no text"),
        ("a.txt", "Only a title", "no_text", "only a title"),
        ("a.jsonl", "", "empty", "no line"),
        ("a.jsonl", "[1, 2]", "not_a_paper", "no paper_id; a paper is an object with"),
        ("a.jsonl", '{"title": "x"}', "not_a_paper", "no paper_id"),
        (
            "a.jsonl",
            '{"paper_id": "1", "abstract": "x", "sections": [3]}',
            "not_a_paper",
            "a paper is an object",
        ),
        ("a.jsonl", '{"paper_id": "1", "title": "x"}', "no_text", "neither an abstract"),
        ("a.jsonl", "{broken", "malformed_json", "line 1"),
        ("a.txt", HUGE, "too_large", "20,000,000 bytes; split it"),
    ],
    ids=lambda value: value[:24],
)
def test_one_bad_file(tmp_path, name, content, reason, detail):
    (tmp_path / name).write_text(content)
    ((found, said),) = reasons(tmp_path)
    assert found == reason
    assert detail in said


def test_a_tei_without_title_is_kept(tmp_path):
    (tmp_path / "1412.6575v4.tei.xml").write_text(TEI.format(title="", body=DIV))
    (reading,) = read_papers(str(tmp_path))
    assert (reading.paper.paper_id, reading.paper.title) == ("1412.6575v4", "")
    assert reading.paper.sections[0].text == "Accuracy is 91."


def test_an_entity_bomb_is_not_expanded(tmp_path):
    (tmp_path / "a.xml").write_text(BOMB + TEI.format(title="T", body="<div><p>&c; text</p></div>"))
    (reading,) = read_papers(str(tmp_path))
    assert reading.reason or len(reading.paper.sections[0].text) < 100


def test_lines_before_a_cut_are_kept(tmp_path):
    lines = "".join(
        json.dumps({**GOOD, "paper_id": f"{i}", "abstract": f"{i} " * 200}) + "\n" for i in range(2000)
    )
    data = gzip.compress(lines.encode())
    (tmp_path / "a.jsonl.gz").write_bytes(data[: len(data) // 2])
    found = list(read_papers(str(tmp_path)))
    assert len([r for r in found if r.paper]) > 100
    assert found[-1].reason == "truncated"
    assert "fetch the file again" in found[-1].detail
    (tmp_path / "b.xml.gz").write_bytes(gzip.compress(TEI.format(title="T", body=DIV * 5000).encode())[:-20])
    assert "truncated" in {r.reason for r in read_papers(str(tmp_path / "b.xml.gz"))}


def test_a_damaged_file_is_one_reject(tmp_path):
    (tmp_path / "a.jsonl.gz").write_bytes(b"this is no gzip")
    assert [reason for reason, _ in reasons(tmp_path)] == ["truncated"]
    (tmp_path / "a.jsonl.gz").write_bytes(gzip.compress(b"\n\n"))
    assert [reason for reason, _ in reasons(tmp_path)] == ["empty"]


def test_a_huge_line_between_good_ones(tmp_path):
    (tmp_path / "a.jsonl").write_text(
        "\n".join([json.dumps(GOOD), HUGE, json.dumps({**GOOD, "paper_id": "2"})])
    )
    assert [r for r, _ in reasons(tmp_path)] == [None, "too_large", None]


def test_bad_papers_never_stop_the_others(tmp_path):
    for i in range(5):
        (tmp_path / f"{i}.tei.xml").write_text(TEI.format(title="T", body=DIV) if i % 2 else "<broken")
    found = list(read_papers(str(tmp_path)))
    assert [r.reason for r in found] == ["malformed_xml", None, "malformed_xml", None, "malformed_xml"]
    assert found[0].paper_id == "0"
    assert found[0].location.endswith("0.tei.xml")


def test_rows_of_a_parquet_file_are_named(tmp_path):
    rows = {
        "paper_id": ["a", "b", None],
        "tei": [TEI.format(title="T", body=DIV), "<x", TEI.format(title="T", body=DIV)],
    }
    pq.write_table(pa.table(rows), tmp_path / "a.parquet", row_group_size=1)
    found = list(read_papers(str(tmp_path)))
    assert [r.location for r in found] == [f"{tmp_path}/a.parquet#{i}" for i in range(3)]
    assert [r.reason for r in found] == [None, "malformed_xml", "not_a_paper"]


def test_inputs_that_cannot_be_read_at_all(tmp_path):
    with pytest.raises(InputError, match="no such file or folder; give a file, a folder or a quoted glob"):
        find_splits([str(tmp_path / "nowhere")])
    with pytest.raises(InputError, match=r"no papers found; readable are .*\.jsonl"):
        find_splits([str(tmp_path)])
    (tmp_path / "a.parquet").write_text("no")
    with pytest.raises(InputError, match=r"a\.parquet: not a Parquet file"):
        find_splits([str(tmp_path)])
    pq.write_table(pa.table({"id": [1]}), tmp_path / "a.parquet")
    with pytest.raises(InputError, match=r"columns \['id'\] are neither .*rename or select them first"):
        find_splits([str(tmp_path)])


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        (
            "t.tsv",
            "A#B#C\t5\nA#B\t5\n",
            r"t\.tsv, line 2: expected task#dataset#metric<TAB>count, found 'A#B",
        ),
        ("t.tsv", "A#B#C 5\n", r"t\.tsv, line 1: expected task#dataset#metric<TAB>count"),
        (
            "t.tsv",
            "task\tdataset\tmetric\tdirection\nA\tB\t\thigher\n",
            r"line 2: task, dataset and metric must be given",
        ),
        (
            "t.tsv",
            "task\tdataset\tmetric\tdirection\nA\tB\tC\tup\n",
            r"line 2: direction must be one of higher, lower",
        ),
        ("t.json", "{", "not valid JSON"),
        ("t.json", "{}", "expected a list of objects"),
        ("t.tsv", "A#B#C\t1\n", "no label left of 1 with a count of at least 5; lower --min-count"),
    ],
)
def test_a_broken_taxonomy_names_its_line(tmp_path, name, content, message):
    (tmp_path / name).write_text(content)
    with pytest.raises(TaxonomyError, match=message):
        read_taxonomy(str(tmp_path / name), min_count=5 if "least 5" in message else 0)
