"""Fine-tuning on a real local Ray with tiny encoders: it learns, keeps the best, and survives being
killed."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import psutil
import pyarrow as pa
import pytest
import torch
from transformers import AutoTokenizer, BertConfig, BertModel, RobertaConfig, RobertaModel

from tdm_ray.classify.entailment import EntailmentModel
from tdm_ray.classify.resources import Resources
from tdm_ray.classify.scorer import Decider, Preparer
from tdm_ray.config import DatasetConfig, ScoreConfig, TrainConfig
from tdm_ray.errors import CheckpointError, InputError, OutputError
from tdm_ray.records import TDM
from tdm_ray.training.batches import ENCODED, batches, encode, grouped, steps_of, tensors
from tdm_ray.training.dataset import PAIRS, create_dataset
from tdm_ray.training.fine_tune import calibrate
from tdm_ray.training.fit import train_model

SHAPE = {"hidden_size": 64, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 128}
# A report takes up to two seconds, the interval at which Ray Train asks its workers.
QUICK = TrainConfig(epochs=2, learning_rate=1e-3, checkpoint_steps=20, warmup=0.1)


@pytest.fixture(scope="module")
def base(tiny_tokenizer, tmp_path_factory):
    folder = str(tmp_path_factory.mktemp("base"))
    torch.manual_seed(0)
    BertModel(BertConfig(vocab_size=len(tiny_tokenizer), **SHAPE)).save_pretrained(folder)
    tiny_tokenizer.save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def dataset(labelled_files, tmp_path_factory):
    out = str(tmp_path_factory.mktemp("pairs") / "dataset")
    files = [str(labelled_files / name) for name in ("papers.jsonl", "gold.tsv", "taxonomy.tsv")]
    create_dataset([files[0]], [files[1]], files[2], out, DatasetConfig(folds=1, allowed_unknown=0))
    return out


@pytest.fixture(scope="module")
def trained(ray_session, dataset, base, tmp_path_factory):
    out = str(tmp_path_factory.mktemp("trained") / "checkpoint")
    return out, train_model(dataset, base, out, QUICK)


def test_it_learns_and_keeps_the_best_epoch(trained, dataset):
    out, facts = trained
    first, last = facts["log"]
    assert last["loss"] < first["loss"]
    assert last["average_precision"] > 0.2  # a tenth of the rows is true
    assert facts["best_epoch"] == max((e["average_precision"], e["epoch"]) for e in facts["log"])[1]
    rows = sum(
        side["true"] + side["false"]
        for side in json.loads(Path(dataset, "dataset.json").read_text())["sides"]
        if side["side"] == "train"
    )
    assert facts["steps"] == 2 * -(-rows // 32)
    assert json.loads(Path(out, "training.json").read_text()) == facts
    left = {p.relative_to(out).parts[0] for p in Path(out).rglob("*")}
    assert left == {
        "config.json",
        "document_frequency.parquet",
        "model.safetensors",
        "run.json",
        "tokenizer.json",
        "tokenizer_config.json",
        "training.json",
    }


def test_a_finished_training_is_only_reported(trained, dataset, base):
    out, facts = trained
    before = Path(out, "model.safetensors").stat().st_mtime_ns
    assert train_model(dataset, base, out, QUICK) == facts
    assert Path(out, "model.safetensors").stat().st_mtime_ns == before
    with pytest.raises(OutputError, match="other data or settings"):
        train_model(dataset, base, out, TrainConfig(epochs=3))


def test_a_trained_checkpoint_is_calibrated_and_scores(trained, labelled, labelled_files):
    out, facts = trained
    files = [str(labelled_files / name) for name in ("papers.jsonl", "gold.tsv", "taxonomy.tsv")]
    figures = calibrate(out, [files[0]], [files[1]], files[2], 5)
    assert figures["held_out_micro_f1"] > 0.5
    assert figures["joint_papers"] == 108 - len(facts["learnt_from"])
    resources = Resources.of(ScoreConfig(model=out))
    preparer = Preparer(resources)
    decider = Decider(resources, threads=1)
    right = wrong = 0
    for paper in labelled[0][:12]:
        prepared = preparer(paper)
        for d in decider(prepared, decider.log_odds([prepared])[0]):
            true = TDM(d["task"], d["dataset"], d["metric"]) in labelled[1].results[paper.paper_id]
            right = right + true
            wrong = wrong + (not true)
    assert right > wrong


@pytest.mark.long  # another training
def test_other_encoders_and_split_steps(ray_session, dataset, tiny_tokenizer, tmp_path, monkeypatch):
    """An encoder without token types, named from here, three batches a step: the same rows and number of
    steps."""
    torch.manual_seed(0)
    RobertaModel(
        RobertaConfig(vocab_size=len(tiny_tokenizer), max_position_embeddings=200, pad_token_id=0, **SHAPE)
    ).save_pretrained(tmp_path / "base")
    tiny_tokenizer.model_input_names = ["input_ids", "attention_mask"]
    try:
        tiny_tokenizer.save_pretrained(tmp_path / "base")
    finally:
        tiny_tokenizer.model_input_names = ["input_ids", "token_type_ids", "attention_mask"]
    config = TrainConfig(epochs=1, pairs_a_step=96, accumulate=3, learning_rate=1e-3)
    monkeypatch.chdir(tmp_path)
    facts = train_model(dataset, "base", "out", config)
    assert facts["steps"] == pytest.approx(1188 / 96, abs=1.5)
    assert EntailmentModel(str(tmp_path / "out")).config.model_type == "roberta"


@pytest.mark.long  # two trainings more
def test_killed_workers_start_again(ray_session, dataset, base, trained, tmp_path):
    """Two workers, one killed once a checkpoint is there: the same steps, and a loss within noise."""
    config = TrainConfig(**{**vars(QUICK), "workers": 2})
    undisturbed = train_model(dataset, base, str(tmp_path / "undisturbed"), config)
    killed = threading.Thread(target=kill_a_worker, args=(tmp_path / "killed" / "run",))
    killed.start()
    facts = train_model(dataset, base, str(tmp_path / "killed"), config)
    killed.join()
    same_end(facts, undisturbed)
    # Two workers make of the same rows what one makes of them.
    assert abs(facts["steps"] - trained[1]["steps"]) <= 2
    assert facts["log"][-1]["held_out_loss"] == pytest.approx(
        trained[1]["log"][-1]["held_out_loss"], rel=0.25
    )


def kill_a_worker(run):
    deadline = time.monotonic() + 300
    while not list(run.glob("checkpoint_*")) and time.monotonic() < deadline:
        time.sleep(0.02)
    ours = psutil.Process().children(recursive=True)  # Ray's own processes are the driver's children
    workers = [p for p in ours if "RayTrainWorker" in " ".join(p.cmdline())]
    assert len(workers) == 2
    workers[-1].send_signal(signal.SIGKILL)


KILLED = """
import json, sys
from tdm_ray.config import TrainConfig
from tdm_ray.training.fit import train_model
train_model(*sys.argv[1:4], TrainConfig(**json.loads(sys.argv[4])))
"""


@pytest.mark.long  # two trainings more; in CI a run is killed (test_ray_engine.py)
def test_a_killed_driver_goes_on(ray_session, dataset, base, trained, tmp_path):
    out = tmp_path / "killed"
    command = [sys.executable, "-c", KILLED, dataset, base, str(out), json.dumps(vars(QUICK))]
    driver = subprocess.Popen(command, start_new_session=True, env={**os.environ, "RAY_ADDRESS": ""})
    deadline = time.monotonic() + 300
    while len(list((out / "run").glob("checkpoint_*/state.pt"))) < 1 and time.monotonic() < deadline:
        assert driver.poll() is None
        time.sleep(0.02)
    os.killpg(driver.pid, signal.SIGKILL)
    driver.wait()
    assert not (out / "training.json").exists()
    assert not (out / "model.safetensors").exists()
    same_end(train_model(dataset, base, str(out), QUICK), trained[1])
    assert not (out / "run").exists()


def same_end(facts, undisturbed):
    assert facts["steps"] == undisturbed["steps"]
    assert [e["step"] for e in facts["log"]] == [e["step"] for e in undisturbed["log"]]
    for name in ("loss", "held_out_loss"):
        assert facts["log"][-1][name] == pytest.approx(undisturbed["log"][-1][name], rel=0.15)


def test_what_cannot_be_trained(dataset, base, tmp_path):
    with pytest.raises(InputError, match="no such part of a data set; make one with `tdm-ray dataset`"):
        train_model(str(tmp_path), base, str(tmp_path / "out"))
    with pytest.raises(CheckpointError, match="no encoder could be loaded"):
        train_model(dataset, str(tmp_path / "none"), str(tmp_path / "out"))
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "x").touch()
    with pytest.raises(OutputError, match="not empty"):
        train_model(dataset, base, str(tmp_path / "full"))


def pool(rows):
    lengths = np.random.default_rng(rows).integers(3, 60, rows)
    return pa.table(
        {
            "label": [bool(n % 3) for n in lengths],
            "ids": [list(range(n)) for n in lengths],
            "types": [[0] * n for n in lengths],
        }
    ).cast(ENCODED)


@pytest.mark.parametrize("rows", [1, 31, 32, 33, 1600, 1601, 4000])
def test_batches_hold_every_row_once_and_are_counted(rows):
    pools = [pool(rows).slice(i, 1600) for i in range(0, rows, 1600)]
    found = list(batches(pools, 32, seed=0))
    lengths = sorted(n for b in found for n in b["ids"].combine_chunks().value_lengths().to_pylist())
    assert lengths == sorted(pool(rows)["ids"].combine_chunks().value_lengths().to_pylist())
    assert len(list(grouped(found, 3))) == steps_of(rows, 32, 3)
    assert [b.to_pylist() for b in batches(pools, 32, seed=0)] == [b.to_pylist() for b in found]


def test_encoded_pairs_are_what_the_tokenizer_makes_of_them(base):
    """As scoring reads them too (test_model holds its pairs against the tokenizer's)."""
    pairs = pa.table(
        {
            "label": [True, False],
            "paper_id": ["a", "b"],
            "TDM": ["Task; Set; F1", "x; y; z"],
            "context": ["a long " * 300, "short"],
        },
        schema=PAIRS,
    )
    table = encode(pairs, base)
    given = tensors(table, 0, ["token_type_ids"], torch.device("cpu"))
    tokenizer = AutoTokenizer.from_pretrained(base)
    wanted = tokenizer(
        pairs["context"].to_pylist(),
        pairs["TDM"].to_pylist(),
        truncation="only_first",
        max_length=160,
        padding=True,
        return_tensors="pt",
    )
    for name, tensor in given.items():
        assert torch.equal(tensor, wanted[name]), name
