"""The commands that turn papers into leaderboards: each reads options, calls one function, prints."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.console import Console

from tdm_ray.cli.options import (
    Actors,
    Asked,
    Block,
    IndexFolder,
    Json,
    MatcherFolder,
    MinCount,
    Model,
    Out,
    Papers,
    TaxonomyFile,
    Threshold,
    show_facts,
)
from tdm_ray.config import EMBEDDED, IngestConfig, RayConfig, ScoreConfig, Selection


def ingest(
    papers: Papers,
    out: Out,
    metadata: Annotated[
        str | None, typer.Option("--metadata", help="arXiv's metadata snapshot: dates, categories, titles, abstracts.")
    ] = None,
    manifest: Annotated[
        str | None, typer.Option("--manifest", help="arXiv's manifest of its tars; found where it lies beside them.")
    ] = None,
    categories: Annotated[
        list[str] | None, typer.Option("--categories", help="Only these, as patterns: `cs.*,stat.ML`; may be repeated.")
    ] = None,
    since: Annotated[str | None, typer.Option("--since", help="Only papers from this day on (2024-01-31).")] = None,
    until: Annotated[str | None, typer.Option("--until", help="Only papers up to this day.")] = None,
    shard_mb: Annotated[int, typer.Option("--shard-mb", min=1, help="The size of an output file.")] = 256,
    papers_a_block: Block = 64,
    json: Json = False,
) -> None:
    """Read papers into a papers table, and what cannot be read into a rejects table.

    Called again, it reads what is new or has changed; interrupted, it goes on where it stopped.

    Example: `tdm-ray ingest 'tei/*.xml' notes.md corpus.jsonl.gz --out corpus`

    Example: `tdm-ray ingest s3://arxiv/src --metadata snapshot.json --categories cs.*,stat.ML --out corpus`
    """
    from tdm_ray.run.ray_engine import ingest_corpus

    wanted = tuple(name for given in categories or () for name in given.replace(",", " ").split())
    selection = Selection(categories=wanted, since=since, until=until)
    config = IngestConfig(metadata=metadata, manifest=manifest, selection=selection, shard_mb=shard_mb)
    _report(ingest_corpus(papers, out, config, RayConfig(papers_a_block=papers_a_block)), json)


def score(
    papers: Papers,
    out: Out,
    taxonomy: TaxonomyFile = "default",
    min_count: MinCount = 0,
    index: IndexFolder = None,
    model: Model = EMBEDDED,
    matcher: MatcherFolder = None,
    asked: Asked = 32,
    threshold: Threshold = None,
    actors: Actors = None,
    papers_a_block: Block = 64,
    json: Json = False,
) -> None:
    """Decide for every paper which TDMs it reports; writes OUT/predictions, OUT/scored and OUT/rejects.

    Interrupted, the same command goes on where it stopped; finished, it only reports.

    Example: `tdm-ray score corpus --taxonomy TDM_taxonomy.tsv --min-count 5 --index my-index --out results`
    """
    from tdm_ray.run.ray_engine import score_corpus

    config = ScoreConfig(
        model=model, taxonomy=taxonomy, min_count=min_count, index=index, matcher=matcher, asked=asked,
        threshold=threshold,
    )  # fmt: skip
    _report(score_corpus(papers, out, config, RayConfig(actors=actors, papers_a_block=papers_a_block)), json)


def leaderboard(
    folder: Annotated[
        str, typer.Argument(metavar="DIR", help="A folder that `score` wrote, or a store.", show_default=False)
    ],
    formats: Annotated[
        list[str] | None, typer.Option("--format", help="csv, json or evaluation-tables; may be repeated.")
    ] = None,
    boards: Annotated[int, typer.Option("--boards", min=0, help="How many leaderboards to print.")] = 20,
    entries: Annotated[int, typer.Option("--entries", min=1, help="How many entries of each.")] = 10,
    of_paper: Annotated[
        str | None, typer.Option("--model-index", help="Print the results of this paper as a model card's YAML.")
    ] = None,
    on_ray: Annotated[bool, typer.Option("--on-ray", help="Rank on the Ray cluster, where there are many.")] = False,
    json: Json = False,
) -> None:
    """Aggregate predictions to leaderboards, write them to DIR/leaderboards, print the largest.

    Of a store those of its newest night are shown, and exports are written to DIR/exports.

    Example: `tdm-ray leaderboard results --format csv --format json --boards 5`
    """
    from tdm_ray.leaderboard.aggregate import build_leaderboards, export_folder, left_out, read_leaderboards
    from tdm_ray.leaderboard.export import as_json, check_formats, export
    from tdm_ray.leaderboard.model_index import model_index
    from tdm_ray.leaderboard.render import render
    from tdm_ray.gold.marks import differing, find_marks

    check_formats(formats or [])
    for line in differing(find_marks(folder)):
        typer.echo(line, err=True)
    if on_ray:
        from tdm_ray.run.cluster import over_cluster

        table = build_leaderboards(folder, spread=over_cluster)
    else:
        table = build_leaderboards(folder)
    export(table, export_folder(folder), formats or [])
    if said := left_out(folder, table):
        typer.echo(said, err=True)
    if of_paper:
        typer.echo(model_index(read_leaderboards(folder, paper_id=of_paper), of_paper), nl=False)
    elif json:
        typer.echo(as_json(table), nl=False)
    else:
        Console().print(render(table, boards=boards, entries=entries))


def inspect(
    paper: Annotated[str, typer.Argument(metavar="PAPER", help="A file or folder of papers.", show_default=False)],
    paper_id: Annotated[str | None, typer.Option("--id", help="Which paper of it; the first without it.")] = None,
    taxonomy: TaxonomyFile = "default",
    min_count: MinCount = 0,
    index: IndexFolder = None,
    model: Model = EMBEDDED,
    matcher: MatcherFolder = None,
    asked: Asked = 32,
    threshold: Threshold = None,
    json: Json = False,
) -> None:
    """Show every step of one paper's way to its predictions, with real values, without Ray.

    Example: `tdm-ray inspect papers/ --id 1512.03385`
    """
    from tdm_ray.explain import as_facts, explain, find_paper, look

    config = ScoreConfig(
        model=model, taxonomy=taxonomy, min_count=min_count, index=index, matcher=matcher, asked=asked,
        threshold=threshold,
    )  # fmt: skip
    seen = look(find_paper(paper, paper_id), config)
    show_facts(as_facts(seen)) if json else Console().print(explain(seen))


def plan(
    papers: Annotated[int, typer.Option("--papers", min=1, help="How many papers are to be scored.")],
    sample: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[SAMPLE...]", help="Some of them, to measure on; the demo's, which are short, without."
        ),
    ] = None,
    cpus: Annotated[
        int | None, typer.Option("--cpus", min=1, help="Cores that will do it; those here without.")
    ] = None,
    gpus: Annotated[
        int | None, typer.Option("--gpus", min=1, help="GPUs beside them; 16 cores each without --cpus.")
    ] = None,
    gpu: Annotated[str, typer.Option("--gpu", help="Their kind: T4, L4, A10, A100, H100 or H200.")] = "A100",
    price: Annotated[float | None, typer.Option("--price", min=0, help="What all of it costs an hour.")] = None,
    measured_on: Annotated[int, typer.Option("--measure", min=16, help="How many papers to measure on.")] = 128,
    taxonomy: TaxonomyFile = "default",
    min_count: MinCount = 0,
    index: IndexFolder = None,
    model: Model = EMBEDDED,
    json: Json = False,
) -> None:
    """Estimate what a corpus will take, from a short run of the pipeline on this machine.

    Example: `tdm-ray plan corpus --papers 2_900_000 --gpus 8 --gpu L4 --cpus 256 --price 30`
    """
    import dataclasses
    import json as json_module

    from tdm_ray.demo import demo_papers
    from tdm_ray.run.estimate import check_gpu, estimate, measure_pace

    check_gpu(gpu)
    if not sample:
        typer.echo("tdm-ray: measuring on the demo's papers, which are short; give some of yours", err=True)
    config = ScoreConfig(model=model, taxonomy=taxonomy, min_count=min_count, index=index)
    pace = measure_pace(sample or [demo_papers()], config, sample=measured_on)
    found = estimate(pace, papers, cpus=cpus, gpus=gpus, gpu=gpu)
    cost = None if price is None else found.cost(price)
    if json:
        told = {"pace": dataclasses.asdict(pace), "estimate": {**dataclasses.asdict(found), "cost": cost}}
        typer.echo(json_module.dumps(told))
    else:
        typer.echo(f"{pace}\n{found}" + ("" if cost is None else f"; at {price:g} an hour {cost:,.0f}"))


def demo(
    out: Annotated[str, typer.Option("--out", help="The folder to write to.")] = "out/demo",
    boards: Annotated[int, typer.Option("--boards", min=0, help="How many leaderboards to print.")] = 40,
    json: Json = False,
) -> None:
    """Score the demo corpus (36 short papers on well-known systems) and print its leaderboards.

    Example: `tdm-ray demo`
    """
    from tdm_ray.demo import demo_papers
    from tdm_ray.leaderboard.aggregate import build_leaderboards
    from tdm_ray.leaderboard.render import render
    from tdm_ray.run.ray_engine import score_corpus

    summary = score_corpus(demo_papers(), out)
    table = build_leaderboards(out)
    if not json:
        Console().print(render(table, boards=boards))
    _report(summary, json)


def taxonomy(
    path: Annotated[str, typer.Argument(metavar="[FILE]", help="A taxonomy file, or `default`.")] = "default",
    min_count: MinCount = 0,
    find: Annotated[str | None, typer.Option("--find", help="Only labels that contain these words.")] = None,
    json: Json = False,
) -> None:
    """Check a taxonomy and print its labels with direction and aliases.

    Example: `tdm-ray taxonomy --find imagenet`
    """
    from tdm_ray.taxonomy.show import as_lines, as_table, matching
    from tdm_ray.taxonomy.sources import read_taxonomy

    found = matching(read_taxonomy(path, min_count=min_count), find)
    if json:
        typer.echo(as_lines(found), nl=False)
    else:
        Console().print(as_table(found))


def _report(summary: object, json: bool) -> None:
    import dataclasses

    if json:
        show_facts(dataclasses.asdict(summary))  # type: ignore[call-overload]
    else:
        typer.echo(str(summary))
