"""What has come in of bins that are not over yet, until nothing more is to be expected of them."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from oddline.scoring.rates.model import BIN_S

LAG_SHARE = 0.99  # of a source's entries that a bin is held open for
LAG_KEPT = 0.9  # of the lag, at each run: a pause of the shipper is not waited for much longer than it lasts


@dataclass(slots=True)
class Pending:
    """Counts of (bin, pattern) as parallel arrays, and by how many seconds the source's entries come late."""

    bins: NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, dtype=np.int64))
    patterns: NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, dtype=np.int64))
    counts: NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, dtype=np.int64))
    lag: float = 0.0

    def add(self, bins: NDArray[np.int64], patterns: NDArray[np.int64], counts: NDArray[np.int64]) -> None:
        """Take up counts of bins that are still open."""
        together = np.stack(
            [np.concatenate(pair) for pair in ((self.bins, bins), (self.patterns, patterns), (self.counts, counts))]
        )
        keys, places = np.unique(together[:2], axis=1, return_inverse=True)
        self.bins, self.patterns = keys
        self.counts = np.bincount(places.ravel(), weights=together[2], minlength=keys.shape[1]).astype(np.int64)

    def note_lag(self, lags: NDArray[np.int64], counts: NDArray[np.int64]) -> None:
        """Follow how late entries come in: `counts` of them by up to `lags` seconds."""
        order = np.argsort(lags, kind="stable")
        share = np.cumsum(counts[order]) / max(counts.sum(), 1)
        most = float(lags[order][np.searchsorted(share, LAG_SHARE)]) if len(order) else 0.0
        self.lag = max(most, LAG_KEPT * self.lag)

    def take(self, until: int) -> dict[int, tuple[NDArray[np.int64], NDArray[np.int64]]]:
        """The (patterns, counts) of each bin before `until`, which are pending no longer."""
        over = self.bins < until
        taken = self.bins[over], self.patterns[over], self.counts[over]
        self.bins, self.patterns, self.counts = self.bins[~over], self.patterns[~over], self.counts[~over]
        numbers, starts = np.unique(taken[0], return_index=True)
        parts = zip(np.split(taken[1], starts[1:]), np.split(taken[2], starts[1:]), strict=True)
        return dict(zip(numbers.tolist(), parts, strict=False))

    def bins_late(self) -> int:
        """For how many bins after its end a bin is held open."""
        return -int(-self.lag // BIN_S)
