"""Each format of lines: found by looking, and every part of a line in its place."""

from datetime import UTC, datetime
from typing import Any

import pytest
from lines_of_formats import CASES

from oddline.files import Block, look_at, read_entries
from oddline.submissions import take_entries

NOW = datetime(2026, 11, 5, 8, 15, tzinfo=UTC)
OTHER_DIGITS = "٠١٢٣٤５６７８９"


def entries_of(text: str | bytes, *, year_hint: datetime | None = None) -> list[dict[str, Any]]:
    data = text.encode() if isinstance(text, str) else text
    return [entry for block in blocks_of(data, year_hint=year_hint) for entry in block.entries]


def blocks_of(data: bytes, *, year_hint: datetime | None = None) -> list[Block]:
    return list(read_entries([data], now=NOW, year_hint=year_hint))


@pytest.mark.parametrize("case", CASES)
def test_a_format_is_found_by_looking_and_its_lines_are_explained(case: str) -> None:
    name, text, expected = CASES[case]

    assert look_at(text.encode()).format == name
    assert entries_of(text) == expected


@pytest.mark.parametrize("case", CASES)
def test_digits_of_other_scripts_get_into_no_time(case: str) -> None:
    _, text, _ = CASES[case]
    mangled = [text.replace(digit, other) for digit, other in zip("0123456789", OTHER_DIGITS, strict=True)]

    entries = entries_of("".join([text, *mangled]))

    assert [entry["timestamp"] for entry in entries if not entry["timestamp"].isascii()] == []


@pytest.mark.parametrize("case", CASES)
def test_every_entry_of_a_format_can_be_stored(case: str) -> None:
    _, text, expected = CASES[case]

    columns, faults = take_entries(entries_of(text), now=NOW)

    assert not faults
    assert len(columns) == len(expected)
