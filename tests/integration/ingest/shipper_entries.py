"""The log that every shipper is given, and what must be stored of it, whichever sends it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
from ingesting import Stored

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
SOURCE = "checkout-api"
LEVELS = {"DEBUG": 5, "INFO": 9, "WARN": 13, "ERROR": 17}
# What shippers stumble over: quotes, escapes, what is not ASCII, what looks like something else.
LINES = [
    'payment {n} refused: "card declined" by C:\\bank\\gate',
    "GET /items/{n}?q=a%20b&x=<y> took 12.5 ms",
    "größe überschritten für заказ {n} 日本 🎉",
    '{{"order": {n}, "state": "lost", "path": "a/b"}}',
    "disk sda: I/O error, dev {n}, sector 0x1f\tretrying",
    "{n} 'single' and `back` quotes, a comma, a ; and a |",
]


@dataclass(frozen=True, slots=True)
class Line:
    """A log line before it is sent; `nanoseconds` since 1970."""

    number: int
    message: str
    level: str
    nanoseconds: int


@dataclass(frozen=True, slots=True)
class Expected:
    """What must be stored of a line; `at` is the time, or the two between which it lies. Microseconds since 1970."""

    message: str
    severity: int
    at: int | tuple[int, int]
    source: str = SOURCE
    attributes: Mapping[str, Any] = field(default_factory=dict)
    trace_id: str = ""
    span_id: str = ""


def lines(count: int, *, now: datetime) -> list[Line]:
    """So many lines of the last minutes, each unlike the others."""
    begun = (now - timedelta(minutes=10) - EPOCH) // timedelta(microseconds=1) * 1000
    levels = list(LEVELS)
    return [
        Line(
            number=number,
            message=LINES[number % len(LINES)].format(n=number),
            level=levels[number % len(levels)],
            nanoseconds=begun + number * 1_001_000,
        )
        for number in range(count)
    ]


def expected(line: Line, *, unit_ns: int = 1_000, **more: Any) -> Expected:
    """What must be stored of a line whose time was sent in this unit."""
    at = line.nanoseconds // unit_ns * unit_ns // 1_000
    return Expected(**{"message": line.message, "severity": LEVELS[line.level], "at": at} | more)


def differences(stored: Sequence[Stored], wanted: Sequence[Expected]) -> list[str]:
    """What is stored otherwise than it must be, not stored, or stored beside it: one text each."""
    found = sorted((entry for one in stored for entry in _entries(one)), key=lambda entry: entry["message"])
    wanted = sorted(wanted, key=lambda one: one.message)
    told = [f"{len(found)} stored, {len(wanted)} wanted"] if len(found) != len(wanted) else []
    for entry, one in zip(found, wanted, strict=False):
        low, high = one.at if isinstance(one.at, tuple) else (one.at, one.at)
        is_alike = (
            (entry["message"], entry["severity"], entry["source"]) == (one.message, one.severity, one.source)
            and low <= entry["at"] <= high
            and one.attributes.items() <= entry["attributes"].items()
            and (entry["trace_id"], entry["span_id"]) == (one.trace_id, one.span_id)
        )
        if not is_alike:
            told.append(f"{entry} is stored for {one}")
    return told


def count(stored: Sequence[Stored]) -> int:
    """How many entries are stored."""
    return sum(len(one.columns) for one in stored)


def _entries(one: Stored) -> list[dict[str, Any]]:
    columns = one.columns
    return [
        {
            "message": columns.messages[place],
            "severity": columns.severity_numbers[place],
            "source": columns.sources[place],
            "at": columns.timestamps[place],
            "attributes": orjson.loads(columns.attributes[place] or "{}"),
            "trace_id": columns.trace_ids[place],
            "span_id": columns.span_ids[place],
        }
        for place in range(len(columns))
    ]
