"""Make the severity of lines that training never saw as sure as it is right."""

from collections.abc import Sequence

import torch
from tokenizers import Tokenizer
from torch import Tensor
from torch.nn import functional

from oddline.scoring.training.dataset import HANDWRITTEN_WEIGHT, Example
from oddline.scoring.training.network import Bert, mean_logit, tensors

LINES_AT_ONCE = 32


def temper(network: Bert, tokenizer: Tokenizer, held_out: Sequence[Example]) -> tuple[float, float]:
    """Scale and shift the severity logits by what fits the held-out handwritten lines best (Platt 1999).

    Both go into the severity head, so that shares still add up. Returns scale and offset.
    """
    written = [example for example in held_out if example.weight == HANDWRITTEN_WEIGHT]
    logits = _logits(network, tokenizer, [example.pattern for example in written])
    scale, offset = _fit(logits, torch.tensor([example.target for example in written]))
    with torch.no_grad():
        network.severity.weight.mul_(scale)
        network.severity.bias.mul_(scale).add_(offset)
    return round(scale, 3), round(offset, 3)


def _logits(network: Bert, tokenizer: Tokenizer, patterns: Sequence[str]) -> Tensor:
    found = []
    with torch.no_grad():
        for start in range(0, len(patterns), LINES_AT_ONCE):
            ids, attended, read = tensors(patterns[start : start + LINES_AT_ONCE], tokenizer=tokenizer)
            found.append(mean_logit(network.severity(network.hidden(ids, attended)).squeeze(-1), read))
    return torch.cat(found)


def _fit(logits: Tensor, targets: Tensor) -> tuple[float, float]:
    fitted = torch.tensor([1.0, 0.0], requires_grad=True)
    optimizer = torch.optim.LBFGS([fitted], max_iter=100, line_search_fn="strong_wolfe")

    def loss() -> Tensor:
        optimizer.zero_grad()
        found = functional.binary_cross_entropy_with_logits(fitted[0] * logits + fitted[1], targets)
        found.backward()
        return found

    optimizer.step(loss)
    scale, offset = fitted.tolist()
    return scale, offset
