"""Join two taxonomies: labels that mean one board become one, with the other's names as aliases."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from tdm_ray.records import TDM
from tdm_ray.taxonomy.equivalent import same_boards
from tdm_ray.taxonomy.labels import Label, Taxonomy


def join(own: Taxonomy, other: Taxonomy) -> Taxonomy:
    """All labels of `own`, and those of `other` that mean none of them; see `taxonomy.equivalent`.

    Of several labels of `other` that mean the same board the one that most papers report is kept."""
    kept: dict[TDM, Label] = {label.tdm: label for label in own.labels}
    names = canonical_names(own, other)
    for label in sorted(other.labels, key=lambda label: (-label.papers, label.tdm)):
        name = names.get(label.tdm, label.tdm)
        if name not in kept:
            kept[name] = label
        else:
            kept[name] = _with_names_of(kept[name], label)
    return Taxonomy.of(list(kept.values()))


def canonical_names(own: Taxonomy, other: Taxonomy) -> Mapping[TDM, TDM]:
    """For the labels of a group that means one board the one that stands for all: of `own` where there is
    one, else the one of `other` that most papers report."""
    names: dict[TDM, TDM] = {}
    for group in same_boards():
        ours = [tdm for tdm in group if tdm in own.index]
        theirs = [tdm for tdm in group if tdm in other.index]
        if ours:
            chosen = ours[0]
        elif theirs:
            chosen = max(theirs, key=lambda tdm: (other.labels[other.index[tdm]].papers, str(tdm)))
        else:
            continue
        names.update({tdm: chosen for tdm in group if tdm not in own.index})
    return names


def known_names(taxonomy: Taxonomy) -> Mapping[TDM, TDM]:
    """For each label that the taxonomy has under another name: that name."""
    names: dict[TDM, TDM] = {}
    for group in same_boards():
        known = [tdm for tdm in group if tdm in taxonomy.index]
        if len(known) == 1:
            names.update({tdm: known[0] for tdm in group if tdm != known[0]})
    return names


def _with_names_of(label: Label, other: Label) -> Label:
    """The label with the names of another as aliases."""
    new = [
        f"{part}: {getattr(other.tdm, part)}"
        for part in ("dataset", "metric")
        if getattr(other.tdm, part) not in label.names(part)
    ]
    aliases = tuple(dict.fromkeys((*label.aliases, *new)))
    return replace(label, papers=max(label.papers, other.papers), aliases=aliases)
