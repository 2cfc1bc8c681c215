"""Results of the paper's own methods whose data set the taxonomy need not know: what proposals are made of.

A number in a table that is probably the paper's own is read as it stands: its metric by the family that its
headers, its caption or else most of the paper's text name; its data set by a name in its headers, or in the
caption where the paper's text calls it one ("the NAME dataset"). A paper gives the surest number of each data
set and metric. Whether a name is a data set shows over several papers: see `discover.proposals`."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

from tdm_ray.extract.candidates import CELL, Candidates
from tdm_ray.extract.line_kinds import KINDS, METHODS_IN_ROWS, CellKinds
from tdm_ray.extract.methods import method_name
from tdm_ray.records import Paper
from tdm_ray.taxonomy.metrics import families_in, family_of, without_metrics
from tdm_ray.text.clean import clean

_LEAST_OWN = 0.4  # probability that a number is the paper's own method's, or a variant's of it
_SENTENCE = 600  # characters that are read of one
_LONGEST = 50  # characters of a name
_MOST_WORDS = 6
# No result that a leaderboard ranks.
_NO_METRICS = frozenset(("parameters", "flops", "time", "speed"))
# Names that `taxonomy.metrics` does not know, since they mean other things too.
_OTHER_METRICS = tuple(
    (name, re.compile(pattern))
    for name, pattern in (
        ("success rate", r"(?i)\bsuccess rates?\b|(?-i:\bSR(?:_?0?\.\d+)?\b)"),
        ("average overlap", r"(?i)\baverage overlap\b|(?-i:\bAO\b)"),
        ("mean rank", r"\bMR\b"),
        ("sdr", r"\bSI-?SDRi?\b|\bSDRi?\b"),
        ("edit", r"(?i)^edit(?: score| distance)?$"),
        ("clicks", r"(?i)\bnumber of clicks\b|\bNoC\b"),
        ("return", r"(?i)\b(?:returns?|rewards?)\b"),
        ("score", r"(?i)\bscores?\b"),
    )
)
_OWN = KINDS.index("own")
_VARIANT = KINDS.index("variant")
_REMARK = re.compile(r"\([^()]*\)|\[[^\[\]]*\]|[↑↓⬆⬇▲▼%]|\$[^$]*\$")
_WORD = re.compile(r"[^\W_][\w.+&/'’-]*")
_SPLIT = re.compile(
    r"(?i)\b(?:test(?:-?(?:dev|std|set))?|val(?:idation)?|dev(?:elopment)?|train(?:ing)?|sets?|split)\b"
)
# "on the CUB-200-2011 dataset", "for SQuAD 2.0": names in captions.
_AFTER = re.compile(
    r"(?i:\b(?:on|of|for|in|over|using|from|and)\s+(?:the\s+|our\s+)?)"
    r"((?:[A-Z][\w.+&'’-]*|\d[\w.]*[A-Z][\w.-]*)(?:[ -](?:[A-Z0-9][\w.+&'’-]*))*)"
)
_NOUN = (
    r"(?:data ?sets?|corpus|corpora|benchmarks?|challenge|test ?sets?|validation sets?"
    r"|databases?|collection)"
)
_NO_NAME_WORDS = (
    "a all ours our we the this avg average mean overall total method methods model models baseline baseline "
    "results result table figure data dataset datasets test dev val validation train training set task tasks "
    "metric metrics score scores easy medium hard moderate small large base tiny full seen unseen setting "
    "settings backbone architecture type name year source target domain english german french chinese "
    "comparison performance state-of-the-art sota ablation number size input output network networks "
    "approach cnn rnn lstm gan svm resnet vgg bert transformer gpt vit proposed other others rgb epoch epochs"
)
_NO_NAME = frozenset(_NO_NAME_WORDS.split())


@dataclass(frozen=True)
class OpenResult:
    """One own result; the fields of `records.RESULT`, whose comments explain them."""

    paper_id: str
    table: int
    row: int | None
    column: int | None
    value: float
    value_text: str
    method: str | None
    dataset_text: str
    is_called_dataset: bool
    metric_text: str
    metric_family: str
    confidence: float


def open_results(
    paper: Paper, candidates: Candidates, kinds: CellKinds, own_names: Sequence[str]
) -> list[OpenResult]:
    """The results of a paper, one a data set and metric, in the order of the tables."""
    names = _Names(paper, own_names)
    best: dict[tuple[str, str], OpenResult] = {}
    for place in range(len(candidates)):
        own = float(kinds.kinds[place, _OWN] + kinds.kinds[place, _VARIANT] / 2)
        if candidates.kinds[place] != CELL or not own >= _LEAST_OWN:
            continue
        metric_text, metric, datasets = _read(candidates, kinds, place, names)
        for dataset in datasets if metric not in _NO_METRICS else ():
            key = (_plain(dataset), metric)
            if key in best and best[key].confidence >= own:
                continue
            table = int(candidates.tables[place])
            cells = paper.tables[table].cells
            at = int(candidates.cells[place])
            best[key] = OpenResult(
                paper_id=paper.paper_id,
                table=table,
                row=cells[at].row,
                column=cells[at].column,
                value=float(candidates.values[place]),
                value_text=candidates.printed[place],
                method=method_name(cells, at, int(kinds.axis[place]), own_names),
                dataset_text=dataset,
                is_called_dataset=names.is_called_dataset(dataset),
                metric_text=clean(metric_text.replace(dataset, " ")),
                metric_family=metric,
                confidence=own,
            )
    return list(best.values())


def _read(
    candidates: Candidates, kinds: CellKinds, place: int, names: _Names
) -> tuple[str, str, Sequence[str]]:
    """The metric of a number as the paper writes it, the metric's family, and the names of its data sets."""
    beside, above = (
        [part.strip() for part in candidates.contexts[at[place]].split("|") if part.strip()]
        for at in (candidates.beside, candidates.above)
    )
    caption = candidates.contexts[candidates.about[place]]
    methods, others = (beside, above) if kinds.axis[place] == METHODS_IN_ROWS else (above, beside)
    found = names.in_headers((*others, *methods))
    if not any(map(names.is_called_dataset, found)):
        found += names.in_caption(caption)
    texts = (*reversed(others), *methods, caption)
    metric_text, metric = _metric(texts) if found else ("", "")
    if found and not metric:
        metric_text, metric = _other_metric(texts)
    if found and not metric:
        metric = names.usual_metric
    return metric_text, metric, found if metric else ()


def _metric(texts: Iterable[str]) -> tuple[str, str]:
    """The first text that names a metric, and its family; of several in it none is taken for certain but
    where the text is a caption's only one."""
    for text in texts:
        families = families_in(text)
        if len(families) == 1:
            return text[:_LONGEST], next(iter(families))
        if families:
            return text[:_LONGEST], sorted(families)[0] if len(text) <= _LONGEST else ""
    return "", ""


def open_family(metric: str) -> str:
    """The family by which a result of this metric is known; the name itself where there is none."""
    return family_of(metric) or _other_metric((metric,))[1] or metric


def _other_metric(texts: Iterable[str]) -> tuple[str, str]:
    """The first text that names one of `_OTHER_METRICS` and no metric of a family, and that metric."""
    for text in texts:
        name = next((name for name, pattern in _OTHER_METRICS if pattern.search(text)), "")
        if name and not families_in(text):
            return text[:_LONGEST], name
    return "", ""


class _Names:
    """Which names of a paper may be data sets, and what its text says of them."""

    def __init__(self, paper: Paper, own_names: Sequence[str]) -> None:
        texts = [paper.title, paper.abstract, *(section.text for section in paper.sections)]
        texts += [table.caption for table in paper.tables]
        self.text = " ".join(texts)
        self.own = {_plain(name) for name in own_names}
        self.called: dict[str, bool] = {}

    def in_headers(self, headers: Sequence[str]) -> list[str]:
        """The names in headers, but those of metrics and of the paper's own methods."""
        found = (_without_split(without_metrics(_REMARK.sub(" ", header))) for header in headers)
        return [name for name in dict.fromkeys(found) if self._may_be(name)]

    def in_caption(self, caption: str) -> list[str]:
        """The names in a caption that the text calls data sets."""
        found = (_without_split(match[1]) for match in _AFTER.finditer(caption))
        return [n for n in dict.fromkeys(found) if self._may_be(n) and self.is_called_dataset(n)]

    def is_called_dataset(self, name: str) -> bool:
        """Whether the text says "the NAME dataset", or "datasets: ..., NAME"."""
        if name not in self.called:
            spelt = r"[\s-]*".join(re.escape(word) for word in re.findall(r"[^\W_]+|[^\w\s-]", name))
            called = re.compile(
                rf"(?i)(?<!\w){spelt}(?:\s*\[[^\]]*\]|\s*\([^)]*\))?\s+(?:[\w-]+\s+)?{_NOUN}\b"
                rf"|\b{_NOUN}[,:]?\s+(?:\w+\s+){{0,3}}{spelt}(?!\w)"
            )
            self.called[name] = called.search(self.text) is not None
        return self.called[name]

    @cached_property
    def usual_metric(self) -> str:
        """The family that the most sentences of the text name; "" where none does."""
        counts = Counter(
            family
            for sentence in self.text.split(". ")
            for family in families_in(sentence[:_SENTENCE])
            if family not in _NO_METRICS
        )
        return counts.most_common(1)[0][0] if counts else ""

    def _may_be(self, name: str) -> bool:
        return _may_be_name(name) and _plain(name) not in self.own


def _without_split(name: str) -> str:
    return clean(_SPLIT.sub(" ", name)).strip(" -–:,.")


def _plain(name: str) -> str:
    return "".join(filter(str.isalnum, name.lower()))


def _may_be_name(name: str) -> bool:
    words = _WORD.findall(name)
    if not words or len(words) > _MOST_WORDS or not 2 < len(name) <= _LONGEST:
        return False
    if all(word.lower() in _NO_NAME or word.replace(".", "").isdigit() for word in words):
        return False
    return any(map(str.isupper, name)) and not families_in(name)
