"""The catalogue entries of analytics."""

from datetime import timedelta
from typing import Final, Self
from uuid import UUID

from pydantic import AwareDatetime, model_validator

from oddline.submissions import EARLIEST
from oddline.tasks import Payload, Priority, Queue, Retry, Schedule, Starter, TaskSpec

LONGEST_WINDOW: Final = timedelta(days=400)


class OfProject(Payload):
    """A project."""

    project: UUID


class OfWindow(Payload):
    """A project's entries with these timestamps, of one source where it is named; `time_to` itself is not asked for."""

    project: UUID
    time_from: AwareDatetime
    time_to: AwareDatetime
    source: str | None = None

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.time_from < EARLIEST:
            raise ValueError("nothing is older than 1990")
        if self.time_from >= self.time_to:
            raise ValueError("time_to lies before time_from, or at it")
        if self.time_to - self.time_from > LONGEST_WINDOW:
            raise ValueError(f"a window has at most {LONGEST_WINDOW.days} days")
        return self


_NOTHING: Final = OfWindow(project=UUID(int=0), time_from=EARLIEST, time_to=EARLIEST + timedelta(days=1))
_ADDS_ONCE: Final = "an incremental reader: its cursor moves in the transaction that adds the counts"
_AT_ONCE: Final = 2  # of a project: each may take half an hour, of the few processes that others need as well
_ONLY_READS: Final = "only reads: the answer is its result"

UPDATE_LIVE_ANALYTICS: Final = TaskSpec(
    name="update_live_analytics",
    queue=Queue.DATA_ANALYSIS,
    idempotency=_ADDS_ONCE,
    soft_limit=timedelta(seconds=240),
    hard_limit=timedelta(seconds=300),
    retry=Retry(attempts=4, base=timedelta(seconds=5), cap=timedelta(seconds=60)),
    ledger=False,
)
UPDATE_ANALYTICS: Final = TaskSpec(
    name="update_analytics",
    queue=Queue.DATA_ANALYSIS,
    idempotency=_ADDS_ONCE,
    soft_limit=timedelta(seconds=1_500),
    hard_limit=timedelta(seconds=1_800),
    schedule=Schedule("rate(5 minutes)"),
)
UPDATE_ALL_PROJECT_ANALYTICS: Final = TaskSpec(
    name="update_all_project_analytics",
    queue=Queue.DATA_ANALYSIS,
    priority=Priority.LOW,
    idempotency="starts one task a project, unless that one waits already",
    schedule=Schedule("rate(1 hour)"),
)
UPDATE_PROJECT_ANALYTICS: Final = TaskSpec(
    name="update_project_analytics",
    queue=Queue.DATA_ANALYSIS,
    priority=Priority.LOW,
    payload=OfProject,
    idempotency=f"{_ADDS_ONCE}; what it deletes is past its time",
    soft_limit=timedelta(seconds=300),
    hard_limit=timedelta(seconds=600),
    starters=frozenset({Starter.SYSTEM, Starter.MEMBER}),
    smoke=OfProject(project=UUID(int=0)),
    at_once=1,
)
CALCULATE_ANALYTICS: Final = TaskSpec(
    name="calculate_analytics",
    queue=Queue.DATA_ANALYSIS,
    payload=OfWindow,
    idempotency=_ONLY_READS,
    soft_limit=timedelta(seconds=1_500),
    hard_limit=timedelta(seconds=1_800),
    starters=frozenset({Starter.SYSTEM, Starter.MEMBER}),
    smoke=_NOTHING,
    at_once=_AT_ONCE,
)
DETECT_ANOMALIES: Final = TaskSpec(
    name="detect_anomalies",
    queue=Queue.DATA_ANALYSIS,
    payload=OfWindow,
    idempotency=_ONLY_READS,
    soft_limit=timedelta(seconds=1_500),
    hard_limit=timedelta(seconds=1_800),
    starters=frozenset({Starter.SYSTEM, Starter.MEMBER}),
    smoke=_NOTHING,
    at_once=_AT_ONCE,
)
CALCULATE_LOG_PATTERNS: Final = TaskSpec(
    name="calculate_log_patterns",
    queue=Queue.DATA_ANALYSIS,
    payload=OfWindow,
    idempotency=_ONLY_READS,
    soft_limit=timedelta(seconds=1_500),
    hard_limit=timedelta(seconds=1_800),
    starters=frozenset({Starter.SYSTEM, Starter.MEMBER}),
    smoke=_NOTHING,
    at_once=_AT_ONCE,
)

TASKS: Final = (
    UPDATE_LIVE_ANALYTICS,
    UPDATE_ANALYTICS,
    UPDATE_ALL_PROJECT_ANALYTICS,
    UPDATE_PROJECT_ANALYTICS,
    CALCULATE_ANALYTICS,
    DETECT_ANOMALIES,
    CALCULATE_LOG_PATTERNS,
)
