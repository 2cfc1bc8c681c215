"""Learning from labelled papers: index, calibrator, fine-tuning; all real, with a tiny model."""

import csv
import dataclasses
import json
from importlib import resources
from pathlib import Path

import numpy as np
import pytest

from tdm_ray.config import ScoreConfig
from tdm_ray.demo import demo_papers
from tdm_ray.errors import CheckpointError, OutputError, TaxonomyError
from tdm_ray.model.entailment import EntailmentModel
from tdm_ray.model.index import load_index
from tdm_ray.model.learn import build_index, index_corpus
from tdm_ray.model.scorer import Decider, Knowledge, Preparer
from tdm_ray.papers.read import read_papers
from tdm_ray.records import TDM
from tdm_ray.taxonomy.gold import Gold, fold_of
from tdm_ray.taxonomy.sources import read_taxonomy
from tdm_ray.training.examples import Pair
from tdm_ray.training.fine_tune import calibrate, fine_tune
from tdm_ray.training.loop import TrainConfig, batches


@pytest.fixture(scope="module")
def labelled():
    """The demo papers, three times over (as other papers), and their gold."""
    with resources.files("tdm_ray.demo").joinpath("expected.tsv").open() as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    papers, results = [], {}
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


@pytest.fixture(scope="module")
def index(labelled, tiny_model, tmp_path_factory):
    folder = str(tmp_path_factory.mktemp("index"))
    facts = build_index(*labelled, ScoreConfig(model=tiny_model, asked=8), folder, threads=1)
    return folder, facts


def test_an_index_learns_what_neighbours_report(index, labelled, tiny_model):
    folder, facts = index
    assert facts["annotated"] == facts["with_known_label"] == 108
    # The copies of a paper report the same, so the held-out figure must be near perfect.
    assert facts["held_out_micro_f1"] > 0.85
    knowledge = Knowledge.of(ScoreConfig(model=tiny_model, index=folder, asked=8))
    paper = labelled[0][0]
    decisions = Decider(knowledge, threads=1)(Preparer(knowledge)(paper))
    found = {TDM(d["task"], d["dataset"], d["metric"]) for d in decisions}
    gold = set(labelled[1].results[paper.paper_id])
    assert len(found & gold) >= 0.5 * len(gold)


def test_an_index_serves_another_taxonomy(index, tiny_model):
    """Labels that the index does not know have no neighbours; those it knows keep theirs."""
    from tdm_ray.model.checkpoint import open_checkpoint

    whole = read_taxonomy()
    half = type(whole)(whole.labels[::2])
    neighbours = load_index(index[0], half, open_checkpoint(tiny_model).digest).neighbours
    full = load_index(index[0], whole, open_checkpoint(tiny_model).digest).neighbours
    assert np.array_equal(neighbours.counts, full.counts[::2])


def test_an_index_is_tied_to_its_model(index):
    with pytest.raises(CheckpointError, match="build the index again with the same --model"):
        Knowledge.of(ScoreConfig(model="embedded", index=index[0]))


def test_too_few_labelled_papers(labelled, tiny_model, tmp_path):
    papers, gold = labelled
    with pytest.raises(TaxonomyError, match="only 3 of 3 papers have a label of the taxonomy; an index needs 50"):
        build_index(papers[:3], gold, ScoreConfig(model=tiny_model), str(tmp_path / "index"), threads=1)


def test_an_index_never_overwrites(tmp_path):
    (tmp_path / "x").touch()
    with pytest.raises(OutputError, match="not empty"):
        index_corpus([demo_papers()], ["gold.tsv"], ScoreConfig(), str(tmp_path))


@pytest.fixture(scope="module")
def trained(labelled, tiny_tokenizer, tmp_path_factory):
    from transformers import BertConfig, BertModel

    base, out = (str(tmp_path_factory.mktemp(name)) for name in ("base", "trained"))
    shape = {"hidden_size": 64, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 128}
    BertModel(BertConfig(vocab_size=len(tiny_tokenizer), **shape)).save_pretrained(base)
    tiny_tokenizer.save_pretrained(base)
    config = TrainConfig(learning_rate=1e-3, threads=2)
    fine_tune(base, labelled[0], labelled[1], read_taxonomy(), out, epochs=2, config=config)
    return out


def test_fine_tuning_learns_and_says_what_from(trained, labelled):
    said = json.loads(Path(trained, "training.json").read_text())
    first, last = said["log"]
    assert last["held_out_loss"] < first["held_out_loss"] < 0.69
    kept = {p.paper_id for p in labelled[0]} - set(said["learnt_from"])
    assert kept
    assert all(fold_of(p, 5) == 0 for p in kept)
    model = EntailmentModel(trained)
    assert {p.dtype for p in model.model.parameters()} == {model.dtype}


def test_a_trained_checkpoint_is_calibrated_and_scores(trained, labelled, tmp_path):
    figures = calibrate(trained, *labelled, "default", 0)
    assert figures["held_out_micro_f1"] > 0.5
    knowledge = Knowledge.of(ScoreConfig(model=trained))
    assert knowledge.threshold == figures["threshold"]
    preparer, decider = Preparer(knowledge), Decider(knowledge, threads=1)
    right = wrong = 0
    for paper in labelled[0][:12]:
        for d in decider(preparer(paper)):
            true = TDM(d["task"], d["dataset"], d["metric"]) in labelled[1].results[paper.paper_id]
            right, wrong = right + true, wrong + (not true)
    assert right > wrong


def test_batches_hold_every_pair_once():
    pairs = [Pair("p", "x" * (i % 17), "h", bool(i % 2)) for i in range(1000)]
    found = [p for batch in batches(pairs, 32, seed=0) for p in batch]
    assert sorted(map(id, found)) == sorted(map(id, pairs))
