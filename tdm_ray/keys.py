"""One string for what several columns name together, so that rows can be looked up, grouped and joined by
it."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

from tdm_ray.arxiv_ids import base_ids
from tdm_ray.records import TDM, TDM_COLUMNS

SEPARATOR = "\x1f"
PAPER_COLUMNS = ["paper_id", "content_hash"]


def label_keys(table: pa.Table) -> pa.ChunkedArray:
    """Task, dataset and metric."""
    return pc.binary_join_element_wise(*(table[name] for name in TDM_COLUMNS), SEPARATOR)


def label_key(tdm: TDM) -> str:
    """The same of one label."""
    return SEPARATOR.join((tdm.task, tdm.dataset, tdm.metric))


def entry_keys(table: pa.Table) -> pa.ChunkedArray:
    """A label and a paper, of whatever version."""
    return pc.binary_join_element_wise(label_keys(table), base_ids(table["paper_id"]), SEPARATOR)


def paper_keys(table: pa.Table) -> pa.ChunkedArray:
    """A paper of a certain text: its id and content hash."""
    return pc.binary_join_element_wise(table["paper_id"], table["content_hash"], SEPARATOR)
