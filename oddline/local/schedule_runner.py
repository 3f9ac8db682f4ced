"""Call the schedules' handlers at their due times, as EventBridge Scheduler does on AWS."""

import logging
import re
import threading
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from cronsim import CronSim, CronSimError

from oddline.errors import InvalidParameter

log = logging.getLogger(__name__)

Handler = Callable[[dict[str, Any], object], Any]

_RATE = re.compile(r"rate\(([1-9]\d*) (minute|hour|day)s?\)")
_CRON = re.compile(r"cron\((\S+) (\S+) (\S+) (\S+) (\S+) \*\)")
_WEEKDAY_NUMBER = re.compile(r"(?<![#/\d])[1-7]")
LONGEST_SLEEP_S = 1.0  # so that a clock that jumped is noticed


@dataclass(slots=True)
class Due:
    """A schedule and when it fires next."""

    name: str
    times: Iterator[datetime]
    at: datetime


def fire_times(expression: str, *, after: datetime) -> Iterator[datetime]:
    """The moments after `after` at which an expression of EventBridge Scheduler fires (UTC, no year field).

    Rates are counted from midnight 1970, so that two runners agree.

    Raises:
        InvalidParameter: it is neither `rate(…)` nor `cron(…)` as EventBridge writes them.
    """
    if rate := _RATE.fullmatch(expression):
        return _multiples(timedelta(**{f"{rate[2]}s": int(rate[1])}), after=after)
    if cron := _CRON.fullmatch(expression):
        minute, hour, day, month, weekday = (field.replace("?", "*") for field in cron.groups())
        # EventBridge counts Sunday as 1, cron as 0; what stands behind # or / is no weekday.
        weekday = _WEEKDAY_NUMBER.sub(lambda number: str(int(number[0]) - 1), weekday)
        try:
            return iter(CronSim(f"{minute} {hour} {day} {month} {weekday}", after))
        except CronSimError as error:
            raise InvalidParameter(f"{expression!r}: {error}", field="schedule") from error
    raise InvalidParameter(f"{expression!r} is not an expression that is known here", field="schedule")


def event(name: str, *, at: datetime) -> dict[str, Any]:
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
        "detail": {},
    }


def run(
    schedules: Mapping[str, str],
    handlers: Mapping[str, Handler],
    *,
    stopped: threading.Event,
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> None:
    """Fire schedules until `stopped` is set: those of a rate once at the start, and each at its times.

    Args:
        schedules: name → expression.
        handlers: name → the function that Lambda would call, with (event, context).
    """
    started = clock()
    for name in (name for name, expression in schedules.items() if expression.startswith("rate")):
        fire(name, handlers[name], at=started)
    now, waiting = started, _all_due(schedules, after=started)
    while not stopped.is_set():
        before, now = now, clock()
        if now < before:  # the clock was set back: what was next is now far away
            waiting = _all_due(schedules, after=now)
        for due in waiting:
            if due.at <= now:
                fire(due.name, handlers[due.name], at=due.at)
                due.at = _next_after(due.times, now)
        soonest = min(due.at for due in waiting)
        stopped.wait(min(max((soonest - clock()).total_seconds(), 0), LONGEST_SLEEP_S))


def fire(name: str, handler: Handler, *, at: datetime) -> None:
    """Call one handler; what it raises is logged, as Lambda would, and the next time comes all the same."""
    try:
        handler(event(name, at=at), None)
    except Exception:
        log.exception("the schedule %s failed", name)


def _all_due(schedules: Mapping[str, str], *, after: datetime) -> list[Due]:
    times = {name: fire_times(expression, after=after) for name, expression in schedules.items()}
    return [Due(name=name, times=moments, at=next(moments)) for name, moments in times.items()]


def _next_after(times: Iterable[datetime], now: datetime) -> datetime:
    """The next time that is still to come: missed ones are not made up for, since tasks find out what is due."""
    return next(at for at in times if at > now)


def _multiples(every: timedelta, *, after: datetime) -> Iterator[datetime]:
    epoch = datetime(1970, 1, 1, tzinfo=UTC)
    at = epoch + ((after - epoch) // every + 1) * every
    while True:
        yield at
        at += every
