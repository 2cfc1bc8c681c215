"""What a paper calls its own method: the word before the title's colon, and names after "we propose"."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence, Set

from tdm_ray.records import Paper

_BEFORE_COLON = re.compile(r"^\s*([^:]{2,40}):\s")
_NAME = r"([A-Z][\w+*-]{0,40}[A-Z0-9+*][\w+*-]{0,40}|[a-z]{1,40}[A-Z][\w+*-]{0,40})"
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
# Stand after "we propose" or in a title as a part of the method, or as what it is compared with.
_PARTS = frozenset(
    word
    for line in (
        "knn fcn fcns rgb rgb-d bow wrn r-cnn faster-rcnn roi rois stn nms crf pca rpn gcn gcns ner nlg",
        "mot vos nli wer asr svm rl bleu id 3d-cnn resnet resnets vgg unet u-net fpn imagenet coco nmt smt",
        "ctc lm lms dqn ssl uda zsl cbow tf-idf lda em relu pos srl qa vqa map iou rnns dnns sgd adam bpe",
        "glove elmo word2vec multi-scale multi-task end-to-end lstm-crf state-of-the-art",
    )
    for word in line.split()
)
_WHOLE_TITLE = 4  # words of a title that is a method's name
_STARTS_WITH_NAME = re.compile(
    r"^((?:[A-Z][\w+-]*\s+){0,2}?)(\S+?)(?=:| (?:for|with|via|in|using|by|from|on|to)\b|$)"
)


def own_names(paper: Paper) -> list[str]:
    """The names of the paper's own method, the most certain first; empty where none is found."""
    found: Counter[str] = Counter()
    match = _BEFORE_COLON.match(paper.title)
    if match and len(match[1].split()) <= _WORDS_BEFORE_COLON:
        found[match[1].strip()] += 5
    start = " ".join([paper.abstract, *(s.text[:_START] for s in paper.sections[:_SECTIONS])])
    for weight, text in ((3, paper.abstract[:_START]), (1, start)):
        for pattern in (_PROPOSED, _IN_BRACKETS):
            for name in pattern.findall(text):
                if name not in _OTHERS and len(name) > 1:
                    found[name] += weight
    return [name for name, _ in found.most_common(6)]


def names_of_ours(own: Sequence[str], title: str, others: Set[str]) -> list[str]:
    """What "ours" stands for: a paper's `own_names` without those of parts, data sets and the like (`others`,
    in small letters), the first completed by the words that stand before it in the title ("Frustum
    PointNets"). Of a paper without such a name its title where that is a few words.

    A part of other papers' methods is the name of one's own where it stands before the title's colon."""
    before_colon = _BEFORE_COLON.match(title)
    parts = _PARTS - {before_colon[1].strip().lower()} if before_colon else _PARTS
    names = [name for name in own if name.lower() not in parts and name.lower() not in others]
    start = _STARTS_WITH_NAME.match(title)
    if names and start and start[1] and start[2].lower() == names[0].lower():
        return [start[0], *names]
    if not names and 1 < len(title.split()) <= _WHOLE_TITLE:
        return [title]
    return names
