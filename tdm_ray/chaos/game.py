"""Kill a driver, an actor or a node at a random moment of a night, run it again, and compare with an undisturbed one.

A game is a night over papers that are new, have changed, or cannot be read, in a store that a first night has filled.
It is killed some times; then it may come to its end, and its tables are held against those of the undisturbed night.
"""

from __future__ import annotations

import json
import random
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from tdm_ray.chaos.driver import Driver
from tdm_ray.chaos.nodes import Nodes
from tdm_ray.demo import demo_papers
from tdm_ray.errors import TdmRayError
from tdm_ray.papers.read import read_papers
from tdm_ray.records import Paper
from tdm_ray.storage import copy_files, exists, join, remove_folder
from tdm_ray.store.schemas import FORMS
from tdm_ray.store.tables import Store

# Who dies, and in which phase of a night; in the commit only the driver is at work.
KILLS = (
    ("driver", "read"), ("driver", "score"), ("driver", "write"), ("driver", "commit"), ("driver", "commit"),
    ("actor", "score"), ("actor", "write"), ("worker", "read"), ("worker", "score"), ("worker", "write"),
)  # fmt: skip
_TABLES = ("predictions", "scored", "rejects", "leaderboards")
_TIMES = {"scored_at", "seen_at"}
_A_NIGHT_S = 600.0


@dataclass(frozen=True)
class Game:
    """What is played with: the options of `tdm-ray nightly`, and how many papers are in the corpus (and new in it)."""

    options: Sequence[str] = ()
    papers: int = 36
    new: int = 24
    kills_a_night: int = 5
    seed: int = 0


def play(store: str, folder: Path, kills: int, game: Game | None = None) -> dict[str, Any]:
    """Kill so many times, in stores under `store`; `folder` holds the papers. Returns what `jobs/chaos.py` prints."""
    game = game or Game()
    before, after = _corpora(folder, game)
    chance, started, rows = random.Random(game.seed), time.perf_counter(), list[dict[str, Any]]()  # noqa: S311
    planned = _planned(kills, chance)
    with Nodes() as nodes:
        first, undisturbed = join(store, "first"), join(store, "undisturbed")
        for place in (first, undisturbed):
            remove_folder(place)
        _to_its_end(nodes, _arguments(before, first, game))
        copy_files(first, undisturbed)
        _to_its_end(nodes, _arguments(after, undisturbed, game))
        wanted = _tables(undisturbed)
        for number in range(0, len(planned), game.kills_a_night):
            part = planned[number : number + game.kills_a_night]
            place = join(store, f"game-{number}")
            remove_folder(place)
            copy_files(first, place)
            done = list(_disturbed(nodes, _arguments(after, place, game), place, part, chance))
            rows.append({"kills": done, **_compare(wanted, _tables(place))})
            _tell(rows[-1])
            remove_folder(place)
    return _sum(rows, time.perf_counter() - started)


def _sum(rows: list[dict[str, Any]], seconds: float) -> dict[str, Any]:
    return {
        "kills": sum(len(row["kills"]) for row in rows), "lost": sum(row["lost"] for row in rows),
        "duplicated": sum(row["duplicated"] for row in rows), "identical": all(row["identical"] for row in rows),
        "seconds": seconds, "nights": rows,
    }  # fmt: skip


def _planned(kills: int, chance: random.Random) -> list[tuple[str, str]]:
    """Each kind as often as the others, in random order."""
    every = list(KILLS) * -(-kills // len(KILLS))
    planned = every[: len(KILLS) * (kills // len(KILLS))] + chance.sample(KILLS, kills % len(KILLS))
    return chance.sample(planned, kills)


def _disturbed(
    nodes: Nodes, arguments: Sequence[str], place: str, kills: Sequence[tuple[str, str]], chance: random.Random
) -> Iterator[str]:
    """The night, killed as planned and begun again; yields what was done.

    A phase that has gone by (all is scored already) cannot be killed in: then the driver is killed in the commit.
    """
    waiting = sorted(kills, key=lambda kill: ("read", "score", "write", "commit").index(kill[1]))
    while waiting:
        nodes.settle()
        driver, alive = Driver(arguments, nodes.address), True
        while waiting and alive:
            victim, phase = waiting.pop(0)
            if not _reach(driver, phase, place, chance):
                phase, victim = "commit", "driver"
                if not _reach(driver, phase, place, chance):
                    alive = False  # it came to its end too soon: begun again, it finds nothing new
                    break
            doing = driver.doing
            what = _kill(nodes, driver, victim, chance)
            yield f"{what} {doing}"
            alive = not what.startswith("driver")
        if alive:
            _ended(driver)
    _to_its_end(nodes, arguments)


def _kill(nodes: Nodes, driver: Driver, victim: str, chance: random.Random) -> str:
    if victim == "actor" and nodes.kill_actor(chance):
        return "actor"
    if victim == "worker":
        nodes.kill_node(chance)
        return "worker"
    driver.kill()
    return "driver"


def _reach(driver: Driver, phase: str, place: str, chance: random.Random) -> bool:
    """Wait for a random moment of the phase; False where the night has ended."""
    table = chance.choice([*_TABLES, "taxonomy", "versions"])
    wanted = {"read": "started", "score": "scoring", "write": "scoring", "commit": "commit"}[phase]
    if not driver.wait_for(lambda e: e["event"] == wanted and e.get("table", table) == table, _A_NIGHT_S):
        return False
    if phase == "write":
        deadline = time.monotonic() + _A_NIGHT_S
        while not _staged(place) and time.monotonic() < deadline:
            if not driver.wait_seconds(0.05):
                return False
    longest = {"read": 4.0, "score": 6.0, "write": 1.0, "commit": 0.1}[phase]
    return driver.wait_seconds(chance.uniform(0, longest))


def _staged(place: str) -> bool:
    import fsspec

    fs, inner = fsspec.core.url_to_fs(join(place, "_staging"))
    return exists(join(place, "_staging")) and any(name.endswith(".parquet") for name in fs.find(inner))


def _to_its_end(nodes: Nodes, arguments: Sequence[str]) -> None:
    nodes.settle()
    _ended(Driver(arguments, nodes.address))


def _ended(driver: Driver) -> None:
    if code := driver.end(_A_NIGHT_S):
        raise TdmRayError(f"a night ended with exit code {code}:\n{driver.said}")


def _arguments(papers: Path, store: str, game: Game) -> list[str]:
    return [str(papers), "--store", store, *game.options]


def _corpora(folder: Path, game: Game) -> tuple[Path, Path]:
    """The demo's papers under as many ids as it takes: some of them; all, of which every fifth old one has changed."""
    papers = [reading.paper for reading in read_papers(demo_papers()) if reading.paper]
    copies = [
        replace(p, paper_id=f"{2100 + n // 500}.{n % 500:05d}") for n, p in enumerate(_again(papers, game.papers))
    ]
    old = copies[: game.papers - game.new]
    changed = [replace(p, abstract=f"{p.abstract} Revised.") if n % 5 == 0 else p for n, p in enumerate(old)]
    before, after = folder / "before", folder / "after"
    for place, content in ((before, old), (after, [*changed, *copies[len(old) :]])):
        place.mkdir(parents=True, exist_ok=True)
        lines = [json.dumps(paper.row(), default=_plain) for paper in content]
        (place / "papers.jsonl").write_text("\n".join([*lines, "{broken"]) + "\n")
    return before, after


def _again(papers: Sequence[Paper], count: int) -> list[Paper]:
    return [papers[n % len(papers)] for n in range(count)]


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else str(value)


def _tables(store: str) -> dict[str, list[str]]:
    """The rows of each table of the last whole run, as text, but for times and places."""
    snapshot = Store(store).snapshot()
    found = {}
    for name in _TABLES:
        drop = [c for c in FORMS[name].schema.names if c in _TIMES or (name == "rejects" and c == "location")]
        rows = snapshot.read(name).drop_columns(drop).to_pylist()
        found[name] = sorted(json.dumps(row, sort_keys=True, default=str) for row in rows)
    return found


def _compare(wanted: dict[str, list[str]], got: dict[str, list[str]]) -> dict[str, Any]:
    lost = sum(len(set(wanted[name]) - set(got[name])) for name in _TABLES)
    duplicated = sum(len(got[name]) - len(set(got[name])) for name in _TABLES)
    return {"lost": lost, "duplicated": duplicated, "identical": wanted == got}


def _tell(row: dict[str, Any]) -> None:
    said = "identical" if row["identical"] else f"{row['lost']} rows lost, {row['duplicated']} duplicated"
    print(f"chaos: {'; '.join(row['kills'])}: {said}", file=sys.stderr, flush=True)
