"""The evaluation report: JSON for scripts, Markdown to read."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from tdm_ray.config import ScoreConfig
from tdm_ray.errors import InputError
from tdm_ray.evaluation.protocol import evaluate_protocol
from tdm_ray.evaluation.whole import evaluate_whole
from tdm_ray.storage import join, open_file, write_json

_COLUMNS = ("precision", "recall", "micro_f1", "macro_f1", "paper_f1", "false_positives_per_wrong_pair")
_TASKS = 25


def evaluate(
    papers: Sequence[str],
    annotations: Sequence[str],
    out: str,
    config: ScoreConfig,
    *,
    protocol: str = "whole",
    held_out_labels: str | None = None,
    negatives: int = 10,
    engine: str = "auto",
) -> str:
    """Evaluate by a protocol (`whole`, `field`), write the report to the folder `out`, return it as
    Markdown. `engine` scores the papers of the protocol `whole`."""
    if protocol not in ("whole", "field"):
        raise InputError(f"--protocol {protocol}: choose whole or field")
    if protocol == "field":
        return write_report(evaluate_protocol(papers, annotations, config, negatives=negatives), out)
    facts = evaluate_whole(papers, annotations, out, config, held_out_labels=held_out_labels, engine=engine)
    return write_report(facts, out)


def write_report(facts: Mapping[str, Any], out: str) -> str:
    """Write `out/report.json` and `out/report.md`; returns the Markdown."""
    text = markdown(facts)
    write_json(join(out, "report.json"), dict(facts))
    with open_file(join(out, "report.md"), "wb") as file:
        file.write(text.encode())
    return text


def markdown(facts: Mapping[str, Any]) -> str:
    """The report; it begins with the protocol, since figures of different ones cannot be compared."""
    parts = [
        "# Evaluation",
        f"Protocol: {facts['protocol']}.",
        f"{facts['papers']:,} annotated papers, {facts['labels']:,} labels.",
    ]
    parts += _fields_protocol(facts) if "folds" in facts else _whole_taxonomy(facts)
    return "\n\n".join(parts) + "\n"


def _whole_taxonomy(facts: Mapping[str, Any]) -> Iterable[str]:
    best = facts["best_single_threshold"]
    decided = f"{facts['gold_pairs']:,} gold pairs; decided at a probability of {facts['threshold']:g}"
    yield f"{decided}, chosen on other papers."
    rows = [("all labels", facts["figures"]), ("with `unknown`", facts["with_unknown"])]
    if "one_board" in facts:
        rows += [(f"labels that are one board as one ({facts['one_board']['boards']:,})", facts["one_board"])]
    if "learnt_labels" in facts:
        learnt = facts["learnt_labels"]
        rows += [(f"{learnt['labels']:,} labels that papers of the index report", learnt)]
    if "held_out_labels" in facts:
        held_out = facts["held_out_labels"]
        other = facts["other_labels"]
        rows += [(f"{held_out['labels']} labels kept from training", held_out)]
        rows += [(f"{other['labels']} other labels", other)]
    yield _figures(rows)
    yield (
        f"The best threshold for these very papers is {best['threshold']:.2f}: "
        f"micro F1 {best['micro_f1']:.3f}."
    )
    yield from _scores(facts["scores"])
    figures = facts["calibration"]
    yield (
        "## Calibration\n\nExpected calibration error, pairs asked: "
        f"{figures['expected_calibration_error']:.3f}."
    )
    reliability = [
        [f"{r['from']:.1f}–{r['to']:.1f}", f"{r['pairs']:,}", r["probability"], r["true"]]
        for r in figures["reliability"]
    ]
    yield _table(["probability", "pairs", "mean probability", "share true"], reliability)
    recall = facts["shortlist"]["recall_at"]
    yield f"## Shortlist\n\n{facts['shortlist']['milliseconds_a_paper']:.0f} ms a paper (median, one core)."
    yield _table([f"recall at {cut}" for cut in recall], [list(recall.values())])
    yield "## Years"
    columns = ("papers", "gold", "decided", "precision", "recall", "micro_f1", "learnt_gold", "learnt_f1")
    heads = ["year", *columns[:-2], "gold of labels that papers of the index report", "their micro_f1"]
    yield _table(heads, [[row[name] for name in ("group", *columns)] for row in facts["years"]])
    yield f"## Tasks\n\nThe {_TASKS} with the most gold."
    names = ("group", "gold", "decided", "precision", "recall", "micro_f1")
    yield _table(["task", *names[1:]], [[task[name] for name in names] for task in facts["tasks"][:_TASKS]])


def _scores(figures: Mapping[str, Any]) -> Iterable[str]:
    tdms = figures["tdms"]
    yield f"## Scores\n\n{figures['with_score']:,} of {figures['predictions']:,} predictions have a score."
    yield _table(
        ["", "precision", "recall", "micro f1"], [["task, dataset, metric and score", *tdms.values()]]
    )
    yield (
        f"Of {figures['right_tdms_with_score_in_a_table']:,} right labels "
        "whose score stands in a table of the paper, "
        f"{figures['right_in_tables']:.3f} have the right one. Evidence holds "
        f"the number: {figures['with_evidence']:.3f}."
    )


def _fields_protocol(facts: Mapping[str, Any]) -> Iterable[str]:
    yield (
        "Comparable with published figures of this protocol, and with nothing measured over a whole taxonomy."
    )
    rows = [
        ("mean of the folds", facts["figures"]),
        ("label frequency alone", facts["label_frequency_alone"]),
    ]
    for number, fold in enumerate(facts["folds"], start=1):
        rows.append(
            (f"fold {number} ({fold['train']:,} train, {fold['test']:,} test papers)", fold["figures"])
        )
    yield _figures(rows)


def _figures(rows: Sequence[tuple[str, Mapping[str, float]]]) -> str:
    heads = ["", *(name.replace("_", " ") for name in _COLUMNS)]
    return _table(heads, [[name, *(figures[column] for column in _COLUMNS)] for name, figures in rows])


def _table(heads: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    lines = [list(heads), ["---"] * len(heads), *([_formatted(value) for value in row] for row in rows)]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _formatted(value: Any) -> str:
    if not isinstance(value, float):
        return str(value)
    return f"{value:.3f}" if value >= 0.01 or value == 0 else f"{value:.5f}"
