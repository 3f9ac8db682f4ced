"""The counts of a source and of each of its patterns as a few arrays, one row each, of bounded size."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from oddline.scoring.rates.model import BINS_AN_HOUR, WHOLE, WINDOWS
from oddline.scoring.rates.surprise import Floats

MOST_PATTERNS: Final = 256  # of a source; what comes beyond counts for the source as a whole only
SELDOM: Final = 2.0  # minutes in which it came: a pattern with no more may lose its place after an hour
NEVER: Final = -(2**31)
UP, DOWN = 0, 1
_OF_WINDOWS: Final = ("seen", "open", "mean", "excess", "square", "beside_excess", "beside_square", "active")
_OF_GAPS: Final = ("gaps", "gap_mean", "gap_variance", "gap_record", "silent", "passed")


@dataclass(slots=True)
class Series:
    """Row 0 is the source as a whole, the others are patterns; W lengths of windows, 2 directions (UP, DOWN).

    patterns (R,) ids · first (R,) the bin since which a row is counted · seen (R, W) how many windows that were
    open (R, W) what came in the window that is not over · mean (R, W) of a window's count, of late
    excess, square (R, W) of which the quotient is the dispersion; beside_excess, beside_square (R, W) the same around
    what was to be expected beside the source's other patterns · active (R, W) windows in which anything came
    records (R, W, 2) the largest surprises of two weeks
    gaps (R,) how many · gap_mean, gap_variance, gap_record (R,) of their lengths in bins
    silent (R,) bins since the last entry · passed (R,) entries of the source since then
    hour (R, 2) the largest surprises of the hour that is not over
    odd_bin (R, 2) the last bin in which a row was odd
    submission (R,), index (R,), timestamp (R,), received (R,) which entry was the last (times in µs)
    """

    patterns: NDArray[np.int64]
    first: NDArray[np.int64]
    seen: Floats
    open: Floats
    mean: Floats
    excess: Floats
    square: Floats
    beside_excess: Floats
    beside_square: Floats
    active: Floats
    records: Floats
    gaps: Floats
    gap_mean: Floats
    gap_variance: Floats
    gap_record: Floats
    silent: Floats
    passed: Floats
    hour: Floats
    odd_bin: NDArray[np.int64]
    submission: NDArray[np.bytes_]
    index: NDArray[np.int64]
    timestamp: NDArray[np.int64]
    received: NDArray[np.int64]

    @classmethod
    def begun(cls, patterns: NDArray[np.int64], *, at: int) -> "Series":
        """Rows of which nothing has been counted before the bin `at`."""
        rows = len(patterns)
        shapes = {"records": (rows, len(WINDOWS), 2), "hour": (rows, 2)}
        shapes |= dict.fromkeys(_OF_WINDOWS, (rows, len(WINDOWS)))
        shapes |= dict.fromkeys(_OF_GAPS, (rows,))
        return cls(
            patterns=patterns,
            first=np.full(rows, at, dtype=np.int64),
            odd_bin=np.full((rows, 2), NEVER, dtype=np.int64),
            submission=np.zeros(rows, dtype="S16"),
            index=np.zeros(rows, dtype=np.int64),
            timestamp=np.zeros(rows, dtype=np.int64),
            received=np.zeros(rows, dtype=np.int64),
            **{name: np.zeros(shape) for name, shape in shapes.items()},
        )

    def rows_of(self, patterns: NDArray[np.int64]) -> NDArray[np.int64]:
        """The rows of patterns, -1 where one has none."""
        order = np.argsort(self.patterns, kind="stable")
        places = np.minimum(np.searchsorted(self.patterns, patterns, sorter=order), len(order) - 1)
        rows = order[places]
        return np.where(self.patterns[rows] == patterns, rows, -1)

    def admit(self, patterns: NDArray[np.int64], *, at: int) -> None:
        """Give rows to patterns that have none, in this order, as far as there are free ones, or ones hardly used."""
        wanted = patterns[:MOST_PATTERNS]
        free = MOST_PATTERNS + 1 - len(self.patterns)
        added = Series.begun(wanted[:free], at=at)
        for one in fields(self):
            setattr(self, one.name, np.concatenate([getattr(self, one.name), getattr(added, one.name)]))
        rest = wanted[free:]
        if len(rest):
            unused = np.flatnonzero((self.active[:, 1] <= SELDOM) & (self.silent > BINS_AN_HOUR))
            places = unused[unused > 0][np.argsort(self.active[unused[unused > 0], 1], kind="stable")][: len(rest)]
            fresh = Series.begun(rest[: len(places)], at=at)
            for one in fields(self):
                getattr(self, one.name)[places] = getattr(fresh, one.name)

    def note_last(self, rows: NDArray[np.int64], *, entries: Mapping[str, NDArray[Any]]) -> None:
        """Note entries (submission, index, timestamp, received) that are later than those noted of their rows."""
        later = entries["timestamp"] >= self.timestamp[rows]
        for name, values in entries.items():
            getattr(self, name)[rows[later]] = values[later]


def nothing(at: int) -> Series:
    """Of a source whose first entry came in the bin `at`."""
    return Series.begun(np.array([WHOLE], dtype=np.int64), at=at)
