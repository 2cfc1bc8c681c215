"""Ids of papers: arXiv's have versions, and what is said of one version is said of the paper."""

from __future__ import annotations

import re
from datetime import date

import pyarrow as pa
import pyarrow.compute as pc

# An arXiv id, new or old ("hep-th/9901001", as a file's name without the slash); only such ids have versions.
_ARXIV_ID = r"\d{4}\.\d{4,5}|[a-z-]+(?:\.[A-Z]{2})?/?\d{7}"
VERSIONED = rf"^(?P<base>{_ARXIV_ID})v(?P<version>\d{{1,4}})$"
_VERSIONED = re.compile(VERSIONED, re.ASCII)
_ARCHIVE = r"(?:cs|math|stat|nlin|physics|[a-z]+-[a-z]+)(?:\.[A-Z]{2})?/?"  # seven digits alone are anybody's id
_MONTH = re.compile(rf"(?:{_ARCHIVE}(?P<old>\d{{4}})\d{{3}}|(?P<new>\d{{4}})\.\d{{4,5}})", re.ASCII)


def base_id(paper_id: str) -> str:
    """The paper behind its versions: `1412.6575v4` and `1412.6575` are one."""
    versioned = _VERSIONED.fullmatch(paper_id)
    return versioned["base"] if versioned else paper_id


def month_number(paper_id: str, published: date | None = None) -> int | None:
    """The month of an arXiv id, else that of the day: months since the year 0; None where neither is there."""
    found = _MONTH.fullmatch(base_id(paper_id))
    year, month = divmod(int(found["old"] or found["new"]), 100) if found else (0, 0)
    if 1 <= month <= 12:
        return 12 * (year + (1900 if year > 90 else 2000)) + month  # arXiv began in 1991
    return 12 * published.year + published.month if published else None


def base_ids(paper_ids: pa.ChunkedArray) -> pa.ChunkedArray:
    """`base_id` of every id of a column."""
    return pc.replace_substring_regex(paper_ids, VERSIONED, r"\1")
