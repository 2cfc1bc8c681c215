"""Count what a run came to, from the tables themselves, for its row in `runs`."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from tdm_ray.errors import TdmRayError
from tdm_ray.keys import PAPER_COLUMNS, paper_keys
from tdm_ray.run.boards import News
from tdm_ray.run.todo import Todo
from tdm_ray.store.tables import Store


def counts(
    store: Store, todo: Todo, unread: pa.Table, news: News, versions: dict[str, int]
) -> dict[str, Any]:
    """The counts in a row of `runs`. Raises `TdmRayError` where the papers are not those scored plus those
    rejected; then nothing of the run is published."""
    keys = todo.corpus.keys.combine_chunks()
    scored = store.read("scored", PAPER_COLUMNS, version=versions["scored"])
    rejects = store.read("rejects", [*PAPER_COLUMNS, "reason"], version=versions["rejects"])
    in_corpus = pc.is_in(
        paper_keys(rejects), value_set=keys
    )  # those of papers that have left the corpus stay too
    rejects = rejects.filter(pc.or_(in_corpus, pc.is_null(rejects["content_hash"])))
    reasons = {v["values"]: v["counts"] for v in rejects["reason"].value_counts().to_pylist()}
    known = pc.sum(pc.is_in(keys, value_set=paper_keys(scored).combine_chunks())).as_py() or 0
    papers = len(keys) + len(unread)
    if papers != known + sum(reasons.values()):
        raise TdmRayError(
            f"papers in {papers:,} are not scored {known:,} + rejected {reasons}; nothing was published"
        )
    return {
        "papers": papers,
        "scored": known,
        "rejected": reasons,
        **_new(store, todo),
        "asked_again": pc.sum(todo.for_added_labels).as_py() or 0,
        "predictions": store.scan("predictions", versions["predictions"]).count_rows(),
        "new_entries": news.entries,
        "new_best": news.best_count,
    }


def _new(store: Store, todo: Todo) -> dict[str, int]:
    """How many papers the last run did not have, and how many have changed since."""
    last = todo.last
    wanted = todo.corpus.papers.filter(todo.whole)
    if last is None:
        return {"new_papers": len(wanted), "changed_papers": 0}
    versions = last["versions"]
    before = pa.concat_tables(
        store.read(name, PAPER_COLUMNS, version=versions[name]) for name in ("scored", "rejects")
    )
    there = pc.is_in(wanted["paper_id"], value_set=before["paper_id"].combine_chunks())
    same = pc.is_in(paper_keys(wanted), value_set=paper_keys(before).combine_chunks())
    changed = pc.sum(pc.and_(there, pc.invert(same))).as_py() or 0
    return {"new_papers": len(wanted) - (pc.sum(there).as_py() or 0), "changed_papers": changed}
