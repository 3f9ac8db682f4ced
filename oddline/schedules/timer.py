"""What wakes schedules at their times, behind one small interface: EventBridge Scheduler, or the rows themselves."""

from collections.abc import Set as AbstractSet
from datetime import timedelta
from typing import Protocol

from oddline.database import Database
from oddline.schedules import store
from oddline.schedules.model import Alarm, ScheduleState
from oddline.settings import Settings


class Timer(Protocol):
    """Calls the handler `user_schedule` at the times of the alarms that it holds; what is due, that finds out."""

    patience: timedelta
    """After its time for so long a schedule is left to the timer; then whoever sweeps fires it."""

    def put(self, alarm: Alarm) -> None:
        """Hold an alarm, in place of the one of the same schedule.

        Raises:
            TimerUnavailable: it does not answer (passing).
            AlarmRefused: it will not hold this one.
        """

    def remove(self, name: str) -> None:
        """Hold no alarm of this name any more, which is a schedule's id.

        Raises:
            TimerUnavailable: it does not answer (passing).
        """

    def held(self) -> AbstractSet[str]:
        """The names of the alarms that it holds.

        Raises:
            TimerUnavailable: it does not answer (passing).
        """


class RowTimer:
    """Holds nothing: the local runner, and the sweep of each minute, ask the rows what is due."""

    patience = timedelta()

    def __init__(self, db: Database) -> None:
        self._db = db

    def put(self, alarm: Alarm) -> None:
        """See `Timer.put`."""

    def remove(self, name: str) -> None:
        """See `Timer.remove`."""

    def held(self) -> AbstractSet[str]:
        """See `Timer.held`."""
        with self._db.transaction() as tx:
            return {str(row.id) for row in store.everything(tx) if row.state is ScheduleState.ACTIVE}


def open_timer(settings: Settings, db: Database) -> Timer:
    """The timer of this installation: EventBridge Scheduler where a group of it is set.

    Nothing is asked of AWS before the first call.
    """
    if not settings.schedule_group:
        return RowTimer(db)
    from oddline.schedules.eventbridge import EventBridgeTimer

    return EventBridgeTimer(
        settings.schedule_group,
        target=settings.schedule_target,
        role=settings.schedule_role,
        endpoint_url=settings.aws_endpoint_url,
    )
