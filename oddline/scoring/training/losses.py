"""What a batch of lines teaches: how bad they sound, by which words, and which of them are alike."""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import torch
from tokenizers import Encoding, Tokenizer
from torch import Tensor
from torch.nn import functional

from oddline.scoring.training import tokens
from oddline.scoring.training.dataset import Example
from oddline.scoring.training.network import Bert, embedding, mean_logit, padded

_MASKED_SHARE: Final = 0.15
_TEMPERATURE: Final = 0.1
_ALIKE_WEIGHT: Final = 0.3

TELLING: Final = 3  # words: an explanation names as many
FEWEST_WORDS: Final = 6  # of fewer, too little is left without three
CUT_SHARE: Final = 0.5  # of the severe lines
TELLING_SHARE: Final = 0.6  # of those that are cut; the others lose words that tell nothing
LEFT_TARGET: Final = 0.15
"""Severity of a severe line without the words that made it so: what is left could be routine, and nobody knows."""
_LEFT_WEIGHT: Final = 0.5
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
    its severity rests on, and little of it is to be left, or three others, and all of it is. So shares come to name the
    words that matter (faithful rationales: DeYoung et al. 2020). A contrastive loss (SimCSE, Gao et al. 2021) holds the
    looks at a line beside each other and the other lines of the batch, contrast pairs among them, away: so that
    distances between embeddings mean something. What begins from nothing learns words first of all, as BERT does
    (Devlin et al. 2018).
    """
    lines = [tokenizer.encode(example.pattern) for example in batch]
    ids, attended, read = padded([line.ids for line in lines])
    first, logits = _read(network, ids, attended)
    looks = [
        second_look(line, example.target, of_tokens, rng=rng)
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


def second_look(line: Encoding, target: float, logits: Sequence[float], *, rng: random.Random) -> Look:
    """A line of this severity with some words masked, or cut out where it is severe and long enough.

    `logits` are those of its tokens, by which its most telling words are known.
    """
    words = line.word_ids
    of_word: dict[int, float] = {}
    for word, logit in zip(words, logits, strict=False):  # the line may be padded
        if word is not None:
            of_word[word] = of_word.get(word, 0.0) + logit
    if target < 0.9 or len(of_word) < FEWEST_WORDS or rng.random() >= CUT_SHARE:
        hidden = {
            place: line.ids[place]
            for place, word in enumerate(words)
            if word is not None and rng.random() < _MASKED_SHARE
        }
        masked = [tokens.MASK if place in hidden else one for place, one in enumerate(line.ids)]
        return Look(masked, hidden, target)
    by_logit = sorted(of_word, key=lambda word: -of_word[word])
    telling = set(by_logit[:TELLING])
    if rng.random() < TELLING_SHARE:
        return Look(_without(line, telling), {}, LEFT_TARGET, weight=_LEFT_WEIGHT, is_alike=False)
    rest = by_logit[TELLING:]
    return Look(_without(line, set(rng.sample(rest, min(TELLING, len(rest))))), {}, target)


def _without(line: Encoding, words: set[int]) -> list[int]:
    return [one for one, word in zip(line.ids, line.word_ids, strict=True) if word is None or word not in words]


def _read(network: Bert, ids: Tensor, attended: Tensor) -> tuple[Tensor, Tensor]:
    """What the network makes of lines: (lines, tokens, width), and the severity logits (lines, tokens)."""
    with torch.autocast("cpu", torch.bfloat16):
        hidden = network.hidden(ids, attended)
        return hidden, network.severity(hidden).squeeze(-1).float()


def _severity_loss(logits: Tensor, targets: Sequence[float], weight: Tensor) -> Tensor:
    return functional.binary_cross_entropy_with_logits(logits, torch.tensor(targets), weight=weight)
