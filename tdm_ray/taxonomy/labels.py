"""The taxonomy in memory: labels in a fixed order, their aliases, and an id that changes with them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property

import pyarrow as pa

from tdm_ray.records import TAXONOMY, TDM
from tdm_ray.storage import digest

DIRECTIONS = ("higher", "lower", "unknown")


@dataclass(frozen=True)
class Label:
    """A TDM with what the taxonomy knows of it; aliases read `dataset: ILSVRC 2012` or `metric: top-1`.

    low, high: the least and the largest value that the metric can have, both included."""

    tdm: TDM
    papers: int = 0
    direction: str = "unknown"
    aliases: tuple[str, ...] = ()
    area: str = ""
    low: float = -math.inf
    high: float = math.inf

    @property
    def printed_range(self) -> tuple[float, float]:
        """The least and the largest number that a paper may print: a share of 1 may be printed as 100 %."""
        return (self.low * 100, 100.0) if self.high == 1 and self.low in (-1, 0) else (self.low, self.high)

    def names(self, part: str) -> list[str]:
        """The name of `part` ("task", "dataset", "metric") and its aliases."""
        prefix = f"{part}: "
        return [
            getattr(self.tdm, part),
            *(a.removeprefix(prefix) for a in self.aliases if a.startswith(prefix)),
        ]


@dataclass(frozen=True)
class Taxonomy:
    """Labels, sorted by TDM, each once; `broken` says of each line of its file that is none what is wrong."""

    labels: tuple[Label, ...]
    broken: tuple[str, ...] = field(default=(), compare=False)

    def __len__(self) -> int:
        return len(self.labels)

    @cached_property
    def index(self) -> dict[TDM, int]:
        """The position of every TDM."""
        return {label.tdm: i for i, label in enumerate(self.labels)}

    @cached_property
    def taxonomy_id(self) -> str:
        """The digest of all names, aliases and ranges: what can change a decision, and nothing else."""
        return digest(_decisive(label).encode() for label in self.labels)

    def directed(self, learnt: Mapping[int, str]) -> Taxonomy:
        """The taxonomy with the direction of labels that have none taken from `learnt`, by position."""
        return Taxonomy(
            tuple(
                label
                if label.direction != "unknown"
                else replace(label, direction=learnt.get(position, "unknown"))
                for position, label in enumerate(self.labels)
            ),
            self.broken,
        )

    def table(self) -> pa.Table:
        """The taxonomy as a table of schema `TAXONOMY`."""
        rows = [
            {
                "task": label.tdm.task,
                "dataset": label.tdm.dataset,
                "metric": label.tdm.metric,
                "papers": label.papers,
                "direction": label.direction,
                "aliases": label.aliases,
                "area": label.area or None,
                "low": label.low if math.isfinite(label.low) else None,
                "high": label.high if math.isfinite(label.high) else None,
            }
            for label in self.labels
        ]
        return pa.Table.from_pylist(rows, schema=TAXONOMY)

    @classmethod
    def of(cls, labels: list[Label]) -> Taxonomy:
        """The labels sorted; of two with the same TDM the counts add up and the aliases join."""
        merged: dict[TDM, Label] = {}
        for label in labels:
            old = merged.get(label.tdm)
            merged[label.tdm] = label if old is None else _merge(old, label)
        return cls(tuple(sorted(merged.values(), key=lambda label: label.tdm)))

    @classmethod
    def from_table(cls, table: pa.Table) -> Taxonomy:
        """The taxonomy of a table of schema `TAXONOMY`."""
        return cls.of(
            [
                Label(
                    TDM(r["task"], r["dataset"], r["metric"]),
                    r["papers"] or 0,
                    r["direction"] or "unknown",
                    tuple(r["aliases"] or ()),
                    r["area"] or "",
                    -math.inf if r["low"] is None else r["low"],
                    math.inf if r["high"] is None else r["high"],
                )
                for r in table.to_pylist()
            ]
        )


def _decisive(label: Label) -> str:
    """What of a label can change a decision, as a line."""
    bounds = (bound for bound in (label.low, label.high) if math.isfinite(bound))
    return "\t".join([str(label.tdm), "|".join(label.aliases), *map(str, bounds)]) + "\n"


def _merge(a: Label, b: Label) -> Label:
    """One label of two with the same TDM; the range is the narrower one."""
    return replace(
        a,
        papers=a.papers + b.papers,
        direction=a.direction if a.direction != "unknown" else b.direction,
        aliases=tuple(dict.fromkeys(a.aliases + b.aliases)),
        area=a.area or b.area,
        low=max(a.low, b.low),
        high=min(a.high, b.high),
    )
