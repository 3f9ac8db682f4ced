"""The BERT itself: small, plain, and of operations that export well."""

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
    layers: int = 2
    width: int = 128
    heads: int = 4
    positions: int = 66
    dropout: float = 0.1


class Layer(nn.Module):
    """Self-attention and a feed-forward part, each with a residual, normalised before (it trains without a warm-up)."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.heads, self.size = shape.heads, shape.width // shape.heads
        self.before_attention = nn.LayerNorm(shape.width)
        self.mix = nn.Linear(shape.width, 3 * shape.width)
        self.attended = nn.Linear(shape.width, shape.width)
        self.before_feed = nn.LayerNorm(shape.width)
        self.wide = nn.Linear(shape.width, 4 * shape.width)
        self.narrow = nn.Linear(4 * shape.width, shape.width)
        self.dropout = nn.Dropout(shape.dropout)

    def forward(self, hidden: Tensor, bias: Tensor) -> Tensor:
        """(lines, tokens, width) → the same; `bias` (lines, 1, 1, tokens) is very negative at padding."""
        lines, tokens, width = hidden.shape
        mixed = self.mix(self.before_attention(hidden)).view(lines, tokens, 3, self.heads, self.size)
        query, key, value = mixed.permute(2, 0, 3, 1, 4).unbind(0)
        weights = torch.softmax(query @ key.transpose(-1, -2) * self.size**-0.5 + bias, dim=-1)
        attended = (self.dropout(weights) @ value).transpose(1, 2).reshape(lines, tokens, width)
        hidden = hidden + self.dropout(self.attended(attended))
        fed = self.narrow(functional.gelu(self.wide(self.before_feed(hidden)), approximate="tanh"))
        return hidden + self.dropout(fed)


class Bert(nn.Module):
    """Token and position embeddings, layers, and three heads: the word behind a mask, replaced or not, severity."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.shape = shape
        self.words = nn.Embedding(shape.vocabulary, shape.width)
        self.places = nn.Embedding(shape.positions, shape.width)
        self.first = nn.LayerNorm(shape.width)  # Else the small embeddings drown in what the first layer adds.
        self.layers = nn.ModuleList(Layer(shape) for _ in range(shape.layers))
        self.normal = nn.LayerNorm(shape.width)
        self.dropout = nn.Dropout(shape.dropout)
        self.before_words = nn.Linear(shape.width, shape.width)
        self.word_bias = nn.Parameter(torch.zeros(shape.vocabulary))
        self.replaced = nn.Linear(shape.width, 1)
        self.severity = nn.Linear(shape.width, 1)
        for embedding in (self.words, self.places):
            nn.init.normal_(embedding.weight, std=0.02)

    def hidden(self, ids: Tensor, attended: Tensor) -> Tensor:
        """(lines, tokens) of ids and of 1 for what is no padding → (lines, tokens, width)."""
        place = torch.arange(ids.shape[1], device=ids.device)
        hidden = self.dropout(self.first(self.words(ids) + self.places(place)))
        bias = (attended[:, None, None, :].to(hidden.dtype) - 1.0) * 1e4
        for layer in self.layers:
            hidden = layer(hidden, bias)
        normal: Tensor = self.normal(hidden)
        return normal

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
