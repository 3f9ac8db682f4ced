"""Find the tokens of a line that made it odd, so that a reader's eye falls on them first."""

import re
from collections.abc import Iterator, Sequence
from enum import IntEnum

STANDS_OUT = 0.25  # of the largest share in the line: below it everything would be marked
IS_STRONG = 0.6


class Weight(IntEnum):
    """How much a piece of a line stands out."""

    PLAIN = 0
    ODD = 1
    ODDEST = 2


def weigh(message: str, tokens: Sequence[tuple[str, float]]) -> list[tuple[str, Weight]]:
    """`message` in pieces (joined they are `message` again), each with its weight.

    Tokens are looked for in their order, whatever their case; one that is not there (a mask's name, say) is skipped.
    Shares that lower the severity never stand out.
    """
    places = list(_places(message, tokens))
    largest = max((share for _, _, share in places), default=0.0)

    pieces: list[tuple[str, Weight]] = []
    reached = 0
    for start, end, share in places:
        if share <= 0 or share < STANDS_OUT * largest:
            continue
        if reached < start:
            pieces.append((message[reached:start], Weight.PLAIN))
        pieces.append((message[start:end], Weight.ODDEST if share >= IS_STRONG * largest else Weight.ODD))
        reached = end
    if reached < len(message):
        pieces.append((message[reached:], Weight.PLAIN))
    return pieces


def _places(message: str, tokens: Sequence[tuple[str, float]]) -> Iterator[tuple[int, int, float]]:
    reached = 0
    for text, share in tokens:
        found = re.compile(_whole(text), re.IGNORECASE).search(message, reached) if text else None
        if found:
            yield found.start(), found.end(), share
            reached = found.end()


def _whole(token: str) -> str:
    """A pattern for `token` that is not a part of a longer word."""
    before = r"(?<!\w)" if token[0].isalnum() else ""
    after = r"(?!\w)" if token[-1].isalnum() else ""
    return before + re.escape(token) + after
