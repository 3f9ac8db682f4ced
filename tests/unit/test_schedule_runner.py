"""The local runner fires at EventBridge's times, survives what handlers raise, and sends events that Chalice takes."""

import logging
import threading
from datetime import UTC, datetime, timedelta
from itertools import islice

import pytest
from chalice import Chalice
from chalice.app import CloudWatchEvent

from oddline.errors import InvalidParameter
from oddline.local.schedule_runner import event, fire, fire_times, run

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

    def __call__(self, sent: dict[str, object], _context: object) -> None:
        self.times.append(str(sent["time"]))


def first_times(expression: str, *, count: int = 3) -> list[str]:
    return [f"{at:%a %Y-%m-%d %H:%M:%S}" for at in islice(fire_times(expression, after=WEDNESDAY), count)]


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("rate(1 minute)", ["Wed 2026-11-04 10:01:00", "Wed 2026-11-04 10:02:00", "Wed 2026-11-04 10:03:00"]),
        ("rate(5 minutes)", ["Wed 2026-11-04 10:05:00", "Wed 2026-11-04 10:10:00", "Wed 2026-11-04 10:15:00"]),
        ("rate(1 hour)", ["Wed 2026-11-04 11:00:00", "Wed 2026-11-04 12:00:00", "Wed 2026-11-04 13:00:00"]),
        ("rate(1 day)", ["Thu 2026-11-05 00:00:00", "Fri 2026-11-06 00:00:00", "Sat 2026-11-07 00:00:00"]),
        ("cron(30 3 * * ? *)", ["Thu 2026-11-05 03:30:00", "Fri 2026-11-06 03:30:00", "Sat 2026-11-07 03:30:00"]),
        ("cron(0/15 * * * ? *)", ["Wed 2026-11-04 10:15:00", "Wed 2026-11-04 10:30:00", "Wed 2026-11-04 10:45:00"]),
        ("cron(0 0 1 * ? *)", ["Tue 2026-12-01 00:00:00", "Fri 2027-01-01 00:00:00", "Mon 2027-02-01 00:00:00"]),
        ("cron(0 8 ? * SUN *)", ["Sun 2026-11-08 08:00:00", "Sun 2026-11-15 08:00:00", "Sun 2026-11-22 08:00:00"]),
        ("cron(0 8 ? * 1 *)", ["Sun 2026-11-08 08:00:00", "Sun 2026-11-15 08:00:00", "Sun 2026-11-22 08:00:00"]),
        ("cron(0 8 ? * 7 *)", ["Sat 2026-11-07 08:00:00", "Sat 2026-11-14 08:00:00", "Sat 2026-11-21 08:00:00"]),
        ("cron(0 8 ? * MON-FRI *)", ["Thu 2026-11-05 08:00:00", "Fri 2026-11-06 08:00:00", "Mon 2026-11-09 08:00:00"]),
    ],
)
def test_an_expression_fires_when_eventbridge_would(expression: str, expected: list[str]) -> None:
    assert first_times(expression) == expected


def test_a_moment_at_which_it_fires_is_not_after_itself() -> None:
    on_the_minute = WEDNESDAY.replace(second=0)

    following = next(fire_times("rate(1 minute)", after=on_the_minute))

    assert following == on_the_minute + timedelta(minutes=1)


@pytest.mark.parametrize(
    "expression", ["", "hourly", "rate(5 fortnights)", "rate(five minutes)", "cron(0 8 * *)", "at(2026-11-20T13:00:00)"]
)
def test_an_unknown_expression_is_refused(expression: str) -> None:
    with pytest.raises(InvalidParameter, match="not an expression"):
        fire_times(expression, after=WEDNESDAY)


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
