"""A night on one screen.

    lease -> corpus (what is new is read) -> todo -> staging (Ray; resumed after a kill) -> commit -> record

What is staged is kept until all tables are committed, and every commit is a merge by key: a night that is killed
anywhere is begun again and ends with the same tables. Readers see it when its record is there (`Store.snapshot`).
"""

from __future__ import annotations

import errno
import os
import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from tdm_ray.config import RayConfig, ScoreConfig
from tdm_ray.errors import BusyError, TdmRayError
from tdm_ray.model.scorer import Knowledge
from tdm_ray.nightly.boards import News, refresh_leaderboards
from tdm_ray.nightly.commit import Commit
from tdm_ray.nightly.log import Log
from tdm_ray.nightly.staging import Staging, space_of
from tdm_ray.nightly.summary import Night, write_summary
from tdm_ray.nightly.todo import Corpus, Todo, find_todo, paper_keys, without
from tdm_ray.papers.pieces import find_pieces
from tdm_ray.records import REJECTS
from tdm_ray.storage import exists, join, read_table
from tdm_ray.store.lease import Lease, lease
from tdm_ray.store.schemas import RUNS
from tdm_ray.store.tables import TABLES, Store

_ATTEMPTS, _WAIT_S = 4, 15.0  # a store that is away for half a minute, a node that is lost: the next attempt goes on


def run_night(
    papers: str | Sequence[str], store: str, config: ScoreConfig | None = None, ray_config: RayConfig | None = None,
    *, log: Log | None = None,
) -> Night:  # fmt: skip
    """Bring the tables of `store` up to date with `papers`: files, folders, globs, or an ingested folder.

    Other inputs than a papers table are read into `store/corpus` first. Called twice it does nothing the second time
    and loads no model. Raises `BusyError` where another night is at work, and what `score_corpus` raises.
    """
    patience()
    found = _Night(Store(store), log or Log(new_run_id()), config or ScoreConfig(), ray_config or RayConfig())
    with lease(store, found.log.run_id) as held:
        try:
            return found.run([papers] if isinstance(papers, str) else papers, held)
        except BusyError:
            raise
        except Exception as error:
            found.log("failed", error=f"{type(error).__name__}: {error}")
            found.record_failure(error)
            if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
                raise TdmRayError(
                    f"{store}: no space left ({space_of(store)}); make some, and run the same again"
                ) from None
            raise


@dataclass
class _Night:
    store: Store
    log: Log
    config: ScoreConfig
    ray_config: RayConfig
    started: datetime = field(default_factory=lambda: datetime.now(UTC))
    clock: float = field(default_factory=time.monotonic)

    def run(self, papers: Sequence[str], held: Lease) -> Night:
        knowledge = Knowledge.of(self.config)
        self.log("started", model_id=knowledge.model_id, taxonomy_id=knowledge.taxonomy.taxonomy_id)
        if back := self.store.roll_back():
            self.log("rolled back", tables=", ".join(back))
        corpus, unread = self.corpus(papers)
        todo = find_todo(self.store, corpus, knowledge)
        if todo.nothing and not self._other_rejects(unread):
            return self.record(todo, unread, News(), "nothing new")
        staging = Staging(join(self.store.root, "_staging"), todo.generation)
        for kind in todo.kinds:
            self.stage(todo, staging, kind)
        news = self.commit(todo, staging, unread, held)
        night = self.record(todo, unread, news, "done")
        staging.clear()
        return night

    def corpus(self, papers: Sequence[str]) -> tuple[Corpus, pa.Table]:
        """The papers table, brought up to date where the input is none, and what could not be read."""
        folders = list(papers)
        if any(piece.kind != "papers_table" for piece in find_pieces(papers)):
            from tdm_ray.scoring.pipeline import ingest_corpus

            folders = [join(self.store.root, "corpus")]
            self.log("read", summary=str(ingest_corpus(papers, folders[0], ray_config=self.ray_config)))
        unread = [read_table(join(f, "rejects"), REJECTS) for f in folders if exists(join(f, "ingest.json"))]
        corpus, twice = Corpus.of(find_pieces(folders))
        return corpus, pa.concat_tables([twice, *unread])

    def stage(self, todo: Todo, staging: Staging, kind: str) -> None:
        """Make the outcomes that are not staged yet, in as many attempts as it takes while each gets further."""
        wanted, only = todo.kinds[kind]
        attempts, left = 0, len(wanted)
        while True:
            missing = without(wanted, todo.corpus, staging.keys(kind))
            count = pc.sum(missing).as_py() or 0
            if not count:
                return
            attempts = attempts + 1 if count == left else 1
            left = count
            if attempts > _ATTEMPTS:
                raise TdmRayError(f"{count:,} papers did not come out in {_ATTEMPTS} attempts; see the workers' logs")
            self.log("scoring", papers=count, kind=kind.partition("-")[0], attempt=attempts)
            self._score(todo.corpus.of_rows(missing), staging, kind, only, last=attempts == _ATTEMPTS)

    def _score(self, pieces: Any, staging: Staging, kind: str, only: Any, *, last: bool) -> None:
        from tdm_ray.scoring.pipeline import stage_outcomes

        try:
            folder = staging.attempt(kind)
            stage_outcomes(
                pieces, folder, self.config, self.ray_config, tries=staging.tries, only=only, tell=self.log.line
            )
        except TdmRayError:
            raise
        except Exception as error:
            if last or _full(error):
                raise
            self.log("attempt failed", error=f"{type(error).__name__}: {str(error)[-500:]}")
            time.sleep(_WAIT_S)

    def commit(self, todo: Todo, staging: Staging, unread: pa.Table, held: Lease) -> News:
        """Staged outcomes into the tables, one after the other."""
        commit = Commit(self.store, todo, staging, self.log.run_id)
        for name, step in (
            ("predictions", commit.predictions), ("scored", commit.scored),
            ("rejects", lambda: commit.rejects(unread)), ("taxonomy", commit.taxonomy),
            ("versions", commit.touch_versions),
        ):  # fmt: skip
            held.check()
            self.log("commit", table=name)
            step()
        held.check()
        self.log("commit", table="leaderboards", labels=len(commit.touched))
        news = refresh_leaderboards(self.store, commit.touched, self.log.run_id, anew=todo.anew)
        for name in (*TABLES, "runs"):
            self.store.tidy(name)
        held.check()
        return news

    def record(self, todo: Todo, unread: pa.Table, news: News, outcome: str) -> Night:
        """The run's row, by which readers find the new versions, and its summary for people."""
        last = self.store.last()
        keys = paper_keys(todo.corpus.papers)
        scored = paper_keys(self.store.read("scored", ["paper_id", "content_hash"])).combine_chunks()
        rejects = self.store.read("rejects", ["paper_id", "content_hash", "reason"])
        here = pc.is_in(paper_keys(rejects), value_set=keys.combine_chunks())  # those of papers that are gone stay too
        rejects = rejects.filter(pc.or_(here, pc.is_null(rejects["content_hash"])))
        before = self.store.read("scored", ["paper_id"], version=last["versions"]["scored"]) if last else None
        ids = todo.corpus.papers.filter(todo.whole)["paper_id"]
        changed = pc.sum(pc.is_in(ids, value_set=before["paper_id"].combine_chunks())).as_py() if before else 0
        reasons = {v["values"]: v["counts"] for v in rejects["reason"].value_counts().to_pylist()}
        row = {
            "run_id": self.log.run_id, "started_at": self.started, "seconds": round(time.monotonic() - self.clock, 1),
            "outcome": outcome, "model_id": todo.model_id, "taxonomy_id": todo.taxonomy.taxonomy_id,
            "papers": len(keys) + len(unread), "rejected": reasons,
            "scored": pc.sum(pc.is_in(keys, value_set=scored)).as_py() or 0,
            "new_papers": len(ids) - (changed or 0), "changed_papers": changed or 0,
            "asked_again": pc.sum(todo.again).as_py() or 0, "predictions": self.store.scan("predictions").count_rows(),
            "new_entries": news.entries, "new_best": news.best_count,
            "versions": self.store.versions(),
        }  # fmt: skip
        night = Night(row, news.best)
        write_summary(night, join(self.store.root, "nights"))
        self._add(row)
        self.log(outcome, **{k: v for k, v in row.items() if k not in ("started_at", "outcome", "run_id", "versions")})
        return night

    def record_failure(self, error: Exception) -> None:
        """A row for the history; readers pass over it."""
        row = {
            "run_id": self.log.run_id, "started_at": self.started, "seconds": round(time.monotonic() - self.clock, 1),
            "outcome": "failed", "error": f"{type(error).__name__}: {error}"[:2000],
        }  # fmt: skip
        try:
            self._add(row)
        except Exception as second:  # noqa: BLE001 - the first error is the one to tell
            self.log("not recorded", error=f"{type(second).__name__}: {second}")

    def _add(self, row: dict[str, Any]) -> None:
        listed = {k: list(v.items()) if isinstance(v, dict) else v for k, v in row.items()}
        self.store.append("runs", pa.Table.from_pylist([listed], schema=RUNS))

    def _other_rejects(self, unread: pa.Table) -> bool:
        held = self.store.read("rejects", REJECTS.names, pc.is_null(pc.field("content_hash")))
        return bool(set(held["location"].to_pylist()) != set(unread["location"].to_pylist()))


def _full(error: Exception) -> bool:
    return "No space left" in str(error)


def new_run_id() -> str:
    """A name for a run, by its time."""
    return f"{datetime.now(UTC):%Y%m%d-%H%M%S}-{uuid.uuid4().hex[:4]}"


def patience() -> None:
    """Let clients of object storage try again for a minute or so; to be called before the first of them is made."""
    os.environ.setdefault("AWS_RETRY_MODE", "standard")
    os.environ.setdefault("AWS_MAX_ATTEMPTS", "10")
