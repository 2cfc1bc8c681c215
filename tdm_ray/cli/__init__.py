"""The command `tdm-ray`: the list of its subcommands (a new one is added here), and the exit codes.

Exit codes: see `tdm_ray.errors`; 130 where it was interrupted."""

from __future__ import annotations

import atexit
import os
import signal
import sys
from contextlib import suppress
from types import FrameType
from typing import Annotated, NoReturn

import typer

from tdm_ray import __version__
from tdm_ray.cli import commands, learning, show, taxonomy
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
    show.rejects,
    show.propose,
    commands.inspect,
    commands.plan,
    commands.demo,
    learning.index,
    learning.matcher,
    learning.dataset,
    learning.train,
    learning.evaluate,
):
    app.command()(command)
app.add_typer(taxonomy.app, name="taxonomy")


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


def main() -> NoReturn:
    """Run the command and end the process; an error raised on purpose is one line and its exit code."""
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
        _leave(error.exit_code)
    except SystemExit as end:
        if interrupted:
            print("tdm-ray: interrupted; the same command goes on where it stopped", file=sys.stderr)
            _leave(130)
        if end.code is None or isinstance(end.code, int):
            _leave(end.code or 0)
        raise
    _leave(0)


def _leave(code: int) -> NoReturn:
    """End the process with this exit code, without the interpreter's own end.

    A thread of Arrow that still holds a Python object then aborts the process now and then, and with it the
    exit code is lost (apache/arrow issue 34314)."""
    if loky := sys.modules.get("joblib.externals.loky"):
        # Its own end is not among those run here, and its idle workers would be waited for, five minutes.
        loky.get_reusable_executor().shutdown(wait=True, kill_workers=True)
    atexit._run_exitfuncs()  # Ray's own end is one of them
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError):  # the reader of a pipe has gone
            stream.flush()
    os._exit(code)
