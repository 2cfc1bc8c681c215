"""Turn outcomes (one row a paper, its decisions nested) into rows of the store's tables."""

from __future__ import annotations

from datetime import UTC, datetime

import pyarrow as pa
import pyarrow.compute as pc

from tdm_ray.discover.names import plain
from tdm_ray.records import DECISION, PREDICTIONS, REJECTS, RESULT, RESULTS, SCORED


def good_rows(outcomes: pa.Table) -> pa.Table:
    """The rows of papers that were not rejected."""
    return outcomes.filter(pc.is_null(outcomes["reason"]))


def prediction_rows(outcomes: pa.Table, ids: dict[str, str]) -> pa.Table:
    """One row a decision, of schema `PREDICTIONS`; `ids` are model_id and taxonomy_id."""
    nested = outcomes["decisions"].combine_chunks()
    parents = pc.list_parent_indices(nested)
    flat = pc.list_flatten(nested)
    paper = outcomes.select(["paper_id", "content_hash", "seen_at"]).take(parents)
    columns = {field.name: pc.struct_field(flat, field.name) for field in DECISION}
    columns |= {
        "paper_id": paper["paper_id"],
        "content_hash": paper["content_hash"],
        "scored_at": paper["seen_at"],
        **{name: pa.repeat(value, len(flat)) for name, value in ids.items()},
    }
    return pa.table([columns[name] for name in PREDICTIONS.names], schema=PREDICTIONS)


def result_rows(outcomes: pa.Table) -> pa.Table:
    """One row a result, of schema `RESULTS`."""
    nested = outcomes["results"].combine_chunks()
    flat = pc.list_flatten(nested)
    columns = {field.name: pc.struct_field(flat, field.name) for field in RESULT}
    columns |= {
        "paper_id": outcomes["paper_id"].take(pc.list_parent_indices(nested)),
        "dataset_key": _plain(columns["dataset_text"]),
        "method_key": _plain(columns["method"]),
    }
    return pa.table([columns[name] for name in RESULTS.names], schema=RESULTS)


def _plain(names: pa.Array) -> pa.Array:
    """`discover.names.plain` of each name; null of none."""
    coded = names.dictionary_encode()
    plains = pa.array([plain(name) for name in coded.dictionary.to_pylist()], pa.string())
    return plains.take(coded.indices)


def scored_rows(outcomes: pa.Table, ids: dict[str, str]) -> pa.Table:
    """One row a paper, of schema `SCORED`."""
    count = pc.cast(pc.list_value_length(outcomes["decisions"]), pa.int32())
    kept = ("paper_id", "content_hash", "hypotheses", "title", "published")
    columns = {name: outcomes[name] for name in kept}
    columns |= {
        "predictions": count,
        "unknown": pc.equal(count, 0),
        "scored_at": outcomes["seen_at"],
        **{name: pa.repeat(value, len(outcomes)) for name, value in ids.items()},
    }
    return pa.table([columns[name] for name in SCORED.names], schema=SCORED)


def reject_rows(batch: pa.Table) -> pa.Table:
    """The rows that carry a reason, of schema `REJECTS`; of readings or outcomes."""
    bad = batch.filter(pc.is_valid(batch["reason"]))
    now = pa.scalar(datetime.now(UTC), REJECTS.field("seen_at").type)
    seen_at = bad["seen_at"] if "seen_at" in bad.column_names else pa.repeat(now, len(bad))
    return pa.table([seen_at if name == "seen_at" else bad[name] for name in REJECTS.names], schema=REJECTS)
