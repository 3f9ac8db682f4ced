"""A small request whose entries share much is refused before it is large, and what is refused costs little to tell."""

import gzip
import json
import time
import tracemalloc
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from typing import Any

import cramjam
import pytest

from functions.ingest import loki, otlp, submitting
from functions.ingest.shipping import MOST_BYTES, PART_BYTES, Read, Shipment
from functions.ingest.submitting import LARGE_BYTES, Turn
from oddline.errors import TooLarge
from oddline.submissions import ATTRIBUTES_BYTES, BadLine, take_entries, unpack_body

NOW = datetime(2026, 11, 5, 12, 0, tzinfo=UTC)
AT = "1762330530123456789"
JSON, PROTOBUF = "application/json", "application/x-protobuf"

Decode = Callable[[str, int], Shipment]


def varint(number: int) -> bytes:
    return bytes([number]) if number < 0x80 else bytes([number & 0x7F | 0x80]) + varint(number >> 7)


def field(number: int, value: bytes) -> bytes:
    """A field of a protobuf message."""
    return bytes([number << 3 | 2]) + varint(len(value)) + value


def otlp_json(shared: str, records: int) -> Shipment:
    attributes = [{"key": "k", "value": {"stringValue": shared}}]
    record = {"timeUnixNano": AT, "body": {"stringValue": "x"}}
    group = {"resource": {"attributes": attributes}, "scopeLogs": [{"logRecords": [record] * records}]}
    return otlp.decode(json.dumps({"resourceLogs": [group]}).encode(), form=otlp.Form.JSON)


def otlp_protobuf(shared: str, records: int) -> Shipment:
    pair = field(1, b"k") + field(2, field(1, shared.encode()))
    scope_logs = field(2, field(5, field(1, b"x"))) * records
    body = field(1, field(1, field(1, pair)) + field(2, scope_logs))
    return otlp.decode(body, form=otlp.Form.PROTOBUF)


def loki_json(shared: str, lines: int) -> Shipment:
    stream = {"stream": {"k": shared}, "values": [[AT, "x"]] * lines}
    return loki.decode(json.dumps({"streams": [stream]}).encode(), content_type=JSON)


def loki_protobuf(shared: str, lines: int) -> Shipment:
    body = field(1, field(1, f'{{k="{shared}"}}'.encode()) + field(2, field(2, b"x")) * lines)
    return loki.decode(body, content_type=PROTOBUF)


@pytest.fixture(params=[otlp_json, otlp_protobuf, loki_json, loki_protobuf])
def decode(request: pytest.FixtureRequest) -> Decode:
    """Reads a request of entries that share a text, by each protocol and form."""
    read: Decode = request.param
    return read


def test_what_entries_share_counts_in_each_of_them(decode: Decode) -> None:
    one, many = decode("s" * 40_000, 1), decode("s" * 40_000, 100)

    assert many.size == 100 * one.size
    assert 40_000 < one.size < 40_100
    with pytest.raises(TooLarge, match="with what they share"):
        decode("s" * 40_000, MOST_BYTES // 40_000 + 1)


def test_what_entries_share_is_held_once_while_they_are_read(decode: Decode) -> None:
    tracemalloc.start()

    shipment = decode("s" * 40_000, 800)

    held, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert shipment.size > 32_000_000
    assert held < 2_000_000


def test_bytes_that_cannot_be_stored_do_not_make_copies_of_what_is_shared() -> None:
    tracemalloc.start()

    stream = {"stream": {"k": "s" * 40_000}, "values": [[AT, "x\0"]] * 800}
    shipment = loki.decode(json.dumps({"streams": [stream]}).encode(), content_type=JSON)

    held, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert held < 2_000_000
    assert shipment.entries[0]["attributes"]["replaced_characters"] == 1


def test_parts_end_by_bytes_as_well() -> None:
    shipment = Shipment()
    for number in range(5):
        shipment.add(Read({"message": str(number)}, size=PART_BYTES // 2 - 1))

    parts = list(shipment.parts())

    assert [(start, len(entries)) for start, entries in parts] == [(0, 2), (2, 2), (4, 1)]
    assert [entry["message"] for _, entries in parts for entry in entries] == list("01234")


def test_what_is_shared_and_too_large_is_looked_at_once_and_refuses_its_entries_alone(decode: Decode) -> None:
    secret = "password=hunter2 " * 8_000  # 136,000 bytes
    assert len(secret) > ATTRIBUTES_BYTES

    begun = time.process_time()
    shipment = decode(secret, 20_000)
    columns, faults = take_entries(shipment.entries, now=NOW)
    took = time.process_time() - begun

    assert (len(columns), len(faults)) == (0, 20_000)
    assert "hunter2" not in str(faults)
    assert str(ATTRIBUTES_BYTES) in faults[0].detail
    assert all(isinstance(entry, BadLine) for entry in shipment.entries)
    assert took < 10  # each looked through on its own: 400 s


@pytest.mark.parametrize(
    "bomb",
    [
        partial(otlp.decode, field(1, field(2, b"\x12\x00" * 4_000_000)), form=otlp.Form.PROTOBUF),
        partial(loki.decode, field(1, field(1, b"{}") + b"\x12\x00" * 4_000_000), content_type=PROTOBUF),
        partial(loki.decode, b"\x0a\x00" * 4_000_000, content_type=PROTOBUF),
    ],
    ids=["records", "lines", "streams"],
)
def test_millions_of_empty_messages_are_counted_before_they_are_read(bomb: Any) -> None:
    with pytest.raises(TooLarge, match="100000 messages"):
        bomb()


def test_a_body_is_large_by_what_it_is_unpacked(monkeypatch: pytest.MonkeyPatch) -> None:
    held = submitting.BoundedSemaphore(1)
    monkeypatch.setattr(submitting, "_large_turn", held)

    def is_large(body: bytes, unpack: Any, *, size: int) -> bool:
        with Turn() as turn:
            assert len(turn.unpack(body, unpack)) == size
            is_free = held.acquire(blocking=False)
            if is_free:
                held.release()
            return not is_free

    small, large = b"x" * LARGE_BYTES, b"x" * (LARGE_BYTES + 1)
    zipped = partial(unpack_body, content_encoding="gzip")
    snappy = partial(loki.unpack, content_type=PROTOBUF, content_encoding="snappy")
    assert not is_large(gzip.compress(small), zipped, size=len(small))
    assert is_large(gzip.compress(large), zipped, size=len(large))
    assert not is_large(bytes(cramjam.snappy.compress_raw(small)), snappy, size=len(small))
    assert is_large(bytes(cramjam.snappy.compress_raw(large)), snappy, size=len(large))
    assert held.acquire(blocking=False)


def test_a_small_body_waits_too_once_its_entries_are_large(monkeypatch: pytest.MonkeyPatch) -> None:
    held = submitting.BoundedSemaphore(1)
    monkeypatch.setattr(submitting, "_large_turn", held)

    with Turn() as turn:
        turn.wait(size=LARGE_BYTES)
        assert held.acquire(blocking=False)
        held.release()
        turn.wait(size=LARGE_BYTES + 1)
        turn.wait(size=LARGE_BYTES + 1)
        assert not held.acquire(blocking=False)

    assert held.acquire(blocking=False)
