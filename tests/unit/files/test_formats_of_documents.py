"""JSON of the usual libraries, shippers and exports, and systemd's journal: each field in its place."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from oddline.files import look_at, read_entries
from oddline.submissions import take_entries

NOW = datetime(2026, 11, 5, 8, 15, tzinfo=UTC)
MOMENT, MILLISECONDS = "2025-11-05T08:15:30", 1762330530000

# What a library writes, and what comes of it.
LIBRARIES: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "pino": (
        {"level": 30, "time": MILLISECONDS, "pid": 7, "hostname": "web-1", "msg": "up"},
        {"message": "up", "severity": "INFO", "attributes": {"pid": 7, "hostname": "web-1"}},
    ),
    "bunyan": (
        {"name": "shop", "level": 50, "msg": "no", "time": f"{MOMENT}.000Z", "v": 0},
        {"message": "no", "severity": "ERROR", "attributes": {"name": "shop", "v": 0}},
    ),
    "zap": (
        {"level": "warn", "ts": MILLISECONDS / 1000, "caller": "a/b.go:7", "msg": "slow"},
        {"message": "slow", "severity": "WARN", "attributes": {"caller": "a/b.go:7"}},
    ),
    "logrus": (
        {"level": "fatal", "msg": "gone", "time": f"{MOMENT}Z", "size": 3},
        {"message": "gone", "severity": "FATAL", "attributes": {"size": 3}},
    ),
    "structlog": (
        {"event": "paid", "level": "debug", "timestamp": f"{MOMENT}.5Z", "order": 9},
        {"message": "paid", "severity": "DEBUG", "attributes": {"order": 9}},
    ),
    "log4j": (
        {
            "instant": {"epochSecond": 1762330530, "nanoOfSecond": 5000000},
            "thread": "main",
            "level": "ERROR",
            "loggerName": "a.B",
            "message": "failed",
        },
        {"message": "failed", "severity": "ERROR", "attributes": {"thread": "main", "loggerName": "a.B"}},
    ),
    "Serilog": (
        {"@t": f"{MOMENT}.1234567Z", "@mt": "Hello, {User}", "User": "ann", "@l": "Warning"},
        {"message": "Hello, {User}", "severity": "WARN", "attributes": {"User": "ann"}},
    ),
    "Serilog without a level": (
        {"@t": f"{MOMENT}.1234567Z", "@m": "Hello, ann", "@i": "7a"},
        {"message": "Hello, ann", "severity": "INFO", "attributes": {"@i": "7a"}},
    ),
    "ECS": (
        {
            "@timestamp": f"{MOMENT}.000Z",
            "log": {"level": "info", "logger": "a.B"},
            "message": "started",
            "service": {"name": "shop"},
            "trace.id": "4bf92f3577b34da6a3ce929d0e0e4736",
        },
        {
            "message": "started",
            "severity": "INFO",
            "source": "shop",
            "trace_id": "4bf92f3577b34da6a3ce929d0e0e4736",
            "attributes": {"log": {"level": "info", "logger": "a.B"}, "service": {"name": "shop"}},
        },
    ),
    "GELF": (
        {"version": "1.1", "host": "web-1", "short_message": "down", "timestamp": 1762330530.25, "level": 3, "_x": 1},
        {"message": "down", "severity": "ERROR", "attributes": {"version": "1.1", "host": "web-1", "_x": 1}},
    ),
    "Docker": (
        {"log": "ERROR no route\n", "stream": "stderr", "time": f"{MOMENT}.123456789Z"},
        {"message": "ERROR no route", "severity": "ERROR", "attributes": {"stream": "stderr"}},
    ),
    "PostgreSQL": (
        {"timestamp": f"{MOMENT}.000 CET", "pid": 31, "error_severity": "LOG", "message": "ready"},
        {"message": "ready", "severity": "INFO", "attributes": {"pid": 31}},
    ),
    "Python's names": (
        {"asctime": "2025-11-05 08:15:30,123", "levelname": "CRITICAL", "name": "root", "message": "bad"},
        {"message": "bad", "severity": "CRITICAL", "attributes": {"name": "root"}},
    ),
}


def entries_of(text: str | bytes) -> list[dict[str, Any]]:
    data = text.encode() if isinstance(text, str) else text
    return [entry for block in read_entries([data], now=NOW) for entry in block.entries]


@pytest.mark.parametrize("library", LIBRARIES)
def test_each_library_s_fields_are_known(library: str) -> None:
    document, expected = LIBRARIES[library]
    text = json.dumps(document) + "\n"

    [entry] = entries_of(text)

    assert look_at(text.encode()).format == "json_lines"
    assert entry.pop("timestamp").startswith(MOMENT)
    assert entry == expected


def test_a_document_without_a_message_is_its_own_message() -> None:
    line = '{"method":"GET","status":500,"level":"error"}'

    [entry] = entries_of(f"{line}\n")

    assert entry["message"] == line
    assert entry["severity"] == "ERROR"
    assert entry["attributes"]["method"] == "GET"


def _as_csv(days: list[str]) -> str:
    return "message,time\n" + "".join(f"up,{day} 08:15:30\n" for day in days)


def _as_json(days: list[str]) -> str:
    return "".join(json.dumps({"message": "up", "time": f"{day} 08:15:30"}).replace("/", "\\/") + "\n" for day in days)


def _with_hours_apart(days: list[str]) -> str:
    return "date,time,message\n" + "".join(f"{day},08:15:30,up\n" for day in days)


DAYS = {
    "day first": (["05/11/2025", "13/11/2024", "05/11/2025"], ["2025-11-05", "2024-11-13", "2025-11-05"]),
    "month first": (["11/05/2025", "11/13/2024", "11/05/2025"], ["2025-11-05", "2024-11-13", "2025-11-05"]),
    "nothing that tells": (["10/11/2025", "10/12/2024", "10/11/2025"], ["2025-10-11", "2024-10-12", "2025-10-11"]),
    "both orders in one file": (["10/11/2025", "13/11/2024", "11/13/2024"], ["2025-10-11", "2024-11-13", "2024-11-13"]),
    "a year last, in two digits": (["21/10/26", "22/10/26", "01/11/26"], ["2026-10-21", "2026-10-22", "2026-11-01"]),
    "a year first, in two digits": (["17/06/09", "17/06/10", "17/06/30"], ["2017-06-09", "2017-06-10", "2017-06-30"]),
}


@pytest.mark.parametrize("write", [_as_csv, _as_json, _with_hours_apart])
@pytest.mark.parametrize("case", DAYS)
def test_days_are_read_alike_whatever_line_came_before(case: str, write: Callable[[list[str]], str]) -> None:
    days, expected = DAYS[case]
    data = write(days).encode()

    blocks = list(read_entries([data], now=NOW, most_entries=1))
    resumed = list(read_entries([data], now=NOW, most_entries=1, after=blocks[1].end))

    assert [entry["timestamp"][:10] for block in blocks for entry in block.entries] == expected
    assert resumed == blocks[2:]


@pytest.mark.parametrize(
    ("document", "severity"),
    [
        ({"log": "\x1b[31mERROR\x1b[0m disk full\n", "stream": "stderr"}, "ERROR"),
        ({"message": "\x1b[1;33mERROR disk full\x1b[m", "level": "\x1b[33mwarn\x1b[39m"}, "WARN"),
        ({"MESSAGE": [*b"\x1b[31mERROR\x1b[0m disk full"], "__REALTIME_TIMESTAMP": "1762330530123456"}, "ERROR"),
        ({"message": "\x1b[0m", "msg": "ERROR disk full"}, "ERROR"),
    ],
)
def test_colours_are_left_out_of_messages_and_levels(document: dict[str, Any], severity: str) -> None:
    [entry] = entries_of(f"{json.dumps(document)}\n")

    assert entry["message"] == "ERROR disk full"
    assert entry["severity"] == severity


def test_colours_are_left_out_of_the_journal_s_messages() -> None:
    [entry] = entries_of(_exported({**RECORD, "MESSAGE": b"\x1b[31mno\x1b[0m route"}))

    assert entry["message"] == "no route"


def test_a_line_that_is_no_document_is_an_entry_as_it_stands() -> None:
    reader = read_entries([b'{"msg":"a"}\n{"msg":"b"}\n{"msg":\nnpm WARN x\n{"msg":"c"}\n'], now=NOW)

    messages = [entry["message"] for block in reader for entry in block.entries]

    assert messages == ["a", "b", '{"msg":', "npm WARN x", "c"]
    assert reader.problems.unparsed == 2


@pytest.mark.parametrize(
    "line",
    [
        '{"msg":"a\\u0000b","k\\u0000":["\\u0000"]}',
        '{"msg":"deep","x":' + '{"a":' * 200 + "1" + "}" * 201,
        '{"msg":"wide","x":"' + "y" * 70_000 + '"}',
        '{"msg":"   "}',
        '{"msg":"far","time":"2099-01-01T00:00:00Z"}',
        '{"msg":"lone \\ud800"}',
        '{"msg":"typed","trace_id":"xyz","span_id":7,"level":"loud","source":3}',
    ],
)
def test_what_no_entry_may_have_keeps_no_document_from_being_stored(line: str) -> None:
    entries = entries_of(f"{line}\n" * 3)

    columns, faults = take_entries(entries, now=NOW)

    assert not faults
    assert len(columns) == 3


def test_an_array_of_objects_is_entries_whatever_its_layout() -> None:
    events = [{"message": f'event {number}, with {{ and " and ]', "timestamp": MILLISECONDS} for number in range(50)]

    for text in (json.dumps(events), json.dumps(events, indent=2), "\n".join(json.dumps(e, indent=1) for e in events)):
        assert look_at(text.encode()).format == "json"
        assert [entry["message"] for entry in entries_of(text)] == [event["message"] for event in events]


@pytest.mark.parametrize("name", ["events", "logEvents", "Records"])
def test_an_object_around_an_array_is_let_go_of(name: str) -> None:
    events = [{"message": "up", "timestamp": MILLISECONDS, "logStreamName": "s"}, {"message": "down", "eventId": "3"}]
    text = json.dumps({"messageType": "DATA_MESSAGE", "subscriptionFilters": ["f"], name: events, "next": "f/{1"})

    entries = entries_of(text * 2)

    assert look_at(text.encode()).format == "json_wrapped"
    assert [entry["message"] for entry in entries] == ["up", "down"] * 2
    assert entries[0]["attributes"] == {"logStreamName": "s"}


def test_an_array_that_breaks_off_gives_what_is_whole_and_the_rest_as_it_stands() -> None:
    reader = read_entries([b'[{"message":"a"},{"message":"b"},{"mess'], now=NOW)

    messages = [entry["message"] for block in reader for entry in block.entries]

    assert messages == ["a", "b", '{"mess']
    assert reader.problems.unparsed == 1


def _exported(fields: dict[str, str | bytes]) -> bytes:
    written = b""
    for name, value in fields.items():
        if isinstance(value, str):
            written += f"{name}={value}\n".encode()
        else:
            written += name.encode() + b"\n" + len(value).to_bytes(8, "little") + value + b"\n"
    return written + b"\n"


RECORD = {
    "__CURSOR": "s=1;i=2",
    "__REALTIME_TIMESTAMP": "1762330530123456",
    "PRIORITY": "3",
    "_SYSTEMD_UNIT": "shop.service",
    "_PID": "31",
    "MESSAGE": "no route",
}
READ = {
    "message": "no route",
    "timestamp": "2025-11-05T08:15:30.123456Z",
    "severity": "ERROR",
    "source": "shop.service",
    "attributes": {
        "__CURSOR": "s=1;i=2",
        "__REALTIME_TIMESTAMP": "1762330530123456",
        "_SYSTEMD_UNIT": "shop.service",
        "_PID": "31",
    },
}


def test_the_journal_is_read_as_exported_and_as_json() -> None:
    exported, as_json = _exported(RECORD) * 2, f"{json.dumps(RECORD)}\n".encode() * 2

    assert look_at(exported).format == "journal_export"
    assert look_at(as_json).format == "journal_json"
    assert entries_of(exported) == entries_of(as_json) == [READ] * 2


def test_binary_fields_of_the_journal_may_hold_anything() -> None:
    message = b"first\n\nMESSAGE=no\n\xff\0end"

    [entry, after] = entries_of(_exported({**RECORD, "MESSAGE": message}) + _exported(RECORD))
    [from_json] = entries_of(json.dumps({**RECORD, "MESSAGE": list(message)}))

    assert entry["message"] == from_json["message"] == "first\n\nMESSAGE=no\n\ufffd\ufffdend"
    assert after["message"] == "no route"
    assert not take_entries([entry, after], now=NOW)[1]
