"""Each minute: fire what nobody has fired, bring the timer in line with the rows, forget old runs."""

import logging
from datetime import datetime, timedelta
from typing import Final

from oddline.database import Database
from oddline.errors import AlarmRefused, DatabaseUnavailable, InvalidParameter, OddlineError
from oddline.schedules import store
from oddline.schedules.expressions import At, Rate, parse
from oddline.schedules.firing import fire
from oddline.schedules.model import Alarm, ScheduleState, UserSchedule
from oddline.schedules.planning import planned_times
from oddline.schedules.timer import Timer
from oddline.tasks import Catalogue, Publisher

log = logging.getLogger(__name__)

RUNS_KEPT: Final = timedelta(days=14)
MOST_AT_ONCE: Final = 1_000  # fired by one sweep; the next minute has another


def watch_schedules(
    db: Database, timer: Timer, publisher: Publisher, *, catalogue: Catalogue, now: datetime
) -> dict[str, int]:
    """Keep every schedule going, whatever the timer does.

    Raises:
        TimerUnavailable: the timer does not answer (passing): what is due was fired all the same.
    """
    fired = fire_due(db, publisher, catalogue=catalogue, before=now - timer.patience, now=now)
    with db.transaction() as tx:
        forgotten = store.delete_runs(tx, before=now - RUNS_KEPT)
    return {"fired": fired, "forgotten": forgotten, "put": bring_in_line(db, timer, now=now)}


def fire_due(db: Database, publisher: Publisher, *, catalogue: Catalogue, before: datetime, now: datetime) -> int:
    """Fire what was due before a moment; returns how many."""
    with db.transaction() as tx:
        due = store.due(tx, before=before, limit=MOST_AT_ONCE)
    for schedule_id in due:
        try:
            fire(db, publisher, schedule_id, catalogue=catalogue, now=now)
        except DatabaseUnavailable:
            raise
        except OddlineError:  # a zone that has left the database of zones since, say: it must not hold up the others
            log.exception("the schedule %s cannot be fired", schedule_id)
    return len(due)


def bring_in_line(db: Database, timer: Timer, *, now: datetime) -> int:
    """Have the timer hold what the rows say; returns how many alarms differed.

    Killed anywhere, or run twice at once, it leaves what the next one brings in line: a row says which of its
    revisions the timer has heard of, and what the timer holds is compared with the rows, too.

    Raises:
        TimerUnavailable: the timer does not answer (passing).
    """
    with db.transaction() as tx:
        rows = store.everything(tx)
    held = timer.held()
    strays = held - {str(row.id) for row in rows}
    for stray in strays:
        timer.remove(stray)
    differing = [row for row in rows if row.synced != row.revision or (str(row.id) in held) != _rings(row)]
    for row in differing:
        _bring_in_line(db, timer, row, now=now)
    return len(differing) + len(strays)


def alarm_of(schedule: UserSchedule, *, now: datetime) -> Alarm | None:
    """What the timer must hold of a schedule; None where it must hold nothing."""
    if not _rings(schedule):
        return None
    first = next(planned_times(schedule, after=now, made_at=schedule.created_at), None)
    if first is None:
        return None
    expression = parse(schedule.expression)
    is_once = isinstance(expression, At)
    # EventBridge counts a rate from its start, and takes no start that has passed: so that is the next planned time.
    starts_at = first if isinstance(expression, Rate) else schedule.starts_at
    return Alarm(
        schedule=schedule.id,
        expression=schedule.expression,
        timezone=schedule.timezone,
        starts_at=starts_at if starts_at is not None and starts_at > now and not is_once else None,
        ends_at=None if is_once else schedule.ends_at,
    )


def _rings(schedule: UserSchedule) -> bool:
    return schedule.state is ScheduleState.ACTIVE


def _bring_in_line(db: Database, timer: Timer, row: UserSchedule, *, now: datetime) -> None:
    try:
        alarm = alarm_of(row, now=now)
        if alarm is None:
            timer.remove(str(row.id))
        else:
            timer.put(alarm)
    except (AlarmRefused, InvalidParameter):
        # It is tried again each minute, and the sweep fires it meanwhile.
        log.exception("there is no alarm for the schedule %s", row.id)
    with db.transaction() as tx:
        store.mark_synced(tx, row.id, revision=row.revision)
