"""The page of a paper: the results it reports, each with its evidence."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pyarrow as pa

from tdm_ray.arxiv_ids import page_of
from tdm_ray.records import TDM
from tdm_ray.website.evidence import shown_evidence
from tdm_ray.website.render import render
from tdm_ray.website.urls import board_url, paper_url


def paper_pages(papers: Sequence[pa.Table]) -> Iterator[tuple[str, str]]:
    """A page for each paper (its rows of `LEADERBOARDS`, with `entries`, the size of each leaderboard)."""
    for paper in papers:
        rows = paper.to_pylist()
        first = rows[0]
        entries = [
            {
                **row,
                "board": board_url(TDM(row["task"], row["dataset"], row["metric"])),
                "evidence": shown_evidence(row),
            }
            for row in rows
        ]
        yield (
            paper_url(first["paper_id"]),
            render(
                "paper.html",
                root="../",
                paper=first,
                arxiv=page_of(first["paper_id"]),
                rows=[row for row in entries if row["confirmed"]],
                tentative=[row for row in entries if not row["confirmed"]],
            ),
        )
