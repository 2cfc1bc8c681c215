"""Fine-tune an encoder on a data set with Ray Train, on one core or on many GPU nodes.

    OUT/                 the checkpoint: model.safetensors (half precision), config, tokenizer, word counts
    OUT/training.json    config, log of all epochs, the ids of the papers learnt from; written last
    OUT/run/             Ray Train's own checkpoints while it is under way; what a killed run goes on from

Killed workers are started again, at most `max_failures` times; a killed driver goes on where it stood when
the same command is given again. Either way the steps since the last checkpoint are done again, not more."""

from __future__ import annotations

import os
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from typing import Any

import fsspec
import pyarrow.fs as pa_fs
import ray
import ray.train
import torch
from ray.data import ExecutionOptions
from ray.train.torch import TorchTrainer

from tdm_ray.classify.encoder import load_encoder, save_half
from tdm_ray.config import TrainConfig
from tdm_ray.errors import InputError, OutputError, TdmRayError
from tdm_ray.progress import Status, watch
from tdm_ray.run.cluster import connect, gpus, prepare_context
from tdm_ray.storage import (
    copy_files,
    digest,
    exists,
    file_bytes,
    join,
    list_files,
    read_json,
    read_table,
    remove_folder,
    scan_table,
    write_json,
)
from tdm_ray.training.batches import encode
from tdm_ray.training.dataset import PAIRS
from tdm_ray.training.loop import SCORE, STATE, train_worker

_FREQUENCY = "document_frequency.parquet"
_ROWS_A_BLOCK = 2_000


@ray.remote(num_cpus=0)
class ProgressBoard:
    """The first worker's progress, as an actor that the driver reads, perhaps from another machine."""

    def __init__(self) -> None:
        self.status: tuple[int, int | None, str] = (0, None, "workers start")

    def say(self, done: int, total: int, note: str) -> None:
        """Store the newest status: steps done, steps in all, and a note."""
        self.status = (done, total, note)

    def read(self) -> tuple[int, int | None, str]:
        """The newest status."""
        return self.status


def train_model(
    dataset: str, base: str, out: str, config: TrainConfig | None = None, *, fold: int = 1
) -> dict[str, Any]:
    """Fine-tune the encoder `base` (a folder or hub name) on a fold of `dataset`; returns what
    `training.json` holds.

    The held-out side is evaluated after each epoch, and the epoch of the highest average precision is what
    ends up in `out`. Raises `InputError` for what is no data set, `CheckpointError` for what is no encoder,
    `OutputError` where `out` holds something else, `TdmRayError` where training failed for good."""
    config = config or TrainConfig()
    sides = {side: join(dataset, f"fold{fold}", side) for side in ("train", "test")}
    identity = _identity(dataset, sides, base, config)
    if (
        exists(join(out, "training.json"))
        and (facts := read_json(join(out, "training.json"))).get("run") == identity
    ):
        return dict(facts)
    _claim(out, identity)
    load_encoder(base, outputs=1)  # what cannot be loaded is better known before a cluster starts
    connect()
    prepare_context()
    # Ray Train's workers run in a folder of their own.
    result = _fit(sides, os.path.abspath(base) if os.path.isdir(base) else base, out, config)
    facts = {
        "run": identity,
        "config": asdict(config),
        "base": os.path.basename(base.rstrip("/")),
        **_outcome(result),
        "learnt_from": sorted(
            read_table(sides["train"], PAIRS, ["paper_id"])["paper_id"].unique().to_pylist()
        ),
    }
    _export(result, dataset, out, facts)
    return facts


def _identity(dataset: str, sides: dict[str, str], base: str, config: TrainConfig) -> str:
    for folder in sides.values():
        if not exists(folder):
            raise InputError(
                f"{folder}: no such part of a data set; make one with `tdm-ray dataset` (not --tsv)"
            )
    facts = digest(file_bytes([join(dataset, "dataset.json")]))
    return digest([repr((facts, sorted(sides.values()), base, asdict(config))).encode()])


def _claim(out: str, identity: str) -> None:
    """Mark `out` as this run's. Raises `OutputError` where it is another's, or holds other files."""
    claim = join(out, "run.json")
    if exists(claim):
        if read_json(claim).get("run") != identity:
            raise OutputError(
                f"{out}: holds a training of other data or settings; choose another --out, or delete it"
            )
    elif exists(out) and list_files(out):
        raise OutputError(f"{out}: not empty; choose another --out, or delete it")
    write_json(claim, {"run": identity})


def _fit(sides: dict[str, str], base: str, out: str, config: TrainConfig) -> ray.train.Result:
    workers = config.workers or max(1, int(gpus()))
    on_gpu = gpus() >= workers
    data: dict[str, Any] = {side: _encoded(folder, base) for side, folder in sides.items()}
    board = ProgressBoard.remote()  # type: ignore[attr-defined]
    trainer = TorchTrainer(
        train_worker,
        train_loop_config={
            "config": asdict(config),
            "base": base,
            "rows": scan_table(sides["train"], PAIRS).count_rows(),
            "board": board,
        },
        datasets=data,
        dataset_config=ray.train.DataConfig(datasets_to_split="all", execution_options=_in_order()),
        scaling_config=ray.train.ScalingConfig(
            num_workers=workers, use_gpu=on_gpu, resources_per_worker={"CPU": 1, "GPU": int(on_gpu)}
        ),
        run_config=ray.train.RunConfig(
            name="run",
            **_storage(out),
            failure_config=ray.train.FailureConfig(max_failures=config.max_failures),
            # The best epoch is kept, and the newest state, which is what a killed run goes on from.
            checkpoint_config=ray.train.CheckpointConfig(num_to_keep=1, checkpoint_score_attribute=SCORE),
        ),
    )
    with _progress(board):
        try:
            return trainer.fit()
        except ray.train.TrainingFailedError as error:
            last = str(error).strip().splitlines()[-1]
            raise TdmRayError(
                f"training failed: {last}; the same command goes on from the last checkpoint"
            ) from error


def _storage(out: str) -> dict[str, Any]:
    """Where Ray Train keeps its checkpoints; credentials and endpoint come from the environment as
    elsewhere."""
    if "://" not in out:
        return {"storage_path": os.path.abspath(out)}
    fs, inner = fsspec.core.url_to_fs(out)
    return {"storage_path": inner, "storage_filesystem": pa_fs.PyFileSystem(pa_fs.FSSpecHandler(fs))}


def _in_order() -> ExecutionOptions:
    """Options that keep the order of blocks: a resumed epoch skips the steps that are done."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # Ray's own defaults set what Ray deprecates
        options = ray.train.DataConfig.default_ingest_options()
    options.preserve_order = True
    return options


def _encoded(folder: str, base: str) -> ray.data.Dataset:
    """The pairs of a folder, tokenised by CPU tasks while they are read."""
    blocks = ray.data.read_parquet(folder).repartition(target_num_rows_per_block=_ROWS_A_BLOCK)
    # Ray's type of a function over batches has no room for further arguments.
    encoding: Any = encode
    return blocks.map_batches(encoding, fn_kwargs={"base": base}, batch_size=None, batch_format="pyarrow")


def _outcome(result: ray.train.Result) -> dict[str, Any]:
    assert result.checkpoint is not None
    with result.checkpoint.as_directory() as folder:
        state = torch.load(os.path.join(folder, STATE), map_location="cpu", weights_only=True)
    log = state["progress"]["log"]
    return {"steps": log[-1]["step"], "best_epoch": _best(result)[1]["epoch"], "log": log}


def _best(result: ray.train.Result) -> tuple[ray.train.Checkpoint, dict[str, Any]]:
    return max(result.best_checkpoints or [], key=lambda kept: kept[1].get(SCORE, -1.0))


def _export(result: ray.train.Result, dataset: str, out: str, facts: dict[str, Any]) -> None:
    with _best(result)[0].as_directory() as folder, tempfile.TemporaryDirectory() as half:
        save_half(*load_encoder(folder), half)
        copy_files(half, out)
    if exists(join(dataset, _FREQUENCY)):
        copy_files(join(dataset, _FREQUENCY), out)
    write_json(join(out, "training.json"), facts)
    remove_folder(join(out, "run"))


@contextmanager
def _progress(board: Any) -> Iterator[None]:
    """Show how far the first worker is while the body runs."""
    with watch("training steps", lambda: Status(*ray.get(board.read.remote()))):
        yield
