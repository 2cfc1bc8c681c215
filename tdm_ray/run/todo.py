"""Find what a run has to do: the papers and labels that the store does not know yet."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from tdm_ray.classify.resources import Resources
from tdm_ray.keys import PAPER_COLUMNS, label_key, paper_keys
from tdm_ray.leaderboard.apply_marks import changed_labels
from tdm_ray.leaderboard.one_board import moved_labels
from tdm_ray.records import MARKS, TDM
from tdm_ray.run.corpus import Corpus
from tdm_ray.storage import digest
from tdm_ray.store.tables import Store
from tdm_ray.taxonomy.labels import Taxonomy

# Reasons that may be the worker's and not the paper's (memory, a lost node) are tried again, in so many
# nights.
PASSING = ("failed", "crashed", "unreadable")
MOST_NIGHTS = 3


@dataclass(frozen=True)
class Labels:
    """How the taxonomy differs from the one the store was scored with."""

    added: frozenset[TDM] = frozenset()
    """New, or with other aliases."""
    removed: frozenset[TDM] = frozenset()
    turned: frozenset[TDM] = frozenset()
    """Of another direction; their leaderboards are ranked anew."""

    @classmethod
    def between(cls, before: Taxonomy, after: Taxonomy) -> Labels:
        """The difference of two taxonomies."""
        old, new = ({label.tdm: label for label in taxonomy.labels} for taxonomy in (before, after))
        both = old.keys() & new.keys()
        respelt = {tdm for tdm in both if old[tdm].aliases != new[tdm].aliases}
        turned = {tdm for tdm in both if old[tdm].direction != new[tdm].direction}
        return cls(
            frozenset((new.keys() - old.keys()) | respelt),
            frozenset(old.keys() - new.keys()),
            frozenset(turned),
        )


@dataclass(frozen=True)
class Todo:
    """What is to be done. With another model the store starts anew (`anew`): all papers are scored again."""

    corpus: Corpus
    last: dict[str, Any] | None
    """The row of the last whole run; None where there is none."""
    model_id: str
    taxonomy: Taxonomy
    anew: bool
    labels: Labels
    whole: pa.ChunkedArray
    """A mask over the corpus: papers that are new or have changed; they are scored against all labels."""
    for_added_labels: pa.ChunkedArray
    """A mask over the corpus: papers scored before, to be scored for the added labels only."""
    marks: pa.Table
    """What readers say of predictions now."""
    marked: frozenset[str]
    """The labels (as `keys.label_key` writes them) whose marks have changed since the last run."""
    boards: Mapping[TDM, TDM] = field(default_factory=dict)
    """For each label that another one stands for on boards: that one."""
    regrouped: frozenset[str] = frozenset()
    """Keys of the labels that come under another board than in the last run, and of these boards."""

    @property
    def nothing(self) -> bool:
        """Whether the store is as it should be."""
        counts = (pc.sum(mask).as_py() for mask in (self.whole, self.for_added_labels))
        return not (self.anew or any(counts) or self.labels != Labels() or self.marked or self.regrouped)

    @property
    def generation(self) -> str:
        """The folder of what is staged for this model and taxonomy; outcomes of others cannot be used."""
        return f"{self.model_id}-{self.taxonomy.taxonomy_id}"

    @property
    def kinds(self) -> dict[str, tuple[pa.ChunkedArray, frozenset[TDM] | None]]:
        """By kind, which is staged apart: a mask of papers, and the labels to score (None: all)."""
        added = digest(f"{tdm}\n".encode() for tdm in sorted(self.labels.added))
        return {"whole": (self.whole, None), f"added-{added}": (self.for_added_labels, self.labels.added)}


def find_todo(
    store: Store, corpus: Corpus, resources: Resources, marks: pa.Table, boards: Mapping[TDM, TDM]
) -> Todo:
    """Compare the corpus with what the store holds; reads two columns of each."""
    taxonomy = resources.taxonomy
    last = store.last()
    no = pa.chunked_array([pa.repeat(False, len(corpus.papers))])
    marked = frozenset(changed_labels(_marks(store, last), marks))
    if last is None or last["model_id"] != resources.model_id:
        return Todo(
            corpus,
            last,
            resources.model_id,
            taxonomy,
            True,
            Labels(),
            pc.invert(no),
            no,
            marks,
            marked,
            boards,
        )
    known_taxonomy = store.read("taxonomy", version=last["versions"]["taxonomy"])
    labels = Labels.between(Taxonomy.from_table(known_taxonomy), taxonomy)
    same = (
        last["taxonomy_id"] == taxonomy.taxonomy_id
    )  # else rejects are tried again: other labels, another outcome
    known_papers = pa.concat_tables([_scored(store, last), *([_rejected(store, last)] if same else [])])
    known = pc.is_in(corpus.keys, value_set=paper_keys(known_papers).combine_chunks())
    for_added_labels = known if labels.added else no
    return Todo(
        corpus,
        last,
        resources.model_id,
        taxonomy,
        False,
        labels,
        pc.invert(known),
        for_added_labels,
        marks,
        marked,
        boards,
        _regrouped(known_taxonomy, boards),
    )


def _regrouped(before: pa.Table, boards: Mapping[TDM, TDM]) -> frozenset[str]:
    """The keys of labels whose board is another now, and of their old and new boards."""
    moved = moved_labels(before).to_pylist()
    old = {TDM.of(row): TDM.of(row["board"]) for row in moved}
    changed = {tdm for tdm in old.keys() | boards.keys() if old.get(tdm) != boards.get(tdm)}
    new_boards = (tdm for label in changed for tdm in (old.get(label), boards.get(label)) if tdm)
    return frozenset(map(label_key, (*changed, *new_boards)))


def _marks(store: Store, last: dict[str, Any] | None) -> pa.Table:
    """What readers said when the last run was made: a night that was killed may have left a newer table."""
    version = last["versions"].get("marks") if last else None
    return MARKS.empty_table() if version is None else store.read("marks", version=version)


def _scored(store: Store, last: dict[str, Any]) -> pa.Table:
    """What was scored under the last run's model and taxonomy."""
    same = (pc.field("model_id") == last["model_id"]) & (pc.field("taxonomy_id") == last["taxonomy_id"])
    return store.read("scored", PAPER_COLUMNS, same, last["versions"]["scored"])


def _rejected(store: Store, last: dict[str, Any]) -> pa.Table:
    """The papers that stay rejected: not those that may succeed in another night."""
    table = store.read("rejects", version=last["versions"]["rejects"])
    passing = pc.and_(
        pc.is_in(table["reason"], value_set=pa.array(PASSING)), pc.less(table["nights"], MOST_NIGHTS)
    )
    same = pc.and_(
        pc.equal(table["model_id"], last["model_id"]), pc.equal(table["taxonomy_id"], last["taxonomy_id"])
    )
    return table.filter(pc.and_(same, pc.invert(passing))).select(PAPER_COLUMNS)


def without(wanted: pa.ChunkedArray, corpus: Corpus, staged: pa.Array) -> pa.ChunkedArray:
    """`wanted` (a mask over the corpus) less the papers that are staged."""
    return pc.and_not(wanted, pc.is_in(corpus.keys, value_set=staged))
