"""Turn a record of somebody's own form into an entry that can be taken, whatever its fields hold."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Any, Final

import orjson
from pydantic import Field

from oddline.streams.reading import Given, Text
from oddline.submissions import EARLIEST, FUTURE, NAME_CHARACTERS, SEVERITY_NUMBERS, rfc3339, storable_entry

TOO_DEEP: Final = "(nested too deeply to be written)"  # what stands in the place of such a value
_UNITS: Final = (1, 1_000, 1_000_000, 1_000_000_000)  # of numbers that are times: seconds to nanoseconds since 1970
_LATEST_S: Final = 4_102_444_800  # 2100: a larger number counts something finer
_DATE_DIGITS: Final = {8, 14}  # as in 20261005, and with 081530 behind it; a number since 1970 has others


class Names(Given):
    """The fields of a record that say what an entry has; dots lead into objects."""

    message: Annotated[Text, Field(description="without it, the whole record is the message")] = "message"
    timestamp: Text = "timestamp"
    severity: Text = "severity"


def at_path(record: Any, path: str) -> Any:
    """What is at a path such as `data.items` in a JSON value; None where there is nothing."""
    for name in path.split("."):
        if not isinstance(record, Mapping):
            return None
        record = record.get(name)
    return record


def entry_of(record: Any, *, names: Names, source: str, now: datetime) -> dict[str, Any]:
    """An entry with all that the record holds: what is no time or no severity stands in its attributes."""
    if not isinstance(record, Mapping):
        return storable_entry(record if isinstance(record, str) else as_json(record), source=source, attributes={})
    rest = dict(record)
    message = at_path(record, names.message)
    if isinstance(message, str) and message.strip():
        rest.pop(names.message, None)
    else:
        message, rest = as_json(record), {}
    given: dict[str, str] = {}
    if (moment := as_time(at_path(record, names.timestamp), now=now)) is not None:
        given["timestamp"] = rfc3339(moment)
        rest.pop(names.timestamp, None)
    severity = at_path(record, names.severity)
    if isinstance(severity, str) and severity.strip().upper() in SEVERITY_NUMBERS:
        given["severity"] = severity.strip().upper()
        rest.pop(names.severity, None)
    return storable_entry(message, source=source[-NAME_CHARACTERS:], attributes=rest, **given)


def as_time(value: Any, *, now: datetime) -> datetime | None:
    """The moment that a value is, as `as_moment`; None where no entry can be of that time.

    Args:
        now: an entry is at most a day ahead of it.
    """
    moment = as_moment(value)
    return moment if moment is not None and EARLIEST <= moment <= now + FUTURE else None


def as_moment(value: Any) -> datetime | None:
    """A moment that is written as in RFC 3339, with or without its signs, or as a number since 1970; None otherwise."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    written = "" if isinstance(value, float) else str(value)
    try:
        if written.isdecimal() and len(written) in _DATE_DIGITS and (moment := _as_date(written)):
            return moment
        if isinstance(value, str) and not written.isdecimal():
            return _in_utc(datetime.fromisoformat(value))
        return _since_1970(float(value))
    except (ValueError, OverflowError):  # none, or before the year 1, or after 9999
        return None


def _as_date(digits: str) -> datetime | None:
    try:
        return datetime.strptime(digits.ljust(14, "0"), "%Y%m%d%H%M%S").replace(tzinfo=UTC)
    except ValueError:
        return None


def _in_utc(moment: datetime) -> datetime:
    return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)


def _since_1970(number: float) -> datetime | None:
    if number <= 0:
        return None
    seconds = next((number / unit for unit in _UNITS if number / unit < _LATEST_S), None)
    return None if seconds is None else datetime.fromtimestamp(seconds, tz=UTC)


def as_json(value: Any) -> str:
    """A JSON value as text, always the same for the same one; a lone surrogate stays what it is."""
    try:
        return orjson.dumps(value, option=orjson.OPT_SORT_KEYS).decode()
    except TypeError:  # there are lone surrogates in it, or it is nested deeper than orjson writes
        pass
    try:
        return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    except RecursionError:
        return TOO_DEEP
