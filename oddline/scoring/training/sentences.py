"""Cut a published sentence encoder down to what searching patterns needs, and write it as the graph that serves."""

from pathlib import Path
from typing import Final

import numpy as np
import onnx
import onnxruntime
import torch
from numpy.typing import NDArray
from onnx import TensorProto, helper
from tokenizers import Tokenizer
from torch import nn

from oddline.patterns import Masker
from oddline.scoring.training import handwritten, pretrained, statements, tokens
from oddline.scoring.training.export import DisagreementError, write
from oddline.scoring.training.graph import Graph
from oddline.scoring.training.network import NORM_EPSILON, TINY, Bert, Layer, embedding

MAX_TOKENS: Final = 64
COMMON_WORDS: Final = 16_000
"""Of the vocabulary's 30,522, the most frequent first: people search with words that no log statement has."""

_STEPS: Final = 127  # of int8, either side of zero
_PROBES: Final = ("disk failure", "could not write block 17 of /dev/sda: I/O error", "user logged in")
_LEAST_COSINE: Final = 0.99


def export_sentences(*, out: Path, version: str, checkpoint: Path | None = None) -> dict[str, float]:
    """Write model.onnx, tokenizer.json and config.json to `out`; returns what was measured.

    Weights are kept in int8, each row with a scale of its own, and computed with in single precision: a query is short
    and each pattern is read once, so that what counts is the file, and a vector never depends on its neighbours.

    Raises:
        DisagreementError: a vector is further from the network's own than rounding explains.
        NotConfigured, InvalidParameter: as `pretrained.packaged`, `pretrained.begin`.
    """
    opened = pretrained.read(checkpoint or pretrained.packaged())
    texts = Masker().mask_many([*(one.text for one in statements.read()), *(one.text for one in handwritten.read())])
    tokenizer = tokens.cut(opened.words, texts, common=COMMON_WORDS)
    layers = sum(name.endswith(".attention.self.query.weight") for name in opened.weights)
    network = pretrained.begin(opened, tokenizer, layers=layers, positions=MAX_TOKENS + 2).eval()
    body = _graph(network).SerializeToString()
    config = {
        "version": version,
        "dimension": network.shape.width,
        "max_tokens": MAX_TOKENS,
        "vocabulary": tokenizer.get_vocab_size(),
    }
    write(body, tokenizer, config=config, out=out)
    return {
        "bytes": len(body),
        "vocabulary": tokenizer.get_vocab_size(),
        "cosine": _agreement(network, tokenizer, body),
    }


def _graph(network: Bert) -> onnx.ModelProto:
    """Texts of as many tokens each in, vectors of unit length out: the mean over all tokens, [CLS] and [SEP] too."""
    graph = Graph()
    scale, rows = _rounded(network.words.weight.detach().numpy())
    words = graph.op("Cast", graph.op("Gather", graph.constant("words", rows), "input_ids"), to=TensorProto.FLOAT)
    words = graph.op("Mul", words, graph.op("Gather", graph.constant("word_scales", scale), "input_ids"))
    places = graph.constant("places", network.places.weight.detach().numpy()[np.newaxis])
    length = graph.op("Gather", graph.op("Shape", "input_ids"), graph.constant("one", np.array([1], dtype=np.int64)))
    places = graph.op("Slice", places, graph.constant("zero", np.array([0], dtype=np.int64)), length, "one")
    hidden = _normal(graph, graph.op("Add", words, places), network.normal, name="normal")
    for number, layer in enumerate(network.layers):
        hidden = _layer(graph, layer, hidden, name=f"layer{number}")
    mean = graph.op("ReduceMean", hidden, graph.constant("axis_1", np.array([1], dtype=np.int64)), keepdims=0)
    graph.output("embedding", graph.op("LpNormalization", mean, axis=-1, p=2))
    info = helper.make_tensor_value_info
    return graph.model(
        [info("input_ids", TensorProto.INT64, ["texts", "tokens"])],
        [info("embedding", TensorProto.FLOAT, ["texts", network.shape.width])],
    )


def _layer(graph: Graph, layer: Layer, hidden: str, *, name: str) -> str:
    width = layer.mix.weight.shape[1]
    mixed = [
        _linear(graph, layer.mix, hidden, name=f"{name}.{part}", rows=slice(place * width, (place + 1) * width))
        for place, part in enumerate(("query", "key", "value"))
    ]
    attended = graph.contrib("MultiHeadAttention", *mixed, num_heads=layer.heads)
    hidden = graph.op("Add", _linear(graph, layer.attended, attended, name=f"{name}.attended"), hidden)
    hidden = _normal(graph, hidden, layer.after_attention, name=f"{name}.after_attention")
    wide = graph.contrib("Gelu", _linear(graph, layer.wide, hidden, name=f"{name}.wide"))
    hidden = graph.op("Add", _linear(graph, layer.narrow, wide, name=f"{name}.narrow"), hidden)
    return _normal(graph, hidden, layer.after_feed, name=f"{name}.after_feed")


def _linear(graph: Graph, linear: nn.Linear, hidden: str, *, name: str, rows: slice = slice(None)) -> str:
    """A product whose weights are unpacked when the model is opened: ONNX Runtime folds what is constant."""
    scale, packed = _rounded(linear.weight.detach().numpy()[rows])
    weight = graph.op("Cast", graph.constant(f"{name}.weight", packed.T), to=TensorProto.FLOAT)
    weight = graph.op("Mul", weight, graph.constant(f"{name}.scales", scale.T))
    bias = graph.constant(f"{name}.bias", linear.bias.detach().numpy()[rows])
    return graph.op("Add", graph.op("MatMul", hidden, weight), bias)


def _normal(graph: Graph, hidden: str, norm: nn.LayerNorm, *, name: str) -> str:
    weight, bias = (
        graph.constant(f"{name}.{part}", getattr(norm, part).detach().numpy()) for part in ("weight", "bias")
    )
    return graph.op("LayerNormalization", hidden, weight, bias, epsilon=NORM_EPSILON)


def _rounded(weights: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.int8]]:
    """The scale of each row, (rows, 1), and the weights as int8."""
    scale = np.abs(weights).max(axis=1, keepdims=True) / _STEPS + TINY
    return scale.astype(np.float32), np.rint(weights / scale).astype(np.int8)


def _agreement(network: Bert, tokenizer: Tokenizer, body: bytes) -> float:
    """The lowest cosine between what was written and the network itself, over a few texts."""
    session = onnxruntime.InferenceSession(body, providers=["CPUExecutionProvider"])
    lowest = 1.0
    for text in _PROBES:
        ids = torch.tensor([tokenizer.encode(text).ids])
        with torch.no_grad():
            exact = embedding(network.hidden(ids, torch.ones_like(ids)), torch.ones_like(ids)).numpy()[0]
        (served,) = session.run(["embedding"], {"input_ids": ids.numpy()})
        lowest = min(lowest, float(served[0] @ exact))
    if lowest < _LEAST_COSINE:
        raise DisagreementError(f"a vector of the written model is off by a cosine of {1 - lowest:.3f}")
    return lowest
