"""Say which patterns are new, gone, grown or shrunk between two windows, and which differences are more than chance.

A pattern's count in a window is taken for Poisson, widened by how much its own slots scatter (quasi-likelihood:
McCullagh and Nelder, Generalized Linear Models, 2nd edition, 9.2). Small counts are compared exactly: given their sum,
one is binomial (Przyborowski and Wilenski, Biometrika 31, 1940). Of the many comparisons that are made at once
the share of false ones among those told is held down (Benjamini and Hochberg, J. R. Statist. Soc. B 57, 1995).
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, TypeVar

Key = TypeVar("Key")

FALSE_SHARE: Final = 0.05  # of the differences that are told
_EXACT_UP_TO: Final = 200  # entries in both windows together: above, the normal approximation is as good and faster
_HALF: Final = 0.5  # added to counts in ratios, so that none is of zero (Haldane 1956, Anscombe 1956)


class Change(StrEnum):
    """How a pattern differs between the windows."""

    NEW = "new"
    GONE = "gone"
    GROWN = "grown"
    SHRUNK = "shrunk"


@dataclass(frozen=True, slots=True)
class Sample:
    """A pattern in a window of so many slots: its entries, the sum of their squares by slot, in how many slots it came.

    `is_first` where the source had never had it before this window.
    """

    entries: int
    squares: float
    present: int
    slots: int
    is_first: bool = False

    @classmethod
    def nothing(cls, *, slots: int) -> "Sample":
        """Of a pattern that did not come."""
        return cls(entries=0, squares=0.0, present=0, slots=slots)

    @property
    def scatter(self) -> float:
        """The sum of squared deviations of its slots from their mean, by that mean: about `slots` - 1 if Poisson."""
        if not self.entries:
            return 0.0
        mean = self.entries / self.slots
        return max(self.squares - self.entries * mean, 0.0) / mean


@dataclass(frozen=True, slots=True)
class Difference:
    """What became of a pattern: `ratio` of its rates, after to before; `p` before and `q` after all were corrected."""

    change: Change
    before: int
    after: int
    ratio: float
    p: float
    q: float


def compare(samples: Mapping[Key, tuple[Sample, Sample]]) -> dict[Key, Difference]:
    """The difference of each pattern that has any, from what it was before and after.

    Where one window is longer, rates are compared. `q` at or below FALSE_SHARE is more than chance.
    """
    keys = [key for key, (before, after) in samples.items() if before.entries or after.entries]
    p_values = [_p_value(*samples[key]) for key in keys]
    return {
        key: _difference(*samples[key], p=p, q=q) for key, p, q in zip(keys, p_values, corrected(p_values), strict=True)
    }


def corrected(p_values: Sequence[float]) -> list[float]:
    """Each p as the share of false differences that comes with telling it and all smaller ones."""
    order = sorted(range(len(p_values)), key=p_values.__getitem__, reverse=True)
    q_values = [1.0] * len(p_values)
    lowest = 1.0
    for place, index in enumerate(order):
        rank = len(p_values) - place
        lowest = min(lowest, p_values[index] * len(p_values) / rank)
        q_values[index] = lowest
    return q_values


def _difference(before: Sample, after: Sample, *, p: float, q: float) -> Difference:
    ratio = _log_ratio(before, after)
    if not before.entries:
        change = Change.NEW
    elif not after.entries:
        change = Change.GONE
    else:
        change = Change.GROWN if ratio > 0 else Change.SHRUNK
    return Difference(change, before.entries, after.entries, math.exp(ratio), p, q)


def _log_ratio(before: Sample, after: Sample) -> float:
    return math.log((after.entries + _HALF) / after.slots) - math.log((before.entries + _HALF) / before.slots)


def _p_value(before: Sample, after: Sample) -> float:
    """How likely such a difference or a greater one is where the rates are the same."""
    if not (before.entries and after.entries):
        return _one_sided(before, after)
    freedom = before.slots + after.slots - 2
    dispersion = max((before.scatter + after.scatter) / freedom, 1.0) if freedom > 0 else 1.0
    total = before.entries + after.entries
    share = after.slots / (before.slots + after.slots)
    if dispersion == 1.0 and total <= _EXACT_UP_TO:
        return _binomial(after.entries, of=total, share=share)
    spread = math.sqrt(dispersion * (1 / (before.entries + _HALF) + 1 / (after.entries + _HALF)))
    return math.erfc(abs(_log_ratio(before, after)) / spread / math.sqrt(2))


def _one_sided(before: Sample, after: Sample) -> float:
    """How likely all of it falls into one of the windows.

    What came in bursts counts once a slot, since one slot is all that chance had to choose; a pattern that was never
    there before has no history of bursts, and each of its entries counts.
    """
    seen = before if before.entries else after
    share = seen.slots / (before.slots + after.slots)
    return float(share ** (seen.entries if seen.is_first else seen.present))


def _binomial(hits: int, *, of: int, share: float) -> float:
    """The probability of all outcomes that are no likelier than this one."""
    likelihoods = [
        math.exp(
            math.lgamma(of + 1)
            - math.lgamma(one + 1)
            - math.lgamma(of - one + 1)
            + one * math.log(share)
            + (of - one) * math.log1p(-share)
        )
        for one in range(of + 1)
    ]
    limit = likelihoods[hits] * (1 + 1e-7)  # equal ones, but for rounding
    return min(sum(one for one in likelihoods if one <= limit), 1.0)
