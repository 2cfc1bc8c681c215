"""Ingestion on one screen: papers of any form are read into a papers table that grows.

    splits -> what is new or has changed -> staging (an engine; resumed after a kill) -> papers table

What is staged is kept until the table is committed, also where a try is killed and files are added before the
next one."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from tdm_ray.config import IngestConfig, RayConfig, Selection
from tdm_ray.errors import OutputError
from tdm_ray.papers.metadata import Select, write_metadata
from tdm_ray.papers.splits import ONE_PAPER_A_FILE, InputSplit, find_splits
from tdm_ray.progress import pace, say
from tdm_ray.records import PAPERS, READINGS, REJECTS
from tdm_ray.run.duplicates import COLUMNS, find_duplicates, with_reasons
from tdm_ray.run.engine import choose_engine
from tdm_ray.run.outcomes import reject_rows
from tdm_ray.run.papers_table import (
    ROWS_A_GROUP,
    PapersCommit,
    count_items,
    file_of,
    known_states,
)
from tdm_ray.run.work import ReadWork, Tell
from tdm_ray.storage import (
    digest,
    exists,
    file_state,
    finish_replacing,
    join,
    list_files,
    read_json,
    read_table,
    remove_folder,
    scan_table,
    write_json,
)
from tdm_ray.store.staging import Staging

RECORD = "ingest.json"
_KIND = "readings"


@dataclass(frozen=True)
class IngestSummary:
    """What an ingestion came to; `papers` is always `read` plus the rejects."""

    papers: int
    read: int
    rejected: Mapping[str, int] = field(default_factory=dict)
    seconds: float = 0.0
    already_done: bool = False
    facts: Mapping[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        reasons = ", ".join(f"{n} {reason}" for reason, n in sorted(self.rejected.items())) or "none"
        rejected = sum(self.rejected.values())
        done = "already done; " if self.already_done else ""
        facts = "".join(f"; {name} {value}" for name, value in self.facts.items())
        return (
            f"{done}papers in {self.papers:,} = read {self.read:,} + rejected {rejected:,} ({reasons}){facts}"
            f"{pace(self.papers, self.seconds)}"
        )


def ingest_corpus(
    papers: str | Sequence[str],
    out: str,
    config: IngestConfig | None = None,
    ray_config: RayConfig | None = None,
    *,
    engine: str = "auto",
    tell: Tell = say,
) -> IngestSummary:
    """Read every paper of `papers` into the table `out/papers`, and what cannot be read into `out/rejects`.

    A folder grows: called again, only new and changed files are read, and their papers replace those of the
    same id. Raises `InputError` where nothing can be read, `OutputError` where `out` was made with another
    selection."""
    started = time.monotonic()
    config = config or IngestConfig()
    paths = [papers] if isinstance(papers, str) else papers
    splits = find_splits(paths, manifest=config.manifest, strict=config.strict, tell=tell)
    _check(out, config)
    finish_replacing(out)
    states = {path: file_state(path) for path in dict.fromkeys(p for split in splits for p in split.paths)}
    known = known_states(out)
    fresh = {path: state for path, state in states.items() if known.get(path) != state}
    new = [kept for split in splits if (kept := split.only(fresh))]
    staging = Staging(join(out, "_staging"), "ingest", READINGS)
    if not new:
        staging.clear()
        return _counted(out)
    write_json(join(out, RECORD), {"selection": str(config.selection)})
    _forget_changed(staging, fresh)
    _stage(new, staging, _selection(out, config, tell), ray_config, engine, tell)
    summary = _commit(out, staging, fresh, config.shard_mb << 20)
    summary = IngestSummary(**{**asdict(summary), "seconds": round(time.monotonic() - started, 3)})
    staging.clear()
    return summary


def _check(out: str, config: IngestConfig) -> None:
    """Raises `OutputError` where `out` holds something else than these papers."""
    record = join(out, RECORD)
    if exists(record):
        last_record = read_json(record)
        selection = last_record.get("selection") or last_record.get("identity", {}).get("selection")
        if selection != str(config.selection):
            raise OutputError(
                f"{out}: holds another selection of papers ({selection}); choose another --out, or delete it"
            )
    elif exists(out) and list_files(out):
        raise OutputError(f"{out}: not empty, and not an output of tdm-ray ingest; choose another --out")


def _counted(out: str) -> IngestSummary:
    """What the folder holds, where nothing is new."""
    read = scan_table(join(out, "papers"), PAPERS).count_rows() if exists(join(out, "papers")) else 0
    rejects = join(out, "rejects")
    reasons = read_table(rejects, REJECTS, ["reason"])["reason"].to_pylist() if exists(rejects) else []
    return IngestSummary(read + len(reasons), read, Counter(reasons), already_done=True)


def _forget_changed(staging: Staging, states: Mapping[str, str]) -> None:
    """Drop what is staged where one of its files has changed since; remember the states of what will be
    staged."""
    path = join(staging.root, "states.json")
    before: dict[str, str] = read_json(path) if exists(path) else {}
    if any(path in states and states[path] != state for path, state in before.items()):
        remove_folder(staging.root)
        before = {}
    write_json(path, {**before, **states})


def _stage(
    splits: Sequence[InputSplit],
    staging: Staging,
    select: Select | None,
    ray_config: RayConfig | None,
    wanted: str,
    tell: Tell,
) -> None:
    """Read the splits that are not staged yet into `staging`."""
    done = staging.locations(_KIND)
    left = _unread(splits, done)
    if not left:
        return
    engine, reason = choose_engine(wanted, left, ray_config)
    tell(f"read by the {engine.name} engine ({reason})")
    engine.read(ReadWork(left, staging, select, done), tell)


def _unread(splits: Sequence[InputSplit], done: pa.Array) -> list[InputSplit]:
    """The splits that are not staged whole, of those whose number of items is known; without files that
    are."""
    if not len(done):
        return list(splits)
    paths = {path for split in splits for path in split.paths}
    counts = count_items(done.to_pylist(), paths)
    left = []
    for split in splits:
        if split.kind in ONE_PAPER_A_FILE:
            rest = split.only({path for path in split.paths if path not in counts})
        else:
            whole = split.kind == "dump" and split.papers is not None
            rest = None if whole and counts.get(split.paths[0], 0) >= (split.papers or 0) else split
        if rest:
            left.append(rest)
    return left


def _selection(out: str, config: IngestConfig, tell: Tell) -> Select | None:
    """What joins the metadata snapshot and leaves papers out; None where neither is asked for."""
    if config.metadata is None:
        return Select(config.selection) if config.selection != Selection() else None
    table = join(out, "_metadata", f"{digest([file_state(config.metadata).encode()])}.parquet")
    if not exists(table):
        count, broken = write_metadata(config.metadata, table, strict=config.strict)
        tell(f"metadata of {count:,} papers")
        if broken:
            tell(
                f"{config.metadata}: {len(broken):,} lines are no entries and were passed over ({broken[0]})"
            )
    return Select(config.selection, table)


def _commit(out: str, staging: Staging, states: Mapping[str, str], bytes_a_file: int) -> IngestSummary:
    """Staged readings -> `papers`, `rejects` and the ledger of files, together with what was there before."""
    new = PapersCommit(out, bytes_a_file)
    duplicates = find_duplicates(_wanted(table, states) for table in staging.batches(_KIND, COLUMNS, 1 << 20))
    counts = _Counts()
    ids: list[pa.Array] = []
    items: dict[str, int] = {}
    for rows in staging.once(_KIND, ROWS_A_GROUP):
        batch = with_reasons(_wanted(rows, states), duplicates)
        good = batch.filter(pc.is_null(batch["reason"]))
        rejects = reject_rows(batch)
        new.add_papers(good.select(PAPERS.names))
        new.add_rejects(rejects)
        counts.add(good, rejects)
        ids.append(good["paper_id"].combine_chunks())
        for path, count in count_items(batch["location"].to_pylist(), states).items():
            items[path] = items.get(path, 0) + count
    new.keep_others(pa.concat_arrays(ids) if ids else pa.array([], pa.string()), states)
    new.done(states, items)
    return counts.summary()


def _wanted(rows: pa.Table, states: Mapping[str, str]) -> pa.Table:
    """The rows of files that are still there."""
    present = [file_of(location, states) is not None for location in rows["location"].to_pylist()]
    return rows if all(present) else rows.filter(pa.array(present))


# How the column `conversion` of a LaTeX paper says what of it is known to be lost, or may be.
_LOSSES = {
    "tolerant": "pylatexenc for ",
    "with unknown commands": "unknown commands: ",
    "with files not found": "files not found: ",
}


class _Counts:
    """What was read, for the summary."""

    def __init__(self) -> None:
        self._rejected: dict[str, int] = {}
        self._conversions: dict[str, int] = {}
        self._papers = 0
        self._tables = 0
        self._abstracts = 0

    def add(self, good: pa.Table, rejects: pa.Table) -> None:
        self._papers += len(good)
        self._tables += pc.sum(pc.list_value_length(good["tables"])).as_py() or 0
        self._abstracts += pc.sum(pc.greater(pc.utf8_length(good["abstract"]), 0)).as_py() or 0
        for reason in rejects["reason"].to_pylist():
            self._rejected[reason] = self._rejected.get(reason, 0) + 1
        for conversion in good["conversion"].drop_null().to_pylist():
            whole = "; " not in conversion
            found = ["pandoc"] if whole else [kind for kind, mark in _LOSSES.items() if mark in conversion]
            for kind in found:
                self._conversions[kind] = self._conversions.get(kind, 0) + 1

    def summary(self) -> IngestSummary:
        n = max(1, self._papers)
        facts: dict[str, Any] = {
            "tables a paper": round(self._tables / n, 1),
            "with abstract": f"{self._abstracts / n:.0%}",
        }
        if self._conversions:
            by_count = sorted(self._conversions.items(), key=lambda item: -item[1])
            facts["converted"] = ", ".join(f"{count:,} {kind}" for kind, count in by_count)
        total = self._papers + sum(self._rejected.values())
        return IngestSummary(total, self._papers, dict(self._rejected), facts=facts)
