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
        shown.append(Text("No predictions, no leaderboards."))
    elif table["score"].null_count == len(table):
        shown.append(Text("Ranked by probability: no scores were extracted.", "dim"))
    return Group(*shown)


def largest_boards(table: pa.Table, count: int) -> pa.Table:
    """The entries of the `count` leaderboards with most entries, in the order in which `render` shows
    them."""
    boards = _by_size(table)[:count]
    return pa.concat_tables([table.slice(0, 0), *boards])


def _by_size(table: pa.Table) -> list[pa.Table]:
    return sorted(_boards(table), key=lambda board: (-len(board), -board["probability"][0].as_py()))


def render_paper(table: pa.Table) -> RenderableType:
    """What one paper reports: its rows of `LEADERBOARDS`, each with the evidence of its score."""
    rows = table.to_pylist()
    shown = Table(title=_title_of(rows[0]), title_justify="left", expand=False)
    shown.add_column("leaderboard")
    shown.add_column("#", style="dim", justify="right")
    shown.add_column("score", style="bold", justify="right")
    shown.add_column("prob.", justify="right")
    shown.add_column("evidence", style="dim")
    for row in rows:
        name = f"{escape(row['dataset'])} · {escape(row['metric'])}\n[dim]{escape(row['task'])}[/]"
        score = row["score_text"]
        extraction = marked(row["evidence"], row["score_text"])
        shown.add_row(name, str(row["rank"]), escape(score or ""), f"{row['probability']:.2f}", extraction)
    return shown


def _title_of(row: dict[str, Any]) -> str:
    date = f", {row['published']}" if row["published"] else ""
    return f"[bold]{escape(row['title'] or '(no title)')}[/]  [dim]{escape(row['paper_id'])}{date}[/]"


def _boards(table: pa.Table) -> Iterator[pa.Table]:
    """The leaderboards one by one; the table is sorted by them."""
    starts = pc.indices_nonzero(pc.equal(table["rank"], 1)).to_pylist()
    for start, end in zip(starts, [*starts[1:], len(table)], strict=False):
        yield table.slice(start, end - start)


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
    has_scores = any(row["score"] is not None for row in rows)
    if has_scores:
        shown.add_column("score", justify="right", style="bold")
    shown.add_column("prob.", justify="right")
    for row in rows:
        score = [escape(row["score_text"] or "")] if has_scores else []
        title = escape(row["title"] or "(no title)")
        shown.add_row(str(row["rank"]), escape(row["paper_id"]), title, *score, f"{row['probability']:.2f}")
    if len(board) > entries:
        shown.caption = f"{len(board) - entries:,} more"
    return shown
