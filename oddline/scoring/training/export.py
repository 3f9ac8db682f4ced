"""Turn a trained network into the files that serving reads, in int8, and choose what depends on its figures."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from tokenizers import Tokenizer

from oddline.patterns import MASK_VERSION
from oddline.scoring.encoder import Encoder, severity
from oddline.scoring.evaluation.metrics import auc
from oddline.scoring.novelty import NOVELTY_SCALE
from oddline.scoring.training import graph
from oddline.scoring.training.dataset import HANDWRITTEN_WEIGHT, Example
from oddline.scoring.training.network import Bert, mean_logit, tensors

# Share of held-out routine lines, written by hand, that the default threshold takes for bad: it counts for what is new
# to a source alone. Many a statement that its author called debug sounds bad, and is.
ROUTINE_PASSING: Final = 0.14
MOST_OFF: Final = 0.1  # Largest change of severity that int8 may make on a held-out line: a mean one is 0.01.


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
    in_int8: bool = True,
) -> dict[str, float]:
    """Write model.onnx, tokenizer.json and config.json to `out`; answer with what was chosen and measured.

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
    body = graph.build(network, in_int8=in_int8).SerializeToString()
    serving = Encoder.load(write(body, tokenizer, config=config, out=out))
    served = [severity(line.severity_logit) for line in serving.encode([example.pattern for example in held_out])]

    measured = _measure(np.array(served), exact=exact, held_out=held_out)
    int8 = {name: measured.pop(name) for name in ("auc_change", "max_score_change")}
    if int8["max_score_change"] > MOST_OFF:
        raise DisagreementError(f"export moves a severity by {int8['max_score_change']:.3f}")
    config |= {"default_threshold": measured["default_threshold"], "training": {**facts, **measured}, "int8": int8}
    write(body, tokenizer, config=config, out=out)
    return measured


def write(model: bytes, tokenizer: Tokenizer, *, config: Mapping[str, object], out: Path) -> Path:
    """Write the three files of a model, with the checksums of the other two in config.json; answer with the folder."""
    out.mkdir(parents=True, exist_ok=True)
    tokenizer.no_padding()
    tokenizer.no_truncation()
    files = {"model.onnx": model, "tokenizer.json": tokenizer.to_str().encode()}
    for name, body in files.items():
        (out / name).write_bytes(body)
    checksums = {name: hashlib.sha256(body).hexdigest() for name, body in files.items()}
    (out / "config.json").write_text(json.dumps({**config, "sha256": checksums}, indent=1) + "\n", encoding="utf-8")
    return out


def _severities(network: Bert, tokenizer: Tokenizer, *, held_out: Sequence[Example]) -> NDArray[np.float64]:
    logits = []
    with torch.no_grad():
        for example in held_out:
            ids, _, read = tensors([example.pattern], tokenizer=tokenizer)
            token_logits, _ = network(ids, read)
            logits.append(float(mean_logit(token_logits, read)))
    return np.array([severity(logit) for logit in logits])


def _measure(
    served: NDArray[np.float64], *, exact: NDArray[np.float64], held_out: Sequence[Example]
) -> dict[str, float]:
    targets = np.array([example.target for example in held_out])
    is_written = np.array([example.weight == HANDWRITTEN_WEIGHT for example in held_out])
    routine, bad = served[targets < 0.1], served[targets > 0.9]
    sure = served[(targets < 0.1) & is_written]
    threshold = round(float(np.quantile(sure, 1.0 - ROUTINE_PASSING)), 2)
    return {
        "default_threshold": threshold,
        "held_out_auc": round(auc(bad, routine), 4),
        "held_out_bad_passing": round(float((served[(targets > 0.9) & is_written] >= threshold).mean()), 4),
        "max_score_change": round(float(np.abs(served - exact).max()), 5),
        "auc_change": round(abs(auc(bad, routine) - auc(exact[targets > 0.9], exact[targets < 0.1])), 5),
    }
