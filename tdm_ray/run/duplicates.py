"""Find the papers that an input holds more than once: which copy is kept, why others are rejected."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import pyarrow as pa
import pyarrow.compute as pc

from tdm_ray.arxiv_ids import base_ids
from tdm_ray.records import READINGS

COLUMNS = ["paper_id", "source", "location", "reason"]
_VERSIONED = ("latex", "html")  # sources that are of one version of an e-print
Reject = tuple[str, str]  # reason, detail


def find_duplicates(batches: Iterable[pa.Table]) -> dict[str, Reject]:
    """Location of a left-out paper -> the reason; `batches` have the columns `COLUMNS`.

    Of the versions of an e-print, as LaTeX or HTML, the newest is kept; of equals LaTeX before HTML, then the
    first in order of file and row. An e-print
    that is only a PDF and whose TEI is there as well is the TEI's duplicate, not a paper that could not be
    read."""
    schema = pa.schema([READINGS.field(name) for name in COLUMNS])
    wanted = pc.field("reason").is_null() | (pc.field("reason") == "pdf_only")
    table = pa.concat_tables([schema.empty_table(), *(batch.filter(wanted) for batch in batches)])
    table = table.append_column("base", base_ids(table["paper_id"]))
    counts = table.group_by("base").aggregate([("location", "count")])
    repeated = counts.filter(pc.greater(counts["location_count"], 1))["base"]
    rows = table.filter(pc.is_in(table["base"], repeated.combine_chunks())).to_pylist()
    return _left_out(sorted(rows, key=_newest_first))


def _left_out(rows: list[dict[str, str]]) -> dict[str, Reject]:
    kept: dict[str, dict[str, str]] = {}
    parsed: dict[str, dict[str, str]] = {}  # by base: the paper that was read from something else than LaTeX
    left_out: dict[str, Reject] = {}
    for row in rows:
        if row["reason"]:
            if tei := parsed.get(row["base"]):
                left_out[row["location"]] = _duplicate(f"a PDF; the paper was read from {tei['location']}")
            continue
        key = row["base"] if row["source"] in _VERSIONED else row["paper_id"]
        first = kept.setdefault(key, row)
        if first["source"] not in _VERSIONED:
            parsed.setdefault(first["base"], first)
        if first["location"] != row["location"]:
            left_out[row["location"]] = _why(first, row)
    return left_out


def _why(first: dict[str, str], row: dict[str, str]) -> Reject:
    if first["paper_id"] != row["paper_id"]:
        return "older_version", f"{first['paper_id']} is at {first['location']}"
    return _duplicate(f"the same paper_id is at {first['location']}, which was kept")


def _duplicate(detail: str) -> Reject:
    return "duplicate_id", detail


def _newest_first(row: dict[str, str]) -> tuple[bool, int, bool, str, int]:
    version = row["paper_id"].removeprefix(row["base"])
    path, _, number = row["location"].rpartition("#")
    place = (path, int(number)) if path and number.isdigit() else (row["location"], 0)
    return (bool(row["reason"]), -int(version[1:] or 0), row["source"] == "html", *place)


def with_reasons(batch: pa.Table, duplicates: Mapping[str, Reject]) -> pa.Table:
    """The batch with the reasons of `duplicates` on their rows."""
    if not duplicates:
        return batch
    new = [duplicates.get(location, (None, None)) for location in batch["location"].to_pylist()]
    for place, name in enumerate(("reason", "detail")):
        column = pc.coalesce(pa.array([reject[place] for reject in new], pa.string()), batch[name])
        batch = batch.set_column(batch.schema.get_field_index(name), batch.schema.field(name), column)
    return batch
