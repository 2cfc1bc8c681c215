"""An output folder and the run it holds: what the run is, where its parts lie, what it came to."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import fsspec
import pyarrow.fs as pafs
from ray.data.checkpoint import CheckpointConfig

from tdm_ray.errors import OutputError
from tdm_ray.papers.read import Piece
from tdm_ray.storage import digest, exists, join, list_files, make_folder, read_json, remove_folder, write_json

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

    @property
    def papers_per_second(self) -> float:
        """Throughput, start-up included."""
        return self.papers / self.seconds if self.seconds else 0.0

    def __str__(self) -> str:
        rejects = ", ".join(f"{n} {reason}" for reason, n in sorted(self.rejected.items())) or "none"
        lost = sum(self.rejected.values())
        done = "already done; " if self.already_done else ""
        return (
            f"{done}papers in {self.papers:,} = scored {self.scored:,} + rejected {lost:,} "
            f"({rejects}); predictions {self.predictions:,}; "
            f"{self.seconds:.0f} s, {self.papers_per_second:.1f} papers/s"
        )


@dataclass(frozen=True)
class Run:
    """One run in its output folder. The record (`run.json`) is written when all tables are there."""

    out: str
    identity: Mapping[str, Any]
    finished: Summary | None = None
    started: float = field(default_factory=time.monotonic)

    @classmethod
    def open(cls, out: str, identity: Mapping[str, Any]) -> Run:
        """The run of this identity in `out`: new, to be resumed, or finished.

        Raises `OutputError` where `out` holds something else.
        """
        record = join(out, _RECORD[identity["kind"]])
        if exists(record):
            found = read_json(record)
            if found["identity"] != dict(identity):
                held = _difference(found["identity"], identity)
                raise OutputError(f"{out}: holds {held}; choose another --out, or delete it")
            summary = found.get("summary")
            return cls(out, identity, Summary(**summary, already_done=True) if summary else None)
        if exists(out) and list_files(out):
            raise OutputError(
                f"{out}: not empty, and not an output of tdm-ray {identity['kind']}; choose another --out"
            )
        make_folder(out)
        write_json(record, {"identity": dict(identity)})
        return cls(out, identity)

    @property
    def staging(self) -> str:
        """Rows as they are made."""
        return join(self.out, "_staging")

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
        record = {"identity": dict(self.identity), "summary": _fields(summary)}
        write_json(join(self.out, _RECORD[self.identity["kind"]]), record)
        for folder in (self.staging, join(self.out, "_checkpoint")):
            remove_folder(folder)
        return summary

    def say(self, text: str) -> None:
        """A line for the person who watches."""
        print(f"tdm-ray: {text}", file=sys.stderr, flush=True)


def _fields(summary: Summary) -> dict[str, Any]:
    return {k: v for k, v in asdict(summary).items() if k != "already_done"}


def _difference(found: Mapping[str, Any], wanted: Mapping[str, Any]) -> str:
    """Which part of another run's identity differs, in words."""
    names = {"model_id": "model (or index, or threshold)", "taxonomy_id": "taxonomy", "papers": "set of papers"}
    differ = [names[k] for k in names if found.get(k) != wanted.get(k)]
    return f"the results of a run with another {' and another '.join(differ)}" if differ else "another run's results"


def fingerprint(pieces: Sequence[Piece]) -> str:
    """The digest of the input files' names, sizes and times: the same input gives the same run."""
    paths = dict.fromkeys(path for piece in pieces for path in piece.paths)
    return digest(f"{path}\t{_state(path)}\n".encode() for path in paths)


def _state(path: str) -> str:
    fs, inner = fsspec.core.url_to_fs(path)
    info = fs.info(inner)
    return str((info.get("size"), info.get("mtime") or info.get("LastModified") or info.get("etag")))
