"""Commands that learn from or evaluate on labelled papers (index, matcher, dataset, train, evaluate)."""

from __future__ import annotations

import sys
from typing import Annotated

import typer
from rich.console import Console

from tdm_ray.cli.options import (
    Engine,
    Gold,
    IndexFolder,
    Json,
    MatcherFolder,
    MaxLabels,
    MinCount,
    Model,
    Out,
    Papers,
    Seed,
    TaxonomyFile,
    picked,
    score_config,
    show_facts,
)
from tdm_ray.config import AUTO, DEFAULT, EMBEDDED, NONE


def index(
    papers: Papers,
    out: Out,
    annotations: Gold,
    taxonomy: TaxonomyFile = DEFAULT,
    min_count: MinCount = 0,
    model: Model = EMBEDDED,
    compact: Annotated[
        bool, typer.Option("--compact", help="A quarter of the size: fewer words of each paper, no quotes.")
    ] = False,
    other_labels: Annotated[
        str | None,
        typer.Option(
            "--other-labels",
            help="A taxonomy file of further labels: papers that report only these teach `unknown`.",
        ),
    ] = None,
    before: Annotated[
        str | None,
        typer.Option(
            "--before",
            metavar="YYYY-MM",
            help="Learn only from papers whose arXiv id is earlier.",
        ),
    ] = None,
    json: Json = False,
) -> None:
    """Learn from your own labelled papers: neighbours for the shortlist, and a calibrator. Takes minutes;
    optional.

    Example: `tdm-ray index train/ --annotations resultsAnnotation.tsv --taxonomy TDM_taxonomy.tsv --min-count
    5 --out my-index`"""
    from tdm_ray.training.index import index_corpus

    config = score_config(locals())
    facts = index_corpus(
        papers, annotations, config, out, compact=compact, other_labels=other_labels, before=before
    )
    show_facts(facts, json)


def matcher(
    papers: Papers,
    out: Out,
    annotations: Gold,
    taxonomy: Annotated[str, typer.Option("--taxonomy", help="A taxonomy file.", show_default=False)],
    min_count: MinCount = 0,
    model: Model = EMBEDDED,
    json: Json = False,
) -> None:
    """Learn from labelled papers which number of a paper is its own result. Takes minutes; one ships.

    Example: `tdm-ray matcher train/ --annotations resultsAnnotation.tsv --taxonomy TDM_taxonomy.tsv
    --min-count 5 --out my-matcher`"""
    from tdm_ray.training.matcher import learn_matcher

    show_facts(learn_matcher(papers, annotations, taxonomy, min_count, model, out), json)


def dataset(
    papers: Papers,
    out: Out,
    annotations: Gold,
    taxonomy: Annotated[
        str, typer.Option("--taxonomy", help="A taxonomy file with counts.", show_default=False)
    ],
    leaderboard_threshold: Annotated[
        int,
        typer.Option(
            "--min-count", "--leaderboard-threshold", min=0, help="Labels with a smaller count are not known."
        ),
    ] = 5,
    negatives: Annotated[
        str, typer.Option("--negatives", help="hard, random or first (the original's).")
    ] = "hard",
    num_negative_instances: Annotated[
        int, typer.Option("--num-negative-instances", min=1, help="Wrong labels a paper.")
    ] = 10,
    context: Annotated[
        str, typer.Option("--context", help="evidence or doctaet (the original's).")
    ] = "evidence",
    allowed_unknown: Annotated[
        int,
        typer.Option(
            "--allowed-unknown", min=0, help="Papers without a known label that give a row `unknown`."
        ),
    ] = 600,
    folds: Annotated[int, typer.Option("--folds", min=1, help="Disjoint hold-outs, by paper.")] = 2,
    held_out_papers: Annotated[
        float | None,
        typer.Option("--held-out-papers", help="The share of papers in each; 0.3 of two, 1/k of k folds."),
    ] = None,
    held_out_labels: Annotated[
        float,
        typer.Option(
            "--held-out-labels", min=0, max=0.9, help="The share of labels kept out, for zero-shot."
        ),
    ] = 0.0,
    seed: Seed = 0,
    tsv: Annotated[
        bool, typer.Option("--tsv", help="TSV in the form of the original instead of Parquet.")
    ] = False,
    json: Json = False,
) -> None:
    """Make training pairs (`label, paper_id, TDM, context`) of labelled papers, in folds.

    Example: `tdm-ray dataset train/ --annotations resultsAnnotation.tsv --taxonomy TDM_taxonomy.tsv --out
    pairs`"""
    options = locals()
    from tdm_ray.config import DatasetConfig
    from tdm_ray.training.dataset import create_dataset
    from tdm_ray.training.show import show_dataset

    config = DatasetConfig(**picked(DatasetConfig, options))
    facts = create_dataset(papers, annotations, taxonomy, out, config)
    show_facts(facts) if json else Console().print(show_dataset(facts))


def train(
    folder: Annotated[str, typer.Argument(metavar="DATASET", help="Made by `dataset`.", show_default=False)],
    out: Out,
    base: Annotated[str, typer.Option("--base", help="Any Hugging Face encoder, by name or folder.")],
    fold: Annotated[
        int, typer.Option("--fold", min=1, help="The fold to train on; its test side is evaluated.")
    ] = 1,
    epochs: Annotated[int, typer.Option("--epochs", min=1, help="Passes over the pairs.")] = 1,
    learning_rate: Annotated[float, typer.Option("--learning-rate", help="At its highest.")] = 1e-4,
    pairs_a_step: Annotated[
        int, typer.Option("--pairs-a-step", min=1, help="Over all workers together.")
    ] = 32,
    accumulate: Annotated[int, typer.Option("--accumulate", min=1, help="Batches a step is split into.")] = 1,
    checkpoint_steps: Annotated[
        int,
        typer.Option(
            "--checkpoint-steps", min=1, help="How often the state is kept, besides after each epoch."
        ),
    ] = 500,
    workers: Annotated[
        int | None,
        typer.Option("--workers", min=1, help="Workers (default: one a GPU, or one on all cores)."),
    ] = None,
    seed: Seed = 0,
    json: Json = False,
) -> None:
    """Fine-tune an encoder on a data set, on one machine or on many; the checkpoint goes to OUT.

    Interrupted, the same command goes on where it stopped; finished, it only reports.

    Example: `tdm-ray train pairs --base allenai/scibert_scivocab_uncased --out checkpoint`
    """
    options = locals()
    from tdm_ray.config import TrainConfig
    from tdm_ray.training.fit import train_model
    from tdm_ray.training.show import show_training

    config = TrainConfig(**picked(TrainConfig, options))
    facts = train_model(folder, base, out, config, fold=fold)
    show_facts(facts) if json else Console().print(show_training(facts))


def evaluate(
    papers: Papers,
    out: Out,
    annotations: Gold,
    taxonomy: TaxonomyFile = DEFAULT,
    min_count: MinCount = 0,
    index: IndexFolder = NONE,
    model: Model = EMBEDDED,
    matcher: MatcherFolder = None,
    max_labels: MaxLabels = 32,
    held_out_labels: Annotated[
        str | None, typer.Option("--held-out-labels", help="A taxonomy file of labels kept from training.")
    ] = None,
    protocol: Annotated[
        str,
        typer.Option("--protocol", help="whole (every label) or field (gold and 10 random wrong labels)."),
    ] = "whole",
    negatives: Annotated[
        int, typer.Option("--negatives", min=1, help="Wrong labels of the field's protocol.")
    ] = 10,
    engine: Engine = AUTO,
    json: Json = False,
) -> None:
    """Hold predictions against gold; writes OUT/report.md and OUT/report.json.

    Example: `tdm-ray evaluate dev/ --annotations resultsAnnotation.tsv --taxonomy TDM_taxonomy.tsv
    --min-count 5 --index my-index --out report`"""
    from rich.markdown import Markdown

    from tdm_ray.evaluation.report import evaluate as measured
    from tdm_ray.storage import join, read_json

    config = score_config(locals())
    text = measured(
        papers,
        annotations,
        out,
        config,
        protocol=protocol,
        held_out_labels=held_out_labels,
        negatives=negatives,
        engine=engine,
    )
    if json:
        show_facts(read_json(join(out, "report.json")))
    else:
        Console().print(Markdown(text) if sys.stdout.isatty() else text)
