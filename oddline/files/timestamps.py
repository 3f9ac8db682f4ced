"""Read times as logs write them: once per hour of a log by its form, from then on by putting text together."""

import re
from collections.abc import Callable, Collection, Sequence
from datetime import UTC, datetime, timedelta, tzinfo
from functools import partial
from typing import Any, Final
from zoneinfo import ZoneInfo

from oddline.files.time_forms import EITHER, EPOCH, FORMS, OFFSETS, Last, TimeForm, of_24
from oddline.submissions import EARLIEST

FUTURE: Final = timedelta(days=1)  # nor after the present by more
_WIDEST_OFFSET: Final = timedelta(hours=15)
_EARLIEST_S: Final = int(EARLIEST.timestamp())
_REMEMBERED_HOURS: Final = 4096
_GUESSED_YEARS: Final = 9  # back from the hint: the 29th of February comes as rarely

Convert = Callable[[str, str, str | None, str | None], str | None]
"""From what a form's groups hold; None where that is no time, or none that an entry may have."""

_GROUPS: Final = ("t1", "t2", "t3", "t4")
_EPOCH: Final = re.compile(EPOCH, re.ASCII)

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
        self._forms: list[Sequence[tuple[re.Pattern[str], Convert]]] = []

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

    def before_hint(self, stamp: str) -> timedelta:
        """How long before the hint a time lies; the longest there is where it lies behind it."""
        before = self.hint - datetime.fromisoformat(stamp)
        return before if before >= -FUTURE else timedelta.max

    def settle(self, days: Collection[str]) -> None:
        """Fix for `read` which form comes first of those that can be each other: the one that explains most days.

        Args:
            days: that the file holds, as they are written there, without an hour.
        """
        alone = [(form,) for form in FORMS if not any(form in alike for alike in EITHER)]
        ordered = [sorted(alike, key=partial(self._rank, days=days)) for alike in EITHER]
        self._forms = [
            [(re.compile(form.pattern, re.ASCII), self.converter(form)) for form in alike]
            for alike in (*alone, *ordered)
        ]

    def _rank(self, form: TimeForm, *, days: Collection[str]) -> tuple[int, timedelta]:
        pattern, convert = re.compile(form.pattern, re.ASCII), self.converter(form)
        found = filter(None, (pattern.fullmatch(f"{day} 00:00:00") for day in days))
        stamps = [stamp for one in found if (stamp := convert(*one.group(*_GROUPS)))]
        nearest = min(map(self.before_hint, stamps), default=timedelta.max)
        return -len(stamps), nearest if form.has_short_year else timedelta(0)

    def _read_text(self, text: str) -> str | None:
        if not self._forms:
            self.settle(())
        for index, alike in enumerate(self._forms):
            for pattern, convert in alike:
                if (found := pattern.fullmatch(text)) and (stamp := convert(*found.group(*_GROUPS))):
                    if index:  # the next is likely of the same form
                        self._forms.insert(0, self._forms.pop(index))
                    return stamp
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
        zone, named_zone = self._zone, None
        try:
            year, month, day, hour = form.hour(text)
            if last and form.last is Last.YEAR:
                year, half, named_zone = _around_year(last)
                hour = of_24(hour, half) if half else hour
            elif last and form.last is Last.HALF:
                hour = of_24(hour, last)
            elif last:
                zone = ZoneInfo(last)
            moment = self._guess_day(month, day, hour) if year is None else datetime(year, month, day, hour, tzinfo=UTC)
        except (ValueError, KeyError, StopIteration, OSError):
            return None
        if moment is None or not EARLIEST - _WIDEST_OFFSET <= moment <= self._latest + _WIDEST_OFFSET:
            return None
        suffix = "" if has_zone else self._offset(named_zone) if named_zone else self._own_offset(moment, zone)
        is_near_bound = moment < EARLIEST + _WIDEST_OFFSET or moment > self._latest - _WIDEST_OFFSET
        return moment.isoformat()[:13], suffix, is_near_bound

    def _guess_day(self, month: int, day: int, hour: int) -> datetime | None:
        """The last one before the hint that may be it; all days may where no month is told."""
        self.year_guessed = True
        if not month:
            hint = self.hint.astimezone(self._zone or UTC).replace(tzinfo=UTC)
            today = hint.replace(hour=hour, minute=0, second=0, microsecond=0)
            return today if today <= hint else today - timedelta(days=1)
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
            offset = OFFSETS[zone]
        if len(self._offsets) < _REMEMBERED_HOURS:
            self._offsets[zone] = offset
        return offset


def _around_year(text: str) -> tuple[int, str | None, str | None]:
    """The year, the half of the day and the zone of `PM CEST 2026`, of which only the year must be there."""
    *before, year = text.split()
    half = before.pop(0) if before and before[0] in {"AM", "PM"} else None
    return int(year), half, before[0] if before else None
