"""BERT for scoring, in plain torch: transformers takes three seconds to import, these lines none.

The architecture is that of Devlin et al. (NAACL 2019). Modules have the names of transformers'
`BertForSequenceClassification`, so that its checkpoints load as they are. The operations are the same, but
the last layer is computed for the first token only, of which the head reads nothing else: with six layers
that saves a seventh. The logits differ from those of transformers by rounding (a test compares them).
Training, and every other encoder, go through transformers (`encoder`)."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, NamedTuple

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file
from torch import nn
from torch.nn.functional import gelu, scaled_dot_product_attention

from tdm_ray.classify.checkpoint import embedded_folder, missing_head, not_loadable
from tdm_ray.config import EMBEDDED
from tdm_ray.storage import exists, join, local_copy, read_json

_WEIGHTS = "model.safetensors"
WORDS = "bert.embeddings.word_embeddings.weight"
# What this room computes; a config that differs in one of these is left to transformers.
_COMPUTED = {
    "model_type": "bert",
    "architectures": ["BertForSequenceClassification"],
    "hidden_act": "gelu",
    "is_decoder": False,
    "add_cross_attention": False,
    "position_embedding_type": "absolute",
}


def is_bert(folder: str) -> bool:
    """Whether a checkpoint folder holds a model that `load_bert` can load.

    Raises `InputError` where its config is damaged."""
    if not exists(join(folder, "config.json")) or not exists(join(folder, _WEIGHTS)):
        return False
    config = read_json(join(folder, "config.json"))
    return all(config.get(name, value) == value for name, value in _COMPUTED.items())


def load_bert(folder: str) -> Bert:
    """The model of a checkpoint folder, in single precision. One that was trained with the word embeddings of
    the embedded checkpoint frozen (`word_embeddings_from` in its config) takes them from there.

    Raises `CheckpointError` where weights are missing, damaged, or of other shapes than the config says."""
    place = local_copy(folder)
    config = SimpleNamespace(**read_json(join(place, "config.json")))
    try:
        weights = load_file(join(place, _WEIGHTS))
        if getattr(config, "word_embeddings_from", None) == EMBEDDED:
            with safe_open(join(embedded_folder(), _WEIGHTS), "pt") as file:
                weights[WORDS] = file.get_tensor(WORDS)
        outputs = weights["classifier.bias"].shape[0] if "classifier.bias" in weights else 1
        model = Bert(config, outputs)
        missing = model.load_state_dict(weights, strict=False).missing_keys
    except (OSError, SafetensorError, RuntimeError, AttributeError) as error:
        raise not_loadable(folder, error) from None
    if missing:
        raise missing_head(folder, missing)
    return model


class Logits(NamedTuple):
    """What a model returns, as transformers' models do; shape (pairs, outputs)."""

    logits: torch.Tensor


class Bert(nn.Module):
    """A BERT with a classification head; `config` has the names of transformers' `BertConfig`."""

    def __init__(self, config: SimpleNamespace, outputs: int) -> None:
        super().__init__()
        self.config = config
        size = config.hidden_size
        tables = {
            "word": config.vocab_size,
            "position": config.max_position_embeddings,
            "token_type": config.type_vocab_size,
        }
        embeddings = {f"{name}_embeddings": nn.Embedding(rows, size) for name, rows in tables.items()}
        layers = nn.ModuleList([_layer(config) for _ in range(config.num_hidden_layers)])
        self.bert = nn.ModuleDict(
            {
                "embeddings": nn.ModuleDict({**embeddings, "LayerNorm": _norm(config)}),
                "encoder": nn.ModuleDict({"layer": layers}),
                "pooler": nn.ModuleDict({"dense": nn.Linear(size, size)}),
            }
        )
        self.classifier = nn.Linear(size, outputs)

    def forward(
        self, input_ids: torch.Tensor, attention_mask: torch.Tensor, token_type_ids: torch.Tensor
    ) -> Logits:
        """The logits of pairs; the arguments have the shape (pairs, tokens)."""
        bert: Any = self.bert
        table = bert["embeddings"]
        positions = torch.arange(input_ids.shape[1], device=input_ids.device)[None]
        hidden = table["word_embeddings"](input_ids) + table["token_type_embeddings"](token_type_ids)
        hidden = table["LayerNorm"](hidden + table["position_embeddings"](positions))
        mask = None if attention_mask.all() else attention_mask.bool()[:, None, None, :]
        *layers, last = bert["encoder"]["layer"]
        for layer in layers:
            hidden = self._through(layer, hidden, hidden, mask)
        first = self._through(last, hidden[:, :1], hidden, mask)[:, 0]
        return Logits(self.classifier(torch.tanh(bert["pooler"]["dense"](first))))

    def _through(
        self, layer: Any, tokens: torch.Tensor, every: torch.Tensor, mask: torch.Tensor | None
    ) -> torch.Tensor:
        """A layer's output for `tokens`, which attend to `every` token; shape of `tokens`."""
        projection = layer["attention"]["self"]
        query = self._heads(projection["query"](tokens))
        key = self._heads(projection["key"](every))
        value = self._heads(projection["value"](every))
        context = scaled_dot_product_attention(query, key, value, attn_mask=mask)
        tokens = _add(layer["attention"]["output"], context.transpose(1, 2).reshape(tokens.shape), tokens)
        return _add(layer["output"], gelu(layer["intermediate"]["dense"](tokens)), tokens)

    def _heads(self, hidden: torch.Tensor) -> torch.Tensor:
        """Shape (pairs, tokens, size) -> (pairs, heads, tokens, size of a head)."""
        return hidden.view(*hidden.shape[:2], self.config.num_attention_heads, -1).transpose(1, 2)


def _add(part: Any, inner: torch.Tensor, hidden: torch.Tensor) -> torch.Tensor:
    added: torch.Tensor = part["LayerNorm"](part["dense"](inner) + hidden)
    return added


def _layer(config: SimpleNamespace) -> nn.ModuleDict:
    size = config.hidden_size
    projections = {name: nn.Linear(size, size) for name in ("query", "key", "value")}
    return nn.ModuleDict(
        {
            "attention": nn.ModuleDict(
                {"self": nn.ModuleDict(projections), "output": _dense_norm(size, config)}
            ),
            "intermediate": nn.ModuleDict({"dense": nn.Linear(size, config.intermediate_size)}),
            "output": _dense_norm(config.intermediate_size, config),
        }
    )


def _dense_norm(inputs: int, config: SimpleNamespace) -> nn.ModuleDict:
    return nn.ModuleDict({"dense": nn.Linear(inputs, config.hidden_size), "LayerNorm": _norm(config)})


def _norm(config: SimpleNamespace) -> nn.LayerNorm:
    return nn.LayerNorm(config.hidden_size, eps=config.layer_norm_eps)
