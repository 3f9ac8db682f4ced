"""Make one order of several lists: reciprocal rank fusion (Cormack, Clarke, Büttcher 2009)."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Final

SMOOTHING: Final = 60
"""The constant of the paper: how little the first place of a list counts above the tenth."""


def fuse(lists: Iterable[tuple[float, Sequence[int]]]) -> list[tuple[int, float]]:
    """What stands in lists of some weight, with its score, the best first; of the same score the lower number first.

    Of each list only the order counts: a cosine and a sum of weights of words could not be added.
    """
    scores: dict[int, float] = defaultdict(float)
    for weight, ranked in lists:
        for rank, one in enumerate(ranked, start=1):
            scores[one] += weight / (SMOOTHING + rank)
    return sorted(scores.items(), key=lambda pair: (-pair[1], pair[0]))
