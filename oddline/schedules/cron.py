"""The six fields of EventBridge's cron expressions; the calendar itself is cronsim's work."""

import calendar
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final, Self

from cronsim import CronSim, CronSimError

YEARS: Final = range(1970, 2200)
_WALL_CLOCK: Final = datetime(YEARS.start, 1, 1)  # noqa: DTZ001  # without a zone, as everything here

_MONTH = "[1-9]|1[0-2]|JAN|FEB|MAR|APR|MAY|JUN|JUL|AUG|SEP|OCT|NOV|DEC"
_WEEKDAY = "[1-7]|SUN|MON|TUE|WED|THU|FRI|SAT"
_DAY = "0?[1-9]|[12][0-9]|3[01]"


_WEEKDAYS = rf"(?:{_WEEKDAY})(?:-(?:{_WEEKDAY})|#[1-5])?|[1-7]L"


def _listed(item: str) -> str:
    return f"(?:{item})(?:,(?:{item}))*"


def _values(value: str, *, more: str = "") -> re.Pattern[str]:
    """A list of values, ranges and `*`, each perhaps with a step."""
    return re.compile(_listed(rf"(?:\*|(?:{value})(?:-(?:{value}))?)(?:/[1-9]\d?)?{more}"))


# EventBridge Scheduler user guide, "Schedule types": what each field may hold.
_FIELDS: Final = {
    "minutes": _values("[0-5]?[0-9]"),
    "hours": _values("[01]?[0-9]|2[0-3]"),
    "day-of-month": _values(_DAY, more="|LW?"),
    "month": _values(_MONTH),
    "day-of-week": re.compile(rf"L|\*|{_listed(_WEEKDAYS)}"),
    "year": _values("19[7-9][0-9]|2[01][0-9]{2}"),
}
_NEAREST = re.compile(rf"({_DAY})W")
_WEEKDAY_NUMBER = re.compile(r"(?<!#)[1-7]")


@dataclass(frozen=True, slots=True)
class Cron:
    """An expression's fields as cronsim reads them, and beside them what it cannot: `15W` and years."""

    fields: str
    years: tuple[int, ...]
    nearest: int | None = None

    @classmethod
    def parse(cls, text: str) -> Self:
        """The expression that is between the parentheses of `cron(…)`.

        Raises:
            ValueError: a field is missing or wrong, or there is no such day in any year.
        """
        given = text.split(" ")
        if len(given) != len(_FIELDS):
            raise ValueError(f"six fields are needed: {', '.join(_FIELDS)}")
        minutes, hours, day, month, weekday, year = given
        if (day == "?") == (weekday == "?"):
            raise ValueError("exactly one of day-of-month and day-of-week is ?")
        nearest = _NEAREST.fullmatch(day)
        for (name, pattern), field in zip(_FIELDS.items(), given, strict=True):
            if field != "?" and not (name == "day-of-month" and nearest) and not pattern.fullmatch(field):
                raise ValueError(f"{field!r} cannot be the {name}")
        if nearest:
            day = _days_near(int(nearest[1]))
        fields = f"{minutes} {hours} {day} {month} {_as_cron(weekday)}".replace("?", "*")
        try:
            CronSim(fields, _WALL_CLOCK)
        except CronSimError as error:
            raise ValueError(f"{error}: it ends before it begins, or there is no such day") from error
        return cls(fields, _years(year), int(nearest[1]) if nearest else None)

    def local_times(self, *, after: datetime) -> Iterator[datetime]:
        """What a wall clock shows, after `after` (without a zone), whenever it fires."""
        for year in (year for year in self.years if year >= after.year):
            start = max(after, _WALL_CLOCK.replace(year=year) - timedelta(seconds=1))
            for moment in CronSim(self.fields, start):
                if moment.year != year:
                    break
                if self.nearest is None or moment.day == nearest_weekday(year, moment.month, self.nearest):
                    yield moment


def nearest_weekday(year: int, month: int, day: int) -> int | None:
    """The day from Monday to Friday that is nearest to a day of a month, within that month; None without such a day."""
    last = calendar.monthrange(year, month)[1]
    if day > last:
        return None
    match date(year, month, day).weekday():
        case calendar.SATURDAY:
            return day - 1 if day > 1 else day + 2
        case calendar.SUNDAY:
            return day + 1 if day < last else day - 2
    return day


def _days_near(day: int) -> str:
    return f"{max(day - 2, 1)}-{min(day + 2, 31)}"


def _as_cron(weekday: str) -> str:
    """EventBridge counts Sunday as 1, cron as 0; its bare `L` is the last day of the week."""
    if weekday == "L":
        return "6"
    return _WEEKDAY_NUMBER.sub(lambda number: str(int(number[0]) - 1), weekday)


def _years(field: str) -> tuple[int, ...]:
    found: set[int] = set()
    for item in field.split(","):
        span, _, step = item.partition("/")
        first, _, last = span.partition("-")
        if span == "*":
            years = YEARS
        else:
            end = int(last) if last else YEARS.stop - 1 if step else int(first)
            years = range(int(first), end + 1)
        found.update(years[:: int(step or 1)])
    return tuple(sorted(found))
