"""Metrics: what is measured, declared once, and written as lines that CloudWatch makes metrics of.

A line is in the embedded metric format (CloudWatch user guide, "Embedded metric format specification"). Functions and
workers write them alike, to standard output, from where they come into CloudWatch Logs; no call goes out for them.
"""

import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Final, TypeVar

import orjson

from oddline.settings import Settings

V = TypeVar("V", float, timedelta)

MOST_VALUES: Final = 100  # of one metric in one line


class Unit(StrEnum):
    """The units of CloudWatch that are used here."""

    COUNT = "Count"
    BYTES = "Bytes"
    SECONDS = "Seconds"
    MILLISECONDS = "Milliseconds"
    NONE = "None"


@dataclass(frozen=True, slots=True)
class Report:
    """What one line tells: the unit of each of its metrics, and the dimension that tells them apart, if any."""

    units: Mapping[str, Unit]
    dimension: str | None = None


INTAKE: Final = Report({"Accepted": Unit.COUNT, "Masked": Unit.COUNT})
CLAIM: Final = Report(
    {
        "Scored": Unit.COUNT,
        "Odd": Unit.COUNT,
        "ScoringLatency": Unit.MILLISECONDS,
        "Patterns": Unit.COUNT,
        "PatternsRead": Unit.COUNT,
        "ModelTime": Unit.MILLISECONDS,
        "ScoringDollars": Unit.NONE,
        "StoredBytes": Unit.BYTES,
    }
)
COMPACTION: Final = Report({"RewrittenBytes": Unit.BYTES})
QUEUE: Final = Report({"Backlog": Unit.COUNT, "BacklogAge": Unit.SECONDS}, dimension="Queue")
WORKER_CLASS: Final = Report(
    {
        "Backlog": Unit.COUNT,
        "BacklogAge": Unit.SECONDS,
        "RunningTasks": Unit.COUNT,
        "BacklogPerTask": Unit.COUNT,
    },
    dimension="Class",
)
SCHEDULES: Final = Report({"Fired": Unit.COUNT, "Failed": Unit.COUNT, "Lateness": Unit.SECONDS})
LEDGER: Final = Report({"DeadLetters": Unit.COUNT, "OldestTransactionAge": Unit.SECONDS})

REPORTS: Final = (INTAKE, CLAIM, COMPACTION, SCHEDULES, QUEUE, WORKER_CLASS, LEDGER)
"""All metrics there are; docs/observability.md says what each is, infra/observability.yaml shows them."""


class Metrics:
    """Writes reports to standard output; where the namespace is empty, nothing.

    Args:
        namespace: of the metrics in CloudWatch.
        clock: seconds since 1970.
    """

    def __init__(self, namespace: str, *, clock: Callable[[], float] = time.time) -> None:
        self._namespace = namespace
        self._clock = clock

    def emit(
        self, report: Report, values: Mapping[str, float | Sequence[float]], *, dimension: str | None = None
    ) -> None:
        """Write one line: of each metric of the report its value, or up to MOST_VALUES of them.

        Raises:
            ValueError: the values, or the dimension, are not those of the report.
        """
        if not self._namespace:
            return
        if values.keys() != report.units.keys() or (dimension is None) != (report.dimension is None):
            raise ValueError(f"{sorted(values)} by {dimension} is not what {report} declares")
        by = {report.dimension: dimension} if report.dimension else {}
        directive = {
            "Namespace": self._namespace,
            "Dimensions": [list(by)],
            "Metrics": [{"Name": name, "Unit": unit} for name, unit in report.units.items()],
        }
        told = {"Timestamp": int(self._clock() * 1000), "CloudWatchMetrics": [directive]}
        # In one write, so that the lines of several threads and processes do not mix.
        sys.stdout.write(orjson.dumps({"_aws": told, **by, **values}).decode() + "\n")
        sys.stdout.flush()


OFF: Final = Metrics("")


def open_metrics(settings: Settings) -> Metrics:
    """What writes metrics as the settings say."""
    return Metrics(settings.metrics)


def spread(values: Sequence[V]) -> list[V]:
    """At most MOST_VALUES of `values`, evenly spread over their order, the lowest and the highest among them."""
    ordered = sorted(values)
    if len(ordered) <= MOST_VALUES:
        return ordered
    last = len(ordered) - 1
    return [ordered[round(place * last / (MOST_VALUES - 1))] for place in range(MOST_VALUES)]
