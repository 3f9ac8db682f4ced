"""What rates are about: bins of time, windows made of them, and a rate that has left its range."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final, Literal

BIN: Final = timedelta(seconds=10)
"""The smallest window: a shipper sends every second to every ten, so that in less a pause of it would be a silence."""
BIN_S: Final = int(BIN.total_seconds())
BINS_AN_HOUR: Final = 3600 // BIN_S
BINS_A_DAY: Final = 24 * BINS_AN_HOUR
WINDOWS: Final = (1, 6, 60, 360)
"""Bins of each length of window: 10 s, a minute, ten minutes, an hour. Each is at most ten times the one before, so
that a surge of any length fills a good part of some window (Zhu and Shasha, "Efficient elastic burst detection in data
streams", 2003)."""
WHOLE: Final = -1  # stands for a source as a whole where a pattern's id is expected
NEAR: Final = timedelta(hours=1)  # of arrival: an entry with a time farther off is of a file, or its clock is wrong

Direction = Literal["up", "down"]


@dataclass(frozen=True, slots=True)
class Rules:
    """What is told of a source: at most `alarms_per_day`, and nothing in the first `warm_up` of its entries."""

    alarms_per_day: float
    warm_up: timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class OddRate:
    """A rate that has left its range.

    `count` entries came in the window (`window_from` to `window_to`) where `low` to `high` were to be expected, about
    `expected`; of the whole source `source_count`, where `source_expected` were. `pattern_id` is WHOLE for the source
    itself. `counted_from` is the beginning of what the range was learned from, `last_bin` the bin that was closed when
    it was found, `rarity` −ln of the chance, which reached `threshold`. `others` is how many more left their ranges at
    the same time without being told one by one. `submission` to `received_at` say which entry was the last.
    """

    pattern_id: int
    direction: Direction
    window_from: datetime
    window_to: datetime
    count: int
    expected: float
    low: int
    high: int
    source_count: int
    source_expected: float
    counted_from: datetime
    last_bin: int
    rarity: float
    threshold: float
    others: int
    submission: bytes
    index: int
    timestamp: datetime
    received_at: datetime


def bin_of(moment: datetime) -> int:
    """The bin of a moment, counted from 1970."""
    return int(moment.timestamp()) // BIN_S


def bin_begins(number: int) -> datetime:
    """When a bin begins."""
    return datetime.fromtimestamp(number * BIN_S, tz=UTC)
