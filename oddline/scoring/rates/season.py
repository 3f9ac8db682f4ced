"""What is usual at an hour of the day: how surprising the rates of a source were then, on earlier days."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from oddline.scoring.rates.model import BINS_AN_HOUR
from oddline.scoring.rates.surprise import Floats

HOURS: Final = 24
SLOTS: Final = 2 * HOURS  # of working days (UTC), then of weekends
KEPT: Final = 0.95  # of what was remembered, each time that the hour comes again: half of it after two weeks
SLACK_SHARE: Final = 1.25  # how much more surprising than before is still as before
SLACK: Final = 1.0


class Season:
    """For each hour of a working day and of a weekend the two most surprising days: (SLOTS, R, 2 directions, 2 days).

    What is no more surprising than the second of them has come before at this hour, more than once: a nightly backup
    is told twice and then no longer, and a fault of yesterday hides none of today.
    """

    def __init__(self, highest: NDArray[np.float32]) -> None:
        self.highest = highest
        self.is_changed = False  # since it was read
        self._usual: tuple[int, Floats] | None = None  # of an hour

    @classmethod
    def nothing(cls, rows: int) -> "Season":
        """Of a source that has been heard for no hour."""
        return cls(np.zeros((SLOTS, rows, 2, 2), dtype=np.float32))

    def fitted(self, rows: int) -> "Season":
        """With as many rows as the source has by now."""
        missing = rows - self.highest.shape[1]
        if missing > 0:
            self.highest = np.pad(self.highest, [(0, 0), (0, missing), (0, 0), (0, 0)])
        return self

    def forget(self, rows: NDArray[np.int64]) -> None:
        """Rows are another pattern's from now on."""
        if len(rows):
            self.highest[:, rows] = 0.0
            self.is_changed, self._usual = True, None

    def usual(self, number: int) -> Floats:
        """(R, 2) What is usual in a bin: at its hour, or an hour before or after."""
        hour, rows = number // BINS_AN_HOUR, self.highest.shape[1]
        if self._usual is None or self._usual[0] != hour or len(self._usual[1]) != rows:
            slots = [_slot(number + shift * BINS_AN_HOUR) for shift in (-1, 0, 1)]
            self._usual = hour, self.highest[slots, :, :, 1].max(axis=0).astype(np.float64)
        return self._usual[1]

    def learn(self, hour: Floats, *, number: int) -> None:
        """Add the largest surprises (R, 2) of the hour that ends with a bin."""
        self.is_changed = True
        slot = _slot(number)
        first, second = self.highest[slot, :, :, 0] * KEPT, self.highest[slot, :, :, 1] * KEPT
        self.highest[slot, :, :, 0] = np.maximum(first, hour)
        self.highest[slot, :, :, 1] = np.maximum(second, np.minimum(first, hour))


def is_usual(surprise: Floats, *, before: Floats) -> NDArray[np.bool_]:
    """Whether something is no more surprising than what came before, where anything did."""
    usual: NDArray[np.bool_] = (before > 0) & (surprise <= SLACK_SHARE * before + SLACK)
    return usual


def _slot(number: int) -> int:
    day, hour = divmod(number // BINS_AN_HOUR, HOURS)
    # 1970 began on a Thursday.
    return hour + HOURS * ((day + 3) % 7 >= 5)
