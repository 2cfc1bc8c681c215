"""The commands that show what was found: to a person in a terminal, and as pages."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.console import Console

from tdm_ray.cli.options import Json, Results, show_facts


def show(
    words: Annotated[
        list[str], typer.Argument(metavar="WORDS...", help="Parts of its task, dataset or metric; or a paper's id.")
    ],
    results: Results = None,
    boards: Annotated[int, typer.Option("--boards", min=1, help="How many leaderboards to print.")] = 3,
    entries: Annotated[int, typer.Option("--entries", min=1, help="How many entries of each.")] = 15,
    json: Json = False,
) -> None:
    """Print the leaderboards that fit some words, or what a paper reports.

    Example: `tdm-ray show "image classification" imagenet`
    """
    from tdm_ray.leaderboard.aggregate import read_leaderboards
    from tdm_ray.leaderboard.export import as_json
    from tdm_ray.leaderboard.find import find_boards, find_paper, results_here
    from tdm_ray.leaderboard.render import render, render_paper

    table = read_leaderboards(results or results_here())
    paper = find_paper(table, words)
    found = paper if len(paper) else find_boards(table, words)
    if json:
        typer.echo(as_json(found), nl=False)
    elif len(paper):
        Console().print(render_paper(paper))
    else:
        Console().print(render(found, boards=boards, entries=entries, by_size=False))


def site(
    results: Annotated[
        str, typer.Argument(metavar="DIR", help="A store, or a folder of `leaderboard`.", show_default=False)
    ],
    out: Annotated[str, typer.Option("--out", help="The folder or URL to write the pages to.")] = "site",
    json: Json = False,
) -> None:
    """Write leaderboards as pages that open from a folder, a bucket or GitHub Pages: no server, no network.

    Again into the same place, it removes what is gone; in a folder it writes only what has changed.

    Example: `tdm-ray site store --out site`
    """
    import dataclasses

    from tdm_ray.website.build import build_site

    built = build_site(results, out)
    if built.left_out:
        typer.echo(built.left_out, err=True)
    if json:
        show_facts(dataclasses.asdict(built))
    else:
        typer.echo(str(built))
