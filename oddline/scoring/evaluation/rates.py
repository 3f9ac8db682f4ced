"""Whether rates keep their budget and what they find: simulated sources, some days without a fault, then some with.

In the first days every alarm is a false one. Then faults are planted, one every four hours, each into a copy of the
source, so that none knows of another: a pattern comes three or ten times as often, or not at all, or the whole source
falls silent. The sources are made by rules that know nothing of the method, and go through the functions that serve
(`RateSource.take` and `close`) in the order of time.
What is assumed, and where that is kinder than the world: no entry is late, sources are independent, and their rates
follow one of nine kinds.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from oddline.scoring.rates.model import BINS_A_DAY, BINS_AN_HOUR, WHOLE, OddRate, Rules, bin_of
from oddline.scoring.rates.packing import pack, unpack
from oddline.scoring.rates.source import RateSource

DAYS: Final = 30  # without a fault; some twenty minutes for all kinds
FAULTY_DAYS: Final = 6
RULES: Final = Rules(alarms_per_day=0.5, warm_up=timedelta(hours=1))
BETWEEN: Final = 4  # hours from one fault to the next
FOUND_WITHIN: Final = 60  # bins after the end of a fault
FEWEST_MISSED: Final = 30.0  # entries that a silence must have cost for it to be a fault that can be asked for
BEGIN: Final = 2_000 * BINS_A_DAY

Random = np.random.Generator
Counts = NDArray[np.int64]
"""(bins of an hour, patterns)"""
Source = Callable[[Random], Iterator[Counts]]


@dataclass(frozen=True, slots=True)
class Fault:
    """What is planted: `patterns` come `factor` times as often for `bins` from the bin `begin` on."""

    kind: str
    begin: int
    bins: int
    patterns: tuple[int, ...]
    factor: float
    is_whole: bool

    def is_found_by(self, odd: OddRate) -> bool:
        """Whether a rate was told because of it."""
        is_its = odd.pattern_id == WHOLE or odd.pattern_id - 1 in self.patterns
        is_then = self.begin <= odd.last_bin < self.begin + self.bins + FOUND_WITHIN
        return is_its and is_then and odd.direction == ("up" if self.factor > 1 else "down")


@dataclass(slots=True)
class _Run:
    source: RateSource = field(default_factory=lambda: RateSource.begun(BEGIN))
    hours: set[int] = field(default_factory=set)
    rows: int = 0
    planted: Counter[str] = field(default_factory=Counter)
    found: Counter[str] = field(default_factory=Counter)

    def hear(self, counts: Counts, *, at: int) -> list[OddRate]:
        """An hour of a source, from the bin `at` on."""
        places, patterns = np.nonzero(counts)
        if len(places):
            self.source.take(_frame(places + at, patterns + 1, counts[places, patterns]))
        return self.source.close(at + len(counts), rules=RULES)


def measure(*, seeds: Sequence[int] = (11,), days: int = DAYS) -> dict[str, Any]:
    """Per kind of source false alarms (hours with any) a day, rates told a day, faults found by kind."""
    kinds: dict[str, Any] = {}
    planted, found = Counter[str](), Counter[str]()
    for kind in KINDS:
        runs = [_live(kind, seed, days=days) for seed in seeds]
        kinds[kind.__name__] = {
            "alarms_a_day": round(sum(len(run.hours) for run in runs) / days / len(runs), 3),
            "told_a_day": round(sum(run.rows for run in runs) / days / len(runs), 3),
            "found": {fault: _share(runs, fault) for fault in sorted(set().union(*(run.planted for run in runs)))},
        }
        for run in runs:
            planted, found = planted + run.planted, found + run.found
    realised = float(np.mean([one["alarms_a_day"] for one in kinds.values()]))
    return {
        "asked": RULES.alarms_per_day,
        "realised": round(realised, 3),
        "highest": max(one["alarms_a_day"] for one in kinds.values()),
        "found": {fault: round(found[fault] / planted[fault], 3) for fault in sorted(planted)},
        "planted": dict(sorted(planted.items())),
        "kinds": kinds,
    }


def _live(kind: Source, seed: int, *, days: int) -> _Run:
    chance = np.random.default_rng([seed, KINDS.index(kind)])
    run, hours = _Run(), kind(chance)
    usual: NDArray[np.float64] | None = None
    for hour in range(24 * days):
        counts = next(hours)
        for odd in run.hear(counts, at=BEGIN + hour * BINS_AN_HOUR):
            run.rows += 1
            run.hours.add(bin_of(odd.window_to) // BINS_AN_HOUR)
        sums = counts.sum(axis=0)
        usual = sums.astype(np.float64) if usual is None else usual + (sums - usual) / 48
    assert usual is not None  # noqa: S101
    for number in range(24 * FAULTY_DAYS // BETWEEN):
        at = BEGIN + (24 * days + BETWEEN * number) * BINS_AN_HOUR
        counts = np.concatenate([next(hours) for _ in range(BETWEEN)])
        _suffer(run, counts.copy(), usual, at=at, chance=chance)
        run.hear(counts, at=at)
    return run


def _suffer(run: _Run, counts: Counts, usual: NDArray[np.float64], *, at: int, chance: Random) -> None:
    """Some hours with a fault, heard by a copy of the source."""
    fault = _planned(usual / BINS_AN_HOUR, at=at + BINS_AN_HOUR, chance=chance)
    copy = unpack(*pack(run.source))
    if fault is None or copy is None:
        return
    part = counts[fault.begin - at : fault.begin - at + fault.bins]
    columns = list(fault.patterns)
    part[:, columns] += chance.poisson(part[:, columns] * (fault.factor - 1)) if fault.factor > 1 else -part[:, columns]
    told = _Run(copy).hear(counts, at=at)
    run.planted[fault.kind] += 1
    run.found[fault.kind] += any(fault.is_found_by(odd) for odd in told)


def _planned(rates: NDArray[np.float64], *, at: int, chance: Random) -> Fault | None:
    """A fault of a pattern that comes often enough (entries per bin) for it to be one; None where there is none."""
    kind = chance.choice(["surge_3_10min", "surge_10_1min", "absent_30min", "source_silent_10min"])
    bins = {"surge_3_10min": 60, "surge_10_1min": 6, "absent_30min": 180, "source_silent_10min": 60}[kind]
    is_whole = kind.startswith("source")
    enough = {"surge_3_10min": 10.0, "surge_10_1min": 3.0}.get(str(kind), FEWEST_MISSED)
    able = [0] if is_whole else np.flatnonzero(rates * bins >= enough).tolist()
    if not able or (is_whole and rates.sum() * bins < enough):
        return None
    patterns = tuple(range(len(rates))) if is_whole else (int(chance.choice(able)),)
    factor = {"surge_3_10min": 3.0, "surge_10_1min": 10.0}.get(str(kind), 0.0)
    return Fault(str(kind), at + int(chance.integers(0, 120)), bins, patterns, factor, is_whole)


def _share(runs: Sequence[_Run], fault: str) -> str:
    return f"{sum(run.found[fault] for run in runs)} of {sum(run.planted[fault] for run in runs)}"


def _frame(bins: Counts, patterns: Counts, counts: Counts) -> pl.DataFrame:
    return pl.DataFrame(
        {
            "bin": bins,
            "pattern_id": patterns,
            "count": counts,
            "lag": np.zeros(len(bins), dtype=np.int64),
            "submission": [b""] * len(bins),
            "index": np.zeros(len(bins), dtype=np.int64),
            "timestamp": bins * 10_000_000,
            "received": bins * 10_000_000,
        }
    )


def steady(chance: Random) -> Iterator[Counts]:
    """The same rates at any hour, from five a second to one in three hours."""
    rates = np.geomspace(50, 0.001, 20)
    while True:
        yield chance.poisson(rates, (BINS_AN_HOUR, 20))


def daily(chance: Random) -> Iterator[Counts]:
    """Six times as much by day as by night, a third on weekends, and a load that wanders by itself."""
    rates, wander, hour = np.geomspace(30, 0.002, 30), 0.0, 0
    while True:
        steps = np.arange(BINS_AN_HOUR) / BINS_AN_HOUR + hour
        season = 1 + 0.7 * np.sin(2 * np.pi * (steps - 9) / 24)
        week = 0.3 if hour // 24 % 7 >= 5 else 1.0
        noise = []
        for _ in range(BINS_AN_HOUR):
            wander = 0.98 * wander + 0.04 * chance.normal()
            noise.append(wander)
        yield chance.poisson((season * week * np.exp(noise))[:, None] * rates)
        hour += 1


def bursty(chance: Random) -> Iterator[Counts]:
    """Each pattern comes in bursts of its own, of sizes with a long tail."""
    rates = np.geomspace(0.3, 0.003, 15)
    while True:
        bursts = chance.poisson(rates, (BINS_AN_HOUR, 15))
        sizes = np.minimum(1 + chance.pareto(1.3, bursts.shape), 2_000)
        yield (bursts * sizes).astype(np.int64) + chance.poisson(2.0, bursts.shape) * (np.arange(15) < 3)


def sparse(chance: Random) -> Iterator[Counts]:
    """A source that speaks every few minutes; most of its patterns a few times a day, in small groups."""
    rates = np.geomspace(0.03, 0.0002, 12)
    while True:
        yield chance.poisson(rates, (BINS_AN_HOUR, 12)) * chance.integers(1, 6, (BINS_AN_HOUR, 12))


def growing(chance: Random) -> Iterator[Counts]:
    """Twice as much every ten days."""
    rates, hour = np.geomspace(10, 0.002, 20), 0
    while True:
        yield chance.poisson(rates * 2 ** (hour / 240), (BINS_AN_HOUR, 20))
        hour += 1


def restarting(chance: Random) -> Iterator[Counts]:
    """Restarts a few times a day: a silence, then twenty patterns at once; every third day rates are others."""
    rates, hour = np.geomspace(20, 0.01, 20), 0
    while True:
        counts = np.hstack([chance.poisson(rates, (BINS_AN_HOUR, 20)), np.zeros((BINS_AN_HOUR, 20), dtype=np.int64)])
        if chance.random() < 1 / 6:
            begin, length = int(chance.integers(0, 340)), int(chance.integers(2, 6))
            counts[begin : begin + length] = 0
            counts[begin + length, 20:] += chance.integers(1, 4, 20)
        if hour % 72 == 71:
            rates = rates * chance.uniform(0.5, 2.0, 20)
        yield counts
        hour += 1


def scheduled(chance: Random) -> Iterator[Counts]:
    """A heartbeat every thirty seconds, a job each hour, another each night that makes some patterns twenty-fold."""
    rates, hour = np.geomspace(5, 0.01, 12), 0
    while True:
        counts = chance.poisson(rates, (BINS_AN_HOUR, 12))
        counts[:, 0] = np.arange(BINS_AN_HOUR) % 3 == 0
        start = int(chance.integers(0, 3))
        counts[start : start + 4, 6:9] += chance.poisson(10, (4, 3))
        if hour % 24 == 3:
            length = int(chance.integers(60, 120))
            counts[12 : 12 + length, 2:5] += chance.poisson(rates[2:5] * 20, (length, 3))
        yield counts
        hour += 1


def swinging(chance: Random) -> Iterator[Counts]:
    """The load of everything jumps to two or three times the usual, some times a day, for minutes to hours."""
    rates, load, left = np.geomspace(20, 0.005, 25), 1.0, 0
    while True:
        factors = np.empty(BINS_AN_HOUR)
        for place in range(BINS_AN_HOUR):
            if left == 0:
                is_calm = chance.random() < 0.6
                load = 1.0 if is_calm else float(chance.uniform(1.5, 3.0))
                left = int(chance.exponential(1_200 if is_calm else 400)) + 1
            factors[place] = load
            left -= 1
        yield chance.poisson(factors[:, None] * rates)


def ticking(chance: Random) -> Iterator[Counts]:
    """Timers of two seconds to two minutes, one beat in two hundred late by about one, beside what comes by chance."""
    periods, rates, hour = np.array([2.0, 3.0, 5.0, 7.0, 30.0, 120.0]), np.geomspace(20, 0.01, 10), 3600.0
    start = periods * chance.random(len(periods))
    while True:
        beats = np.zeros((BINS_AN_HOUR, len(periods)), dtype=np.int64)
        for place, period in enumerate(periods):
            gaps = period * chance.normal(1.0, 0.02, int(1.2 * hour / period) + 10)
            gaps += chance.exponential(period, len(gaps)) * (chance.random(len(gaps)) < 0.005)
            at = start[place] + np.cumsum(gaps)
            within = (at[at < hour] * BINS_AN_HOUR / hour).astype(np.int64)
            beats[:, place] = np.bincount(within, minlength=BINS_AN_HOUR)
            start[place] = at[at < hour][-1] - hour
        yield np.hstack([beats, chance.poisson(rates, (BINS_AN_HOUR, len(rates)))])


KINDS: Final[tuple[Source, ...]] = (steady, daily, bursty, sparse, growing, restarting, scheduled, swinging, ticking)
