"""Awkward inputs after public bug reports, one folder a case in ../shared/cases, with what is right."""

from pathlib import Path

import pytest

from tdm_ray.config import IngestConfig
from tdm_ray.errors import InputError
from tdm_ray.gold.annotations import read_gold
from tdm_ray.papers.latex.manifest import read_manifest
from tdm_ray.papers.metadata import write_metadata
from tdm_ray.papers.read import read_papers
from tdm_ray.records import PAPERS
from tdm_ray.run.ingest import ingest_corpus
from tdm_ray.storage import read_table
from tdm_ray.taxonomy.sources import read_taxonomy

CASES = Path(__file__).parents[2] / "shared" / "cases"

# By case the numbers of its tables: the last row header, the last column header, the cell's text.
CELLS = {
    "13e-gbk": [("模型", "Error", "3.21")],
    "16d-old-version-in-root": [("Ours", "Error", "3.21")],
    "16b-supplement-longer": [("Ours", "Error", "3.21")],
    "16a-template-longer": [("Ours", "Error", "3.21")],
    "13g-gzip-of-gzip": [("Ours", "Error", "3.21")],
    "12c-00readme-json": [("Ours", "Error", "3.21")],
    "11m-input-primitive-at": [("Ours", "Error", "3.21")],
    "11k-input-newcommand-inputs": [("Ours", "Error", "3.21")],
    "11g-subfileinclude": [("Ours", "Error", "3.21")],
    "11f-input-txt-suffix": [("Ours", "Error", "3.21")],
    "11d-case": [("Ours", "Error", "3.21")],
    "11a-input-macro-path": [("Ours", "Error", "3.21")],
    "01-input-path": [("Ours", "Error", "3.21")],
    "02-macro-with-cells": [
        ("Alpha", "Accuracy (± CI)", "62.68 (±0.35)"),
        ("Beta", "Accuracy (± CI)", "41.00 (±0.90)"),
    ],
    "03-multicolumn-p": [("ResNet", "CIFAR 10", "93.1"), ("ResNet", "CIFAR 100", "71.2")],
    "04-pbox": [("ResNet", "Top-1 acc.", "76.1"), ("Ours (large)", "Top-5 acc.", "95.9")],
    "05-siunitx": [
        ("Ours", "Accuracy", "93.4 ± 0.2"),
        ("Big", "Time", "3.1 × 10^−4"),
        ("Com", "Time", "12345.678"),
    ],
    "08-strong": [("Ours", "F1", "84.2"), ("Two", "F1", "81.9")],
    "09a-def-in-sty": [("Base", "F1", "80.1"), ("Ours", "F1", "84.2")],
    "09b-newcommand-multiline-sty": [("Ours", "F1", "84.2")],
    "09c-newcommand-in-cls": [("Ours", "F1", "84.2")],
    "09d-NewDocumentCommand": [("Ours", "F1", "84.2")],
    "09e-input-macros": [("Ours", "F1", "84.2")],
    "09g-csname": [("Ours", "F1", "84.2")],
    "09k-DeclareRobust-def-delim": [("Ours", "F1", "84.2")],
    "09l-def-spaces": [("Base", "F1", "80.1"), ("Ours", "F1", "84.2")],
    "09n-renewcommand-textbf": [("Ours", "F1", "84.2")],
    "14a-href-percent-in-table": [("Base", "Accuracy", "80.1"), ("Ours", "Params", "12M")],
    "14f-ctable": [("Base", "Top-1", "80.1"), ("Ours", "Top-1", "81.2")],
    "14g-deluxetable": [("Base", "(%)", "80.1"), ("Ours", "(%)", "95.9")],
    "14h-supertabular-head": [("Base", "Top-1", "80.1"), ("Ours", "Top-1", "81.2")],
    "14k-ttabbox": [("Ours", "Top-1", "81.2"), ("Ours", "Acc", "95.1")],
    "14o-array-in-math": [("Ours", "Acc", "95.1")],
    "14u-noalign-tabularnewline": [("Ours", "Acc", "84.2")],
    "14w-rowcolor-cells-prefix": [("Ours", "Acc", "84.2"), ("Base", "Err", "19.9")],
    "14x-crcr": [("Ours", "Acc", "84.2"), ("Base", "Acc", "80.1")],
    "60b-ours-cellcolor-macro": [("Ours", "CIFAR-10", "96.3")],
    "60c-newdocumentcommand": [("Ours", "CIFAR-10", "96.3")],
    "60e-normalfont": [("Ours", "CIFAR-10", "96.3")],
    "60g-footnote-digit-int": [("Ours", "CIFAR-10", "96²")],
    "60h-underline-smash": [("Ours", "CIFAR-10", "96.3")],
    "60m-subfloat": [("Ours", "Acc.", "96.3"), ("Ours", "Acc.", "80.1")],
    "14n-side-by-side": [("ResNet", "Acc", "93.1"), ("WRN", "Acc", "80.0"), ("Ours", "Acc", "82.3")],
    "18s-html-rowspan": [("ResNet", "Acc", "93"), ("ResNet", "Err", "6")],
    "70a-html-table-mineru": [("Ours", "Acc", "96.3"), ("Ours", "Err", "3.7")],
    "70b-latex-table-nougat": [("Ours", "Acc", "96.3")],
    "70c-bold-caption": [("Ours", "Acc", "96.3")],
    "70e-no-leading-pipes": [("Ours", "Acc", "96.3")],
    "70f-br-in-cells": [("Ours (large)", "CIFAR-10 Acc", "96.3 ±0.1")],
    "70i-caption-after-fig": [("Ours", "Acc", "96.3")],
    "70j-empty-header-row": [("Ours", "CIFAR-10", "96.3"), ("Ours", "CIFAR-100", "80.1")],
    "20w-merged-cells": [("Base", "CIFAR-10", "93.1"), ("Ours", "CIFAR-100", "75.1")],
    "20d-table-in-p": [("Ours", "Acc", "95.0")],
    "20o-formula-in-cells-sup": [
        ("Ours", "Acc", "95.0¹"),
        ("X", "Acc", "1 234.5"),
        ("Y", "Acc", "90 .2 ± 0 .3"),
    ],
    "20x-listfigures-notation": [("Ours", "Acc ↑", "95.0"), ("Ours", "FID ↓", "3.2")],
    "20m-rows-role-label-rowspan": [("Base", "Acc", "93.1"), ("Ours", "Err", "5.0")],
    "60i-uncertainty-column": [("Ours", "CIFAR-10", "3.74±0.09")],
    "60j-r@.l": [("Ours", "CIFAR-10", "96.3")],
    "60o-tblr-spans": [("Ours", "Acc.", "80.1"), ("Ours", "Err.", "19.9")],
    "60k-newif": [("Ours", "CIFAR-10", "96.3")],
    "61f-subscript-std": [("Ours", "CIFAR-10 Acc.", "96.3 0.1")],
    "80a-rule-then-group": [
        ("PointNet", "Overall accuracy", "89.2"),
        ("Kd-network", "Overall accuracy", "91.8"),
        ("Quartz (ours)", "Overall accuracy", "93.4"),
    ],
}
# Texts of cells and headers that are not in the paper: of branches that it does not take, of settings.
ABSENT = {
    "14s-iffalse-branch": ["99.9", "Old"],
    "14t-iffalse-nested": ["11.1", "2.2"],
    "60k-newif": ["98.7"],
    "14w-rowcolor-cells-prefix": ["[0pt]"],
    "60i-uncertainty-column": ["'0.09'"],
}


def paper_of(case):
    folder = CASES / case
    if not folder.is_dir():
        pytest.skip(f"the cases (../shared/cases/{case}) are not on this machine")
    (reading,) = read_papers(str(folder))
    assert reading.paper, reading
    return reading.paper


def cells_of(paper):
    return [
        (tuple(cell.row_headers)[-1:], tuple(cell.column_headers)[-1:], cell.value)
        for table in paper.tables
        for cell in table.cells
    ]


@pytest.mark.parametrize("case", CELLS)
def test_numbers_stand_under_their_headers(case):
    found = [
        (beside[-1].removesuffix(" […]") if beside else "", above[-1] if above else "", value)
        for beside, above, value in cells_of(paper_of(case))
    ]
    assert [one for one in CELLS[case] if one not in found] == [], found


@pytest.mark.parametrize("case", ABSENT)
def test_what_a_paper_does_not_print_is_not_read(case):
    text = repr(cells_of(paper_of(case)))
    assert [absent for absent in ABSENT[case] if absent in text] == []


def test_panels_have_captions_of_their_own():
    assert [table.caption for table in paper_of("60m-subfloat").tables] == [
        "Main results. Image classification accuracy (%) on CIFAR-10.",
        "Main results. Image classification accuracy (%) on CIFAR-100.",
    ]
    assert [table.caption for table in paper_of("14k-ttabbox").tables] == [
        "Accuracy on ImageNet.",
        "Accuracy on CIFAR-10.",
    ]


def test_brackets_at_the_start_of_a_text_are_text():
    paper = paper_of("17a-cells-start-with-bracket")
    assert paper.tables[0].caption == "[Best viewed in colour] Results of all models on F1."
    assert {cell.row_headers[0].partition("]")[0] for cell in paper.tables[0].cells} == {"[CLS"}
    assert paper_of("17b-abstract-starts-with-bracket").abstract.startswith("[Context] We study")


def test_a_per_cent_sign_in_a_link_begins_no_comment():
    texts = [section.text for section in paper_of("14b-url-percent-in-text").sections]
    assert any("https://x.org/my%20code/readme.md and we train on CIFAR-10." in text for text in texts)


def file_of(case):
    folder = CASES / case
    if not folder.is_dir():
        pytest.skip(f"the cases (../shared/cases/{case}) are not on this machine")
    return str(next(folder.iterdir()))


@pytest.mark.parametrize(
    ("case", "labels"),
    {
        "40a-subdatasets": {("GLUE SST-2", "Accuracy"): 1},
        "40b-null-urls": {("CIFAR-10", "Accuracy"): 3},
        "40d-metric-hash": {("BLiMP#2", "BG#1-2"): 1, ("A$B", "#Params"): 1},
        "40f-dup-rows": {("CIFAR-10", "Accuracy"): 2},
        "40i-single-object": {("CIFAR-10", "Accuracy"): 1},
        "40j-jsonl": {("CIFAR-10", "Accuracy"): 1},
        "40k-bom": {("CIFAR-10", "Accuracy"): 1},
        "40n-html": {("CIFAR-10", "Accuracy"): 1, ("CIFAR-10", "Percentage correct"): 1},
        "40o-whitespace": {("CIFAR-10", "Accuracy"): 1},
        "41-pwc-parquet": {("CIFAR-10", "Accuracy"): 1},
    }.items(),
)
def test_evaluation_tables_of_every_form_are_taxonomies_and_gold(case, labels):
    found = {(x.tdm.dataset, x.tdm.metric): x.papers for x in read_taxonomy(file_of(case)).labels}
    assert found.items() >= labels.items(), found
    gold = read_gold(file_of(case))
    assert {(t.dataset, t.metric) for results in gold.results.values() for t in results} == found.keys()
    tasks = {t.task for results in gold.results.values() for t in results}
    assert tasks <= {"Image Classification", "C# task"}


def test_what_is_no_score_is_no_result_and_told():
    gold = read_gold(file_of("40c-score-forms"))
    assert not {"-", "NaN", "nan", ""} & {s for r in gold.results.values() for v in r.values() for s in v}
    assert any("'-' is no score" in line for line in gold.broken)
    assert any("nan" in line.lower() for line in read_gold(file_of("40l-nan")).broken)


def test_a_paper_is_known_by_any_of_its_urls():
    papers = set(read_gold(file_of("40g-urls")).results)
    assert papers == {
        *("1512.03385", "1512.03385v1", "1512.03385v2", "cs/0508053v1"),
        *("2401.00001", "2401.00001v2", "2401.00001v3"),
        "A",  # of sites that say nothing of an id: the title
    }


def test_titles_and_abstracts_of_the_metadata_are_no_tex(tmp_path):
    folder = CASES / "52-metadata-tex"
    if not folder.is_dir():
        pytest.skip("the cases (../shared/cases/52-metadata-tex) are not on this machine")
    snapshot = next(path for path in (folder / "meta").iterdir() if path.suffix != ".parquet")
    config = IngestConfig(metadata=str(snapshot))
    ingest_corpus(str(folder / "2001.00001.tex"), str(tmp_path), config, engine="local")
    (paper,) = read_table(f"{tmp_path}/papers", PAPERS).to_pylist()
    assert paper["title"] == "Möbius nets for ℓ_2 & Poincaré embeddings"
    assert paper["abstract"] == "We reach 91.2% accuracy on CIFAR-10 with Erdős–Rényi graphs."
    assert (str(paper["published"]), paper["published_by_id"]) == ("2020-01-01", False)


@pytest.mark.parametrize(
    ("case", "what", "text"),
    [
        ("70h-front-matter", "title", "A Method that Works"),
        ("18e-utf16", "abstract", "We do it."),
        ("18i-id-key", "paper_id", "2001.00010"),
        ("20d-table-in-p", "section", "See for this."),
        ("20g-no-namespace", "section", "We reach 91.2% accuracy on CIFAR-10"),
        ("20h-prefixed", "title", "Prefixed"),
        ("20i-teiCorpus-root", "section", "We reach 91.2% accuracy on CIFAR-10"),
        ("20j-two-abstracts", "abstract", "We do a thing."),
        ("20k-abstract-with-p-text-direct", "abstract", "We do a thing in one line."),
        (
            "20l-hyphenation",
            "section",
            "accuracy on CIFAR-10 and ImageNet using cross-attention; state-of-the-art.",
        ),
        ("20l-hyphenation", "section", "Column and classification."),
        ("18p-unarxive-tables", "section", "We reach Table 91.2 and x2."),
        ("18q-s2orc-2019", "section", "We reach 91.2."),
    ],
)
def test_texts_of_other_forms_are_read(case, what, text):
    paper = paper_of(case)
    if what == "section":
        assert text in paper.sections[-1].text
    else:
        assert getattr(paper, what) == text


def test_a_table_without_rows_keeps_its_text():
    (table,) = paper_of("20c-table-text-only").tables
    assert (table.caption, table.text) == ("Table 1 Accuracy on CIFAR-10.", "Model Acc Base 93.1 Ours 95.0")


@pytest.mark.parametrize("case", ["18f-date-datetime", "18l-rows-null"])
def test_one_odd_value_does_not_cost_the_paper(case):
    assert paper_of(case).abstract == "We do it."


@pytest.mark.parametrize(
    ("case", "caption"),
    {
        "70a-html-table-mineru": "Table 1: Accuracy on CIFAR-10.",
        "70b-latex-table-nougat": "Table 1: Accuracy on CIFAR-10.",
        "70c-bold-caption": "Table 1: Accuracy on CIFAR-10.",
        "70i-caption-after-fig": "Tab. 2. Accuracy on CIFAR-10.",
    }.items(),
)
def test_tables_of_markdown_have_their_captions(case, caption):
    assert [table.caption for table in paper_of(case).tables] == [caption]


@pytest.mark.parametrize(
    ("case", "papers", "broken"),
    [("50c-empty-versions", 1, 1), ("50h-null-title-categories", 1, 2), ("50l-truncated-last-line", 1, 1)],
)
def test_a_broken_line_of_a_snapshot_is_told_and_refused_only_if_asked(case, papers, broken, tmp_path):
    snapshot = file_of(case)
    count, told = write_metadata(snapshot, str(tmp_path / "m.parquet"))
    assert count >= papers
    assert len(told) >= 1
    with pytest.raises(InputError, match="lines are no entries"):
        write_metadata(snapshot, str(tmp_path / "m.parquet"), strict=True)


def test_a_broken_entry_of_a_manifest_is_told_and_refused_only_if_asked():
    manifest = file_of("51d-one-bad-of-two")
    told = []
    assert len(read_manifest(manifest, tell=told.append)) == 1
    assert "1 of 2 entries lack a name, a size, a number of items or an MD5" in told[0]
    with pytest.raises(InputError, match="1 of 2 entries"):
        read_manifest(manifest, strict=True)


def test_a_paper_that_the_snapshot_calls_withdrawn_is_rejected(tmp_path):
    snapshot = next(p for p in Path(file_of("50d-withdrawn")).parent.iterdir() if p.suffix == ".json")
    (tmp_path / "1512.03385.txt").write_text("Deep\n\nAbstract\n\nWe do it.\n")
    summary = ingest_corpus(
        str(tmp_path / "1512.03385.txt"),
        str(tmp_path / "out"),
        IngestConfig(metadata=str(snapshot)),
        engine="local",
    )
    assert (summary.read, summary.rejected) == (0, {"withdrawn": 1})


ALL = sorted(folder.name for folder in CASES.iterdir() if folder.is_dir()) if CASES.is_dir() else []
REJECTED = {
    "18j-abstract-only-table": {"no_text"},
    "20s-control-chars": {"malformed_xml"},
    "20u-amp": {"malformed_xml"},
}
# Taxonomies, annotations, snapshots, manifests: files of other kinds, with tests of their own above.
OTHERS = ("40", "41", "50", "51", "52")


@pytest.mark.parametrize("case", [name for name in ALL if not name.startswith(OTHERS)])
def test_every_case_is_a_paper_or_rejected_by_its_name(case):
    readings = list(read_papers(str(CASES / case)))
    assert readings
    wanted = REJECTED.get(case, {None})
    found = {reading.reason for reading in readings}
    assert found == wanted, [(reading.location, reading.reason, reading.detail) for reading in readings]
