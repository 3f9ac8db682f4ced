"""What calibration is about: how many alarms were asked for, which threshold is in force, how hours are counted."""

import math
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final, Literal

FLOOR: Final = 0.1  # a score below says that a line is hardly new or harmless: never an anomaly, however few there are
WARM_UP: Final = timedelta(hours=24)  # of a source's arrivals: the shortest time in which each hour of the day occurs
HOURS_A_DAY: Final = 24
NOT_CALIBRATED: Final = 0  # the calibration version of a threshold that a person set or that came with the model
LAST_VERSION: Final = 32_767  # behind it comes 1 again: chunks keep the calibration version in 16 bits

Drift = Literal["scores", "number"]
"""What of a source's incidents is no longer as it was."""


@dataclass(frozen=True, slots=True)
class Asked:
    """At most so many alarms a day, with a threshold that is never below `lowest`."""

    alarms_per_day: float
    lowest: float

    @classmethod
    def of(cls, alarms_per_day: float, *, by_a_person: bool, default_threshold: float) -> "Asked":
        """Who asks for a number gets a threshold that uses it; where nobody did, the model's own is only raised."""
        return cls(alarms_per_day, FLOOR if by_a_person else default_threshold)


@dataclass(frozen=True, slots=True)
class Cap:
    """How many incidents may become alarms in so many hours in a row."""

    incidents: int
    hours: int

    @classmethod
    def of(cls, alarms_per_day: float) -> "Cap":
        """Whole incidents in a day; of less than one a day, one in as many hours as that makes."""
        if alarms_per_day >= 1:
            return cls(int(alarms_per_day), HOURS_A_DAY)
        return cls(1, math.ceil(HOURS_A_DAY / alarms_per_day))


@dataclass(frozen=True, slots=True)
class InForce:
    """By what a source's entries are judged.

    `cap` stands while only a cap keeps the promise; `is_noted` is whether the database knows already that this model
    scores the source.
    """

    threshold: float
    calibration_version: int
    cap: Cap | None
    is_noted: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How a source stands with one model: what its people set, and what was calibrated.

    `fixed` is its own threshold; `calibrated` is None during the warm-up and while too little is known after it,
    `version` None before it.
    """

    fixed: float | None
    alarms_per_day: float
    calibrated: float | None
    version: int | None

    def in_force(self, *, default_threshold: float) -> InForce:
        """The threshold that a worker uses: fixed before calibrated before the model's own under a cap."""
        is_noted = self.version is not None
        if self.fixed is not None:
            return InForce(self.fixed, NOT_CALIBRATED, None, is_noted)
        if self.calibrated is not None:
            return InForce(self.calibrated, self.version or NOT_CALIBRATED, None, is_noted)
        return InForce(default_threshold, NOT_CALIBRATED, Cap.of(self.alarms_per_day), is_noted)


@dataclass(frozen=True, slots=True)
class Incident:
    """A pattern of a source in an hour, as far as a cap is concerned."""

    pattern: int
    hour: int


def hour_of(moment: datetime) -> int:
    """The hour of a moment, counted from 1970."""
    return int(moment.timestamp()) // 3600


def hour_begins(hour: int) -> datetime:
    """When an hour begins."""
    return datetime.fromtimestamp(hour * 3600, tz=UTC)
