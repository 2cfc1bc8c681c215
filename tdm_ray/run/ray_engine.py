"""A corpus's way from shards to predictions, on one screen.

    pieces -> readings -> converted (TeX, CPU tasks) -> Prepare (CPU) -> Decide (model actors) -> staging -> commit

Staging is checkpointed by location (file and row): after a kill the same call goes on where it stopped, and every
paper is there once. The commit turns staging into the tables `predictions`, `scored` and `rejects`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from ray.data import ActorPoolStrategy, Dataset

from tdm_ray.run.cluster import connect, prepare_context
from tdm_ray.config import IngestConfig, RayConfig, ScoreConfig, Selection
from tdm_ray.classify.scorer import Knowledge
from tdm_ray.papers.metadata import Select, write_metadata
from tdm_ray.papers.pieces import Piece, count_papers, find_pieces
from tdm_ray.papers.read import converted_table
from tdm_ray.records import OUTCOMES, TDM
from tdm_ray.run.outcomes import commit_scores
from tdm_ray.run.papers_table import commit_papers, new_pieces, unread
from tdm_ray.run.layout import Layout, layout
from tdm_ray.progress import say, watch
from tdm_ray.scoring.run import Run, Summary, fingerprint, state_of
from tdm_ray.run.ray_source import read_corpus
from tdm_ray.run.stages import PREPARED, Decide, Prepare
from tdm_ray.run.guard import Worker
from tdm_ray.storage import digest, exists, finish_replacing, join, make_folder, write_table


def score_corpus(
    papers: str | Sequence[str], out: str, config: ScoreConfig | None = None, ray_config: RayConfig | None = None
) -> Summary:
    """Score every paper of `papers` (files, folders, globs) against a taxonomy; write the tables to the folder `out`.

    Run twice, pay once: a finished run is only reported, an interrupted one goes on. Raises `InputError`,
    `TaxonomyError`, `CheckpointError` before any work starts, `OutputError` where `out` holds another run's results.
    """
    config, ray_config = config or ScoreConfig(), ray_config or RayConfig()
    knowledge, pieces = Knowledge.of(config), find_pieces([papers] if isinstance(papers, str) else papers)
    identity = {
        "kind": "score",
        "model_id": knowledge.model_id,
        "taxonomy_id": knowledge.taxonomy.taxonomy_id,
        "papers": fingerprint(pieces),
    }
    run = Run.open(out, identity)
    if run.finished:
        return run.finished
    write_table(knowledge.taxonomy.table(), join(out, "taxonomy.parquet"))
    plan = start(ray_config, pieces)
    say(f"{len(knowledge.taxonomy)} labels, model {knowledge.model_id}; {plan}")
    with watch(run.staging, pieces):
        write_staging(scored(converted(read_corpus(pieces, hashed=True), plan), config, plan, tries=run.tries), run)
    return run.finish(commit_scores(run, model_id=knowledge.model_id, taxonomy_id=knowledge.taxonomy.taxonomy_id))


def scored(
    readings: Dataset, config: ScoreConfig, plan: Layout, *, tries: str, only: frozenset[TDM] | None = None
) -> Dataset:
    """The chain: readings in, one outcome a paper out.

    tries: where the actors note what they hold (see `worker`). only: the labels to ask about; None: all.
    """
    prepare, decide = partial(Prepare, config, only), partial(Decide, config, plan.threads)
    return readings.map_batches(
        Worker,
        fn_constructor_kwargs={"make": prepare, "name": "prepare", "schema": PREPARED, "tries": tries},
        batch_size=plan.papers_a_block,
        batch_format="pyarrow",
        compute=ActorPoolStrategy(size=plan.preparers),
        num_cpus=1,
    ).map_batches(
        Worker,
        fn_constructor_kwargs={"make": decide, "name": "decide", "schema": OUTCOMES, "tries": tries},
        batch_size=plan.papers_a_block,
        batch_format="pyarrow",
        compute=plan.pool,
        num_cpus=1,
        num_gpus=plan.gpus or None,
    )


def stage_outcomes(
    pieces: Sequence[Piece],
    folder: str,
    config: ScoreConfig,
    ray_config: RayConfig,
    *,
    tries: str,
    only: frozenset[TDM] | None = None,
    tell: Callable[[str], None] = say,
) -> None:
    """Score the papers of `pieces` and write their outcomes to `folder`, a file a block; no commit, no resume."""
    plan = start(ray_config, pieces, few=only is not None)
    tell(f"{plan}")
    with watch(folder, pieces, tell):
        readings = converted(read_corpus(pieces, hashed=True), plan)
        scored(readings, config, plan, tries=tries, only=only).write_parquet(folder)


def ingest_corpus(
    papers: str | Sequence[str], out: str, config: IngestConfig | None = None, ray_config: RayConfig | None = None
) -> Summary:
    """Read every paper of `papers` into the table `out/papers`, and what cannot be read into `out/rejects`.

    A folder grows: called again, only new and changed files are read, and their papers replace those of the same id.
    Raises `InputError` where nothing can be read, `OutputError` where `out` was made with another selection.
    """
    config = config or IngestConfig()
    found = find_pieces([papers] if isinstance(papers, str) else papers, manifest=config.manifest)
    finish_replacing(out)
    pieces, states = new_pieces(out, found)
    part = fingerprint(pieces) if pieces else ""
    run = Run.open(out, {"kind": "ingest", "selection": str(config.selection)}, part=part)
    if run.finished or not pieces:
        run.clear()
        return run.finished or Summary(0, 0, already_done=True)
    plan = start(ray_config or RayConfig(), pieces)
    select = _selection(run, config)
    with watch(run.staging, pieces):
        write_staging(converted(read_corpus(unread(run, pieces)), plan, select), run)
    return run.finish(commit_papers(run, states, config.shard_mb))


def converted(readings: Dataset, plan: Layout, select: Select | None = None) -> Dataset:
    """Readings whose TeX sources have become papers: by tasks, as many as there are cores."""
    blocks = readings.repartition(target_num_rows_per_block=plan.papers_a_block)
    if select is not None:
        blocks = blocks.map_batches(select, batch_size=None, batch_format="pyarrow", zero_copy_batch=True)
    return blocks.map_batches(converted_table, batch_size=None, batch_format="pyarrow", zero_copy_batch=True)


def _selection(run: Run, config: IngestConfig) -> Select | None:
    """What joins the metadata snapshot and leaves papers out; None where neither is asked for."""
    if config.metadata is None:
        return Select(config.selection) if config.selection != Selection() else None
    table = join(run.out, "_metadata", f"{digest([state_of(config.metadata).encode()])}.parquet")
    if not exists(table):
        say(f"metadata of {write_metadata(config.metadata, table):,} papers")
    return Select(config.selection, table)


def start(config: RayConfig, pieces: Sequence[Piece], *, few: bool = False) -> Layout:
    """A cluster, its settings, and the layout of the work there; `few`: see `layout`."""
    connect()
    prepare_context()
    return layout(config, count_papers(pieces), few=few)


def write_staging(rows: Dataset, run: Run) -> None:
    """Write rows as they are made; those of an interrupted run are kept and not made again."""
    make_folder(run.staging)
    run.settle()
    rows.context.checkpoint_config = run.checkpoint
    rows.write_parquet(run.staging)
