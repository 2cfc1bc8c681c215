"""What a paper calls its own method: the word before the title's colon, and names after "we propose"."""

from __future__ import annotations

import re
from collections import Counter

from tdm_ray.records import Paper

_BEFORE_COLON = re.compile(r"^\s*([^:]{2,40}):\s")
_NAME = r"([A-Z][\w+*-]*[A-Z0-9+*][\w+*-]*|[a-z]+[A-Z][\w+*-]*)"
_CALLED = (
    r"called|named|namely|dubbed|termed|coined|denoted (?:as|by)|(?:refer(?:red)? to|abbreviated) (?:\w+ )?as"
    r"|we (?:propose|present|introduce|develop|describe|call)"
    r"|our (?:proposed )?(?:model|method|approach|system|framework|network|architecture|algorithm)s?,?"
)
_PROPOSED = re.compile(
    rf"(?i:{_CALLED})\s+(?:it |this |them )?(?:a |an |the |our |is |as )?(?:[a-z-]+ ){{0,3}}?{_NAME}"
)
_IN_BRACKETS = re.compile(
    r"(?i:we (?:propose|present|introduce|develop)|our|novel|new|called|named)\b"
    rf"[^.()]{{3,120}}\(\s*{_NAME}\s*\)"
)
_START = 6000
_SECTIONS = 3
# names of no method, which stand after "we present" as often
_OTHERS = frozenset(
    ["CNN", "RNN", "LSTM", "GAN", "NLP", "AI", "ML", "DNN", "GPU", "SOTA", "BERT", "GRU", "MLP", "SVM", "VAE"]
) | frozenset(["LSTMs", "CNNs", "RNNs", "GANs", "2D", "3D"])
_WORDS_BEFORE_COLON = 4


def own_names(paper: Paper) -> list[str]:
    """The names of the paper's own method, the most certain first; empty where none is found."""
    found: Counter[str] = Counter()
    match = _BEFORE_COLON.match(paper.title)
    if match and len(match[1].split()) <= _WORDS_BEFORE_COLON:
        found[match[1].strip()] += 5
    start = " ".join([paper.abstract, *(s.text[:_START] for s in paper.sections[:_SECTIONS])])
    for weight, text in ((3, paper.abstract), (1, start)):
        for pattern in (_PROPOSED, _IN_BRACKETS):
            for name in pattern.findall(text):
                if name not in _OTHERS and len(name) > 1:
                    found[name] += weight
    return [name for name, _ in found.most_common(6)]
