"""The options that several commands share."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import typer

Papers = Annotated[list[str], typer.Argument(metavar="PAPERS...", help="Files, folders, quoted globs, or an ingested folder.", show_default=False)]  # fmt: skip  # noqa: E501
Out = Annotated[str, typer.Option("--out", help="The folder to write to.", show_default=False)]
TaxonomyFile = Annotated[str, typer.Option("--taxonomy", help="A taxonomy file, or `default`, the one that ships.")]
MinCount = Annotated[int, typer.Option("--min-count", min=0, help="Drop labels with a smaller count in the taxonomy.")]
Model = Annotated[str, typer.Option("--model", help="`embedded`, or a cross-encoder by name or folder.")]
IndexFolder = Annotated[str | None, typer.Option("--index", help="A folder made by `tdm-ray index`.")]
MatcherFolder = Annotated[
    str | None, typer.Option("--matcher", help="Finds the scores: a folder made by `tdm-ray matcher`; one ships.")
]
Asked = Annotated[
    int, typer.Option("--asked", min=1, max=64, help="Labels the model is asked about for each paper, at most.")
]
Threshold = Annotated[float | None, typer.Option("--threshold", min=0, max=1, help="The least probability of a prediction; the calibrator's own without it.")]  # fmt: skip  # noqa: E501
Results = Annotated[
    str | None,
    typer.Option("--from", help="A store, or a folder of `leaderboard`; store, results or out/demo without it."),
]
Gold = Annotated[
    list[str],
    typer.Option("--annotations", help="Gold: which paper reports which TDM; may be repeated.", show_default=False),
]
Actors = Annotated[
    int | None, typer.Option("--actors", min=1, help="Model actors; chosen from the cluster without it.")
]
Block = Annotated[int, typer.Option("--papers-a-block", min=1, help="The unit of work, retry and checkpoint.")]
Seed = Annotated[int, typer.Option("--seed", min=0, help="Of every random choice.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON, for scripts.")]


def show_facts(facts: Mapping[str, Any], json: bool = True) -> None:
    """Print facts: as JSON, or a line each."""
    import json as json_module

    if json:
        typer.echo(json_module.dumps(dict(facts), default=str))
        return
    for name, value in facts.items():
        typer.echo(f"{name}: {value}")
