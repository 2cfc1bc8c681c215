"""Make a data set: papers, annotations and a taxonomy become training pairs on disk, in folds by paper.

The method is that of ORKG-TDM, mended.

    OUT/dataset.json                     config, counts of what went in and was left out, statistics of every
    side
    OUT/fold1/train/part-000.parquet     columns label, paper_id, TDM, context; shuffled
    OUT/fold1/test/part-000.parquet
    OUT/taxonomy-seen.tsv                the taxonomy as given, but labels held out have a count of 0
    OUT/taxonomy-held-out.tsv            the labels that no row is made of, for zero-shot figures
    OUT/document_frequency.parquet       word counts, for a checkpoint (where contexts are evidence windows)

Source: Kabongo, D'Souza and Auer, "Automated Mining of Leaderboards for Empirical AI Research", ICADL 2021.
Mended: wrong labels are drawn with a seed instead of being the same for all papers, `unknown` is false as
often as true, rows cannot break, versions of a paper stay on one side."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, replace
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tdm_ray.arxiv_ids import base_id, base_ids
from tdm_ray.classify.lexicon import Lexicon
from tdm_ray.classify.shortlist import Shortlister
from tdm_ray.config import DatasetConfig
from tdm_ray.errors import OutputError, TaxonomyError
from tdm_ray.gold.annotations import Gold, read_gold
from tdm_ray.gold.labelled_papers import Gathered, gather, read_all, versions
from tdm_ray.parallel import over_chunks
from tdm_ray.records import Paper
from tdm_ray.storage import exists, join, list_files, open_file, write_json, write_table
from tdm_ray.taxonomy.labels import Label, Taxonomy
from tdm_ray.taxonomy.sources import read_taxonomy
from tdm_ray.text.passages import passages
from tdm_ray.text.tokens import tokens
from tdm_ray.training.examples import UNKNOWN, Pairing, Task
from tdm_ray.training.index import LEAST_PAPERS
from tdm_ray.training.neighbours import labelled_neighbours

PAIRS = pa.schema(
    [("label", pa.bool_()), ("paper_id", pa.string()), ("TDM", pa.string()), ("context", pa.string())]
)
ROWS_A_FILE = 50_000
COMMON = 3  # a word in fewer papers counts as unseen


def create_dataset(
    papers: Sequence[str],
    annotations: Sequence[str],
    taxonomy: str,
    out: str,
    config: DatasetConfig | None = None,
) -> dict[str, Any]:
    """Write a data set to the folder `out`; returns what stands in its `dataset.json`.

    Raises `InputError`, `TaxonomyError` for what cannot be read, `OutputError` where `out` is not empty.
    """
    config = config or DatasetConfig()
    if exists(out) and list_files(out):
        raise OutputError(f"{out}: not empty; choose another --out, or delete it")
    whole = read_taxonomy(taxonomy)
    gold = read_gold(*annotations)
    trained_labels, held_out = split_labels(
        read_taxonomy(taxonomy, min_count=config.leaderboard_threshold), config
    )
    gathered = gather(read_all(papers), gold, trained_labels, whole, marked=True)
    if not any(labelled.known for labelled in gathered.papers):
        raise TaxonomyError(
            f"none of {gathered.counts['items']} items has a label of "
            f"{taxonomy}; check that the annotations' file "
            "names are the papers' ids, and that their TDMs are spelt as in the taxonomy"
        )
    table = _pairs_table(gathered, gold, trained_labels, config, out)
    facts: dict[str, Any] = {
        "config": asdict(config),
        "counts": gathered.counts,
        "broken": list(gold.broken[:20]),
    }
    facts["labels"] = {"seen": len(trained_labels), "held_out": len(held_out)}
    facts["sides"] = list(_write_folds(table, out, config))
    blanked = [replace(label, papers=0) if label.tdm in held_out.index else label for label in whole.labels]
    _write_labels(blanked, join(out, "taxonomy-seen.tsv"))
    _write_labels(held_out.labels, join(out, "taxonomy-held-out.tsv"))
    write_json(join(out, "dataset.json"), facts)
    return facts


def split_labels(taxonomy: Taxonomy, config: DatasetConfig) -> tuple[Taxonomy, Taxonomy]:
    """The labels that rows are made of, and those held out of training altogether; by a hash of their
    names."""
    held = [_chance(config.seed, str(label.tdm)) < config.held_out_labels for label in taxonomy.labels]
    return (
        Taxonomy(tuple(label for label, out in zip(taxonomy.labels, held, strict=True) if not out)),
        Taxonomy(tuple(label for label, out in zip(taxonomy.labels, held, strict=True) if out)),
    )


def _pairs_table(
    gathered: Gathered, gold: Gold, trained_labels: Taxonomy, config: DatasetConfig, out: str
) -> pa.Table:
    papers = [labelled.paper for labelled in gathered.papers]
    needed = config.context == "evidence" or config.negatives == "hard"
    pairing = Pairing(
        config, trained_labels, _shortlisters(papers, gold, trained_labels, out) if needed else ()
    )
    unknown = _unknown_rows(gathered, config)
    same = versions([paper.paper_id for paper in papers])
    tasks = [Task(x, tuple(s), u) for x, s, u in zip(gathered.papers, same, unknown, strict=True)]
    pairs = over_chunks(pairing, tasks, what="papers paired")
    columns = {name: [getattr(pair, name) for pair in pairs] for name in PAIRS.names}
    shuffled = np.random.default_rng(config.seed).permutation(len(pairs))
    return pa.table(columns, schema=PAIRS).take(pa.array(shuffled))


def _shortlisters(
    papers: Sequence[Paper], gold: Gold, taxonomy: Taxonomy, out: str
) -> tuple[Shortlister, ...]:
    """A shortlister with labelled neighbours (where there are enough papers) and one without: the model is
    trained on the wrong labels of both."""
    frequency = document_frequency(papers)
    write_table(frequency, join(out, "document_frequency.parquet"))
    counts = dict(zip(frequency["word"].to_pylist(), frequency["papers"].to_pylist(), strict=True))
    by_names = Shortlister(lexicon := Lexicon(taxonomy, counts, len(papers)))
    if len(papers) < LEAST_PAPERS:
        return (by_names,)
    return Shortlister(lexicon, *labelled_neighbours(papers, gold, taxonomy)), by_names


def document_frequency(papers: Sequence[Paper]) -> pa.Table:
    """How many papers each word stands in: columns `word`, `papers`; words in fewer than `COMMON` left
    out."""
    counts: Counter[str] = Counter()
    for words in over_chunks(_words, papers, what="papers counted"):
        counts.update(words)
    kept = sorted((w, n) for w, n in counts.items() if n >= COMMON and len(w) <= 40)
    table = pa.table({"word": [w for w, _ in kept], "papers": pa.array([n for _, n in kept], pa.int32())})
    return table.replace_schema_metadata({"documents": str(len(papers))})


def _words(papers: Sequence[Paper]) -> list[set[str]]:
    return [{w for p in passages(paper) for w in tokens(p.text)} for paper in papers]


def _unknown_rows(gathered: Gathered, config: DatasetConfig) -> list[bool | None]:
    """For each paper the truth of its row `unknown`, or None for no such row; false as often as true.

    Were it always true, the model would learn that `unknown` is always true.
    """
    order = sorted(
        range(len(gathered.papers)), key=lambda i: _chance(config.seed, gathered.papers[i].paper.paper_id)
    )
    order = [i for i in order if gathered.papers[i].whole]
    without = [i for i in order if not gathered.papers[i].known][: config.allowed_unknown]
    having = [i for i in order if gathered.papers[i].known][: len(without)]
    truth: list[bool | None] = [None] * len(gathered.papers)
    for rows, true in ((without, True), (having, False)):
        for i in rows:
            truth[i] = true
    return truth


def _write_folds(table: pa.Table, out: str, config: DatasetConfig) -> Iterator[dict[str, Any]]:
    bases = base_ids(table["paper_id"])
    for fold, held_out in enumerate(folds_of(table["paper_id"].unique().to_pylist(), config), start=1):
        inside = pc.is_in(bases, pa.array(sorted(held_out), pa.string()))
        for side, chosen in (("train", pc.invert(inside)), ("test", inside)):
            part = table.filter(chosen)
            _write_side(part, join(out, f"fold{fold}", side), config)
            yield {"fold": fold, "side": side, **statistics(part)}


def folds_of(paper_ids: Sequence[str], config: DatasetConfig) -> list[set[str]]:
    """The papers held out of each fold, without version; no paper is held out of two folds."""
    bases = sorted({base_id(p) for p in paper_ids}, key=lambda base: _chance(config.seed, base))
    size = len(bases) * config.test_share
    return [set(bases[round(i * size) : round((i + 1) * size)]) for i in range(config.folds)]


def statistics(pairs: pa.Table) -> dict[str, int]:
    """Rows true and false, and how many papers, TDMs, tasks, datasets and metrics; `unknown` apart."""
    unknown = pc.equal(pairs["TDM"], UNKNOWN)
    parts = [tdm.split("; ") for tdm in pairs["TDM"].filter(pc.invert(unknown)).unique().to_pylist()]
    named = {name: len({p[i] for p in parts}) for i, name in ((0, "tasks"), (1, "datasets"), (-1, "metrics"))}
    return {
        "papers": len(pairs["paper_id"].unique()),
        "true": pc.sum(pairs["label"]).as_py() or 0,
        "false": pc.sum(pc.invert(pairs["label"])).as_py() or 0,
        "TDMs": len(parts),
        **named,
        "unknown_true": pc.sum(pc.and_(unknown, pairs["label"])).as_py() or 0,
        "unknown_false": pc.sum(pc.and_(unknown, pc.invert(pairs["label"]))).as_py() or 0,
    }


def _write_side(pairs: pa.Table, folder: str, config: DatasetConfig) -> None:
    if config.tsv:
        frame = pairs.to_pandas().assign(label=lambda f: f["label"].map({True: "true", False: "false"}))
        with open_file(f"{folder}.tsv", "wb") as file:
            # Quoted where it must be: pandas reads it back row for row.
            file.write(frame.to_csv(sep="\t", index=False, header=False).encode())
        return
    for number, start in enumerate(range(0, max(len(pairs), 1), ROWS_A_FILE)):
        write_table(pairs.slice(start, ROWS_A_FILE), join(folder, f"part-{number:03d}.parquet"))


def _write_labels(labels: Sequence[Label], path: str) -> None:
    with open_file(path, "wb") as file:
        file.write("".join(f"{label.tdm}\t{label.papers}\n" for label in labels).encode())


def _chance(seed: int, name: str) -> float:
    """A number in [0, 1) that only the name and the seed decide."""
    return int.from_bytes(hashlib.blake2b(f"{seed} {name}".encode(), digest_size=8).digest()) / 2**64
