"""Turn a trained network into the files that serving reads, in int8, and choose what depends on its figures."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import numpy as np
import onnx
import onnxscript  # noqa: F401 (torch.onnx needs it, and would say so only after the training)
import torch
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from tokenizers import Tokenizer

from oddline.patterns import MASK_VERSION
from oddline.scoring.encoder import Encoder, severity
from oddline.scoring.novelty import NOVELTY_SCALE
from oddline.scoring.training.dataset import Example
from oddline.scoring.training.network import Bert, mean_logit, tensors

OPSET: Final = 18  # The lowest that torch writes; every ONNX Runtime since 2023 reads it.
INPUTS: Final = ("input_ids", "attention_mask", "read_mask")
OUTPUTS: Final = ("token_logits", "line_embedding")
ROUTINE_PASSING: Final = 0.05  # Share of held-out routine lines that the default threshold lets through as odd.
MOST_OFF: Final = 0.05  # Largest change of severity that int8 may make on a held-out line.
_CONSTANTS: Final = {
    "q_most": np.array(127, np.float32),
    "q_least": np.array(1e-9, np.float32),  # Instead of a division by zero.
    "q_last_axis": np.array([-1], np.int64),
}


class DisagreementError(RuntimeError):
    """The exported model's answers are too far from the network's."""


def export(
    network: Bert,
    tokenizer: Tokenizer,
    *,
    out: Path,
    max_tokens: int,
    version: str,
    held_out: Sequence[Example],
    facts: Mapping[str, float],
) -> dict[str, float]:
    """Write model.onnx (int8), tokenizer.json and config.json to `out`; answer with what was chosen and measured.

    Raises:
        DisagreementError: what was exported gives a severity that is more than MOST_OFF from the network's.
    """
    config: dict[str, object] = {
        "version": version,
        "dimension": network.shape.width,
        "layers": network.shape.layers,
        "heads": network.shape.heads,
        "max_tokens": max_tokens,
        "vocabulary": tokenizer.get_vocab_size(),
        "mask_version": MASK_VERSION,
        "novelty_scale": NOVELTY_SCALE,
        "default_threshold": 1.0,  # Until it is measured below.
    }
    exact = _severities(network, tokenizer, held_out=held_out)
    quantised = quantise(to_onnx(network, positions=max_tokens))
    onnx.checker.check_model(quantised)
    serving = Encoder.load(write(quantised, tokenizer, config=config, out=out))
    served = [severity(line.severity_logit) for line in serving.encode([example.pattern for example in held_out])]

    measured = _measure(np.array(served), exact=exact, held_out=held_out)
    if measured["int8_largest_change"] > MOST_OFF:
        raise DisagreementError(f"export moves a severity by {measured['int8_largest_change']:.3f}")
    config |= {"default_threshold": measured["default_threshold"], "training": {**facts, **measured}}
    write(quantised, tokenizer, config=config, out=out)
    return measured


def write(model: onnx.ModelProto, tokenizer: Tokenizer, *, config: Mapping[str, object], out: Path) -> Path:
    """Write the three files of a model, with the checksums of the other two in config.json; answer with the folder."""
    out.mkdir(parents=True, exist_ok=True)
    tokenizer.no_padding()
    tokenizer.no_truncation()
    files = {"model.onnx": model.SerializeToString(), "tokenizer.json": tokenizer.to_str().encode()}
    for name, body in files.items():
        (out / name).write_bytes(body)
    checksums = {name: hashlib.sha256(body).hexdigest() for name, body in files.items()}
    (out / "config.json").write_text(json.dumps({**config, "sha256": checksums}, indent=1) + "\n", encoding="utf-8")
    return out


def to_onnx(network: Bert, *, positions: int) -> onnx.ModelProto:
    """The network's serving pass in fp32, any number of lines and of tokens."""
    # Three tensors, not one three times: the exporter takes the same object for the same input.
    examples = tuple(torch.ones((2, positions), dtype=torch.long) for _ in INPUTS)
    lines, length = torch.export.Dim("lines"), torch.export.Dim("length", max=network.shape.positions)
    program = torch.onnx.export(
        network,
        examples,
        input_names=INPUTS,
        output_names=OUTPUTS,
        opset_version=OPSET,
        dynamic_shapes={name: {0: lines, 1: length} for name in INPUTS},
        dynamo=True,
        verbose=False,
    )
    model: onnx.ModelProto = program.model_proto
    return model


def quantise(model: onnx.ModelProto) -> onnx.ModelProto:
    """Do the products with weights in int8, the inputs scaled token by token.

    ONNX Runtime's own dynamic quantisation takes one scale for the whole batch, so that what a line gets depends on
    its neighbours. Here each token has its own: exact integer sums, the same whoever is beside it. Weights have a
    scale per column. (Vector-wise quantisation: Dettmers et al., LLM.int8(), 2022, section 2.)
    """
    quantised = onnx.ModelProto()
    quantised.CopyFrom(model)
    graph = quantised.graph
    weights = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
    nodes: list[onnx.NodeProto] = []
    replaced: set[str] = set()
    scaled: dict[str, tuple[str, str]] = {}
    for node in graph.node:
        weight = weights.get(node.input[1]) if node.op_type == "MatMul" else None
        if weight is None or weight.ndim != 2:
            nodes.append(node)
            continue
        if node.input[0] not in scaled:
            scaled[node.input[0]] = _scale_tokens(node.input[0], nodes=nodes)
        nodes += _integer_product(node, weight, tokens=scaled[node.input[0]], graph=graph)
        replaced.add(node.input[1])
    kept = [tensor for tensor in graph.initializer if tensor.name not in replaced]
    del graph.node[:], graph.initializer[:]
    graph.initializer.extend([*kept, *(numpy_helper.from_array(value, name) for name, value in _CONSTANTS.items())])
    graph.node.extend(nodes)
    return quantised


def _scale_tokens(name: str, *, nodes: list[onnx.NodeProto]) -> tuple[str, str]:
    """Append what turns a tensor into int8 with a scale per token; answer with the names of both."""
    made = f"{name}_q"
    nodes += [
        helper.make_node("Abs", [name], [f"{made}_abs"]),
        helper.make_node("ReduceMax", [f"{made}_abs", "q_last_axis"], [f"{made}_max"], keepdims=1),
        helper.make_node("Max", [f"{made}_max", "q_least"], [f"{made}_some"]),
        helper.make_node("Div", [f"{made}_some", "q_most"], [f"{made}_scale"]),
        helper.make_node("Div", [name, f"{made}_scale"], [f"{made}_units"]),
        helper.make_node("Round", [f"{made}_units"], [f"{made}_whole"]),
        helper.make_node("Cast", [f"{made}_whole"], [made], to=TensorProto.INT8),
    ]
    return made, f"{made}_scale"


def _integer_product(
    node: onnx.NodeProto, weight: NDArray[np.float32], *, tokens: tuple[str, str], graph: onnx.GraphProto
) -> list[onnx.NodeProto]:
    scale = np.maximum(np.abs(weight).max(axis=0), 1e-9) / 127.0
    made = f"{node.output[0]}_q"
    graph.initializer.extend(
        [
            numpy_helper.from_array(np.round(weight / scale).astype(np.int8), f"{made}_weight"),
            numpy_helper.from_array(scale.astype(np.float32), f"{made}_column"),
        ]
    )
    return [
        helper.make_node("MatMulInteger", [tokens[0], f"{made}_weight"], [f"{made}_sum"]),
        helper.make_node("Cast", [f"{made}_sum"], [f"{made}_float"], to=TensorProto.FLOAT),
        helper.make_node("Mul", [f"{made}_float", tokens[1]], [f"{made}_part"]),
        helper.make_node("Mul", [f"{made}_part", f"{made}_column"], [node.output[0]]),
    ]


def _severities(network: Bert, tokenizer: Tokenizer, *, held_out: Sequence[Example]) -> NDArray[np.float64]:
    logits = []
    with torch.no_grad():
        for example in held_out:
            ids, attended, read = tensors([example.pattern], tokenizer=tokenizer)
            token_logits, _ = network(ids, attended, read)
            logits.append(float(mean_logit(token_logits, read)))
    return np.array([severity(logit) for logit in logits])


def _measure(
    served: NDArray[np.float64], *, exact: NDArray[np.float64], held_out: Sequence[Example]
) -> dict[str, float]:
    targets = np.array([example.target for example in held_out])
    routine, bad = served[targets < 0.1], served[targets > 0.9]
    threshold = round(float(np.quantile(routine, 1.0 - ROUTINE_PASSING)), 2)
    return {
        "default_threshold": threshold,
        "held_out_auc": round(auc(bad, routine), 4),
        "held_out_bad_passing": round(float((bad >= threshold).mean()), 4),
        "int8_largest_change": round(float(np.abs(served - exact).max()), 5),
    }


def auc(higher: NDArray[np.float64], lower: NDArray[np.float64]) -> float:
    """Chance that a draw of `higher` is above one of `lower` (ties count half): area under the ROC curve."""
    _, inverse, counts = np.unique(np.concatenate([higher, lower]), return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[inverse]
    above = ranks[: len(higher)].sum() - len(higher) * (len(higher) + 1) / 2
    return float(above / (len(higher) * len(lower)))
