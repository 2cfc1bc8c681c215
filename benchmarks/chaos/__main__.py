"""Kill drivers, actors and nodes at random moments of runs, and see that nothing is lost or there twice.

    python -m benchmarks.chaos --kills 20
    python -m benchmarks.chaos --command score --kills 20 --papers 200
    python -m benchmarks.chaos --kills 20 --store s3://bucket/chaos

`nightly`: runs over new and changed papers in a store that a first run has filled. `score`: one run over all
papers, in a store of its own. About ten minutes on 2 cores. Prints a table; the exit code is 1 where a run
did not end as the undisturbed one did. Needs `pip install '.[benchmark]'`.
"""

import argparse
import sys
import tempfile
from pathlib import Path

from rich.console import Console
from rich.table import Table

try:
    from benchmarks.chaos.game import COMMANDS, Game, play
    from benchmarks.figures import default_path, write_figures
except ModuleNotFoundError as error:
    raise SystemExit(f"{error.name} is not installed: pip install '.[benchmark]'") from None


def main() -> None:
    """Parse the command line, play, show."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--command", choices=list(COMMANDS), default="nightly")
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument(
        "--papers",
        type=int,
        default=Game.papers,
        help="in the corpus; for nightly, two thirds of them are new",
    )
    parser.add_argument("--store", help="a folder or URL to play in; a temporary folder without it")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--out", type=Path, help="the figures, as JSON (default: benchmarks/results/chaos-COMMAND.json)"
    )
    parser.add_argument("options", nargs="*", help="options of the command, after --")
    args = parser.parse_args()
    game = Game(
        command=args.command,
        options=args.options,
        papers=args.papers,
        new=2 * args.papers // 3,
        seed=args.seed,
    )
    with tempfile.TemporaryDirectory() as place:
        found = play(args.store or f"{place}/stores", Path(place), args.kills, game)
    table = Table("run killed", "lost", "duplicated", "identical")
    for run in found["runs"]:
        table.add_row(
            "\n".join(run["kills"]), str(run["lost"]), str(run["duplicated"]), str(run["identical"])
        )
    Console().print(table)
    print(
        f"kills {found['kills']}, lost {found['lost']}, duplicated {found['duplicated']}, "
        f"identical {found['identical']}; {found['seconds']:.0f} s"
    )
    out = args.out or default_path(f"chaos-{args.command}")
    write_figures(out, found)
    print(f"figures: {out}")
    sys.exit(not found["identical"])


if __name__ == "__main__":
    main()
