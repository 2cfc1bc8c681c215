"""E-prints: every kind ends as a paper with its numbers under their headers, or as a reject, within its
limits."""

import gzip
import resource
import time
import zlib
from pathlib import Path

import pytest
from eprints import EPRINTS, PLAIN, REJECTED, article, tar
from hypothesis import given, settings
from hypothesis import strategies as st

from tdm_ray.errors import PaperError
from tdm_ray.papers.latex import eprint, pandoc
from tdm_ray.papers.latex.columns import joined, joints
from tdm_ray.papers.latex.conditionals import without_branches
from tdm_ray.papers.latex.eprint import read_eprint
from tdm_ray.papers.latex.macros import expand
from tdm_ray.papers.latex.pandoc import convert
from tdm_ray.papers.latex.paper import CITED, read_tex
from tdm_ray.papers.latex.project import flatten
from tdm_ray.papers.latex.split import split
from tdm_ray.papers.latex.tabular import read_tabular, tabulars
from tdm_ray.papers.latex.tex import argument, balanced, environments, option, without_comments
from tdm_ray.papers.limits import time_limit
from tdm_ray.papers.read import read_papers
from tdm_ray.papers.splits import paper_id_of_path


@pytest.mark.parametrize("name", EPRINTS)
def test_every_number_survives_with_its_headers(name):
    made = EPRINTS[name]
    paper = read_tex(name, read_eprint(made.packed))
    assert paper.title == made.title
    assert paper.abstract.startswith("We do a thing")
    assert paper.sections[0].heading == "Introduction"
    assert any("better than the others" in s.text for s in paper.sections)
    cells = [c for t in paper.tables for c in t.cells]
    for value, row, column in made.cells:
        assert any(
            c.value.replace(" ", "") == value.replace(" ", "")
            and row in [h.removesuffix(f" {CITED}") for h in c.row_headers]
            and column in c.column_headers
            for c in cells
        ), (value, row, column, cells)
    caption = made.caption or "Results on the test sets."
    assert any(caption in t.caption for t in paper.tables) or name == "looped"


def test_bold_cells_are_those_in_bold():
    for name, bold in (("single", {"95.6", "89.8"}), ("macros", {"84.1", "90.9"})):
        (table,) = read_tex(name, read_eprint(EPRINTS[name].packed)).tables
        assert {c.value for c in table.cells if c.bold} == bold


def test_panels_have_their_own_captions():
    coco, lvis = read_tex("1", read_eprint(EPRINTS["subtable"].packed)).tables
    assert coco.caption == "Results on the test sets. COCO"
    assert lvis.caption == "Results on the test sets. LVIS"


@pytest.mark.parametrize("name", REJECTED)
def test_what_is_no_source_is_rejected(name):
    data, reason = REJECTED[name]
    with pytest.raises(PaperError) as error:
        read_tex(name, read_eprint(data))
    assert error.value.reason == reason


def test_a_decompression_bomb_is_not_unpacked():
    stream = zlib.compressobj(9, wbits=31)
    bomb = b"".join([*(stream.compress(bytes(1_000_000)) for _ in range(300)), stream.flush()])
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(PaperError, match="unpacks to more than"):
        read_eprint(bomb)
    assert (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024 < 3 * eprint.MAX_UNPACKED


def test_a_bomb_in_a_tar_is_not_read():
    with pytest.raises(PaperError, match="bytes of TeX"):
        read_eprint(gzip.compress(tar({"a.tex": b"x" * (eprint.MAX_TEX + 1)})))


def test_a_paper_may_take_so_long_and_no_longer():
    with pytest.raises(PaperError, match=r"too_slow: not done after 0\.05 s"), time_limit(0.05):
        while True:
            without_comments("x" * 1000)
    with time_limit(0.05):
        pass
    time.sleep(0.1)  # the alarm is off again


def test_groups_a_thousand_deep():
    paper = read_tex("1", article("x").decode().replace("by a margin", "{\\it " * 2000 + "deep" + "}" * 2000))
    assert "deep" in " ".join(s.text for s in paper.sections)


def test_a_tex_bomb_ends_within_its_limits():
    started = time.monotonic()
    read_tex("1", read_eprint(EPRINTS["looped"].packed))
    assert time.monotonic() - started < pandoc._PAPER_S + pandoc._CALL_S + 5


def test_nothing_is_executed_or_read_from_outside(tmp_path):
    """`\\write18`, `\\input` of a pipe or of a file of ours, a file name for a shell: none has an effect."""
    secret = tmp_path / "secret.tex"
    mark = tmp_path / "mark"
    secret.write_text("the secret text")
    attack = (
        f'\\immediate\\write18{{touch {mark}}} \\input{{|"touch {mark}"}} '
        f"\\input{{{secret}}} \\include{{{secret}}}\n"
        f"\\openout\\x={mark} \\write\\x{{boo}} \\lstinputlisting{{{secret}}} \\verbatiminput{{{secret}}}\n"
        f"\\directlua{{os.execute('touch {mark}')}} \\csname input\\endcsname{{{secret}}} "
        f"\\includegraphics{{{secret}}}"
    )
    names = {f"$(touch {mark}).tex": b"x", f"; touch {mark} ;.tex": b"y"}
    for data in (
        gzip.compress(article("x").replace(b"\\maketitle", attack.encode())),
        gzip.compress(tar({**names, "main.tex": article("x").replace(b"\\maketitle", attack.encode())})),
    ):
        path = tmp_path / "$(touch mark);2401.00001.gz"
        path.write_bytes(data)
        (found,) = read_papers(str(path))
        assert found.paper
        assert "secret text" not in str(found.paper)
        assert not mark.exists()
        assert sorted(p.name for p in tmp_path.iterdir()) == sorted([path.name, secret.name])


@pytest.mark.parametrize(
    ("page", "title"),
    [
        (r"\title{\scalebox{0.9}{A Scaled Title}}", "A Scaled Title"),
        (r"\icmltitle{The Title\footnote{Not this.} of \emph{It}}", "The Title of It"),
        (r"\begin{center}{\Large \bf A title made by hand}\end{center}", "A title made by hand"),
        (r"{\Large Supplementary material of another}", ""),
    ],
)
def test_titles(page, title):
    source = article("x").decode()
    begin = source.index("\\title{")
    end = source.index("\\author")
    paper = read_tex("1", f"{source[:begin]}{source[end:]}".replace("\\maketitle", page))
    assert paper.title == title


def test_a_stray_command_costs_its_part_and_not_the_paper():
    parts = [
        "A first part with \\emph{words}.",
        "A broken \\emph{\\begin{itemize}\n\n\\item} part.",
        "A third, $x_1$.",
    ]
    texts = convert(parts, ["\\newcommand{\\fine}{ok}\n", "\\newcommand{\\bad}{{}\n"])
    assert [t.tolerant for t in texts] == [False, True, False]
    assert texts[0].text == "A first part with words."
    assert "broken" in texts[1].text
    assert texts[2].text == "A third, x1."


def test_a_paper_says_how_it_was_converted():
    broken = article(PLAIN).decode().replace("Conclusion}", "Conclusion} \\foo[\\verb|a")
    assert read_tex("1", broken).conversion.startswith("pandoc; pylatexenc for 1 of")
    assert read_tex("1", read_eprint(EPRINTS["unbalanced"].packed)).conversion == "pandoc"


def test_what_is_left_open_is_closed():
    assert balanced(r"a {b} } \begin{c} {d \end{e} $f$ $ \}".replace("\\\\", "\\")).split() == [
        "a",
        "{b}",
        "d",
        "$f$",
        "\\}",
    ]
    assert balanced(r"\begin{a}{b}\end{a}") == r"\begin{a}{b}\end{a}"


def test_comments_groups_and_options():
    assert without_comments("a% no\n  b \\% yes\n% gone\nc%\n\nd \\\\% x\ne") == "ab \\% yes\nc\n\nd \\\\e"
    assert argument(r" {a{b}\}}c", 0) == (r"a{b}\}", 9)
    assert argument(r"\foo x", 0) == (r"\foo", 4)
    assert argument("{open", 0) is None
    assert option(" [a{]}b] c", 0) == ("a{]}b", 8)
    assert option("{x}", 0) == (None, 0)
    nested = r"\begin{a}1\begin{a}2\end{a}\end{a}\begin{a}open \begin{b}3\end{b}"
    assert [e.body(nested) for e in environments(nested, ("a", "b"))] == [r"1\begin{a}2\end{a}", "3"]


def test_structural_macros_are_expanded_and_others_kept():
    text, kept = expand(
        r"\newcommand{\row}[2]{#1 & #2 \\}\newcommand*\name{N}\row{a}{\name}\renewcommand{\me}{x\me}"
    )
    assert text == r"a & \name \\"
    assert set(kept) == {"\\name"}
    assert kept["\\name"].definition == "\\newcommand{\\name}{N}\n"


def test_spans_are_repeated_over_what_they_span():
    tex = (
        r"\begin{tabular}{ccc} \multirow{2}{*}{A} & \multicolumn{2}{c}{B} "
        r"\\ & C & {D & \\ E} \\ \end{tabular}"
    )
    (environment,) = tabulars(tex)
    assert read_tabular(environment, tex).grid == [["A", "B", "B"], ["A", "C", r"{D & \\ E}"]]


def test_sections_title_and_abstract_are_told_apart():
    found = split(without_comments(article("x").decode()))
    assert found.title.strip() == "A Method that Works"
    assert [h for h, _ in found.sections] == ["Introduction", "Experiments", "Conclusion"]
    bare = split("Some words of a fragment. " * 10 + r"\section*{Abstract} We do. \section{One} Two.")
    assert bare.abstract.strip() == "We do."
    assert [h for h, _ in bare.sections] == ["", "One"]


def test_powers_of_numbers_stay_powers():
    told = {"10^4": "10^4", "10^{6}": "10^6", "2^{nd}": "2nd", "F_1": "F1", "x^2": "x2"}
    assert {tex: pandoc.math_text(tex) for tex in told} == told


@settings(max_examples=40, deadline=None)
@given(st.text(alphabet="ab \\{}[]&%$\n~_^#", max_size=60))
def test_no_source_breaks_the_reader(noise):
    tex = article("x").decode().replace("by a margin", noise)
    try:
        assert read_tex("1", tex).title is not None
    except PaperError as error:
        assert error.reason in ("no_text", "empty")


def test_ids_of_both_ages():
    names = ("2203/2203.03605.gz", "0001/hep-th0001001.gz", "math.GT0309136v2.gz", "1911.02782.tar.gz")
    assert [paper_id_of_path(n) for n in names] == [
        "2203.03605",
        "hep-th/0001001",
        "math.GT/0309136v2",
        "1911.02782",
    ]


def test_two_real_eprints(real_data):
    """Counted by eye in their TeX: title, abstract, sections and tables are all there."""
    first, second = (r.paper for r in read_papers(str(real_data / "latex")))
    assert (first.paper_id, first.title) == ("1911.02782", "S2ORC: The Semantic Scholar Open Research Corpus")
    assert (second.paper_id, second.title) == ("2004.14974", "Fact or Fiction: Verifying Scientific Claims")
    assert (len(first.sections), len(first.tables)) == (22, 10)
    assert (len(second.sections), len(second.tables)) == (27, 11)
    assert all(t.cells for p in (first, second) for t in p.tables)
    scibert = next(t for t in first.tables if "SciBERT test results" in t.caption)
    assert any(
        c.value == "90.01" and "BC5CDR" in c.row_headers and "SciBERT" in c.column_headers
        for c in scibert.cells
    )


def test_no_file_is_written(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    read_tex("1", read_eprint(EPRINTS["traversal"].packed))
    assert not list(tmp_path.iterdir())
    assert not Path("/tmp/tdm_ray_evil.tex").exists()


def test_what_pandoc_does_not_know_keeps_its_text():
    told = {
        r"\strong{84.2}": "84.2",
        r"\quad 96.3": "96.3",
        r"\fcolorbox{red}{blue}{84.2}": "84.2",
        r"\cellcolor{red!20}{96.3}": "96.3",
        r"\hskip 3pt 12": "12",
        r"\makebox[2cm][l]{84.2}": "84.2",
        r"\smash{\textbf{84.2}}": "84.2",
        r"\textuparrow 3.2": "↑ 3.2",
        r"\ding{51}": "✓",
        r"34.3\tiny{2.2}": "34.3 2.2",
        r"see Table \vref{tab:a}, please": "see Table , please",
        r"\IEEEPARstart{D}{eep} nets": "Deep nets",
        r"\begin{unknown}[x] words \emph{here} \end{unknown}": "words here",
        r"\begin{tikzpicture} \draw (0,0); \end{tikzpicture}": "",
    }
    assert {tex: text.text for tex, text in zip(told, convert(list(told)), strict=True)} == told
    assert [text.bold for text in convert([r"\foo{\textbf{1}}", r"\foo{1}"])] == [True, False]
    assert convert([r"\foo{1}"])[0].unknown == (r"\foo",)


def test_a_mark_is_no_digit_and_a_power_keeps_its_sign():
    told = {
        "96$^2$": "96²",
        "96.3$^1$": "96.3¹",
        "$96.3^{12}$": "96.3¹²",
        "96.3\\textsuperscript{2}": "96.3²",
        "96.3$_{0.1}$": "96.3 0.1",
        "10\\textsuperscript{-3}": "10^-3",
        "$10^{-3}$": "10^-3",
        "10$^{4}$": "10^4",
    }
    assert {tex: text.text for tex, text in zip(told, convert(list(told)), strict=True)} == told


def test_definitions_of_all_kinds_are_read():
    tex = r"""
    \let\hl\textbf \expandafter\def\csname best1\endcsname #1{\hl{#1}} \def \mine #1 {(#1)}
    \NewDocumentCommand{\own}{s O{x} m}{#2#3} \newcommand{\outer}[1]{\inner{#1}} \newcommand{\inner}[1]{<#1>}
    \newcommand{\wrong}{\alsowrong}\newcommand{\alsowrong}{\wrong}
    """
    _, macros = expand(tex)
    assert {name: (macro.parameters, macro.body) for name, macro in macros.items()} == {
        "\\hl": (0, "\\textbf"),
        "\\bestcsnamex": (1, "\\hl{#1}"),
        "\\mine": (1, "(#1)"),
        "\\own": (2, "#1#2"),
        "\\outer": (1, "\\inner{#1}"),
        "\\inner": (1, "<#1>"),
    }


@pytest.mark.parametrize(
    ("tex", "text"),
    [
        (r"\iffalse a \ifx b \fi c \fi d", "d"),
        (r"\iftrue a \else b \fi c", "a c"),
        (r"\if0 a \else b \fi", "b"),
        (r"\newif\ifdraft \ifdraft a \else b \fi", "b"),
        (r"\newif\ifdraft \drafttrue \ifdraft a \else b \fi", r"\drafttrue a"),
        (r"\newtoggle{x}\toggletrue{x} \iftoggle{x}{a}{b}", r"a"),
        (r"\newboolean{x}\setboolean{x}{false} \ifthenelse{\boolean{x}}{a}{b}", "b"),
        (r"\ifpdf a \else b \fi", r"\ifpdf a \else b \fi"),
        (r"\iffalse a", r"\iffalse a"),
    ],
)
def test_the_branch_that_a_paper_takes(tex, text):
    read = without_branches(tex).split()
    assert read[-len(text.split()) :] == text.split()


def test_the_main_file_is_the_paper():
    paper, other = (
        b"\\documentclass{a}\\begin{document}\\title{P}\\section{x}short",
        b"\\documentclass{a}\\begin{document}",
    )
    long = other + b"\\title{Supplementary Material}\\section{x}" + b"words " * 200
    assert "short" in flatten({"p.tex": paper, "q.tex": long})
    assert "short" in flatten({"p.tex": paper, "rebuttal.tex": long.replace(b"Supplementary Material", b"P")})
    longer = long.replace(b"Supplementary Material", b"P")
    assert "short" in flatten({"p.tex": paper, "p.bbl": b"x", "q.tex": longer})
    assert "short" in flatten({"p_v2.tex": paper, "p_v1.tex": longer})
    readme = b'{"sources": [{"filename": "p.tex", "usage": "toplevel"}]}'
    assert "short" in flatten({"p.tex": paper, "q.tex": longer, "00README.json": readme})


def test_a_file_that_is_not_there_is_named():
    tex = (
        article(PLAIN).decode().replace("\\section{Conclusion}", "\\input{tables/gone}\\section{Conclusion}")
    )
    paper = read_tex("1", flatten({"main.tex": tex.encode()}))
    assert paper.conversion == "pandoc; files not found: tables/gone"


@pytest.mark.parametrize(
    ("spec", "between"),
    [
        (r"l r@{ $\pm$ }l", {1: r"$\pm$"}),
        (r"l r@{.}l r@{.}l", {1: ".", 3: "."}),
        (r"l*{2}{S[table-format=2.1]@{${}\pm{}$}S}", {1: r"${}\pm{}$", 3: r"${}\pm{}$"}),
        (r"@{}l@{\hspace{2pt}}c@{\extracolsep{\fill}}c|p{2cm}!{\vrule}c@{}", {}),
        (r"l r@{\,(}r@{)}", {1: r"\,("}),
        (r">{\bfseries}l D{.}{.}{-1} @{/} c", {1: "/"}),
        ("*{99999999999}{l}", {}),
        ("@{", {}),
    ],
)
def test_what_a_column_specification_prints_between_cells(spec, between):
    assert joints(spec) == between


def test_cells_split_over_two_columns_are_joined():
    grid = [
        ["Method", "Acc", "Acc"],
        ["A", "93", "4"],
        ["B", "", "8"],
        ["C", "95", ""],
        ["Name", "Top", "one"],
    ]
    told = [["Method", "Acc"], ["A", "93.4"], ["B", "8"], ["C", "95"], ["Name", "Top one"]]
    assert joined(grid, {1: "."}) == told


def test_tables_over_several_pages_have_one_head_and_their_captions():
    long = (
        r"\begin{longtable}{lc}\caption{Long.}\\ M & Acc \\ \endfirsthead"
        r" \multicolumn{2}{c}{continued} \\ \endhead"
        r" \multicolumn{2}{c}{next page} \\ \endfoot \endlastfoot A & 93.1 \\ \end{longtable}"
        r"\begin{longtblr}[caption={Tall.}]{colspec={lc}} M & Err \\ B & 6.4 \\ \end{longtblr}"
    )
    paper = read_tex("1", article(long).decode())
    cells = [(cell.value, cell.row_headers, cell.column_headers) for t in paper.tables for cell in t.cells]
    assert cells == [("93.1", ["A"], ["Acc"]), ("6.4", ["B"], ["Err"])]
    assert [table.caption.rpartition(" ")[2] for table in paper.tables] == ["Long.", "Tall."]


@pytest.mark.parametrize(
    "command", ["subject", "title", "subtitle", "date", "author", "address", "publishers"]
)
def test_a_command_that_pandoc_takes_for_metadata_keeps_its_argument_in_a_cell(command):
    """Authors name their own commands so; `\\subject{1}` of KOMA-Script's name lost the rows' labels."""
    rows = (
        rf"\begin{{tabular}}{{lc}} Net & Acc \\ \hline \{command}{{1}} & \{command}{{84.2}} \end{{tabular}}"
    )
    ((cell,),) = [t.cells for t in read_tex("p", rf"\begin{{document}}{rows}\end{{document}}").tables]
    assert (cell.value, list(cell.row_headers)) == ("84.2", ["1"])


def test_a_cell_under_a_span_from_above_keeps_its_own_text():
    heads = r"\multirow{2}{*}{Net} & \multirow{2}{*}{Params} \\ & (M) \\ \hline"
    rows = rf"{heads} A & 1.5 \\ \multirow{{3}}*{{B}} & 2.5 \\ ~ & 3.5 \\ \cellcolor{{gray!20}} & 4.5"
    tex = rf"\begin{{document}}\begin{{tabular}}{{lc}} {rows} \end{{tabular}}\end{{document}}"
    (table,) = read_tex("p", tex).tables
    found = [(*c.row_headers, *c.column_headers, c.value) for c in table.cells]
    assert found == [
        ("A", "Params", "(M)", "1.5"),
        ("B", "Params", "(M)", "2.5"),
        ("B", "Params", "(M)", "3.5"),
        ("B", "Params", "(M)", "4.5"),
    ]


def test_registers_and_angles_are_no_text():
    box = r"\newcommand{\rpm}{\sbox0{}\raise\dimexpr(\ht0-\ht2)/2\relax\box2 }"
    cell = r"\begin{turn}{90}Net\end{turn} & 51.7 {\footnotesize \rpm 0.4}"
    table = rf"\begin{{tabular}}{{lc}} & mIoU \\ \hline {cell} \end{{tabular}}"
    tex = rf"{box}\begin{{document}}{table}\end{{document}}"
    (table,) = read_tex("p", tex).tables
    assert [(*c.row_headers, c.value) for c in table.cells] == [("Net", "51.7 0.4")]
