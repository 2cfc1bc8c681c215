"""The page of a leaderboard, with its CSV and JSON files."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import pyarrow as pa

from tdm_ray.leaderboard.export import csv_of, json_of
from tdm_ray.records import TDM
from tdm_ray.website.evidence import shown_evidence
from tdm_ray.website.plot import plot
from tdm_ray.website.render import render
from tdm_ray.website.urls import board_url

# A page of more is slow to open (a megabyte); the files beside it hold all.
MOST = 500


def board_pages(boards: Sequence[pa.Table]) -> Iterator[tuple[str, str]]:
    """For each leaderboard (its rows of `LEADERBOARDS`, in order of rank) the page, `.csv` and `.json`."""
    for board in boards:
        rows = board.to_pylist()
        shown = [row for row in rows if row["confirmed"]]
        tentative = [row for row in rows if not row["confirmed"]]
        tdm = TDM.of(rows[0])
        url = board_url(tdm)
        yield url, _page(tdm, shown, tentative, url)
        yield url.replace(".html", ".csv"), csv_of(shown)
        yield url.replace(".html", ".json"), json_of(shown)


def _page(tdm: TDM, rows: list[dict[str, Any]], tentative: list[dict[str, Any]], url: str) -> str:
    name = f"State of the art on {tdm.dataset} over time: {tdm.metric}, a point a paper"
    return render(
        "board.html",
        root="../",
        tdm=tdm,
        entries=len(rows),
        direction=(rows or tentative)[0]["direction"],
        rows=[{**row, "evidence": shown_evidence(row)} for row in rows[:MOST]],
        tentative=[{**row, "evidence": shown_evidence(row)} for row in tentative[:MOST]],
        file=url.split("/")[1],
        plot=plot(rows, name),
    )
