"""Print a taxonomy: a table for a person, JSON lines for a script."""

from __future__ import annotations

import json
import math
from collections import Counter

from rich.markup import escape
from rich.table import Table

from tdm_ray.records import TDM_COLUMNS
from tdm_ray.taxonomy.labels import Label, Taxonomy

_TASKS = 6  # the largest tasks of an area that are named


def matching(taxonomy: Taxonomy, words: str | None) -> Taxonomy:
    """The labels whose area, names or aliases hold all of `words`, in any case; all labels without words."""
    wanted = (words or "").lower().split()
    kept = [x for x in taxonomy.labels if all(w in _searched(x) for w in wanted)]
    return Taxonomy(tuple(kept), taxonomy.broken)


def _searched(label: Label) -> str:
    return f"{label.area} {label.tdm} {' '.join(label.aliases)}".lower()


def areas_table(taxonomy: Taxonomy) -> Table:
    """One row an area, the largest first: how many labels, tasks and datasets, and its largest tasks."""
    areas = Counter(label.area or "(none)" for label in taxonomy.labels)
    shown = Table(caption=_counted(taxonomy), show_lines=False)
    for name in ("area", "labels", "tasks", "datasets", "largest tasks"):
        shown.add_column(name, justify="right" if name in ("labels", "tasks", "datasets") else "left")
    for area, number in areas.most_common():
        labels = [label for label in taxonomy.labels if (label.area or "(none)") == area]
        tasks = Counter(label.tdm.task for label in labels)
        datasets = {label.tdm.dataset for label in labels}
        largest = "; ".join(f"{task} {count}" for task, count in tasks.most_common(_TASKS))
        cells = (area, f"{number:,}", f"{len(tasks):,}", f"{len(datasets):,}", largest)
        shown.add_row(*map(escape, cells))
    return shown


def _counted(taxonomy: Taxonomy) -> str:
    counts = {part: len({getattr(x.tdm, part) for x in taxonomy.labels}) for part in TDM_COLUMNS}
    counted = ", ".join(f"{n:,} {part}s" for part, n in counts.items())
    return f"{len(taxonomy):,} labels: {counted}; taxonomy_id {taxonomy.taxonomy_id}"


def _range(label: Label) -> str:
    """The values that a label's metric can have: "0 to 100", "0 or more"."""
    if math.isfinite(label.low) and math.isfinite(label.high):
        return f"{label.low:g} to {label.high:g}"
    if math.isfinite(label.low):
        return f"{label.low:g} or more"
    return f"up to {label.high:g}" if math.isfinite(label.high) else ""


def as_table(taxonomy: Taxonomy) -> Table:
    """One row a label; the caption counts labels, tasks, datasets and metrics."""
    shown = Table(caption=_counted(taxonomy), show_lines=False)
    for name in (*TDM_COLUMNS, "direction", "range", "count", "aliases"):
        shown.add_column(name, justify="right" if name == "count" else "left")
    for x in taxonomy.labels:
        cells = (
            x.tdm.task,
            x.tdm.dataset,
            x.tdm.metric,
            x.direction,
            _range(x),
            f"{x.papers or ''}",
            "; ".join(x.aliases),
        )
        shown.add_row(*map(escape, cells))
    return shown


def as_lines(taxonomy: Taxonomy) -> str:
    """JSON lines, one a label."""
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in taxonomy.table().to_pylist())
