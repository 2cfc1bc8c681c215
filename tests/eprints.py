"""E-prints written for the tests, packed as arXiv packs them; and for each the table cells that must be found
in it."""

import gzip
import io
import tarfile
from dataclasses import dataclass, field

INTRO = (
    "We propose a method and compare it with others on public benchmarks, as is the custom in this field. "
    * 3
)
RESULTS = (
    "Table~\\ref{t} shows the results on the test sets; our method is better than the others by a margin. "
    * 3
)


@dataclass(frozen=True)
class EPrint:
    """Files (name -> bytes; one named '' is not in a tar), and the cells: (value, row header, column
    header)."""

    files: dict
    cells: set = field(default_factory=set)
    title: str = "A Method that Works"
    caption: str = ""

    @property
    def packed(self):
        return gzip.compress(self.files[""] if "" in self.files else tar(self.files), mtime=0)


def tar(files):
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return buffer.getvalue()


def article(table, *, preamble="", cls="\\documentclass{article}", caption="Results on the test sets."):
    """A paper around a table."""
    return (
        f"{cls}\n{preamble}\n\\title{{A Method that Works\\thanks{{Supported by nobody.}}}}\n"
        f"\\author{{A. Author}}\n\\begin{{document}}\n\\maketitle\n"
        f"\\begin{{abstract}}\nWe do a thing, and it works well on two data sets.\n\\end{{abstract}}\n"
        f"\\section{{Introduction}}\n{INTRO}\n\\section{{Experiments}}\n{RESULTS}\n"
        f"\\begin{{table}}\n\\centering\n{table}\n\\caption{{{caption}}}\\label{{t}}\n\\end{{table}}\n"
        f"\\section{{Conclusion}}\n{INTRO}\n\\end{{document}}\n"
    ).encode()


PLAIN = r"""\begin{tabular}{|l|c|c|}
\hline
Method & SST-2 & MNLI \\ \hline \hline
BERT & 94.9 & 86.7 \\ \hline
Ours & {\bf 95.6} & \textbf{89.8} \\ \hline
\end{tabular}"""
PLAIN_CELLS = {
    ("94.9", "BERT", "SST-2"),
    ("86.7", "BERT", "MNLI"),
    ("95.6", "Ours", "SST-2"),
    ("89.8", "Ours", "MNLI"),
}

BOOKTABS = r"""\begin{tabular}{@{}lrr@{}} \toprule
& \multicolumn{2}{c}{CIFAR-10} \\ \cmidrule(lr){2-3}
Method & Error & Params \\ \midrule
\multicolumn{3}{l}{\emph{Supervised}} \\
ResNet~\cite{he} & $6.43$ & 1.7M \\[2pt]
\rowcolor{gray!20} DenseNet & \cellcolor[gray]{.9}3.46 & 25.6M \\ \bottomrule
\end{tabular}"""
MULTIROW = r"""\begin{tabular}{llcc}
\hline
\multirow{2}{*}{Task} & \multirow{2}{*}{Model} & \multicolumn{2}{c}{WMT14} \\
\cline{3-4} & & En-De & En-Fr \\ \hline
\multirow{2}{*}{\rotatebox{90}{Translation}} & Transformer & 28.4 & 41.8 \\
 & ConvS2S & 25.16 & 40.46 \\ \hline
\end{tabular}"""
TABULARX = r"""\begin{tabularx}{\textwidth}{l *{2}{>{\centering\arraybackslash}X}}
\toprule System & \thead{Top-1\\ acc.} & \makecell{Top-5 \\ acc.} \\ \midrule
ViT & 88.55$\pm$0.04 & 98.7\% \\ \bottomrule \end{tabularx}"""
LONGTABLE = r"""\begin{longtable}[c]{l|r}
\caption{Results on the test sets.}\\ \hline Corpus & F$_1$ \\ \hline \endfirsthead
\hline \endhead
CoNLL-2003 & 93.5 \\ OntoNotes & 89.7 \\ \hline \end{longtable}"""
RESIZED = r"""\resizebox{\columnwidth}{!}{%
\begin{tabular}{lcc} \toprule Model & PPL & Params\\ \midrule
AWD-LSTM & 57.3 & 24M \\ GPT-2 & 35.76 & 1542M \\ \bottomrule \end{tabular}%
}"""
SUBTABLES = r"""\begin{subtable}{.5\linewidth}\caption{COCO}
\begin{tabular}{lc} \hline Model & AP \\ \hline Mask R-CNN & 39.8 \\ \hline \end{tabular}\end{subtable}
\begin{subtable}{.5\linewidth}\caption{LVIS}
\begin{tabular}{lc} \hline Model & AP \\ \hline Mask R-CNN & 23.3 \\ \hline \end{tabular}\end{subtable}"""
MACROS = r"""\newcommand{\ours}{\textsc{MagicNet}\xspace} \newcommand{\best}[1]{\textbf{#1}}
\def\squad{SQuAD} \newcommand{\mc}[2]{\multicolumn{#1}{c}{#2}}
\newcommand{\stack}[2][c]{\begin{tabular}[#1]{@{}c@{}}#2\end{tabular}}
\newcommand{\bt}{\begin{tabular}{lcc}} \newcommand{\et}{\end{tabular}}"""
WITH_MACROS = r"""\bt \toprule & \mc{2}{\squad{} 1.1} \\ Model & EM & \stack{F1\\ dev} \\ \midrule
BiDAF & 67.7 & 77.3 \\ \ours & \best{84.1} & \best{90.9} \\ \bottomrule \et"""

LATIN1 = "\\usepackage[latin1]{inputenc}"
LOOP = r"\newcommand{\y}{\z\z}\newcommand{\z}{\y\y}"

EPRINTS = {
    "single": EPrint({"": article(PLAIN)}, PLAIN_CELLS),
    "multi": EPrint(
        {
            "sections/results.tex": RESULTS.encode()
            + b"\\begin{table}\\input{tables/main}\\caption{On GLUE.}\\end{table}",
            "tables/main.tex": PLAIN.encode(),
            "paper.tex": b"\\documentclass{article}\\begin{document}\\title{A Method that Works}\\maketitle\n"
            b"\\begin{abstract}We do a thing.\\end{abstract}\\section{Introduction}"
            + INTRO.encode()
            + b"\\section{Results}\\input{sections/results}\\include{missing}\\end{document}",
            "fig/a.pdf": b"%PDF-1.4",
            "old/paper-v1.tex": b"\\documentclass{article}\\begin{document}An old draft.\\end{document}",
        },
        PLAIN_CELLS,
        caption="On GLUE.",
    ),
    "latex209": EPrint({"": article(PLAIN, cls="\\documentstyle[11pt,epsf]{article}")}, PLAIN_CELLS),
    "ams": EPrint(
        {"": article(PLAIN, cls="\\documentclass{amsart}").replace(b"\\title{", b"\\title[Short]{")},
        PLAIN_CELLS,
    ),
    "revtex": EPrint(
        {
            "": article(
                PLAIN.replace("|", "").replace("\\hline", ""), cls="\\documentclass[aps,prl]{revtex4-1}"
            )
        },
        PLAIN_CELLS,
    ),
    "booktabs": EPrint(
        {"": article(BOOKTABS)},
        {
            ("6.43", "ResNet", "Error"),
            ("1.7M", "ResNet", "Params"),
            ("3.46", "DenseNet", "Error"),
            ("25.6M", "DenseNet", "Params"),
            ("3.46", "Supervised", "CIFAR-10"),
        },
    ),
    "multirow": EPrint(
        {"": article(MULTIROW)},
        {
            ("28.4", "Transformer", "En-De"),
            ("41.8", "Translation", "WMT14"),
            ("25.16", "ConvS2S", "En-De"),
            ("40.46", "Translation", "En-Fr"),
        },
    ),
    "tabularx": EPrint(
        {"": article(TABULARX)}, {("88.55±0.04", "ViT", "Top-1 acc."), ("98.7%", "ViT", "Top-5 acc.")}
    ),
    "longtable": EPrint(
        {"": article(LONGTABLE)}, {("93.5", "CoNLL-2003", "F1"), ("89.7", "OntoNotes", "F1")}
    ),
    "resizebox": EPrint(
        {"": article(RESIZED)},
        {
            ("57.3", "AWD-LSTM", "PPL"),
            ("24M", "AWD-LSTM", "Params"),
            ("35.76", "GPT-2", "PPL"),
            ("1542M", "GPT-2", "Params"),
        },
    ),
    "subtable": EPrint(
        {"": article(SUBTABLES)}, {("39.8", "Mask R-CNN", "AP"), ("23.3", "Mask R-CNN", "AP")}
    ),
    "macros": EPrint(
        {"": article(WITH_MACROS, preamble=MACROS, caption="\\ours on \\squad.")},
        {
            ("67.7", "BiDAF", "EM"),
            ("77.3", "BiDAF", "F1 dev"),
            ("84.1", "MagicNet", "SQuAD 1.1"),
            ("90.9", "MagicNet", "F1 dev"),
        },
        caption="MagicNet on SQuAD.",
    ),
    "latin1": EPrint(
        {"": article(PLAIN.replace("BERT", "Müller"), preamble=LATIN1).decode().encode("latin-1")},
        {("94.9", "Müller", "SST-2"), ("89.8", "Ours", "MNLI")},
    ),
    "bomb": EPrint({"": article(PLAIN + r"\x", preamble=r"\def\x{\x\x}")}, PLAIN_CELLS),
    "looped": EPrint({"": article(PLAIN, preamble=LOOP, caption=r"Results \y.")}, PLAIN_CELLS),
    "traversal": EPrint(
        {
            "../../../../tmp/tdm_ray_evil.tex": b"\\input{/etc/passwd}",
            "/etc/tdm_ray_evil.tex": b"evil",
            "main.tex": article(PLAIN),
        },
        PLAIN_CELLS,
    ),
    "unbalanced": EPrint(
        {
            "": article(PLAIN).replace(
                b"Conclusion}", b"Conclusion} {\\bf an open group \\begin{foo} \\end{bar}"
            )
        },
        PLAIN_CELLS,
    ),
}
REJECTED = {
    "withdrawn": (
        gzip.compress(b"%auto-ignore\nThis paper has been withdrawn by the authors due to an error.\n"),
        "withdrawn",
    ),
    "pdf": (b"%PDF-1.5\n%...", "pdf_only"),
    "pdf_in_gzip": (gzip.compress(b"%PDF-1.5\n%..."), "pdf_only"),
    "pdf_in_tar": (gzip.compress(tar({"paper.pdf": b"%PDF-1.4", "fig.png": b"..."})), "pdf_only"),
    "postscript": (gzip.compress(b"%!PS-Adobe-3.0\n"), "pdf_only"),
    "html": (gzip.compress(b"<!DOCTYPE html><html><body>See there.</body></html>"), "html_only"),
    "empty": (gzip.compress(b""), "empty"),
    "cut": (gzip.compress(article(PLAIN) * 50)[:400], "truncated"),
    "binary": (gzip.compress(bytes(range(256)) * 40), "not_a_paper"),
    "no_tex": (gzip.compress(tar({"readme.md": b"hello"})), "no_source"),
    "no_text": (gzip.compress(b"\\documentclass{article}\\begin{document}\\end{document}"), "no_text"),
}
