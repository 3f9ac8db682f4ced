"""A schedule that fires twice, late or not at all does no harm: each time starts one task, or is told as missed."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from uuid import UUID

import pytest
import redis
from reading import Databases
from scheduling import MAIL, START, as_kept, runs, scheduled, tasks_of

from oddline.catalogue import CATALOGUE
from oddline.schedules import CatchUp, UserSchedule, change, fire, fire_due, pause, remove, resume
from oddline.tasks import Publisher, Starter, raised_alerts

ELEVEN = START.replace(hour=11, minute=0, second=0)
HOUR = timedelta(hours=1)

Fire = Callable[[UserSchedule, datetime], UUID | None]


@pytest.fixture
def fired(db: Databases, redis_url: str) -> Fire:
    publisher = Publisher(redis_url)

    def fired(schedule: UserSchedule, now: datetime) -> UUID | None:
        return fire(db("worker"), publisher, schedule.id, catalogue=CATALOGUE, now=now)

    return fired


def alerts(db: Databases) -> list[tuple[str, str]]:
    with db("worker").transaction() as tx:
        return [(alert.kind, alert.subject) for alert in raised_alerts(tx)]


def test_at_its_time_it_starts_its_task_for_its_project(
    db: Databases, project: UUID, fired: Fire, redis_url: str
) -> None:
    schedule = scheduled(db, project)

    task = fired(schedule, ELEVEN)

    assert task is not None
    assert [payload["text"] for payload in tasks_of(db, project)] == [MAIL["text"]]
    assert runs(db, schedule) == [("04 11:00:00", "started", 1)]
    assert as_kept(db, schedule).next_at == ELEVEN + HOUR
    with redis.Redis.from_url(redis_url) as broker:
        assert broker.llen("notifications") == 1


def test_before_its_time_it_starts_nothing(db: Databases, project: UUID, fired: Fire) -> None:
    schedule = scheduled(db, project)

    assert fired(schedule, ELEVEN - timedelta(minutes=1)) is None

    assert (tasks_of(db, project), runs(db, schedule)) == ([], [])


def test_a_clock_that_is_seconds_behind_is_no_reason_to_miss_a_run(db: Databases, project: UUID, fired: Fire) -> None:
    schedule = scheduled(db, project)

    assert fired(schedule, ELEVEN - timedelta(seconds=3)) is not None

    assert fired(schedule, ELEVEN + timedelta(seconds=1)) is None
    assert runs(db, schedule) == [("04 11:00:00", "started", 1)]


def test_fired_twice_it_starts_one_task(db: Databases, project: UUID, fired: Fire) -> None:
    schedule = scheduled(db, project)

    first, second = fired(schedule, ELEVEN), fired(schedule, ELEVEN + timedelta(seconds=2))

    assert (first is not None, second) == (True, None)
    assert len(tasks_of(db, project)) == 1


@pytest.mark.both_postgres
def test_fired_by_eight_at_once_it_starts_one_task(db: Databases, project: UUID, fired: Fire) -> None:
    schedule = scheduled(db, project)
    together = threading.Barrier(8)

    def one(_number: int) -> UUID | None:
        together.wait()
        return fired(schedule, ELEVEN)

    with ThreadPoolExecutor(8) as pool:
        started = [task for task in pool.map(one, range(8)) if task is not None]

    assert len(started) == len(tasks_of(db, project)) == 1
    assert runs(db, schedule) == [("04 11:00:00", "started", 1)]


def test_a_time_that_was_dealt_with_is_not_dealt_with_again_after_a_change(
    db: Databases, project: UUID, fired: Fire
) -> None:
    schedule = scheduled(db, project)
    seconds_before = ELEVEN - timedelta(seconds=3)
    fired(schedule, seconds_before)
    with db("console").transaction(project=project) as tx:
        change(
            tx, schedule.id, {"expression": "cron(0/30 * * * ? *)"},
            starter=Starter.ADMIN, actor=schedule.actor, catalogue=CATALOGUE, now=seconds_before,
        )  # fmt: skip

    assert as_kept(db, schedule).next_at == ELEVEN
    assert fired(schedule, ELEVEN) is None

    assert len(tasks_of(db, project)) == 1
    assert as_kept(db, schedule).next_at == ELEVEN + timedelta(minutes=30)


def test_a_change_of_something_else_does_not_lose_the_run_that_is_due(
    db: Databases, project: UUID, fired: Fire
) -> None:
    schedule = scheduled(db, project, expression="at(2099-11-04T11:00:00)")
    with db("console").transaction(project=project) as tx:
        change(
            tx, schedule.id, {"name": "another"},
            starter=Starter.ADMIN, actor=schedule.actor, catalogue=CATALOGUE, now=ELEVEN + timedelta(seconds=20),
        )  # fmt: skip

    assert fired(schedule, ELEVEN + timedelta(seconds=30)) is not None


def test_late_it_starts_one_task(db: Databases, project: UUID, fired: Fire) -> None:
    schedule = scheduled(db, project)

    assert fired(schedule, ELEVEN + timedelta(minutes=4)) is not None

    assert runs(db, schedule) == [("04 11:00:00", "started", 1)]
    assert alerts(db) == []


def test_times_that_came_while_it_was_late_end_in_one_task(db: Databases, project: UUID, fired: Fire) -> None:
    schedule = scheduled(db, project, expression="cron(* * * * ? *)")

    fired(schedule, START + timedelta(minutes=3))

    assert len(tasks_of(db, project)) == 1
    assert runs(db, schedule) == [("04 10:03:00", "started", 3)]


def test_a_missed_run_is_told_once_and_not_made_up_for(db: Databases, project: UUID, fired: Fire) -> None:
    schedule = scheduled(db, project)

    assert fired(schedule, ELEVEN + timedelta(minutes=6)) is None
    assert fired(schedule, ELEVEN + timedelta(minutes=7)) is None

    assert tasks_of(db, project) == []
    assert runs(db, schedule) == [("04 11:00:00", "missed", 1)]
    assert alerts(db) == [("schedule_missed", str(schedule.id))]
    assert len(tasks_of(db, project, name="send_system_alert")) == 1


def test_of_many_missed_runs_the_last_is_made_up_for_where_that_is_wished(
    db: Databases, project: UUID, fired: Fire
) -> None:
    schedule = scheduled(db, project, catch_up=CatchUp.LAST)

    assert fired(schedule, ELEVEN + timedelta(hours=5, minutes=30)) is not None

    assert len(tasks_of(db, project)) == 1
    assert runs(db, schedule) == [("04 16:00:00", "made_up", 6)]
    assert alerts(db) == [("schedule_missed", str(schedule.id))]
    assert as_kept(db, schedule).next_at == ELEVEN + timedelta(hours=6)


def test_missed_runs_do_not_keep_the_one_that_is_due_from_starting(db: Databases, project: UUID, fired: Fire) -> None:
    schedule = scheduled(db, project, catch_up=CatchUp.LAST)

    fired(schedule, ELEVEN + timedelta(hours=3))

    assert len(tasks_of(db, project)) == 1
    assert runs(db, schedule) == [("04 13:00:00", "missed", 3), ("04 14:00:00", "started", 1)]


def test_a_minute_schedule_goes_on_after_a_month_in_which_nothing_ran(
    db: Databases, project: UUID, fired: Fire
) -> None:
    schedule = scheduled(db, project, expression="rate(1 minute)")
    a_month_later = START + timedelta(days=30)

    fired(schedule, a_month_later)

    assert as_kept(db, schedule).next_at == a_month_later + timedelta(minutes=1)
    assert [outcome for _, outcome, _ in runs(db, schedule)] == ["missed"]
    assert tasks_of(db, project) == []


def test_once_is_once(db: Databases, project: UUID, fired: Fire) -> None:
    schedule = scheduled(db, project, expression="at(2099-11-04T12:00:00)", timezone="Europe/Berlin")

    started = fired(schedule, ELEVEN)

    assert started is not None
    assert fired(schedule, ELEVEN + HOUR) is None
    kept = as_kept(db, schedule)
    assert (str(kept.state), kept.next_at, kept.revision) == ("finished", None, 2)


def test_after_its_end_it_fires_no_more(db: Databases, project: UUID, fired: Fire) -> None:
    schedule = scheduled(db, project, ends_at=ELEVEN + HOUR)

    fired(schedule, ELEVEN)

    assert fired(schedule, ELEVEN + HOUR) is None
    assert str(as_kept(db, schedule).state) == "finished"
    assert len(tasks_of(db, project)) == 1


def test_before_its_start_it_does_not_fire_and_a_rate_is_counted_from_there(
    db: Databases, project: UUID, fired: Fire
) -> None:
    starts_at = START + timedelta(days=1, seconds=7)
    schedule = scheduled(db, project, expression="rate(40 minutes)", starts_at=starts_at)

    fired(schedule, starts_at)

    assert schedule.next_at == starts_at
    assert as_kept(db, schedule).next_at == starts_at + timedelta(minutes=40)


def test_paused_it_does_not_fire_and_resumed_it_makes_up_for_nothing(db: Databases, project: UUID, fired: Fire) -> None:
    schedule = scheduled(db, project, catch_up=CatchUp.LAST)
    with db("console").transaction(project=project) as tx:
        pause(tx, schedule.id, now=START)

    while_paused = fired(schedule, ELEVEN)
    with db("console").transaction(project=project) as tx:
        resume(
            tx, schedule.id, starter=Starter.ADMIN, actor=schedule.actor, now=ELEVEN + timedelta(hours=3, minutes=10)
        )

    assert (while_paused, runs(db, schedule)) == (None, [])
    assert as_kept(db, schedule).next_at == ELEVEN + timedelta(hours=4)


def test_removed_it_does_not_fire(db: Databases, project: UUID, fired: Fire) -> None:
    schedule = scheduled(db, project)
    with db("console").transaction(project=project) as tx:
        remove(tx, schedule.id, now=START)

    assert fired(schedule, ELEVEN) is None
    assert tasks_of(db, project) == []


def test_a_task_that_may_not_be_started_any_more_is_told_and_the_schedule_goes_on(
    db: Databases, project: UUID, fired: Fire
) -> None:
    schedule = scheduled(db, project)
    with db("worker").transaction() as tx:  # as a later version of the catalogue would see it
        tx.execute("UPDATE schedules SET task = 'cleanup_old_results', payload = '{}'")

    assert fired(schedule, ELEVEN) is None

    assert runs(db, schedule) == [("04 11:00:00", "refused", 1)]
    assert alerts(db) == [("schedule_refused", str(schedule.id))]
    assert as_kept(db, schedule).next_at == ELEVEN + HOUR


def test_a_sweep_fires_what_is_due_in_every_project(
    db: Databases, project: UUID, other_project: UUID, redis_url: str
) -> None:
    scheduled(db, project)
    scheduled(db, other_project)
    scheduled(db, other_project, expression="cron(30 * * * ? *)")

    count = fire_due(db("worker"), Publisher(redis_url), catalogue=CATALOGUE, before=ELEVEN, now=ELEVEN)

    assert count == 3
    assert (len(tasks_of(db, project)), len(tasks_of(db, other_project))) == (1, 1)
