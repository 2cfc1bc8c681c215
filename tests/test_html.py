"""Papers as HTML: pages of LaTeXML as arXiv serves them, others, in files, tars and zips; hostile pages."""

import io
import tarfile
import zipfile

import pytest

from tdm_ray.config import IngestConfig
from tdm_ray.errors import PaperError
from tdm_ray.papers.html_page import read_html
from tdm_ray.papers.read import read_papers
from tdm_ray.records import PAPERS, REJECTS
from tdm_ray.run.ingest import ingest_corpus
from tdm_ray.storage import read_table

HEAD = """<!DOCTYPE html><html lang="en"><head><title>A Small Net</title>
<script>var error = "3.99 on CIFAR-10";</script><style>p { width: 12% }</style>
<base href="/html/2401.00001v2/"></head><body><nav class="ltx_TOC">1 Results</nav>
<div id="watermark-tr">arXiv:2401.00001v2 [cs.CV] 05 Jan 2024</div>"""
# As LaTeXML writes it: header cells of two levels, a citation, a spanned row, a bold formula, a raised mark.
TABLE = """<figure class="ltx_table"><figcaption class="ltx_caption">
<span class="ltx_tag ltx_tag_table">Table 1: </span>
Error (%) on CIFAR.</figcaption><table class="ltx_tabular"><thead class="ltx_thead">
<tr class="ltx_tr"><th class="ltx_td ltx_border_tt"></th>
<th class="ltx_td ltx_border_tt" colspan="2">CIFAR</th></tr>
<tr class="ltx_tr"><th class="ltx_td">Method</th><th class="ltx_td ltx_border_t">10</th>
<th class="ltx_td ltx_border_t">100</th></tr></thead><tbody class="ltx_tbody">
<tr class="ltx_tr"><th class="ltx_td ltx_border_t">ResNet
<cite class="ltx_cite">[<a href="#b">1</a>]</cite></th>
<td class="ltx_td ltx_border_t">6.43</td><td class="ltx_td ltx_border_t">25.1</td></tr>
<tr class="ltx_tr"><th class="ltx_td ltx_border_bb" rowspan="2">Ours</th>
<td class="ltx_td"><span class="ltx_text ltx_font_bold">3.2</span></td>
<td class="ltx_td"><math class="ltx_Math" alttext="\\mathbf{18.1}\\pm 0.2"><mn>18.1</mn></math></td></tr>
<tr class="ltx_tr"><td class="ltx_td">3.4<math class="ltx_Math" alttext="{}^{1}"><mn>1</mn></math></td>
<td class="ltx_td">18.5</td></tr></tbody></table></figure>"""
PANELS = """<figure class="ltx_table"><div class="ltx_flex_figure">
<figure class="ltx_table ltx_figure_panel"><span class="ltx_tabular">
<span class="ltx_tr"><span class="ltx_td">A</span>
<span class="ltx_td"><span class="ltx_tabular"><span class="ltx_tr"><span class="ltx_td">Top</span></span>
<span class="ltx_tr"><span class="ltx_td">1</span></span></span></span></span>
<span class="ltx_tr"><span class="ltx_td">x</span><span class="ltx_td">1.5</span></span></span>
<figcaption class="ltx_caption">(a) ImageNet.</figcaption></figure></div>
<figcaption class="ltx_caption"><span class="ltx_tag">Table 2: </span>Accuracy.</figcaption></figure>"""
BODY = f"""<article class="ltx_document">
<h1 class="ltx_title ltx_title_document">A Small Net<span class="ltx_note">x</span></h1>
<div class="ltx_authors">A. Author 9.9</div><div class="ltx_abstract">
<h6 class="ltx_title ltx_title_abstract">Abstract</h6>
<p class="ltx_p">We reach 3.2% on CIFAR-10.</p></div><section class="ltx_section">
<h2 class="ltx_title ltx_title_section"><span class="ltx_tag">1 </span>Results</h2><div class="ltx_para">
<p class="ltx_p">We see <math alttext="F_{{1}}"><mi>F</mi></math> of 96.3.<span
class="ltx_note ltx_role_footnote">
<sup>1</sup>A note with 7.7.</span> More.</p>
<table class="ltx_equation ltx_eqn_table"><tr><td><math alttext="a=b"></math></td></tr></table></div>
{TABLE}{PANELS}</section><section class="ltx_bibliography"><h2 class="ltx_title">References</h2>
<ul><li class="ltx_bibitem">Someone, 2015.</li></ul></section></article>
<footer>LaTeXML</footer></body></html>"""
PAGE = (HEAD + BODY).encode()


def cells(paper):
    return [
        [(tuple(c.row_headers), tuple(c.column_headers), c.value, c.bold) for c in table.cells]
        for table in paper.tables
    ]


def test_a_page_of_latexml():
    paper = read_html("page", PAGE)
    assert (paper.paper_id, paper.title, paper.source) == ("2401.00001v2", "A Small Net", "html")
    assert paper.abstract == "We reach 3.2% on CIFAR-10."
    assert [(s.heading, s.text) for s in paper.sections] == [("Results", "We see F1 of 96.3. More. a=b")]
    assert paper.categories == ["cs.CV"]
    assert paper.published is None  # the mark has the day of version 2
    assert [table.caption for table in paper.tables] == [
        "Table 1: Error (%) on CIFAR.",
        "Table 2: Accuracy. (a) ImageNet.",
    ]
    assert cells(paper) == [
        [
            (("ResNet […]",), ("CIFAR", "10"), "6.43", False),
            (("ResNet […]",), ("CIFAR", "100"), "25.1", False),
            (("Ours",), ("CIFAR", "10"), "3.2", True),
            (("Ours",), ("CIFAR", "100"), "18.1±0.2", True),
            (("Ours",), ("CIFAR", "10"), "3.4¹", False),
            (("Ours",), ("CIFAR", "100"), "18.5", False),
        ],
        [(("x",), ("Top 1",), "1.5", False)],
    ]


def test_a_page_that_is_not_of_latexml():
    page = b"""<html><head><title>T</title></head><body><h1>A net</h1><h2>Abstract</h2><p>We do it.</p>
    <h2>1. Results</h2><p>See below.<p>Table 1: Error on CIFAR-10.</p>
    <table><tr><th>Model<th>Error<tr><td>Ours<td><b>3.2</b></table><p>The end.</body></html>"""
    paper = read_html("p1", page)
    assert (paper.paper_id, paper.title, paper.abstract) == ("p1", "A net", "We do it.")
    assert paper.tables[0].caption == "Table 1: Error on CIFAR-10."
    assert cells(paper) == [[(("Ours",), ("Error",), "3.2", True)]]
    assert paper.sections[0].heading == "Results"
    assert paper.sections[0].text.endswith("The end.")


@pytest.mark.parametrize(
    ("head", "paper_id"),
    {
        '<link rel="canonical" href="https://ar5iv.labs.arxiv.org/html/1412.6575">': "1412.6575",
        '<base href="/html/2401.00001v1/">': "2401.00001v1",
        '<meta name="citation_arxiv_id" content="2401.00002">': "2401.00002",
        "<title>[cs/0508053] A title</title>": "cs/0508053",
        "<title>[Draft] A title</title>": "mine",
        "": "mine",
    }.items(),
)
def test_the_id_of_a_page(head, paper_id):
    page = f"<html><head>{head}</head><body><h1>T</h1><p>We do it.</p></body></html>".encode()
    assert read_html("mine", page).paper_id == paper_id
    assert read_html("1501.00001v3", page).paper_id == "1501.00001v3"  # the file's name, where it is an id


def test_pages_in_folders_tars_and_zips(tmp_path):
    with tarfile.open(tmp_path / "pages.tar", "w") as archive:
        for name in ("2402/2402.00001v1.html", "2402/2402.00002v1.html"):
            info = tarfile.TarInfo(name)
            info.size = len(PAGE)
            archive.addfile(info, io.BytesIO(PAGE))
    with zipfile.ZipFile(tmp_path / "pages.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("2403/2403.00001v1.html", PAGE)
        archive.writestr("2403/bomb.html", b"<p>" + b" " * 50_000_000)
        archive.writestr("2403/readme.md", "no page")
    (tmp_path / "2404.00001v1.html").write_bytes(PAGE)
    (tmp_path / "broken.zip").write_bytes(b"PK\x03\x04 no zip")
    with zipfile.ZipFile(tmp_path / "other.zip", "w") as archive:
        archive.writestr("main.tex", "x")
    found = {
        r.paper.paper_id if r.paper else r.location.rpartition("/")[2]: r for r in read_papers(str(tmp_path))
    }
    papers = {name for name, reading in found.items() if reading.paper}
    assert papers == {f"240{n}.0000{m}v1" for n, m in ((2, 1), (2, 2), (3, 1), (4, 1))}
    reasons = {name: reading.reason for name, reading in found.items() if reading.reason}
    assert reasons == {"bomb.html": "too_large", "broken.zip": "truncated", "other.zip": "not_a_paper"}


def test_of_one_version_latex_is_kept_and_of_two_the_newer(tmp_path):
    tex = r"\documentclass{article}\begin{document}\title{T}\maketitle\section{R} We do it.\end{document}"
    (tmp_path / "2401.00001v1.tex").write_text(tex)
    (tmp_path / "2401.00001v1.html").write_bytes(PAGE)
    (tmp_path / "2401.00002v1.tex").write_text(tex)
    (tmp_path / "2401.00002v2.html").write_bytes(PAGE)
    out = tmp_path / "out"
    ingest_corpus([str(p) for p in sorted(tmp_path.glob("24*"))], str(out), IngestConfig(), engine="local")
    papers = read_table(f"{out}/papers", PAPERS).to_pylist()
    assert {p["paper_id"]: p["source"] for p in papers} == {"2401.00001v1": "latex", "2401.00002v2": "html"}
    rejects = read_table(f"{out}/rejects", REJECTS).to_pylist()
    assert {r["location"].rpartition("/")[2]: r["reason"] for r in rejects} == {
        "2401.00001v1.html": "duplicate_id",
        "2401.00002v1.tex": "older_version",
    }


HOSTILE = {
    "script": b"<html><body><script>while(true){}</script><p>We do it.</p></body></html>",
    "entities": b'<!DOCTYPE html [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><html><body><p>&b; We do it.</p>',
    "external": b'<!DOCTYPE html SYSTEM "http://localhost:1/x.dtd"><html><head><link rel="stylesheet" '
    b'href="http://localhost:1/x.css"></head><body><p>We do it.</p><img src="http://localhost:1/x"></body></html>',
    "nested": b"<html><body><p>We do it.</p>" + b"<table><tr><td>" * 10_000 + b"1.5",
    "deep": b"<html><body>" + b"<div>" * 200_000 + b"We do it.",
    "spans": b"<html><body><p>We do it.</p><table>"
    + b"<tr><td colspan=99999 rowspan=99999>1.5</td></tr>" * 3000,
    "large cell": b"<html><body><p>We do it.</p><table><tr><td>" + b"1.5 " * 4_000_000,
    "formulas": b"<html><body><p>We do it.</p>" + b'<math alttext="' + b"{" * 100_000 + b'"></math>' * 3,
    "cut": PAGE[: len(PAGE) // 2],
    "not utf-8": PAGE.replace(b"Small", b"Sm\xe4ll"),
    "nul": PAGE.replace(b"Small", b"Sm\0ll"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_pages_end_as_paper_or_reject(tmp_path, name):
    (tmp_path / "p.html").write_bytes(HOSTILE[name])
    (reading,) = read_papers(str(tmp_path))
    assert reading.paper or reading.reason in ("no_text", "not_a_paper", "too_large", "empty"), reading
    if reading.paper and name != "cut":
        assert "We do it." in f"{reading.paper.abstract} {reading.paper.sections}" or name in (
            "not utf-8",
            "nul",
        )


@pytest.mark.parametrize("page", [b"", b"  \n", b"<html></html>", b"<html><body><h1>T</h1></body></html>"])
def test_a_page_without_text_is_rejected(page):
    with pytest.raises(PaperError, match=r"empty|no_text"):
        read_html("p", page)


def test_a_cell_that_spans_rows_upwards():
    page = b"""<h1>T</h1><p>We do it.</p><table><tr><th>Set<th>Net<th>Acc</tr><tr><td><td>A<td>1.5</tr>
    <tr><td><td>B<td>2.5</tr><tr><td rowspan="-2">CIFAR<td>C<td>3.5</tr></table>"""
    rows = [(*headers, value) for headers, _, value, _ in cells(read_html("p", page))[0]]
    assert rows == [("A", "1.5"), ("CIFAR", "B", "2.5"), ("CIFAR", "C", "3.5")]


def test_a_rule_may_stand_within_a_head_of_numbers():
    heads = "<tr><th><th class='ltx_border_tt'>10<th class='ltx_border_tt'>50</tr>"
    names = "<tr><th class='ltx_border_t'><th class='ltx_border_t'>Acc<th class='ltx_border_t'>Acc</tr>"
    page = f"<h1>T</h1><p>We do it.</p><table>{heads}{names}<tr><td>A<td>1.5<td>2.5</tr></table>".encode()
    rows = [(above, value) for _, above, value, _ in cells(read_html("p", page))[0]]
    assert rows == [(("10", "Acc"), "1.5"), (("50", "Acc"), "2.5")]
