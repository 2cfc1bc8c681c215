"""One local Ray for the whole run, a tiny model, a dozen papers, and where the real data lies (if it is
there)."""

import os

# Before ray is imported anywhere.
os.environ.setdefault("RAY_AUTH_MODE", "disabled")
os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
os.environ.setdefault("RAY_DATA_PARQUET_FOOTER_NUM_ACTORS", "1")
os.environ.setdefault("HF_HUB_OFFLINE", "1")
# Several tests share the cores: a thread that waits for work must not keep one busy.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")

import csv
import dataclasses
import json
import logging
import random
from datetime import UTC, datetime
from functools import lru_cache
from importlib import resources
from itertools import islice
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from transformers import BertConfig, BertForSequenceClassification, BertTokenizerFast

from tdm_ray.config import embedded_matcher
from tdm_ray.demo import demo_papers
from tdm_ray.extract.line_kinds import LineKinds
from tdm_ray.extract.matcher import Matcher
from tdm_ray.gold.annotations import Gold
from tdm_ray.papers.grid import table_of_grid
from tdm_ray.papers.read import read_papers
from tdm_ray.records import PAPERS, TDM, Paper
from tdm_ray.store.schemas import FORMS, with_month
from tdm_ray.store.tables import Store
from tdm_ray.taxonomy.labels import Label, Taxonomy

DATA = Path(__file__).parents[2] / "shared" / "data"


@pytest.hookimpl(tryfirst=True)  # before pytest-xdist reads the marks
def pytest_collection_modifyitems(items):
    """For two workers (pytest-xdist): one has all tests on the session's Ray and begins with them, the others
    go file by file."""
    items.sort(key=lambda item: "ray_session" not in item.fixturenames)
    for item in items:
        group = "ray" if "ray_session" in item.fixturenames else item.path.stem
        item.add_marker(pytest.mark.xdist_group(group))


@pytest.fixture(scope="session")
def real_data():
    if not DATA.is_dir():
        pytest.skip("the real papers (../shared/data) are not on this machine")
    return DATA


@pytest.fixture(scope="session")
def ray_session():
    import ray

    ray.init(
        address="local",
        num_cpus=4,
        include_dashboard=False,
        log_to_driver=False,
        object_store_memory=200 * 2**20,
        logging_level=logging.ERROR,
    )
    yield ray
    ray.shutdown()


@pytest.fixture(autouse=True)
def same_data_context(request):
    """Ray Data's settings are global: put back what a test changed."""
    if "ray_session" not in request.fixturenames:
        yield
        return
    from ray.data import DataContext

    before = DataContext.get_current().copy()
    yield
    DataContext._set_current(before)


OWN_LABELS = 608


def own_lines():
    """The header of the default taxonomy and its labels that are our own: they come first in its file."""
    with resources.files("tdm_ray.taxonomy").joinpath("default.tsv").open() as file:
        return list(islice(file, 1 + OWN_LABELS))


def own_labels():
    rows = csv.DictReader(own_lines(), delimiter="\t")
    return sorted(TDM(row["task"], row["dataset"], row["metric"]) for row in rows)


@pytest.fixture(scope="session")
def own_taxonomy(tmp_path_factory):
    """A taxonomy of our own labels, for tests of nights: a night under the default one takes seconds more."""
    path = tmp_path_factory.mktemp("taxonomy") / "own.tsv"
    path.write_text("".join(own_lines()))
    return str(path)


@lru_cache(1)
def line_kinds():
    """The kinds of lines that ship, loaded once a process."""
    return LineKinds.load(embedded_matcher())


def write_papers(papers, path, rows_a_group=64):
    """A papers table; returns `path`."""
    table = pa.Table.from_pylist([paper.row() for paper in papers], schema=PAPERS)
    pq.write_table(table, path, row_group_size=rows_a_group, compression="zstd")
    return path


def write_store(root, run_id="run", **tables):
    """A store whose newest run left these tables; as lists of rows or as tables."""
    store = Store(str(root))
    for name, given in tables.items():
        schema = pa.schema([field for field in FORMS[name].schema if field.name != "month"])
        table = given if isinstance(given, pa.Table) else pa.Table.from_pylist(given, schema=schema)
        store.overwrite(name, [with_month(table) if "month" in FORMS[name].partition else table], run_id)
    row = {
        "run_id": run_id,
        "started_at": datetime(2026, 1, 2, tzinfo=UTC),
        "seconds": 2.5,
        "outcome": "done",
        "papers": 4,
        "scored": 3,
        "rejected": {"empty": 1},
        "predictions": 8,
        "new_papers": 4,
        "changed_papers": 0,
        "asked_again": 0,
        "new_entries": 8,
        "new_best": 3,
        "model_id": "m",
        "taxonomy_id": "t",
    }
    store.add_run({**row, "versions": store.versions()})
    return str(root)


@pytest.fixture(scope="session", autouse=True)
def one_matcher():
    """A matcher's folder is read once for all tests: half a second each time."""
    patch = pytest.MonkeyPatch()
    patch.setattr(Matcher, "load", lru_cache(Matcher.load))
    yield
    patch.undo()


@pytest.fixture(scope="session")
def papers():
    """A dozen demo papers."""
    return [r.paper for r in read_papers(demo_papers())][:12]


@pytest.fixture(scope="session")
def jsonl(tmp_path_factory, papers):
    """Those papers as JSON lines."""
    path = tmp_path_factory.mktemp("corpus") / "papers.jsonl"
    path.write_text("".join(json.dumps(json_row(p)) + "\n" for p in papers))
    return path


@pytest.fixture(scope="session")
def labelled():
    """The demo papers, three times over (as other papers), and their gold."""
    with resources.files("tdm_ray.demo").joinpath("expected.tsv").open() as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    papers = []
    results = {}
    for copy in range(3):
        for reading in read_papers(demo_papers()):
            paper = dataclasses.replace(reading.paper, paper_id=f"{reading.paper.paper_id}-{copy}")
            papers.append(paper)
            results[paper.paper_id] = {
                TDM(r["task"], r["dataset"], r["metric"]): ("1",)
                for r in rows
                if r["paper_id"] == reading.paper.paper_id
            }
    return papers, Gold(results)


@pytest.fixture(scope="session")
def labelled_files(tmp_path_factory, labelled):
    """The same as files: papers as JSON lines, annotations and taxonomy in the field's form; every label
    counts 9. The taxonomy is the part of the default one that is our own."""
    papers, gold = labelled
    folder = tmp_path_factory.mktemp("labelled")
    (folder / "papers.jsonl").write_text("".join(json.dumps(json_row(p)) + "\n" for p in papers))
    lines = (f"{p}.pdf\t{'$'.join(f'{tdm}#1' for tdm in found)}\n" for p, found in gold.results.items())
    (folder / "gold.tsv").write_text("".join(lines))
    (folder / "taxonomy.tsv").write_text("".join(f"{tdm}\t9\n" for tdm in own_labels()))
    return folder


def json_row(paper):
    row = paper.row()
    for name in ("sections", "tables", "categories"):
        row[name] = list(row[name])
    row["published"] = str(row["published"]) if row["published"] else None
    return row


@pytest.fixture(scope="session")
def vocabulary(papers):
    words = {w for p in papers for s in p.sections for w in s.text.lower().split() if w.isalnum()}
    letters = [chr(c) for c in range(33, 127)]
    return [
        "[PAD]",
        "[UNK]",
        "[CLS]",
        "[SEP]",
        "[MASK]",
        *letters,
        *(f"##{c}" for c in letters),
        *sorted(words),
    ]


@pytest.fixture(scope="session")
def tiny_tokenizer(tmp_path_factory, vocabulary):
    path = tmp_path_factory.mktemp("vocabulary") / "vocab.txt"
    path.write_text("\n".join(dict.fromkeys(vocabulary)))
    return BertTokenizerFast(vocab={w: i for i, w in enumerate(dict.fromkeys(vocabulary))})


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory, tiny_tokenizer):
    """A checkpoint folder with a random two-layer BERT: everything real but what it has learnt."""
    import torch

    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=len(tiny_tokenizer),
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=64,
        num_labels=1,
    )
    folder = tmp_path_factory.mktemp("tiny")
    BertForSequenceClassification(config).save_pretrained(folder)
    tiny_tokenizer.save_pretrained(folder)
    return str(folder)


METRICS = ("Accuracy", "F1", "BLEU")
SETS = ("MNIST", "WMT", "SQuAD")


def corpus(count):
    """Papers with a table of three data sets by three metrics; the row of the paper's own method holds the
    gold."""
    chance = random.Random(0)
    papers = []
    results = {}
    for number in range(count):
        name = f"Net{number}"
        heads = [f"{dataset} {metric}" for dataset in SETS for metric in METRICS]
        rows = [[f"Base [{i}]", *(f"{chance.uniform(40, 80):.1f}" for _ in heads)] for i in range(3)]
        own = [f"{name} (ours)", *(f"{chance.uniform(60, 95):.1f}" for _ in heads)]
        rows.insert(chance.randrange(4), own)
        table = table_of_grid("Table 1. Results.", [["Model", *heads], *rows])
        chosen = chance.sample(range(len(heads)), 3)
        found = Paper(f"{number}", f"{name}: a network", f"We present {name}.", [], [table])
        papers.append(found)
        results[found.paper_id] = {TDM("T", SETS[i // 3], METRICS[i % 3]): (own[i + 1],) for i in chosen}
    labels = [Label(TDM("T", dataset, metric), 9, "higher") for dataset in SETS for metric in METRICS]
    return papers, Gold(results), Taxonomy.of(labels)
