"""How surprising a count, or a silence, is: −ln of a chance, never overstated.

All chances are bounded by the method of Chernoff (1952): closed forms that hold for arrays and far out in the tail,
and that err to the quiet side only.
"""

from collections.abc import Callable
from typing import Final

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

LEAST: Final = 1e-9  # in the place of a mean of nothing


def of_count(count: Floats, *, mean: Floats, dispersion: Floats) -> Floats:
    """−ln of a bound of P(at least, or at most, so many) under a negative binomial of variance mean + dispersion·mean².

    The usual distribution of counts that vary more than by chance alone, as in the surveillance of epidemics (Noufaily
    et al., "An improved algorithm for outbreak detection in multiple surveillance systems", 2013). What comes like
    clockwork varies less, its dispersion is negative: that it came so few times is that the next took so long, under a
    gamma distribution of gaps (Winkelmann, "Duration dependence and dispersion in count-data models", 1995).
    """
    mean = np.maximum(mean, LEAST)
    size = 1.0 / np.maximum(dispersion, LEAST)
    own = np.where(count > 0, count * np.log(np.maximum(count, LEAST) / mean), 0.0)
    varied = np.maximum(own - (count + size) * np.log((count + size) / (mean + size)), 0.0)
    is_missed = (dispersion < 0) & (count < mean)
    gaps = count + 1.0
    regular = of_silence(mean, mean=gaps, variance=gaps * np.where(is_missed, 1.0 + dispersion * mean, 1.0))
    return np.where(is_missed, regular, varied)


def of_silence(bins: Floats, *, mean: Floats, variance: Floats) -> Floats:
    """−ln of a bound of P(a gap of more than `bins`) under a gamma distribution of gaps; 0 up to the mean."""
    ratio = np.maximum(bins / mean, 1.0)
    return mean * mean / variance * (ratio - 1.0 - np.log(ratio))


def tempered(surprise: Floats, *, seen: Floats) -> Floats:
    """What is left of a surprise when its scale was learned from `seen` cases only.

    An exponential tail of a scale that n cases told is a Pareto tail: −ln P = n·ln(1 + s/n), which goes to s.
    """
    known = np.maximum(seen, LEAST)
    return np.where(seen > 0, known * np.log1p(surprise / known), 0.0)


def record_scale(record: Floats, *, seen: Floats) -> Floats:
    """By how much surprises are to be divided when the largest of `seen` was `record`.

    Of n surprises under a right model the largest is about ln n. Where it was more, the model's tail is too light, and
    divided by this a surprise as large as the record gets the chance 1/n, as a conformal p-value would.
    """
    return np.maximum(record / np.log(seen + 2.0), 1.0)


def expected_range(*, mean: float, dispersion: float, most: float) -> tuple[int, int]:
    """The counts whose surprise is at most `most`: (lowest, highest)."""

    def at(count: float) -> float:
        return float(of_count(np.array([count]), mean=np.array([mean]), dispersion=np.array([dispersion]))[0])

    low, high = 0, int(mean) + 1
    while at(high) <= most and high < 2**62:
        high *= 2
    highest = _last(lambda count: at(count) <= most, start=int(mean), end=high)
    if at(0) > most:
        low = -_last(lambda count: at(-count) <= most, start=-int(mean), end=0)
    return low, highest


def _last(holds: Callable[[int], bool], *, start: int, end: int) -> int:
    """The last number from `start` on for which something holds that holds for `start` and not for `end`."""
    while end - start > 1:
        middle = (start + end) // 2
        start, end = (middle, end) if holds(middle) else (start, middle)
    return start
