"""A checkpoint folder: model, tokenizer (Hugging Face's form), word counts and calibrator; and its id."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources

import pyarrow.parquet as pq

from tdm_ray.classify.calibration import Calibrator
from tdm_ray.config import EMBEDDED
from tdm_ray.errors import CheckpointError
from tdm_ray.storage import digest, exists, file_bytes, join, list_files, open_file, read_json

_FREQUENCY = "document_frequency.parquet"
_CALIBRATOR = "calibrator"
_TRAINING = "training.json"
_DECIDING = (
    ".safetensors",
    ".parquet",
    "config.json",
    "tokenizer.json",
    "vocab.txt",
    "prior.txt",
    "joint.json",
)


@dataclass(frozen=True)
class Checkpoint:
    """Where a model lies (`folder`: also a hub name) and what belongs to it; its weights are loaded
    elsewhere."""

    folder: str
    name: str
    document_frequency: Mapping[str, int]
    documents: int
    calibrator: Calibrator
    digest: str

    @property
    def calibrator_folder(self) -> str:
        """Where the calibrator lies, or is to be written."""
        return join(self.folder, _CALIBRATOR)

    @property
    def learnt_from(self) -> frozenset[str]:
        """The ids of the papers the model was trained on; empty where it does not say."""
        path = join(self.folder, _TRAINING)
        return frozenset(read_json(path)["learnt_from"]) if exists(path) else frozenset()

    def check(self) -> None:
        """Raises `CheckpointError` where the name of a hub leads to no model; a folder was checked when it
        was opened."""
        if exists(self.folder):
            return
        from transformers import AutoConfig  # two seconds: only for models of a hub

        try:
            AutoConfig.from_pretrained(self.folder)
        except (OSError, ValueError) as error:
            raise CheckpointError(
                f"{self.folder}: neither a folder nor a model of the hub "
                f"({str(error).splitlines()[0]}); give a "
                f"checkpoint folder, the name of a hub's model, or `{EMBEDDED}`"
            ) from None


def open_checkpoint(model: str, known_digest: str | None = None) -> Checkpoint:
    """The checkpoint `embedded`, or of a folder, or of a hub name; `known_digest` saves reading its files for
    that.

    A model without word counts takes those of the embedded checkpoint; one without a calibrator is decided by
    its own log-odds at one half. Raises `CheckpointError` for a folder that is no checkpoint."""
    own_digest = known_digest or checkpoint_digest(model)
    folder = _folder(model)
    if not exists(folder):
        return Checkpoint(folder, model, *_frequency(embedded_folder()), Calibrator.none(), own_digest)
    own = folder if exists(join(folder, _FREQUENCY)) else embedded_folder()
    has_calibrator = exists(join(folder, _CALIBRATOR, "joint.json"))
    calibrator = Calibrator.load(join(folder, _CALIBRATOR)) if has_calibrator else Calibrator.none()
    name = EMBEDDED if model == EMBEDDED else os.path.basename(folder.rstrip("/"))
    return Checkpoint(folder, name, *_frequency(own), calibrator, own_digest)


def checkpoint_digest(model: str) -> str:
    """The digest of all files of a checkpoint that decide; of a hub's model, of its name.

    Raises `CheckpointError` for a folder that is no checkpoint.
    """
    folder = _folder(model)
    if not exists(folder):
        if os.sep in model and model.count("/") != 1:
            raise CheckpointError(
                f"{model}: no such folder; give a checkpoint folder, a hub name, or `{EMBEDDED}`"
            )
        return digest([model.encode()])
    if not exists(join(folder, "config.json")) or not _weights(folder):
        raise CheckpointError(
            f"{model}: not a checkpoint: it must hold config.json, "
            "model.safetensors and the tokenizer's files "
            "(what `save_pretrained` of a Hugging Face model and tokenizer write)"
        )
    return digest(file_bytes(f for f in list_files(folder) if f.endswith(_DECIDING)))


def not_loadable(name: str, error: Exception) -> CheckpointError:
    """The error for a folder or name of which no encoder can be made."""
    return CheckpointError(
        f"{name}: no encoder could be loaded ({str(error).splitlines()[0]}); give the name or folder of a "
        f"Hugging Face encoder with model.safetensors and a tokenizer, or `{EMBEDDED}`"
    )


def missing_head(folder: str, weights: list[str]) -> CheckpointError:
    """The error for an encoder that lacks its classification head (or other weights)."""
    return CheckpointError(
        f"{folder}: an encoder without a trained classification head (no {', '.join(weights)}); "
        "fine-tune it first, see jobs/fine_tune.py"
    )


def _folder(model: str) -> str:
    return embedded_folder() if model == EMBEDDED else model


def embedded_folder() -> str:
    """Where the checkpoint that ships with tdm_ray lies."""
    return str(resources.files("tdm_ray.classify").joinpath("embedded"))


def embedded_cells() -> str:
    """Where the cell model that ships with tdm_ray lies (see `cell_model`)."""
    return str(resources.files("tdm_ray.classify").joinpath("embedded_cells"))


def _weights(folder: str) -> list[str]:
    return [f for f in list_files(folder) if f.endswith(".safetensors")]


def _frequency(folder: str) -> tuple[dict[str, int], int]:
    try:
        with open_file(join(folder, _FREQUENCY)) as file:
            table = pq.read_table(file)
    except FileNotFoundError:
        return {}, 0
    documents = int((table.schema.metadata or {}).get(b"documents", b"0"))
    return dict(zip(table["word"].to_pylist(), table["papers"].to_pylist(), strict=True)), documents
