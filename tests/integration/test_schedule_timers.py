"""Both timers hold what the rows say and wake schedules at their times: EventBridge Scheduler (moto), the local one."""

import json
from collections.abc import Callable, Iterator, Set
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from boto3.session import Session
from reading import Databases
from scheduling import START, as_kept, runs, scheduled

from oddline.catalogue import CATALOGUE
from oddline.database import Database
from oddline.errors import AlarmRefused, TimerUnavailable
from oddline.ids import new_id
from oddline.local import schedule_runner
from oddline.schedules import (
    UserSchedule,
    bring_in_line,
    change,
    due,
    fire,
    open_timer,
    pause,
    remove,
    resume,
    watch_schedules,
)
from oddline.schedules.keeping import RUNS_KEPT
from oddline.schedules.model import Alarm
from oddline.schedules.timer import Timer
from oddline.settings import Settings
from oddline.tasks import Publisher, Starter

TARGET = "arn:aws:lambda:us-east-1:123456789012:function:user-schedule"
ROLE = "arn:aws:iam::123456789012:role/scheduler"
ELEVEN = START.replace(hour=11, minute=0, second=0)
MINUTE = timedelta(minutes=1)


@dataclass(frozen=True)
class Installation:
    """A timer, and what it sends to the function when a time has come."""

    db: Database
    timer: Timer
    sent_at: Callable[[datetime], list[dict[str, Any]]]
    publisher: Publisher

    def in_line(self, now: datetime = START) -> Set[UUID]:
        """The schedules that the timer holds once it is in line."""
        bring_in_line(self.db, self.timer, now=now)
        return {UUID(name) for name in self.timer.held()}

    def sweep(self, now: datetime) -> dict[str, int]:
        return watch_schedules(self.db, self.timer, self.publisher, catalogue=CATALOGUE, now=now)

    def time_has_come(self, now: datetime) -> None:
        """Do what the function does with each event that the timer sends."""
        for event in self.sent_at(now):
            schedule = UUID(event["detail"]["schedule"])
            fire(self.db, self.publisher, schedule, catalogue=CATALOGUE, now=now)


@pytest.fixture
def scheduler(aws_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A client of a stand-in for EventBridge Scheduler, and the credentials for it."""
    for name, value in {"ACCESS_KEY_ID": "test", "SECRET_ACCESS_KEY": "test", "DEFAULT_REGION": "us-east-1"}.items():
        monkeypatch.setenv(f"AWS_{name}", value)
    client = Session().client("scheduler", endpoint_url=aws_url)
    yield client
    client.close()


@pytest.fixture
def eventbridge(db: Databases, aws_url: str, scheduler: Any, redis_url: str) -> Iterator[Installation]:
    group = f"test-{uuid4().hex[:8]}"
    scheduler.create_schedule_group(Name=group)
    settings = Settings(
        _env_file=None, schedule_group=group, schedule_target=TARGET, schedule_role=ROLE, AWS_ENDPOINT_URL=aws_url
    )  # type: ignore[call-arg]
    timer = open_timer(settings, db("worker"))

    def sent_at(_now: datetime) -> list[dict[str, Any]]:
        """moto fires nothing: here all alarms are taken for due, which harms nobody."""
        found = [scheduler.get_schedule(GroupName=group, Name=name) for name in timer.held()]
        return [json.loads(one["Target"]["Input"]) for one in found]

    yield Installation(db("worker"), timer, sent_at, Publisher(redis_url))
    timer._client.close()
    scheduler.delete_schedule_group(Name=group)


@pytest.fixture
def local(db: Databases, redis_url: str) -> Installation:
    def sent_at(now: datetime) -> list[dict[str, Any]]:
        with db("worker").transaction() as tx:
            found = due(tx, before=now, limit=100)
        return [schedule_runner.event("any", at=now, detail={"schedule": str(one)}) for one in found]

    timer = open_timer(Settings(_env_file=None), db("worker"))  # type: ignore[call-arg]
    return Installation(db("worker"), timer, sent_at, Publisher(redis_url))


@pytest.fixture(params=["eventbridge", "local"])
def installation(request: pytest.FixtureRequest) -> Installation:
    found: Installation = request.getfixturevalue(request.param)
    return found


def changed(db: Databases, schedule: UserSchedule, *, now: datetime = START, **given: Any) -> None:
    with db("console").transaction(project=schedule.project) as tx:
        change(tx, schedule.id, given, starter=Starter.ADMIN, actor=schedule.actor, catalogue=CATALOGUE, now=now)


# The contract of both.


def test_what_is_active_is_held_and_what_is_paused_or_removed_is_not(
    installation: Installation, db: Databases, project: UUID, other_project: UUID
) -> None:
    kept, paused, removed = (scheduled(db, owner) for owner in (other_project, project, project))
    assert installation.in_line() == {kept.id, paused.id, removed.id}

    with db("console").transaction(project=project) as tx:
        pause(tx, paused.id, now=START)
        remove(tx, removed.id, now=START)

    assert installation.in_line() == {kept.id}


def test_what_is_resumed_is_held_again(installation: Installation, db: Databases, project: UUID) -> None:
    schedule = scheduled(db, project)
    with db("console").transaction(project=project) as tx:
        pause(tx, schedule.id, now=START)
    assert installation.in_line() == set()

    with db("console").transaction(project=project) as tx:
        resume(tx, schedule.id, starter=Starter.ADMIN, actor=schedule.actor, now=START)

    assert installation.in_line() == {schedule.id}


def test_a_time_that_has_come_starts_one_task(installation: Installation, db: Databases, project: UUID) -> None:
    schedule = scheduled(db, project)
    installation.in_line()

    installation.time_has_come(ELEVEN)
    installation.time_has_come(ELEVEN + timedelta(seconds=1))

    assert runs(db, schedule) == [("04 11:00:00", "started", 1)]


def test_a_change_is_followed(installation: Installation, db: Databases, project: UUID) -> None:
    schedule = scheduled(db, project)
    installation.in_line()

    changed(db, schedule, expression="cron(30 10 * * ? *)")
    installation.in_line()
    installation.time_has_come(ELEVEN - timedelta(minutes=30))

    assert runs(db, schedule) == [("04 10:30:00", "started", 1)]


def test_once_it_is_finished_it_is_not_held(installation: Installation, db: Databases, project: UUID) -> None:
    schedule = scheduled(db, project, expression="at(2099-11-04T11:00:00)")
    assert installation.in_line() == {schedule.id}

    installation.time_has_come(ELEVEN)

    assert installation.in_line(ELEVEN) == set()
    assert str(as_kept(db, schedule).state) == "finished"


def test_when_all_is_in_line_nothing_is_done(installation: Installation, db: Databases, project: UUID) -> None:
    scheduled(db, project)

    differing = [bring_in_line(installation.db, installation.timer, now=START) for _ in range(2)]

    assert differing == [1, 0]


def test_a_crash_before_the_timer_was_told_is_made_good_by_the_next_sweep(
    installation: Installation, db: Databases, project: UUID
) -> None:
    class Crashing:
        """Dies at the first call that tells it something."""

        patience = installation.timer.patience
        held = installation.timer.held

        def put(self, _alarm: Alarm) -> None:
            raise SystemExit

        remove = put

    schedule = scheduled(db, project)
    with pytest.raises(SystemExit):
        bring_in_line(installation.db, Crashing(), now=START)  # type: ignore[arg-type]

    assert as_kept(db, schedule).synced == 0
    assert installation.in_line() == {schedule.id}
    assert as_kept(db, schedule).synced == 1


def test_a_crash_after_the_timer_was_told_harms_nothing(
    installation: Installation, db: Databases, project: UUID
) -> None:
    schedule = scheduled(db, project)
    installation.in_line()
    with db("worker").transaction() as tx:
        tx.execute("UPDATE schedules SET synced = 0")

    assert installation.in_line() == {schedule.id}


def test_a_removed_one_is_gone_with_its_runs_once_the_timer_has_let_go_of_it(
    installation: Installation, db: Databases, project: UUID
) -> None:
    schedule = scheduled(db, project)
    installation.in_line()
    installation.time_has_come(ELEVEN)
    with db("console").transaction(project=project) as tx:
        remove(tx, schedule.id, now=START)

    installation.in_line()

    with db("worker").transaction() as tx:
        left = tx.execute("SELECT (SELECT count(*) FROM schedules), (SELECT count(*) FROM schedule_runs)").fetchone()
    assert left == (0, 0)


def test_what_the_timer_did_not_fire_the_sweep_does(installation: Installation, db: Databases, project: UUID) -> None:
    schedule = scheduled(db, project)

    installation.sweep(ELEVEN + MINUTE)

    assert runs(db, schedule) == [("04 11:00:00", "started", 1)]


def test_runs_are_forgotten_after_14_days(installation: Installation, db: Databases, project: UUID) -> None:
    schedule = scheduled(db, project, expression="at(2099-11-04T11:00:00)")
    installation.sweep(ELEVEN + MINUTE)

    kept = installation.sweep(ELEVEN + RUNS_KEPT)
    forgotten = installation.sweep(ELEVEN + RUNS_KEPT + 2 * MINUTE)

    assert (kept["forgotten"], forgotten["forgotten"], runs(db, schedule)) == (0, 1, [])


# EventBridge alone.


def held_by(eventbridge: Installation, scheduler: Any, schedule: UserSchedule) -> dict[str, Any]:
    found: dict[str, Any] = scheduler.get_schedule(GroupName=eventbridge.timer._group, Name=str(schedule.id))  # type: ignore[attr-defined]
    return found


def test_eventbridge_is_told_when_where_and_in_which_role(
    eventbridge: Installation, scheduler: Any, db: Databases, project: UUID
) -> None:
    schedule = scheduled(
        db, project, timezone="Europe/Berlin", starts_at=START + MINUTE, ends_at=START + timedelta(days=9)
    )
    eventbridge.in_line()

    held = held_by(eventbridge, scheduler, schedule)

    assert (held["ScheduleExpression"], held["ScheduleExpressionTimezone"]) == ("cron(0 * * * ? *)", "Europe/Berlin")
    assert (held["StartDate"], held["EndDate"]) == (START + MINUTE, START + timedelta(days=9))
    assert (held["State"], held["FlexibleTimeWindow"]) == ("ENABLED", {"Mode": "OFF"})
    assert (held["Target"]["Arn"], held["Target"]["RoleArn"]) == (TARGET, ROLE)


def test_eventbridge_sends_all_members_of_its_event_and_the_schedule(
    eventbridge: Installation, scheduler: Any, db: Databases, project: UUID
) -> None:
    schedule = scheduled(db, project)
    eventbridge.in_line()

    sent = json.loads(held_by(eventbridge, scheduler, schedule)["Target"]["Input"])

    assert sent.keys() == schedule_runner.event("any", at=START).keys()
    assert sent["detail"] == {"schedule": str(schedule.id)}
    assert (sent["region"], sent["account"]) == ("us-east-1", "123456789012")
    assert sent["time"] == "<aws.scheduler.scheduled-time>"


def test_eventbridge_counts_a_rate_from_its_next_planned_time(
    eventbridge: Installation, scheduler: Any, db: Databases, project: UUID
) -> None:
    schedule = scheduled(db, project, expression="rate(7 hours)")
    eventbridge.in_line(START + timedelta(hours=8))

    assert held_by(eventbridge, scheduler, schedule)["StartDate"] == START + timedelta(hours=14)


def test_a_time_that_passed_before_eventbridge_heard_of_it_is_left_to_the_sweep(
    eventbridge: Installation, db: Databases, project: UUID
) -> None:
    schedule = scheduled(db, project, expression="at(2099-11-04T10:00:50)")

    held = eventbridge.in_line(START + timedelta(seconds=30))
    eventbridge.sweep(START + timedelta(seconds=90))

    assert held == set()
    assert runs(db, schedule) == [("04 10:00:50", "started", 1)]


def test_within_its_minute_a_run_is_left_to_eventbridge(
    eventbridge: Installation, db: Databases, project: UUID
) -> None:
    schedule = scheduled(db, project)

    eventbridge.sweep(ELEVEN + timedelta(seconds=59))

    assert runs(db, schedule) == []


def test_what_somebody_else_did_to_the_group_is_put_right(
    eventbridge: Installation, scheduler: Any, db: Databases, project: UUID
) -> None:
    deleted, disabled = scheduled(db, project), scheduled(db, project)
    assert eventbridge.in_line() == {deleted.id, disabled.id}
    stray = Alarm(new_id(), "rate(1 hour)", "UTC", None, None)
    eventbridge.timer.put(stray)
    eventbridge.timer.remove(str(deleted.id))
    as_it_is = held_by(eventbridge, scheduler, disabled)
    told = {
        name: as_it_is[name] for name in ("GroupName", "Name", "ScheduleExpression", "FlexibleTimeWindow", "Target")
    }
    scheduler.update_schedule(**told, State="DISABLED")
    scheduler.create_schedule(**told | {"Name": "by-hand"}, State="ENABLED")

    assert eventbridge.in_line() == {deleted.id, disabled.id}


def test_more_schedules_than_a_page_of_eventbridge_holds_are_compared(
    eventbridge: Installation, db: Databases, project: UUID
) -> None:
    for number in range(60):  # moto's page has 50
        eventbridge.timer.put(Alarm(UUID(int=number), "rate(1 hour)", "UTC", None, None))

    assert len(eventbridge.timer.held()) == 60
    assert eventbridge.in_line() == set()


def test_one_that_eventbridge_refuses_keeps_no_other_from_its_place(
    eventbridge: Installation, db: Databases, project: UUID
) -> None:
    class Choosy:
        """EventBridge, but that it knows no Berlin."""

        patience, held, remove = eventbridge.timer.patience, eventbridge.timer.held, eventbridge.timer.remove

        def put(self, alarm: Alarm) -> None:
            if alarm.timezone == "Europe/Berlin":
                raise AlarmRefused
            eventbridge.timer.put(alarm)

    refused, taken = scheduled(db, project, timezone="Europe/Berlin"), scheduled(db, project)

    bring_in_line(eventbridge.db, Choosy(), now=START)  # type: ignore[arg-type]

    assert eventbridge.timer.held() == {str(taken.id)}
    eventbridge.sweep(ELEVEN + MINUTE)
    assert runs(db, refused) == [("04 11:00:00", "started", 1)]


def test_with_eventbridge_away_what_is_due_is_fired_all_the_same(
    db: Databases, project: UUID, scheduler: Any, closed_port: int, redis_url: str
) -> None:
    away = Settings(
        _env_file=None,
        schedule_group="away",
        schedule_target=TARGET,
        schedule_role=ROLE,
        AWS_ENDPOINT_URL=f"http://127.0.0.1:{closed_port}",
    )  # type: ignore[call-arg]
    schedule = scheduled(db, project)

    with pytest.raises(TimerUnavailable):
        watch_schedules(
            db("worker"), open_timer(away, db("worker")), Publisher(redis_url), catalogue=CATALOGUE, now=ELEVEN + MINUTE
        )

    assert runs(db, schedule) == [("04 11:00:00", "started", 1)]
    assert as_kept(db, schedule).synced == 0
