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
    "the name of the first column on a line of its own": (
        """Table 13: BLEU of three systems.

                         WMT-14              IWSLT-14
   Method
                     En-De  En-Fr        De-En    En-De
   Transformer        28.4   41.8         34.7     28.6
   Mixer [7]          29.2   42.5         35.1     29.3
   Ours               30.7   43.7         37.2     30.6""",
        {
            "28.4": ("Transformer", "WMT-14", "En-De"),
            "41.8": ("Transformer", "WMT-14", "En-Fr"),
            "34.7": ("Transformer", "IWSLT-14", "De-En"),
            "28.6": ("Transformer", "IWSLT-14", "En-De"),
            "29.2": ("Mixer [7]", "WMT-14", "En-De"),
            "42.5": ("Mixer [7]", "WMT-14", "En-Fr"),
            "35.1": ("Mixer [7]", "IWSLT-14", "De-En"),
            "29.3": ("Mixer [7]", "IWSLT-14", "En-De"),
            "30.7": ("Ours", "WMT-14", "En-De"),
            "43.7": ("Ours", "WMT-14", "En-Fr"),
            "37.2": ("Ours", "IWSLT-14", "De-En"),
            "30.6": ("Ours", "IWSLT-14", "En-De"),
        },
    ),
    "an upper line that names what the last one does not, and repeated names": (
        """Table 14: Clips.
                                             Jester (8 seg.) Nods (8 seg.)
   Model             MFLOPs      Params
                                              Small   Large     Small   Large
   Simple-MLP          2.13       1.06M       87.28   92.80     31.89   46.35
   Recurrent           3.16       0.14M       70.51   79.53     16.12   25.17
   Ours                8.42       0.53M       84.28   90.81     25.24   39.04""",
        {
            "2.13": ("Simple-MLP", "MFLOPs"),
            "1.06M": ("Simple-MLP", "Params"),
            "87.28": ("Simple-MLP", "Jester (8 seg.)", "Small"),
            "92.80": ("Simple-MLP", "Jester (8 seg.)", "Large"),
            "31.89": ("Simple-MLP", "Nods (8 seg.)", "Small"),
            "46.35": ("Simple-MLP", "Nods (8 seg.)", "Large"),
            "3.16": ("Recurrent", "MFLOPs"),
            "0.14M": ("Recurrent", "Params"),
            "70.51": ("Recurrent", "Jester (8 seg.)", "Small"),
            "79.53": ("Recurrent", "Jester (8 seg.)", "Large"),
            "16.12": ("Recurrent", "Nods (8 seg.)", "Small"),
            "25.17": ("Recurrent", "Nods (8 seg.)", "Large"),
            "8.42": ("Ours", "MFLOPs"),
            "0.53M": ("Ours", "Params"),
            "84.28": ("Ours", "Jester (8 seg.)", "Small"),
            "90.81": ("Ours", "Jester (8 seg.)", "Large"),
            "25.24": ("Ours", "Nods (8 seg.)", "Small"),
            "39.04": ("Ours", "Nods (8 seg.)", "Large"),
        },
    ),
    "names that end with a number": (
        """Table 15: Hops.
   Method      P        R        F
   Hop 1       0.6597   0.6444   0.6520
   Hop 2       0.6877   0.6718   0.6796""",
        {
            "0.6597": ("Hop 1", "P"),
            "0.6444": ("Hop 1", "R"),
            "0.6520": ("Hop 1", "F"),
            "0.6877": ("Hop 2", "P"),
            "0.6718": ("Hop 2", "R"),
            "0.6796": ("Hop 2", "F"),
        },
    ),
    "a head that counts upwards, deviations after values": (
        """Table 16: mAP.
                                  mAP @ IoU
   Approach
                       0.1           0.3           0.5
   Two-stream     36.6 4.3e-3   27.0 1.8e-3   14.4 2.5e-3
   Ours           56.8 2.4e-3   43.3 2.8e-3   26.6 1.6e-3""",
        {
            "36.6 4.3e-3": ("Two-stream", "mAP @ IoU", "0.1"),
            "27.0 1.8e-3": ("Two-stream", "mAP @ IoU", "0.3"),
            "14.4 2.5e-3": ("Two-stream", "mAP @ IoU", "0.5"),
            "56.8 2.4e-3": ("Ours", "mAP @ IoU", "0.1"),
            "43.3 2.8e-3": ("Ours", "mAP @ IoU", "0.3"),
            "26.6 1.6e-3": ("Ours", "mAP @ IoU", "0.5"),
        },
    ),
    "citations below the names, a name of two words over numbers": (
        """Table 17: Structure measure.
                    PFANet   MRCNN    BASNet   OurNet
   Training data      [7]      [8]      [9]     (ours)
   Frogs             0.678    0.664    0.692    0.837
   Toads             0.697    0.666    0.717    0.870""",
        {
            "0.678": ("Frogs", "PFANet"),
            "0.664": ("Frogs", "MRCNN"),
            "0.692": ("Frogs", "BASNet"),
            "0.837": ("Frogs", "OurNet", "(ours)"),
            "0.697": ("Toads", "PFANet"),
            "0.666": ("Toads", "MRCNN"),
            "0.717": ("Toads", "BASNet"),
            "0.870": ("Toads", "OurNet", "(ours)"),
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


def test_captions_below_their_tables_stand_nearer_than_the_next_table():
    rows = "   Method     Easy    Hard\n   Mono3D     {}    22.3\n   Ours       {}    43.3\n"
    tables = [
        rows.format(a, b) + f"  Table {n}: On set {n}." for n, a, b in ((1, 30.5, 56.9), (2, 25.1, 49.6))
    ]
    paper = read_plain_text("p", FRAME.format("\n\n".join(tables)))
    assert [(t.caption.strip(), t.cells[0].value) for t in paper.tables] == [
        ("Table 1: On set 1.", "30.5"),
        ("Table 2: On set 2.", "25.1"),
    ]
