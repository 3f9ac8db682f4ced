"""The network in the form that serves: what int8 would blur stands apart from it."""

import copy

import torch
from torch import Tensor, nn

from oddline.scoring.training.network import Bert

_TINY = 1e-9  # keeps a token of nothing but zeros from dividing by zero
_HIGHEST_INT8 = 127


class ScaledByToken(nn.Module):
    """A linear layer whose input is brought to a largest value of 1 in each token, and back behind the product.

    int8 scales its input as a whole: beside a token of large values, as [SEP] has, those of all others lose digits.
    """

    def __init__(self, linear: nn.Linear) -> None:
        super().__init__()
        self.weight = nn.Parameter(linear.weight.detach().T.contiguous())
        self.bias = nn.Parameter(linear.bias.detach().clone())

    def forward(self, hidden: Tensor) -> Tensor:
        """(lines, tokens, inputs) → (lines, tokens, outputs)."""
        largest = hidden.abs().amax(-1, keepdim=True) + _TINY
        scaled: Tensor = (hidden / largest) @ self.weight * largest + self.bias
        return scaled


class EmbeddingInInt8(nn.Module):
    """An embedding of which each row is held in int8 with a scale of its own."""

    def __init__(self, embedding: nn.Embedding) -> None:
        super().__init__()
        weight = embedding.weight.detach()
        scale = weight.abs().amax(1, keepdim=True) / _HIGHEST_INT8 + _TINY
        self.rows = nn.Parameter(torch.round(weight / scale).to(torch.int8), requires_grad=False)
        self.scale = nn.Parameter(scale, requires_grad=False)

    def forward(self, ids: Tensor) -> Tensor:
        """(lines, tokens) → (lines, tokens, width)."""
        return self.rows[ids].to(torch.float32) * self.scale[ids]


def prepared(network: Bert) -> Bert:
    """A copy of the network that says the same and loses little in int8."""
    serving = copy.deepcopy(network)
    serving.words = EmbeddingInInt8(network.words)
    for layer in serving.layers:
        for name, part in list(layer.named_children()):
            if isinstance(part, nn.Linear):
                setattr(layer, name, ScaledByToken(part))
    serving.eval()
    return serving
