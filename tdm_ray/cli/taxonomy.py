"""The commands on taxonomies: `tdm-ray taxonomy [FILE]` lists one, `tdm-ray taxonomy twins` what may be one
board, and `tdm-ray taxonomy accept` adds proposed boards."""

from __future__ import annotations

import dataclasses
import json as json_module
from typing import Annotated, Any

import typer
from rich.console import Console
from typer.core import TyperGroup

from tdm_ray.cli.options import Json, MinCount, StoreFolder, Strict

_LIST = "list"


class _ListsByDefault(TyperGroup):
    """Runs `list` where no command is named: `tdm-ray taxonomy mine.tsv`."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Put `list` before arguments that name no command."""
        if not args or args[0] not in (*self.commands, "-h", "--help"):
            args = [_LIST, *args]
        return super().parse_args(ctx, args)


app = typer.Typer(cls=_ListsByDefault, no_args_is_help=False)


@app.callback()
def taxonomy() -> None:
    """List a taxonomy's labels (the default), find labels that may be one board, or accept proposed ones.

    Example: `tdm-ray taxonomy --find imagenet`
    """


@app.command(_LIST)
def list_labels(
    path: Annotated[str, typer.Argument(metavar="[FILE]", help="A taxonomy file, or `default`.")] = "default",
    min_count: MinCount = 0,
    find: Annotated[str | None, typer.Option("--find", help="Only labels that contain these words.")] = None,
    area: Annotated[bool, typer.Option("--area", help="Count labels by area instead.")] = False,
    strict: Strict = False,
    json: Json = False,
) -> None:
    """Check a taxonomy and print its labels with direction, range and aliases.

    Example: `tdm-ray taxonomy --find imagenet`
    """
    from tdm_ray.taxonomy.show import areas_table, as_lines, as_table, matching
    from tdm_ray.taxonomy.sources import read_taxonomy

    read = read_taxonomy(path, min_count=min_count, strict=strict)
    if read.broken:
        typer.echo(f"{len(read.broken):,} lines were passed over; the first: {read.broken[0]}", err=True)
    labels = matching(read, find)
    if json:
        typer.echo(as_lines(labels), nl=False)
    else:
        Console().print(areas_table(labels) if area else as_table(labels))


@app.command()
def accept(
    store: StoreFolder,
    proposals: Annotated[
        list[str],
        typer.Argument(metavar="ID...", help="Ids that `tdm-ray propose` prints.", show_default=False),
    ],
    task: Annotated[
        str | None, typer.Option("--task", help="Their task (default: the proposed one).")
    ] = None,
) -> None:
    """Add proposals to a store's taxonomy; the next night fills their boards from all its papers.

    Example: `tdm-ray taxonomy accept results 1f2e3d4c 5a6b7c8d`
    """
    from tdm_ray.discover.accept import accept as accept_proposals

    new = accept_proposals(store, proposals, task=task)
    for label in new:
        typer.echo(f"added: {label.tdm}")
    typer.echo(f"{len(new)} new labels in {store}/labels.tsv; the next night fills their boards")


@app.command()
def twins(
    store: StoreFolder,
    annotations: Annotated[
        list[str] | None,
        typer.Option("--annotations", help="Gold, whose scores count too; may be repeated."),
    ] = None,
    accept: Annotated[
        str | None,
        typer.Option("--accept", help="Numbers of pairs (1,3-5) that are one board from the next run on."),
    ] = None,
    json: Json = False,
) -> None:
    """List labels that may be one board, with the evidence; --accept makes them one.

    Example: `tdm-ray taxonomy twins results --accept 1,3-5`
    """
    from tdm_ray.leaderboard.twins import accept_twins, as_table, twins_of_store

    found = twins_of_store(store, annotations or ())
    if accept:
        count = accept_twins(store, found, accept)
        typer.echo(f"{count} new groups in {store}/equivalents.tsv; the next run shows each as one board")
    elif json:
        for twin in found:
            typer.echo(json_module.dumps(dataclasses.asdict(twin), ensure_ascii=False))
    else:
        Console().print(as_table(found))
