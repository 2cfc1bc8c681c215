"""Commands that turn papers into leaderboards (ingest, score, nightly, inspect, plan, demo, taxonomy)."""

from __future__ import annotations

import dataclasses
import json as json_module
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from tdm_ray.cli.options import (
    Actors,
    Block,
    Engine,
    IndexFolder,
    Json,
    LogJson,
    MatcherFolder,
    MaxLabels,
    MinCount,
    Model,
    Out,
    Papers,
    Precision,
    Strict,
    TaxonomyFile,
    Threshold,
    ray_config,
    score_config,
    show_facts,
)
from tdm_ray.config import AUTO, DEFAULT, EMBEDDED, IngestConfig, ScoreConfig, Selection

if TYPE_CHECKING:
    from tdm_ray.run.summary import RunSummary


def ingest(
    papers: Papers,
    out: Out,
    metadata: Annotated[
        str | None,
        typer.Option("--metadata", help="arXiv's metadata snapshot: dates, categories, titles, abstracts."),
    ] = None,
    manifest: Annotated[
        str | None,
        typer.Option("--manifest", help="arXiv's manifest of its tars (default: the one beside them)."),
    ] = None,
    categories: Annotated[
        list[str] | None,
        typer.Option("--categories", help="Only these, as patterns: `cs.*,stat.ML`; may be repeated."),
    ] = None,
    since: Annotated[
        str | None, typer.Option("--since", help="Only papers from this day on (2024-01-31).")
    ] = None,
    until: Annotated[str | None, typer.Option("--until", help="Only papers up to this day.")] = None,
    shard_mb: Annotated[int, typer.Option("--shard-mb", min=1, help="The size of an output file.")] = 256,
    strict: Strict = False,
    papers_a_block: Block = None,
    engine: Engine = AUTO,
    json: Json = False,
) -> None:
    """Read papers into a papers table, and what cannot be read into a rejects table.

    Called again, it reads what is new or has changed; interrupted, it goes on where it stopped.

    Example: `tdm-ray ingest 'tei/*.xml' notes.md corpus.jsonl.gz --out corpus`

    Example: `tdm-ray ingest s3://arxiv/src --metadata snapshot.json --categories cs.*,stat.ML --out corpus`
    """
    from tdm_ray.run.ingest import ingest_corpus

    layout = ray_config(locals())
    wanted = tuple(name for given in categories or () for name in given.replace(",", " ").split())
    selection = Selection(categories=wanted, since=since, until=until)
    config = IngestConfig(
        metadata=metadata, manifest=manifest, selection=selection, shard_mb=shard_mb, strict=strict
    )
    summary = ingest_corpus(papers, out, config, layout, engine=engine)
    show_facts(dataclasses.asdict(summary)) if json else typer.echo(str(summary))


def score(
    papers: Papers,
    out: Annotated[
        str, typer.Option("--out", help="The store to make: a folder or URL.", show_default=False)
    ],
    taxonomy: TaxonomyFile = DEFAULT,
    min_count: MinCount = 0,
    index: IndexFolder = AUTO,
    model: Model = EMBEDDED,
    matcher: MatcherFolder = None,
    max_labels: MaxLabels = 32,
    threshold: Threshold = None,
    precision: Precision = AUTO,
    actors: Actors = None,
    papers_a_block: Block = None,
    engine: Engine = AUTO,
    log_json: LogJson = False,
    json: Json = False,
) -> None:
    """Decide for every paper which TDMs it reports, find the scores, rank: one run, into a new store.

    Interrupted, the same command goes on where it stopped; finished, it only reports. `nightly` adds to the
    store.

    Example: `tdm-ray score corpus --taxonomy TDM_taxonomy.tsv --min-count 5 --index my-index --out results`
    """
    from tdm_ray.run.log import Log
    from tdm_ray.run.run import new_run_id, score_corpus

    config = score_config(locals())
    layout = ray_config(locals())
    log = Log(new_run_id(), json=log_json)
    summary = score_corpus(papers, out, config, layout, engine=engine, log=log)
    show_run(summary) if json else typer.echo(str(summary))


def nightly(
    papers: Papers,
    store: Annotated[
        str, typer.Option("--store", help="The folder or URL of the tables.", show_default=False)
    ],
    taxonomy: TaxonomyFile = DEFAULT,
    min_count: MinCount = 0,
    index: IndexFolder = AUTO,
    model: Model = EMBEDDED,
    matcher: MatcherFolder = None,
    max_labels: MaxLabels = 32,
    threshold: Threshold = None,
    precision: Precision = AUTO,
    actors: Actors = None,
    papers_a_block: Block = None,
    engine: Engine = AUTO,
    log_json: LogJson = False,
    json: Json = False,
) -> None:
    """Bring a store up to date: score what is new or has changed, refresh the leaderboards that this touches.

    The same night twice does nothing the second time. Labels new to the taxonomy are asked about for all
    papers seen; another model scores all anew, and readers see it when it is whole. Killed, the same command
    goes on.

    Example: `tdm-ray nightly papers/ --store store`
    """
    from tdm_ray.run.log import Log
    from tdm_ray.run.run import new_run_id, run_night

    config = score_config(locals())
    layout = ray_config(locals())
    log = Log(new_run_id(), json=log_json)
    summary = run_night(papers, store, config, layout, engine=engine, log=log)
    show_run(summary) if json else typer.echo(summary.report(), nl=False)


def show_run(summary: RunSummary) -> None:
    """The row of a run as JSON."""
    typer.echo(json_module.dumps({**summary.run, "already_done": summary.already_done}, default=str))


def inspect(
    paper: Annotated[
        str, typer.Argument(metavar="PAPER", help="A file or folder of papers.", show_default=False)
    ],
    paper_id: Annotated[
        str | None, typer.Option("--id", help="Which paper of it (default: the first).")
    ] = None,
    taxonomy: TaxonomyFile = DEFAULT,
    min_count: MinCount = 0,
    index: IndexFolder = AUTO,
    model: Model = EMBEDDED,
    matcher: MatcherFolder = None,
    max_labels: MaxLabels = 32,
    threshold: Threshold = None,
    precision: Precision = AUTO,
    json: Json = False,
) -> None:
    """Show every step of one paper's way to its predictions, with real values, without Ray.

    Example: `tdm-ray inspect papers/ --id 1512.03385`
    """
    from tdm_ray.explain import as_facts, explain, find_paper, trace

    config = score_config(locals())
    paper_trace = trace(find_paper(paper, paper_id), config)
    show_facts(as_facts(paper_trace)) if json else Console().print(explain(paper_trace))


def plan(
    papers: Annotated[int, typer.Option("--papers", min=1, help="How many papers are to be scored.")],
    sample: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[SAMPLE...]", help="Papers to measure on (default: the bundled demo papers)."
        ),
    ] = None,
    cpus: Annotated[
        int | None, typer.Option("--cpus", min=1, help="Cores to plan for (default: those here).")
    ] = None,
    gpus: Annotated[
        int | None,
        typer.Option("--gpus", min=1, help="GPUs to plan for; with 16 cores each unless --cpus is given."),
    ] = None,
    gpu: Annotated[str, typer.Option("--gpu", help="Their kind: T4, L4, A10, A100, H100 or H200.")] = "A100",
    price: Annotated[
        float | None, typer.Option("--price", min=0, help="What all of it costs an hour.")
    ] = None,
    measured_on: Annotated[
        int, typer.Option("--measure", min=16, help="How many papers to measure on.")
    ] = 128,
    taxonomy: TaxonomyFile = DEFAULT,
    min_count: MinCount = 0,
    index: IndexFolder = AUTO,
    model: Model = EMBEDDED,
    json: Json = False,
) -> None:
    """Estimate what a corpus will take, from a short run on this machine.

    Example: `tdm-ray plan corpus --papers 2_900_000 --gpus 8 --gpu L4 --cpus 256 --price 30`
    """
    from tdm_ray.demo import demo_papers
    from tdm_ray.run.estimate import check_gpu, estimate, measure_pace

    config = score_config(locals())
    check_gpu(gpu)
    if not sample:
        typer.echo("tdm-ray: measuring on the demo's papers, which are short; give some of yours", err=True)
    pace = measure_pace(sample or [demo_papers()], config, sample=measured_on)
    planned = estimate(pace, papers, cpus=cpus, gpus=gpus, gpu=gpu)
    cost = None if price is None else planned.cost(price)
    if json:
        facts = {"pace": dataclasses.asdict(pace), "estimate": {**dataclasses.asdict(planned), "cost": cost}}
        typer.echo(json_module.dumps(facts))
    else:
        typer.echo(f"{pace}\n{planned}" + ("" if cost is None else f"; at {price:g} an hour {cost:,.0f}"))


def demo(
    out: Annotated[str, typer.Option("--out", help="The store to make.")] = "out/demo",
    boards: Annotated[int, typer.Option("--boards", min=0, help="How many leaderboards to print.")] = 40,
    engine: Engine = AUTO,
    json: Json = False,
) -> None:
    """Score the demo corpus (36 short papers on well-known systems) and print its leaderboards.

    Example: `tdm-ray demo`
    """
    from tdm_ray.demo import demo_papers
    from tdm_ray.leaderboard.read import confirmed, read_leaderboards
    from tdm_ray.leaderboard.render import folded_away, render
    from tdm_ray.run.run import score_corpus

    summary = score_corpus(demo_papers(), out, ScoreConfig(), engine=engine)
    if json:
        show_run(summary)
        return
    every = read_leaderboards(out, tentative=True)
    table = confirmed(every)
    Console().print(render(table, boards=boards), folded_away(every, table))
    typer.echo(str(summary))
