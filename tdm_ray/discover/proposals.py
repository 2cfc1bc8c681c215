"""Proposals: data sets and metrics on which several papers report own results, and which no label names."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence, Sized
from dataclasses import dataclass
from itertools import pairwise

from tdm_ray.arxiv_ids import base_id
from tdm_ray.discover.names import plain
from tdm_ray.extract.open_results import OpenResult, open_family
from tdm_ray.records import TDM
from tdm_ray.storage import digest
from tdm_ray.taxonomy.direction import direction_of
from tdm_ray.taxonomy.labels import Taxonomy
from tdm_ray.taxonomy.metrics import cut_off, may_be_one

LEAST_PAPERS = 3
UNKNOWN_TASK = "unknown"
_SHOWN = 5  # results that are shown as evidence
_LEAST_CALLED = 2  # papers whose text calls a name a data set
_LEAST_SHARE = 0.15  # of the papers that report on it
_LEAST_SHARE_OF_WORD = 0.5  # the same of a name that may be a common word: "Pose", "Breakfast"
_LEAST_SHARE_NAMED = 0.4  # of a board's numbers those whose metric the table names
_LANGUAGES = re.compile(r"(?:cs|de|en|es|et|fi|fr|hi|it|ja|lv|pt|ro|ru|tr|vi|zh){2}")  # a pair, plain
_TASKS_OF_WORD = 2  # tasks that share a word which is no data set
_WORD = re.compile(r"\w+")
_FORM = re.compile(r"\d|[A-Z].*[A-Z]|[a-z][A-Z]")
_METRIC_WORDS = 3
_SHORT = 30  # characters of a metric's name; longer is a header of several things
Board = tuple[str, str, str | None]  # a data set's plain name, a family of metrics, its cut-off
_NAMES = {
    "ap": "mAP",
    "iou": "mIoU",
    "f-score": "F1",
    "exact match": "EM",
    "bleu": "BLEU",
    "auc": "AUC",
    "mean rank": "MR",
    "score": "Score",
    "return": "Return",
    "sdr": "SDR",
    "clicks": "NoC",
    "average overlap": "Average Overlap",
}
_ACCURACIES = {
    **dict.fromkeys(("acc", "accuracy", "accuracies"), "Accuracy"),
    **dict.fromkeys(("top1", "top1acc", "top1accuracy"), "Top-1 Accuracy"),
}


@dataclass(frozen=True)
class Proposal:
    """A label that may be added. `papers` is how many report it, `evidence` some of their results; `nearest`
    are labels of data sets with a similar name."""

    board: Board
    tdm: TDM
    direction: str
    papers: int
    evidence: Sequence[OpenResult]
    names: Sequence[str]
    nearest: Sequence[TDM] = ()

    @property
    def proposal_id(self) -> str:
        """A short name that does not depend on the papers: of data set, family of metrics and cut-off."""
        return digest([repr(self.board).encode()])[:8]


def propose(
    rows: Sequence[OpenResult],
    taxonomy: Taxonomy,
    tasks: Mapping[str, Collection[str]],
    methods: Mapping[str, int] | None = None,
    *,
    least_papers: int = LEAST_PAPERS,
) -> list[Proposal]:
    """The proposals, those of most papers first.

    rows: results of any papers; those on a data set that the taxonomy names with such a metric are left out.
    tasks: by paper the tasks of its labels, which a new label takes its task from. methods: by plain name how
    many papers call a method so (None: it is counted in `rows`); a name that as many papers give a method as
    call a data set is none, and neither is a word of several tasks ("Pose")."""
    known = _known(taxonomy)
    names = _datasets(rows, _method_counts(rows) if methods is None else methods) - _words_of_tasks(taxonomy)
    named = [(plain(label.tdm.dataset), label.tdm) for label in taxonomy.labels]
    with_family = _tasks_by_family(taxonomy)
    boards: dict[Board, dict[str, OpenResult]] = defaultdict(dict)
    for row in rows:
        key = plain(row.dataset_text)
        if key in names and not any(may_be_one(row.metric_family, family) for family in known.get(key, ())):
            papers = boards[key, *_measured(row)]
            before = papers.get(base_id(row.paper_id))
            if before is None or before.confidence < row.confidence:
                papers[base_id(row.paper_id)] = row
    found = [
        _proposal(
            board, list(papers.values()), tasks, with_family.get(board[1], set()), _near(board[0], named)
        )
        for board, papers in boards.items()
        if len(papers) >= least_papers
        and _is_named(board, papers.values())
        and not _is_part(board, boards, least_papers)
    ]
    return sorted(found, key=lambda one: (-one.papers, one.tdm))


def _measured(row: OpenResult) -> tuple[str, str | None]:
    """The family of a result's metric and its cut-off; an accuracy without one is the top-1 accuracy."""
    cut = cut_off(row.metric_text)
    if row.metric_family in ("accuracy", "top") and cut in (None, "1"):
        return "accuracy", None
    return row.metric_family, cut


def _method_counts(rows: Iterable[OpenResult]) -> Counter[str]:
    return Counter(name for name, _ in {(plain(row.method), row.paper_id) for row in rows if row.method})


def _datasets(rows: Iterable[OpenResult], methods: Mapping[str, int]) -> set[str]:
    """The plain names that are data sets: some papers call them so, and fewer have methods of that name."""
    papers: dict[str, set[str]] = defaultdict(set)
    with_form: dict[str, set[str]] = defaultdict(set)
    called: dict[str, set[str]] = defaultdict(set)
    for row in rows:
        key = plain(row.dataset_text)
        papers[key].add(row.paper_id)
        if _FORM.search(row.dataset_text):
            with_form[key].add(row.paper_id)
        if row.is_called_dataset:
            called[key].add(row.paper_id)
    datasets = set()
    for key, of in papers.items():
        is_name = 2 * len(with_form[key]) > len(of)
        least = max(_LEAST_CALLED, (_LEAST_SHARE if is_name else _LEAST_SHARE_OF_WORD) * len(of))
        if len(called[key]) >= least and len(called[key]) > methods.get(key, 0):
            datasets.add(key)
    return {key for key in datasets if key and not _LANGUAGES.fullmatch(key)}


def _words_of_tasks(taxonomy: Taxonomy) -> set[str]:
    """Plain names that are a word, or two beside each other, of several tasks: "pose", "zeroshot"."""
    counts: Counter[str] = Counter()
    for task in {label.tdm.task for label in taxonomy.labels}:
        words = [plain(word) for word in _WORD.findall(task)]
        counts.update({*words, *map("".join, pairwise(words))})
    return {word for word, count in counts.items() if count >= _TASKS_OF_WORD}


def _is_named(board: Board, rows: Collection[OpenResult]) -> bool:
    """Whether enough of the numbers stand under the metric's name, or in a table whose caption gives it; of
    the others it is the usual metric of the paper's text. Accuracies are often named nowhere."""
    named = sum(bool(row.metric_text) for row in rows)
    return board[1] == "accuracy" or named >= _LEAST_SHARE_NAMED * len(rows)


def _is_part(board: Board, boards: Mapping[Board, Sized], least: int) -> bool:
    """Whether a metric is the precision or recall beside an F1."""
    key, metric, _ = board
    return metric in ("precision", "recall") and len(boards.get((key, "f-score", None), ())) >= least


def _tasks_by_family(taxonomy: Taxonomy) -> dict[str, set[str]]:
    tasks: dict[str, set[str]] = defaultdict(set)
    for label in taxonomy.labels:
        tasks[open_family(label.tdm.metric)].add(label.tdm.task)
    return tasks


def _known(taxonomy: Taxonomy) -> dict[str, set[str]]:
    """By the plain names of data sets the families of their metrics."""
    known: dict[str, set[str]] = defaultdict(set)
    for label in taxonomy.labels:
        family = open_family(label.tdm.metric)
        for name in label.names("dataset"):
            known[plain(name)].add(family)
    return known


def _near(key: str, named: Iterable[tuple[str, TDM]]) -> list[TDM]:
    """The labels whose data set's plain name holds this one, or stands in it."""
    return [tdm for name, tdm in named if len(name) > 3 and (name in key or key in name)][:_SHOWN]


def _proposal(
    board: Board,
    rows: Sequence[OpenResult],
    tasks: Mapping[str, Collection[str]],
    fitting: Collection[str],
    near: Sequence[TDM],
) -> Proposal:
    _, metric, _ = board
    names = Counter(row.dataset_text for row in rows)
    dataset = min(names, key=lambda name: (-names[name], name))
    texts = [row.metric_text for row in rows if 0 < len(row.metric_text) <= _SHORT]
    cut = cut_off(texts[0]) if texts else None
    name = (_NAMES.get(metric) if not cut else None) or _usual(texts, metric, len(rows))
    task = _task(rows, tasks, fitting)
    direction = direction_of(name)
    if direction == "unknown":
        direction = direction_of(metric)
    best = sorted(rows, key=lambda row: (-row.confidence, row.paper_id))[:_SHOWN]
    return Proposal(board, TDM(task, dataset, name), direction, len(rows), best, sorted(names), near)


def _usual(texts: Sequence[str], metric: str, rows: int) -> str:
    """The most usual name of a metric that says nothing else; of an accuracy that few of the rows call alike
    "Accuracy"."""
    short = [text for text in texts if len(text.split()) <= _METRIC_WORDS]
    counts = Counter(_ACCURACIES.get(plain(text), text) for text in short)
    usual = min(counts, key=lambda text: (-counts[text], text)) if counts else metric
    return "Accuracy" if metric == "accuracy" and counts[usual] < _LEAST_SHARE * rows else usual


def _task(rows: Sequence[OpenResult], tasks: Mapping[str, Collection[str]], fitting: Collection[str]) -> str:
    """The task that the papers' labels speak for most; a paper of several has a part of a vote for each.
    Tasks that some label measures by such a metric come first."""
    votes: defaultdict[str, float] = defaultdict(float)
    for row in rows:
        of = tasks.get(row.paper_id, ())
        for task in of:
            votes[task] += 1 / len(of)
    return min(votes, key=lambda one: (one not in fitting, -votes[one], one)) if votes else UNKNOWN_TASK
