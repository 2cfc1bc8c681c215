"""The tasks that a title names."""

from __future__ import annotations

from collections import defaultdict

from tdm_ray.taxonomy.labels import Taxonomy
from tdm_ray.text.tokens import tokens


class TasksOfTitles:
    """Finds tasks of a taxonomy whose words all stand in a title, one after the other."""

    def __init__(self, taxonomy: Taxonomy) -> None:
        self._by_first: dict[str, list[tuple[list[str], str]]] = defaultdict(list)
        for task in sorted({label.tdm.task for label in taxonomy.labels}):
            if words := _words(task):
                self._by_first[words[0]].append((words, task))

    def __call__(self, title: str) -> list[str]:
        """The tasks, in the order of their place; without those whose words are part of another's there."""
        words = _words(title)
        found: dict[str, tuple[int, int]] = {}
        for place, word in enumerate(words):
            for name, task in self._by_first.get(word, ()):
                if words[place : place + len(name)] == name:
                    found[task] = (place, place + len(name))
        spans = set(found.values())
        return [task for task, span in found.items() if not any(_holds(other, span) for other in spans)]


def _words(text: str) -> list[str]:
    """The words, without the plural's s: "Graph Neural Networks for Link Predictions"."""
    return [word.removesuffix("s") for word in tokens(text)]


def _holds(outer: tuple[int, int], inner: tuple[int, int]) -> bool:
    return outer != inner and outer[0] <= inner[0] and inner[1] <= outer[1]
