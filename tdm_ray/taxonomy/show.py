"""Print a taxonomy: a table for a person, JSON lines for a script."""

from __future__ import annotations

import json

from rich.markup import escape
from rich.table import Table

from tdm_ray.records import TDM_COLUMNS
from tdm_ray.taxonomy.labels import Taxonomy


def matching(taxonomy: Taxonomy, words: str | None) -> Taxonomy:
    """The labels whose names or aliases hold all of `words`, in any case; all labels without words."""
    wanted = (words or "").lower().split()
    kept = [x for x in taxonomy.labels if all(w in f"{x.tdm} {' '.join(x.aliases)}".lower() for w in wanted)]
    return Taxonomy(tuple(kept), taxonomy.broken)


def as_table(taxonomy: Taxonomy) -> Table:
    """One row a label; the caption counts labels, tasks, datasets and metrics."""
    counts = {part: len({getattr(x.tdm, part) for x in taxonomy.labels}) for part in TDM_COLUMNS}
    counted = ", ".join(f"{n:,} {part}s" for part, n in counts.items())
    shown = Table(
        caption=f"{len(taxonomy):,} labels: {counted}; taxonomy_id {taxonomy.taxonomy_id}", show_lines=False
    )
    for name in (*TDM_COLUMNS, "direction", "count", "aliases"):
        shown.add_column(name, justify="right" if name == "count" else "left")
    for x in taxonomy.labels:
        cells = (
            x.tdm.task,
            x.tdm.dataset,
            x.tdm.metric,
            x.direction,
            f"{x.papers or ''}",
            "; ".join(x.aliases),
        )
        shown.add_row(*map(escape, cells))
    return shown


def as_lines(taxonomy: Taxonomy) -> str:
    """JSON lines, one a label."""
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in taxonomy.table().to_pylist())
