"""An output folder and the run it holds: what the run is, where its parts lie, what it came to."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import fsspec
import pyarrow.fs as pafs
from ray.data.checkpoint import CheckpointConfig

from tdm_ray.errors import OutputError
from tdm_ray.papers.pieces import Piece
from tdm_ray.storage import (
    digest,
    exists,
    join,
    list_files,
    make_folder,
    read_json,
    remove_folder,
    write_json,
)

_SETTLED_S = 3.0
_RECORD = {"score": "run.json", "ingest": "ingest.json"}


@dataclass(frozen=True)
class Summary:
    """What a run came to; `papers` is always `scored` (or read) plus the rejects."""

    papers: int
    scored: int
    rejected: Mapping[str, int] = field(default_factory=dict)
    predictions: int = 0
    seconds: float = 0.0
    already_done: bool = False
    facts: Mapping[str, Any] = field(default_factory=dict)

    @property
    def papers_per_second(self) -> float:
        """Throughput, start-up included."""
        return self.papers / self.seconds if self.seconds else 0.0

    def __str__(self) -> str:
        rejects = ", ".join(f"{n} {reason}" for reason, n in sorted(self.rejected.items())) or "none"
        lost = sum(self.rejected.values())
        done = "already done; " if self.already_done else ""
        facts = "".join(f"{name} {value}; " for name, value in self.facts.items())
        return (
            f"{done}papers in {self.papers:,} = {self.kind} {self.scored:,} + rejected {lost:,} ({rejects}); "
            f"{facts}{self.seconds:.0f} s, {self.papers_per_second:.1f} papers/s"
        )

    @property
    def kind(self) -> str:
        """What became of the papers: an ingestion only reads them."""
        return "scored" if "predictions" in self.facts else "read"


@dataclass(frozen=True)
class Run:
    """One run in its output folder. The record (`run.json`) is written when all tables are there."""

    out: str
    identity: Mapping[str, Any]
    finished: Summary | None = None
    part: str = ""
    started: float = field(default_factory=time.monotonic)

    @classmethod
    def open(cls, out: str, identity: Mapping[str, Any], part: str = "") -> Run:
        """The run of this identity in `out`: new, to be resumed, or finished.

        part: what this run adds to a folder that grows; what is staged for another part is let go.
        Raises `OutputError` where `out` holds something else.
        """
        record = join(out, _RECORD[identity["kind"]])
        if exists(record):
            found = read_json(record)
            if found["identity"] != dict(identity):
                held = _difference(found["identity"], identity)
                raise OutputError(f"{out}: holds {held}; choose another --out, or delete it")
            summary = found.get("summary")
            if not part or found.get("part") == part:
                return cls(out, identity, Summary(**summary, already_done=True) if summary else None, part=part)
            run = cls(out, identity, part=part)
            run.clear()
            write_json(record, {"identity": dict(identity), "part": part})
            return run
        if exists(out) and list_files(out):
            raise OutputError(
                f"{out}: not empty, and not an output of tdm-ray {identity['kind']}; choose another --out"
            )
        make_folder(out)
        write_json(record, {"identity": dict(identity), "part": part})
        return cls(out, identity, part=part)

    @property
    def staging(self) -> str:
        """Rows as they are made."""
        return join(self.out, "_staging")

    @property
    def tries(self) -> str:
        """Where the stages note which papers they hold (see `worker`)."""
        return join(self.out, "_tries")

    @property
    def checkpoint(self) -> CheckpointConfig:
        """Which rows have been made; kept until the run is finished."""
        fs, path = fsspec.core.url_to_fs(join(self.out, "_checkpoint"))
        filesystem = pafs.LocalFileSystem() if "file" in fs.protocol else pafs.PyFileSystem(pafs.FSSpecHandler(fs))
        config = CheckpointConfig("location", path, override_filesystem=filesystem, delete_checkpoint_on_success=False)
        # Up to ten actors by default, a CPU each: on a small machine they take the last one, and the run hangs.
        config.checkpoint_actor_pool_max_size = 1
        return config

    def finish(self, summary: Summary) -> Summary:
        """Record the summary, with the time; then the staging can go."""
        summary = Summary(**{**_fields(summary), "seconds": round(time.monotonic() - self.started, 1)})
        record = {"identity": dict(self.identity), "part": self.part, "summary": _fields(summary)}
        write_json(join(self.out, _RECORD[self.identity["kind"]]), record)
        self.clear()
        return summary

    def clear(self) -> None:
        """Let go of what is staged."""
        for folder in (self.staging, join(self.out, "_checkpoint"), self.tries):
            remove_folder(folder)

    def settle(self) -> None:
        """Wait until nobody writes to the staging any more: workers outlive a killed driver by a second or two."""
        before, deadline = None, time.monotonic() + _SETTLED_S * 20
        while (now := self._staged_files()) and now != before and time.monotonic() < deadline:
            before = now
            time.sleep(_SETTLED_S)

    def _staged_files(self) -> list[str]:
        fs, inner = fsspec.core.url_to_fs(self.out)
        found = (name for folder in ("_staging", "_checkpoint") for name in fs.find(f"{inner}/{folder}"))
        return sorted(found)


def _fields(summary: Summary) -> dict[str, Any]:
    return {k: v for k, v in asdict(summary).items() if k != "already_done"}


def _difference(found: Mapping[str, Any], wanted: Mapping[str, Any]) -> str:
    """Which part of another run's identity differs, in words."""
    names = {"model_id": "model (or index, or threshold)", "taxonomy_id": "taxonomy", "papers": "set of papers",
             "selection": "selection of papers"}  # fmt: skip
    differ = [names[k] for k in names if found.get(k) != wanted.get(k)]
    return f"the results of a run with another {' and another '.join(differ)}" if differ else "another run's results"


def fingerprint(pieces: Sequence[Piece]) -> str:
    """The digest of the input files' names, sizes and times: the same input gives the same run."""
    paths = dict.fromkeys(path for piece in pieces for path in piece.paths)
    return digest(f"{path}\t{state_of(path)}\n".encode() for path in paths)


def state_of(path: str) -> str:
    """What changes when a file does: its size, and its time or tag."""
    fs, inner = fsspec.core.url_to_fs(path)
    info = fs.info(inner)
    return str((info.get("size"), info.get("mtime") or info.get("LastModified") or info.get("etag")))
