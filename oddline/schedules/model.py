"""What a user's schedule is, what a timer must know of it, and what became of each of its runs."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID


class CatchUp(StrEnum):
    """What is done about runs that were missed: nothing, or the last of them is made up for."""

    NONE = "none"
    LAST = "last"


class ScheduleState(StrEnum):
    """Whether it fires: an active one has a next time, and no other has."""

    ACTIVE = "active"
    PAUSED = "paused"
    FINISHED = "finished"
    REMOVED = "removed"


class Outcome(StrEnum):
    """What became of a planned time; a run that somebody asked for has one of its own."""

    STARTED = "started"
    ASKED = "asked"
    MISSED = "missed"
    MADE_UP = "made_up"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What a user says of a schedule.

    Args:
        expression: as EventBridge Scheduler writes them.
        timezone: a name of the IANA database.
        starts_at: fires at this moment at the soonest; rates are counted from it.
        ends_at: fires before this moment only.
    """

    name: str
    task: str
    expression: str
    payload: Mapping[str, Any] = field(default_factory=dict)
    timezone: str = "UTC"
    starts_at: datetime | None = None
    ends_at: datetime | None = None
    catch_up: CatchUp = CatchUp.NONE


@dataclass(frozen=True, slots=True, kw_only=True)
class UserSchedule(Wish):
    """A schedule as it is kept.

    Args:
        next_at: the planned time that has not been dealt with; it may have passed a moment ago.
        starter: as whom `actor`, who made, changed or resumed it last, may start tasks.
        rights_until: until when that is taken on trust, where no row of ours says so; see `oddline.schedules.rights`.
        revision: goes up with each change that the timer must hear of; `synced` is the one that it has heard of.
    """

    id: UUID
    project: UUID
    state: ScheduleState
    next_at: datetime | None
    starter: str
    actor: str
    rights_until: datetime | None
    created_at: datetime
    changed_at: datetime
    revision: int
    synced: int


@dataclass(frozen=True, slots=True)
class Run:
    """What became of planned times: of `planned`, and of the `count` - 1 before it that ended in the same way."""

    planned: datetime
    fired_at: datetime
    outcome: Outcome
    count: int = 1
    task_id: UUID | None = None
    detail: str | None = None

    def view(self) -> dict[str, Any]:
        """What `GET /api/v1/schedules/{id}/runs` tells."""
        return {
            "planned": self.planned,
            "fired_at": self.fired_at,
            "outcome": str(self.outcome),
            "count": self.count,
            "task_id": self.task_id,
            "detail": self.detail,
        }


@dataclass(frozen=True, slots=True)
class Alarm:
    """What a timer must know to wake a schedule; `starts_at` and `ends_at` as in `Wish`."""

    schedule: UUID
    expression: str
    timezone: str
    starts_at: datetime | None
    ends_at: datetime | None
