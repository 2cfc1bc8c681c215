"""A checkpoint's tokenizer, without torch; without transformers, too, where its file is all that it takes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from tokenizers import Tokenizer as Backend

from tdm_ray.classify.checkpoint import not_loadable
from tdm_ray.storage import exists, join, local_copy, read_json

_FILE = "tokenizer.json"
_WORDPIECE = ("BertTokenizer", "BertTokenizerFast")


class Tokenizer(Protocol):
    """What is used of a tokenizer; transformers' have it."""

    def __call__(
        self, text: Any, text_pair: Any = None, *, add_special_tokens: bool = True, verbose: bool = True
    ) -> Mapping[str, Any]:
        """`input_ids` of a text, of a pair, or of each text of a list; of a pair also `token_type_ids`, where
        the model has types."""


def load_tokenizer(name: str) -> Any:
    """The tokenizer of a checkpoint folder (or of a hub's model): a `Tokenizer`.

    Raises `CheckpointError` where there is none, or it is damaged."""
    folder = local_copy(name)
    try:
        return _tokenizer(folder)
    except Exception as error:  # noqa: BLE001 - `tokenizers` raises no other class
        raise not_loadable(name, error) from None


def _tokenizer(folder: str) -> Any:
    path = join(folder, "tokenizer_config.json")
    settings = read_json(path) if exists(path) else {}
    if exists(join(folder, _FILE)) and settings.get("tokenizer_class") in _WORDPIECE:
        return WordPiece(Backend.from_file(join(folder, _FILE)), settings)
    from transformers import AutoTokenizer  # torch comes with it: four seconds

    return AutoTokenizer.from_pretrained(folder)


class WordPiece:
    """BERT's tokenizer, from the files that transformers writes: `tokenizer.json` and its settings."""

    model_input_names = ("input_ids", "token_type_ids", "attention_mask")

    def __init__(self, backend: Backend, settings: Mapping[str, Any]) -> None:
        self._backend = backend
        self._backend.no_truncation()
        self._backend.no_padding()
        self.model_max_length = int(settings.get("model_max_length") or 512)
        pad = settings.get("pad_token") or "[PAD]"
        self.pad_token_id = self._backend.token_to_id(pad if isinstance(pad, str) else pad["content"])

    def __call__(
        self,
        text: str | Sequence[str],
        text_pair: str | None = None,
        *,
        add_special_tokens: bool = True,
        verbose: bool = True,
    ) -> dict[str, list[Any]]:
        """See `Tokenizer`."""
        if isinstance(text, str):
            encoded = self._backend.encode(text, text_pair, add_special_tokens=add_special_tokens)
            return {"input_ids": encoded.ids, "token_type_ids": encoded.type_ids}
        batch = self._backend.encode_batch(list(text), add_special_tokens=add_special_tokens)
        return {"input_ids": [encoded.ids for encoded in batch]}
