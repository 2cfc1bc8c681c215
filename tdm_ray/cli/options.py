"""The options that several commands share, and the configurations made of them."""

from __future__ import annotations

import dataclasses
import json as json_module
from collections.abc import Mapping
from typing import Annotated, Any

import typer

from tdm_ray.config import RayConfig, ScoreConfig

Papers = Annotated[
    list[str],
    typer.Argument(
        metavar="PAPERS...", help="Files, folders, quoted globs, or an ingested folder.", show_default=False
    ),
]
Out = Annotated[str, typer.Option("--out", help="The folder to write to.", show_default=False)]
StoreFolder = Annotated[
    str,
    typer.Argument(
        metavar="STORE", help="A folder or URL that `score` or `nightly` made.", show_default=False
    ),
]
TaxonomyFile = Annotated[
    str, typer.Option("--taxonomy", help="A taxonomy file, or `default`, the one that ships.")
]
MinCount = Annotated[
    int, typer.Option("--min-count", min=0, help="Drop labels with a smaller count in the taxonomy.")
]
Model = Annotated[str, typer.Option("--model", help="`embedded`, or a cross-encoder by name or folder.")]
IndexFolder = Annotated[
    str,
    typer.Option(
        "--index",
        help="A folder made by `tdm-ray index`; `embedded`, the one that ships; `none`; or `auto`: the one "
        "that ships, for the taxonomy and the model that ship.",
    ),
]
MatcherFolder = Annotated[
    str | None,
    typer.Option(
        "--matcher",
        help="Finds the scores: a folder made by `tdm-ray matcher` (default: the one that ships).",
    ),
]
MaxLabels = Annotated[
    int,
    typer.Option(
        "--max-labels", min=1, max=64, help="Labels the model is asked about for each paper, at most."
    ),
]
Threshold = Annotated[
    float | None,
    typer.Option(
        "--threshold",
        min=0,
        max=1,
        help="The least probability of a prediction (default: the calibrator's own).",
    ),
]
Precision = Annotated[
    str, typer.Option("--precision", help="float32, bfloat16, or auto: the faster one by a short trial.")
]
Engine = Annotated[
    str,
    typer.Option("--engine", help="local, ray, or auto: Ray for a named cluster or more than a few papers."),
]
Results = Annotated[
    str | None, typer.Option("--from", help="A store (default: store, results or out/demo, if it is one).")
]
Tentative = Annotated[
    bool, typer.Option("--tentative", help="Show also rows that are not surely right, and mentions.")
]
Gold = Annotated[
    list[str],
    typer.Option(
        "--annotations", help="Gold: which paper reports which TDM; may be repeated.", show_default=False
    ),
]
Actors = Annotated[
    int | None, typer.Option("--actors", min=1, help="Model actors (default: chosen from the cluster).")
]
Block = Annotated[
    int | None,
    typer.Option(
        "--papers-a-block", min=1, help="The unit of work and retry (default: 64, fewer of a small corpus)."
    ),
]
Strict = Annotated[
    bool, typer.Option("--strict", help="Refuse a file with a broken line, instead of passing over it.")
]
Seed = Annotated[int, typer.Option("--seed", min=0, help="Of every random choice.")]
LogJson = Annotated[bool, typer.Option("--log-json", help="Log events as lines of JSON, for machines.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON, for scripts.")]


def score_config(options: Mapping[str, Any]) -> ScoreConfig:
    """The configuration that a command's options (its `locals()`) name."""
    return ScoreConfig(**picked(ScoreConfig, options))


def ray_config(options: Mapping[str, Any]) -> RayConfig:
    """The layout that a command's options (its `locals()`) name."""
    return RayConfig(**picked(RayConfig, options))


def picked(form: Any, options: Mapping[str, Any]) -> dict[str, Any]:
    """Of a command's options those that are fields of the dataclass `form`."""
    return {field.name: options[field.name] for field in dataclasses.fields(form) if field.name in options}


def show_facts(facts: Mapping[str, Any], json: bool = True) -> None:
    """Print facts: as JSON, or a line each."""
    if json:
        typer.echo(json_module.dumps(dict(facts), default=str))
        return
    for name, value in facts.items():
        typer.echo(f"{name}: {value}")
