"""What programs write that keep to no usual format: its time, its level and its entries are found all the same."""

from datetime import UTC, datetime
from time import process_time
from typing import Any

import pytest
from lines_of_more_programs import LINES

from oddline.files import look_at, read_entries
from oddline.submissions import take_entries

NOW = datetime(2026, 10, 14, tzinfo=UTC)


def entries_of(data: bytes, *, pieces: int = 1 << 20, after: int = 0) -> list[dict[str, Any]]:
    cut = [data[at : at + pieces] for at in range(0, len(data), pieces)]
    return [entry for block in read_entries(cut, now=NOW, after=after) for entry in block.entries]


@pytest.mark.parametrize("program", LINES)
def test_times_levels_and_messages_are_found(program: str) -> None:
    text, name, expected = LINES[program]

    entries = entries_of(text.encode())
    found = [(entry["timestamp"], entry.get("severity")) for entry in entries]
    beginnings = [entry["message"][: len(begin)] for entry, (_, _, begin) in zip(entries, expected, strict=False)]

    assert look_at(text.encode()).format == name
    assert found == [(time, severity) for time, severity, _ in expected]
    assert beginnings == [begin for _, _, begin in expected]


@pytest.mark.parametrize("program", LINES)
def test_they_can_be_stored_and_pieces_change_nothing(program: str) -> None:
    data = LINES[program][0].encode()

    entries = entries_of(data)
    _, faults = take_entries([dict(entry) for entry in entries], now=NOW)

    assert not faults
    assert entries_of(data, pieces=7) == entries


@pytest.mark.parametrize("encoding", ["utf-16", "utf-8-sig"])
def test_marked_encodings_change_nothing(encoding: str) -> None:
    for program in ("Windows' events as CSV", "IIS", "Tomcat", "lines that end as on the first Macs"):
        text, _, _ = LINES[program]

        assert entries_of(text.encode(encoding)) == entries_of(text.encode())


def test_a_date_that_a_message_tells_of_is_not_its_time() -> None:
    lines = [f"order {number} of customer {number}" for number in range(20)]
    lines[3] = "the invoice of 2026-09-01 10:00:00 was paid"

    entries = entries_of("\n".join(lines).encode())

    assert [entry["message"] for entry in entries] == lines
    assert {entry["timestamp"] for entry in entries} == {NOW.isoformat(timespec="microseconds")}


def test_what_stands_beside_a_message_that_is_further_in_is_kept() -> None:
    [entry] = entries_of(b'{"jsonPayload":{"message":"hello","user":"ann"},"timestamp":"2026-10-11T22:14:15Z"}\n')

    assert entry["message"] == "hello"
    assert entry["attributes"] == {"jsonPayload": {"message": "hello", "user": "ann"}}


@pytest.mark.parametrize("sign", ["(", "a(", "a.", "a=", "\x1b[", "[", "1", "a b=", "#1 ", "2026-10-11 "])
def test_no_line_takes_long_to_read_however_it_is_made(sign: str) -> None:
    lines = ["first", (sign * 200_000)[:200_000], "goroutine 1 [running]:", (sign * 200_000)[:200_000], "last"]

    began = process_time()
    entries = entries_of("\n".join(lines).encode())

    assert entries
    assert process_time() - began < 5  # what grows with the square takes minutes
