"""Whether a source's last day is clearly unlike the days before it: then its threshold is still on its way."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from oddline.scoring.calibration.incidents import History, Incidents
from oddline.scoring.calibration.model import HOURS_A_DAY, Drift
from oddline.scoring.calibration.threshold import WINDOW_DAYS, ages_of, exposed_days

FEWEST_SCORES: Final = 20  # on either side: with fewer, only a difference that everybody sees would be one
FEWEST_DAYS: Final = 7  # before the last one, to say what number is usual: each day of the week
CLEARLY: Final = 2.0  # times the highest number of the days before, or this part of the lowest
KS_LEVEL: Final = 1e-4  # of the test of scores: it is made every hour for every source
_KS_FACTOR: Final = float(np.sqrt(-np.log(KS_LEVEL / 2) / 2))


def find_drift(history: History, *, started: int, now: int) -> Drift | None:
    """What differs clearly between the last 24 hours and the two weeks before; None where nothing does.

    Scores: the two-sample test of Kolmogorov and Smirnov, each pattern once a day with its highest score. Their number:
    of n + 1 exchangeable days the last is the highest or lowest with the chance 2 / (n + 1) (a conformal p-value, Vovk
    et al. 2005), and besides it has to be so by a factor.

    Args:
        history: what the source has had since `started`.
        started: the hour, counted from 1970, in which it had its first entry.
        now: the hour that has just begun; what came in it is left out.
    """
    is_whole = exposed_days(history.active, since=started, now=now) == 1.0
    if not is_whole[0]:
        return None
    ages = ages_of(history, now=now)
    within = (ages >= 0) & (ages < WINDOW_DAYS) & (history.incidents.scores >= history.whole_from)
    incidents, ages = history.incidents.where(within), ages[within]
    if _scores_differ(_highest(incidents.where(ages == 0)), _highest(incidents.where(ages > 0))):
        return "scores"
    counts = np.bincount(ages, minlength=WINDOW_DAYS)
    before = counts[1:][is_whole[1:]]
    return "number" if len(before) >= FEWEST_DAYS and _number_differs(int(counts[0]), before) else None


def _highest(incidents: Incidents) -> NDArray[np.float32]:
    """The highest score of each pattern and day, sorted."""
    days = incidents.hours // HOURS_A_DAY
    order = np.lexsort((-incidents.scores, incidents.patterns, days))
    is_first = np.ones(len(order), dtype=np.bool_)
    is_first[1:] = (np.diff(days[order]) != 0) | (np.diff(incidents.patterns[order]) != 0)
    return np.sort(incidents.scores[order][is_first])


def _scores_differ(one: NDArray[np.float32], other: NDArray[np.float32]) -> bool:
    if min(len(one), len(other)) < FEWEST_SCORES:
        return False
    values = np.concatenate([one, other])
    shares = [np.searchsorted(part, values, side="right") / len(part) for part in (one, other)]
    distance = float(np.abs(shares[0] - shares[1]).max())
    return distance > _KS_FACTOR * float(np.sqrt(1 / len(one) + 1 / len(other)))


def _number_differs(last: int, before: NDArray[np.int64]) -> bool:
    highest, lowest = int(before.max()), int(before.min())
    is_more = last > CLEARLY * highest and last - highest >= FEWEST_SCORES
    is_less = last * CLEARLY < lowest and lowest - last >= FEWEST_SCORES
    return is_more or is_less
