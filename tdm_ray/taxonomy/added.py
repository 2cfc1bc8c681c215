"""The labels that people have added to a store's taxonomy: `STORE/labels.tsv`, a file that a person can edit.

Its form is our own TSV (docs/inputs.md, Taxonomies). The next run asks for them over all papers."""

from __future__ import annotations

from collections.abc import Sequence

from tdm_ray.storage import exists, join, open_file
from tdm_ray.taxonomy.join import own_tsv
from tdm_ray.taxonomy.labels import Label, Taxonomy
from tdm_ray.taxonomy.sources import read_taxonomy

FILE = "labels.tsv"


def added_labels(root: str) -> Taxonomy:
    """The labels added to a store; none where it has no file of them. Raises `TaxonomyError` where the file
    is none."""
    path = join(root, FILE)
    return read_taxonomy(path) if exists(path) else Taxonomy(())


def add_labels(root: str, labels: Sequence[Label]) -> list[Label]:
    """Add labels to a store's file, but those that it has; returns the new ones.

    Raises `TaxonomyError` for a name that the file cannot hold."""
    known = added_labels(root)
    new = list(dict.fromkeys(label for label in labels if label.tdm not in known.index))
    if new:
        text = "".join(f"{line}\n" for line in own_tsv(Taxonomy.of([*known.labels, *new])))
        with open_file(join(root, FILE), "wb") as file:
            file.write(text.encode())
    return new
