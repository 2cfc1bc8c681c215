"""Apply people's marks to predictions, before leaderboards are made of them."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tdm_ray.gold.marks import find_marks, latest
from tdm_ray.keys import entry_keys, label_keys
from tdm_ray.records import MARKS


def read_marks(folder: str) -> pa.Table:
    """The marks that lie in a folder or store (schema `MARKS`); see `marks.latest`, which raises
    `InputError`."""
    return pa.Table.from_pylist(latest(find_marks(folder)), schema=MARKS)


def apply_marks(predictions: pa.Table, marks: pa.Table) -> pa.Table:
    """Predictions (columns of `PREDICTIONS`) without those marked wrong; those marked right are certain:
    their probability is 1, and their confidence where they have a score.

    A score given by a person replaces the extracted one, with evidence of kind "review". A mark counts for
    all versions of its paper; a mark on something that is not predicted has no effect."""
    if not len(marks):
        return predictions
    at = pc.index_in(entry_keys(predictions), value_set=entry_keys(marks).combine_chunks())
    wrong = pc.equal(pc.fill_null(marks["verdict"].take(at), ""), "wrong")
    table = predictions.filter(pc.invert(wrong))
    at = at.filter(pc.invert(wrong))
    given = marks["score"].take(at)
    text = marks["score_text"].take(at)
    same = (
        pc.equal(given, table["score"]),
        pc.equal(text, table["score_text"]),
    )  # 144 of a column in millions, too
    other = pc.and_(pc.is_valid(given), pc.invert(pc.or_(*(pc.fill_null(hit, False) for hit in same))))
    one = pa.scalar(1.0, pa.float32())
    score = pc.if_else(other, given, table["score"])
    certain = pc.and_(pc.is_valid(at), pc.is_valid(score))
    new = {
        "probability": pc.if_else(pc.is_valid(at), one, table["probability"]),
        "confidence": pc.if_else(certain, one, table["confidence"]),
        "score": score,
        "score_text": pc.if_else(other, text, table["score_text"]),
        "evidence": _evidence(table["evidence"], other, text, marks["note"].take(at)),
    }
    for name, values in new.items():
        table = table.set_column(table.schema.get_field_index(name), table.schema.field(name), values)
    return table


def changed_labels(one: pa.Table, other: pa.Table) -> set[str]:
    """The labels (as `key` writes them) whose marks are not the same in both tables."""
    both = pa.concat_tables(table.select(MARKS.names) for table in (one, other)).combine_chunks()
    rows = both.group_by(MARKS.names).aggregate([([], "count_all")])
    return set(label_keys(rows.filter(pc.equal(rows["count_all"], 1))).to_pylist())


def _evidence(
    predicted: pa.ChunkedArray, other: pa.Array, text: pa.ChunkedArray, note: pa.ChunkedArray
) -> pa.Array:
    """The extracted evidence; where a person gave another score, a note that says so."""
    corrected = [
        {"kind": "review", "text": f"{score}, given by a reader" + (f": {why}" if why else "")}
        for score, why in zip(text.filter(other).to_pylist(), note.filter(other).to_pylist(), strict=True)
    ]
    rows = np.arange(len(predicted))
    rows[other.to_numpy(zero_copy_only=False)] = len(predicted) + np.arange(len(corrected))
    return pa.chunked_array([*predicted.chunks, pa.array(corrected, predicted.type)]).take(pa.array(rows))
