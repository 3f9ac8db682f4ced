"""Find the tokens of an odd line that stand out, so that a reader's eye falls on them first, wherever it is shown."""

from collections.abc import Iterable, Sequence
from enum import IntEnum
from itertools import groupby
from typing import Final, TypeVar

STANDS_OUT: Final = 0.25  # of the largest share above the line's mean: below it everything would be marked
IS_STRONG: Final = 0.6

T = TypeVar("T")


class Weight(IntEnum):
    """How much a piece of a line stands out."""

    PLAIN = 0
    ODD = 1
    ODDEST = 2


def weigh(pieces: Sequence[tuple[str, float]]) -> list[tuple[str, Weight]]:
    """A line's pieces with their weights; joined they are the same line, neighbours of one weight are one piece.

    `pieces` come with their shares of the severity's logit, which may all be negative. What counts is how far a share
    is above the line's own mean, so that something stands out in a line of which little sounds bad. Whitespace never
    does, and is not part of the mean.
    """
    shares = [share for text, share in pieces if text and not text.isspace()]
    mean = sum(shares) / len(shares) if shares else 0.0
    largest = max(shares, default=0.0) - mean
    weighed = [(text, Weight.PLAIN if text.isspace() else _weight(share - mean, largest)) for text, share in pieces]
    return [("".join(text for text, _ in same), weight) for weight, same in groupby(weighed, key=lambda one: one[1])]


def cut_pieces(pieces: Iterable[tuple[str, T]], *, length: int) -> list[tuple[str, T]]:
    """The pieces that make up the first `length` characters, the last of them cut; what each bears stays with it."""
    kept: list[tuple[str, T]] = []
    for text, borne in pieces:
        if length <= 0:
            break
        kept.append((text[:length], borne))
        length -= len(text)
    return kept


def _weight(above: float, largest: float) -> Weight:
    if above <= 0 or above < STANDS_OUT * largest:
        return Weight.PLAIN
    return Weight.ODDEST if above >= IS_STRONG * largest else Weight.ODD
