"""Evidence on a page: the row of the table or the sentence, with the number marked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tdm_ray.text.numbers import find_printed


def shown_evidence(row: Mapping[str, Any]) -> dict[str, Any] | None:
    """What the templates need of an entry's evidence; None where it has none."""
    evidence = row["evidence"]
    if not evidence or not evidence["kind"]:
        return None
    shown = {"kind": evidence["kind"], "caption": evidence["caption"] or "", "where": _where(evidence)}
    if evidence["kind"] == "cell":
        cells = evidence.get("row") or [
            {
                "value": evidence["text"],
                "bold": False,
                "column_headers": evidence["column_headers"],
                "marked": True,
            }
        ]
        depth = max((len(cell["column_headers"] or ()) for cell in cells), default=0)
        heads = [[_at(cell["column_headers"], level, depth) for cell in cells] for level in range(depth)]
        return {
            **shown,
            "cells": [
                (cell["value"], "mark" if cell["marked"] else "b" if cell["bold"] else "") for cell in cells
            ],
            "heads": [_spans(head) for head in heads],
            "row": evidence["row_headers"] or [],
        }
    return {**shown, "parts": _parts(evidence["text"] or "", row["score_text"])}


def _where(evidence: Mapping[str, Any]) -> str:
    """The table's number where the caption does not say it; not all tables of a paper may have been read."""
    if evidence["table"] is None or (evidence["caption"] or "").lower().startswith(("tab", "figure", "fig.")):
        return ""
    return f"Table {evidence['table'] + 1} found in the paper"


def _at(headers: list[str] | None, level: int, depth: int) -> str:
    """The header at a level; a cell with fewer headers than its neighbours has them at the bottom."""
    names = headers or []
    place = level - (depth - len(names))
    return names[place] if place >= 0 else ""


def _spans(names: list[str]) -> list[tuple[str, int]]:
    """Names and over how many columns each stands."""
    spans: list[tuple[str, int]] = []
    for name in names:
        if spans and name and spans[-1][0] == name:
            spans[-1] = (name, spans[-1][1] + 1)
        else:
            spans.append((name, 1))
    return spans


def _parts(text: str, score: str | None) -> tuple[str, str, str]:
    """The text before the number, the number, the text after."""
    start, end = find_printed(text, score or "") or (len(text), len(text))
    return text[:start], text[start:end], text[end:]
