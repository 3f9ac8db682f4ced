"""Whether "at most N false alarms a day" is kept: thirty-one simulated days of ten sources in which nothing is wrong.

Every alarm in it is a false one. The sources are made by rules that know nothing of the method: numbers of incidents
an hour and their scores, drawn from fixed distributions (the method's constants were chosen on other seeds than those
that are measured). They go through the functions that serve (`grant`, `Day.with_more`, `calibrate`, `settled`), hour by
hour, in order; a threshold knows only the hours before its own. What is assumed, and where that is kinder than the
world:

- A threshold takes effect at the full hour. In the service it comes up to two minutes later.
- Nobody gives feedback, no model is promoted, no chunk is late.
- Scores have no mass at exactly 1, where no threshold could tell one incident from another.
- Sources are independent of each other. A promise about each says nothing of all of them on the same bad day.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from oddline.scoring.calibration.incidents import Day, History, Incidents
from oddline.scoring.calibration.model import FLOOR, HOURS_A_DAY, Asked, Cap, Incident
from oddline.scoring.calibration.threshold import WINDOW_DAYS, calibrate, settled
from oddline.scoring.calibration.warm_up import grant

DAYS: Final = 30  # after the warm-up
HOURS: Final = HOURS_A_DAY * (DAYS + 1)
ASKED: Final = (1, 5, 20)
SHIPPED_THRESHOLD: Final = 0.52
CLAIMS_AN_HOUR: Final = 3  # during the warm-up each is granted what is left
STEP_DAY: Final = 10

Random = np.random.Generator
Scores = NDArray[np.float64]
Hours = list[dict[int, float]]
"""For each hour the patterns that reached FLOOR in it, with their highest scores."""


@dataclass(slots=True)
class _Run:
    """One source under one promise; alarms are counted from the end of the warm-up on."""

    asked: Asked
    days: dict[int, Day] = field(default_factory=dict)
    held: frozenset[Incident] = frozenset()
    threshold: float | None = None
    warm_up_alarms: int = 0
    alarms: int = 0
    candidates: int = 0

    def live_through(self, hour: int, had: dict[int, float], *, chance: Random) -> None:
        """Judge what an hour brings, then remember it."""
        is_warm = hour >= HOURS_A_DAY
        threshold = self._threshold(hour) if is_warm else None
        if threshold is None:
            alarmed = self._under_the_cap(hour, had, chance=chance)
        else:
            alarmed = {pattern for pattern, score in had.items() if np.float32(score) >= threshold}
        if is_warm:
            self.alarms += len(alarmed)
            self.candidates += len(had)
        else:
            self.warm_up_alarms += len(alarmed)
        day = hour // HOURS_A_DAY
        found = Incidents.of([hour] * len(had), had.keys(), had.values(), [one in alarmed for one in had])
        self.days[day] = self.days.get(day, Day.nothing(day)).with_more(1 << hour % HOURS_A_DAY, found)
        self.days.pop(day - WINDOW_DAYS - 1, None)

    def _under_the_cap(self, hour: int, had: dict[int, float], *, chance: Random) -> set[int]:
        alarmed: set[int] = set()
        claim_of = chance.integers(CLAIMS_AN_HOUR, size=len(had))
        for claim in range(CLAIMS_AN_HOUR):
            wanted = {
                pattern: score
                for (pattern, score), place in zip(had.items(), claim_of, strict=True)
                if place == claim and score >= SHIPPED_THRESHOLD
            }
            granted, self.held = grant(wanted, held=self.held, hour=hour, cap=Cap.of(self.asked.alarms_per_day))
            alarmed |= granted
        return alarmed

    def _threshold(self, hour: int) -> float | None:
        history = History.of(self.days.values())
        fresh = calibrate(history, asked=self.asked, started=0, counted=HOURS_A_DAY, now=hour)
        self.threshold = settled(fresh, before=self.threshold)
        return self.threshold


def measure(
    *, seeds: Sequence[int] = (11, 12), scenario: str = "mixed", asked: Sequence[int] = ASKED
) -> list[dict[str, Any]]:
    """For each number of alarms asked for, how many were realised.

    `realised` is the pooled ratio realised ÷ asked, after the warm-up, of the sources that have that many incidents at
    all; `realised_all` that of all; `lowest` and `highest` are those of a single source; `warm_up_over_cap` counts the
    sources that had more alarms in their warm-up than were asked for.

    Args:
        seeds: one set of sources each.
        scenario: `mixed`, or, worse, `bursty` (all sources are) or `step` (from day 10 on four times the incidents,
            with higher scores).
        asked: alarms a day.
    """
    return [_row(one, list(_runs(one, seeds=seeds, scenario=scenario))) for one in asked]


def _runs(asked: int, *, seeds: Sequence[int], scenario: str) -> Iterator[_Run]:
    for seed in seeds:
        for number, kind in enumerate(KINDS):
            chance = np.random.default_rng([seed, number])
            hours = (bursty if scenario == "bursty" else kind)(chance)
            if scenario == "step":
                hours = _stepped(hours, chance)
            run = _Run(Asked(float(asked), FLOOR))
            for hour, had in enumerate(hours):
                run.live_through(hour, had, chance=chance)
            yield run


def _row(asked: int, runs: Sequence[_Run]) -> dict[str, Any]:
    able = [run for run in runs if run.candidates >= asked * DAYS]
    ratios = [run.alarms / (asked * DAYS) for run in able]
    return {
        "asked": asked,
        "realised": round(float(np.mean(ratios)), 3),
        "realised_all": round(sum(run.alarms for run in runs) / (asked * DAYS * len(runs)), 3),
        "lowest": round(min(ratios), 3),
        "highest": round(max(ratios), 3),
        "sources": len(able),
        "warm_up_over_cap": sum(run.warm_up_alarms > asked for run in runs),
    }


def steady(chance: Random) -> Hours:
    """The same number of new patterns at any hour."""
    return _fresh(chance, rates=np.full(HOURS, 40 / HOURS_A_DAY), scores=_beta(1.5, 6))


def daily(chance: Random) -> Hours:
    """Four times as many by day as by night."""
    return _fresh(chance, rates=80 / HOURS_A_DAY * _by_day(), scores=_beta(1.5, 6))


def weekly(chance: Random) -> Hours:
    """Next to nothing on weekends; it begins on any day of the week."""
    weekday = (np.arange(HOURS) // HOURS_A_DAY + chance.integers(7)) % 7
    rates = 100 / HOURS_A_DAY * _by_day() * np.where(weekday >= 5, 0.1, 1.0)
    return _fresh(chance, rates=rates, scores=_beta(1.5, 6))


def bursty(chance: Random) -> Hours:
    """Quiet, and every three days or so an hour with ten to three hundred at once."""
    sizes = np.minimum(10 * (1 + chance.pareto(1.5, HOURS)), 300)
    rates = 15 / HOURS_A_DAY + np.where(chance.random(HOURS) < 1 / 72, sizes, 0)
    return _fresh(chance, rates=rates, scores=_beta(1.5, 5))


def deployed(chance: Random) -> Hours:
    """Each few days a deployment with 10 to 60 new patterns; those that sound severe stay new, and come again."""
    rates = np.full(HOURS, 8 / HOURS_A_DAY)
    begins = chance.exponential(72)
    while begins < HOURS:
        size, first = chance.uniform(10, 60), int(begins)
        rates[first : first + 8] += (size * 0.5 ** np.arange(1, 9))[: HOURS - first]
        begins += chance.exponential(72)
    hours = _fresh(chance, rates=rates, scores=_beta(1.5, 5))
    for hour, had in enumerate([dict(had) for had in hours]):
        for pattern, score in had.items():
            if score >= SHIPPED_THRESHOLD:
                until = min(hour + 14 * HOURS_A_DAY, HOURS)
                again = hour + 1 + np.flatnonzero(chance.random(until - hour - 1) < chance.exponential(0.02))
                for one in again:
                    hours[int(one)][pattern] = score
    return hours


def drifting(chance: Random) -> Hours:
    """Slowly twice as many, and scores from a mean of 0.28 up to one of 0.40."""
    grown = np.arange(HOURS) / HOURS
    counts = chance.poisson(40 / HOURS_A_DAY * (1 + grown))
    return _numbered(
        [FLOOR + (1 - FLOOR) * chance.beta(1.5 + 1.5 * grown[hour], 6, counts[hour]) for hour in range(HOURS)]
    )


def heavy_tailed(chance: Random) -> Hours:
    """Days of very different numbers, scores with a long tail up to 1."""
    of_day = np.repeat(chance.lognormal(-0.32, 0.8, DAYS + 1), HOURS_A_DAY)

    def scores(chance: Random, count: int) -> Scores:
        odds = 0.3 * chance.pareto(1.1, count)
        return FLOOR + (1 - FLOOR) * odds / (1 + odds)

    return _fresh(chance, rates=60 / HOURS_A_DAY * of_day, scores=scores)


def nearly_silent(chance: Random) -> Hours:
    """One incident in three days."""
    return _fresh(chance, rates=np.full(HOURS, 0.3 / HOURS_A_DAY), scores=_beta(1.5, 6))


def noisy(chance: Random) -> Hours:
    """Fifteen hundred a day: three times as many as are remembered."""
    return _fresh(chance, rates=1500 / HOURS_A_DAY * _by_day(), scores=_beta(1.2, 8))


def recurring(chance: Random) -> Hours:
    """Nothing new: sixty patterns, each with one score for ever, come again at rates of their own."""
    scores = _beta(1.5, 5)(chance, 60)
    rates = chance.uniform(0.005, 0.2, 60)
    return [
        {int(pattern): float(scores[pattern]) for pattern in np.flatnonzero(chance.random(60) < rates)}
        for _ in range(HOURS)
    ]


KINDS: Final = (
    steady,
    daily,
    weekly,
    bursty,
    deployed,
    drifting,
    heavy_tailed,
    nearly_silent,
    noisy,
    recurring,
)


def _beta(a: float, b: float) -> Callable[[Random, int], Scores]:
    return lambda chance, count: FLOOR + (1 - FLOOR) * chance.beta(a, b, count)


def _by_day() -> NDArray[np.float64]:
    """(HOURS,), 1 on average: highest in the afternoon."""
    return 1 + 0.6 * np.sin(2 * np.pi * (np.arange(HOURS) % HOURS_A_DAY - 9) / HOURS_A_DAY)


def _fresh(chance: Random, *, rates: NDArray[np.float64], scores: Callable[[Random, int], Scores]) -> Hours:
    """Patterns that nobody has seen before, so many an hour on average."""
    return _numbered([scores(chance, int(count)) for count in chance.poisson(rates)])


def _numbered(hours: Sequence[Scores]) -> Hours:
    """Each score under a pattern of its own."""
    numbered: Hours = []
    first = 0
    for scores in hours:
        numbered.append({first + place: float(score) for place, score in enumerate(scores)})
        first += len(scores)
    return numbered


def _stepped(hours: Hours, chance: Random) -> Hours:
    """From STEP_DAY on each incident comes four times, with scores a little higher."""
    free = 1 + max((pattern for had in hours for pattern in had), default=0)
    stepped: Hours = hours[: HOURS_A_DAY * (STEP_DAY + 1)]
    for had in hours[HOURS_A_DAY * (STEP_DAY + 1) :]:
        raised = {
            pattern + copy * free: min(score + 0.05 * chance.random(), 1.0)
            for pattern, score in had.items()
            for copy in range(4)
        }
        stepped.append(raised)
    return stepped
