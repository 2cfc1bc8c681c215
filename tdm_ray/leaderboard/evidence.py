"""Evidence at a terminal: the row of the table or the sentence, with the number marked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.console import Group, RenderableType
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from tdm_ray.text.numbers import find_printed

_MARKED = "bold black on yellow"


def show_evidence(evidence: Mapping[str, Any] | None, score_text: str | None) -> RenderableType:
    """Evidence (see `records.EVIDENCE`) over several lines."""
    if not evidence or not evidence["kind"]:
        return Text("no evidence", "dim")
    if evidence["kind"] != "cell" or not evidence.get("row"):
        return marked(evidence, score_text)
    shown = Table(pad_edge=False, show_edge=False, title=evidence["caption"] or None, title_justify="left")
    shown.title_style = "dim"
    shown.add_column("", style="bold")
    for cell in evidence["row"]:
        shown.add_column(escape(" ".join(dict.fromkeys(cell["column_headers"] or ()))))
    values = (
        Text(c["value"] or "", _MARKED if c["marked"] else "bold" if c["bold"] else "")
        for c in evidence["row"]
    )
    shown.add_row(escape(" / ".join(evidence["row_headers"] or ())), *values)
    return Group(shown)


def marked(evidence: Mapping[str, Any] | None, score_text: str | None) -> Text:
    """Evidence in one run of text."""
    if not evidence or not evidence["kind"]:
        return Text()
    if evidence["kind"] == "cell":
        heads = " / ".join(" ".join(evidence[side] or ()) for side in ("row_headers", "column_headers"))
        return Text.assemble(heads, " = ", (evidence["text"] or "", _MARKED))
    text = Text(evidence["text"] or "")
    if place := find_printed(text.plain, score_text or ""):
        text.stylize(_MARKED, *place)
    return text
