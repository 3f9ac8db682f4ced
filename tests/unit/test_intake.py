"""Entries are brought into normal form, and each that cannot be is told with its index and field."""

import json
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oddline.submissions import Columns, Fault, pack, unpack
from oddline.submissions.decoding import BadLine, decode_document
from oddline.submissions.intake import (
    ATTRIBUTES_BYTES,
    ATTRIBUTES_DEPTH,
    MESSAGE_BYTES,
    NAME_CHARACTERS,
    take_entries,
)

NOW = datetime(2026, 11, 5, 12, 0, tzinfo=UTC)
FIELDS = ["message", "timestamp", "severity", "level", "source", "attributes", "trace_id", "span_id", "session", "host"]


def taken(**entry: Any) -> Columns:
    columns, faults = take_entries([entry], now=NOW)
    assert faults == []
    return columns


def refused(item: Any) -> Fault:
    columns, faults = take_entries([item], now=NOW)
    assert len(columns) == 0
    assert len(faults) == 1
    return faults[0]


def nested(levels: int) -> Any:
    value: Any = {}
    for _ in range(levels - 1):
        value = {"a": value}
    return value


def test_an_entry_with_only_a_message_gets_the_defaults() -> None:
    columns = taken(message="started")

    assert columns == Columns(
        indices=[0],
        timestamps=[int(NOW.timestamp()) * 1_000_000],
        severity_numbers=[0],
        severity_texts=["UNSPECIFIED"],
        sources=["default"],
        messages=["started"],
        attributes=[""],
        trace_ids=[""],
        span_ids=[""],
        sessions=[""],
    )


def test_null_counts_as_absent() -> None:
    nulls = dict.fromkeys(["timestamp", "severity", "source", "attributes", "trace_id", "span_id", "session"])

    assert taken(message="started", **nulls) == taken(message="started")


def test_a_full_entry_is_brought_into_normal_form() -> None:
    columns = taken(
        message="refused",
        timestamp="2026-11-05T13:00:00.000001+02:00",
        severity="warning",
        source="checkout-api",
        attributes={"host": "web-3"},
        trace_id="4BF92F3577B34DA6A3CE929D0E0E4736",
        span_id="00F067AA0BA902B7",
        session="blk_1",
    )

    assert columns.timestamps == [int(datetime(2026, 11, 5, 11, 0, tzinfo=UTC).timestamp()) * 1_000_000 + 1]
    assert (columns.severity_numbers, columns.severity_texts) == ([13], ["WARNING"])
    assert columns.sources == ["checkout-api"]
    assert columns.attributes == ['{"host":"web-3"}']
    assert columns.trace_ids == ["4bf92f3577b34da6a3ce929d0e0e4736"]
    assert columns.span_ids == ["00f067aa0ba902b7"]
    assert columns.sessions == ["blk_1"]


def test_the_good_ones_keep_their_index_beside_the_bad_ones() -> None:
    columns, faults = take_entries([{"message": "a"}, {}, {"message": "b"}, 7], now=NOW)

    assert columns.indices == [0, 2]
    assert columns.messages == ["a", "b"]
    assert [(fault.index, fault.field, fault.code) for fault in faults] == [(1, "message", "missing"), (3, "", "type")]


def test_further_fields_become_attributes() -> None:
    columns = taken(message="a", attributes={"pid": 7}, host="web-3", retries=[1, 2])

    assert json.loads(columns.attributes[0]) == {"pid": 7, "host": "web-3", "retries": [1, 2]}


def test_a_field_that_stands_beside_and_in_the_attributes_is_refused() -> None:
    fault = refused({"message": "a", "host": "web-3", "attributes": {"host": "web-4"}})

    assert (fault.field, fault.code) == ("attributes", "twice")


def test_level_is_another_name_of_severity() -> None:
    columns = taken(message="a", level="error")

    assert (columns.severity_numbers, columns.attributes) == ([17], [""])


def test_a_level_beside_a_severity_is_kept_as_an_attribute() -> None:
    columns = taken(message="a", severity="INFO", level="main")

    assert (columns.severity_numbers, columns.attributes) == ([9], ['{"level":"main"}'])


@pytest.mark.parametrize(
    ("given_severity", "number", "text"),
    [
        ("INFO", 9, "INFO"),
        ("iNfO", 9, "INFO"),
        ("Warn", 13, "WARN"),
        (" error ", 17, "ERROR"),
        ("emerg", 21, "EMERG"),
        (1, 1, "TRACE"),
        (18, 18, "ERROR"),
        (24, 24, "FATAL"),
        ("unspecified", 0, "UNSPECIFIED"),
    ],
)
def test_severities_are_names_or_numbers_of_opentelemetry(given_severity: str | int, number: int, text: str) -> None:
    columns = taken(message="a", severity=given_severity)

    assert (columns.severity_numbers, columns.severity_texts) == ([number], [text])


@pytest.mark.parametrize(
    ("severity", "code"),
    [
        ("loud", "unknown"),
        ("", "unknown"),
        (25, "unknown"),
        (-1, "unknown"),
        (True, "type"),
        (9.0, "type"),
        ([], "type"),
        ({}, "type"),
    ],
)
def test_other_severities_are_refused(severity: Any, code: str) -> None:
    fault = refused({"message": "a", "severity": severity})

    assert (fault.field, fault.code) == ("severity", code)


def test_a_wrong_level_is_told_as_level() -> None:
    assert refused({"message": "a", "level": "loud"}).field == "level"


@pytest.mark.parametrize(
    ("message", "code"),
    [
        (None, "missing"),
        (7, "type"),
        (["a"], "type"),
        ("", "blank"),
        (" \t\n", "blank"),
        ("a\0b", "nul"),
        ("a\ud800", "surrogate"),
        ("a" * (MESSAGE_BYTES + 1), "too-long"),
        ("é" * (MESSAGE_BYTES // 2) + "a", "too-long"),
    ],
    ids=str,
)
def test_messages_that_cannot_be_stored_are_refused(message: Any, code: str) -> None:
    fault = refused({"message": message})

    assert (fault.index, fault.field, fault.code) == (0, "message", code)


@pytest.mark.parametrize("message", ["a" * MESSAGE_BYTES, "é" * (MESSAGE_BYTES // 2)], ids=["ascii", "two bytes each"])
def test_a_message_of_exactly_the_limit_is_taken(message: str) -> None:
    assert taken(message=message).messages == [message]


@pytest.mark.parametrize("message", ["  indented", "multi\nline", "🙂", "a\x01b", "a\x7f"])
def test_messages_are_kept_as_they_came(message: str) -> None:
    assert taken(message=message).messages == [message]


@pytest.mark.parametrize(
    "timestamp",
    [
        "2026-11-05T11:00:00Z",
        "2026-11-05t11:00:00z",
        "2026-11-05 11:00:00.000000000Z",
        "2026-11-05T11:00:00.0+00:00",
        "2026-11-05T16:30:00+05:30",
        "2026-11-05T06:00:00-05:00",
    ],
)
def test_a_timestamp_is_any_form_of_rfc_3339(timestamp: str) -> None:
    expected = int(datetime(2026, 11, 5, 11, 0, tzinfo=UTC).timestamp()) * 1_000_000

    assert taken(message="a", timestamp=timestamp).timestamps == [expected]


def test_a_timestamp_is_cut_to_microseconds() -> None:
    assert taken(message="a", timestamp="2026-11-05T11:00:00.123456789Z").timestamps[0] % 1_000_000 == 123_456


@pytest.mark.parametrize(
    ("timestamp", "code"),
    [
        ("0001-01-01T00:00:00Z", "out-of-range"),
        ("0001-01-01T00:00:00+23:59", "out-of-range"),
        ("1989-12-31T23:59:59.999999Z", "out-of-range"),
        ((NOW + timedelta(days=1, microseconds=1)).isoformat(), "out-of-range"),
        ("9999-12-31T23:59:59Z", "out-of-range"),
        ("9999-12-31T23:59:59-23:59", "out-of-range"),
        ("2026-11-05T11:00:00", "no-zone"),
        ("2026-11-05", "format"),
        ("20261105T110000Z", "format"),
        ("2026-W45-4T11:00:00Z", "format"),
        ("2026-11-05T24:00:00Z", "format"),
        ("2026-02-30T11:00:00Z", "format"),
        ("2026-11-05T11:00:00+24:00", "format"),
        ("٢٠٢٦-11-05T11:00:00Z", "format"),
        ("2026-11-05T11:00:00Z\n", "format"),
        ("\ud800", "format"),
        ("yesterday", "format"),
        ("", "format"),
        (1_762_340_400, "type"),
        (True, "type"),
        ({}, "type"),
    ],
)
def test_other_timestamps_are_refused(timestamp: Any, code: str) -> None:
    fault = refused({"message": "a", "timestamp": timestamp})

    assert (fault.field, fault.code) == ("timestamp", code)
    fault.detail.encode()


@pytest.mark.parametrize("timestamp", ["1990-01-01T00:00:00Z", (NOW + timedelta(days=1)).isoformat()])
def test_the_first_and_the_last_possible_time_are_taken(timestamp: str) -> None:
    assert len(taken(message="a", timestamp=timestamp)) == 1


@pytest.mark.parametrize("field", ["source", "session"])
@pytest.mark.parametrize(
    ("value", "code"),
    [("", "blank"), ("  ", "blank"), ("a" * (NAME_CHARACTERS + 1), "too-long"), ("a\0", "nul"), ("\udfff", "surrogate"),
     (7, "type"), ([], "type")],
    ids=str,
)  # fmt: skip
def test_sources_and_sessions_that_cannot_be_stored_are_refused(field: str, value: Any, code: str) -> None:
    fault = refused({"message": "a", field: value})

    assert (fault.field, fault.code) == (field, code)


def test_a_source_of_exactly_the_limit_is_taken() -> None:
    assert taken(message="a", source="é" * NAME_CHARACTERS).sources == ["é" * NAME_CHARACTERS]


@pytest.mark.parametrize(("field", "digits"), [("trace_id", 32), ("span_id", 16)])
def test_trace_and_span_ids_are_hexadecimal_digits(field: str, digits: int) -> None:
    for wrong in ("a" * (digits - 1), "a" * (digits + 1), "g" * digits, "", "a" * (digits - 1) + "\n", "١" * digits):
        fault = refused({"message": "a", field: wrong})
        assert (fault.field, fault.code) == (field, "format")
    assert refused({"message": "a", field: 7}).code == "type"


@pytest.mark.parametrize(
    ("attributes", "code"),
    [
        ([], "type"),
        ("text", "type"),
        (7, "type"),
        ({"a": "b" * ATTRIBUTES_BYTES}, "too-long"),
        (nested(ATTRIBUTES_DEPTH + 1), "too-deep"),
        (nested(500), "too-deep"),
        ({"a": [{"b": "\ud800"}]}, "surrogate"),
        ({"\ud800": 1}, "surrogate"),
        ({"a": "\0"}, "nul"),
        ({"a": "\\\0"}, "nul"),
        ({"\0": 1}, "nul"),
    ],
    ids=lambda value: str(value)[:30],
)
def test_attributes_that_cannot_be_stored_are_refused(attributes: Any, code: str) -> None:
    fault = refused({"message": "a", "attributes": attributes})

    assert (fault.field, fault.code) == ("attributes", code)


def test_attributes_within_the_limits_are_taken() -> None:
    columns = taken(message="a", attributes={"deep": nested(ATTRIBUTES_DEPTH - 1), "escaped": "\\u0000"})

    assert json.loads(columns.attributes[0])["escaped"] == "\\u0000"


@pytest.mark.parametrize("item", [None, True, 7, "text", [], [{"message": "a"}]])
def test_an_entry_that_is_no_object_is_refused(item: Any) -> None:
    fault = refused(item)

    assert (fault.field, fault.code) == ("", "type")


def test_a_line_that_is_no_json_is_refused_with_its_reason() -> None:
    fault = refused(BadLine("the line is no JSON"))

    assert (fault.field, fault.code, fault.detail) == ("", "syntax", "the line is no JSON")


SCALARS = (
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False, allow_infinity=False)
    | st.text() | st.text(st.characters(min_codepoint=0xD7FF, max_codepoint=0xE000, exclude_categories=[]))
)  # fmt: skip
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner, max_size=3),
    max_leaves=9,
)
ENTRIES = st.dictionaries(st.sampled_from(FIELDS), VALUES, max_size=8) | VALUES


@given(st.lists(ENTRIES, max_size=8))
def test_every_item_is_either_taken_or_refused_and_what_is_taken_can_be_stored(items: list[Any]) -> None:
    items = decode_document(json.dumps(items).encode())

    columns, faults = take_entries(items, now=NOW)

    assert sorted(columns.indices + [fault.index for fault in faults]) == list(range(len(items)))
    json.dumps([fault.view() for fault in faults], ensure_ascii=False).encode()
    if columns:
        assert unpack(pack(columns)) == columns
        stored = "".join(columns.messages + columns.sources + columns.sessions + columns.attributes)
        assert "\0" not in stored


def test_a_large_entry_is_not_quoted_and_costs_a_fault_nothing() -> None:
    large = {"message": "x", "timestamp": "yesterday", "attributes": {"a": "password=hunter2 " * 60_000}}
    small = {"message": "x", "timestamp": "yesterday"}

    begun = time.process_time()
    _, faults = take_entries([large] * 300 + [small], now=NOW)
    took = time.process_time() - begun

    assert {fault.code for fault in faults} == {"format"}
    assert ["yesterday" in fault.detail for fault in faults] == [False] * 300 + [True]
    assert took < 10  # looked through whole: 45 s


def test_what_a_fault_tells_is_short() -> None:
    long = "2026-11-05T08:15:30." + "1" * 100_000 + "+99:99"

    assert len(refused({"message": "a", "timestamp": long}).detail) <= 400
    assert len(refused(BadLine("x" * 1_000)).detail) <= 400
