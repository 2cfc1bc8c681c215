"""The rejects of a store or of an ingested folder, and how they are printed."""

from __future__ import annotations

import json
from collections import Counter

import pyarrow as pa
import pyarrow.compute as pc

from tdm_ray.errors import REASONS, InputError
from tdm_ray.records import REJECTS
from tdm_ray.storage import exists, join, read_table
from tdm_ray.store.tables import Store


def read_rejects(folder: str, reason: str | None = None) -> pa.Table:
    """The rejects of a store's last run, or of an ingested folder, of one reason or of all, by reason and
    location. Raises `InputError` for another folder, or a reason that there is none of."""
    if reason is not None and reason not in REASONS:
        raise InputError(f"--reason {reason}: no reason to reject; choose of {', '.join(REASONS)}")
    if exists(join(folder, "ingest.json")) and exists(join(folder, "rejects")):
        rejects = read_table(join(folder, "rejects"), REJECTS)
    elif exists(folder) and Store(folder).last():
        rejects = Store(folder).snapshot().read("rejects", REJECTS.names)
    else:
        raise InputError(
            f"{folder}: neither a store nor an ingested folder; give what --out or --store named"
        )
    if reason:
        rejects = rejects.filter(pc.equal(rejects["reason"], reason))
    return rejects.sort_by([("reason", "ascending"), ("location", "ascending")])


def as_lines(rejects: pa.Table) -> str:
    """JSON lines, one a reject."""
    return "".join(json.dumps(row, default=str, ensure_ascii=False) + "\n" for row in rejects.to_pylist())


def as_text(rejects: pa.Table, most: int) -> str:
    """The first rejects, one a line, and how many there are of each reason."""
    lines = [
        f"{row['location'] or row['paper_id']}: {row['reason']}: {row['detail'] or REASONS[row['reason']]}"
        for row in rejects.slice(0, most).to_pylist()
    ]
    counts = Counter(rejects["reason"].to_pylist())
    counted = ", ".join(f"{count:,} {reason}" for reason, count in sorted(counts.items())) or "none"
    more = f"; the first {most:,} are shown, --most shows more" if len(rejects) > most else ""
    return "\n".join([*lines, f"rejected {len(rejects):,} ({counted}){more}"]) + "\n"
