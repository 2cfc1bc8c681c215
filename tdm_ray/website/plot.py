"""The plot of the state of the art over time, as an SVG in the colours of the page."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

import pygal
from lxml import etree
from pygal.style import Style

from tdm_ray.website.urls import paper_url

_MOST_POINTS = 300  # that never were the best: of more, evenly many over the years
_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_PLAIN = Style(font_family="inherit")
_STROKE = "best"


class _Points(pygal.DateLine):  # type: ignore[misc]
    """A chart without the texts for pygal's own script, which no page loads; saves a quarter of its time."""

    def _tooltip_data(self, *_: Any, **__: Any) -> None:
        """Values and places, as text."""

    def _static_value(self, *_: Any, **__: Any) -> None:
        """Printed values, which are off."""

    def _format(self, *_: Any, **__: Any) -> str:
        """The text of a value, for those two."""
        return ""


def plot(entries: Sequence[Mapping[str, Any]], name: str) -> str | None:
    """The SVG of a leaderboard's entries; None where fewer than two have a date and a score that is no
    outlier."""
    plotted = [e for e in entries if e["published"] and _finite(e["score"]) and not e["outlier"]]
    plotted = sorted(plotted, key=lambda e: (e["published"], e["rank"]))
    if len(plotted) < 2:
        return None
    best = [e for e in plotted if e["was_best"]]
    others = [e for e in plotted if not e["was_best"]]
    shown = [*others[:: -(-len(others) // _MOST_POINTS) or 1], *best]
    chart = _Points(
        style=_PLAIN,
        css=[],
        js=[],
        width=760,
        height=240,
        margin=8,
        margin_right=36,
        max_scale=6,
        dots_size=4,
        show_legend=False,
        x_labels=_ticks(plotted[0]["published"], plotted[-1]["published"]),
        x_value_formatter=_tick_label,
        value_formatter=lambda value: f"{value:.4g}",
        disable_xml_declaration=True,
        explicit_size=False,
        title=None,
        no_data_text="",
    )
    chart.add("all", [_point(e) for e in shown], stroke=False)
    chart.add(_STROKE, _steps(best, plotted[-1]["published"]), show_dots=False)
    return _as_figure(chart.render_tree(), name)


def _finite(score: float | None) -> bool:
    return score is not None and math.isfinite(score)


def _point(entry: Mapping[str, Any]) -> dict[str, Any]:
    title = (
        f"{entry['score_text'] or entry['score']}: {entry['title'] or entry['paper_id']} "
        f"({entry['published']})"
    )
    title = _NOT_XML.sub("", title)
    # The table below has the same links: a keyboard need not pass 300 points.
    link = {
        "href": f"../{paper_url(entry['paper_id'])}",
        "target": "_self",
        "tabindex": "-1",
        "aria-label": title,
    }
    return {
        "value": (entry["published"], entry["score"]),
        "tooltip": title,
        "xlink": link,
        "node": {"class": "was-best"} if entry["was_best"] else {},
    }


def _steps(best: Sequence[Mapping[str, Any]], last: date) -> list[tuple[date, float]]:
    """The running best: each holds until the next one."""
    steps: list[tuple[date, float]] = []
    for entry in best:
        steps += [(entry["published"], steps[-1][1])] if steps else []
        steps.append((entry["published"], entry["score"]))
    return [*steps, (last, steps[-1][1])] if steps else []


def _ticks(first: date, last: date) -> list[date]:
    """January firsts, eight at most, around what is shown; of less than two years the ends themselves."""
    years = range(first.year, last.year + 2)
    if len(years) <= 3:
        return [first, last] if first != last else [first]
    return [date(year, 1, 1) for year in years[:: -(-len(years) // 8)]]


def _tick_label(day: date) -> str:
    return f"{day:%Y}" if (day.month, day.day) == (1, 1) else f"{day:%Y-%m-%d}"


def _as_figure(svg: etree._Element, name: str) -> str:
    """The chart with a name for screen readers, without what would differ from build to build."""
    for node in list(svg.iter()):
        if (
            not isinstance(node.tag, str)
            or etree.QName(node).localname in ("defs", "desc")
            or _is_empty(node)
        ):
            node.getparent().remove(node)
    svg.attrib.pop("id", None)
    svg.set("role", "group")
    svg.set("aria-label", name)
    return str(etree.tostring(svg, encoding="unicode", with_tail=False))


def _is_empty(node: etree._Element) -> bool:
    """Whether a node shows nothing: Pygal's own title, or a box for its script's tooltips."""
    return node.getparent() is not None and (
        node.text == "Pygal" or "tooltip-overlay" in node.get("class", "")
    )
