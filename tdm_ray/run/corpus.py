"""The papers at hand: where each lies in the papers table, and the hash of its text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cached_property
from itertools import groupby
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from tdm_ray.errors import InputError
from tdm_ray.keys import PAPER_COLUMNS, paper_keys
from tdm_ray.papers.read import read_split
from tdm_ray.papers.splits import InputSplit
from tdm_ray.records import REJECTS
from tdm_ray.storage import open_file

_PLACES = pa.schema(
    [("paper_id", pa.string()), ("content_hash", pa.string()), ("split", pa.int64()), ("row", pa.int64())]
)


@dataclass(frozen=True)
class Corpus:
    """The papers at hand: `papers` has a row each with paper_id, content_hash, and where it lies (split,
    row)."""

    splits: Sequence[InputSplit]
    papers: pa.Table

    @classmethod
    def of(cls, splits: Sequence[InputSplit]) -> tuple[Corpus, pa.Table]:
        """Read the two columns of a papers table's splits. Of papers with one id the first counts; the others
        are the second value, as rejects."""
        tables = [_PLACES.empty_table()]
        for path, here in groupby(enumerate(splits), lambda numbered: numbered[1].paths[0]):
            with open_file(path) as file:
                found = pq.read_table(file, columns=PAPER_COLUMNS)
            rows = [(number, row) for number, split in here for row in range(split.papers or 0)]
            places = np.array(rows, np.int64).reshape(-1, 2)
            found = found.append_column("split", [places[:, 0]]).append_column("row", [places[:, 1]])
            tables.append(found.cast(_PLACES))
        papers = pa.concat_tables(tables)
        if len(papers):
            _check(splits[0], papers["content_hash"][0].as_py())
        first = np.zeros(len(papers), bool)
        first[np.unique(np.asarray(papers["paper_id"].to_pandas(), object), return_index=True)[1]] = True
        return cls(splits, papers.filter(pa.array(first))), _duplicates(
            splits, papers.filter(pa.array(~first))
        )

    @cached_property
    def keys(self) -> pa.ChunkedArray:
        """The `keys.paper_keys` of `papers`."""
        return paper_keys(self.papers)

    def location(self, row: dict[str, Any]) -> str:
        """File and row of a row of `papers`."""
        return _location(self.splits, row)

    def of_rows(self, wanted: pa.ChunkedArray) -> list[InputSplit]:
        """The splits of the papers where `wanted` is true, with only those rows."""
        chosen = self.papers.filter(wanted)
        numbers = chosen["split"].to_numpy()
        rows = chosen["row"].to_numpy()
        parts = np.split(rows, np.flatnonzero(np.diff(numbers)) + 1) if len(rows) else []
        splits = (self.splits[number] for number in dict.fromkeys(numbers.tolist()))
        return [
            replace(p, papers=len(part), rows=tuple(part.tolist()))
            for p, part in zip(splits, parts, strict=True)
        ]


def _location(splits: Sequence[InputSplit], row: dict[str, Any]) -> str:
    split = splits[row["split"]]
    return f"{split.paths[0]}#{split.first_row + row['row']}"


def _duplicates(splits: Sequence[InputSplit], papers: pa.Table) -> pa.Table:
    now = datetime.now(UTC)
    rows = [
        {
            "paper_id": row["paper_id"],
            "source": splits[row["split"]].kind,
            "reason": "duplicate_id",
            "seen_at": now,
            "location": _location(splits, row),
            "detail": "another paper of this table has the same paper_id, and was kept",
        }
        for row in papers.to_pylist()
    ]
    return pa.Table.from_pylist(rows, schema=REJECTS)


def _check(split: InputSplit, said: str | None) -> None:
    """The first paper's hash must be ours: by another one every paper would be new every night."""
    first = next(read_split(replace(split, papers=1, rows=(0,))))
    if first.paper is None or first.paper.content_hash != said:
        raise InputError(
            f"{first.location}: its content_hash is not that of its text; read it with `tdm-ray ingest`"
        )
