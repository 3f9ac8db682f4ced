"""Fire a schedule: whatever wakes it, the database says what is due, and a planned time is dealt with once."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import islice, takewhile
from typing import Final
from uuid import UUID

from oddline.database import Database, Transaction
from oddline.errors import (
    Forbidden,
    InvalidParameter,
    NotConfigured,
    NotFound,
    OddlineError,
    RightsEnded,
    Undecipherable,
    UnknownTask,
)
from oddline.schedules import store
from oddline.schedules.model import CatchUp, Outcome, Run, ScheduleState, UserSchedule
from oddline.schedules.planning import planned_times
from oddline.schedules.rights import check_rights
from oddline.schedules.service import opened
from oddline.tasks import Catalogue, Publisher, Starter, TaskSpec, raise_alert, request

TOLERANCE: Final = timedelta(minutes=5)  # what comes later is missed: timer and sweep have had their minutes
EARLY: Final = timedelta(seconds=5)  # by how much the clock of who fires may be behind that of who woke it
MOST_PASSED: Final = 10_000  # planned times that are counted one by one: a week of minutes


REFUSALS: Final = (UnknownTask, Forbidden, InvalidParameter, NotConfigured, Undecipherable)


@dataclass(frozen=True, slots=True)
class Started:
    """A task that was put into the ledger, to be published after the commit."""

    spec: TaskSpec
    task_id: UUID


def fire(db: Database, publisher: Publisher, schedule_id: UUID, *, catalogue: Catalogue, now: datetime) -> UUID | None:
    """Start the task of a schedule that is due, and publish it; None where nothing is.

    Called twice, side by side, late or for no reason it does no harm: the row is locked, and its next time moves on in
    the transaction that starts the task.
    """
    with db.transaction() as tx:
        started = _fire(tx, schedule_id, catalogue=catalogue, now=now)
    if started is None:
        return None
    publisher.wake(started.spec, task_id=started.task_id)
    return started.task_id


def run_now(tx: Transaction, schedule_id: UUID, *, starter: Starter, catalogue: Catalogue, now: datetime) -> Started:
    """Start a schedule's task beside its planned times, also that of a paused one; publish it after the commit.

    Raises:
        NotFound: there is no such schedule.
        UnknownTask, Forbidden, InvalidParameter: the task cannot be started, or not by `starter`.
        Undecipherable: none of the keys opens what it is given.
    """
    schedule = store.lock(tx, schedule_id)
    if schedule is None:
        raise NotFound(f"there is no schedule {schedule_id}", field="schedule_id")
    started = _start(tx, replace(schedule, starter=str(starter)), catalogue=catalogue, now=now)
    store.insert_run(tx, schedule, Run(planned=now, fired_at=now, outcome=Outcome.ASKED, task_id=started.task_id))
    return started


def _fire(tx: Transaction, schedule_id: UUID, *, catalogue: Catalogue, now: datetime) -> Started | None:
    schedule = store.lock(tx, schedule_id)
    if schedule is None or schedule.next_at is None or schedule.next_at > now + EARLY:
        return None
    passed = _passed(schedule, until=now + EARLY)
    missed = [moment for moment in passed if moment < now - TOLERANCE]
    in_time = passed[len(missed) :]
    is_made_up = bool(missed) and not in_time and schedule.catch_up is CatchUp.LAST
    if missed and not is_made_up:
        store.insert_run(tx, schedule, Run(missed[-1], now, Outcome.MISSED, count=len(missed)))
    started, refusal = None, None
    if in_time or is_made_up:
        run = Run(passed[-1], now, Outcome.STARTED if in_time else Outcome.MADE_UP, count=len(in_time or missed))
        started, refusal = _started(tx, schedule, run, catalogue=catalogue)
    if isinstance(refusal, RightsEnded):
        _end(tx, schedule, state=ScheduleState.PAUSED, now=now)
    else:
        _go_on(tx, schedule, after=max(now, passed[-1]), now=now)
    if missed:
        _tell(tx, schedule, "schedule_missed", f"missed {_counted(missed)}", now=now)
    if refusal:
        _tell(tx, schedule, "schedule_refused", f"could not start its task: {refusal.detail}", now=now)
    return started


def _passed(schedule: UserSchedule, *, until: datetime) -> list[datetime]:
    """The planned times that have come since the last one that was dealt with; of very many the first."""
    assert schedule.next_at is not None  # noqa: S101  # as its caller has looked
    since = schedule.next_at - timedelta(microseconds=1)
    times = planned_times(schedule, after=since, made_at=schedule.created_at)
    # What it was to do next counts even where its times have become others (another version of the zone's rules).
    return list(islice(takewhile(lambda moment: moment <= until, times), MOST_PASSED)) or [schedule.next_at]


def _started(
    tx: Transaction, schedule: UserSchedule, run: Run, *, catalogue: Catalogue
) -> tuple[Started | None, OddlineError | None]:
    """The task of a run; or, where it may not be started any more, why. Neither where that time was dealt with."""
    if not store.insert_run(tx, schedule, run):
        return None, None
    try:
        check_rights(tx, schedule, now=run.fired_at)
        started = _start(tx, schedule, catalogue=catalogue, now=run.fired_at)
    except REFUSALS as error:
        store.end_run(tx, schedule.id, replace(run, outcome=Outcome.REFUSED, detail=error.detail))
        return None, error
    store.end_run(tx, schedule.id, replace(run, task_id=started.task_id))
    return started, None


def _start(tx: Transaction, schedule: UserSchedule, *, catalogue: Catalogue, now: datetime) -> Started:
    spec, task_id = request(
        tx,
        catalogue,
        name=schedule.task,
        payload=opened(schedule).payload,
        starter=Starter(schedule.starter),
        project=schedule.project,
        now=now,
    )
    assert task_id is not None  # noqa: S101  # only with a unique key can one wait already
    return Started(spec, task_id)


def _go_on(tx: Transaction, schedule: UserSchedule, *, after: datetime, now: datetime) -> None:
    following = next(planned_times(schedule, after=after, made_at=schedule.created_at), None)
    if following is not None:
        store.advance(tx, schedule.id, next_at=following)
        return
    _end(tx, schedule, state=ScheduleState.FINISHED, now=now)


def _end(tx: Transaction, schedule: UserSchedule, *, state: ScheduleState, now: datetime) -> None:
    ended = replace(schedule, state=state, next_at=None, changed_at=now)
    store.update(tx, replace(ended, revision=schedule.revision + 1))


def _tell(tx: Transaction, schedule: UserSchedule, kind: str, what: str, *, now: datetime) -> None:
    raise_alert(
        tx,
        kind=kind,
        subject=str(schedule.id),
        text=f"the schedule {schedule.id} of {schedule.task}, {schedule.expression}, {what}",
        now=now,
        project=schedule.project,
    )


def _counted(missed: list[datetime]) -> str:
    last = f"{missed[-1]:%Y-%m-%d %H:%M:%S} UTC"
    return f"its run of {last}" if len(missed) == 1 else f"{len(missed)} runs, the last of {last}"
