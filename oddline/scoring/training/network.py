"""The BERT itself, in the form of Devlin et al. 2018, so that published checkpoints of any size load into it."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import torch
from tokenizers import Tokenizer
from torch import Tensor, nn
from torch.nn import functional

from oddline.scoring.novelty import VIEW

if TYPE_CHECKING:
    from oddline.scoring.training.graph import Graph

NORM_EPSILON: Final = 1e-12
INPUT_STEPS: Final = 255  # of an input's range: 8 bits
WEIGHT_STEPS: Final = 63
"""Of the largest weight of a row: 7 bits. With 8, sums overflow on processors without VNNI."""

FAR: Final = 6.0  # times the root mean square of a row: what a normal distribution has once in 500 million
TINY: Final = 1e-9  # keeps a row of nothing but zeros from dividing by zero
DROPPED_SHARE: Final = 0.1  # as in BERT

LOWEST_GELU: Final = -0.17  # the function's own minimum


@dataclass(frozen=True, slots=True)
class Ranges:
    """How large the inputs of products may be: from minus to plus so much, and from LOWEST_GELU to `gelu`.

    MiniLM's words reach 3 as a rule; only [CLS] and [SEP] have values of 28. The narrower, the finer are the steps of
    int8: a network learns within the wide ones and ends with those that it then needs.
    """

    normal: float = 5.0
    attended: float = 3.0
    gelu: float = 6.0


NARROWED: Final = Ranges(normal=4.0, attended=2.0, gelu=3.5)  # one value in some thousand lies outside
UNBOUNDED: Final = Ranges(normal=math.inf, attended=math.inf, gelu=math.inf)


@dataclass(frozen=True, slots=True)
class Shape:
    """How large a network is. `positions` counts [CLS] and [SEP] too."""

    vocabulary: int
    layers: int
    width: int
    heads: int
    positions: int


class Rounded(nn.Linear):
    """A product in the numbers that int8 has: inputs within a range, and, in training, everything rounded.

    Gradients pass through the rounding as if it were not there (straight-through estimator, Bengio et al. 2013), so the
    network learns weights that mean the same in int8 (Jacob et al. 2018). What lies outside of the range is cut off, in
    training and in serving: a few values of [CLS] and [SEP], which would take all digits from those of words. A few
    weights may be far larger than the others of their row: `is_far` (outputs, inputs) are those that stay as they are.
    """

    is_far: Tensor

    def __init__(self, inputs: int, outputs: int, *, lowest: float = -math.inf, highest: float = math.inf) -> None:
        super().__init__(inputs, outputs)
        self.lowest, self.highest = lowest, highest
        self.register_buffer("is_far", torch.zeros((outputs, inputs), dtype=torch.bool))

    def part_far(self) -> None:
        """Set `is_far` by the weights as they are."""
        weight = self.weight.detach()
        self.is_far = weight.abs() > FAR * weight.square().mean(1, keepdim=True).sqrt()

    def scales(self) -> Tensor:
        """What a step of each row's weights in int8 is worth, (outputs, 1)."""
        near = self.weight.detach().masked_fill(self.is_far, 0.0)
        return near.abs().amax(1, keepdim=True) / WEIGHT_STEPS + TINY

    def rounded(self) -> Tensor:
        """The weights as int8 has them, (outputs, inputs)."""
        weight, scales = self.weight.detach(), self.scales()
        return torch.where(self.is_far, weight, (weight / scales).round() * scales)

    def forward(self, hidden: Tensor) -> Tensor:
        """(..., inputs) → (..., outputs)."""
        kept, weight = hidden.clamp(self.lowest, self.highest), self.weight
        if self.training:
            step = (self.highest - self.lowest) / INPUT_STEPS
            kept = kept + ((kept / step).round() * step - kept).detach()
            weight = weight + (self.rounded() - weight).detach()
        return functional.linear(kept, weight, self.bias)


class Layer(nn.Module):
    """Self-attention and a feed-forward part, each with a residual, normalised after."""

    def __init__(self, shape: Shape, *, ranges: Ranges) -> None:
        super().__init__()
        self.heads, self.size = shape.heads, shape.width // shape.heads
        # Query, key and value in one product.
        self.mix = Rounded(shape.width, 3 * shape.width)
        self.attended = Rounded(shape.width, shape.width)
        self.after_attention = nn.LayerNorm(shape.width, eps=NORM_EPSILON)
        self.wide = Rounded(shape.width, 4 * shape.width)
        self.narrow = Rounded(4 * shape.width, shape.width)
        self.after_feed = nn.LayerNorm(shape.width, eps=NORM_EPSILON)
        self.drop = nn.Dropout(DROPPED_SHARE)
        self.bound(ranges)

    def bound(self, ranges: Ranges) -> None:
        """Let inputs be so large."""
        self.mix.highest = self.wide.highest = ranges.normal
        self.attended.highest, self.narrow.highest = ranges.attended, ranges.gelu
        for product in (self.mix, self.wide, self.attended):
            product.lowest = -product.highest
        self.narrow.lowest = LOWEST_GELU if math.isfinite(ranges.gelu) else -math.inf

    def forward(self, hidden: Tensor, bias: Tensor) -> Tensor:
        """(lines, tokens, width) → the same; `bias` (lines, 1, 1, tokens) is very negative at padding."""
        lines, tokens, width = hidden.shape
        mixed = self.mix(hidden).view(lines, tokens, 3, self.heads, self.size)
        query, key, value = mixed.permute(2, 0, 3, 1, 4).unbind(0)
        weights = torch.softmax(query @ key.transpose(-1, -2) * self.size**-0.5 + bias, dim=-1)
        attended = (weights @ value).transpose(1, 2).reshape(lines, tokens, width)
        hidden = self.after_attention(hidden + self.drop(self.attended(attended)))
        normal: Tensor = self.after_feed(hidden + self.drop(self.narrow(functional.gelu(self.wide(hidden)))))
        return normal


class Bert(nn.Module):
    """Token and position embeddings, layers, and two heads: the word behind a mask, and severity.

    `view_axes` (width, VIEW) are the directions that words are compared along; `views.fit` finds them. `effects` says
    what each word piece does to the severity of its line; `effects.fit` makes it, of networks that have one.
    """

    view_axes: Tensor

    def __init__(self, shape: Shape, *, ranges: Ranges = UNBOUNDED) -> None:
        super().__init__()
        self.shape = shape
        self.effects: nn.Linear | None = None
        self.words = nn.Embedding(shape.vocabulary, shape.width)
        self.places = nn.Embedding(shape.positions, shape.width)
        self.normal = nn.LayerNorm(shape.width, eps=NORM_EPSILON)
        self.drop = nn.Dropout(DROPPED_SHARE)
        self.layers = nn.ModuleList(Layer(shape, ranges=ranges) for _ in range(shape.layers))
        self.before_words = nn.Linear(shape.width, shape.width)
        self.word_bias = nn.Parameter(torch.zeros(shape.vocabulary))
        self.severity = nn.Linear(shape.width, 1)
        self.register_buffer("view_axes", torch.eye(shape.width, VIEW))
        for weight in (self.words.weight, self.places.weight, self.severity.weight):
            nn.init.normal_(weight, std=0.02)

    def hidden(self, ids: Tensor, attended: Tensor) -> Tensor:
        """(lines, tokens) of ids and of 1 for what is no padding → (lines, tokens, width)."""
        place = torch.arange(ids.shape[1], device=ids.device)
        hidden: Tensor = self.drop(self.normal(self.words(ids) + self.places(place)))
        bias = (attended[:, None, None, :].to(hidden.dtype) - 1.0) * 1e4
        for layer in self.layers:
            hidden = layer(hidden, bias)
        return hidden

    def settle(self, ranges: Ranges) -> None:
        """Become what will serve: weights as training computed with them, rounded, and inputs within these ranges."""
        for layer in self.layers:
            layer.bound(ranges)
        with torch.no_grad():
            for module in self.modules():
                if isinstance(module, Rounded):
                    module.weight.copy_(module.rounded())

    def word_logits(self, hidden: Tensor) -> Tensor:
        """(n, width) of masked places → (n, vocabulary); weights tied to the word embeddings."""
        return functional.gelu(self.before_words(hidden)) @ self.words.weight.T + self.word_bias

    def write_severity(self, graph: "Graph", hidden: str, is_read: str) -> str:  # noqa: ARG002
        """Write the severity head down; `is_read` (lines, tokens) is for heads that need it. Returns its output."""
        return graph.number("severity", hidden, self.severity)

    def forward(self, input_ids: Tensor, read_mask: Tensor) -> tuple[Tensor, Tensor]:
        """Serving's one pass, no padding: severity logits per token (lines, tokens), unit embeddings (lines, width)."""
        hidden = self.hidden(input_ids, torch.ones_like(input_ids))
        return self.severity(hidden).squeeze(-1), embedding(hidden, read_mask)


def embedding(hidden: Tensor, read: Tensor) -> Tensor:
    """Mean over the tokens that are read, of unit length: (lines, width)."""
    weights = read.to(hidden.dtype)[:, :, None]
    mean = (hidden * weights).sum(1) / weights.sum(1)
    return mean / torch.sqrt((mean * mean).sum(-1, keepdim=True) + 1e-12)


def mean_logit(logits: Tensor, read: Tensor) -> Tensor:
    """Mean of token logits (lines, tokens) over the tokens that are read: (lines,)."""
    weights = read.to(logits.dtype)
    return (logits * weights).sum(1) / weights.sum(1)


def tensors(patterns: Sequence[str], *, tokenizer: Tokenizer) -> tuple[Tensor, Tensor, Tensor]:
    """`padded` of patterns."""
    return padded([tokenizer.encode(pattern).ids for pattern in patterns])


def padded(lines: Sequence[Sequence[int]]) -> tuple[Tensor, Tensor, Tensor]:
    """Ids, what is no padding, and what is read (neither padding nor the first nor the last): (lines, longest) each."""
    shape = (len(lines), max(len(line) for line in lines))
    ids, attended, read = (torch.zeros(shape, dtype=torch.long) for _ in range(3))
    for row, line in enumerate(lines):
        ids[row, : len(line)] = torch.tensor(line)
        attended[row, : len(line)] = 1
        read[row, 1 : len(line) - 1] = 1
    return ids, attended, read
