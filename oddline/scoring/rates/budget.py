"""At most so many alarms a day: how rare a rate must be to be told, by how rare the source's rates have been.

An alarm is an hour of a source in which anything was told: what goes wrong at once is one alarm, however many of the
source's patterns it moves. The threshold is the conformal quantile that lines are calibrated by, too
(`oddline.scoring.calibration.threshold`), over the rarest of each hour, and never below what a right model would need.
"""

from dataclasses import dataclass, field
from typing import Final

import numpy as np

from oddline.scoring.calibration.incidents import Day, History, Incidents
from oddline.scoring.calibration.model import HOURS_A_DAY, Asked, Cap
from oddline.scoring.calibration.threshold import WINDOW_DAYS, calibrate
from oddline.scoring.rates.model import BIN_S, BINS_A_DAY, BINS_AN_HOUR, WINDOWS, Rules

JUDGED_A_DAY: Final = sum(BINS_A_DAY / window for window in WINDOWS)  # windows of one pattern
HALF: Final = 20.0  # the rarity whose score is ½: calibration wants scores from 0 to 1
RISE: Final = 1.25  # of the threshold: what a rate that reached it counts at most
MOST_AN_HOUR: Final = 10  # rates told of a source: nobody reads more, and the first tell what is going on


@dataclass(slots=True)
class Budget:
    """The hours (from 1970) of two weeks with the rarest rate of each, and how many rates were told in them."""

    started: int
    rarest: dict[int, float] = field(default_factory=dict)
    told: dict[int, int] = field(default_factory=dict)
    calibrated: float | None = None
    found_in: int = -1

    def threshold(self, number: int, *, rules: Rules, rows: int) -> float:
        """How rare a rate of a bin must be; infinite in the warm-up. Found again each hour."""
        if (number - self.started) * BIN_S < rules.warm_up.total_seconds():
            return np.inf
        hour = number // BINS_AN_HOUR
        if hour != self.found_in:
            self._forget(hour)
            self.found_in, self.calibrated = hour, self._found(hour, rules=rules, rows=rows)
        return max(self.calibrated or 0.0, lowest(rules, rows=rows))

    def left(self, number: int, *, rules: Rules) -> int:
        """How many rates may still be told in the hour of a bin: none where a cap keeps the promise, and is met."""
        hour = number // BINS_AN_HOUR
        cap = Cap.of(rules.alarms_per_day)
        others = sum(hour - cap.hours < one < hour for one in self.told)
        if self.calibrated is None and hour not in self.told and others >= cap.incidents:
            return 0
        return MOST_AN_HOUR - self.told.get(hour, 0)

    def note(self, number: int, *, rarest: float, threshold: float, told: int) -> None:
        """Remember the rarest rate of a bin, and how many rates were told in it.

        What reached the threshold may have been a fault and no false alarm: it counts only as a little rarer than it
        had to be. So false alarms that keep coming raise the threshold step by step, and no outage makes a source
        blind for weeks.
        """
        hour = number // BINS_AN_HOUR
        if np.isfinite(threshold):
            self.rarest[hour] = max(self.rarest.get(hour, 0.0), min(rarest, RISE * threshold))
        if told:
            self.told[hour] = self.told.get(hour, 0) + told

    def _forget(self, hour: int) -> None:
        oldest = hour - (WINDOW_DAYS + 1) * HOURS_A_DAY
        self.rarest = {one: rarity for one, rarity in self.rarest.items() if one >= oldest}
        self.told = {one: count for one, count in self.told.items() if one >= oldest}

    def _found(self, hour: int, *, rules: Rules, rows: int) -> float | None:
        """The conformal threshold; None while too little is known for one: the lowest holds then, under a cap."""
        asked = Asked(rules.alarms_per_day, _score(lowest(rules, rows=rows)))
        started = self.started // BINS_AN_HOUR
        score = calibrate(self._history(hour), asked=asked, started=started, counted=started, now=hour)
        return None if score is None else HALF * score / max(1.0 - score, 1e-6)

    def _history(self, hour: int) -> History:
        first = max(self.started // BINS_AN_HOUR, hour - WINDOW_DAYS * HOURS_A_DAY)
        days = []
        for day in range(first // HOURS_A_DAY, hour // HOURS_A_DAY + 1):
            hours = [one for one in range(day * HOURS_A_DAY, (day + 1) * HOURS_A_DAY) if one in self.rarest]
            scores = [_score(self.rarest[one]) for one in hours]
            incidents = Incidents.of(hours, [0] * len(hours), scores, [one in self.told for one in hours])
            days.append(Day(day, 2**HOURS_A_DAY - 1, incidents))
        return History.of(days)


def lowest(rules: Rules, *, rows: int) -> float:
    """The rarity that, of so many rows judged all day, as many would reach as may be told if they were independent."""
    return float(np.log(JUDGED_A_DAY * rows / rules.alarms_per_day))


def _score(rarity: float) -> float:
    return rarity / (rarity + HALF)
