"""Show every step of one paper's way to its predictions, with its real values (`tdm-ray inspect`)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from rich.console import Group, RenderableType
from rich.markup import escape
from rich.padding import Padding
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from tdm_ray.classify.cell_model import CellModel
from tdm_ray.classify.features import LEARNED, LEXICAL
from tdm_ray.classify.pairs import hypothesis
from tdm_ray.classify.precision import fastest_precision
from tdm_ray.classify.resources import Resources, cells_folder
from tdm_ray.classify.scorer import Decider, Prepared, Preparer, prepare
from tdm_ray.classify.shortlist import Shortlist
from tdm_ray.config import AUTO, CONFIRMED, ScoreConfig
from tdm_ray.errors import InputError
from tdm_ray.extract.choose import choose
from tdm_ray.extract.confidence import confidence_of
from tdm_ray.extract.extractor import Extractor
from tdm_ray.extract.matcher import check_matcher
from tdm_ray.extract.settle import settled
from tdm_ray.leaderboard.evidence import show_evidence
from tdm_ray.papers.read import read_papers
from tdm_ray.records import Paper
from tdm_ray.text.doctaet import doctaet

_SHOWN = 12


def find_paper(source: str, paper_id: str | None) -> Paper:
    """The paper `paper_id` of `source`, or its first. Raises `InputError` where it is not there or was
    rejected."""
    for reading in read_papers(source):
        found_id = reading.paper.paper_id if reading.paper else reading.paper_id
        if paper_id in (None, found_id):
            if reading.paper is None:
                raise InputError(f"{reading.location}: rejected: {reading.reason}: {reading.detail}")
            return reading.paper
    raise InputError(f"{source}: no paper {paper_id!r} in it" if paper_id else f"{source}: no paper in it")


@dataclass(frozen=True)
class Trace:
    """One paper and the result of each step on its way to decisions."""

    paper: Paper
    resources: Resources
    model: str
    shortlist: Shortlist
    prepared: Prepared
    log_odds: np.ndarray[Any, Any]
    probability: np.ndarray[Any, Any]
    decisions: Sequence[Mapping[str, Any]]


def trace(paper: Paper, config: ScoreConfig) -> Trace:
    """Decide for one paper, keeping every step."""
    precision = fastest_precision()[0] if config.precision == AUTO else config.precision
    resources = Resources.of(config, precision)
    check_matcher(config.matcher_folder)
    preparer = Preparer(resources)
    decider = Decider(resources)
    shortlist, prior = preparer.shortlist(paper)
    # Here the model also scores hypotheses that cannot pass the threshold: a person wants to see them.
    prepared = prepare(preparer.pairs, shortlist, prior, config.max_labels)
    log_odds = decider.log_odds([prepared])[0]
    probability = decider.probabilities(prepared, log_odds)
    prepared = preparer(paper)
    decided = decider(prepared, log_odds[: len(prepared.windows)], Extractor(resources)(paper, prepared))
    confidence = confidence_of(resources)
    cells = CellModel(cells_folder(config.matcher_folder), precision=precision)
    decisions = settled(choose([decided], cells)[0], confidence)
    return Trace(paper, resources, str(decider.model), shortlist, prepared, log_odds, probability, decisions)


def as_facts(trace: Trace) -> dict[str, Any]:
    """The same as `explain` shows, for a script."""
    labels = [trace.resources.taxonomy.labels[at].tdm for at in trace.prepared.labels]
    columns = zip(labels, trace.prepared.prior, trace.log_odds, trace.probability, strict=True)
    return {
        "paper_id": trace.paper.paper_id,
        "title": trace.paper.title,
        "content_hash": trace.paper.content_hash,
        "model_id": trace.resources.model_id,
        "threshold": trace.resources.threshold,
        "doctaet": doctaet(trace.paper),
        "hypotheses": [
            {**asdict(tdm), "prior": float(prior), "entailment": float(odds), "probability": float(p)}
            for tdm, prior, odds, p in columns
        ],
        "decisions": [{**d, "probability": float(d["probability"])} for d in trace.decisions],
    }


def explain(trace: Trace) -> RenderableType:
    """Paper, premise, shortlist, features, entailment and decisions, as tables."""
    resources = trace.resources
    shortlist = trace.shortlist
    labels = trace.prepared.labels
    return Group(
        Rule("1. the paper"),
        *_paper(trace.paper),
        Rule("2. the premise"),
        *_premise(trace.paper, Counter(p.field for p in shortlist.passages)),
        Rule(
            f"3. the shortlist: {len(shortlist.labels)} of {len(resources.taxonomy):,}; "
            f"{len(labels)} worth asking"
        ),
        _shortlist(resources, labels, trace.prepared.prior, trace.log_odds, trace.probability),
        Rule(f"4. the best label's pair, as {trace.model} reads it"),
        *(_best_pair(trace) if labels else [Text("none: no label is named, or reported by neighbours")]),
        Rule(f"5. decisions: {_least(resources)}, model {resources.model_id}"),
        *map(_decision, trace.decisions),
        *([] if trace.decisions else [Text("unknown: no label passes")]),
    )


def _least(resources: Resources) -> str:
    """The least probability, in words; another one for labels that are not learnt, where there are any."""
    least, new = resources.threshold, float(resources.thresholds.max())
    more = f" ({new:.2f} for labels that the index has not learnt)" if new > least else ""
    return f"probability at least {least:.2f}{more}"


def _labelled(name: str, value: str) -> Text:
    return Text.assemble((f"{name}: ", "bold"), value)


def _paper(paper: Paper) -> list[RenderableType]:
    words = sum(len(s.text.split()) for s in paper.sections)
    headings = "; ".join(s.heading for s in paper.sections)
    cells = sum(len(t.cells) for t in paper.tables)
    return [
        _labelled("paper_id", f"{paper.paper_id}  (from {paper.source}, content {paper.content_hash})"),
        _labelled("title", paper.title),
        _labelled("abstract", paper.abstract),
        _labelled("sections", f"{len(paper.sections)} with {words:,} words: {headings}"),
        _labelled("tables", f"{len(paper.tables)} with {cells:,} cells"),
    ]


def _premise(paper: Paper, fields: Counter[str]) -> list[RenderableType]:
    return [
        _labelled("DocTAET", doctaet(paper)),
        _labelled("passages", ", ".join(f"{n} {field}" for field, n in fields.items())),
    ]


def _shortlist(
    resources: Resources, labels: list[int], prior: list[float], log_odds: np.ndarray, probability: np.ndarray
) -> Table:
    shown = Table(box=None, pad_edge=False)
    shown.add_column("label")
    for name in ("prior", "entailment", "probability"):
        shown.add_column(name, justify="right")
    for i in np.argsort(-probability, kind="stable")[:_SHOWN]:
        style = "bold green" if probability[i] >= resources.thresholds[labels[i]] else ""
        name = escape(hypothesis(resources.taxonomy.labels[labels[i]].tdm))
        shown.add_row(name, f"{prior[i]:+.2f}", f"{log_odds[i]:+.2f}", f"{probability[i]:.3f}", style=style)
    return shown


def _best_pair(trace: Trace) -> list[RenderableType]:
    label = trace.prepared.labels[int(np.argmax(trace.probability))]
    row = int(np.flatnonzero(trace.shortlist.labels == label)[0])
    return [
        _labelled("hypothesis", hypothesis(trace.resources.taxonomy.labels[label].tdm)),
        _labelled("premise", trace.shortlist.premises([row])[0]),
        _labelled("features", _features(trace.shortlist.features[row])),
    ]


def _features(row: np.ndarray) -> str:
    names = (*LEXICAL, *LEARNED)[: len(row)]
    return ", ".join(f"{name} {value:.2f}" for name, value in zip(names, row, strict=True) if value)


def _decision(decision: Mapping[str, Any]) -> RenderableType:
    name = f"{decision['task']}; {decision['dataset']}; {decision['metric']}"
    score = ""
    if decision["score"] is not None:
        method = f" by {decision['method']}" if decision["method"] else ""
        state = "confirmed" if decision["confidence"] >= CONFIRMED else "tentative"
        score = f" = {decision['score_text']}{method} ({state}, {decision['confidence']:.2f})"
    evidence = show_evidence(decision["evidence"], decision["score_text"])
    return Group(
        Text(f"{decision['probability']:.3f}  {name}{score}", "bold green"), Padding(evidence, (0, 0, 1, 7))
    )
