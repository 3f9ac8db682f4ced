"""The planned times of a schedule: its expression in its zone, from its start until its end."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import islice, takewhile
from typing import Any, Final

from oddline.errors import InvalidParameter
from oddline.schedules.expressions import parse, zone_of
from oddline.schedules.model import UserSchedule, Wish
from oddline.tasks import Catalogue

SHOWN: Final = 5  # next times, wherever a schedule is shown


def planned_times(wish: Wish, *, after: datetime, made_at: datetime) -> Iterator[datetime]:
    """The times after `after` at which a schedule is to run.

    Args:
        wish: rates are counted from its start, or else from when it was made.
        after: aware.
        made_at: aware.

    Raises:
        InvalidParameter: its expression or its zone is none.
    """
    if wish.starts_at is not None:
        after = max(after, wish.starts_at - timedelta(microseconds=1))
    anchor = wish.starts_at or made_at.replace(microsecond=0)
    times = parse(wish.expression).times(after=after, zone=zone_of(wish.timezone), anchor=anchor)
    ends_at = wish.ends_at
    return times if ends_at is None else takewhile(lambda moment: moment < ends_at, times)


def first_time(wish: Wish, *, after: datetime, made_at: datetime) -> datetime:
    """The first of the planned times.

    Raises:
        InvalidParameter: there is none, or as `planned_times`.
    """
    first = next(planned_times(wish, after=after, made_at=made_at), None)
    if first is None:
        raise InvalidParameter(f"{wish.expression!r} never fires before its end, or at all", field="expression")
    return first


def next_times(schedule: UserSchedule, *, now: datetime) -> list[datetime]:
    """The next five times; of one that is paused those at which it would run."""
    return list(islice(planned_times(schedule, after=now, made_at=schedule.created_at), SHOWN))


def system_schedules(catalogue: Catalogue, *, now: datetime) -> list[dict[str, Any]]:
    """The catalogue's own schedules with their next five times: they come with the version, and nobody changes them."""
    return [
        {
            "task": spec.name,
            "expression": schedule.expression,
            "timezone": "UTC",
            "next": list(islice(parse(schedule.expression).times(after=now), SHOWN)),
        }
        for spec, schedule in catalogue.scheduled()
    ]
