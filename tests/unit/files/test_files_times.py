"""Plain text gives up its times and levels in whatever usual form they stand."""

import json
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from oddline.files import look_at, read_entries

NOW = datetime(2026, 11, 5, 8, 15, tzinfo=UTC)
MOMENT = "2026-10-11T08:15:30"


def entry_of(line: str) -> dict[str, Any]:
    [block] = read_entries([line.encode()], now=NOW)
    [entry] = block.entries
    return entry


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("2026-10-11T08:15:30Z", "Z"),
        ("2026-10-11T08:15:30.123456789+02:00", ".123456789+02:00"),
        ("2026-10-11 08:15:30,123", ".123Z"),
        ("2026-10-11 08:15:30.5 +0530", ".5+05:30"),
        ("2026-10-11 08:15:30 UTC", "Z"),
        ("2026-10-11 08:15:30 CEST", "+02:00"),
        ("2026-10-11 08:15:30 IST", "+05:30"),
        ("[2026-10-11 08:15:30]", "Z"),
        ("2026/10/11 08:15:30", "Z"),
        ("26/10/11 08:15:30", "Z"),
        ("261011 081530", "Z"),
        ("20261011T081530Z", "Z"),
        ("20261011-8:15:30:7", ".007Z"),
        ("Oct 11 08:15:30", "Z"),
        ("Oct 11 08:15:30.123", ".123Z"),
        ("[Sun Oct 11 08:15:30 2026]", "Z"),
        ("Sun Oct 11 08:15:30 UTC 2026", "Z"),
        ("Sun Oct 11 08:15:30 AM CEST 2026:", "+02:00"),
        ("[Sun Oct 11 08:15:30 -0300 2026]", "-03:00"),
        ("Sun Oct 11 2026 08:15:30 GMT+0200 (Central European Summer Time)", "+02:00"),
        ("[Sun Oct 11 2026 08:15:30 GMT-0700 (PDT)]", "-07:00"),
        ("11/Oct/2026:08:15:30 -0700", "-07:00"),
        ("Sun, 11 Oct 2026 08:15:30 +0000", "+00:00"),
        ("10-11 08:15:30.123", ".123Z"),
        ("[10.11 08:15:30]", "Z"),
        ("11.10.2026 08:15:30", "Z"),
        ("1791706530", "Z"),
        ("1791706530.25", ".25Z"),
        ("1791706530123", ".123Z"),
        ("1791706530123456", ".123456Z"),
    ],
)
def test_a_time_at_the_beginning_is_read_whatever_its_form(written: str, read: str) -> None:
    entry = entry_of(f"{written} the third attempt worked")

    assert entry["timestamp"] == MOMENT + read
    assert entry["message"].endswith("third attempt worked")  # syslog has a host in front


@pytest.mark.parametrize(
    "time", ["2026-10-11T08:15:3٠Z", "10/11/2026 08:15:3０", "1791706530.٢٥", "2026-10-11 08:15:30+0٢:00"]
)
def test_digits_of_other_scripts_make_no_time_of_a_document(time: str) -> None:
    line = json.dumps({"message": "odd", "time": time}, ensure_ascii=False)

    entry = entry_of(f"{line}\n")

    assert entry["attributes"] == {"time": time, "timestamp_guessed": True}


SHORT_DAYS = [
    ("26/10/21", "2026-10-21"),
    ("21/10/26", "2026-10-21"),
    ("10/21/26", "2026-10-21"),
    ("10/11/26", "2026-10-11"),
    ("17/06/09", "2017-06-09"),
    ("25/12/25", "2025-12-25"),
]


@pytest.mark.parametrize(("day", "read"), SHORT_DAYS)
def test_a_short_year_stands_where_the_time_lies_nearest_before_the_file_s_own(day: str, read: str) -> None:
    lines = "".join(f"{day} 08:15:{second} ERROR {{}}b\n" for second in range(10, 40))

    for format_, data in (("text", lines.format(*[""] * 30)), ("log4j", lines.format(*["a.B: "] * 30))):
        [block] = read_entries([data.encode()], now=NOW)

        assert look_at(data.encode()).format == format_
        assert [entry["message"] for entry in block.entries] == ["b"] * 30
        assert [entry["timestamp"] for entry in block.entries] == [f"{read}T08:15:{at}Z" for at in range(10, 40)]


def test_where_a_short_year_stands_is_told_by_the_lines_that_can_be_read_in_one_way_alone() -> None:
    lines = "".join(f"{day}/10/26 08:15:30 INFO a\n" for day in ("10", "11", "13", "11"))

    [block] = read_entries([lines.encode()], now=NOW)

    assert [entry["timestamp"][:10] for entry in block.entries] == [
        "2026-10-10", "2026-10-11", "2026-10-13", "2026-10-11",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("line", "severity", "message"),
    [
        ("2026-10-11 08:15:30 ERROR no route", "ERROR", "no route"),
        ("2026-10-11 08:15:30 [warn] no route", "WARN", "no route"),
        ("2026-10-11 08:15:30 - shop - CRITICAL - no route", "CRITICAL", "shop - CRITICAL - no route"),
        ("2026-10-11 08:15:30 | debug | no route", "DEBUG", "no route"),
        ("[2026-10-11 08:15:30] production.NOTICE: no route", "NOTICE", "production.NOTICE: no route"),
        ("INFO 2026-10-11 08:15:30: no route", "INFO", "no route"),
        ("[FATAL] [2026-10-11 08:15:30] no route", "FATAL", "no route"),
        ("2026-10-11 08:15:30 Error opening a file", None, "Error opening a file"),
        ("2026-10-11 08:15:30 level=warn no route", "WARN", "level=warn no route"),
        ("WARNING:root:no route", "WARN", "WARNING:root:no route"),
        ("error: no route", "ERROR", "error: no route"),
        ("all of it went well, with no ERRORS", None, "all of it went well, with no ERRORS"),
    ],
)
def test_a_level_is_found_in_its_usual_places(line: str, severity: str | None, message: str) -> None:
    entry = entry_of(line)

    assert entry.get("severity") == severity
    assert entry["message"] == message


@pytest.mark.parametrize(
    "line",
    [
        "2026-13-11 08:15:30 no month",
        "2026-02-30 08:15:30 no day",
        "2026-10-11 25:15:30 no hour",
        "2099-10-11 08:15:30 not yet",
        "1971-10-11 08:15:30 too long ago",
        "Oct 41 08:15:30 no day",
        "Xyz 11 08:15:30 no month",
        "1999999999999999999999 no time",
        "2026-10-11 08:15:3٠ no digit",
        "2026-10-11T08:15:３０Z no digits",
        "Sun Oct 11 08:15:3٠ 2026 no digit",
        "20261011T08153٠Z no digit",
        "179170653٠ no digit",
    ],
)
def test_what_is_no_time_that_an_entry_may_have_stays_in_its_message(line: str) -> None:
    entry = entry_of(line)

    assert entry["message"] == line
    assert entry["attributes"]["timestamp_guessed"]


@pytest.mark.parametrize(
    ("zone", "put", "hour", "read"),
    [
        ("America/Los_Angeles", "2026-10-11T02:00Z", "01:00:00", "2026-10-10T01:00:00-07:00"),
        ("America/Los_Angeles", "2026-10-11T02:00Z", "18:59:59", "2026-10-10T18:59:59-07:00"),
        ("America/Los_Angeles", "2026-10-11T02:00Z", "20:00:00", "2026-10-09T20:00:00-07:00"),
        ("Asia/Tokyo", "2026-10-10T20:00Z", "04:30:00", "2026-10-11T04:30:00+09:00"),
        ("Asia/Tokyo", "2026-10-10T20:00Z", "06:00:00", "2026-10-10T06:00:00+09:00"),
    ],
)
def test_an_hour_alone_is_of_the_last_day_on_which_it_was_in_the_file_s_zone(
    zone: str, put: str, hour: str, read: str
) -> None:
    hint = datetime.fromisoformat(put)

    [block] = read_entries([f"{hour} INFO a\n".encode()], now=NOW, year_hint=hint, zone=ZoneInfo(zone))

    assert [entry["timestamp"] for entry in block.entries] == [read]


def test_lines_of_two_forms_in_one_file_are_both_read() -> None:
    lines = "2026-10-11 08:15:30 a\n[Sun Oct 11 08:15:31 2026] b\n" * 20

    [block] = read_entries([lines.encode()], now=NOW)

    assert look_at(lines.encode()).format == "text"
    assert [entry["message"] for entry in block.entries] == ["a", "b"] * 20
    assert block.entries[1]["timestamp"] == "2026-10-11T08:15:31Z"
