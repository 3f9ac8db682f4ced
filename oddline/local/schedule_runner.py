"""Call the schedules' handlers at their due times, as EventBridge Scheduler does on AWS."""

import logging
import threading
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from oddline.errors import OddlineError
from oddline.schedules import parse

log = logging.getLogger(__name__)

Handler = Callable[[dict[str, Any], object], Any]

LONGEST_SLEEP_S = 1.0  # so that a clock that jumped is noticed


@dataclass(slots=True)
class Due:
    """A schedule and when it fires next."""

    name: str
    times: Iterator[datetime]
    at: datetime


def event(name: str, *, at: datetime, detail: Mapping[str, str] | None = None) -> dict[str, Any]:
    """The event that EventBridge Scheduler sends for a schedule, all members of it."""
    return {
        "version": "0",
        "id": str(uuid.uuid4()),
        "detail-type": "Scheduled Event",
        "source": "aws.scheduler",
        "account": "000000000000",
        "time": at.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "region": "local",
        "resources": [f"arn:aws:scheduler:local:000000000000:schedule/oddline/{name}"],
        "detail": dict(detail or {}),
    }


def run(
    schedules: Mapping[str, str],
    handlers: Mapping[str, Handler],
    *,
    stopped: threading.Event,
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    due: Callable[[datetime], Sequence[str]] = lambda _: (),
    user_schedule: Handler = lambda _event, _context: None,
) -> None:
    """Fire schedules until `stopped` is set: those of a rate once at the start, and each at its times.

    Args:
        schedules: name → expression.
        handlers: name → the function that Lambda would call, with (event, context).
        stopped: ends the run.
        clock: tells the time.
        due: the ids of users' schedules whose time has come; asked each second, so that changes are noticed.
        user_schedule: the handler of those.
    """
    started = clock()
    for name in (name for name, expression in schedules.items() if expression.startswith("rate")):
        fire(name, handlers[name], at=started)
    now, waiting = started, _all_due(schedules, after=started)
    while not stopped.is_set():
        before, now = now, clock()
        if now < before:  # the clock was set back: what was next is now far away
            waiting = _all_due(schedules, after=now)
        for one in waiting:
            if one.at <= now:
                fire(one.name, handlers[one.name], at=one.at)
                one.at = _next_after(one.times, now)
        _fire_users(due, user_schedule, now=now)
        soonest = min(one.at for one in waiting)
        stopped.wait(min(max((soonest - clock()).total_seconds(), 0), LONGEST_SLEEP_S))


def fire(name: str, handler: Handler, *, at: datetime, detail: Mapping[str, str] | None = None) -> None:
    """Call one handler; what it raises is logged, as Lambda would, and the next time comes all the same."""
    try:
        handler(event(name, at=at, detail=detail), None)
    except Exception:
        log.exception("the schedule %s failed", name)


def _fire_users(due: Callable[[datetime], Sequence[str]], handler: Handler, *, now: datetime) -> None:
    try:
        found = due(now)
    except OddlineError as error:  # a second later it is asked again
        log.warning("users' schedules cannot be looked at: %s", error)
        return
    for schedule in found:
        fire(schedule, handler, at=now, detail={"schedule": schedule})


def _all_due(schedules: Mapping[str, str], *, after: datetime) -> list[Due]:
    times = {name: parse(expression).times(after=after) for name, expression in schedules.items()}
    return [Due(name=name, times=moments, at=next(moments)) for name, moments in times.items()]


def _next_after(times: Iterable[datetime], now: datetime) -> datetime:
    """The next time that is still to come: missed ones are not made up for, since tasks find out what is due."""
    return next(at for at in times if at > now)
