"""Settle a paper's decisions among each other: one cell proves one label; then each row's confidence."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from tdm_ray.records import TDM
from tdm_ray.taxonomy.equivalent import opposites, proven_together
from tdm_ray.taxonomy.metrics import stance

Decision = dict[str, Any]


def settled(decisions: Sequence[Decision], confidence: Callable[[Decision], float | None]) -> list[Decision]:
    """The decisions of one paper with their confidence, in their order.

    Where one cell proves several labels that are not proven together (see `taxonomy.equivalent`), the surest
    keeps it; the others keep their label and lose the score. Of an error and its accuracy one is kept."""
    rows = [{**decision, "confidence": confidence(decision)} for decision in decisions]
    holders = Holders()
    for row in sorted(rows, key=lambda r: -(r["confidence"] or 0)):
        if place_of(row) is None:
            continue
        tdm = TDM.of(row)
        if not names_another_metric(tdm.metric, row["evidence"]) and holders.may_take(tdm, row):
            holders.take(tdm, row)
        else:
            row.update(without_score(row))
    return _without_opposites(rows)


class Holders:
    """The labels that each cell of a paper proves: one, or several that are proven together."""

    def __init__(self) -> None:
        self._held: dict[tuple[Any, ...], list[TDM]] = {}

    def may_take(self, tdm: TDM, row: Decision) -> bool:
        """Whether no other label holds the cell of the row, or evidence of another kind proves it."""
        place = place_of(row)
        held = () if place is None else self._held.get(place, ())
        return all(proven_together(tdm, other) for other in held)

    def take(self, tdm: TDM, row: Decision) -> None:
        """Let the label hold the cell of the row, where it has one."""
        place = place_of(row)
        if place is not None:
            self._held.setdefault(place, []).append(tdm)


def _without_opposites(rows: list[Decision]) -> list[Decision]:
    """Of an error and its accuracy the surer one; without scores the more probable."""
    by_label = {TDM.of(row): row for row in rows}

    def sure(tdm: TDM) -> tuple[float, float]:
        return by_label[tdm]["confidence"] or 0, by_label[tdm]["probability"]

    pairs = opposites(sorted(by_label, key=lambda tdm: (sure(tdm), tdm), reverse=True))
    gone = {one for one, other in pairs.items() if (sure(one), one) < (sure(other), other)}
    return [row for tdm, row in by_label.items() if tdm not in gone]


def place_of(row: Decision) -> tuple[Any, ...] | None:
    """The cell that proves a row's score; of a cell that states several numbers also which, by its digits:
    one label may have it as 0.572, another as 57.2. None for other evidence."""
    evidence = row.get("evidence")
    if row.get("score") is None or not evidence or evidence["kind"] != "cell":
        return None
    headers = (tuple(evidence["row_headers"]), tuple(evidence["column_headers"]))
    digits = f"{row['score']:.9g}".replace(".", "").strip("-0")
    return (evidence["table"], *headers, evidence["text"], digits)


def names_another_metric(metric: str, evidence: Mapping[str, Any]) -> bool:
    """Whether the headers of a cell name another metric and not this one, read in full: the matcher reads the
    first 200 characters of them."""
    sides = (" | ".join(evidence[side] or ()) for side in ("row_headers", "column_headers"))
    stances = [stance(metric, text) for text in sides]
    return -1 in stances and 1 not in stances


def without_score(row: Decision) -> Decision:
    """The columns of a row that states no score: of its evidence the caption is left."""
    evidence = row["evidence"]
    caption = {**evidence, "kind": "caption", "text": evidence["caption"], "row": None}
    return {
        "score": None,
        "score_text": None,
        "score_confidence": None,
        "cell_probability": None,
        "confidence": None,
        "method": None,
        "evidence": {**caption, "row_headers": [], "column_headers": []},
    }
