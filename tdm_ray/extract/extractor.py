"""The score of each hypothesis and the evidence for it: a cell with its headers, a sentence, a caption."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from tdm_ray.classify.resources import Resources
from tdm_ray.classify.scorer import Prepared
from tdm_ray.extract.candidates import candidates_of
from tdm_ray.extract.cell_text import premise
from tdm_ray.extract.features import FeatureBuilder, PaperContext
from tdm_ray.extract.matcher import Match, Matcher
from tdm_ray.extract.methods import method_name
from tdm_ray.extract.open_results import OpenResult, open_results
from tdm_ray.extract.own_names import names_of_ours
from tdm_ray.extract.quotes import Quotes
from tdm_ray.gold.annotations import of_others
from tdm_ray.records import TDM, TDM_COLUMNS, Cell, Paper
from tdm_ray.text.numbers import in_header_unit
from tdm_ray.text.passages import Passage, column_headers, row_headers

_HEADERS = 12  # as many headers as a person reads at a glance
_TO_EACH_SIDE = 8
# Scores are extracted only for hypotheses that are likely to hold: those with a prior of 0.05 or more, and
# at least 8 of a paper.
_LEAST_PRIOR = 0.05
_LEAST_LABELS = 8
# score, score_text, score_confidence, method and evidence, as in `records.DECISION`; the premise that the
# cell model reads, the reranker's score `rank`, and in `others` the same of the next best candidates.
Extraction = dict[str, Any]


class Extractor:
    """Holds the matcher and what labelled papers report."""

    def __init__(self, resources: Resources) -> None:
        self.matcher = Matcher.load(resources.config.matcher_folder)
        index = resources.index
        labels = resources.taxonomy.labels
        quotes = Quotes.load(index.folder, index.facts) if index else None
        self.builder = FeatureBuilder(
            resources.shortlister.lexicon,
            labels,
            self.matcher.associations,
            self.matcher.line_kinds,
            np.flatnonzero(resources.learnt).tolist(),
            quotes,
        )
        self.known = index.scores if index else {}
        self.no_methods = frozenset(
            getattr(label.tdm, part).lower() for label in labels for part in TDM_COLUMNS
        )
        # The calibrator's threshold, not the run's: the extracted scores must not depend on the run's.
        self.threshold = resources.calibrator.joint.threshold

    def context_of(self, paper: Paper) -> PaperContext:
        """The candidates of a paper and all that does not depend on the label."""
        return self.builder.context_of(paper)

    def results(self, paper: Paper, context: PaperContext | None) -> list[OpenResult]:
        """The paper's own results, whatever the taxonomy knows; `context` where it is there already."""
        candidates = context.candidates if context else candidates_of(paper)
        kinds = context.kinds if context else self.matcher.line_kinds(paper, candidates)
        return open_results(paper, candidates, kinds, kinds.own_names)

    def __call__(
        self, paper: Paper, prepared: Prepared, context: PaperContext | None = None
    ) -> list[Extraction]:
        """An extraction for each label of `prepared`, in its order; `context` where it is there already."""
        prior = 1 / (1 + np.exp(-np.array(prepared.prior)))
        count = min(len(prepared.windows), max(_LEAST_LABELS, int((prior >= _LEAST_PRIOR).sum())))
        labels = prepared.labels[:count]  # hypotheses come in the order of their prior
        context = context or self.context_of(paper)
        known = {label: of_others(self.known.get(label, ()), paper.paper_id) for label in labels}
        matches = self.matcher.match(
            self.builder, context, labels, prior[: len(labels)], self.threshold, known
        )
        matches += [[] for _ in prepared.labels[count:]]
        own = names_of_ours(context.kinds.own_names, paper.title, self.no_methods)
        return [
            self._of_label(paper, context, found, passage, self.builder.labels[label].tdm, own)
            for label, found, passage in zip(prepared.labels, matches, prepared.passages, strict=True)
        ]

    def _of_label(
        self,
        paper: Paper,
        context: PaperContext,
        matches: Sequence[Match],
        passage: Passage | None,
        label: TDM,
        own: Sequence[str],
    ) -> Extraction:
        """The extraction of the best match, with those of the others; without a score where it is not
        confident, or in a table that was cut: of 10,000 random numbers one had a confidence of 0.29."""
        candidates = context.candidates
        whole = [
            m for m in matches if candidates.cut is None or candidates.tables[m.candidate] != candidates.cut
        ]
        if not whole or whole[0] != matches[0] or whole[0].confidence < self.matcher.least_confidence:
            nothing = dict.fromkeys(("score", "score_text", "score_confidence", "method", "premise", "rank"))
            return {**nothing, "evidence": _named(paper, passage), "others": []}
        best, *others = (self._extraction(paper, context, match, label, own) for match in whole)
        return {**best, "others": others}

    def _extraction(
        self, paper: Paper, context: PaperContext, match: Match, label: TDM, own: Sequence[str]
    ) -> Extraction:
        candidates = context.candidates
        number = candidates.numbers[match.candidate]
        table = int(candidates.tables[match.candidate])
        extraction = {
            "score_text": candidates.printed[match.candidate],
            "score_confidence": match.confidence,
            "premise": premise(candidates, context.kinds, match.candidate),
            "rank": match.rank,
        }
        if table < 0:
            sentence = candidates.contexts[candidates.about[match.candidate]]
            return {
                **extraction,
                "score": number.value,
                "method": own[0] if own else None,
                "evidence": _evidence("sentence", text=sentence),
            }
        cell = paper.tables[table].cells[candidates.cells[match.candidate]]
        evidence = _evidence(
            "cell",
            table,
            paper.tables[table].caption,
            cell.row_headers,
            cell.column_headers,
            cell.value,
            row_around(paper.tables[table].cells, candidates.cells[match.candidate]),
        )
        return {
            **extraction,
            "score": in_header_unit(number, cell.column_headers, label.metric),
            "method": method_name(
                paper.tables[table].cells,
                int(candidates.cells[match.candidate]),
                int(context.kinds.axis[match.candidate]),
                own,
                label,
            ),
            "evidence": evidence,
        }


def _named(paper: Paper, passage: Passage | None) -> dict[str, Any] | None:
    """The passage that names the label, as evidence: of kind "caption" where it is one of a table, else
    "sentence"."""
    if passage is None:
        return None
    if passage.table < 0:
        return _evidence("sentence", text=passage.text)
    table = paper.tables[passage.table]
    rows = row_headers(table)[:_HEADERS] if passage.field == "rows" else ()
    columns = column_headers(table)[:_HEADERS] if passage.field == "columns" else ()
    return _evidence("caption", passage.table, table.caption, rows, columns, passage.text)


def row_around(cells: Sequence[Cell], place: int) -> list[dict[str, Any]]:
    """The cells of the same row, eight to each side at most.

    A table is a list of cells: a row goes on while its headers are the same and the columns come in the
    table's order."""
    order: dict[tuple[str, ...], int] = {}
    for cell in cells:
        order.setdefault(tuple(cell.column_headers), len(order))
    columns = [order[tuple(cell.column_headers)] for cell in cells]

    def goes_on(left: int, right: int) -> bool:
        beside = list(cells[left].row_headers) == list(cells[right].row_headers)
        return beside and columns[left] < columns[right]

    first = last = int(place)
    while first > max(0, place - _TO_EACH_SIDE) and goes_on(first - 1, first):
        first -= 1
    while last < min(len(cells) - 1, place + _TO_EACH_SIDE) and goes_on(last, last + 1):
        last += 1
    return [
        {
            "value": cell.value,
            "bold": cell.bold,
            "column_headers": list(cell.column_headers),
            "marked": at == place,
        }
        for at, cell in enumerate(cells[first : last + 1], start=first)
    ]


def _evidence(
    kind: str,
    table: int | None = None,
    caption: str = "",
    rows: Any = (),
    columns: Any = (),
    text: str = "",
    row: Any = None,
) -> dict[str, Any]:
    return {
        "kind": kind,
        "table": table,
        "caption": caption,
        "row_headers": list(rows),
        "column_headers": list(columns),
        "text": text,
        "row": row,
    }
