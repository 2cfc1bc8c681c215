"""What a night has to do: which papers of the corpus the store does not know under this model and taxonomy."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import groupby
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from tdm_ray.errors import InputError
from tdm_ray.leaderboard.rank import SEPARATOR
from tdm_ray.leaderboard.review import changed_labels
from tdm_ray.classify.scorer import Knowledge
from tdm_ray.papers.pieces import Piece
from tdm_ray.papers.read import read_piece
from tdm_ray.records import MARKS, REJECTS, TDM
from tdm_ray.storage import digest, open_file
from tdm_ray.store.tables import Store
from tdm_ray.taxonomy.labels import Taxonomy

KEYS = ["paper_id", "content_hash"]
# Reasons that may be the worker's and not the paper's (memory, a lost node): tried again in so many nights.
PASSING, NIGHTS = ("failed", "crashed", "unreadable"), 3
_PLACES = pa.schema(
    [("paper_id", pa.string()), ("content_hash", pa.string()), ("piece", pa.int64()), ("row", pa.int64())]
)


@dataclass(frozen=True)
class Corpus:
    """The papers at hand: `papers` has a row each with paper_id, content_hash, and where it lies (piece, row)."""

    pieces: Sequence[Piece]
    papers: pa.Table

    @classmethod
    def of(cls, pieces: Sequence[Piece]) -> tuple[Corpus, pa.Table]:
        """Read the two columns of a papers table's pieces. Of papers with one id the first counts; the others are the
        second value, as rejects."""
        tables = [_PLACES.empty_table()]
        for path, here in groupby(enumerate(pieces), lambda numbered: numbered[1].paths[0]):
            with open_file(path) as file:
                found = pq.read_table(file, columns=["paper_id", "content_hash"])
            rows = [(number, row) for number, piece in here for row in range(piece.papers or 0)]
            places = np.array(rows, np.int64).reshape(-1, 2)
            found = found.append_column("piece", [places[:, 0]]).append_column("row", [places[:, 1]])
            tables.append(found.cast(_PLACES))
        papers = pa.concat_tables(tables)
        if len(papers):
            _check(pieces[0], papers["content_hash"][0].as_py())
        first = np.zeros(len(papers), bool)
        first[np.unique(np.asarray(papers["paper_id"].to_pandas(), object), return_index=True)[1]] = True
        return cls(pieces, papers.filter(pa.array(first))), _duplicates(pieces, papers.filter(pa.array(~first)))

    def location(self, row: dict[str, Any]) -> str:
        """File and row of a row of `papers`."""
        return _location(self.pieces, row)

    def of_rows(self, wanted: pa.ChunkedArray) -> list[Piece]:
        """The pieces of the papers where `wanted` is true, with only those rows."""
        chosen = self.papers.filter(wanted)
        numbers, rows = chosen["piece"].to_numpy(), chosen["row"].to_numpy()
        parts = np.split(rows, np.flatnonzero(np.diff(numbers)) + 1) if len(rows) else []
        pieces = (self.pieces[number] for number in dict.fromkeys(numbers.tolist()))
        return [replace(p, papers=len(part), rows=tuple(part.tolist())) for p, part in zip(pieces, parts, strict=True)]


@dataclass(frozen=True)
class Labels:
    """How the taxonomy differs from the one the store was scored with."""

    added: frozenset[TDM] = frozenset()
    """New, or with other aliases."""
    removed: frozenset[TDM] = frozenset()
    turned: frozenset[TDM] = frozenset()
    """Of another direction; their leaderboards are ranked anew."""

    @classmethod
    def between(cls, before: Taxonomy, now: Taxonomy) -> Labels:
        """The difference of two taxonomies."""
        old, new = ({label.tdm: label for label in taxonomy.labels} for taxonomy in (before, now))
        both = old.keys() & new.keys()
        respelt = {tdm for tdm in both if old[tdm].aliases != new[tdm].aliases}
        turned = {tdm for tdm in both if old[tdm].direction != new[tdm].direction}
        return cls(
            frozenset((new.keys() - old.keys()) | respelt), frozenset(old.keys() - new.keys()), frozenset(turned)
        )


@dataclass(frozen=True)
class Todo:
    """What is to be done, and for which generation: the store starts anew with another model."""

    corpus: Corpus
    last: dict[str, Any] | None
    """The row of the last whole run; None where there is none."""
    model_id: str
    taxonomy: Taxonomy
    anew: bool
    labels: Labels
    whole: pa.ChunkedArray
    """Of the corpus: papers that are new or have changed."""
    again: pa.ChunkedArray
    """Of the corpus: papers seen before, to be asked about the labels added."""
    marks: pa.Table
    """What readers say of predictions now."""
    marked: frozenset[str]
    """The labels (as `rank.key` writes them) of which they said something else when the last run was made."""

    @property
    def nothing(self) -> bool:
        """Whether the store is as it should be."""
        many = (pc.sum(mask).as_py() for mask in (self.whole, self.again))
        return not (self.anew or any(many) or self.labels != Labels() or self.marked)

    @property
    def generation(self) -> str:
        """Names what is staged for this model and taxonomy; what is staged for others is of no use."""
        return f"{self.model_id}-{self.taxonomy.taxonomy_id}"

    @property
    def kinds(self) -> dict[str, tuple[pa.ChunkedArray, frozenset[TDM] | None]]:
        """What is staged apart: papers, and the labels they are asked about (None: all)."""
        added = digest(f"{tdm}\n".encode() for tdm in sorted(self.labels.added))
        return {"whole": (self.whole, None), f"added-{added}": (self.again, self.labels.added)}


def _location(pieces: Sequence[Piece], row: dict[str, Any]) -> str:
    piece = pieces[row["piece"]]
    return f"{piece.paths[0]}#{piece.first_row + row['row']}"


def _duplicates(pieces: Sequence[Piece], papers: pa.Table) -> pa.Table:
    now = datetime.now(UTC)
    rows = [
        {"paper_id": row["paper_id"], "source": pieces[row["piece"]].kind, "reason": "duplicate_id", "seen_at": now,
         "location": _location(pieces, row),
         "detail": "another paper of this table has the same paper_id, and was kept"}
        for row in papers.to_pylist()
    ]  # fmt: skip
    return pa.Table.from_pylist(rows, schema=REJECTS)


def _check(piece: Piece, said: str | None) -> None:
    """The first paper's hash must be ours: by another one every paper would be new every night."""
    first = next(read_piece(replace(piece, papers=1, rows=(0,))))
    if first.paper is None or first.paper.content_hash != said:
        raise InputError(f"{first.location}: its content_hash is not that of its text; read it with `tdm-ray ingest`")


def find_todo(store: Store, corpus: Corpus, knowledge: Knowledge, marks: pa.Table) -> Todo:
    """Compare the corpus with what the store holds; reads two columns of each."""
    taxonomy, last = knowledge.taxonomy, store.last()
    no = pa.chunked_array([pa.repeat(False, len(corpus.papers))])
    marked = frozenset(changed_labels(_marks(store, last), marks))
    if last is None or last["model_id"] != knowledge.model_id:
        return Todo(corpus, last, knowledge.model_id, taxonomy, True, Labels(), pc.invert(no), no, marks, marked)
    labels = Labels.between(Taxonomy.from_table(store.read("taxonomy", version=last["versions"]["taxonomy"])), taxonomy)
    same = last["taxonomy_id"] == taxonomy.taxonomy_id  # else rejects are tried again: other labels, another outcome
    seen = pa.concat_tables([_scored(store, last), *([_rejected(store, last)] if same else [])])
    known = pc.is_in(paper_keys(corpus.papers), value_set=paper_keys(seen).combine_chunks())
    again = known if labels.added else no
    return Todo(corpus, last, knowledge.model_id, taxonomy, False, labels, pc.invert(known), again, marks, marked)


def _marks(store: Store, last: dict[str, Any] | None) -> pa.Table:
    """What readers said when the last run was made: a night that was killed may have left a newer table."""
    version = last["versions"].get("marks") if last else None
    return MARKS.empty_table() if version is None else store.read("marks", version=version)


def _scored(store: Store, last: dict[str, Any]) -> pa.Table:
    """What was scored under the last run's model and taxonomy."""
    same = (pc.field("model_id") == last["model_id"]) & (pc.field("taxonomy_id") == last["taxonomy_id"])
    return store.read("scored", KEYS, same, last["versions"]["scored"])


def _rejected(store: Store, last: dict[str, Any]) -> pa.Table:
    """What was rejected, but for what may go better another night."""
    table = store.read("rejects", version=last["versions"]["rejects"])
    passing = pc.and_(pc.is_in(table["reason"], value_set=pa.array(PASSING)), pc.less(table["nights"], NIGHTS))
    same = pc.and_(pc.equal(table["model_id"], last["model_id"]), pc.equal(table["taxonomy_id"], last["taxonomy_id"]))
    return table.filter(pc.and_(same, pc.invert(passing))).select(KEYS)


def paper_keys(papers: pa.Table) -> pa.ChunkedArray:
    """A paper of a certain text: id and hash as one string."""
    return pc.binary_join_element_wise(papers["paper_id"], papers["content_hash"], SEPARATOR)


def without(wanted: pa.ChunkedArray, corpus: Corpus, staged: Iterable[pa.Table]) -> pa.ChunkedArray:
    """`wanted` less the papers that are staged."""
    keys = [paper_keys(table).combine_chunks() for table in staged]
    done = pc.is_in(paper_keys(corpus.papers), value_set=pa.concat_arrays([pa.array([], pa.string()), *keys]))
    return pc.and_not(wanted, done)
