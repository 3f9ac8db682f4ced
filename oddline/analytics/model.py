"""What is asked of analytics, and what a time falls into."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import IntEnum
from typing import Any, Final

SEVERITIES: Final = ("unspecified", "trace", "debug", "info", "warn", "error", "fatal")
"""The ranges of OpenTelemetry's severity numbers: 0, 1 to 4, 5 to 8 and so on."""

ERRORS: Final = ("error", "fatal")  # what an error rate counts

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


class Step(IntEnum):
    """How long a slot of entries is, in seconds."""

    MINUTE = 60
    HOUR = 3_600
    DAY = 86_400


class PatternStep(IntEnum):
    """How long a slot of patterns is, in seconds."""

    FIVE_MINUTES = 300
    HOUR = 3_600


FINE_UP_TO: Final = timedelta(days=1)  # windows that are compared in slots of five minutes

KEPT_DAYS: Final[Mapping[int, int]] = {Step.MINUTE: 7, PatternStep.FIVE_MINUTES: 3}
"""Days after the arrival of their entries for which fine slots are kept; all others as long as the entries."""


@dataclass(frozen=True, slots=True)
class Window:
    """From `start` on, before `end`."""

    start: datetime
    end: datetime

    def aligned(self, step: int) -> "Window":
        """The window that holds this one whole and begins and ends with slots of `step` seconds."""
        return Window(floor(self.start, step), floor(self.end + timedelta(seconds=step, microseconds=-1), step))

    def slots(self, step: int) -> int:
        """How many slots an aligned window has."""
        return int((self.end - self.start) / timedelta(seconds=step))


def floor(moment: datetime, step: int) -> datetime:
    """Where the slot of a moment begins."""
    return moment - (moment - _EPOCH) % timedelta(seconds=step)


def told_counts(row: Mapping[str, Any]) -> dict[str, Any]:
    """The counts of a rollup, or of the sum of some, as answers tell them."""
    errors = sum(row[name] for name in ERRORS)
    return {
        "entries": row["entries"],
        "anomalies": row["anomalies"],
        "error_rate": round(errors / row["entries"], 6) if row["entries"] else None,
        "severities": {name: row[name] for name in SEVERITIES if row[name]},
    }
