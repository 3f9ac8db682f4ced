"""What users do with their schedules: make, change, pause, resume, remove, look at them."""

import json
from collections.abc import Mapping
from dataclasses import asdict, fields, replace
from datetime import datetime
from typing import Any, Final, TypeVar
from uuid import UUID

from oddline.database import Transaction
from oddline.errors import Conflict, Forbidden, InvalidParameter, NotFound, UnknownTask
from oddline.schedules import store
from oddline.schedules.model import Run, ScheduleState, UserSchedule, Wish
from oddline.schedules.planning import first_time, next_times, planned_times
from oddline.schedules.rights import rights_until
from oddline.settings import load_settings
from oddline.tasks import Catalogue, Starter, request, seal, shown, unseal

MOST_SCHEDULES: Final = 1_000  # of one project; EventBridge Scheduler holds a million in an account

_TIMES: Final = ("expression", "timezone", "starts_at", "ends_at")
AnyWish = TypeVar("AnyWish", bound=Wish)
LARGEST_PAYLOAD: Final = 65_536  # characters of JSON


def create(
    tx: Transaction,
    wish: Wish,
    *,
    schedule_id: UUID,
    project: UUID,
    starter: Starter,
    actor: str,
    catalogue: Catalogue,
    now: datetime,
) -> UserSchedule:
    """Make a schedule.

    Args:
        wish: what is scheduled, and when.
        starter: as whom `actor` may start tasks; the schedule starts them with the same rights.

    Raises:
        InvalidParameter: the expression, the zone or the payload cannot be, or it would never fire.
        UnknownTask, Forbidden: there is no such task, or `starter` may not start it.
        Conflict: the project has one of that name, or too many.
        NotConfigured: its payload is to be sealed, and there is no key in this process's settings.
    """
    _check_startable(tx, wish, project=project, starter=starter, catalogue=catalogue, now=now)
    if store.count(tx, project=project) >= MOST_SCHEDULES:
        raise Conflict(f"a project has {MOST_SCHEDULES} schedules at most")
    schedule = UserSchedule(
        **asdict(_sealed(wish, catalogue)),
        id=schedule_id,
        project=project,
        state=ScheduleState.ACTIVE,
        next_at=first_time(wish, after=now, made_at=now),
        starter=str(starter),
        actor=actor,
        rights_until=rights_until(tx, actor, starter=starter, project=project, now=now),
        created_at=now,
        changed_at=now,
        revision=1,
        synced=0,
    )
    store.insert(tx, schedule)
    return schedule


def change(
    tx: Transaction,
    schedule_id: UUID,
    given: Mapping[str, Any],
    *,
    starter: Starter,
    actor: str,
    catalogue: Catalogue,
    now: datetime,
) -> UserSchedule:
    """Change what is given, by the names of `Wish`; a paused schedule stays paused, a finished one begins again.

    Raises:
        NotFound: there is no such schedule.
        InvalidParameter, UnknownTask, Forbidden, Conflict, NotConfigured: as `create`.
        Undecipherable: none of the keys opens the payload that it had.
    """
    before = opened(_locked(tx, schedule_id))
    wished = replace(before, **given)
    _check_startable(tx, wished, project=before.project, starter=starter, catalogue=catalogue, now=now)
    if before.next_at is not None and all(getattr(wished, name) == getattr(before, name) for name in _TIMES):
        first = before.next_at  # it may have come, and not be dealt with yet
    else:
        first = first_time(wished, after=now, made_at=before.created_at)
    is_paused = before.state is ScheduleState.PAUSED
    return _written(
        tx,
        replace(
            _sealed(wished, catalogue),
            starter=str(starter),
            actor=actor,
            rights_until=rights_until(tx, actor, starter=starter, project=before.project, now=now),
            state=ScheduleState.PAUSED if is_paused else ScheduleState.ACTIVE,
            next_at=None if is_paused else first,
        ),
        now=now,
    )


def pause(tx: Transaction, schedule_id: UUID, *, now: datetime) -> UserSchedule:
    """Let it fire no more until it is resumed.

    Raises:
        NotFound: there is no such schedule.
        Conflict: it is finished.
    """
    schedule = _locked(tx, schedule_id)
    if schedule.state is ScheduleState.PAUSED:
        return schedule
    if schedule.state is ScheduleState.FINISHED:
        raise Conflict("it is finished: there is nothing to pause")
    return _written(tx, replace(schedule, state=ScheduleState.PAUSED, next_at=None), now=now)


def resume(tx: Transaction, schedule_id: UUID, *, starter: Starter, actor: str, now: datetime) -> UserSchedule:
    """Let a paused one fire again, from now on, with the rights of whoever resumes it.

    What it would have done meanwhile is not made up for.

    Raises:
        NotFound: there is no such schedule.
        Conflict: it has no time left.
    """
    schedule = _locked(tx, schedule_id)
    if schedule.state is ScheduleState.ACTIVE:
        return schedule
    first = next(planned_times(schedule, after=now, made_at=schedule.created_at), None)
    if first is None:
        raise Conflict("it has no time left: change its expression or its end")
    return _written(
        tx,
        replace(
            schedule,
            starter=str(starter),
            actor=actor,
            rights_until=rights_until(tx, actor, starter=starter, project=schedule.project, now=now),
            state=ScheduleState.ACTIVE,
            next_at=first,
        ),
        now=now,
    )


def remove(tx: Transaction, schedule_id: UUID, *, now: datetime) -> None:
    """Remove it; what it has started goes on.

    Raises:
        NotFound: there is no such schedule.
    """
    _written(tx, replace(_locked(tx, schedule_id), state=ScheduleState.REMOVED, next_at=None), now=now)


def find(tx: Transaction, schedule_id: UUID) -> UserSchedule:
    """A schedule.

    Raises:
        NotFound: there is no such schedule.
    """
    return _there(store.find(tx, schedule_id), schedule_id)


def opened(schedule: UserSchedule) -> UserSchedule:
    """A schedule with a sealed payload as it was.

    Raises:
        Undecipherable: none of the keys made it.
    """
    return replace(schedule, payload=unseal(schedule.payload, load_settings().cipher()))


def runs_of(tx: Transaction, schedule_id: UUID, *, before: datetime | None, limit: int) -> list[Run]:
    """What became of its planned times, the last first.

    Raises:
        NotFound: there is no such schedule.
    """
    find(tx, schedule_id)
    return list(store.runs(tx, schedule_id, before=before, limit=limit))


def view(schedule: UserSchedule, *, now: datetime) -> dict[str, Any]:
    """What lists tell of it; `next` holds its next five times. Of a sealed payload, only that there is one."""
    wish = {field.name: getattr(schedule, field.name) for field in fields(Wish)}
    return {
        "id": schedule.id,
        **wish,
        "payload": shown(schedule.payload),
        "catch_up": str(schedule.catch_up),
        "state": str(schedule.state),
        "next": next_times(schedule, now=now),
        "actor": schedule.actor,
        "created_at": schedule.created_at,
        "changed_at": schedule.changed_at,
    }


def _sealed(wish: AnyWish, catalogue: Catalogue) -> AnyWish:
    """A wish as it is kept: what its task is given is encrypted where it is about people, as in the ledger."""
    if not catalogue[wish.task].sealed:
        return wish
    return replace(wish, payload=seal(dict(wish.payload), load_settings().cipher()))


def _check_startable(
    tx: Transaction, wish: Wish, *, project: UUID, starter: Starter, catalogue: Catalogue, now: datetime
) -> None:
    """Start it and take that back: so whoever may not start it, or not with that payload, hears so at once."""
    try:
        size = len(json.dumps(dict(wish.payload), allow_nan=False))
    except ValueError as error:  # NaN and the like, which pydantic reads and PostgreSQL does not
        raise InvalidParameter(f"the payload is no JSON: {error}", field="payload") from error
    if size > LARGEST_PAYLOAD:
        raise InvalidParameter(f"a payload has {LARGEST_PAYLOAD:,} characters at most", field="payload")
    try:
        with tx.transaction(force_rollback=True):
            request(tx, catalogue, name=wish.task, payload=wish.payload, starter=starter, project=project, now=now)
    except (UnknownTask, Forbidden) as error:
        if error.extra["field"] == "name":  # which is the task's there, and the schedule's here
            error.extra["field"] = "task"
        raise


def _locked(tx: Transaction, schedule_id: UUID) -> UserSchedule:
    return _there(store.lock(tx, schedule_id), schedule_id)


def _there(schedule: UserSchedule | None, schedule_id: UUID) -> UserSchedule:
    if schedule is None:
        raise NotFound(f"there is no schedule {schedule_id}", field="schedule_id")
    return schedule


def _written(tx: Transaction, schedule: UserSchedule, *, now: datetime) -> UserSchedule:
    written = replace(schedule, revision=schedule.revision + 1, changed_at=now)
    store.update(tx, written)
    return written
