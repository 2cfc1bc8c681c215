"""Join two taxonomies: labels that mean one board become one, with the other's names as aliases."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import replace

from tdm_ray.errors import TaxonomyError
from tdm_ray.records import TDM, TDM_COLUMNS
from tdm_ray.storage import open_file
from tdm_ray.taxonomy.direction import names_result
from tdm_ray.taxonomy.equivalent import same_boards
from tdm_ray.taxonomy.labels import Label, Taxonomy
from tdm_ray.taxonomy.sources import read_taxonomy


def join_files(own: str, other: str, out: str, *, min_count: int = 0) -> dict[str, int]:
    """Join two taxonomy files (`min_count`: labels of `other` with a lower count are left out) and write the
    result as our own TSV; returns how many labels each has.

    Labels that no paper is better at ("Backbone") are left out of `other`. Raises `TaxonomyError` where a
    file is no taxonomy."""
    ours = read_taxonomy(own)
    theirs = [
        label for label in read_taxonomy(other, min_count=min_count).labels if names_result(label.tdm.metric)
    ]
    joined = join(ours, Taxonomy(tuple(theirs)))
    text = "".join(f"{line}\n" for line in own_tsv(joined))
    with open_file(out, "wb") as file:
        file.write(text.encode())
    return {"own": len(ours), "other": len(theirs), "joined": len(joined)}


def own_tsv(taxonomy: Taxonomy) -> Iterator[str]:
    """The lines of a taxonomy in our own TSV; `read_taxonomy` reads them.

    Raises `TaxonomyError` for a name that the form cannot hold: one with a tab, a line break or " | "."""
    yield "\t".join(
        ("area", *TDM_COLUMNS, "direction", "range", "papers", "dataset_aliases", "metric_aliases")
    )
    for label in taxonomy.labels:
        aliases = [_aliases(label, part) for part in ("dataset", "metric")]
        names = [getattr(label.tdm, part) for part in TDM_COLUMNS]
        fields = (label.area, *names, label.direction, _range(label), str(label.papers), *aliases)
        if any(sign in field for field in fields for sign in "\t\n\r"):
            raise TaxonomyError(
                f"{str(label.tdm)!r}: a name or alias holds a tab or a line break; take it out"
            )
        yield "\t".join(fields)


def _range(label: Label) -> str:
    """The range of a label in one field, as it is read again."""
    low, high = (f"{bound:g}" if math.isfinite(bound) else "" for bound in (label.low, label.high))
    return f"{low}..{high}" if low or high else ""


def _aliases(label: Label, part: str) -> str:
    """The aliases of a part in one field, as it is read again."""
    aliases = label.names(part)[1:]
    field = " | ".join(aliases)
    if aliases and field.split(" | ") != aliases:
        raise TaxonomyError(
            f'{str(label.tdm)!r}: a {part} alias of {aliases} holds " | ", which separates aliases; change it'
        )
    return field


def join(own: Taxonomy, other: Taxonomy) -> Taxonomy:
    """All labels of `own`, and those of `other` that mean none of them; see `taxonomy.equivalent`.

    Of several labels of `other` that mean the same board the one that most papers report is kept, of equals
    the smallest name. A label that is kept takes the names and aliases of the others, and the direction of
    one where it has none."""
    kept: dict[TDM, Label] = {label.tdm: label for label in own.labels}
    names = canonical_names(own, other)
    for label in sorted(other.labels, key=_rank):
        name = names.get(label.tdm, label.tdm)
        if name not in kept:
            kept[name] = label
        else:
            kept[name] = _with_names_of(kept[name], label)
    return Taxonomy.of(list(kept.values()))


def canonical_names(own: Taxonomy, other: Taxonomy) -> Mapping[TDM, TDM]:
    """For the labels of a group that means one board the one that stands for all: of `own` where there is
    one, else the one of `other` that most papers report, of equals the smallest name."""
    names: dict[TDM, TDM] = {}
    for group in same_boards():
        ours = [tdm for tdm in group if tdm in own.index]
        theirs = [tdm for tdm in group if tdm in other.index]
        if ours:
            chosen = ours[0]
        elif theirs:
            chosen = min(theirs, key=lambda tdm: _rank(other.labels[other.index[tdm]]))
        else:
            continue
        names.update({tdm: chosen for tdm in group if tdm not in own.index})
    return names


def _rank(label: Label) -> tuple[int, TDM]:
    """Most papers first, of equals the smallest name."""
    return -label.papers, label.tdm


def known_names(taxonomy: Taxonomy) -> Mapping[TDM, TDM]:
    """For each label that the taxonomy has under another name: that name."""
    names: dict[TDM, TDM] = {}
    for group in same_boards():
        known = [tdm for tdm in group if tdm in taxonomy.index]
        if len(known) == 1:
            names.update({tdm: known[0] for tdm in group if tdm != known[0]})
    return names


def _with_names_of(label: Label, other: Label) -> Label:
    """The label with the names of another as aliases, and its direction where it has none."""
    new = [
        f"{part}: {name}"
        for part in ("dataset", "metric")
        for name in other.names(part)
        if name not in label.names(part)
    ]
    aliases = tuple(dict.fromkeys((*label.aliases, *new)))
    direction = label.direction if label.direction != "unknown" else other.direction
    return replace(label, papers=max(label.papers, other.papers), direction=direction, aliases=aliases)
