"""The commands of a store that grows night by night."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.console import Console

from tdm_ray.cli.options import (
    Actors,
    Asked,
    IndexFolder,
    Json,
    MatcherFolder,
    MinCount,
    Model,
    Papers,
    TaxonomyFile,
    Threshold,
)
from tdm_ray.config import EMBEDDED, RayConfig, ScoreConfig


def nightly(
    papers: Papers,
    store: Annotated[str, typer.Option("--store", help="The folder or URL of the tables.", show_default=False)],
    taxonomy: TaxonomyFile = "default",
    min_count: MinCount = 0,
    index: IndexFolder = None,
    model: Model = EMBEDDED,
    matcher: MatcherFolder = None,
    asked: Asked = 32,
    threshold: Threshold = None,
    actors: Actors = None,
    log_json: Annotated[bool, typer.Option("--log-json", help="Log events as lines of JSON, for machines.")] = False,
    json: Json = False,
) -> None:
    """Bring a store up to date: score what is new or has changed, refresh the leaderboards that this touches.

    The same night twice does nothing the second time. Labels new to the taxonomy are asked about for all papers seen;
    another model scores all anew, and readers see it when it is whole. Killed, the same command goes on.

    Example: `tdm-ray nightly papers/ --store store`
    """
    import json as json_module

    from tdm_ray.run.log import Log
    from tdm_ray.run.run import new_run_id, run_night

    config = ScoreConfig(
        model=model, taxonomy=taxonomy, min_count=min_count, index=index, matcher=matcher, asked=asked,
        threshold=threshold,
    )  # fmt: skip
    night = run_night(papers, store, config, RayConfig(actors=actors), log=Log(new_run_id(), json=log_json))
    typer.echo(json_module.dumps(dict(night.run), default=str) if json else str(night), nl=json)


def runs(
    store: Annotated[str, typer.Argument(metavar="STORE", help="The folder or URL of the tables.", show_default=False)],
    count: Annotated[int, typer.Option("--last", min=1, help="How many.")] = 20,
    json: Json = False,
) -> None:
    """List the nights of a store, the newest first.

    Example: `tdm-ray runs store`
    """
    import json as json_module

    from tdm_ray.errors import InputError
    from tdm_ray.run.summary import as_table
    from tdm_ray.store.tables import Store, is_store

    if not is_store(store):
        raise InputError(f"{store}: not a store; make one with `tdm-ray nightly PAPERS --store {store}`")
    found = Store(store).runs()[:count]
    if json:
        typer.echo("".join(json_module.dumps(run, default=str) + "\n" for run in found), nl=False)
    else:
        Console().print(as_table(found))
