"""What a metric's name says it measures, its cut-off, and the values it can have.

Two families measure different things: a column headed "UAS" holds no LAS, and an error no accuracy. A name of
no family here says nothing.
"""

from __future__ import annotations

import math
import re
from functools import lru_cache

# "R" at the end of the last header, but not the r of a correlation ("Pearson's r").
_R_ALONE = r"(?:^|\|)(?![^|]*(?:pearson|spearman|kendall|correlation))[^|]*\br$"
# In this order: the first pattern that fits gives a name's family; in a text all that fit are named.
_FAMILIES = (
    ("ms-ssim", r"\bms-?ssim\b"),
    ("ssim", r"\bssim\b|structural similarity"),
    ("psnr", r"\bc?psnr(?:-b)?\b|peak signal"),
    ("lpips", r"\blpips\b"),
    ("fid", r"\bfid\b|fr[eé]chet inception"),
    ("kid", r"\bkid\b|kernel inception"),
    ("fvd", r"\bfvd\b"),
    ("inception score", r"inception score|^is$"),
    ("rouge-1", r"\brouge-? ?1\b|\br-1\b"),
    ("rouge-2", r"\brouge-? ?2\b|\br-2\b"),
    ("rouge-l", r"\brouge-? ?l\b|\br-l\b"),
    ("meteor", r"\bmeteor\b"),
    ("cider", r"\bcider\b"),
    ("spice", r"\bspice\b"),
    ("bleu-1", r"\bbleu-? ?1\b|\bb-?1\b"),
    ("bleu-2", r"\bbleu-? ?2\b"),
    ("bleu-3", r"\bbleu-? ?3\b"),
    ("bleu", r"bleu\b(?!-? ?[123])|\bbleu-? ?4\b"),
    ("sari", r"\bsari\b"),
    ("nist", r"\bnist\b"),
    ("gleu", r"\bgleu\b"),
    ("bits", r"\bbp[cd]\b|\bbits?[ /-](?:per|/)|bits/"),
    ("perplexity", r"perplexit|\bppl\b"),
    ("nll", r"\bnll\b|negative log|log-likelihood|\bnats\b"),
    ("exact match", r"\bem\b|exact match"),
    ("ndcg", r"\bn?dcg\b"),
    ("mrr", r"\bmrr\b|reciprocal rank"),
    ("hits", r"\bhits?@|\bhits? at\b|\bh@\d"),
    ("mean rank", r"\b(?:mean|median) rank\b"),
    ("wer", r"\bwer\b|word error"),
    ("cer", r"\bcer\b|character error"),
    ("per", r"phoneme error|phone error"),
    ("eer", r"\beer\b|equal error"),
    ("las", r"\blas\b|^labell?ed attachment"),
    ("uas", r"\buas\b|unlabell?ed attachment"),
    ("nmi", r"\bnmi\b|normali[sz]ed mutual"),
    ("ari", r"\bari\b|adjusted rand"),
    ("rmse", r"\br-?mse\b|root mean sq"),
    ("mse", r"\bmse\b|(?<!root )mean squared? error"),
    ("mae", r"\bmae\b|mean absolute error"),
    ("epe", r"\ba?epe\b|end-?point error"),
    ("mpjpe", r"mpjpe|per joint position"),
    ("nme", r"\bnme\b"),
    ("pck", r"\bp?c?kh\b|\bpck[h@]?|3dpck"),
    ("auc", r"\bau(?:c|roc|prc?|pr)\b|\bauc-?(?:roc|pr)\b|area under"),
    ("miss rate", r"miss rate|\blamr\b|\bmr\^?-2"),
    ("iou", r"\b(?:m|mean ?|f?w|3d)?-?iou\b|jaccard"),
    ("dice", r"\bdice\b|\bdsc\b"),
    ("pq", r"\bpq(?:st|th)?\b|panoptic quality"),
    ("hausdorff", r"hausdorff|\bhd95\b"),
    ("mota", r"\bmota\b"),
    ("motp", r"\bmotp\b"),
    ("idf1", r"\bidf1\b"),
    ("ap", r"\bm?ap(?:50|75|[slm])?\b|\bmap\b|average precision|\bm?ap@|\b(?:box|mask) ap\b"),
    (
        "f-score",
        r"\bf-?(?:1|0\.5|2|β|beta)\b|\bf[- ]?(?:measure|score)s?\b|\b(?:micro|macro)-?f1?\b|\bf_?1\b",
    ),
    ("recall", rf"\brecall\b|\br@\d|\brec\b|{_R_ALONE}"),
    ("precision", r"(?<!average )\bprecision\b|\bprec\b|\bp@\d|^p$"),
    ("correlation", r"pearson|spearman|kendall|correlation|\bplcc\b|\bsrocc?\b|\bsrcc\b"),
    ("mcc", r"\bmcc\b|matthews"),
    ("kappa", r"\bkappa\b"),
    ("parameters", r"\bparam(?:eter)?s?\b|\bmodel size\b"),
    ("flops", r"\bg?flops?\b|\bmacs\b|mult-?adds?"),
    ("speed", r"\bfps\b|frames? per second|\bhz\b"),
    ("time", r"\btime\b|latency|\bseconds?\b|\bms\b(?!-)|\bhours?\b|\bruntime\b"),
    ("error", r"(?<!standard )\berr(?:or)?s?\b(?! analysis| bars?\b)|mis-?classification"),
    ("accuracy", r"\bacc(?:uracy|uracies|\.)?\b|percentage correct|\brank-? ?\d|correct\b"),
    ("top", r"\btop-? ?\d"),
)
_COMPILED = tuple((name, re.compile(pattern, re.IGNORECASE)) for name, pattern in _FAMILIES)
# Families a header may name without contradicting the other: a Top-1 column may be accuracy or error; R@1 of
# retrieval is also called Rank-1 or Hits@1.
_MAY_BE_ONE = (
    {"top", "accuracy"},
    {"top", "error"},
    {"recall", "hits"},
    {"recall", "accuracy"},
    {"hits", "accuracy"},
    {"recall", "top"},
    {"precision", "ap"},
    {"precision", "hits"},
    {"precision", "accuracy"},
    {"rouge-l", "recall"},
    {"nll", "bits"},
    {"bits", "perplexity"},
    {"idf1", "f-score"},
    {"exact match", "accuracy"},
    {"dice", "f-score"},
    {"error", "wer"},
    {"error", "cer"},
    {"error", "per"},
    {"error", "eer"},
    {"error", "mae"},
    {"error", "mse"},
    {"error", "rmse"},
    {"error", "epe"},
    {"error", "nme"},
    {"error", "mpjpe"},
    {"correlation", "mcc"},
    {"pck", "accuracy"},
    {"iou", "accuracy"},
    {"ssim", "ms-ssim"},
)
# Families of which a header means exactly one: a column headed "EM" holds no F1.
_EXCLUSIVE = (
    frozenset({"error", "accuracy"}),
    frozenset({"exact match", "f-score"}),
    frozenset({"las", "uas"}),
    frozenset({"precision", "recall", "f-score"}),
    frozenset({"rouge-1", "rouge-2", "rouge-l"}),
    frozenset({"bleu", "bleu-1", "bleu-2", "bleu-3", "meteor", "cider", "spice", "rouge-l"}),
    frozenset({"psnr", "ssim", "lpips", "fid"}),
    frozenset({"nmi", "ari", "accuracy"}),
    frozenset({"rmse", "mse", "mae"}),
    frozenset({"mota", "motp", "idf1"}),
    frozenset({"parameters", "flops", "time", "speed", "accuracy"}),
    frozenset({"mrr", "hits", "mean rank"}),
    frozenset({"iou", "dice", "accuracy"}),
    frozenset({"ap", "auc", "accuracy", "f-score"}),
    frozenset({"fid", "inception score"}),
    frozenset({"perplexity", "accuracy", "bleu"}),
)
_SHARES = (
    "rouge-1, rouge-2, rouge-l, meteor, bleu-1, bleu-2, bleu-3, bleu, sari, gleu, exact match, ndcg, mrr, "
    "hits, las, uas, nmi, pck, auc, iou, dice, pq, idf1, ap, f-score, recall, precision, accuracy, top, "
    "miss rate"
)
_POSITIVE = (
    "psnr, fid, kid, fvd, inception score, bits, wer, cer, per, eer, rmse, mse, mae, epe, mpjpe, nme, "
    "hausdorff, speed, time, error, parameters, flops"
)
# Of 28,029 gold scores of metrics with limits 12 lie outside of them.
_LIMITS = {
    **dict.fromkeys(_SHARES.split(", "), (0.0, 100.0)),
    **dict.fromkeys(_POSITIVE.split(", "), (0.0, math.inf)),
    "ssim": (-1.0, 1.0),
    "ms-ssim": (-1.0, 1.0),
    "lpips": (0.0, 2.0),
    "perplexity": (1.0, math.inf),
    "mean rank": (1.0, math.inf),
    "correlation": (-100.0, 100.0),
    "mcc": (-100.0, 100.0),
    "ari": (-100.0, 100.0),
    "kappa": (-100.0, 100.0),
    "mota": (-math.inf, 100.0),
}
_ANY = (-math.inf, math.inf)
# "Score", "gain" and what else turns a share into something larger than 100.
_UNBOUND = re.compile(
    r"relative|gain|improve|decay|ratio|score on|normali[sz]ed score|human-norm|\bx ?100\b|sum\b|delta"
)
# What is left of a metric's name without the word that tells its family.
_METRIC_WORDS = re.compile(
    r"@ ?\d+|\b(?:scores?|rates?|mean|avg\.?|average|macro|micro|weighted)\b", re.IGNORECASE
)
# From what to what a metric of retrieval leads: "text-to-video", "T2V", "video → text".
_MODALITY = "(text|image|video|audio)"
_ARROW = "(?:2|→|⇒|->)"
_LEADS = re.compile(
    rf"\b{_MODALITY}(?:[- ]?to[- ]?| ?{_ARROW} ?){_MODALITY}\b|\b([tiva]) ?{_ARROW} ?([tiva])\b",
    re.IGNORECASE,
)
# Families whose cut-offs are overlaps: 50 is 0.5 there.
_OVERLAPS = ("ap", "iou")
_NUMBER = r"(?:\d+(?:\.\d+)?|\.\d+)"
_CUTS = re.compile(
    rf"(?:@ ?|\btop-? ?|\brank-? ?)(?:k ?= ?)?({_NUMBER}(?: ?/ ?{_NUMBER})*)",
    re.IGNORECASE,
)
_CUT = re.compile(r"(?:@|\btop-? ?|\brank-? ?|\br-?@ ?|\bhits?@ ?)(?:k ?= ?)?(\d+(?:\.\d+)?)", re.IGNORECASE)


@lru_cache(maxsize=16384)
def family_of(metric: str) -> str | None:
    """What a metric's name says it measures ("f-score", "accuracy", "wer"); None where no pattern fits."""
    return next((name for name, pattern in _COMPILED if pattern.search(metric)), None)


@lru_cache(maxsize=16384)
def families_in(text: str) -> frozenset[str]:
    """All families that a header or caption names."""
    return frozenset(name for name, pattern in _COMPILED if pattern.search(text))


def without_metrics(text: str) -> str:
    """A header without the words that name metrics: "CIFAR-10" of "CIFAR-10 Top-1 Error"."""
    for _, pattern in _COMPILED:
        text = pattern.sub(" ", text)
    return _METRIC_WORDS.sub(" ", text)


def may_be_one(a: str, b: str) -> bool:
    """Whether what is of one family may be called by the other's name."""
    return a == b or {a, b} in _MAY_BE_ONE


def contradicts(metric: str, header: str) -> bool:
    """Whether a header names another metric, or another cut-off, in place of this one."""
    family = family_of(metric)
    named = families_in(header)
    if family is None or not named:
        return False
    if family in named:
        cuts, others = (cut_offs(text, overlaps=family in _OVERLAPS) for text in (metric, header))
        return bool(cuts and others) and cuts.isdisjoint(others)
    return any(family in group and named & group for group in _EXCLUSIVE)


@lru_cache(maxsize=65536)
def leads(text: str) -> frozenset[str]:
    """The directions of retrieval that a text names, by first letters: "tv" of "Text-to-video R@1"."""
    named = ((m[1] or m[3], m[2] or m[4]) for m in _LEADS.finditer(text))
    return frozenset(f"{start[0]}{end[0]}".lower() for start, end in named)


@lru_cache(maxsize=65536)
def stance(metric: str, header: str) -> int:
    """1 where a header names this metric, -1 where it names another in place of it, else 0."""
    if contradicts(metric, header):
        return -1
    return int(family_of(metric) in families_in(header))


@lru_cache(maxsize=65536)
def cut_offs(text: str, *, overlaps: bool = False) -> frozenset[float]:
    """All cut-offs that a text gives: 1 and 5 of "Acc. (top-1 / top-5)". Of `overlaps` 50 is 0.5."""
    numbers = [float(number) for match in _CUTS.finditer(text) for number in match[1].split("/")]
    return frozenset(n / 100 if overlaps and 1 < n < 100 else n for n in numbers)


@lru_cache(maxsize=16384)
def cut_off(text: str) -> str | None:
    """The first cut-off that a text gives, as printed: "10" of Hits@10, "1" of Top-1; None where it gives
    none. The matcher's features have it so; `cut_offs` tells whether two texts agree."""
    match = _CUT.search(text)
    return match[1] if match else None


@lru_cache(maxsize=16384)
def limits(metric: str) -> tuple[float, float]:
    """The least and the largest value a metric can have, both included; infinite where nothing is known."""
    family = family_of(metric)
    if family is None or _UNBOUND.search(metric.lower()):
        return _ANY
    if family == "error" and re.search(r"rate|percentage|classification|top|%", metric.lower()):
        return (0.0, 100.0)
    return _LIMITS.get(family, _ANY)
