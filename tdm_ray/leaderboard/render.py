"""Print leaderboards, or the results of one paper, at a terminal."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from rich.console import Group, RenderableType
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from tdm_ray.keys import label_keys
from tdm_ray.leaderboard.evidence import marked
from tdm_ray.records import TDM_COLUMNS

_ARROW = {"higher": "higher is better", "lower": "lower is better"}


def render(table: pa.Table, *, boards: int = 20, entries: int = 10, by_size: bool = True) -> RenderableType:
    """The `boards` leaderboards with most entries, the surest first entries first (or as they are), `entries`
    rows of each, and a line that says what was left out."""
    tables = _by_size(table) if by_size else list(_boards(table))
    shown: list[RenderableType] = [_board(b, entries) for b in tables[:boards]]
    if len(tables) > boards:
        shown.append(
            Text(f"... and {len(tables) - boards:,} more leaderboards (--boards N shows more)", "dim")
        )
    if not tables:
        shown.append(Text("No results, no leaderboards."))
    return Group(*shown)


def largest_boards(table: pa.Table, count: int) -> pa.Table:
    """The entries of the `count` leaderboards with most entries, in the order in which `render` shows
    them."""
    boards = _by_size(table)[:count]
    return pa.concat_tables([table.slice(0, 0), *boards])


def folded_away(every: pa.Table, shown: pa.Table) -> Text:
    """A line that says how many rows are not shown; empty where none."""
    if len(every) == len(shown):
        return Text("")
    folded = every.filter(pc.invert(pc.fill_null(every["confirmed"], False)))
    scored = len(folded) - folded["score"].null_count
    parts = [(scored, "tentative result"), (len(folded) - scored, "mention without a score")]
    counts = " and ".join(f"{n:,} {what}{'s' * (n != 1)}" for n, what in parts if n)
    counts = counts.replace("mention without a scores", "mentions without a score")
    return Text(f"Folded away: {counts} (--tentative shows them).", "dim")


def _by_size(table: pa.Table) -> list[pa.Table]:
    return sorted(_boards(table), key=lambda board: (-len(board), -(board["confidence"][0].as_py() or 0)))


def render_paper(table: pa.Table) -> RenderableType:
    """What one paper reports: its rows of `LEADERBOARDS`, each with the evidence of its score."""
    rows = table.to_pylist()
    if not rows:
        return Text("No result of this paper is confirmed.")
    shown = Table(title=_title_of(rows[0]), title_justify="left", expand=False)
    shown.add_column("leaderboard")
    shown.add_column("#", style="dim", justify="right")
    shown.add_column("score", style="bold", justify="right")
    shown.add_column("method")
    shown.add_column("conf.", justify="right")
    shown.add_column("evidence", style="dim")
    for row in rows:
        name = f"{escape(row['dataset'])} · {escape(row['metric'])}\n[dim]{escape(row['task'])}[/]"
        score = row["score_text"]
        extraction = marked(row["evidence"], row["score_text"])
        method = escape(row["method"] or "")
        shown.add_row(name, _place(row), escape(score or ""), method, _confidence(row), extraction)
    return shown


def _title_of(row: dict[str, Any]) -> str:
    date = f", {row['published']}" if row["published"] else ""
    return f"[bold]{escape(row['title'] or '(no title)')}[/]  [dim]{escape(row['paper_id'])}{date}[/]"


def _boards(table: pa.Table) -> Iterator[pa.Table]:
    """The leaderboards one by one; in the table each one's rows stand together."""
    keys = label_keys(table).combine_chunks()
    changes = pc.not_equal(keys.slice(1), keys.slice(0, max(len(keys) - 1, 0)))
    starts = [0, *(1 + at for at in pc.indices_nonzero(changes).to_pylist())] if len(keys) else []
    for start, end in zip(starts, [*starts[1:], len(table)], strict=False):
        yield table.slice(start, end - start)


def _place(row: dict[str, Any]) -> str:
    """The row's place on its leaderboard; none for a tentative row, nor where no direction is known."""
    return str(row["rank"]) if row["confirmed"] and row["direction"] != "unknown" else ""


def _confidence(row: dict[str, Any]) -> str:
    """How sure the row is; of a mention, which has no score, nothing."""
    return "" if row["confidence"] is None else f"{row['confidence']:.2f}"


def _board(board: pa.Table, entries: int) -> Table:
    rows = board.slice(0, entries).to_pylist()
    title = " · ".join(escape(rows[0][part]) for part in TDM_COLUMNS)
    arrow = _ARROW.get(rows[0]["direction"] or "", "")
    shown = Table(
        title=f"[bold]{title}[/]" + (f"  [dim]({arrow})[/]" if arrow else ""),
        title_justify="left",
        expand=False,
    )
    shown.add_column("#", style="dim", justify="right")
    shown.add_column("paper", style="cyan", no_wrap=True)
    shown.add_column("title")
    shown.add_column("method")
    has_scores = any(row["score"] is not None for row in rows)
    if has_scores:
        shown.add_column("score", justify="right", style="bold")
    shown.add_column("conf.", justify="right")
    for row in rows:
        score = [escape(row["score_text"] or "")] if has_scores else []
        title = escape(row["title"] or "(no title)")
        method = escape(row["method"] or "")
        shown.add_row(_place(row), escape(row["paper_id"]), title, method, *score, _confidence(row))
    if len(board) > entries:
        shown.caption = f"{len(board) - entries:,} more"
    return shown
