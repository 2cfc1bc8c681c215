"""Chaos, in short: some kills of each kind; `jobs/chaos.py` makes more."""

import random

import pytest

from benchmarks.chaos.driver import Driver
from benchmarks.chaos.game import KILLS, Game, _compare, _planned, play
from tdm_ray.store.tables import Store


@pytest.mark.long
def test_nights_that_are_killed_end_as_if_they_were_not(tiny_model, tmp_path):
    options = ("--model", tiny_model, "--threshold", "0.5", "--max-labels", "8")
    found = play(
        str(tmp_path / "stores"), tmp_path, 3, Game(options=options, papers=18, new=12, kills_a_night=3)
    )
    assert found["kills"] >= 3
    assert (found["lost"], found["duplicated"], found["identical"]) == (0, 0, True)


def test_of_two_nights_at_once_one_works(jsonl, tiny_model, tmp_path):
    options = ["--model", tiny_model, "--threshold", "0.5", "--max-labels", "4"]
    nights = [Driver([str(jsonl), "--store", str(tmp_path), *options], "") for _ in range(2)]
    assert sorted(night.end(300) for night in nights) == [0, 4], [night.said for night in nights]
    assert "at work" in "".join(night.said for night in nights) or "same moment" in "".join(
        n.said for n in nights
    )
    assert len(Store(str(tmp_path)).runs()) == 1


def test_kills_of_all_kinds_are_planned():
    planned = _planned(random.Random(1))
    for _ in range(2):
        assert sorted(next(planned) for _ in KILLS) == sorted(KILLS)


def test_what_is_lost_and_what_is_there_twice_is_counted():
    wanted = {name: {"a": ["1"], "b": ["2"]} for name in ("predictions", "scored", "rejects", "leaderboards")}
    assert _compare(wanted, wanted) == {"lost": 0, "duplicated": 0, "identical": True}
    got = {**wanted, "scored": {"a": ["1", "1"]}}
    assert _compare(wanted, got) == {"lost": 1, "duplicated": 1, "identical": False}
    got = {**wanted, "scored": {"a": ["1"], "b": ["3"]}}
    assert _compare(wanted, got) == {"lost": 0, "duplicated": 0, "identical": False}
