"""When a schedule fires: the expressions of EventBridge Scheduler, read once and for all who need their times."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Protocol
from zoneinfo import ZoneInfo

from oddline.errors import InvalidParameter
from oddline.schedules.cron import Cron

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
LAST_YEAR = 2199  # of EventBridge's year field
LONGEST_EXPRESSION = 256  # characters: EventBridge's own limit

_RATE = re.compile(r"rate\(([1-9]\d{0,8}) (minute|hour|day)s?\)")
_FINER_RATE = re.compile(r"rate\(.*\bseconds?\)")
_AT = re.compile(r"at\((\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2})\)")
_CRON = re.compile(r"cron\((.+)\)")


class Expression(Protocol):
    """What a text such as `rate(5 minutes)`, `cron(0 8 ? * MON-FRI *)` or `at(2026-11-20T13:00:00)` says."""

    def times(self, *, after: datetime, zone: tzinfo = UTC, anchor: datetime = EPOCH) -> Iterator[datetime]:
        """The moments after `after` at which it fires, in UTC, each later than the one before.

        Args:
            after: aware.
            zone: in which `cron` and `at` are read. As with EventBridge a time that the clocks skip in spring is left
                out, and one that they show twice in autumn counts once (the first time).
            anchor: from which rates are counted; a day of theirs has 24 hours, whatever the zone.
        """


@dataclass(frozen=True, slots=True)
class Rate:
    """Every so often."""

    every: timedelta

    def times(self, *, after: datetime, zone: tzinfo = UTC, anchor: datetime = EPOCH) -> Iterator[datetime]:  # noqa: ARG002
        """See `Expression.times`; the anchor itself is the first."""
        number = max((after - anchor) // self.every + 1, 0)
        try:
            while (moment := anchor + number * self.every).year <= LAST_YEAR:
                yield moment
                number += 1
        except OverflowError:  # past the last day that there is
            return


@dataclass(frozen=True, slots=True)
class At:
    """Once."""

    local: datetime

    def times(self, *, after: datetime, zone: tzinfo = UTC, anchor: datetime = EPOCH) -> Iterator[datetime]:  # noqa: ARG002
        """See `Expression.times`."""
        moment = _moment(self.local, zone)
        if moment is not None and moment > after:
            yield moment


@dataclass(frozen=True, slots=True)
class Calendar:
    """At the times of a cron expression."""

    cron: Cron

    def times(self, *, after: datetime, zone: tzinfo = UTC, anchor: datetime = EPOCH) -> Iterator[datetime]:  # noqa: ARG002
        """See `Expression.times`."""
        for local in self.cron.local_times(after=after.astimezone(zone).replace(tzinfo=None)):
            moment = _moment(local, zone)
            # In the hour that comes twice `after` may be of the second time, and the clock's next of the first.
            if moment is not None and moment > after:
                yield moment


def parse(text: str) -> Expression:
    """The expression that a text is.

    Raises:
        InvalidParameter: it is none that EventBridge Scheduler knows, or would fire more than once a minute.
    """
    if len(text) <= LONGEST_EXPRESSION:
        if rate := _RATE.fullmatch(text):
            return Rate(timedelta(**{f"{rate[2]}s": int(rate[1])}))
        if _FINER_RATE.fullmatch(text):
            raise _refused(text, "a rate is of minutes, hours or days: nothing fires more than once a minute")
        if at := _AT.fullmatch(text):
            try:
                return At(datetime.fromisoformat(at[1]))
            except ValueError as error:
                raise _refused(text, str(error)) from error
        if cron := _CRON.fullmatch(text):
            try:
                return Calendar(Cron.parse(cron[1]))
            except ValueError as error:
                raise _refused(text, str(error)) from error
    raise _refused(text, "not an expression: rate(5 minutes), cron(0 8 ? * MON-FRI *), at(2026-11-20T13:00:00)")


def zone_of(name: str) -> ZoneInfo:
    """The time zone of a name in the IANA database, such as `Europe/Berlin`.

    Raises:
        InvalidParameter: there is none of that name.
    """
    try:
        return ZoneInfo(name)
    except (ValueError, OSError, KeyError) as error:  # a path, a folder, a name that nobody knows
        raise InvalidParameter(f"{name[:80]!r} is no time zone: Europe/Berlin is one", field="timezone") from error


def _moment(local: datetime, zone: tzinfo) -> datetime | None:
    """When clocks in `zone` first show `local`, in UTC; None where they skip it."""
    try:
        moment = local.replace(tzinfo=zone).astimezone(UTC)
        return moment if moment.astimezone(zone).replace(tzinfo=None) == local else None
    except OverflowError:  # at the ends of what a datetime can hold
        return None


def _refused(text: str, why: str) -> InvalidParameter:
    return InvalidParameter(f"{text[:LONGEST_EXPRESSION]!r}: {why}", field="expression")
