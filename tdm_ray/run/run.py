"""A night on one screen.

    lease -> corpus (what is new is read) -> todo -> staging (Ray; resumed after a kill) -> commit -> record

What is staged is kept until all tables are committed. A night that is killed anywhere is begun again: what it had
committed is taken back, what it had staged is not made again, and it ends with the same tables. Readers see it when
its record is there (`Store.snapshot`).
"""

from __future__ import annotations

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
from tdm_ray.errors import BusyError, OutputError, TdmRayError
from tdm_ray.leaderboard.review import read_marks
from tdm_ray.classify.scorer import Knowledge
from tdm_ray.run.retry import Stager, is_full, patiently
from tdm_ray.run.boards import News, refresh_leaderboards
from tdm_ray.run.commit import Commit
from tdm_ray.run.log import Log
from tdm_ray.run.record import counts
from tdm_ray.store.staging import Staging, space_of
from tdm_ray.run.summary import Night, write_summary
from tdm_ray.run.todo import Corpus, Todo, find_todo
from tdm_ray.papers.pieces import find_pieces
from tdm_ray.records import REJECTS, TDM
from tdm_ray.storage import exists, join, read_table
from tdm_ray.store.lease import Lease, lease
from tdm_ray.store.schemas import FORMS
from tdm_ray.store.tables import TABLES, Store
from tdm_ray.taxonomy.labels import Taxonomy
from tdm_ray.gold.marks import differing, find_marks


def run_night(
    papers: str | Sequence[str], store: str, config: ScoreConfig | None = None, ray_config: RayConfig | None = None,
    *, log: Log | None = None,
) -> Night:  # fmt: skip
    """Bring the tables of `store` up to date with `papers`: files, folders, globs, or an ingested folder.

    Other inputs than a papers table are read into `store/corpus` first. Called twice it does nothing the second time
    and loads no model. Raises `BusyError` where another night is at work, `OutputError` where `store` is a folder of
    `score` or `ingest`, and what `score_corpus` raises.
    """
    if any(exists(join(store, name)) for name in ("run.json", "ingest.json")):
        raise OutputError(f"{store}: holds what `score` or `ingest` wrote; choose another --store")
    patience()
    found = _Night(Store(store), log or Log(new_run_id()), config or ScoreConfig(), ray_config or RayConfig())
    with lease(store, found.log.run_id) as held:
        try:
            return found.run([papers] if isinstance(papers, str) else papers, held)
        except BusyError:
            raise
        except Exception as error:
            found.record_failure(error)
            if is_full(error):
                cure = "make some, and run the same again"
                raise TdmRayError(f"{store}: no space left ({space_of(store)}); {cure}") from None
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
        marks = self.marks(knowledge.taxonomy)
        corpus, unread = self.corpus(papers)
        todo = find_todo(self.store, corpus, knowledge, marks)
        if todo.nothing and not self._other_rejects(unread):
            return self.record("nothing new", todo, unread, News(), self.store.versions(), held)
        staging = Staging(join(self.store.root, "_staging"), todo.generation)
        stager = Stager(todo, staging, self.config, self.ray_config, self.log)
        lost = [stager.stage(kind) for kind in todo.kinds]
        commit = Commit(self.store, todo, staging, self.log.run_id, _lost(todo, lost[0]))
        news = self.commit(commit, unread, held)
        night = self.record("done", todo, unread, news, commit.versions, held)
        staging.clear()
        return night

    def marks(self, taxonomy: Taxonomy) -> pa.Table:
        """What readers say of predictions; read first, so that a mistake in it is told before hours of work."""
        marks = read_marks(self.store.root)
        for line in differing(find_marks(self.store.root)):
            self.log("marks differ", told=line)
        tdms = {str(TDM(row["task"], row["dataset"], row["metric"])) for row in marks.to_pylist()}
        if unknown := sorted(tdms - {str(label.tdm) for label in taxonomy.labels}):
            self.log("marks without effect", labels_not_in_the_taxonomy=", ".join(unknown[:5]), count=len(unknown))
        return marks

    def corpus(self, papers: Sequence[str]) -> tuple[Corpus, pa.Table]:
        """The papers table, brought up to date where the input is none, and what could not be read."""
        folders = list(papers)
        if any(piece.kind != "papers_table" for piece in find_pieces(papers)):
            from tdm_ray.run.ray_engine import ingest_corpus

            folders = [join(self.store.root, "corpus")]
            self.log("read", summary=str(ingest_corpus(papers, folders[0], ray_config=self.ray_config)))
        unread = [read_table(join(f, "rejects"), REJECTS) for f in folders if exists(join(f, "ingest.json"))]
        corpus, twice = Corpus.of(find_pieces(folders))
        return corpus, pa.concat_tables([twice, *unread])

    def commit(self, commit: Commit, unread: pa.Table, held: Lease) -> News:
        """Staged outcomes into the tables, one after the other; `commit.versions` then holds those of all."""
        commit.versions.update(self.store.versions())
        for name, step in (
            ("predictions", commit.predictions), ("scored", commit.scored),
            ("rejects", lambda: commit.rejects(unread)), ("taxonomy", commit.taxonomy), ("marks", commit.marks),
            ("versions", commit.touch_versions), ("leaderboards", lambda: self._leaderboards(commit)),
        ):  # fmt: skip
            held.check()
            self.log("commit", table=name)
            result = patiently(step, self.log)
        for name in TABLES:
            held.check()
            if (version := self.store.tidy(name)) is not None:
                commit.versions[name] = version
        self.store.tidy("runs")
        assert isinstance(result, News)
        return result

    def _leaderboards(self, commit: Commit) -> News:
        todo = commit.todo
        held = todo.last["versions"].get("leaderboards") if todo.last else None
        news, version = refresh_leaderboards(
            self.store, commit.touched, self.log.run_id, marks=todo.marks, held=held, anew=todo.anew
        )
        if version is not None:
            commit.versions["leaderboards"] = version
        return news

    def record(
        self, outcome: str, todo: Todo, unread: pa.Table, news: News, versions: dict[str, int], held: Lease
    ) -> Night:
        """The run's row, by which readers find the new versions, and its summary for people."""
        row = {
            **self._row(outcome),
            "model_id": todo.model_id, "taxonomy_id": todo.taxonomy.taxonomy_id,
            **counts(self.store, todo, unread, news, versions), "versions": versions,
        }  # fmt: skip
        night = Night(row, news.best)
        write_summary(night, join(self.store.root, "nights"))
        held.check()
        self.store.add_run(row)
        self.log(
            row["outcome"], **{k: v for k, v in row.items() if k not in ("started_at", "outcome", "run_id", "versions")}
        )
        return night

    def record_failure(self, error: Exception) -> None:
        """A row for the history; readers pass over it."""
        told = f"{type(error).__name__}: {error}"[:2000]
        self.log("failed", error=told)
        try:
            self.store.add_run({**self._row("failed"), "error": told})
        except Exception as second:  # noqa: BLE001 - the first error is the one to tell
            self.log("not recorded", error=f"{type(second).__name__}: {second}")

    def _row(self, outcome: str) -> dict[str, Any]:
        seconds = round(time.monotonic() - self.clock, 1)
        return {"run_id": self.log.run_id, "started_at": self.started, "seconds": seconds, "outcome": outcome}

    def _other_rejects(self, unread: pa.Table) -> bool:
        """Whether other files or rows cannot be read than when the last run was made, or for another reason."""
        shown = ["location", "reason"]
        held = self.store.read("rejects", shown, pc.is_null(pc.field("content_hash")))
        one, other = ({tuple(row.values()) for row in table.select(shown).to_pylist()} for table in (held, unread))
        return one != other


def _lost(todo: Todo, lost: pa.ChunkedArray) -> pa.Table:
    """Papers that no outcome came of, as rejects: their rows do not hold what their table's columns say."""
    form, now = FORMS["rejects"].schema, datetime.now(UTC)
    rows = [
        {"paper_id": row["paper_id"], "content_hash": row["content_hash"], "location": todo.corpus.location(row),
         "reason": "unreadable", "detail": "its row could not be read, or its content_hash is not that of its text",
         "model_id": todo.model_id, "taxonomy_id": todo.taxonomy.taxonomy_id, "seen_at": now}
        for row in todo.corpus.papers.filter(lost).to_pylist()
    ]  # fmt: skip
    return pa.Table.from_pylist(rows, schema=form)


def new_run_id() -> str:
    """A name for a run, by its time."""
    return f"{datetime.now(UTC):%Y%m%d-%H%M%S}-{uuid.uuid4().hex[:4]}"


def patience() -> None:
    """Let clients of object storage try again for a minute or so; to be called before the first of them is made."""
    os.environ.setdefault("AWS_RETRY_MODE", "standard")
    os.environ.setdefault("AWS_MAX_ATTEMPTS", "10")
