"""The ways in which logs write times: an expression for each, and what its groups say."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, auto
from typing import Final

_HALF_DAY: Final = 12
_MONTHS: Final = {
    "Jan": 1, "Feb": 2, "Mar": 3, "Apr": 4, "May": 5, "Jun": 6, "Jul": 7, "Aug": 8, "Sep": 9, "Oct": 10, "Nov": 11,
    "Dec": 12,
}  # fmt: skip
OFFSETS: Final = {
    "Z": "Z", "UTC": "Z", "GMT": "Z", "WET": "Z", "WEST": "+01:00", "CET": "+01:00", "CEST": "+02:00",
    "EET": "+02:00", "EEST": "+03:00", "MSK": "+03:00", "IST": "+05:30", "JST": "+09:00", "AEST": "+10:00",
    "AEDT": "+11:00", "BST": "+01:00", "KST": "+09:00", "SGT": "+08:00", "HKT": "+08:00", "NZST": "+12:00",
    "NZDT": "+13:00", "EST": "-05:00", "EDT": "-04:00", "CST": "-06:00", "CDT": "-05:00", "MST": "-07:00",
    "MDT": "-06:00", "PST": "-08:00", "PDT": "-07:00",
}  # fmt: skip

Hour = tuple[int | None, int, int, int]
"""Year (None where it is not written), month, day, hour."""


class Last(Enum):
    """What a form puts last that the hour cannot be known without."""

    YEAR = auto()  # behind the half of the day and the zone, where they are there
    HALF = auto()  # of the day, or nothing where all its hours are counted
    PLACE = auto()  # whose zone it is, or nothing


@dataclass(frozen=True, slots=True)
class TimeForm:
    """A way to write times.

    Attributes:
        pattern: groups `t1` (day and hour), `t2` (minutes and seconds), `t3` (fraction) and `t4` (zone).
        hour: what `t1` says; raises ValueError or KeyError where it says nothing.
        tidy: from `t2` and `t3` to `:MM:SS` and a fraction, where they are not that already.
        last: what `t4` is where it is no zone: a Last.
        has_short_year: two digits, which may as well be a day or a month.
    """

    name: str
    pattern: str
    hour: Callable[[str], Hour]
    tidy: Callable[[str, str | None], tuple[str, str | None]] | None = None
    last: Last | None = None
    has_short_year: bool = False


def _numbers(order: str) -> Callable[[str], Hour]:
    """Reads the numbers in a text, in the order of the letters: y, m, d and h."""

    def read(text: str) -> Hour:
        found = dict(zip(order, map(int, re.findall(r"\d+", text)), strict=True))
        year = found.get("y")
        if year is not None and year < 100:
            year += 2000 if year < 70 else 1900
        return year, found["m"], found["d"], found["h"]

    return read


def _joined(text: str) -> Hour:
    """`yyMMdd HH` and `yyyyMMddTHH`."""
    day, hour = text[:-2].rstrip(" -T"), text[-2:].lstrip("-T ")
    year = int(day[:-4])
    return year + 2000 if year < 100 else year, int(day[-4:-2]), int(day[-2:]), int(hour)


def _named_month(text: str) -> Hour:
    """`Jun  9 06`, `Jun 09 2006 06`, `10/Oct/2000:13`, `14 Jul 2026 10`."""
    words = re.findall(r"\w+", text)
    at = next(index for index, word in enumerate(words) if word[0].isalpha())
    month, rest = _MONTHS[words[at][:3]], [int(word) for index, word in enumerate(words) if index != at]
    if len(rest) == 3:
        return rest[1], month, rest[0], rest[2]
    return None, month, rest[0], rest[1]


def of_24(hour: int, half: str) -> int:
    """An hour of a clock that has twelve."""
    if not 1 <= hour <= _HALF_DAY:
        raise ValueError(f"{hour} {half} is no hour")
    return hour % _HALF_DAY + (_HALF_DAY if half[0] in "Pp" else 0)


def _unpadded(rest: str, fraction: str | None) -> tuple[str, str | None]:
    _, minutes, seconds = rest.split(":")
    return f":{int(minutes):02}:{int(seconds):02}", fraction and fraction.zfill(3)


def _run_together(rest: str, fraction: str | None) -> tuple[str, str | None]:
    return f":{rest[:2]}:{rest[2:]}", fraction


_CLOCK: Final = r"(?P<t2>:[0-5]\d:[0-5]\d)"
_FRACTION: Final = r"(?:[.,](?P<t3>\d{1,9}))?"
_NO_FRACTION: Final = r"(?P<t3>)?"
_ZONE: Final = rf"(?:[+-]\d\d(?::?\d\d)?(?![\w:])|(?:{'|'.join(OFFSETS)})(?!\w))"
_OFFSET: Final = rf"(?: ?(?P<t4>{_ZONE}))?"
_NO_OFFSET: Final = r"(?P<t4>)?"
_HALF: Final = r"(?: ?(?P<t4>[AaPp][Mm])(?!\w))?"
_MONTH: Final = r"(?:0?[1-9]|1[0-2])"
_DAY: Final = r"(?:0?[1-9]|[12]\d|3[01])"
_PADDED_MONTH: Final = r"(?:0[1-9]|1[0-2])"
_PADDED_DAY: Final = r"(?:0[1-9]|[12]\d|3[01])"

ISO: Final = TimeForm("iso", rf"(?P<t1>\d{{4}}-\d\d-\d\d[T ]\d\d){_CLOCK}{_FRACTION}{_OFFSET}", _numbers("ymdh"))
LOOSE_ISO: Final = TimeForm(
    "loose iso", rf"(?P<t1>\d{{4}}-\d\d?-\d\d?(?:T| {{1,2}})\d\d?){_CLOCK}{_FRACTION}{_OFFSET}", _numbers("ymdh")
)
SLASHES: Final = TimeForm("slashes", rf"(?P<t1>\d{{4}}/\d\d/\d\d \d\d){_CLOCK}{_FRACTION}{_OFFSET}", _numbers("ymdh"))


def _short(name: str, day: str, order: str) -> TimeForm:
    pattern = rf"(?P<t1>{day} \d\d){_CLOCK}{_FRACTION}{_NO_OFFSET}"
    return TimeForm(name, pattern, _numbers(order), has_short_year=True)


SHORT_SLASHES: Final = (
    _short("year/month/day", rf"\d\d/{_PADDED_MONTH}/{_PADDED_DAY}", "ymdh"),
    _short("month/day/short year", rf"{_PADDED_MONTH}/{_PADDED_DAY}/\d\d", "mdyh"),
    _short("day/month/short year", rf"{_PADDED_DAY}/{_PADDED_MONTH}/\d\d", "dmyh"),
)
"""Which of them is meant where a log may be of several: the one by which it ends nearest before the file's own time."""
RUN_TOGETHER: Final = TimeForm(
    "run together",
    rf"(?P<t1>\d{{6}} \d\d|\d{{8}}T\d\d)(?P<t2>[0-5]\d[0-5]\d){_FRACTION}{_OFFSET}",
    _joined,
    tidy=_run_together,
)
UNPADDED: Final = TimeForm(
    "unpadded",
    rf"(?P<t1>\d{{8}}[-T ]\d{{1,2}})(?P<t2>:[0-5]?\d:[0-5]?\d)(?:[:.,](?P<t3>\d{{1,3}}))?{_NO_OFFSET}",
    lambda text: _joined(f"{text[:8]} {text[9:]:0>2}"),
    tidy=_unpadded,
)
MONTH_DAY_NAME: Final = TimeForm(
    "month day", rf"(?P<t1>[A-Z][a-z]{{2}} [ \d]?\d \d\d){_CLOCK}{_FRACTION}{_OFFSET}", _named_month
)
DAY_MONTH_NAME: Final = TimeForm(
    "day month",
    rf"(?:[A-Z][a-z]{{2}}, )?(?P<t1>\d\d? [A-Z][a-z]{{2,8}} \d{{4}} \d\d){_CLOCK}{_FRACTION}{_OFFSET}",
    _named_month,
)
COMMON_LOG: Final = TimeForm(
    "common log", rf"(?P<t1>\d\d/[A-Z][a-z]{{2}}/\d{{4}}[: ]\d\d){_CLOCK}{_FRACTION}{_OFFSET}", _named_month
)
ASCTIME: Final = TimeForm(
    "asctime",
    rf"(?:[A-Z][a-z]{{2}} )?(?P<t1>[A-Z][a-z]{{2}} [ \d]?\d \d\d){_CLOCK}{_FRACTION}"
    rf" (?P<t4>(?:[AP]M )?(?:{_ZONE} )?\d{{4}})",
    _named_month,
    last=Last.YEAR,
)
"""C's `asctime`, and what the command `date` writes."""
JAVASCRIPT: Final = TimeForm(
    "javascript",
    rf"(?:[A-Z][a-z]{{2}} )?(?P<t1>[A-Z][a-z]{{2}} \d\d \d{{4}} \d\d){_CLOCK}{_NO_FRACTION}"
    r" GMT(?P<t4>[+-]\d{4})(?: \([^()\n]{1,60}\))?",
    _named_month,
)
MONTH_DAY: Final = TimeForm("month-day", rf"(?P<t1>\d\d-\d\d \d\d){_CLOCK}{_FRACTION}{_NO_OFFSET}", _numbers("mdh"))
MONTH_DOT_DAY: Final = TimeForm(
    "month.day", rf"(?P<t1>\d\d\.\d\d \d\d){_CLOCK}{_FRACTION}{_NO_OFFSET}", _numbers("mdh")
)
DAY_DOT_MONTH: Final = TimeForm(
    "day.month.year", rf"(?P<t1>\d\d\.\d\d\.\d{{4}} \d\d){_CLOCK}{_FRACTION}{_NO_OFFSET}", _numbers("dmyh")
)
DAY_DASH_MONTH: Final = TimeForm(
    "day-month-year", rf"(?P<t1>{_DAY}-{_MONTH}-\d{{4}} \d\d){_CLOCK}{_FRACTION}{_NO_OFFSET}", _numbers("dmyh")
)
DAY_DASH_NAME: Final = TimeForm(
    "day-name-year",
    rf"(?P<t1>\d\d?-[A-Z][a-z]{{2}}-\d{{4}} \d\d){_CLOCK}{_FRACTION}(?: (?P<t4>[A-Z][a-z]+(?:/\w+){{1,2}}|UTC))?",
    _named_month,
    last=Last.PLACE,
)
MONTH_SLASH_DAY: Final = TimeForm(
    "month/day/year",
    rf"(?P<t1>{_MONTH}/{_DAY}/\d{{4}}(?:,? |-)\d\d?){_CLOCK}{_FRACTION}{_HALF}",
    _numbers("mdyh"),
    last=Last.HALF,
)
DAY_SLASH_MONTH: Final = TimeForm(
    "day/month/year",
    rf"(?P<t1>{_DAY}/{_MONTH}/\d{{4}}(?:,? |-)\d\d?){_CLOCK}{_FRACTION}{_HALF}",
    _numbers("dmyh"),
    last=Last.HALF,
)
NAME_DAY_YEAR: Final = TimeForm(
    "name day, year",
    rf"(?P<t1>[A-Z][a-z]{{2,8}} \d\d?,? \d{{4}},? \d\d?){_CLOCK}{_FRACTION}{_HALF}",
    _named_month,
    last=Last.HALF,
)
MINUTES: Final = TimeForm(
    "minutes",
    rf"(?P<t1>\d{{4}}-\d\d-\d\d[T ]\d\d)(?P<t2>:[0-5]\d)(?![:.\d]){_NO_FRACTION}{_OFFSET}",
    _numbers("ymdh"),
    tidy=lambda rest, fraction: (f"{rest}:00", fraction),
)
HOUR_ALONE: Final = TimeForm(
    "hour", rf"(?P<t1>[01]\d|2[0-3]){_CLOCK}{_FRACTION}{_NO_OFFSET}", lambda text: (None, 0, 0, int(text))
)
"""Of a day that nothing tells: none of `FORMS`, since a field that holds so much is hardly when an entry was."""
# Asctime and JavaScript's before what they begin with; of months and days that can be each other months come first, as
# in America.
FORMS: Final = (
    ISO, SLASHES, *SHORT_SLASHES, COMMON_LOG, ASCTIME, MONTH_DAY_NAME, DAY_MONTH_NAME, UNPADDED, RUN_TOGETHER,
    MONTH_DAY, MONTH_DOT_DAY, DAY_DOT_MONTH, LOOSE_ISO, JAVASCRIPT, NAME_DAY_YEAR, MONTH_SLASH_DAY, DAY_SLASH_MONTH,
    DAY_DASH_NAME, DAY_DASH_MONTH, MINUTES,
)  # fmt: skip
EITHER: Final = (SHORT_SLASHES, (MONTH_SLASH_DAY, DAY_SLASH_MONTH))
"""Those of `FORMS` in which one text may be written and mean different days."""
EPOCH: Final = r"(?P<epoch>1\d{9}|[2-9]\d{8,9})(?P<epoch_fraction>\d{9}|\d{6}|\d{3})?(?:\.(?P<epoch_decimals>\d{1,9}))?"
