"""Pages about many leaderboards (home, areas, runs), and the search index."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterator

from tdm_ray.arxiv_ids import base_id
from tdm_ray.records import TDM
from tdm_ray.website.areas import OTHER
from tdm_ray.website.content import Content, Line
from tdm_ray.website.render import render
from tdm_ray.website.urls import area_url, board_url, paper_url, run_url

_TASKS = 8
_PROPOSALS = 200  # that are shown; a store may have thousands


def home_page(content: Content) -> tuple[str, str]:
    """Areas, the newest states of the art, what the last run brought."""
    areas = [
        {
            "name": name,
            "boards": len(lines),
            "tasks": Counter(line.tdm.task for line in lines).most_common(_TASKS),
            "more": len({line.tdm.task for line in lines}) - _TASKS,
        }
        for name, lines in _by_area(content)
    ]
    return "index.html", render(
        "home.html",
        root="",
        areas=areas,
        newest=content.newest,
        boards=len(content.lines),
        entries=sum(line.entries for line in content.lines),
        papers=len(content.papers),
        left_out=content.left_out,
        as_of=next((run.row["started_at"] for run in content.runs if run.row["outcome"] != "failed"), None),
    )


def area_pages(content: Content) -> Iterator[tuple[str, str]]:
    """A page an area: its tasks, the largest first, and their leaderboards."""
    for name, lines in _by_area(content):
        tasks: dict[str, list[Line]] = defaultdict(list)
        for line in sorted(lines, key=lambda line: -line.entries):
            tasks[line.tdm.task].append(line)
        order = sorted(tasks.items(), key=lambda item: (-len(item[1]), item[0]))
        yield area_url(name), render("area.html", root="../", area=name, tasks=order, boards=len(lines))


def run_pages(content: Content) -> Iterator[tuple[str, str]]:
    """A list of the runs, and a page for each; entries that have since been removed get no link."""
    yield "runs.html", render("runs.html", root="", runs=content.runs)
    boards = set(content.urls)
    papers = {base_id(paper): paper for paper in content.paper_ids}
    for run in content.runs:
        entries = [
            {
                **row,
                "board": url if (url := board_url(TDM.of(row))) in boards else None,
                "page": paper_url(paper_id) if (paper_id := papers.get(base_id(row["paper_id"]))) else None,
            }
            for row in (run.changes.entries if run.changes else ())
        ]
        changes = run.changes and {"count": run.changes.count, "entries": entries}
        yield run_url(run.row["run_id"]), render("run.html", root="../", run=run.row, changes=changes)


def proposals_page(content: Content) -> tuple[str, str]:
    """Boards that the taxonomy may lack, those of most papers first, with some of their results."""
    papers = {base_id(paper): paper for paper in content.paper_ids}

    def page_of(paper_id: str) -> str | None:
        known = papers.get(base_id(paper_id))
        return None if known is None else paper_url(known)

    rows = [
        {**row, "evidence": [{**one, "page": page_of(one["paper_id"])} for one in row["evidence"]]}
        for row in content.proposals[:_PROPOSALS]
    ]
    page = render("proposals.html", root="", proposals=rows, count=len(content.proposals))
    return "proposals.html", page


def search_index(content: Content) -> tuple[str, str]:
    """`[task, [[dataset, metric, page, entries], ...]], ...` as a script: pages of a folder may not read
    other files.

    It is loaded when somebody begins to search.
    """
    tasks: dict[str, list[tuple[str, str, str, int]]] = defaultdict(list)
    for line in content.lines:
        page = line.url.removeprefix("boards/").removesuffix(".html")
        tasks[line.tdm.task].append((line.tdm.dataset, line.tdm.metric, page, line.entries))
    index = json.dumps(list(tasks.items()), ensure_ascii=False, separators=(",", ":"))
    # Both end a line within a string of older JavaScript.
    index = index.replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")
    return "search-index.js", f"window.tdmIndex={index};\n"


def _by_area(content: Content) -> list[tuple[str, list[Line]]]:
    """The leaderboards by area: the largest area first, those without one last."""
    areas: dict[str, list[Line]] = defaultdict(list)
    for line in content.lines:
        areas[line.area].append(line)
    return sorted(areas.items(), key=lambda item: (item[0] == OTHER, -len(item[1])))
