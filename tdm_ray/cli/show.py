"""Commands that show what a store holds (leaderboard, show, site, runs, rejects)."""

from __future__ import annotations

import dataclasses
import json as json_module
from typing import Annotated

import typer
from rich.console import Console

from tdm_ray.cli.options import Json, Results, StoreFolder, Tentative, show_facts


def leaderboard(
    store: StoreFolder,
    formats: Annotated[
        list[str] | None, typer.Option("--format", help="csv, json or evaluation-tables; may be repeated.")
    ] = None,
    boards: Annotated[int, typer.Option("--boards", min=0, help="How many leaderboards to print.")] = 20,
    entries: Annotated[int, typer.Option("--entries", min=1, help="How many entries of each.")] = 10,
    of_paper: Annotated[
        str | None,
        typer.Option("--model-index", help="Print the results of this paper as a model card's YAML."),
    ] = None,
    tentative: Tentative = False,
    json: Json = False,
) -> None:
    """Print the largest leaderboards of a store; with --format, write all of them to STORE/exports.

    Example: `tdm-ray leaderboard results --format csv --format json --boards 5`
    """
    from tdm_ray.gold.marks import differing, find_marks
    from tdm_ray.leaderboard.export import as_json, check_formats, export_store
    from tdm_ray.leaderboard.model_index import model_index
    from tdm_ray.leaderboard.read import confirmed, left_out, read_leaderboards
    from tdm_ray.leaderboard.render import folded_away, largest_boards, render

    check_formats(formats or [])
    for line in differing(find_marks(store)):
        typer.echo(line, err=True)
    every = read_leaderboards(store, tentative=True)
    table = every if tentative else confirmed(every)
    export_store(store, table, formats or [])
    if missing := left_out(store, every):
        typer.echo(missing, err=True)
    if of_paper:
        typer.echo(model_index(read_leaderboards(store, paper_id=of_paper), of_paper), nl=False)
    elif json:
        typer.echo(as_json(largest_boards(table, boards)), nl=False)
    else:
        Console().print(render(table, boards=boards, entries=entries), folded_away(every, table))


def runs(
    store: StoreFolder,
    count: Annotated[int, typer.Option("--last", min=1, help="How many.")] = 20,
    json: Json = False,
) -> None:
    """List the runs of a store, the newest first.

    Example: `tdm-ray runs store`
    """
    from tdm_ray.run.summary import as_table
    from tdm_ray.store.tables import Store

    history = Store(store).history()[:count]
    if json:
        typer.echo("".join(json_module.dumps(run, default=str) + "\n" for run in history), nl=False)
    else:
        Console().print(as_table(history))


def propose(
    store: StoreFolder,
    papers: Annotated[int, typer.Option("--papers", min=3, help="Least number of papers.")] = 3,
    most: Annotated[int, typer.Option("--most", min=1, help="How many to print.")] = 50,
    json: Json = False,
) -> None:
    """List boards that a store's papers report and its taxonomy lacks, with some of their results.

    `tdm-ray taxonomy accept` adds one.

    Example: `tdm-ray propose results --papers 5`
    """
    from tdm_ray.discover.accept import as_table, proposals_of_store

    rows = proposals_of_store(store, papers)
    if json:
        typer.echo("".join(json_module.dumps(row, ensure_ascii=False) + "\n" for row in rows), nl=False)
        return
    Console().print(as_table(rows[:most]))
    if len(rows) > most:
        typer.echo(f"{len(rows) - most:,} more: --most {len(rows)} prints them")


def rejects(
    folder: Annotated[
        str, typer.Argument(metavar="DIR", help="A store, or an ingested folder.", show_default=False)
    ],
    reason: Annotated[str | None, typer.Option("--reason", help="Only those of this reason.")] = None,
    most: Annotated[int, typer.Option("--most", min=1, help="How many to print.")] = 50,
    json: Json = False,
) -> None:
    """Print what could not be used of an input: where it stands, the reason, and the cure.

    Example: `tdm-ray rejects corpus --reason pdf_only`
    """
    from tdm_ray.run.rejects import as_lines, as_text, read_rejects

    found = read_rejects(folder, reason)
    typer.echo(as_lines(found) if json else as_text(found, most), nl=False)


def show(
    words: Annotated[
        list[str],
        typer.Argument(metavar="WORDS...", help="Parts of its task, dataset or metric; or a paper's id."),
    ],
    results: Results = None,
    boards: Annotated[int, typer.Option("--boards", min=1, help="How many leaderboards to print.")] = 3,
    entries: Annotated[int, typer.Option("--entries", min=1, help="How many entries of each.")] = 15,
    tentative: Tentative = False,
    json: Json = False,
) -> None:
    """Print the leaderboards that fit some words, or what a paper reports.

    Example: `tdm-ray show "image classification" imagenet`
    """
    from tdm_ray.leaderboard.export import as_json
    from tdm_ray.leaderboard.find import find_boards, find_paper, store_here
    from tdm_ray.leaderboard.read import confirmed, read_leaderboards
    from tdm_ray.leaderboard.render import folded_away, render, render_paper

    table = read_leaderboards(results or store_here(), tentative=True)
    paper = find_paper(table, words)
    found = paper if len(paper) else find_boards(table, words)
    matching = found if tentative else confirmed(found)
    if json:
        typer.echo(as_json(matching), nl=False)
    elif len(paper):
        Console().print(render_paper(matching), folded_away(found, matching))
    else:
        shown = render(matching, boards=boards, entries=entries, by_size=False)
        Console().print(shown, folded_away(found, matching))


def site(
    store: StoreFolder,
    out: Annotated[str, typer.Option("--out", help="The folder or URL to write the pages to.")] = "site",
    json: Json = False,
) -> None:
    """Write leaderboards as pages that open from a folder, a bucket or GitHub Pages: no server, no network.

    Again into the same place, it removes what is gone; in a folder it writes only what has changed.

    Example: `tdm-ray site store --out site`
    """
    from tdm_ray.website.build import build_site

    built = build_site(store, out)
    if built.left_out:
        typer.echo(built.left_out, err=True)
    if json:
        show_facts(dataclasses.asdict(built))
    else:
        typer.echo(str(built))
