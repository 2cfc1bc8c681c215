"""Chaos, in short: some kills of each kind; `python -m benchmarks.chaos` makes more."""

import random
import signal

import pytest

from benchmarks.chaos.driver import Driver
from benchmarks.chaos.game import KILLS, Game, _planned, count, play
from benchmarks.compare import Difference
from tdm_ray.store.tables import Store


@pytest.mark.long
@pytest.mark.parametrize("command", ["nightly", "score"])
def test_runs_that_are_killed_end_as_if_they_were_not(command, tiny_model, tmp_path):
    options = ("--model", tiny_model, "--threshold", "0.5", "--max-labels", "8")
    game = Game(command=command, options=options, papers=18, new=12, kills_a_run=3)
    found = play(str(tmp_path / "stores"), tmp_path, 3, game)
    assert found["kills"] >= 3
    assert (found["lost"], found["duplicated"], found["identical"]) == (0, 0, True)


def test_of_two_nights_at_once_one_works(jsonl, tiny_model, own_taxonomy, tmp_path):
    """The first stands still while it holds the lease, so that the second always meets it."""
    options = ["--model", tiny_model, "--taxonomy", own_taxonomy, "--threshold", "0.5", "--max-labels", "4"]
    options += ["--engine", "local"]
    first = Driver([str(jsonl), "--store", str(tmp_path), *options], "")
    assert first.wait_for(lambda event: event["event"] == "started", 120), first.said
    first.signal(signal.SIGSTOP)
    second = Driver([str(jsonl), "--store", str(tmp_path), *options], "")
    assert second.end(120) == 4, second.said
    assert "at work" in second.said
    first.signal(signal.SIGCONT)
    assert first.end(300) == 0, first.said
    assert len(Store(str(tmp_path)).runs()) == 1


def test_kills_of_all_kinds_are_planned():
    planned = _planned(random.Random(1))
    for _ in range(2):
        assert sorted(next(planned) for _ in KILLS) == sorted(KILLS)


def test_what_is_lost_and_what_is_there_twice_is_counted():
    same = Difference(before=2, after=2)
    assert count({"scored": same}) == {"lost": 0, "duplicated": 0, "identical": True}
    twice = Difference(before=2, after=2, only_before=[("b",)], only_after=[("a",)], duplicated=1)
    assert count({"scored": same, "rejects": twice}) == {"lost": 1, "duplicated": 1, "identical": False}
    changed = Difference(before=2, after=2, changed={("b",): ["title"]})
    assert count({"scored": changed}) == {"lost": 0, "duplicated": 0, "identical": False}
