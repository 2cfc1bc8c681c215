"""Rows and columns of tables: whose they are, what they are called."""

import numpy as np
import pytest

from tdm_ray.config import embedded_matcher
from tdm_ray.errors import CheckpointError
from tdm_ray.extract.candidates import candidates_of
from tdm_ray.extract.line_kinds import KINDS, METHODS_IN_COLUMNS, METHODS_IN_ROWS, LineKinds
from tdm_ray.extract.lines import FEATURES, NameCounts, lines_of, plain_name
from tdm_ray.extract.methods import bare_name, method_name
from tdm_ray.extract.own_names import names_of_ours, own_names
from tdm_ray.papers.grid import table_of_grid
from tdm_ray.papers.latex.paper import read_tex
from tdm_ray.records import TDM, Cell, Paper
from tdm_ray.training.line_kinds import JudgedPaper, learn_line_kinds

GRID = [
    ["Model", "SST-2", "MNLI"],
    ["BiLSTM […]", "88.1", "70.2"],
    ["CNN baseline […]", "87.0", "69.1"],
    ["FooNet w/o attention", "90.0", "80.0"],
    ["FooNet (ours)", "93.1", "84.4"],
]
PAPER = Paper(
    "2001.00001",
    "FooNet: Attention for Sentences",
    "We propose FooNet, which is better.",
    tables=[table_of_grid("Table 1: Accuracy compared with previous work.", GRID)],
)


def _feature(paper: Paper, header: str, name: str, names: NameCounts | None = None) -> float:
    lines = lines_of(paper, candidates_of(paper), names or NameCounts({}))
    return float(lines.features[lines.headers.index(header), FEATURES.index(name)])


def test_features_of_lines():
    assert _feature(PAPER, "BiLSTM […]", "cited") == 1
    assert _feature(PAPER, "FooNet (ours)", "cited") == 0
    assert _feature(PAPER, "FooNet (ours)", "ours") == 1
    assert _feature(PAPER, "FooNet (ours)", "own_exact") == 1  # brackets are no part of the name
    assert _feature(PAPER, "FooNet (ours)", "last") == 1
    assert _feature(PAPER, "BiLSTM […]", "first") == 1
    assert _feature(PAPER, "FooNet w/o attention", "without") == 1
    assert _feature(PAPER, "SST-2", "axis") == 1
    assert _feature(PAPER, "SST-2", "ours_on_other_axis") == 1


def test_features_have_their_names_and_are_numbers():
    lines = lines_of(PAPER, candidates_of(PAPER), NameCounts({}))
    assert lines.features.shape == (len(GRID) - 1 + 2, len(FEATURES))
    assert np.isfinite(lines.features).all()


def test_a_paper_without_tables_has_no_lines():
    paper = Paper("1", "T", "The accuracy is 91.2 %.")
    lines = lines_of(paper, candidates_of(paper), NameCounts({}))
    assert lines.features.shape == (0, len(FEATURES))
    assert (lines.row == -1).all()


def test_names_are_counted_by_month(tmp_path):
    papers = [("1901.00001", ["BiLSTM […]", "A"]), ("2006.00001", ["BiLSTM"]), ("2006.00002", ["Once"])]
    names = NameCounts.of(papers)
    names.save(str(tmp_path / "names.parquet"))
    names = NameCounts.load(str(tmp_path / "names.parquet"))
    assert names.before("BiLSTM", None) == 2
    assert names.before("Once", None) == 0  # of one paper alone
    assert _feature(PAPER, "BiLSTM […]", "earlier_papers", names) == pytest.approx(np.log1p(1))


@pytest.mark.parametrize(
    ("header", "plain"),
    [("BiLSTM […]", "bilstm"), ("T5 (Raffel et al., 2020)", "t5"), ("FooNet-L (ours)", "foonetl")],
)
def test_plain_names(header, plain):
    assert plain_name(header) == plain


def test_the_kinds_that_ship_know_own_and_cited_rows():
    candidates = candidates_of(PAPER)
    found = LineKinds.load(embedded_matcher())(PAPER, candidates)
    kinds = {
        candidates.contexts[beside]: KINDS[int(row.argmax())]
        for beside, row in zip(candidates.beside, found.kinds, strict=True)
        if np.isfinite(row).all()
    }
    assert kinds["BiLSTM […]"] == "baseline"
    assert kinds["FooNet (ours)"] == "own"
    assert (found.axis == METHODS_IN_ROWS).all()


def test_methods_in_columns_are_found_there():
    turned = [list(row) for row in zip(*GRID, strict=True)]
    paper = Paper(PAPER.paper_id, PAPER.title, PAPER.abstract, tables=[table_of_grid("Accuracy.", turned)])
    found = LineKinds.load(embedded_matcher())(paper, candidates_of(paper))
    assert (found.axis == METHODS_IN_COLUMNS).all()


def test_kinds_are_learnt_from_judged_cells(tmp_path):
    kinds = {
        (0, n): "own" if "ours" in cell.row_headers[0] else "baseline"
        for n, cell in enumerate(PAPER.tables[0].cells)
    }
    judged = [
        JudgedPaper(Paper(f"20{m:02d}.{n:05d}", PAPER.title, PAPER.abstract, tables=PAPER.tables), kinds)
        for m in range(1, 13)
        for n in range(1, 31)
    ]
    learnt = learn_line_kinds(judged, NameCounts({}))
    learnt.save(str(tmp_path))
    again = LineKinds.load(str(tmp_path))
    candidates = candidates_of(PAPER)
    found = again(PAPER, candidates).kinds
    assert (found == learnt(PAPER, candidates).kinds).all()
    ours = np.array(["ours" in candidates.contexts[b] for b in candidates.beside])
    own = KINDS.index("own")
    assert found[ours, own].mean() > found[~ours & (candidates.tables >= 0), own].mean() + 0.3


def test_missing_kinds_are_named(tmp_path):
    with pytest.raises(CheckpointError, match="kinds of lines cannot be read"):
        LineKinds.load(str(tmp_path))


@pytest.mark.parametrize(
    ("title", "abstract", "names"),
    [
        ("FooNet: Attention", "We propose a network.", ["FooNet"]),
        ("Attention for all", "We propose a novel model called BarNet for it.", ["BarNet"]),
        ("Attention for all", "We present a deep transition network (DTN) for parsing.", ["DTN"]),
        ("On the limits of attention in networks: a study", "We study attention.", []),
        ("Attention", "Our method uses an LSTM.", []),
    ],
)
def test_own_names(title, abstract, names):
    assert own_names(Paper("1", title, abstract))[:1] == names


@pytest.mark.parametrize(
    ("headers", "name"),
    [
        (["BERT-large […]"], "BERT-large"),
        (["Single models", "XLNet [12, 13]"], "XLNet"),
        (["Ours"], "FooNet"),
        (["Ours (ResNet-101)"], "FooNet (ResNet-101)"),
        (["FooNet (ours)"], "FooNet"),
        (["Our model"], "FooNet"),
        (["BiDAF (Seo et al., 2017)"], "BiDAF"),
        (["T5†"], "T5"),
        (["Foo - Net - 2 ( ours )"], "Foo-Net-2"),
        (["6 . BarNet w / o A"], "BarNet w/o A"),
        (["Proposed FooNet + X"], "FooNet + X"),
        (["Ours (FooNet-L)"], "FooNet-L"),
        (["PT+MAP (ours)", "WRN"], "PT+MAP"),
        (["(ours full)"], "FooNet full"),
        (["12"], None),
        ([], None),
    ],
)
def test_method_names(headers, name):
    assert method_name([Cell("1.0", row_headers=headers)], 0, METHODS_IN_ROWS, ["FooNet"]) == name


def test_ours_without_a_known_name_stays_what_it_says():
    assert method_name([Cell("1", row_headers=["Ours"])], 0, METHODS_IN_ROWS, []) == "Ours"
    assert method_name([Cell("1", row_headers=["GRU", "Ours"])], 0, METHODS_IN_ROWS, []) == "GRU"
    assert method_name([Cell("1", column_headers=["A net"])], 0, METHODS_IN_COLUMNS, []) == "A net"
    assert bare_name("*GRU†") == "GRU"


LABEL = TDM("Atari Games", "Alien", "Score")


@pytest.mark.parametrize(
    ("rows", "columns", "name"),
    [
        (["Alien"], ["Double DQN (tuned)"], "Double DQN (tuned)"),  # the row is the label's data set
        (["Overall"], ["FooNet / A"], "FooNet/A"),
        (["Win rate"], ["FooNet"], "FooNet"),  # only the column names the paper's own
        (["GRU"], ["Alien"], "GRU"),
        (["Alien"], ["Score"], "Alien"),  # nothing better stands there
    ],
)
def test_methods_may_stand_on_the_other_axis(rows, columns, name):
    cells = [Cell("1.0", row_headers=rows, column_headers=columns)]
    assert method_name(cells, 0, METHODS_IN_ROWS, ["FooNet"], LABEL) == name


def test_what_is_added_is_joined_with_what_it_is_added_to():
    rows = ["Bi-LSTM", "+ CRF", "+ ELMo", "GRU", "w/o CRF"]
    cells = [Cell("1.0", row_headers=[row]) for row in rows]
    names = [method_name(cells, at, METHODS_IN_ROWS, []) for at in range(len(cells))]
    assert names == ["Bi-LSTM", "Bi-LSTM + CRF", "Bi-LSTM + ELMo", "GRU", "w/o CRF"]
    own = [Cell("1.0", row_headers=[row]) for row in ("GAN", "+ Mixing (FooNet)", "+ FooNet loss")]
    assert method_name(own, 1, METHODS_IN_ROWS, []) == "FooNet"
    assert method_name(own, 2, METHODS_IN_ROWS, ["FooNet"]) == "FooNet loss"


@pytest.mark.parametrize(
    ("own", "title", "names"),
    [
        (["PointNets", "RGB-D"], "Frustum PointNets for 3D Detection", ["Frustum PointNets", "PointNets"]),
        (["KNN", "Alien"], "On games", ["On games"]),  # a part of it and a data set; two words
        (["KNN", "FooNet"], "A longer title of a paper", ["FooNet"]),
        ([], "A longer title of a paper", []),
        (["U-Net"], "U-Net: Networks for images", ["U-Net"]),
    ],
)
def test_what_ours_stands_for(own, title, names):
    assert names_of_ours(own, title, {"alien"}) == names


def test_the_method_is_told_from_its_group_backbone_and_modality():
    grid = [
        ["Method", "Backbone", "Input", "mAP"],
        ["Supervised:", "", "", ""],
        ["MLP-A", "ResNet-50", "RGB", "70.1"],
        ["MLP-B", "ResNet-50", "RGB", "71.1"],
        ["FooNet", "ResNet-101", "RGB", "72.1"],
        ["MLP-C", "ResNet-101", "RGB", "73.1"],
    ]
    cells = table_of_grid("", grid).cells
    names = [method_name(cells, at, METHODS_IN_ROWS, ["FooNet"]) for at in range(len(cells))]
    assert names == ["MLP-A", "MLP-B", "FooNet", "MLP-C"]


def test_latex_tables_keep_a_mark_where_a_row_cites():
    tex = r"""\documentclass{article}\begin{document}\title{T}\section{A}text
    \begin{table}\caption{C \cite{z}}\begin{tabular}{lcc}\hline Model & Acc & F1~\citep[see][]{b}\\ \hline
    BiLSTM \cite{x} & 91.2 & 3.1\cite{q}\\ Ours & \textbf{93.1} & 2\\ \end{tabular}
    \end{table}\end{document}"""
    (table,) = read_tex("1", tex).tables
    assert [list(c.row_headers) for c in table.cells] == [["BiLSTM […]"]] * 2 + [["Ours"]] * 2
    assert [c.value for c in table.cells] == ["91.2", "3.1", "93.1", "2"]  # values without it
    assert table.cells[1].column_headers == ["F1 […]"]
    assert "…" not in table.caption


def test_cells_know_their_place_in_the_grid():
    cells = table_of_grid("", GRID).cells
    assert [(c.row, c.column) for c in cells[:3]] == [(1, 1), (1, 2), (2, 1)]
    assert all(GRID[c.row][c.column] == c.value for c in cells)
