"""Keys of labels, entries and papers: several columns joined to one string, to look up and join rows."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

from tdm_ray.arxiv_ids import base_ids
from tdm_ray.records import TDM, TDM_COLUMNS

SEPARATOR = "\x1f"
PAPER_COLUMNS = ["paper_id", "content_hash"]


def label_keys(table: pa.Table) -> pa.ChunkedArray:
    """The key of each row's label: its task, dataset and metric."""
    return pc.binary_join_element_wise(*(table[name] for name in TDM_COLUMNS), SEPARATOR)


def label_key(tdm: TDM) -> str:
    """The same for one label."""
    return SEPARATOR.join((tdm.task, tdm.dataset, tdm.metric))


def entry_keys(table: pa.Table) -> pa.ChunkedArray:
    """The key of each row's leaderboard entry: its label, and its paper without the version."""
    return pc.binary_join_element_wise(label_keys(table), base_ids(table["paper_id"]), SEPARATOR)


def paper_keys(table: pa.Table) -> pa.ChunkedArray:
    """The key of each row's paper with its text: paper id and content hash."""
    return pc.binary_join_element_wise(table["paper_id"], table["content_hash"], SEPARATOR)
