"""Kill a driver, an actor or a node at a random moment of a night, run it again, and compare with an undisturbed one.

A game is a night over papers that are new, have changed, or cannot be read, in a store that a first night has filled.
It is killed some times; then it may come to its end, and its tables are held against those of the undisturbed night.
"""

from __future__ import annotations

import json
import random
import sys
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from benchmarks.chaos.driver import Driver
from benchmarks.chaos.nodes import Nodes
from tdm_ray.demo import demo_papers
from tdm_ray.errors import TdmRayError
from tdm_ray.papers.read import read_papers
from tdm_ray.records import Paper
from tdm_ray.storage import copy_files, exists, join, parquet_files, remove_folder
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
    """Kill at least so many times, in stores under `store`; `folder` holds the papers. Returns what the job prints."""
    game = game or Game()
    before, after = _corpora(folder, game)
    chance, started, rows = random.Random(game.seed), time.perf_counter(), list[dict[str, Any]]()  # noqa: S311
    planned = _planned(chance)
    with Nodes() as nodes:
        first, undisturbed = join(store, "first"), join(store, "undisturbed")
        for place in (first, undisturbed):
            remove_folder(place)
        _to_its_end(nodes, _arguments(before, first, game))
        copy_files(first, undisturbed)
        _to_its_end(nodes, _arguments(after, undisturbed, game))
        wanted = _tables(undisturbed)
        while sum(len(row["kills"]) for row in rows) < kills:
            place = join(store, f"game-{len(rows)}")
            remove_folder(place)
            copy_files(first, place)
            part = [next(planned) for _ in range(game.kills_a_night)]
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


def _planned(chance: random.Random) -> Iterator[tuple[str, str]]:
    """Each kind as often as the others, in random order, without end."""
    while True:
        yield from chance.sample(KILLS, len(KILLS))


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
                missed, phase, victim = phase, "commit", "driver"
                if not _reach(driver, phase, place, chance):
                    alive = False  # it came to its end too soon: begun again, it finds nothing new
                    code = driver.end(_A_NIGHT_S)
                    why = f":\n{driver.said}" if code else ""
                    print(f"chaos: ended with {code} before its {missed} phase{why}", file=sys.stderr, flush=True)
                    break
            doing = driver.doing
            what = _kill(nodes, driver, victim, chance)
            print(f"chaos: {what} killed while {doing}", file=sys.stderr, flush=True)
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
    """Wait for a random moment of the phase; False where the night has ended, or commits without one."""
    table = chance.choice([*_TABLES, "taxonomy", "versions"])
    wanted = {"read": "started", "score": "scoring", "write": "scoring", "commit": "commit"}[phase]

    def begun(event: dict[str, Any]) -> bool:
        return bool(event["event"] == wanted and event.get("table", table) == table)

    driver.wait_for(lambda event: begun(event) or (phase != "commit" and _commits(event)), _A_NIGHT_S)
    if not driver.wait_for(begun, 0):
        return False
    if phase == "write":
        deadline = time.monotonic() + _A_NIGHT_S
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


def _tables(store: str) -> dict[str, dict[str, list[str]]]:
    """The rows of each table of the last whole run, by key, as text; but for times."""
    snapshot = Store(store).snapshot()
    found: dict[str, dict[str, list[str]]] = {}
    for name in _TABLES:
        keys, rows = FORMS[name].key, defaultdict[str, list[str]](list)
        for row in snapshot.read(name).to_pylist():
            told = {column: value for column, value in row.items() if column not in _TIMES}
            rows[str([row[k] for k in keys])].append(json.dumps(told, sort_keys=True, default=str))
        found[name] = dict(rows)
    return found


def _compare(wanted: dict[str, dict[str, list[str]]], got: dict[str, dict[str, list[str]]]) -> dict[str, Any]:
    lost = sum(len(wanted[name].keys() - got[name].keys()) for name in _TABLES)
    duplicated = sum(len(rows) - 1 for name in _TABLES for rows in got[name].values())
    return {"lost": lost, "duplicated": duplicated, "identical": wanted == got}


def _tell(row: dict[str, Any]) -> None:
    said = "identical" if row["identical"] else f"{row['lost']} rows lost, {row['duplicated']} duplicated"
    print(f"chaos: {'; '.join(row['kills'])}: {said}", file=sys.stderr, flush=True)
