"""Find the few directions along which words differ most, so that a word of a pattern takes 64 bytes to remember."""

from collections.abc import Sequence

import torch
from tokenizers import Tokenizer

from oddline.scoring.novelty import VIEW
from oddline.scoring.training.network import Bert, tensors

MOST_LINES = 4_000  # their words tell the directions as well as more would
LINES_AT_ONCE = 32


def fit(network: Bert, tokenizer: Tokenizer, patterns: Sequence[str]) -> None:
    """Set the network's `view_axes` to the principal axes (not centred) of its words in these patterns."""
    width = network.shape.width
    moments = torch.zeros((width, width), dtype=torch.float64)
    ordered = sorted(patterns[:MOST_LINES], key=len)
    with torch.no_grad():
        for start in range(0, len(ordered), LINES_AT_ONCE):
            ids, attended, read = tensors(ordered[start : start + LINES_AT_ONCE], tokenizer=tokenizer)
            words = network.hidden(ids, attended)[read == 1].double()
            words /= words.norm(dim=1, keepdim=True)
            moments += words.T @ words
        _, axes = torch.linalg.eigh(moments)
        network.view_axes.zero_()
        found = axes[:, -VIEW:].float()
        network.view_axes[:, : found.shape[1]] = found
