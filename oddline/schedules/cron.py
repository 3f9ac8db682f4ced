"""The six fields of EventBridge's cron expressions; the calendar itself is cronsim's work."""

import calendar
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final, Self

from cronsim import CronSim, CronSimError

LONGEST_NUMBER: Final = 4  # digits of a year
_WALL_CLOCK: Final = datetime(1970, 1, 1)  # noqa: DTZ001  # without a zone, as everything here


@dataclass(frozen=True, slots=True)
class _Field:
    """What may stand in a field: lists of numbers or their names, ranges and steps.

    `is_round`: after the last comes the first again, so that hours may be 20-2.
    """

    name: str
    all: range
    names: Sequence[str] = ()
    has_steps: bool = True
    is_round: bool = True

    def numbers(self, text: str) -> list[int]:
        """What the text stands for.

        Raises:
            ValueError: it cannot stand in this field.
        """
        return sorted({number for item in text.split(",") for number in self._of_item(item)})

    def number(self, text: str) -> int:
        """One of the numbers, or of their names."""
        if text in self.names:
            return self.all[self.names.index(text)]
        if not _is_number(text) or int(text) not in self.all:
            raise ValueError(f"{text!r} cannot be the {self.name}")
        return int(text)

    def _of_item(self, item: str) -> Sequence[int]:
        span, slash, step = item.partition("/")
        if slash and not (self.has_steps and _is_number(step) and int(step)):
            raise ValueError(f"{item!r} cannot be the {self.name}")
        return self._of_span(span, is_open=bool(slash))[:: int(step) if slash else 1]

    def _of_span(self, span: str, *, is_open: bool) -> Sequence[int]:
        """`is_open`: a single number begins what goes on until the end."""
        if span == "*":
            return self.all
        first, dash, last = span.partition("-")
        begin = self.number(first)
        end = self.number(last) if dash else self.all[-1] if is_open else begin
        if begin <= end:
            return range(begin, end + 1)
        if not self.is_round:
            raise ValueError(f"{span!r} ends before it begins")
        return [*range(begin, self.all.stop), *range(self.all.start, end + 1)]


# EventBridge Scheduler user guide, "Schedule types".
_MINUTES: Final = _Field("minutes", range(60))
_HOURS: Final = _Field("hours", range(24))
_DAY: Final = _Field("day-of-month", range(1, 32))
_MONTH: Final = _Field(
    "month", range(1, 13), ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"]
)
_WEEKDAY: Final = _Field("day-of-week", range(1, 8), ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"], has_steps=False)
_YEAR: Final = _Field("year", range(1970, 2200), is_round=False)
_NEAREST: Final = re.compile(r"(\w+)W")
_NTH: Final = re.compile(r"(\w+)#([1-5])")
_LAST: Final = re.compile(r"([1-7])L")


@dataclass(frozen=True, slots=True)
class Cron:
    """An expression's fields as cronsim reads them, and beside them what it cannot: years, and days such as `15W`."""

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
        if len(given) != 6:
            raise ValueError("six fields are needed: minutes, hours, day-of-month, month, day-of-week, year")
        minutes, hours, day, month, weekday, year = given
        if (day == "?") == (weekday == "?"):
            raise ValueError("exactly one of day-of-month and day-of-week is ?")
        nearest = _DAY.number(found[1]) if (found := _NEAREST.fullmatch(day)) and day != "LW" else None
        fields = [_listed(_MINUTES, minutes), _listed(_HOURS, hours), _days(day), _listed(_MONTH, month)]
        fields.append(_weekdays(weekday))
        try:
            CronSim(" ".join(fields), _WALL_CLOCK)
        except CronSimError as error:
            raise ValueError(f"{error}: there is no such day") from error
        return cls(" ".join(fields), tuple(_YEAR.numbers(year)), nearest)

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


def _days(text: str) -> str:
    if text in {"?", "*"}:
        return "*"
    if text in {"L", "LW"}:
        return text
    if nearest := _NEAREST.fullmatch(text):  # one of these, and which, the month tells
        day = _DAY.number(nearest[1])
        return f"{max(day - 2, 1)}-{min(day + 2, 31)}"
    return _listed(_DAY, text)


def _weekdays(text: str) -> str:
    """EventBridge counts Sunday as 1, cron as 0; its bare `L` is the last day of the week."""
    if text in {"?", "*"}:
        return "*"
    if text == "L":
        return "6"
    if last := _LAST.fullmatch(text):
        return f"{_WEEKDAY.number(last[1]) - 1}L"
    if nth := _NTH.fullmatch(text):
        return f"{_WEEKDAY.number(nth[1]) - 1}#{nth[2]}"
    return ",".join(str(number - 1) for number in _WEEKDAY.numbers(text))


def _listed(field: _Field, text: str) -> str:
    return ",".join(map(str, field.numbers(text)))


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= LONGEST_NUMBER
