"""The BERT itself, in the form of Devlin et al. 2018, so that published checkpoints of any size load into it."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from tokenizers import Tokenizer
from torch import Tensor, nn
from torch.nn import functional


@dataclass(frozen=True, slots=True)
class Shape:
    """How large a network is. `positions` counts [CLS] and [SEP] too."""

    vocabulary: int
    layers: int
    width: int
    heads: int
    positions: int


class Layer(nn.Module):
    """Self-attention and a feed-forward part, each with a residual, normalised after."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.heads, self.size = shape.heads, shape.width // shape.heads
        self.mix = nn.Linear(shape.width, 3 * shape.width)  # query, key and value in one product
        self.attended = nn.Linear(shape.width, shape.width)
        self.after_attention = nn.LayerNorm(shape.width, eps=1e-12)
        self.wide = nn.Linear(shape.width, 4 * shape.width)
        self.narrow = nn.Linear(4 * shape.width, shape.width)
        self.after_feed = nn.LayerNorm(shape.width, eps=1e-12)

    def forward(self, hidden: Tensor, bias: Tensor) -> Tensor:
        """(lines, tokens, width) → the same; `bias` (lines, 1, 1, tokens) is very negative at padding."""
        lines, tokens, width = hidden.shape
        mixed = self.mix(hidden).view(lines, tokens, 3, self.heads, self.size)
        query, key, value = mixed.permute(2, 0, 3, 1, 4).unbind(0)
        weights = torch.softmax(query @ key.transpose(-1, -2) * self.size**-0.5 + bias, dim=-1)
        attended = (weights @ value).transpose(1, 2).reshape(lines, tokens, width)
        hidden = self.after_attention(hidden + self.attended(attended))
        normal: Tensor = self.after_feed(hidden + self.narrow(functional.gelu(self.wide(hidden))))
        return normal


class Bert(nn.Module):
    """Token and position embeddings, layers, and two heads: the word behind a mask, and severity."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.shape = shape
        self.words = nn.Embedding(shape.vocabulary, shape.width)
        self.places = nn.Embedding(shape.positions, shape.width)
        self.normal = nn.LayerNorm(shape.width, eps=1e-12)
        self.layers = nn.ModuleList(Layer(shape) for _ in range(shape.layers))
        self.before_words = nn.Linear(shape.width, shape.width)
        self.word_bias = nn.Parameter(torch.zeros(shape.vocabulary))
        self.severity = nn.Linear(shape.width, 1)
        for weight in (self.words.weight, self.places.weight, self.severity.weight):
            nn.init.normal_(weight, std=0.02)

    def hidden(self, ids: Tensor, attended: Tensor) -> Tensor:
        """(lines, tokens) of ids and of 1 for what is no padding → (lines, tokens, width)."""
        place = torch.arange(ids.shape[1], device=ids.device)
        hidden: Tensor = self.normal(self.words(ids) + self.places(place))
        bias = (attended[:, None, None, :].to(hidden.dtype) - 1.0) * 1e4
        for layer in self.layers:
            hidden = layer(hidden, bias)
        return hidden

    def word_logits(self, hidden: Tensor) -> Tensor:
        """(n, width) of masked places → (n, vocabulary); weights tied to the word embeddings."""
        return functional.gelu(self.before_words(hidden)) @ self.words.weight.T + self.word_bias

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
    """Ids, what is no padding, and what is read (neither padding nor [CLS] nor [SEP]): (lines, longest) each."""
    lines = [tokenizer.encode(pattern) for pattern in patterns]
    shape = (len(lines), max(len(line) for line in lines))
    ids, attended, read = (torch.zeros(shape, dtype=torch.long) for _ in range(3))
    for row, line in enumerate(lines):
        ids[row, : len(line)] = torch.tensor(line.ids)
        attended[row, : len(line)] = 1
        read[row, : len(line)] = 1 - torch.tensor(line.special_tokens_mask)
    return ids, attended, read
