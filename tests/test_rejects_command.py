"""`tdm-ray rejects`: what could not be used of an input, and folders of nothing but PDFs."""

import json

import pytest

from tdm_ray.errors import InputError
from tdm_ray.papers.splits import find_splits
from tdm_ray.run.ingest import ingest_corpus
from tdm_ray.run.rejects import as_lines, as_text, read_rejects

GOOD = {"paper_id": "p", "abstract": "We do it."}


@pytest.fixture
def corpus(tmp_path):
    lines = [GOOD, {"paper_id": "q"}, {"title": "x"}, {**GOOD, "sections": "x"}]
    (tmp_path / "papers.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    (tmp_path / "one.pdf").write_bytes(b"%PDF-1.4")
    ingest_corpus(
        [str(tmp_path / "papers.jsonl"), str(tmp_path / "one.pdf")], str(tmp_path / "out"), engine="local"
    )
    return str(tmp_path / "out")


def test_the_rejects_of_a_corpus_are_printed(corpus):
    rejects = read_rejects(corpus)
    assert rejects["reason"].to_pylist() == ["no_text", "not_a_paper", "not_a_paper", "pdf_only"]
    first, second, counted = as_text(rejects, 2).splitlines()
    assert first.endswith("papers.jsonl#1: no_text: neither an abstract nor a section with text")
    assert "papers.jsonl#2: not_a_paper: no paper_id" in second
    assert counted == (
        "rejected 4 (1 no_text, 2 not_a_paper, 1 pdf_only); the first 2 are shown, --most shows more"
    )
    (only,) = map(json.loads, as_lines(read_rejects(corpus, "pdf_only")).splitlines())
    assert only["location"].endswith("one.pdf")


def test_wrong_folders_and_reasons_are_named(corpus, tmp_path):
    with pytest.raises(InputError, match="neither a store nor an ingested folder"):
        read_rejects(str(tmp_path))
    with pytest.raises(InputError, match="choose of empty, too_large"):
        read_rejects(corpus, "broken")


def test_nothing_but_pdfs_names_the_way_out(tmp_path):
    for name in ("a.pdf", "b.PDF", "c.pdf.gz"):
        (tmp_path / name).write_bytes(b"%PDF-1.4")
    with pytest.raises(InputError, match=r"nothing but PDFs; make TEI of them with GROBID .* or Markdown"):
        find_splits([str(tmp_path)])
    (tmp_path / "d.txt").write_text("x")
    assert sum(len(split.paths) for split in find_splits([str(tmp_path)])) == 4
