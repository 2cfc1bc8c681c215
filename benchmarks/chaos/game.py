"""Kill a driver, an actor or a node at random moments of a run, and compare with an undisturbed one.

A game of `nightly` is a run over papers that are new, have changed, or cannot be read, in a store that a
first run has filled; a game of `score` is one run over all papers, in a store of its own. It is killed some
times and begun again; then it may come to its end, and its tables are compared with those of the undisturbed
run.
"""

from __future__ import annotations

import json
import random
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from benchmarks.chaos.driver import Driver
from benchmarks.chaos.nodes import Nodes
from benchmarks.compare import Difference, compare_runs
from tdm_ray.demo import demo_papers
from tdm_ray.errors import TdmRayError
from tdm_ray.papers.read import read_papers
from tdm_ray.records import Paper
from tdm_ray.storage import copy_files, exists, join, parquet_files, remove_folder

# Who dies, and in which phase of a run; in the commit only the driver is at work.
KILLS = (
    ("driver", "read"),
    ("driver", "score"),
    ("driver", "write"),
    ("driver", "commit"),
    ("driver", "commit"),
    ("actor", "score"),
    ("actor", "write"),
    ("worker", "read"),
    ("worker", "score"),
    ("worker", "write"),
)
COMMANDS = {"nightly": "--store", "score": "--out"}
_PHASES = ("read", "score", "write", "commit")
_COMMITTED = ("predictions", "scored", "rejects", "leaderboards", "taxonomy", "versions")
_A_RUN_S = 600.0


@dataclass(frozen=True, kw_only=True)
class Game:
    """What is played with.

    command: `nightly` or `score`. options: of that command. papers: how many are in the corpus; new: how many
    of them are new to the store of a `nightly` game. kills_a_run: how often one run is killed.
    """

    command: str = "nightly"
    options: Sequence[str] = ()
    papers: int = 36
    new: int = 24
    kills_a_run: int = 5
    seed: int = 0

    def arguments(self, papers: Path, store: str) -> list[str]:
        """The arguments of its command."""
        return [str(papers), COMMANDS[self.command], store, *self.options]


def play(store: str, folder: Path, kills: int, game: Game | None = None) -> dict[str, Any]:
    """Kill so many times at least, in stores under `store`; `folder` holds the papers. Returns figures."""
    game = game or Game()
    before, after = _corpora(folder, game)
    chance = random.Random(game.seed)
    started = time.perf_counter()
    planned = _planned(chance)
    rows = list[dict[str, Any]]()
    first = join(store, "first")
    undisturbed = join(store, "undisturbed")
    with Nodes() as nodes:
        runner = _Runner(nodes, game)
        for place in (first, undisturbed):
            remove_folder(place)
        if game.command == "nightly":
            runner.to_its_end(before, first)
        _begin(first, undisturbed)
        runner.to_its_end(after, undisturbed)
        while sum(len(row["kills"]) for row in rows) < kills:
            place = join(store, f"game-{len(rows)}")
            remove_folder(place)
            _begin(first, place)
            part = [next(planned) for _ in range(game.kills_a_run)]
            done = list(runner.disturbed(after, place, part, chance))
            rows.append({"kills": done, **count(*compare_runs(undisturbed, place))})
            _tell(rows[-1])
            remove_folder(place)
    return {
        "command": game.command,
        "kills": sum(len(row["kills"]) for row in rows),
        "lost": sum(row["lost"] for row in rows),
        "duplicated": sum(row["duplicated"] for row in rows),
        "identical": all(row["identical"] for row in rows),
        "seconds": time.perf_counter() - started,
        "runs": rows,
    }


def _begin(first: str, place: str) -> None:
    """The store that a game begins with; none for `score`."""
    if exists(first):
        copy_files(first, place)


def _planned(chance: random.Random) -> Iterator[tuple[str, str]]:
    """Each kind as often as the others, in random order, without end."""
    while True:
        yield from chance.sample(KILLS, len(KILLS))


@dataclass(frozen=True)
class _Runner:
    """Where a game is played: runs of its command on the nodes."""

    nodes: Nodes
    game: Game

    def begin(self, papers: Path, store: str) -> Driver:
        """Start a run, when nothing of the one before is left."""
        self.nodes.settle()
        return Driver(self.game.arguments(papers, store), self.nodes.address, command=self.game.command)

    def to_its_end(self, papers: Path, store: str) -> None:
        """A run that nobody disturbs."""
        _ended(self.begin(papers, store))

    def disturbed(
        self, papers: Path, store: str, kills: Sequence[tuple[str, str]], chance: random.Random
    ) -> Iterator[str]:
        """The run, killed as planned and begun again until it is done; yields what was killed when.

        A phase that has gone by (all is scored already) cannot be killed in: then the driver is killed in the
        commit.
        """
        waiting = sorted(kills, key=lambda kill: _PHASES.index(kill[1]))
        while waiting:
            driver = self.begin(papers, store)
            alive = True
            while waiting and alive:
                victim, phase = waiting.pop(0)
                if not _reach(driver, phase, store, chance):
                    victim = "driver"
                    if not _reach(driver, "commit", store, chance):
                        _tell_early(driver, phase)  # begun again, it finds nothing new
                        alive = False
                        break
                doing = driver.doing
                what = _kill(self.nodes, driver, victim, chance)
                print(f"chaos: {what} killed while {doing}", file=sys.stderr, flush=True)
                yield f"{what} {doing}"
                alive = what != "driver"
            if alive:
                _ended(driver)
        self.to_its_end(papers, store)


def _tell_early(driver: Driver, phase: str) -> None:
    code = driver.end(_A_RUN_S)
    why = f":\n{driver.said}" if code else ""
    print(f"chaos: ended with {code} before its {phase} phase{why}", file=sys.stderr, flush=True)


def _kill(nodes: Nodes, driver: Driver, victim: str, chance: random.Random) -> str:
    if victim == "actor" and nodes.kill_actor(chance):
        return "actor"
    if victim == "worker":
        nodes.kill_node(chance)
        return "worker"
    driver.kill()
    return "driver"


def _reach(driver: Driver, phase: str, place: str, chance: random.Random) -> bool:
    """Wait for a random moment of the phase; False where the run has ended, or commits without one."""
    table = chance.choice(_COMMITTED)
    wanted = {"read": "started", "score": "scoring", "write": "scoring", "commit": "commit"}[phase]

    def begun(event: dict[str, Any]) -> bool:
        return bool(event["event"] == wanted and event.get("table", table) == table)

    driver.wait_for(lambda event: begun(event) or (phase != "commit" and _commits(event)), _A_RUN_S)
    if not driver.wait_for(begun, 0):
        return False
    if phase == "write":
        deadline = time.monotonic() + _A_RUN_S
        while not _staged(place) and time.monotonic() < deadline:
            if not driver.wait_seconds(0.05) or driver.wait_for(_commits, 0):
                return False
    longest = {"read": 4.0, "score": 6.0, "write": 1.0, "commit": 0.1}[phase]
    return driver.wait_seconds(chance.uniform(0, longest)) and not driver.is_done


def _commits(event: dict[str, Any]) -> bool:
    return bool(event["event"] == "commit")


def _staged(place: str) -> bool:
    staging = join(place, "_staging")
    return exists(staging) and bool(parquet_files(staging))


def _ended(driver: Driver) -> None:
    if code := driver.end(_A_RUN_S):
        raise TdmRayError(f"a run ended with exit code {code}:\n{driver.said}")


def _corpora(folder: Path, game: Game) -> tuple[Path, Path]:
    """The demo's papers under many ids: some of them; and all, of which every fifth old one has changed."""
    papers = [reading.paper for reading in read_papers(demo_papers()) if reading.paper]
    copies = [
        replace(p, paper_id=f"{2100 + n // 500}.{n % 500:05d}")
        for n, p in enumerate(_again(papers, game.papers))
    ]
    old = copies[: game.papers - game.new]
    changed = [replace(p, abstract=f"{p.abstract} Revised.") if n % 5 == 0 else p for n, p in enumerate(old)]
    before = folder / "before"
    after = folder / "after"
    for place, content in ((before, old), (after, [*changed, *copies[len(old) :]])):
        place.mkdir(parents=True, exist_ok=True)
        lines = [json.dumps(paper.row(), default=_plain) for paper in content]
        (place / "papers.jsonl").write_text("\n".join([*lines, "{broken"]) + "\n")
    return before, after


def _again(papers: Sequence[Paper], count: int) -> list[Paper]:
    return [papers[n % len(papers)] for n in range(count)]


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else str(value)


def count(differences: Mapping[str, Difference], alone: Sequence[str] = ()) -> dict[str, Any]:
    """What was lost and what is there twice in a run, by how its tables differ from the undisturbed one's.

    alone: tables that only one of the two has.
    """
    return {
        "lost": sum(len(difference.only_before) for difference in differences.values()),
        "duplicated": sum(difference.duplicated for difference in differences.values()),
        "identical": not alone and not any(differences.values()),
    }


def _tell(row: dict[str, Any]) -> None:
    said = "identical" if row["identical"] else f"{row['lost']} rows lost, {row['duplicated']} duplicated"
    print(f"chaos: {'; '.join(row['kills'])}: {said}", file=sys.stderr, flush=True)
