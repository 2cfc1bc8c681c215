"""Every step of one paper's way with its real values, without Ray: the best documentation of how a decision is made."""

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

from tdm_ray.config import ScoreConfig
from tdm_ray.errors import InputError
from tdm_ray.classify.entailment import hypothesis
from tdm_ray.classify.features import LEARNED, LEXICAL
from tdm_ray.classify.scorer import Decider, Knowledge, Prepared, Preparer, prepare
from tdm_ray.classify.shortlist import Shortlist
from tdm_ray.papers.read import read_papers
from tdm_ray.text.doctaet import doctaet
from tdm_ray.records import Paper
from tdm_ray.extract.extractor import Prover
from tdm_ray.extract.show import show_evidence

_SHOWN = 12


def find_paper(source: str, paper_id: str | None) -> Paper:
    """The paper `paper_id` of `source`, or its first. Raises `InputError` where it is not there or was rejected."""
    for reading in read_papers(source):
        found = reading.paper.paper_id if reading.paper else reading.paper_id
        if paper_id in (None, found):
            if reading.paper is None:
                raise InputError(f"{reading.location}: rejected: {reading.reason}: {reading.detail}")
            return reading.paper
    raise InputError(f"{source}: no paper {paper_id!r} in it" if paper_id else f"{source}: no paper in it")


@dataclass(frozen=True)
class Look:
    """One paper and what was made of it, step by step."""

    paper: Paper
    knowledge: Knowledge
    model: str
    found: Shortlist
    prepared: Prepared
    log_odds: np.ndarray[Any, Any]
    probability: np.ndarray[Any, Any]
    decisions: Sequence[Mapping[str, Any]]


def look(paper: Paper, config: ScoreConfig) -> Look:
    """Decide for one paper, keeping every step."""
    knowledge = Knowledge.of(config)
    preparer, decider = Preparer(knowledge), Decider(knowledge)
    found, prior = preparer.shortlist(paper)
    # All worth asking are asked here, also those that would not pass: a person wants to see what the model says.
    prepared = prepare(preparer.pairs, found, prior, config.asked)
    log_odds = decider.log_odds([prepared])[0]
    probability = decider.probabilities(prepared, log_odds)
    asked = preparer(paper)
    decisions = decider(asked, log_odds[: len(asked.windows)], Prover(knowledge)(paper, asked))
    return Look(paper, knowledge, str(decider.model), found, prepared, log_odds, probability, decisions)


def as_facts(seen: Look) -> dict[str, Any]:
    """The same as `explain` shows, for a script."""
    labels = [seen.knowledge.taxonomy.labels[at].tdm for at in seen.prepared.labels]
    columns = zip(labels, seen.prepared.prior, seen.log_odds, seen.probability, strict=True)
    return {
        "paper_id": seen.paper.paper_id, "title": seen.paper.title, "content_hash": seen.paper.content_hash,
        "model_id": seen.knowledge.model_id, "threshold": seen.knowledge.threshold, "doctaet": doctaet(seen.paper),
        "asked": [{**asdict(tdm), "prior": float(prior), "entailment": float(odds), "probability": float(p)}
                  for tdm, prior, odds, p in columns],
        "decisions": [{**d, "probability": float(d["probability"])} for d in seen.decisions],
    }  # fmt: skip


def explain(seen: Look) -> RenderableType:
    """Paper, premise, shortlist, features, entailment and decisions, as tables."""
    knowledge, found, labels = seen.knowledge, seen.found, seen.prepared.labels
    return Group(
        Rule("1. the paper"), *_paper(seen.paper),
        Rule("2. the premise"), *_premise(seen.paper, Counter(p.field for p in found.passages)),
        Rule(f"3. the shortlist: {len(found.labels)} of {len(knowledge.taxonomy):,}; {len(labels)} worth asking"),
        _shortlist(knowledge, labels, seen.prepared.prior, seen.log_odds, seen.probability),
        Rule(f"4. the best label's pair, as {seen.model} reads it"),
        *(_best_pair(seen) if labels else [Text("none: no label is named, or reported by neighbours")]),
        Rule(f"5. decisions: probability at least {knowledge.threshold:.2f}, model {knowledge.model_id}"),
        *map(_decision, seen.decisions), *([] if seen.decisions else [Text("unknown: no label passes")]),
    )  # fmt: skip


def _labelled(name: str, value: str) -> Text:
    return Text.assemble((f"{name}: ", "bold"), value)


def _paper(paper: Paper) -> list[RenderableType]:
    words, headings = sum(len(s.text.split()) for s in paper.sections), "; ".join(s.heading for s in paper.sections)
    cells = sum(len(t.cells) for t in paper.tables)
    return [
        _labelled("paper_id", f"{paper.paper_id}  (from {paper.source}, content {paper.content_hash})"),
        _labelled("title", paper.title),
        _labelled("abstract", paper.abstract),
        _labelled("sections", f"{len(paper.sections)} with {words:,} words: {headings}"),
        _labelled("tables", f"{len(paper.tables)} with {cells:,} cells"),
    ]  # fmt: skip


def _premise(paper: Paper, fields: Counter[str]) -> list[RenderableType]:
    return [
        _labelled("DocTAET", doctaet(paper)),
        _labelled("passages", ", ".join(f"{n} {field}" for field, n in fields.items())),
    ]


def _shortlist(
    knowledge: Knowledge, labels: list[int], prior: list[float], log_odds: np.ndarray, probability: np.ndarray
) -> Table:
    shown = Table(box=None, pad_edge=False)
    shown.add_column("label")
    for name in ("prior", "entailment", "probability"):
        shown.add_column(name, justify="right")
    for i in np.argsort(-probability, kind="stable")[:_SHOWN]:
        style = "bold green" if probability[i] >= knowledge.threshold else ""
        name = escape(hypothesis(knowledge.taxonomy.labels[labels[i]].tdm))
        shown.add_row(name, f"{prior[i]:+.2f}", f"{log_odds[i]:+.2f}", f"{probability[i]:.3f}", style=style)
    return shown


def _best_pair(seen: Look) -> list[RenderableType]:
    label = seen.prepared.labels[int(np.argmax(seen.probability))]
    row = int(np.flatnonzero(seen.found.labels == label)[0])
    return [
        _labelled("hypothesis", hypothesis(seen.knowledge.taxonomy.labels[label].tdm)),
        _labelled("premise", seen.found.premises([row])[0]),
        _labelled("features", _features(seen.found.features[row])),
    ]


def _features(row: np.ndarray) -> str:
    names = (*LEXICAL, *LEARNED)[: len(row)]
    return ", ".join(f"{name} {value:.2f}" for name, value in zip(names, row, strict=True) if value)


def _decision(decision: Mapping[str, Any]) -> RenderableType:
    name = f"{decision['task']}; {decision['dataset']}; {decision['metric']}"
    score = "" if decision["score"] is None else f" = {decision['score_text']} ({decision['score_confidence']:.2f})"
    evidence = show_evidence(decision["evidence"], decision["score_text"])
    return Group(Text(f"{decision['probability']:.3f}  {name}{score}", "bold green"), Padding(evidence, (0, 0, 1, 7)))
