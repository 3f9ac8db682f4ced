"""The local runner fires at EventBridge's times, survives what handlers raise, and sends events that Chalice takes."""

import logging
import threading
from datetime import UTC, datetime, timedelta

import pytest
from chalice import Chalice
from chalice.app import CloudWatchEvent

from oddline.errors import DatabaseUnavailable
from oddline.local.schedule_runner import event, fire, run

WEDNESDAY = datetime(2026, 11, 4, 10, 0, 30, tzinfo=UTC)


class SteeredTime(threading.Event):
    """The runner's clock and its stop signal: time goes on only while the runner waits, and it stops at the end.

    Args:
        step: each wait takes so long, however short it was meant to be; None: as long as it was meant to be.
    """

    def __init__(self, *, runs_for: timedelta, step: timedelta | None = None) -> None:
        super().__init__()
        self.now = WEDNESDAY
        self._end = WEDNESDAY + runs_for
        self._step = step

    def clock(self) -> datetime:
        return self.now

    def wait(self, timeout: float | None = None) -> bool:
        assert timeout is not None
        self.now += self._step or timedelta(seconds=timeout)
        if self.now >= self._end:
            self.set()
        return self.is_set()


class Recorder:
    """A handler that remembers the times for which it was called."""

    def __init__(self) -> None:
        self.times: list[str] = []
        self.details: list[object] = []

    def __call__(self, sent: dict[str, object], _context: object) -> None:
        self.times.append(str(sent["time"]))
        self.details.append(sent["detail"])


def test_a_rate_fires_at_the_start_and_then_at_its_times() -> None:
    reconcile = Recorder()
    time = SteeredTime(runs_for=timedelta(minutes=3))

    run({"reconcile": "rate(1 minute)"}, {"reconcile": reconcile}, stopped=time, clock=time.clock)

    assert reconcile.times == [
        "2026-11-04T10:00:30Z",
        "2026-11-04T10:01:00Z",
        "2026-11-04T10:02:00Z",
        "2026-11-04T10:03:00Z",
    ]


def test_a_cron_waits_for_its_time() -> None:
    cleanup = Recorder()
    time = SteeredTime(runs_for=timedelta(days=2), step=timedelta(minutes=1))

    run({"cleanup": "cron(0 2 * * ? *)"}, {"cleanup": cleanup}, stopped=time, clock=time.clock)

    assert cleanup.times == ["2026-11-05T02:00:00Z", "2026-11-06T02:00:00Z"]


def test_times_that_were_missed_are_not_made_up_for() -> None:
    compact = Recorder()
    asleep_each_time = SteeredTime(runs_for=timedelta(hours=2), step=timedelta(minutes=41))

    run({"compact": "rate(5 minutes)"}, {"compact": compact}, stopped=asleep_each_time, clock=asleep_each_time.clock)

    assert compact.times == ["2026-11-04T10:00:30Z", "2026-11-04T10:05:00Z", "2026-11-04T10:45:00Z"]


def test_a_handler_that_raises_stops_neither_itself_nor_the_others(caplog: pytest.LogCaptureFixture) -> None:
    def broken(_sent: dict[str, object], _context: object) -> None:
        raise ConnectionError("the database is away")

    sound = Recorder()
    time = SteeredTime(runs_for=timedelta(minutes=2))
    schedules = {"broken": "rate(1 minute)", "sound": "rate(1 minute)"}

    with caplog.at_level(logging.ERROR):
        run(schedules, {"broken": broken, "sound": sound}, stopped=time, clock=time.clock)

    assert len(sound.times) == 3
    assert [record.message for record in caplog.records] == ["the schedule broken failed"] * 3


def test_a_stopped_runner_fires_no_cron() -> None:
    cleanup = Recorder()
    stopped = threading.Event()
    stopped.set()

    run({"cleanup": "cron(* * * * ? *)"}, {"cleanup": cleanup}, stopped=stopped, clock=lambda: WEDNESDAY)

    assert cleanup.times == []


def test_schedules_of_users_are_looked_at_each_second_and_fired_once_they_are_due() -> None:
    time = SteeredTime(runs_for=timedelta(seconds=10))
    made_meanwhile = WEDNESDAY + timedelta(seconds=4)
    user_schedule = Recorder()

    def due(now: datetime) -> list[str]:
        return ["a", "b"] if now == made_meanwhile else []

    run(
        {"tick": "rate(1 minute)"},
        {"tick": Recorder()},
        stopped=time,
        clock=time.clock,
        due=due,
        user_schedule=user_schedule,
    )

    assert user_schedule.times == ["2026-11-04T10:00:34Z"] * 2
    assert user_schedule.details == [{"schedule": "a"}, {"schedule": "b"}]


def test_a_database_that_is_away_keeps_users_schedules_waiting_and_nothing_else() -> None:
    time = SteeredTime(runs_for=timedelta(minutes=1))
    tick = Recorder()

    def due(_now: datetime) -> list[str]:
        raise DatabaseUnavailable

    run({"tick": "rate(1 minute)"}, {"tick": tick}, stopped=time, clock=time.clock, due=due)

    assert tick.times == ["2026-11-04T10:00:30Z", "2026-11-04T10:01:00Z"]


def test_the_event_has_all_members_of_eventbridges_own() -> None:
    sent = event("reconcile", at=WEDNESDAY)

    members = {"version", "id", "detail-type", "source", "account", "time", "region", "resources", "detail"}
    assert sent.keys() == members
    assert sent["time"] == "2026-11-04T10:00:30Z"
    assert sent["resources"] == ["arn:aws:scheduler:local:000000000000:schedule/oddline/reconcile"]


def test_a_handler_of_chalice_takes_the_event() -> None:
    app = Chalice(app_name="test")
    taken: list[CloudWatchEvent] = []

    @app.schedule("rate(1 minute)", name="tick")
    def tick(event: CloudWatchEvent) -> None:
        taken.append(event)

    fire("tick", tick, at=WEDNESDAY)

    assert [(at.time, at.resources) for at in taken] == [
        ("2026-11-04T10:00:30Z", ["arn:aws:scheduler:local:000000000000:schedule/oddline/tick"])
    ]
