"""How rare a value is among those of normal sessions, beyond the largest one seen, too."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

NARROWEST = 0.1  # nats; where all normal sessions are alike the tail would have no width
FEWEST_IN_TAIL = 10


@dataclass(frozen=True, slots=True)
class Tail:
    """−ln P(a normal session's value is at least x): a conformal p-value up to `begin`, an exponential tail behind it.

    `values` (n,) are ascending and `rarities` (n,) belong to them. That what exceeds a high threshold falls off
    exponentially is what most distributions come to (Pickands, "Statistical inference using extreme order statistics",
    1975); here it says what the p-value, which cannot go below 1/(n + 1), does not.
    """

    values: NDArray[np.float64]
    rarities: NDArray[np.float64]
    begin: float
    begin_rarity: float
    scale: float

    @classmethod
    def fit(cls, values: NDArray[np.float64], *, weights: NDArray[np.float64]) -> "Tail":
        """Learn from the values of normal sessions, each of which stands for `weights` alike."""
        unique, places = np.unique(values, return_inverse=True)
        weight = np.bincount(places, weights=weights)
        total = weight.sum()
        at_least = np.cumsum(weight[::-1])[::-1]
        in_tail = max(FEWEST_IN_TAIL, int(np.sqrt(total)))
        begin = int(np.flatnonzero(at_least > in_tail)[-1])
        excess = np.sum(weight[begin:] * (unique[begin:] - unique[begin])) / in_tail
        return cls(
            values=unique,
            rarities=-np.log((at_least + 1) / (total + 1)),
            begin=float(unique[begin]),
            begin_rarity=float(np.log(total / in_tail)),
            scale=max(float(excess), NARROWEST),
        )

    def rarity(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """−ln of the chance of a value at least so large."""
        places = np.searchsorted(self.values, values)
        within = np.append(self.rarities, np.inf)[places]
        beyond = self.begin_rarity + (values - self.begin) / self.scale
        return np.where(values > self.begin, np.maximum(beyond, self.begin_rarity), within)
