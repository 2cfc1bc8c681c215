"""Readings as an Arrow table; a reading that Arrow refuses becomes a reject, the others are kept."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import pyarrow as pa

from tdm_ray.papers.items import rejected
from tdm_ray.papers.limits import paper_limits
from tdm_ray.records import READINGS, Reading


def readings_table(readings: Iterable[Reading]) -> pa.Table:
    """Readings as an Arrow table of schema `READINGS`; one that Arrow refuses is its own reject there."""
    return together([row_of(reading) for reading in readings])


def row_of(reading: Reading) -> pa.Table:
    """The reading as a table of one row."""
    try:
        with paper_limits():
            return pa.Table.from_pylist([reading.row()], schema=READINGS)
    except Exception as error:  # noqa: BLE001 - text that is no UTF-8, 2 GB in one column, and what else there may be
        known = reading.paper or reading
        refused = rejected(reading.location, known.paper_id, known.source, error)
        return pa.Table.from_pylist([refused.row()], schema=READINGS)


def together(rows: Sequence[pa.Table]) -> pa.Table:
    """Tables of schema `READINGS` as one, in one piece where it is not too large for that."""
    table = pa.concat_tables([READINGS.empty_table(), *rows])
    try:
        return table.combine_chunks()
    except pa.ArrowException:  # more than 2 GB in a column of lists
        return table
