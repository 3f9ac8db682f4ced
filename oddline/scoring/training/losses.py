"""What a batch of lines teaches: how bad they sound, by which words, and which of them are alike."""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import torch
from tokenizers import Encoding, Tokenizer
from torch import Tensor
from torch.nn import functional

from oddline.scoring.encoder import Words, words_of
from oddline.scoring.training import tokens
from oddline.scoring.training.dataset import Example
from oddline.scoring.training.network import Bert, embedding, mean_logit, padded

_MASKED_SHARE: Final = 0.15
_TEMPERATURE: Final = 0.1
_ALIKE_WEIGHT: Final = 0.3

SEVERE: Final = 0.9  # target of a line that is surely bad
TELLING: Final = 3  # words: an explanation names as many
FEWEST_WORDS: Final = 6  # of fewer, too little is left without three
CUT_SHARE: Final = 0.6  # of the severe lines
TELLING_SHARE: Final = 0.4  # of those that are cut; the others lose words drawn by chance
LEFT_TARGET: Final = 0.15
"""Severity of a severe line without the words that made it so: what is left could be routine, and nobody knows."""
_UNSURE_WEIGHT: Final = 0.5  # of what is left without words that tell something
_NO_LABEL: Final = -100  # as functional.cross_entropy ignores


@dataclass(frozen=True, slots=True)
class Look:
    """A line as the network sees it the second time.

    Attributes:
        ids: its tokens.
        hidden: the tokens behind masks, by place.
        target, weight: its severity, and how much that counts beside the line's own weight.
        is_alike: whether it still says what the line says.
    """

    ids: list[int]
    hidden: dict[int, int]
    target: float
    weight: float = 1.0
    is_alike: bool = True


def losses(
    network: Bert, batch: Sequence[Example], *, tokenizer: Tokenizer, rng: random.Random, with_words: bool
) -> dict[str, Tensor]:
    """The weighted losses of one batch, from two looks at it.

    The first is the line as it is. In the second some words are masked, or, of a severe line, cut out: the three that
    its severity rests on, and little of it is to be left, or three drawn by chance, at most one of them telling, and
    all of it is. So severity comes to rest on words that matter (rationales: DeYoung et al. 2020). A contrastive
    loss (SimCSE, Gao et al. 2021) holds the looks at a line beside each other and the other lines of the batch,
    contrast pairs among them, away: so that distances between embeddings mean something. What begins from nothing
    learns words first of all, as BERT does (Devlin et al. 2018).
    """
    lines = [tokenizer.encode(example.pattern) for example in batch]
    ids, attended, read = padded([line.ids for line in lines])
    first, logits = _read(network, ids, attended)
    looks = [
        second_look(line, example.pattern, example.target, of_tokens, rng=rng)
        for line, example, of_tokens in zip(lines, batch, logits.detach().tolist(), strict=True)
    ]
    again, attended_again, read_again = padded([look.ids for look in looks])
    second, logits_again = _read(network, again, attended_again)

    weight = torch.tensor([example.weight for example in batch])
    left = weight * torch.tensor([look.weight for look in looks])
    severity = (
        _severity_loss(mean_logit(logits, read), [example.target for example in batch], weight)
        + _severity_loss(mean_logit(logits_again, read_again), [look.target for look in looks], left)
    ) / 2
    similar = embedding(first.float(), read) @ embedding(second.float(), read_again).T / _TEMPERATURE
    same = torch.tensor([place if look.is_alike else _NO_LABEL for place, look in enumerate(looks)])
    found = {"severity": severity, "alike": _ALIKE_WEIGHT * functional.cross_entropy(similar, same)}
    places = [(row, place) for row, look in enumerate(looks) for place in look.hidden]
    if with_words and places:
        rows, columns = (torch.tensor(one) for one in zip(*places, strict=True))
        words = torch.tensor([look.hidden[place] for look in looks for place in look.hidden])
        with torch.autocast("cpu", torch.bfloat16):
            word_logits = network.word_logits(second[rows, columns])
        found["words"] = functional.cross_entropy(word_logits.float(), words)
    return found


def second_look(line: Encoding, text: str, target: float, logits: Sequence[float], *, rng: random.Random) -> Look:
    """A line of this severity with some words masked, or cut out where it is severe and long enough.

    `logits` are those of its tokens, by which its most telling words are known.
    """
    words = words_of(line, text)
    count = len(words.spans)
    if target < SEVERE or count < FEWEST_WORDS or rng.random() >= CUT_SHARE:
        return _masked(line, target, rng=rng)
    shares = np.bincount(words.of_piece, weights=logits[1 : 1 + len(words.of_piece)], minlength=count)
    telling = set(np.argsort(-shares)[:TELLING].tolist())
    if rng.random() < TELLING_SHARE:
        return Look(without(line, words, telling), {}, LEFT_TARGET, weight=_UNSURE_WEIGHT, is_alike=False)
    drawn = telling
    while len(drawn & telling) > 1:
        drawn = set(rng.sample(range(count), TELLING))
    is_sure = not drawn & telling
    return Look(without(line, words, drawn), {}, target, weight=1.0 if is_sure else _UNSURE_WEIGHT, is_alike=is_sure)


def _masked(line: Encoding, target: float, *, rng: random.Random) -> Look:
    hidden = {
        place: line.ids[place]
        for place, word in enumerate(line.word_ids)
        if word is not None and rng.random() < _MASKED_SHARE
    }
    return Look([tokens.MASK if place in hidden else one for place, one in enumerate(line.ids)], hidden, target)


def without(line: Encoding, words: Words, cut: set[int]) -> list[int]:
    """The line's tokens without those inside of the words at some places: punctuation stays."""
    is_cut = words.is_inside & np.isin(words.of_piece, list(cut))
    first, *pieces, last = line.ids
    return [first, *(piece for piece, gone in zip(pieces, is_cut, strict=True) if not gone), last]


def _read(network: Bert, ids: Tensor, attended: Tensor) -> tuple[Tensor, Tensor]:
    """What the network makes of lines: (lines, tokens, width), and the severity logits (lines, tokens)."""
    with torch.autocast("cpu", torch.bfloat16):
        hidden = network.hidden(ids, attended)
        return hidden, network.severity(hidden).squeeze(-1).float()


def _severity_loss(logits: Tensor, targets: Sequence[float], weight: Tensor) -> Tensor:
    return functional.binary_cross_entropy_with_logits(logits, torch.tensor(targets), weight=weight)
