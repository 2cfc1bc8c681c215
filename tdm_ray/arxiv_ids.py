"""Ids of papers: the month and the versions of an arXiv id, and ids from URLs and file names.

Forms of arXiv's ids: `1412.6575`, `1412.6575v4`, and from before April 2007 `hep-th/9901001`,
`math.GT/0309136v1`; in file names the old ones have no slash (`hep-th9901001`). Any other string is an id
too, without month or version. See https://info.arxiv.org/help/arxiv_identifier.html"""

from __future__ import annotations

import re
from datetime import date

import pyarrow as pa
import pyarrow.compute as pc

_NEW = r"\d{4}\.\d{4,5}"
_ARCHIVE = r"[a-z-]+(?:\.[A-Z]{2})?"
VERSIONED = rf"^(?P<base>{_NEW}|{_ARCHIVE}/?\d{{7}})v(?P<version>\d{{1,4}})$"
_VERSIONED = re.compile(VERSIONED, re.ASCII)
# Seven digits alone are anybody's id: without the slash only arXiv's own archives count.
_ARCHIVES = r"(?:cs|math|stat|nlin|physics|[a-z]+-[a-z]+)(?:\.[A-Z]{2})?"
_MONTH = (
    rf"^(?:(?:{_ARCHIVE}/|{_ARCHIVES})(?P<old>\d{{4}})\d{{3}}|(?P<new>\d{{4}})\.\d{{4,5}})(?:v\d{{1,4}})?$"
)
_COMPILED_MONTH = re.compile(_MONTH, re.ASCII)
_ON_ARXIV = re.compile(rf"(?:{_NEW}|{_ARCHIVE}/\d{{7}})(?:v\d+)?", re.ASCII)
# Pages of a paper, on arXiv and on sites that are named by its id: versions, slashes, queries may follow.
_PAPER_URL = re.compile(
    r"(?:arxiv\.org/(?:abs|pdf|html|format|ps|src|e-print)|ar5iv\.(?:labs\.arxiv\.)?org/(?:abs|html)"
    r"|alphaxiv\.org/(?:abs|pdf|overview)|arxiv-vanity\.com/papers|huggingface\.co/papers"
    rf"|doi\.org/10\.48550/arxiv\.)/*(?P<id>{_NEW}(?:v\d+)?|{_ARCHIVE}/\d{{7}}(?:v\d+)?)(?![\w/]\w)",
    re.IGNORECASE,
)
# The URL of a paper that has no page: its id comes after it.
PAPER_SCHEME = "paper:"
_FILE_NAME = re.compile(rf"^({_ARCHIVE})(\d{{7}}(?:v\d+)?)$", re.ASCII)


def base_id(paper_id: str) -> str:
    """The paper behind its versions: `1412.6575v4` and `1412.6575` are one."""
    versioned = _VERSIONED.fullmatch(paper_id)
    return versioned["base"] if versioned else paper_id


def base_ids(paper_ids: pa.ChunkedArray) -> pa.ChunkedArray:
    """`base_id` of every id of a column."""
    return pc.replace_substring_regex(paper_ids, VERSIONED, r"\1")


def months(paper_ids: pa.ChunkedArray) -> pa.ChunkedArray:
    """`YYMM` of arXiv's ids; null for others."""
    parts = pc.extract_regex(paper_ids, _MONTH)
    old = pc.struct_field(parts, "old")
    new = pc.struct_field(parts, "new")
    month = pc.if_else(pc.equal(pc.coalesce(old, pa.scalar("")), ""), new, old)
    return pc.if_else(pc.equal(month, ""), pa.scalar(None, pa.string()), month)


def month_number(paper_id: str, published: date | None = None) -> int | None:
    """The month of an arXiv id, else that of the day: months since the year 0; None where neither is
    there."""
    match = _COMPILED_MONTH.fullmatch(paper_id)
    year, month = divmod(int(match["old"] or match["new"]), 100) if match else (0, 0)
    if 1 <= month <= 12:
        century = 1900 if year > 90 else 2000  # arXiv began in 1991
        return 12 * (year + century) + month
    return 12 * published.year + published.month if published else None


def first_of_month(paper_id: str) -> date | None:
    """The first day of the month that an arXiv id names; None for any other id."""
    number = month_number(paper_id)
    return date((number - 1) // 12, (number - 1) % 12 + 1, 1) if number else None


def page_of(paper_id: str) -> str | None:
    """The URL of an arXiv paper's page; None for any other id."""
    return f"https://arxiv.org/abs/{paper_id}" if _ON_ARXIV.fullmatch(paper_id) else None


def id_of_url(url: str) -> str | None:
    """The id in the URL of a paper's page on arXiv or on a site that mirrors it, or after `PAPER_SCHEME`;
    None for other URLs."""
    if url.startswith(PAPER_SCHEME):
        return url.removeprefix(PAPER_SCHEME) or None
    match = _PAPER_URL.search(url)
    return match["id"] if match else None


def id_of_file_name(stem: str) -> str:
    """The id that a file is named after: old ids get their slash back (`hep-th9901001` ->
    `hep-th/9901001`)."""
    return _FILE_NAME.sub(r"\1/\2", stem)
