"""Kill drivers, actors and nodes at random moments of nights, and see that nothing is lost and nothing is there twice.

    python jobs/chaos.py --kills 20 --out chaos.json
    python jobs/chaos.py --kills 20 --store s3://bucket/chaos

About ten minutes on 2 cores. Prints a table; the exit code is 1 where a night did not end as the undisturbed one did.
Needs `pip install '.[benchmark]'`.
"""

import argparse
import json
import sys
import tempfile
from pathlib import Path

from rich.console import Console
from rich.table import Table

try:
    from benchmarks.chaos.game import Game, play
except ModuleNotFoundError as error:
    raise SystemExit(f"{error.name} is not installed: pip install '.[benchmark]'") from None


def main() -> None:
    """Parse the command line, play, show."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--papers", type=int, default=Game.papers, help="in the corpus; two thirds of them are new")
    parser.add_argument("--store", help="a folder or URL to play in; a temporary folder without it")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, help="write the figures here, as JSON")
    parser.add_argument("options", nargs="*", help="options of `tdm-ray nightly`, after --")
    args = parser.parse_args()
    game = Game(options=args.options, papers=args.papers, new=2 * args.papers // 3, seed=args.seed)
    with tempfile.TemporaryDirectory() as place:
        found = play(args.store or f"{place}/stores", Path(place), args.kills, game)
    table = Table("night killed", "lost", "duplicated", "identical")
    for night in found["nights"]:
        table.add_row("\n".join(night["kills"]), str(night["lost"]), str(night["duplicated"]), str(night["identical"]))
    Console().print(table)
    print(f"kills {found['kills']}, lost {found['lost']}, duplicated {found['duplicated']}, "
          f"identical {found['identical']}; {found['seconds']:.0f} s")  # fmt: skip
    if args.out:
        args.out.write_text(json.dumps(found, indent=2))
    sys.exit(not found["identical"])


if __name__ == "__main__":
    main()
