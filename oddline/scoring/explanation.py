"""Say why an entry got its score: each token's share of the severity, the newest words, the nearest known pattern."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from oddline.patterns import align
from oddline.scoring.declared import declared_share
from oddline.scoring.novelty import NEWEST

if TYPE_CHECKING:  # The memory needs a database; explaining a line of a file does not.
    from oddline.scoring.reading import Pattern


def explain(
    pattern: "Pattern",
    *,
    message: str,
    severity: float,
    novelty: float,
    severity_number: int,
    word_novelties: NDArray[np.float32] | None,
    nearest: tuple[int, str] | None,
) -> dict[str, Any]:
    """The explanation of one entry, ready for JSON.

    Its `tokens` are the message cut into pieces, each with its share; these and `declared`, the share of the severity
    that the entry declares, add up to the severity logit, and severity = 1 / (1 + exp(-logit)). `newest` are the words
    whose novelties (of all words (len(tokens),), None where a verdict says how new the pattern is) have the novelty as
    their mean. score = novelty × severity.
    """
    declared = declared_share(severity_number)
    return {
        "tokens": token_shares(pattern.text, tokens=pattern.tokens, shares=pattern.shares, message=message),
        "declared": declared,
        "severity_logit": round(pattern.severity_logit + declared, 4),
        "severity": round(severity, 4),
        "novelty": round(novelty, 4),
        "newest": [] if word_novelties is None else newest_words(pattern.tokens, word_novelties),
        "pattern": pattern.text,
        "nearest": None if nearest is None else {"pattern_id": nearest[0], "pattern": nearest[1]},
    }


def newest_words(tokens: Sequence[str], word_novelties: NDArray[np.float32]) -> list[tuple[str, float]]:
    """The words that make up the novelty, the newest first, each with how new it is: what differs from the known."""
    order = np.argsort(-word_novelties, kind="stable")[:NEWEST]
    return [(tokens[place], round(float(word_novelties[place]), 4)) for place in order.tolist()]


def token_shares(
    pattern: str, *, tokens: Sequence[str], shares: NDArray[np.float32], message: str
) -> list[tuple[str, float]]:
    """The message in pieces, each with the share of the pattern's tokens that stand in it.

    `tokens` and `shares` (len(tokens),) are what the model said of `pattern`. Where the tokens do not stand in the
    pattern (nothing in it can be read) the message is one piece.
    """
    starts = _token_starts(pattern, tokens=tokens)
    if starts is None:
        return [(message, round(float(shares.sum()), 4))]
    pieces: list[tuple[str, float]] = []
    place, token = 0, 0
    for segment in align(pattern, message):
        place += len(segment.token)
        share = 0.0
        while token < len(starts) and starts[token] < place:
            share += float(shares[token])
            token += 1
        pieces.append((segment.text, round(share, 4)))
    return pieces


def _token_starts(pattern: str, *, tokens: Sequence[str]) -> list[int] | None:
    """Where each token begins in the pattern's text; None when one cannot be found there."""
    place, starts = 0, []
    for token in tokens:
        start = pattern.find(token, place)
        if start < 0:
            return None
        starts.append(start)
        place = start + len(token)
    return starts
