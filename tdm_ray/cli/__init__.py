"""The command `tdm-ray`: the list of its subcommands (a new one is added here), and the exit codes.

Exit codes: see `tdm_ray.errors`; 130 where it was interrupted."""

from __future__ import annotations

import signal
import sys
from types import FrameType
from typing import Annotated

import typer

from tdm_ray import __version__
from tdm_ray.cli import commands, learning, show
from tdm_ray.errors import TdmRayError

# Ray, torch and transformers are imported inside the commands: `--help` answers in a third of a second
# without them.
app = typer.Typer(
    name="tdm-ray",
    help="Turn papers into leaderboards: which task, dataset and metric does each paper report?",
    no_args_is_help=True,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for command in (
    commands.ingest,
    commands.score,
    commands.nightly,
    show.leaderboard,
    show.show,
    show.site,
    show.runs,
    commands.inspect,
    commands.plan,
    commands.demo,
    commands.taxonomy,
    learning.index,
    learning.matcher,
    learning.dataset,
    learning.train,
    learning.evaluate,
):
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
    interrupted = False

    def interrupt(number: int, frame: FrameType | None) -> None:
        nonlocal interrupted
        interrupted = True
        signal.default_int_handler(number, frame)

    signal.signal(signal.SIGINT, interrupt)
    try:
        app()
    except TdmRayError as error:
        print(f"tdm-ray: error: {error}", file=sys.stderr)
        sys.exit(error.exit_code)
    except SystemExit:
        if not interrupted:
            raise
        print("tdm-ray: interrupted; the same command goes on where it stopped", file=sys.stderr)
        sys.exit(130)
