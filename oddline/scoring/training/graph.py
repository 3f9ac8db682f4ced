"""Write a network down as the ONNX graph that serves, operator by operator, so that nothing is computed in vain.

Exporters leave two hundred small operators behind, most of whose time is that of being called; here are fifty. Inputs
of products are brought to int8 by scales that are fixed (`network.Rounded`), so that no line depends on its neighbours.
"""

from typing import Final

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from torch import Tensor, nn

from oddline.scoring.encoder import EFFECTS
from oddline.scoring.novelty import HIGHEST_INT8, VIEW
from oddline.scoring.training.network import INPUT_STEPS, NORM_EPSILON, TINY, Bert, Layer, Rounded

OPSET: Final = 18  # read by every ONNX Runtime since 2023
_IR_VERSION: Final = 10
_CONTRIB: Final = "com.microsoft"  # of ONNX Runtime itself: attention and products in int8 as one operator each


class Graph:
    """Operators and constants, in the order in which they are written."""

    def __init__(self) -> None:
        self._nodes: list[onnx.NodeProto] = []
        self._constants: dict[str, onnx.TensorProto] = {}

    def constant(self, name: str, values: NDArray[np.generic]) -> str:
        """A constant under a name of its own; returns the name."""
        self._constants[name] = numpy_helper.from_array(np.ascontiguousarray(values), name)
        return name

    def op(self, kind: str, *inputs: str, **attributes: object) -> str:
        """An operator of ONNX; returns the name of its output."""
        return self._add(kind, inputs, domain="", attributes=attributes)

    def contrib(self, kind: str, *inputs: str, **attributes: object) -> str:
        """An operator of ONNX Runtime's own; returns the name of its output."""
        return self._add(kind, inputs, domain=_CONTRIB, attributes=attributes)

    def linear(self, name: str, hidden: str, *, weight: NDArray[np.float32], bias: NDArray[np.float32]) -> str:
        """A product in single precision: weight (outputs, inputs), bias (outputs,); returns the name of its output."""
        product = self.op("MatMul", hidden, self.constant(f"{name}.weight", weight.T))
        return self.op("Add", product, self.constant(f"{name}.bias", bias))

    def number(self, name: str, hidden: str, head: nn.Linear) -> str:
        """A head with one output; returns the name of it, (lines, tokens)."""
        product = self.linear(name, hidden, weight=_array(head.weight), bias=_array(head.bias))
        return self.op("Squeeze", product, self.constant("last_axis", np.array([-1], dtype=np.int64)))

    def output(self, name: str, value: str) -> None:
        """Give an operator's output the name that serving knows."""
        self._nodes.append(helper.make_node("Identity", [value], [name]))

    def model(self, inputs: list[onnx.ValueInfoProto], outputs: list[onnx.ValueInfoProto]) -> onnx.ModelProto:
        """All of it."""
        graph = helper.make_graph(self._nodes, "oddline", inputs, outputs, list(self._constants.values()))
        opsets = [helper.make_opsetid("", OPSET), helper.make_opsetid(_CONTRIB, 1)]
        return helper.make_model(graph, opset_imports=opsets, ir_version=_IR_VERSION)

    def _add(self, kind: str, inputs: tuple[str, ...], *, domain: str, attributes: dict[str, object]) -> str:
        name = f"{kind}_{len(self._nodes)}"
        self._nodes.append(helper.make_node(kind, list(inputs), [name], name=name, domain=domain, **attributes))
        return name


def build(network: Bert, *, in_int8: bool) -> onnx.ModelProto:
    """The serving pass of a network: lines of as many tokens each; logits, views, embeddings and effects out."""
    graph = Graph()
    hidden = _embedded(graph, network, in_int8=in_int8)
    for number, layer in enumerate(network.layers):
        hidden = _layer(graph, layer, hidden, name=f"layer{number}", in_int8=in_int8)
    graph.constant("axis_1", np.array([1], dtype=np.int64))
    is_read = graph.op("Cast", "read_mask", to=TensorProto.FLOAT)
    graph.output("token_logits", network.write_severity(graph, hidden, is_read))
    graph.output("token_views", graph.op("MatMul", hidden, graph.constant("view_axes", _array(network.view_axes))))
    summed = graph.op("MatMul", graph.op("Unsqueeze", is_read, "axis_1"), hidden)
    graph.output("line_embedding", graph.op("LpNormalization", graph.op("Squeeze", summed, "axis_1"), axis=-1, p=2))
    info = helper.make_tensor_value_info
    each: list[str | int] = ["lines", "tokens"]
    outputs = [
        info("token_logits", TensorProto.FLOAT, each),
        info("token_views", TensorProto.FLOAT, [*each, VIEW]),
        info("line_embedding", TensorProto.FLOAT, ["lines", network.shape.width]),
    ]
    if network.effects is not None:
        graph.output(EFFECTS, graph.number("effects", hidden, network.effects))
        outputs.append(info(EFFECTS, TensorProto.FLOAT, each))
    return graph.model([info(name, TensorProto.INT64, each) for name in ("input_ids", "read_mask")], outputs)


def _embedded(graph: Graph, network: Bert, *, in_int8: bool) -> str:
    rows = _array(network.words.weight)
    if in_int8:  # Each row with a scale of its own.
        scales = np.abs(rows).max(axis=1, keepdims=True) / HIGHEST_INT8 + TINY
        packed = graph.constant("words", np.rint(rows / scales).astype(np.int8))
        words = graph.op("Cast", graph.op("Gather", packed, "input_ids"), to=TensorProto.FLOAT)
        words = graph.op("Mul", words, graph.op("Gather", graph.constant("word_scales", scales), "input_ids"))
    else:
        words = graph.op("Gather", graph.constant("words", rows), "input_ids")
    places = graph.constant("places", _array(network.places.weight)[np.newaxis])
    length = graph.op("Gather", graph.op("Shape", "input_ids"), graph.constant("one", np.array([1], dtype=np.int64)))
    begin = graph.constant("zero", np.array([0], dtype=np.int64))
    places = graph.op("Slice", places, begin, length, "one")
    return _normal(graph, graph.op("Add", words, places), network.normal.weight, network.normal.bias, name="normal")


def _layer(graph: Graph, layer: Layer, hidden: str, *, name: str, in_int8: bool) -> str:
    width = layer.mix.weight.shape[1]
    given = _input(graph, layer.mix, hidden, name=f"{name}.mix", in_int8=in_int8)
    mixed = [
        _product(graph, layer.mix, given, name=f"{name}.{part}", rows=slice(place * width, (place + 1) * width))
        for place, part in enumerate(("query", "key", "value"))
    ]
    attended = graph.contrib("MultiHeadAttention", *mixed, num_heads=layer.heads)
    given = _input(graph, layer.attended, attended, name=f"{name}.attended", in_int8=in_int8)
    hidden = graph.op("Add", _product(graph, layer.attended, given, name=f"{name}.attended"), hidden)
    after = layer.after_attention
    hidden = _normal(graph, hidden, after.weight, after.bias, name=f"{name}.after_attention")
    given = _input(graph, layer.wide, hidden, name=f"{name}.wide", in_int8=in_int8)
    wide = graph.contrib("Gelu", _product(graph, layer.wide, given, name=f"{name}.wide"))
    hidden = graph.op("Add", _split_product(graph, layer.narrow, wide, name=f"{name}.narrow", in_int8=in_int8), hidden)
    return _normal(graph, hidden, layer.after_feed.weight, layer.after_feed.bias, name=f"{name}.after_feed")


def _normal(graph: Graph, hidden: str, weight: Tensor, bias: Tensor, *, name: str) -> str:
    scale = graph.constant(f"{name}.weight", _array(weight))
    return graph.op(
        "LayerNormalization", hidden, scale, graph.constant(f"{name}.bias", _array(bias)), epsilon=NORM_EPSILON
    )


def _input(graph: Graph, linear: Rounded, hidden: str, *, name: str, in_int8: bool) -> tuple[str, ...]:
    """A product's input: as it is, or in int8 with the names of its scale and zero point."""
    if not in_int8:
        bounds = (linear.lowest, linear.highest)
        if not np.isfinite(bounds).all():
            return (hidden,)
        lowest, highest = (
            graph.constant(f"{name}.{kind}", np.array(bound, dtype=np.float32))
            for kind, bound in zip(("lowest", "highest"), bounds, strict=True)
        )
        return (graph.op("Clip", hidden, lowest, highest),)
    step = (linear.highest - linear.lowest) / INPUT_STEPS
    scale = graph.constant(f"{name}.step", np.array(step, dtype=np.float32))
    zero = graph.constant(f"{name}.zero", np.array(round(-linear.lowest / step), dtype=np.uint8))
    return graph.op("QuantizeLinear", hidden, scale, zero), scale, zero


def _product(graph: Graph, linear: Rounded, given: tuple[str, ...], *, name: str, rows: slice = slice(None)) -> str:
    """The product of an input of `_input` with some rows of a layer's weights, in int8 without those that are far."""
    weights, bias = _array(linear.weight)[rows], _array(linear.bias)[rows]
    if len(given) == 1:
        return graph.linear(name, *given, weight=weights, bias=bias)
    offset = graph.constant(f"{name}.bias", bias)
    scales = _array(linear.scales())[rows]
    near = np.where(linear.is_far.numpy()[rows], np.float32(0.0), weights)
    packed = graph.constant(f"{name}.weight", np.rint(near / scales).astype(np.int8).T)
    hidden, step, zero = given
    of_column = graph.constant(f"{name}.scales", scales[:, 0])
    return graph.contrib("MatMulIntegerToFloat", hidden, packed, step, of_column, zero, "", offset)


def _split_product(graph: Graph, linear: Rounded, hidden: str, *, name: str, in_int8: bool) -> str:
    """A product, of which a few weights are far larger than the others of their row.

    In int8 they would take all digits from those: they are multiplied beside them, in single precision (as LLM.int8()
    does with inputs, Dettmers et al. 2022).
    """
    given = _input(graph, linear, hidden, name=name, in_int8=in_int8)
    is_far = linear.is_far.numpy()
    columns = np.flatnonzero(is_far.any(axis=0))
    if not in_int8 or not len(columns):
        return _product(graph, linear, given, name=name)
    chosen = graph.op("Gather", hidden, graph.constant(f"{name}.columns", columns), axis=-1)
    bounds = [np.array(bound, dtype=np.float32) for bound in (linear.lowest, linear.highest)]
    chosen = graph.op(
        "Clip", chosen, graph.constant(f"{name}.lowest", bounds[0]), graph.constant(f"{name}.highest", bounds[1])
    )
    far = graph.constant(f"{name}.far", np.where(is_far, _array(linear.weight), np.float32(0.0))[:, columns].T)
    return graph.op("Add", _product(graph, linear, given, name=name), graph.op("MatMul", chosen, far))


def _array(tensor: Tensor) -> NDArray[np.float32]:
    values: NDArray[np.float32] = tensor.detach().numpy()
    return values
