"""Tables flattened to text, of twelve habits: every number under its headers, what is unsure stays text."""

import pytest

from tdm_ray.papers.flat_tables import find_tables, is_caption
from tdm_ray.papers.plain_text import read_plain_text

FRAME = """A Small Net for Everything

Abstract

We do a thing and it works well on 2 data sets of 2020.

1 Introduction

People want nets. They had 3.5 of them in 2019, and see Table 1 for what they got.

4 Results

{}

5 Conclusion

We got 96.3 on CIFAR-10 with 12 layers.
"""
# By habit: the lines as a page has them, and the numbers with their row and column headers.
HABITS = {
    "caption above, one blank": (
        """Table 1: Results of the challenge.
Team Model Final Score mIoU%
A-Team DeepLab [3] 45.3 78.2
B-Team HRNet-48 44.1 77.0
C-Team SegFormer-B5 (ours) 50.2 81.3""",
        {
            "45.3": ("A-Team DeepLab [3]", "Final Score"),
            "78.2": ("A-Team DeepLab [3]", "mIoU%"),
            "44.1": ("B-Team HRNet-48", "Final Score"),
            "77.0": ("B-Team HRNet-48", "mIoU%"),
            "50.2": ("C-Team SegFormer-B5 (ours)", "Final Score"),
            "81.3": ("C-Team SegFormer-B5 (ours)", "mIoU%"),
        },
    ),
    "caption below, numbers in names": (
        """Model CIFAR-10 CIFAR-100
ResNet 110 [12] 93.6 70.1
Wide ResNet 28 10 95.8 80.3
Ours 97.1 83.4
Table 2. Accuracy (%).""",
        {
            "93.6": ("ResNet 110 [12]", "CIFAR-10"),
            "70.1": ("ResNet 110 [12]", "CIFAR-100"),
            "95.8": ("Wide ResNet 28 10", "CIFAR-10"),
            "80.3": ("Wide ResNet 28 10", "CIFAR-100"),
            "97.1": ("Ours", "CIFAR-10"),
            "83.4": ("Ours", "CIFAR-100"),
        },
    ),
    "two lines of head and of caption": (
        """Table 3. Accuracy and error of all nets, and the caption
goes on in a second line.
CIFAR-10 SVHN
Method Acc Err Acc Err
ResNet 93.6 6.4 96.0 4.0
Ours 97.1 ± 0.1 2.9 98.5 1.5""",
        {
            "93.6": ("ResNet", "CIFAR-10", "Acc"),
            "6.4": ("ResNet", "CIFAR-10", "Err"),
            "96.0": ("ResNet", "SVHN", "Acc"),
            "4.0": ("ResNet", "SVHN", "Err"),
            "97.1 ± 0.1": ("Ours", "CIFAR-10", "Acc"),
            "2.9": ("Ours", "CIFAR-10", "Err"),
            "98.5": ("Ours", "SVHN", "Acc"),
            "1.5": ("Ours", "SVHN", "Err"),
        },
    ),
    "columns of blanks, a cell missing in the middle": (
        """Table 4: Top-1 and top-5 accuracy.

                     ImageNet           Params
Model             top-1     top-5          (M)
ResNet-50 [4]      76.1      92.9          25
ResNet-200                   94.2          64
Ours (large)       80.4      95.3          31""",
        {
            "76.1": ("ResNet-50 [4]", "ImageNet", "top-1"),
            "92.9": ("ResNet-50 [4]", "ImageNet", "top-5"),
            "25": ("ResNet-50 [4]", "Params", "(M)"),
            "94.2": ("ResNet-200", "ImageNet", "top-5"),
            "64": ("ResNet-200", "Params", "(M)"),
            "80.4": ("Ours (large)", "ImageNet", "top-1"),
            "95.3": ("Ours (large)", "ImageNet", "top-5"),
            "31": ("Ours (large)", "Params", "(M)"),
        },
    ),
    "dashes for missing cells, years of citations": (
        """TABLE V: Word error rates on LibriSpeech.

System dev-clean test-clean test-other
Park et al. (2019) – 2.5 5.8
Gulati et al. (2020) [7] 1.9 2.1 4.3
This work 1.7 1.8 -""",
        {
            "2.5": ("Park et al. (2019)", "test-clean"),
            "5.8": ("Park et al. (2019)", "test-other"),
            "1.9": ("Gulati et al. (2020) [7]", "dev-clean"),
            "2.1": ("Gulati et al. (2020) [7]", "test-clean"),
            "4.3": ("Gulati et al. (2020) [7]", "test-other"),
            "1.7": ("This work", "dev-clean"),
            "1.8": ("This work", "test-clean"),
        },
    ),
    "tabs": (
        "Table 6: Perplexity.\nModel\tWikiText-103\tPTB\nLSTM\t48.7\t78.4\nOur LSTM\t40.8\t57.3",
        {
            "48.7": ("LSTM", "WikiText-103"),
            "78.4": ("LSTM", "PTB"),
            "40.8": ("Our LSTM", "WikiText-103"),
            "57.3": ("Our LSTM", "PTB"),
        },
    ),
    "group rows, marks after numbers": (
        """Table 7: F1 on CoNLL-2003 and OntoNotes.
Model CoNLL-2003 OntoNotes
Without external data
BiLSTM-CRF [1, 2] 90.9 86.2
Flair 93.1* 89.7†
With external data
BERT 92.4 88.8
Ours 93.8‡ 91.1‡""",
        {
            "90.9": ("Without external data", "BiLSTM-CRF [1, 2]", "CoNLL-2003"),
            "86.2": ("Without external data", "BiLSTM-CRF [1, 2]", "OntoNotes"),
            "93.1*": ("Without external data", "Flair", "CoNLL-2003"),
            "89.7†": ("Without external data", "Flair", "OntoNotes"),
            "92.4": ("With external data", "BERT", "CoNLL-2003"),
            "88.8": ("With external data", "BERT", "OntoNotes"),
            "93.8‡": ("With external data", "Ours", "CoNLL-2003"),
            "91.1‡": ("With external data", "Ours", "OntoNotes"),
        },
    ),
    "units in brackets, deviations in brackets": (
        """Tab. 8: Speed and accuracy.
Network Acc. (%) Params (M) Latency (ms)
MobileNet 70.6 (0.2) 4.2 113
Ours 75.2 (0.1) 3.9 78""",
        {
            "70.6 (0.2)": ("MobileNet", "Acc. (%)"),
            "4.2": ("MobileNet", "Params (M)"),
            "113": ("MobileNet", "Latency (ms)"),
            "75.2 (0.1)": ("Ours", "Acc. (%)"),
            "3.9": ("Ours", "Params (M)"),
            "78": ("Ours", "Latency (ms)"),
        },
    ),
    "rules and empty lines between rows": (
        """Table 9. BLEU on WMT 2014.

=======================================
Model            EN-DE        EN-FR
---------------------------------------
ByteNet          23.75

Transformer      28.4         41.8

Ours             29.9         43.2
=======================================""",
        {
            "23.75": ("ByteNet", "EN-DE"),
            "28.4": ("Transformer", "EN-DE"),
            "41.8": ("Transformer", "EN-FR"),
            "29.9": ("Ours", "EN-DE"),
            "43.2": ("Ours", "EN-FR"),
        },
    ),
    "composite cells": (
        """Table 10: SQuAD, exact match and F1 of single models.
Model dev test
BiDAF 68.0/77.3 68.1/77.5
Ours 84.1/90.9 85.1/91.8""",
        {
            "68.0/77.3": ("BiDAF", "dev"),
            "68.1/77.5": ("BiDAF", "test"),
            "84.1/90.9": ("Ours", "dev"),
            "85.1/91.8": ("Ours", "test"),
        },
    ),
    "head without a name, arrows": (
        """Table 11. Image generation.
FID ↓ IS ↑
BigGAN 6.95 166.5
Ours 2.97 202.0""",
        {
            "6.95": ("BigGAN", "FID ↓"),
            "166.5": ("BigGAN", "IS ↑"),
            "2.97": ("Ours", "FID ↓"),
            "202.0": ("Ours", "IS ↑"),
        },
    ),
    "backbones and captions below in columns of blanks": (
        """Method         Backbone      AP     AP50    AP75
Faster R-CNN   ResNet-101    36.2   59.1    39.0
RetinaNet      ResNet-101    39.1   58.8    42.3
Ours           DLA-34        41.6   60.3    45.1

Table 12: Detection on COCO test-dev.""",
        {
            "36.2": ("Faster R-CNN", "ResNet-101", "AP"),
            "59.1": ("Faster R-CNN", "ResNet-101", "AP50"),
            "39.0": ("Faster R-CNN", "ResNet-101", "AP75"),
            "39.1": ("RetinaNet", "ResNet-101", "AP"),
            "58.8": ("RetinaNet", "ResNet-101", "AP50"),
            "42.3": ("RetinaNet", "ResNet-101", "AP75"),
            "41.6": ("Ours", "DLA-34", "AP"),
            "60.3": ("Ours", "DLA-34", "AP50"),
            "45.1": ("Ours", "DLA-34", "AP75"),
        },
    ),
}


@pytest.mark.parametrize("habit", HABITS)
def test_every_number_stands_under_its_headers(habit):
    lines, numbers = HABITS[habit]
    paper = read_plain_text("p", FRAME.format(lines))
    (table,) = paper.tables
    found = {cell.value: (*cell.row_headers, *cell.column_headers) for cell in table.cells}
    assert found == numbers
    assert is_caption(table.caption)
    text = " ".join(section.text for section in paper.sections)
    assert not [number for number in numbers if f" {number} " in f" {text} " and not number.isdigit()]
    assert "We got 96.3 on CIFAR-10 with 12 layers." in text
    assert "They had 3.5 of them in 2019, and see Table 1 for what they got." in text


def test_tables_that_follow_each_other_keep_their_captions():
    for place in ("caption above, one blank", "caption below, numbers in names"):
        below = place.startswith("caption below")
        blocks = [HABITS[place][0], HABITS["composite cells"][0]]
        if below:
            blocks[1] = HABITS["backbones and captions below in columns of blanks"][0]
        paper = read_plain_text("p", FRAME.format("\n\n".join(blocks)))
        assert len(paper.tables) == 2
        assert [table.caption.split()[1][:-1] for table in paper.tables] == (
            ["2", "12"] if below else ["1", "10"]
        )


@pytest.mark.parametrize(
    "lines",
    [
        # A text column between the numbers; no head that fits; rows that differ too much; running text.
        "Table 1: Data.\nModel Params Pretraining data Acc\nResNet 25 ImageNet 76.1\nViT 86 JFT 84.2",
        "Table 1: Results.\nWe show what came out of it here\nResNet 93.6 70.1\nOurs 97.1 83.4",
        "Table 1: Results.\nModel A B C D\nResNet 93.6\nOurs 97.1 83.4\nTheirs 1.0 2.0 3.0",
        "Table 1 shows that the accuracy of ResNet is 93.6\nand that of ours in the same test 97.1\nso more",
        "The nets of Table 1\nResNet 93.6\nOurs 97.1",
    ],
)
def test_what_cannot_be_aligned_stays_text(lines):
    paper = read_plain_text("p", FRAME.format(lines))
    assert not paper.tables
    assert lines.split("\n")[-1].split()[-1] in paper.sections[-2].text


def test_captions():
    captions = ["Table 1: Results", "TABLE II", "Tab. 3. Results", "Table 4 Results", "**Table A1.** Results"]
    texts = ["Table 1 shows that", "Tables are good", "Table of contents", "The table 1: x", "Stable 1: x"]
    assert [is_caption(line) for line in (*captions, *texts)] == [True] * 5 + [False] * 5


def test_no_text_takes_long():
    lines = ["Table 1: x", *["a 1.0 2.0"] * 20_000, *["Table 2: y"] * 2_000, *["1 " * 2_000] * 50]
    assert len(find_tables(lines)) <= 2
