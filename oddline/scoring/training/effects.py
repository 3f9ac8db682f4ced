"""Fit what each word does to the severity of its line, so that the pass that scores a line also explains it."""

import random
from collections.abc import Sequence
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from tokenizers import Tokenizer
from torch import nn

from oddline.scoring.encoder import words_of
from oddline.scoring.training import tokens
from oddline.scoring.training.losses import without
from oddline.scoring.training.network import Bert, mean_logit, padded

PAIRS: Final = 4  # of sets of words a line
RIDGE: Final = 1e-3  # of the mean square of what is regressed on
LINES_AT_ONCE: Final = 32
BLANK: Final = [tokens.START, tokens.UNKNOWN, tokens.END]  # what a line without words is read as


def fit(network: Bert, tokenizer: Tokenizer, patterns: Sequence[str], *, seed: int) -> None:
    """Give the network its `effects`, which tell what cutting words out of a line takes from its severity logit.

    This is FastSHAP (Jethani et al. 2022). The effects of a line's words are moved alike, so that they add up to what
    its logit has above that of a line without words; then those of any set of words are to be what is lost without the
    set. Sets are drawn by the kernel under which Shapley values do that best (Lundberg and Lee 2017), each with its
    complement (Covert and Lee 2021). The head is linear: the best one is found at once, by least squares.
    """
    rng = random.Random(seed)
    width = network.shape.width + 1  # and the bias
    squares, products = np.zeros((width, width)), np.zeros(width)
    empty = float(_read(network, [BLANK])[1][0])
    ordered = sorted(patterns, key=len)
    for start in range(0, len(ordered), LINES_AT_ONCE):
        some = ordered[start : start + LINES_AT_ONCE]
        given, lost = _equations(network, tokenizer, some, empty=empty, rng=rng)
        squares += given.T @ given
        products += given.T @ lost
    squares += RIDGE * np.trace(squares) / width * np.eye(width)
    found = torch.from_numpy(np.linalg.solve(squares, products)).float()
    network.effects = nn.Linear(width - 1, 1)
    with torch.no_grad():
        network.effects.weight.copy_(found[None, :-1])
        network.effects.bias.copy_(found[-1:])


def draw_sets(count: int, *, rng: random.Random) -> list[set[int]]:
    """Sets of the places of `count` words, neither none nor all of them, each followed by its complement."""
    if count < 2:
        return []
    sizes = range(1, count)
    kernel = [1.0 / (size * (count - size)) for size in sizes]
    drawn = [set(rng.sample(range(count), k=size)) for size in rng.choices(sizes, kernel, k=PAIRS)]
    return [one for cut in drawn for one in (cut, set(range(count)) - cut)]


def _equations(
    network: Bert, tokenizer: Tokenizer, patterns: Sequence[str], *, empty: float, rng: random.Random
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """For sets of words of each line: what the head reads of them, less their part of all, and what they should tell.

    (sets, width and bias) and (sets,).
    """
    lines = [tokenizer.encode(pattern) for pattern in patterns]
    words = [words_of(line, pattern) for line, pattern in zip(lines, patterns, strict=True)]
    drawn = [draw_sets(len(one.spans), rng=rng) for one in words]
    hidden, logits = _read(network, [line.ids for line in lines])
    cut = [without(lines[row], words[row], one) for row, sets in enumerate(drawn) for one in sets]
    left = iter(_read(network, [ids if len(ids) >= len(BLANK) else BLANK for ids in cut])[1])
    given, lost = [], []
    for row, sets in enumerate(drawn):
        of_piece = words[row].of_piece
        sums = np.zeros((len(words[row].spans), hidden.shape[2] + 1))
        np.add.at(sums[:, :-1], of_piece, hidden[row, 1 : 1 + len(of_piece)])
        np.add.at(sums[:, -1], of_piece, 1.0)
        for one in sets:
            part = len(one) / len(sums)
            given.append(sums[sorted(one)].sum(axis=0) - part * sums.sum(axis=0))
            lost.append(logits[row] - next(left) - part * (logits[row] - empty))
    return np.array(given), np.array(lost)


def _read(network: Bert, lines: Sequence[Sequence[int]]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """What the network makes of lines of ids: (lines, tokens, width), and their severity logits (lines,)."""
    ids, attended, read = padded(lines)
    with torch.no_grad():
        hidden = network.hidden(ids, attended)
        logits = mean_logit(network.severity(hidden).squeeze(-1), read)
    return hidden.double().numpy(), logits.double().numpy()
