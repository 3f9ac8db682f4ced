"""Read times as logs write them: once per hour of a log by its form, from then on by putting text together."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from enum import Enum, auto
from typing import Any, Final
from zoneinfo import ZoneInfo

from oddline.submissions import EARLIEST

FUTURE: Final = timedelta(days=1)  # nor after the present by more
_WIDEST_OFFSET: Final = timedelta(hours=15)
_EARLIEST_S: Final = int(EARLIEST.timestamp())
_REMEMBERED_HOURS: Final = 4096
_HALF_DAY: Final = 12
_GUESSED_YEARS: Final = 9  # back from the hint: the 29th of February comes as rarely

_MONTHS: Final = {
    "Jan": 1, "Feb": 2, "Mar": 3, "Apr": 4, "May": 5, "Jun": 6, "Jul": 7, "Aug": 8, "Sep": 9, "Oct": 10, "Nov": 11,
    "Dec": 12,
}  # fmt: skip
_HOURS_OFF: Final = {
    "Z": 0, "UTC": 0, "GMT": 0, "WET": 0, "WEST": 1, "CET": 1, "CEST": 2, "EET": 2, "EEST": 3, "MSK": 3, "JST": 9,
    "AEST": 10, "AEDT": 11, "BST": 1, "KST": 9, "SGT": 8, "HKT": 8, "NZST": 12, "NZDT": 13,
    "EST": -5, "EDT": -4, "CST": -6, "CDT": -5, "MST": -7, "MDT": -6, "PST": -8, "PDT": -7,
}  # fmt: skip

Hour = tuple[int | None, int, int, int]
"""Year (None where it is not written), month, day, hour."""
Convert = Callable[[str, str, str | None, str | None], str | None]
"""From what a form's groups hold; None where that is no time, or none that an entry may have."""


class Last(Enum):
    """What a form puts last that the hour cannot be known without."""

    YEAR = auto()
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
    """

    name: str
    pattern: str
    hour: Callable[[str], Hour]
    tidy: Callable[[str, str | None], tuple[str, str | None]] | None = None
    last: Last | None = None


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


def _of_24(hour: int, half: str) -> int:
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
_OFFSET: Final = rf"(?: ?(?P<t4>[+-]\d\d(?::?\d\d)?(?![\w:])|(?:{'|'.join(_HOURS_OFF)})(?!\w)))?"
_NO_OFFSET: Final = r"(?P<t4>)?"
_HALF: Final = r"(?: ?(?P<t4>[AaPp][Mm])(?!\w))?"
_MONTH: Final = r"(?:0?[1-9]|1[0-2])"
_DAY: Final = r"(?:0?[1-9]|[12]\d|3[01])"

ISO: Final = TimeForm("iso", rf"(?P<t1>\d{{4}}-\d\d-\d\d[T ]\d\d){_CLOCK}{_FRACTION}{_OFFSET}", _numbers("ymdh"))
LOOSE_ISO: Final = TimeForm(
    "loose iso", rf"(?P<t1>\d{{4}}-\d\d?-\d\d?(?:T| {{1,2}})\d\d?){_CLOCK}{_FRACTION}{_OFFSET}", _numbers("ymdh")
)
SLASHES: Final = TimeForm("slashes", rf"(?P<t1>\d{{4}}/\d\d/\d\d \d\d){_CLOCK}{_FRACTION}{_OFFSET}", _numbers("ymdh"))
SHORT_SLASHES: Final = TimeForm(
    "short slashes", rf"(?P<t1>\d\d/\d\d/\d\d \d\d){_CLOCK}{_FRACTION}{_NO_OFFSET}", _numbers("ymdh")
)
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
    rf"(?:[A-Z][a-z]{{2}} )?(?P<t1>[A-Z][a-z]{{2}} [ \d]?\d \d\d){_CLOCK}{_FRACTION} (?P<t4>\d{{4}})",
    _named_month,
    last=Last.YEAR,
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
# Asctime before what it begins with; of months and days that can be each other months come first, as in America.
FORMS: Final = (
    ISO, SLASHES, SHORT_SLASHES, COMMON_LOG, ASCTIME, MONTH_DAY_NAME, DAY_MONTH_NAME, UNPADDED, RUN_TOGETHER, MONTH_DAY,
    MONTH_DOT_DAY, DAY_DOT_MONTH, LOOSE_ISO, NAME_DAY_YEAR, MONTH_SLASH_DAY, DAY_SLASH_MONTH, DAY_DASH_NAME,
    DAY_DASH_MONTH, MINUTES,
)  # fmt: skip
EPOCH: Final = r"(?P<epoch>1\d{9}|[2-9]\d{8,9})(?P<epoch_fraction>\d{9}|\d{6}|\d{3})?(?:\.(?P<epoch_decimals>\d{1,9}))?"
_EPOCH: Final = re.compile(EPOCH)

_Known = tuple[str, str, bool]
"""The beginning of an hour's times in RFC 3339, their end, and whether each must be held against the bounds."""


class Clock:
    """Turns what logs write into RFC 3339.

    Args:
        now: the present; later than a day after it an entry cannot be.
        year_hint: not long after the log's last line (when the file was put, say): what names no year lies before it
            in its own zone.
        zone: of times that name none; UTC where it is not given.

    Attributes:
        zone_assumed: a time named no zone, and none was given.
        year_guessed: a time named no year, or no day at all.
    """

    def __init__(self, *, now: datetime, year_hint: datetime | None = None, zone: tzinfo | None = None) -> None:
        self.now, self.hint, self._zone = now, year_hint or now, zone
        self.zone_assumed = self.year_guessed = False
        self._latest = now + FUTURE
        self._latest_s = int(self._latest.timestamp())
        self._epoch_hours: dict[int, str] = {}
        self._offsets: dict[str, str] = {}
        self._known: list[dict[str, _Known | None]] = []
        self._forms: list[tuple[re.Pattern[str], Convert]] | None = None

    def begin(self) -> None:
        """Forget what was read: what is assumed and guessed from here on is told anew."""
        self.zone_assumed = self.year_guessed = False
        self._offsets.clear()
        for known in self._known:
            known.clear()

    def converter(self, form: TimeForm) -> Convert:
        """What reads the form's groups."""
        known: dict[str, _Known | None] = {}
        self._known.append(known)
        tidy, has_last = form.tidy, form.last is not None

        def convert(hour: str, rest: str, fraction: str | None, zone: str | None) -> str | None:
            if has_last:
                hour, zone = f"{hour}\0{zone or ''}", None
            found = known[hour] if hour in known else self._learn(known, form, hour, has_zone=bool(zone))
            if found is None:
                return None
            begin, suffix, is_near_bound = found
            if zone:
                suffix = self._offsets.get(zone) or self._offset(zone)
            elif not suffix:  # it was only seen with zones until now
                begin, suffix, is_near_bound = self._learn(known, form, hour, has_zone=False) or found
            if tidy:
                rest, fraction = tidy(rest, fraction)
            stamp = f"{begin}{rest}.{fraction}{suffix}" if fraction else f"{begin}{rest}{suffix}"
            return stamp if not is_near_bound or self.is_storable(stamp) else None

        return convert

    def epoch(self, seconds: int, fraction: str = "") -> str | None:
        """A time in seconds since 1970, with the decimals behind them."""
        if not _EARLIEST_S <= seconds < self._latest_s:
            return None
        hour, rest = divmod(seconds, 3600)
        begin = self._epoch_hours.get(hour)
        if begin is None:
            if len(self._epoch_hours) >= _REMEMBERED_HOURS:
                self._epoch_hours.clear()
            begin = self._epoch_hours[hour] = datetime.fromtimestamp(seconds, UTC).isoformat()[:13]
        stamp = f"{begin}:{rest // 60:02}:{rest % 60:02}"
        return f"{stamp}.{fraction}Z" if fraction else f"{stamp}Z"

    def read(self, value: Any) -> str | None:
        """A time as a document's field holds it: a text in any form, or seconds, milli-, micro- or nanoseconds."""
        if isinstance(value, str):
            return self._read_text(value.strip())
        if isinstance(value, bool) or not isinstance(value, int | float):
            return None
        return self._read_epoch(f"{value:.6f}" if isinstance(value, float) else str(value))

    def is_storable(self, stamp: str) -> bool:
        """Whether an entry may have this time."""
        moment = datetime.fromisoformat(stamp)
        return EARLIEST <= moment <= self._latest

    def _read_text(self, text: str) -> str | None:
        if self._forms is None:
            self._forms = [(re.compile(form.pattern), self.converter(form)) for form in FORMS]
        for index, (pattern, convert) in enumerate(self._forms):
            if found := pattern.fullmatch(text):
                if index:  # the next is likely of the same form
                    self._forms.insert(0, self._forms.pop(index))
                return convert(*found.group("t1", "t2", "t3", "t4"))
        return self._read_epoch(text)

    def _read_epoch(self, text: str) -> str | None:
        found = _EPOCH.fullmatch(text)
        if found is None:
            return None
        return self.epoch(int(found["epoch"]), (found["epoch_fraction"] or "") + (found["epoch_decimals"] or ""))

    def _learn(self, known: dict[str, _Known | None], form: TimeForm, text: str, *, has_zone: bool) -> _Known | None:
        if len(known) >= _REMEMBERED_HOURS:
            known.clear()
        known[text] = found = self._hour(form, text, has_zone=has_zone)
        return found

    def _hour(self, form: TimeForm, text: str, *, has_zone: bool) -> _Known | None:
        text, _, last = text.partition("\0")
        zone = self._zone
        try:
            year, month, day, hour = form.hour(text)
            if last and form.last is Last.YEAR:
                year = int(last)
            elif last and form.last is Last.HALF:
                hour = _of_24(hour, last)
            elif last:
                zone = ZoneInfo(last)
            moment = self._guess_day(month, day, hour) if year is None else datetime(year, month, day, hour, tzinfo=UTC)
        except (ValueError, KeyError, StopIteration, OSError):
            return None
        if moment is None or not EARLIEST - _WIDEST_OFFSET <= moment <= self._latest + _WIDEST_OFFSET:
            return None
        suffix = "" if has_zone else self._own_offset(moment, zone)
        is_near_bound = moment < EARLIEST + _WIDEST_OFFSET or moment > self._latest - _WIDEST_OFFSET
        return moment.isoformat()[:13], suffix, is_near_bound

    def _guess_day(self, month: int, day: int, hour: int) -> datetime | None:
        """The last one before the hint that may be it; all days may where no month is told."""
        self.year_guessed = True
        if not month:
            today = self.hint.astimezone(UTC).replace(hour=hour, minute=0, second=0, microsecond=0)
            return today if today <= self.hint else today - timedelta(days=1)
        for year in range(self.hint.year + 1, self.hint.year - _GUESSED_YEARS, -1):
            try:
                moment = datetime(year, month, day, hour, tzinfo=UTC)
            except ValueError:
                continue
            if moment <= self.hint + _WIDEST_OFFSET:
                return moment
        return None

    def _own_offset(self, moment: datetime, zone: tzinfo | None) -> str:
        """Of a time that names no zone; UTC's where nothing else does."""
        if zone is None:
            self.zone_assumed = True
            return "Z"
        return moment.replace(tzinfo=zone).isoformat()[19:25]

    def _offset(self, zone: str) -> str:
        """RFC 3339's way to write a zone; one that is nowhere on earth is as good as none."""
        if zone[0] in "+-":
            digits = zone[1:].replace(":", "")
            offset = f"{zone[0]}{digits[:2]}:{digits[2:] or '00'}"
            offset = offset if digits[:2] < "15" and digits[2:] < "60" else "Z"
        else:
            hours = _HOURS_OFF[zone]
            offset = f"{hours:+03}:00" if hours else "Z"
        if len(self._offsets) < _REMEMBERED_HOURS:
            self._offsets[zone] = offset
        return offset
