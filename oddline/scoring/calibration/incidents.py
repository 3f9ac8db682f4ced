"""What calibration remembers of a source: per day a short list of its incidents, and in which hours it had entries."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass, fields
from typing import Final

import numpy as np
from numpy.typing import NDArray

from oddline.scoring.calibration.model import HOURS_A_DAY

MOST_A_DAY: Final = 500
"""Incidents kept per source and day, those with the highest scores.

A threshold is exact all the same: a day counts with at most 4 times the alarms that were asked for (MOST_OF_A_DAY),
which are at most 100, so that no incident beyond the 400 highest of a day can matter to it.
"""


@dataclass(frozen=True, slots=True)
class Incidents:
    """Incidents as parallel arrays (n,): hour (counted from 1970), pattern, highest score, whether it was an alarm."""

    hours: NDArray[np.int64]
    patterns: NDArray[np.int64]
    scores: NDArray[np.float32]
    alarmed: NDArray[np.bool_]

    @classmethod
    def of(
        cls, hours: Collection[int], patterns: Collection[int], scores: Collection[float], alarmed: Collection[bool]
    ) -> "Incidents":
        """Incidents from plain values."""
        return cls(
            np.fromiter(hours, dtype=np.int64, count=len(hours)),
            np.fromiter(patterns, dtype=np.int64, count=len(patterns)),
            np.fromiter(scores, dtype=np.float32, count=len(scores)),
            np.fromiter(alarmed, dtype=np.bool_, count=len(alarmed)),
        )

    @classmethod
    def joined(cls, parts: Iterable["Incidents"]) -> "Incidents":
        """One after the other."""
        held = [cls.of((), (), (), ()), *parts]
        return cls(
            np.concatenate([part.hours for part in held]),
            np.concatenate([part.patterns for part in held]),
            np.concatenate([part.scores for part in held]),
            np.concatenate([part.alarmed for part in held]),
        )

    def __len__(self) -> int:
        return len(self.hours)

    def same_as(self, other: "Incidents") -> bool:
        """Whether both hold the same in the same order."""
        return all(np.array_equal(getattr(self, one.name), getattr(other, one.name)) for one in fields(self))

    def where(self, chosen: NDArray[np.bool_] | NDArray[np.int64]) -> "Incidents":
        """Those that a mask or a list of places chooses."""
        return Incidents(self.hours[chosen], self.patterns[chosen], self.scores[chosen], self.alarmed[chosen])


@dataclass(frozen=True, slots=True)
class Day:
    """What a source had on one UTC day: incidents, and bit n of `active` where entries arrived in hour n of it."""

    day: int
    active: int
    incidents: Incidents

    @classmethod
    def nothing(cls, day: int) -> "Day":
        """A day (counted from 1970) of which nothing is known."""
        return cls(day, 0, Incidents.of((), (), (), ()))

    def with_more(self, active: int, found: Incidents) -> "Day":
        """With more of the same day: of equal pattern and hour the higher score counts, and that one was an alarm."""
        if not len(found):
            return Day(self.day, self.active | active, self.incidents)
        both = Incidents.joined([self.incidents, found])
        order = np.lexsort((-both.scores, both.patterns, both.hours))
        both = both.where(order)
        is_first = np.ones(len(both), dtype=np.bool_)
        is_first[1:] = (np.diff(both.hours) != 0) | (np.diff(both.patterns) != 0)
        alarmed = np.logical_or.reduceat(both.alarmed, np.flatnonzero(is_first))
        single = both.where(is_first)
        kept = np.argsort(-single.scores, kind="stable")[:MOST_A_DAY]
        merged = Incidents(single.hours, single.patterns, single.scores, alarmed).where(kept)
        return Day(self.day, self.active | active, merged)


@dataclass(frozen=True, slots=True)
class History:
    """A source's incidents of some days, and the hours (counted from 1970) in which it had entries.

    From the score `whole_from` on no incident is missing, on any of the days.
    """

    incidents: Incidents
    active: NDArray[np.int64]
    whole_from: float = 0.0

    @classmethod
    def of(cls, days: Collection[Day], *, without: Collection[int] = ()) -> "History":
        """That of these days.

        `without` are patterns of which a person has said what they are: one that is confirmed is no false alarm, and
        one that is expected does not come again.
        """
        incidents = Incidents.joined(day.incidents for day in days)
        if without:
            incidents = incidents.where(~np.isin(incidents.patterns, list(without)))
        bits = np.array([day.active for day in days], dtype=np.int64)[:, None] >> np.arange(HOURS_A_DAY) & 1
        hours = np.array([day.day for day in days], dtype=np.int64)[:, None] * HOURS_A_DAY + np.arange(HOURS_A_DAY)
        cut = [float(day.incidents.scores.min()) for day in days if len(day.incidents) == MOST_A_DAY]
        return cls(incidents, hours[bits == 1], max(cut, default=0.0))
