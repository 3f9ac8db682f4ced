"""Rates over the sample corpus: what is told while it is replayed in the order of time, and of which fault window."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import polars as pl

from oddline.sample import FaultWindow, SampleLine
from oddline.scoring.rates.counting import counted, joined
from oddline.scoring.rates.model import BIN, Rules, bin_begins, bin_of
from oddline.scoring.rates.source import RateSource

RULES: Final = Rules(alarms_per_day=24.0, warm_up=timedelta(minutes=5))
"""One false alarm an hour and source: the corpus is 18 minutes long, and its first six are without faults."""
SOURCES: Final = {
    "celery": ("celery", "celery-beat"),
    "nginx": ("nginx-access", "nginx-error"),
    "postgres": ("postgres", "pg_dump"),
}
"""The sources of programs that have several; of the others the source is called as the program is."""


@dataclass(frozen=True, slots=True)
class RateAlarm:
    """What was told of a source in one bin, which begins at `at`."""

    source: str
    at: datetime
    rates: int

    def is_about(self, window: FaultWindow) -> bool:
        """Whether the bin overlaps a fault window of the program that the source belongs to."""
        is_its = self.source in SOURCES.get(window.program, (window.program,))
        return is_its and self.at < window.end and self.at + BIN > window.start


def rate_alarms(lines: Sequence[SampleLine], patterns: Sequence[str], *, since: datetime) -> list[RateAlarm]:
    """What is told from `since` on when the lines come in as they were printed, and are looked at once a minute.

    All that is told of a source in one bin is one alarm.
    """
    names = sorted({line.source for line in lines})
    counts = _counts(lines, patterns, names=names)
    alarms: list[RateAlarm] = []
    for number, name in enumerate(names):
        own = counts.filter(pl.col("source_id") == number)
        source = RateSource.begun(own["bin"].to_list()[0])
        told: dict[int, int] = {}
        for until in range(bin_of(lines[0].at), bin_of(lines[-1].at) + 6, 6):
            end = min(until, bin_of(lines[-1].at))
            source.take(
                own.filter(pl.col("bin").is_between(end - 6, end, closed="left") & (pl.col("bin") >= source.next))
            )
            for odd in source.close(end, rules=RULES):
                told[odd.last_bin] = told.get(odd.last_bin, 0) + 1
        alarms += [RateAlarm(name, bin_begins(at), rates) for at, rates in told.items() if bin_begins(at) >= since]
    return sorted(alarms, key=lambda alarm: (alarm.at, alarm.source))


def _counts(lines: Sequence[SampleLine], patterns: Sequence[str], *, names: Sequence[str]) -> pl.DataFrame:
    ids = {pattern: number for number, pattern in enumerate(dict.fromkeys(patterns), start=1)}
    places = {name: number for number, name in enumerate(names)}
    entries = pl.LazyFrame(
        {
            "source_id": [places[line.source] for line in lines],
            "pattern_id": [ids[pattern] for pattern in patterns],
            "index": range(len(lines)),
            "timestamp": [line.at for line in lines],
            "received_at": [line.at for line in lines],
            "submission": [b""] * len(lines),
        }
    )
    return joined([counted(entries).collect()])
