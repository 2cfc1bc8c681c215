"""Which way a metric is better (higher or lower), from its name or from the scores over time.

Rules in order, the first that fits decides. They were held against the 608 labels of our own taxonomy and a
hand-checked list of the field's metrics (tests/directions.tsv): the figures stand in tests/test_taxonomy.py.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache

import pandas as pd

from tdm_ray.arxiv_ids import month_number

# What a column of a leaderboard may be without being a result: no way is better.
_NO_RESULT = (
    r"backbone|encoder|annotations?|(train(ing)?|pre-training) ?(set|split|data ?set)|"
    r"number of (views|frames)|views? or|^(use|using|need) |^distribution$|^number$|^length$"
)
_LOWER = (
    r"\berrors?\b|\berr\b|(?<!\bg)loss|perplexity|\bppl\b|\b[mn]?r?mae\b|\b[mp]?[nr]?r?mse\b|"
    r"\bm?-?re[il]i?rmse|\brms\b|\bnme\b|\b(fid|kid|fvd|fed|lpips|niqe|brisque)\b|"
    r"\b(?:[wcsde]er|eer|per)\b(?!-)|inception distance|\bnll\b|negll|\bnats\b|\bbits?\b|\bbp[dcb]\b|"
    r"(?<!real[- ])time\b|latency|runtime|"
    r"\bms\b(?!-ssim)|seconds?$|\bparam(eter)?s\b|\bg?flops\b|\bmacs\b|\bsize\b|distance|"
    r"hausdorff|\ba?epe\b|end-point|memory(?! (?:acc|f-?1|recall|precision|score))|"
    r"\b(pa-)?m?pjpe\b|\bmpjpe\b|\bmpvpe\b|\bmjpe\b|\bfde\b|\bade\b|miss rate|\bm*mr(\^|\b)|"
    r"\b(mean|median) rank\b|stdev|\bsteps\b|\bnoc\b|\bsad\b|\bgrad\b|\bconn\b|\bf[il]-all\b|\bd1-all\b|"
    r"\bolrp\b|\bfpr|\bfr@|\bme \(|\bmar\b|\bmce\b|frames needed|\(decay\)|\blle\b|"
    r"\bfalse[- ](alarm|positive|negative|discovery|accept|reject)|failure|collision|hallucination|violation|"
    r"\bbrier\b|(?<!\bon )\bdrop\b|off-?road|"
    r"\b[amctk]?ece\b|calibration|\bs?mape\b|\bfad\b|\bregret\b|\bjsd\b|divergence|\bm(at|as|ao|av|aa)e\b|"
    r"\bid-?sw?\b|\b(id|identity) switch(es)?\b|fragmentations?\b|\b[jt]er\b|\b(abs|sq) ?rel\b|chamfer|"
    r"\bmin ?t?-?dcf\b|negative log|levenshtein|toxicity"
)
_HIGHER = (
    r"acc(uracy)?\b|acc@|\bf-?\d|f1|f-?measure|f-?score|bleu|rouge|meteor|cider|spice|"
    r"\b(m?c?ap|ar)[lmsthp]?\d*\b|map\b|map@|\bs?ap\d+|\bau(ro|pr)?c|iou|dice|psnr|ssim|precision|prec\b|"
    r"recall|\bm?rec\b|\br\d*@|\bp@|hits?@|\bh@|\bhr@|mrr|n?dcg|\bem\b|exact match|score|\brank-\d|\btop-?\d|"
    r"\bp?ckh?\b|pck|pearson|spearman|kendall|correlation|matthews|\bnmi\b|\bari\b|\bis\b|opinion|\bmos\b|"
    r"pesq|stoi|sdr|fps|mot[ap]\b|idf1|hota|\bpq|\b[lu]as\b|success|return|reward|consisten|validity|"
    r"plausibility|similarity|overlap|jaccard|\bj&f\b|sari|gleu|smatch|nist|win rate|\belo\b|"
    r"percentage correct|sensitivity|specificity|\bgain|action@|verb@|noun@|tar @|\bspl\b|\banls\b|\bnds\b|"
    r"measure|agreement|\bdelta\b|harmonic mean|pass@|\b(mis)?matched\b|reduction|^edit$|\bmean$|\baverage$|"
    r"reciprocal rank|\boverall$|\bjoint$|\badd\b|\bpicp\b|\bq8\b|\b(c?bak|csig|covl)\b|"
    r"\b(detection|recognition|win|completion|solve|pass|click-?through|match(ing)?|registration|hit|coverage|"
    r"identification|acceptance|true (positive|negative)|validation|verification|delivery) rate\b"
)
# What the name itself says of its direction, whatever it measures.
_SAID_LOWER = r"[↓⬇▼]|\\downarrow|\b(lower|smaller|less|low(est)?)( is|,? the)? better"
_SAID_HIGHER = r"[↑⬆▲]|\\uparrow|\b(higher|larger|greater|more|high(est)?)( is|,? the)? better|^neg[ _]"
# Beside such a metric PER is the entity "person", or "per" says what it is averaged over.
_SHARE = r"(f-?1|precision|recall|accuracy)"
_FIRST = (
    r"ms-ssim|inception score|\b(frames|images|tokens|words|samples)(/s\b| per second)|"
    r"\b(error|rate|[wc]er) reduction\b|"
    rf"\b{_SHARE}\W+per\b|\bper\W+{_SHARE}\b"
)
# What a metric is averaged over says nothing, nor do numbers in brackets: "Reward per episode", "Return (1M
# steps)".
_OVER = re.compile(
    r"\bper[ -](class|category|episode|image|frame|step|pixel|word|sample|question|query|document)\b"
)
_BRACKETS = re.compile(r"\s*[(\[][^)\]]*\d[^)\]]*[)\]]")
_SAID = (("lower", _SAID_LOWER), ("higher", _SAID_HIGHER))
_RULES = (("unknown", _NO_RESULT), ("higher", _FIRST), ("lower", _LOWER), ("higher", _HIGHER))
_COMPILED = [(direction, re.compile(pattern)) for direction, pattern in _RULES]
_COMPILED_SAID = [(direction, re.compile(pattern)) for direction, pattern in _SAID]


@lru_cache(maxsize=4096)
def direction_of(metric: str) -> str:
    """`higher`, `lower`, or `unknown` where no rule fits. What the name says itself comes first: "FID ↓",
    "ECE (lower is better)", "neg_mean_squared_error" (a negated error)."""
    said = [direction for direction, pattern in _COMPILED_SAID if pattern.search(metric.lower())]
    if len(said) == 1:
        return said[0]
    name = _OVER.sub("", metric.lower().replace("_", " "))
    bare = _BRACKETS.sub("", name).strip()
    return next((direction for text in (bare, name) if (direction := _by_rule(text)) != "unknown"), "unknown")


def _by_rule(name: str) -> str:
    return next((direction for direction, pattern in _COMPILED if pattern.search(name)), "unknown")


# On the labels of the real taxonomy whose direction is known: 8 months and a correlation of 0.4 are right for
# 399 of 404 labels.
_LEAST_MONTHS = 8
_LEAST_CORRELATION = 0.4


def direction_over_time(results: Iterable[tuple[str, float]]) -> str:
    """The direction of a metric from how scores changed over the years; `results` are (arXiv id, score).

    Results get better: a rank correlation of month and score far from zero tells which way is better. It is
    `unknown` where the results are too few or show no trend.
    """
    dated = [(month, score) for paper_id, score in results if (month := month_number(paper_id))]
    frame = pd.DataFrame(dated, columns=["month", "score"])
    if frame["month"].nunique() < _LEAST_MONTHS:
        return "unknown"
    correlation = frame["month"].rank().corr(frame["score"].rank())
    if not abs(correlation) >= _LEAST_CORRELATION:  # also where all scores are equal: not a number
        return "unknown"
    return "higher" if correlation > 0 else "lower"


def names_result(metric: str) -> bool:
    """Whether a metric's name is that of a result, and not of a column that no paper is better at."""
    return re.search(_NO_RESULT, metric.lower()) is None
