"""The command `tdm-ray`. Exit codes: see `tdm_ray.errors`."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from tdm_ray import __version__
from tdm_ray.cli import commands, learning, nights, show
from tdm_ray.errors import TdmRayError

# Ray, torch and transformers are imported inside the commands: `--help` answers in a third of a second without them.
app = typer.Typer(
    name="tdm-ray",
    help="Turn papers into leaderboards: which task, dataset and metric does each paper report?",
    no_args_is_help=True,
    rich_markup_mode="markdown",
    add_completion=False,
    pretty_exceptions_enable=False,
)
for command in (
    commands.ingest, commands.score, commands.leaderboard, commands.inspect, commands.plan, commands.demo,
    commands.taxonomy, nights.nightly, nights.runs, show.show, show.site,
    learning.index, learning.matcher, learning.dataset, learning.train, learning.evaluate,
):  # fmt: skip
    app.command()(command)


def _version(value: bool) -> None:
    if value:
        typer.echo(f"tdm-ray {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Turn papers into leaderboards: which task, dataset and metric does each paper report?"""


def main() -> None:
    """Run the command; an error raised on purpose is one line and its exit code."""
    try:
        app()
    except TdmRayError as error:
        print(f"tdm-ray: error: {error}", file=sys.stderr)
        sys.exit(error.exit_code)


if __name__ == "__main__":
    main()
