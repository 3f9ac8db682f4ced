"""A row that left its range, in the words of whoever reads it."""

from datetime import UTC, datetime, timedelta
from typing import Final

import numpy as np

from oddline.scoring.rates.judging import Judged
from oddline.scoring.rates.model import OddRate, bin_begins
from oddline.scoring.rates.series import Series
from oddline.scoring.rates.surprise import expected_range

SUBMISSION_BYTES: Final = 16
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def told_as(series: Series, judged: Judged, row: int, *, at: int, threshold: float, others: int) -> OddRate:
    """What a row's window that ends with the bin `at` is told as; `others` left their ranges and are not told."""
    is_silence = judged.window == 0
    bins = int(series.silent[row]) if is_silence else judged.window
    low, high = _silence_range(series, row) if is_silence else _window_range(judged, row, threshold=threshold)
    return OddRate(
        pattern_id=int(series.patterns[row]),
        direction="up" if judged.up[row] else "down",
        window_from=bin_begins(at + 1 - bins),
        window_to=bin_begins(at + 1),
        count=int(judged.count[row]),
        expected=float(judged.expected[row]),
        low=low,
        high=high,
        source_count=int(series.passed[row] if is_silence else judged.count[0]),
        source_expected=float(series.mean[0, 0] * bins if is_silence else judged.expected[0]),
        counted_from=bin_begins(int(series.first[row])),
        last_bin=at,
        rarity=float(judged.rarity[row]),
        threshold=threshold,
        others=others,
        submission=bytes(series.submission[row]).ljust(SUBMISSION_BYTES, b"\0"),  # numpy leaves zeros at the end out
        index=int(series.index[row]),
        timestamp=_moment(series.timestamp[row]),
        received_at=_moment(series.received[row]),
    )


def _window_range(judged: Judged, row: int, *, threshold: float) -> tuple[int, int]:
    """The counts that would not have been told, as far as surprise goes: the pattern's own tail included."""
    return expected_range(
        mean=float(judged.expected[row]),
        dispersion=float(judged.dispersion[row]),
        most=threshold * float(judged.scale[row]),
    )


def _silence_range(series: Series, row: int) -> tuple[int, int]:
    """How many should have come in a silence: at least as many as the longest gap allows, about as many as usual."""
    silent = float(series.silent[row])
    low = max(1, int(silent / max(float(series.gap_record[row]), 1.0)))
    return low, max(low, int(np.ceil(silent / max(float(series.gap_mean[row]), 1.0))))


def _moment(microseconds: np.int64) -> datetime:
    return _EPOCH + timedelta(microseconds=int(microseconds))
