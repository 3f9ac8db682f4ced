"""The threshold that keeps a promise: at most N alarms a day, by what a source has had and what came of it.

The quantile of split conformal prediction (Vovk, Gammerman and Shafer 2005; Lei et al. 2018), with the weights of
Barber et al. 2023 for what changes with time. Of n incidents seen and one to come each is as likely as any other to be
the highest; so the one to come passes a threshold that j of the n reach with the chance (j + 1) / (n + 1), and with
(n + 1) / E incidents a day, over E days, that makes (j + 1) / E alarms a day: the lowest threshold is taken at which
j + 1 ≤ N·E. The number that is aimed at is corrected online by what was realised, as in adaptive conformal inference
(Gibbs and Candès 2021), with the saturated error sum of conformal PID control (Angelopoulos et al. 2023).

Robust, because a real outage is no false alarm: what one day contributes is bounded, both to the quantile and to the
error sum. The price: where days of many times the usual number keep coming, a little more is realised than was asked.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from oddline.scoring.calibration.incidents import History
from oddline.scoring.calibration.model import HOURS_A_DAY, Asked

WINDOW_DAYS: Final = 14  # two weeks: each day of the week twice
HALF_LIFE_DAYS: Final = 7.0  # what is a week old counts half
MOST_OF_A_DAY: Final = (
    4.0  # times what was asked: what one day counts at most, of the 14 that are given out in two weeks
)
MOST_REALISED: Final = 2.0  # the same in the error sum, so that a storm costs at most a third of a few days' alarms
REPAID_IN_DAYS: Final = 3.0  # in how many days what was given out too much or too little is made up for
LEAST_SHARE, MOST_SHARE = (
    0.25,
    1.25,
)  # of what was asked: too many in the past are saved for, too few hardly made up for
SMALLEST_CHANGE: Final = 0.001  # of a threshold: below it nobody sees a difference

_WEIGHTS: Final = 0.5 ** (np.arange(WINDOW_DAYS) / HALF_LIFE_DAYS)


def calibrate(history: History, *, asked: Asked, started: int, counted: int, now: int) -> float | None:
    """The threshold, `asked.lowest` to 1, for the hour `now` and those after it.

    None while so little is known that not even the incident to come can be allowed: only a cap keeps a promise then.

    Hours are counted from 1970. What arrived in the hour `now` itself or later is left out, since that hour is not
    over. Days go back from `now` on, 24 hours each; one on which the source had no entry at all does not count.

    Args:
        history: what the source has had since `started`, of one model.
        asked: what was asked for.
        started: the hour in which this model scored its first entry of the source.
        counted: the hour from which on alarms were given under the same promise.
        now: the hour that has just begun.
    """
    exposure = exposed_days(history.active, since=started, now=now)
    realised = exposed_days(history.active, since=counted, now=now)
    share = _share(history, asked=asked, exposure=realised, counted=counted, now=now)
    budget = asked.alarms_per_day * share * float(_WEIGHTS @ exposure)
    if budget < 1.0:
        return None
    scores, costs = _costs(history, most_of_a_day=MOST_OF_A_DAY * asked.alarms_per_day, now=now)
    too_many = np.flatnonzero(1.0 + np.cumsum(costs) > budget)
    return max(asked.lowest, _just_above(scores[too_many[0]])) if len(too_many) else asked.lowest


def settled(threshold: float | None, *, before: float | None) -> float | None:
    """The threshold, or the one before it where they hardly differ."""
    if threshold is None or before is None or abs(threshold - before) >= SMALLEST_CHANGE:
        return threshold
    return before


def exposed_days(active: NDArray[np.int64], *, since: int, now: int) -> NDArray[np.float64]:
    """(WINDOW_DAYS,) for each day back from `now`, how much of it counts: 0 to 1."""
    ages = _ages(active, now=now)
    had_entries = np.zeros(WINDOW_DAYS, dtype=np.bool_)
    had_entries[ages[(ages >= 0) & (ages < WINDOW_DAYS)]] = True
    counted: NDArray[np.float64] = np.clip((now - since) / HOURS_A_DAY - np.arange(WINDOW_DAYS), 0.0, 1.0)
    return np.where(had_entries, counted, 0.0)


def ages_of(history: History, *, now: int) -> NDArray[np.int64]:
    """How many days back from `now` each incident was; -1 for what is of the hour `now` or later."""
    return np.maximum(_ages(history.incidents.hours, now=now), -1)


def _ages(hours: NDArray[np.int64], *, now: int) -> NDArray[np.int64]:
    return (now - 1 - hours) // HOURS_A_DAY


def _share(history: History, *, asked: Asked, exposure: NDArray[np.float64], counted: int, now: int) -> float:
    """What part of the asked number to aim at: less after too many alarms, a little more after too few."""
    incidents = history.incidents
    ages = ages_of(history, now=now)
    alarms = np.bincount(
        ages[incidents.alarmed & (incidents.hours >= counted) & (ages >= 0) & (ages < WINDOW_DAYS)],
        minlength=WINDOW_DAYS,
    )
    surplus = np.minimum(alarms / asked.alarms_per_day, MOST_REALISED) - exposure
    return float(np.clip(1.0 - _WEIGHTS @ surplus / REPAID_IN_DAYS, LEAST_SHARE, MOST_SHARE))


def _costs(history: History, *, most_of_a_day: float, now: int) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
    """Scores of the window's incidents from the highest on, and what an alarm at each would count."""
    highest_first = np.argsort(-history.incidents.scores, kind="stable")
    ages = ages_of(history, now=now)[highest_first]
    recent = (ages >= 0) & (ages < WINDOW_DAYS)
    scores, ages = history.incidents.scores[highest_first][recent], ages[recent]
    places = _places_within(ages)
    counts = places < most_of_a_day
    costs = np.clip(most_of_a_day - places[counts], 0.0, 1.0) * _WEIGHTS[ages[counts]]
    return scores[counts], costs


def _places_within(days: NDArray[np.int64]) -> NDArray[np.int64]:
    """For each place how many before it are of the same day (0 to WINDOW_DAYS - 1)."""
    by_day = np.argsort(days.astype(np.int8), kind="stable")
    numbers = np.bincount(days, minlength=WINDOW_DAYS)
    places = np.empty(len(days), dtype=np.int64)
    places[by_day] = np.arange(len(days)) - np.repeat(np.cumsum(numbers) - numbers, numbers)
    return places


def _just_above(score: np.float32) -> float:
    """The lowest threshold that a score does not reach; 1 for what is no higher than a score can be."""
    return min(float(np.nextafter(score, np.float32(2.0))), 1.0)
