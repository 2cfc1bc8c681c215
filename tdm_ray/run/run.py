"""A run on one screen: `score_corpus` fills a store, `run_night` brings it up to date.

    check -> lease -> corpus (what is new is read) -> todo -> staging (an engine; resumed after a kill)
          -> commit (table by table) -> record

What is staged is kept until all tables are committed. A run that is killed anywhere is begun again: what it
had committed is taken back, what it had staged is not made again, and it ends with the same tables. Readers
see it when its record is there (`Store.snapshot`)."""

from __future__ import annotations

import os
import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from tdm_ray.classify.resources import Resources
from tdm_ray.config import RayConfig, ScoreConfig
from tdm_ray.errors import BusyError, OutputError, TdmRayError
from tdm_ray.extract.matcher import check_matcher
from tdm_ray.gold.marks import differing, find_marks
from tdm_ray.leaderboard.apply_marks import changed_labels, read_marks
from tdm_ray.papers.splits import InputSplit, find_splits, fingerprint
from tdm_ray.records import MARKS, REJECTS, TDM
from tdm_ray.run.boards import News, refresh_leaderboards
from tdm_ray.run.commit import Commit
from tdm_ray.run.corpus import Corpus
from tdm_ray.run.engine import choose_engine
from tdm_ray.run.ingest import RECORD, ingest_corpus
from tdm_ray.run.log import Log
from tdm_ray.run.precision import choose_precision
from tdm_ray.run.proposals import NewProposals, refresh_proposals
from tdm_ray.run.record import counts
from tdm_ray.run.retry import Stager, is_full, with_retries
from tdm_ray.run.summary import RunSummary, write_summary
from tdm_ray.run.todo import Todo, find_todo
from tdm_ray.storage import exists, join, list_files, read_table
from tdm_ray.store.lease import Lease, lease
from tdm_ray.store.schemas import FORMS
from tdm_ray.store.staging import Staging, free_space
from tdm_ray.store.tables import TABLES, Store
from tdm_ray.taxonomy.added import FILE as LABELS_FILE
from tdm_ray.taxonomy.groups import FILE as GROUPS_FILE
from tdm_ray.taxonomy.groups import boards_of, groups_of_store
from tdm_ray.taxonomy.labels import Taxonomy


def score_corpus(
    papers: str | Sequence[str],
    out: str,
    config: ScoreConfig | None = None,
    ray_config: RayConfig | None = None,
    *,
    engine: str = "auto",
    log: Log | None = None,
) -> RunSummary:
    """Score every paper of `papers` (files, folders, globs) against a taxonomy, into the store `out`.

    Run twice, pay once: a finished run is only reported, an interrupted one goes on. Raises `InputError`,
    `TaxonomyError`, `CheckpointError` before any work starts, `OutputError` where `out` holds another run's
    results: `run_night` adds to a store."""
    run = _Run.of(papers, out, config, ray_config, engine, log)
    last = run.store.last()
    if last and (other := run.difference(last)):
        raise OutputError(
            f"{out}: holds a run with another {' and another '.join(other)}; "
            f"`tdm-ray nightly PAPERS --store {out}` "
            "brings it up to date, or choose another --out"
        )
    return RunSummary(last, already_done=True) if last and not run.marks_changed(last) else run.under_lease()


def run_night(
    papers: str | Sequence[str],
    store: str,
    config: ScoreConfig | None = None,
    ray_config: RayConfig | None = None,
    *,
    engine: str = "auto",
    log: Log | None = None,
) -> RunSummary:
    """Bring the tables of `store` up to date with `papers`: files, folders, globs, or an ingested folder.

    Other inputs than a papers table are read into `store/corpus` first. Called twice it does nothing the
    second time and loads no model. Raises `BusyError` where another run is at work, `OutputError` where
    `store` holds other files, and for bad arguments what `score_corpus` raises."""
    return _Run.of(papers, store, config, ray_config, engine, log).under_lease()


@dataclass
class _Run:
    store: Store
    splits: Sequence[InputSplit]
    papers: Sequence[str]
    resources: Resources
    ray_config: RayConfig
    engine: str
    log: Log
    started: datetime = field(default_factory=lambda: datetime.now(UTC))
    clock: float = field(default_factory=time.monotonic)

    @classmethod
    def of(
        cls,
        papers: str | Sequence[str],
        root: str,
        config: ScoreConfig | None,
        ray_config: RayConfig | None,
        engine: str,
        log: Log | None,
    ) -> _Run:
        """The run, all its arguments checked; nothing is written yet."""
        set_client_retries()
        paths = [papers] if isinstance(papers, str) else list(papers)
        splits = find_splits(paths)
        choose_engine(engine, splits, ray_config)
        store = Store(root)
        _check_folder(root)
        config = config or ScoreConfig()
        if exists(added := join(root, LABELS_FILE)):
            config = replace(config, added_labels=added)
        resources = Resources.of(config)
        check_matcher(resources.config.matcher_folder)
        log = log or Log(new_run_id())
        if broken := resources.taxonomy.broken:
            log("taxonomy", lines_passed_over=len(broken), first=broken[0])
        last = store.last()
        precision, reason = choose_precision(resources, last["model_id"] if last else None)
        if reason:
            log("precision", chosen=precision, reason=reason)
        return cls(
            store, splits, paths, resources.with_precision(precision), ray_config or RayConfig(), engine, log
        )

    def difference(self, last: dict[str, Any]) -> list[str]:
        """Which parts of the last run's identity differ from this one's, in words."""
        identity = {
            "model (or index, matcher, threshold)": (last["model_id"], self.resources.model_id),
            "taxonomy": (last["taxonomy_id"], self.resources.taxonomy.taxonomy_id),
            "set of papers": (last["inputs"], fingerprint(self.splits)),
        }
        return [name for name, (old, new) in identity.items() if old != new]

    def marks_changed(self, last: dict[str, Any]) -> bool:
        """Whether readers have marked predictions since the last run."""
        version = last["versions"].get("marks")
        before = MARKS.empty_table() if version is None else self.store.read("marks", version=version)
        return bool(changed_labels(before, read_marks(self.store.root)))

    def under_lease(self) -> RunSummary:
        """Run while holding the store's lease; an error is recorded for the history."""
        with lease(self.store.root, self.log.run_id) as held:
            try:
                return self.run(held)
            except BusyError:
                raise
            except Exception as error:
                self.record_failure(error)
                if is_full(error):
                    space = free_space(self.store.root)
                    cure = "make some, and run the same again"
                    raise TdmRayError(f"{self.store.root}: no space left ({space}); {cure}") from None
                raise

    def run(self, held: Lease) -> RunSummary:
        """The steps of the run, one after the other."""
        taxonomy = self.resources.taxonomy
        self.log(
            "started",
            model_id=self.resources.model_id,
            labels=len(taxonomy),
            taxonomy_id=taxonomy.taxonomy_id,
        )
        if back := self.store.roll_back():
            self.log("rolled back", tables=", ".join(back))
        marks = self.marks(taxonomy)
        boards = boards_of(
            taxonomy, groups_of_store(self.store.root)
        )  # as early as marks, for the same reason
        corpus, unread = self.corpus()
        todo = find_todo(self.store, corpus, self.resources, marks, boards)
        if todo.nothing and not self._other_rejects(unread):
            return self.record(
                "nothing new", todo, unread, News(), NewProposals(), self.store.versions(), held
            )
        staging = Staging(join(self.store.root, "_staging"), todo.generation)
        stager = Stager(todo, staging, self.resources, self.engine, self.ray_config, self.log)
        without_outcome = [stager.stage(kind) for kind in todo.kinds]
        commit = Commit(
            self.store, todo, staging, self.log.run_id, _unreadable_papers(todo, without_outcome[0])
        )
        news, proposals = self.commit(commit, unread, held)
        summary = self.record("done", todo, unread, news, proposals, commit.versions, held)
        staging.clear()
        return summary

    def marks(self, taxonomy: Taxonomy) -> pa.Table:
        """What readers say of predictions; read first, so that mistakes show before hours of work."""
        marks = read_marks(self.store.root)
        for line in differing(find_marks(self.store.root)):
            self.log("marks differ", detail=line)
        tdms = {str(TDM(row["task"], row["dataset"], row["metric"])) for row in marks.to_pylist()}
        if unknown := sorted(tdms - {str(label.tdm) for label in taxonomy.labels}):
            self.log(
                "marks without effect", labels_not_in_the_taxonomy=", ".join(unknown[:5]), count=len(unknown)
            )
        return marks

    def corpus(self) -> tuple[Corpus, pa.Table]:
        """The papers of the run, read into `store/corpus` where the input is no papers table; and the rejects
        of reading."""
        folders = list(self.papers)
        if any(split.kind != "papers_table" for split in self.splits):
            folders = [join(self.store.root, "corpus")]
            summary = ingest_corpus(
                self.papers, folders[0], ray_config=self.ray_config, engine=self.engine, tell=self.log.line
            )
            self.log("read", summary=str(summary))
        unread = [read_table(join(f, "rejects"), REJECTS) for f in folders if exists(join(f, RECORD))]
        corpus, duplicates = Corpus.of(find_splits(folders))
        return corpus, pa.concat_tables([duplicates, *unread])

    def commit(self, commit: Commit, unread: pa.Table, held: Lease) -> tuple[News, NewProposals]:
        """Write the staged outcomes to the tables, one by one; `commit.versions` then holds all versions."""
        commit.versions.update(self.store.versions())
        made: dict[str, Any] = {}
        for name, step in (
            ("predictions", commit.predictions),
            ("scored", commit.scored),
            ("results", commit.results),
            ("rejects", lambda: commit.rejects(unread)),
            ("taxonomy", commit.taxonomy),
            ("marks", commit.marks),
            ("versions", commit.touch_versions),
            ("leaderboards", lambda: self._leaderboards(commit)),
            ("proposals", lambda: self._proposals(commit)),
        ):
            held.check()
            self.log("commit", table=name)
            made[name] = with_retries(step, self.log)
        self._compact(commit, held)
        return made["leaderboards"], made["proposals"]

    def _compact(self, commit: Commit, held: Lease) -> None:
        """Put small files of many runs together; a store of one run is left as it was written."""
        if commit.todo.last is None:
            return
        for name in TABLES:
            held.check()
            if (version := self.store.compact(name)) is not None:
                commit.versions[name] = version
        self.store.compact("runs")

    def _leaderboards(self, commit: Commit) -> News:
        todo = commit.todo
        visible_version = todo.last["versions"].get("leaderboards") if todo.last else None
        news, version = refresh_leaderboards(
            self.store,
            commit.touched,
            self.log.run_id,
            marks=todo.marks,
            held=visible_version,
            anew=todo.anew,
        )
        if version is not None:
            commit.versions["leaderboards"] = version
        return news

    def _proposals(self, commit: Commit) -> NewProposals:
        proposals, version = refresh_proposals(self.store, commit.todo, commit.names, self.log.run_id)
        if version is not None:
            commit.versions["proposals"] = version
        return proposals

    def record(
        self,
        outcome: str,
        todo: Todo,
        unread: pa.Table,
        news: News,
        proposals: NewProposals,
        versions: dict[str, int],
        held: Lease,
    ) -> RunSummary:
        """The run's row, by which readers find the new versions, and its summary for people."""
        row = {
            **self._row(outcome),
            "model_id": todo.model_id,
            "taxonomy_id": todo.taxonomy.taxonomy_id,
            "inputs": fingerprint(self.splits),
            **counts(self.store, todo, unread, news, versions),
            "new_proposals": proposals.new,
            "versions": versions,
        }
        summary = RunSummary(row, news.best, proposals.largest)
        write_summary(summary, join(self.store.root, "nights"))
        held.check()
        self.store.add_run(row)
        hidden = ("started_at", "outcome", "run_id", "versions", "inputs")
        self.log(row["outcome"], **{name: value for name, value in row.items() if name not in hidden})
        return summary

    def record_failure(self, error: Exception) -> None:
        """Add a row for the failed run to the history; readers of results skip it."""
        text = f"{type(error).__name__}: {error}"[:2000]
        self.log("failed", error=text)
        try:
            self.store.add_run({**self._row("failed"), "error": text})
        except Exception as second:  # noqa: BLE001 - the first error is the one to tell
            self.log("not recorded", error=f"{type(second).__name__}: {second}")

    def _row(self, outcome: str) -> dict[str, Any]:
        seconds = round(time.monotonic() - self.clock, 3)
        return {"run_id": self.log.run_id, "started_at": self.started, "seconds": seconds, "outcome": outcome}

    def _other_rejects(self, unread: pa.Table) -> bool:
        """Whether the files and rows that cannot be read, or the reasons, differ from the last run's."""
        shown = ["location", "reason"]
        before = self.store.read("rejects", shown, pc.is_null(pc.field("content_hash")))
        one, other = ({tuple(row.values()) for row in t.select(shown).to_pylist()} for t in (before, unread))
        return one != other


def _check_folder(root: str) -> None:
    """Raises `OutputError` where the folder holds other things than a store."""
    if not exists(root) or exists(join(root, "lease")):
        return
    known = ("marks.csv", "marks.json", GROUPS_FILE, LABELS_FILE)
    files = [path for path in list_files(root) if "/reviews/" not in path and not path.endswith(known)]
    if files:
        raise OutputError(
            f"{root}: not empty, and not a store of tdm-ray ({files[0]}); choose another folder"
        )


def _unreadable_papers(todo: Todo, without_outcome: pa.ChunkedArray) -> pa.Table:
    """Papers without an outcome, as rejects: their row in the papers table is damaged."""
    now = datetime.now(UTC)
    rows = [
        {
            "paper_id": row["paper_id"],
            "content_hash": row["content_hash"],
            "location": todo.corpus.location(row),
            "reason": "unreadable",
            "detail": "its row could not be read, or its content_hash is not that of its text",
            "model_id": todo.model_id,
            "taxonomy_id": todo.taxonomy.taxonomy_id,
            "seen_at": now,
        }
        for row in todo.corpus.papers.filter(without_outcome).to_pylist()
    ]
    return pa.Table.from_pylist(rows, schema=FORMS["rejects"].schema)


def new_run_id() -> str:
    """A name for a run, by its time."""
    return f"{datetime.now(UTC):%Y%m%d-%H%M%S}-{uuid.uuid4().hex[:4]}"


def set_client_retries() -> None:
    """Let clients of object storage try again for a minute or so; to be called before the first of them is
    made."""
    os.environ.setdefault("AWS_RETRY_MODE", "standard")
    os.environ.setdefault("AWS_MAX_ATTEMPTS", "10")
