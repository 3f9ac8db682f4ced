"""A request is read within its limits, whatever bytes come."""

import gzip
import io
import json
from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from oddline.errors import BadRequest, InvalidEntries, OddlineError, TooLarge, UnsupportedEncoding
from oddline.submissions.decoding import LIMITS, BadLine, decode_batch, decode_document, decode_single, unpack_body

JSON = "application/json"
NDJSON = "application/x-ndjson"


def batch(body: bytes, content_type: str = JSON) -> list[Any]:
    return decode_batch(body, content_type=content_type)


@pytest.mark.parametrize("name", ["entries", "logs", "log_entries"])
def test_a_batch_is_an_array_or_an_object_that_holds_one(name: str) -> None:
    entries = [{"message": "a"}, {"message": "b"}]

    assert batch(json.dumps(entries).encode()) == entries
    assert batch(json.dumps({name: entries}).encode()) == entries


@pytest.mark.parametrize("body", [b"1", b'"text"', b"null", b"{}", b'{"entries": 1}', b'{"entries": [], "logs": []}'])
def test_what_is_no_batch_is_refused(body: bytes) -> None:
    with pytest.raises(BadRequest) as refusal:
        batch(body)

    assert refusal.value.extra["field"] == "entries"


def test_an_object_with_a_message_is_a_batch_of_one() -> None:
    assert batch(b'{"message": "a"}\r\n') == [{"message": "a"}]


@pytest.mark.parametrize("content_type", ["application/json", "text/plain", ""])
def test_ndjson_is_known_by_whatever_type_it_comes(content_type: str) -> None:
    """Fluent Bit sends its `json_lines` as application/json."""
    body = b'\xef\xbb\xbf{"message": "a"}\r\n\r\n{"message"\n{"message": "\\ud800"}\r\n'

    entries = batch(body, content_type)

    assert [entries[0], type(entries[1]), entries[2]] == [{"message": "a"}, BadLine, {"message": "\ud800"}]


@pytest.mark.parametrize(
    "body", [b'{\n"message": "a"\n', b'["a"]\n{"message": "a"}', b'{"message": "a"} {"message": "b"}', b'{"a": 1} x']
)
def test_what_only_begins_like_ndjson_is_broken_json(body: bytes) -> None:
    with pytest.raises(BadRequest, match="no JSON"):
        batch(body)


def test_a_batch_without_entries_is_refused() -> None:
    with pytest.raises(InvalidEntries):
        batch(b"[]")


@pytest.mark.parametrize("body", [b"[]", b"1", b"null", b'"text"'])
def test_a_single_entry_is_an_object(body: bytes) -> None:
    with pytest.raises(BadRequest) as refusal:
        decode_single(body, content_type=JSON)

    assert refusal.value.extra == {"field": "body", "index": 0}


def test_each_line_of_ndjson_is_an_entry_and_blank_lines_are_not_counted() -> None:
    body = b'\n{"message": "a"}\r\n   \n\n{"message": "b"}\n'

    assert batch(body, NDJSON) == [{"message": "a"}, {"message": "b"}]


@pytest.mark.parametrize("line", [b"{", b"plain text", b"NaN", b'"\xff"', b"[" * 10_000])
def test_a_line_of_ndjson_that_is_no_json_spoils_only_itself(line: bytes) -> None:
    entries = batch(b'{"message": "a"}\n' + line + b'\n{"message": "b"}', NDJSON)

    assert [type(entry) for entry in entries] == [dict, BadLine, dict]
    assert entries[1].detail


def test_as_many_entries_as_the_limit_are_taken_and_one_more_is_not() -> None:
    full = [{"message": "a"}] * LIMITS.entries
    lines = b'{"message": "a"}\n' * LIMITS.entries

    assert len(batch(json.dumps(full).encode())) == LIMITS.entries
    assert len(batch(lines, NDJSON)) == LIMITS.entries
    for body, content_type in [(json.dumps([*full, 1]).encode(), JSON), (lines + b"1", NDJSON)]:
        with pytest.raises(TooLarge) as refusal:
            batch(body, content_type)
        assert refusal.value.extra["limit"] == LIMITS.entries
        assert refusal.value.extra["index"] == LIMITS.entries


@pytest.mark.parametrize("opening", [b"[", b'{"a":', b'[{"a":'])
def test_json_nested_ten_thousand_deep_is_refused(opening: bytes) -> None:
    with pytest.raises(BadRequest, match="too deeply"):
        batch(opening * 10_000)


def test_json_nested_too_deeply_behind_a_lone_surrogate_crashes_nothing() -> None:
    body = b'["\\ud800", ' + b"[" * 10_000 + b"]" * 10_000 + b"]"

    with suppress(BadRequest):  # from Python 3.14 on it is read, and the entry refused
        assert len(batch(body)) == 2


@pytest.mark.parametrize("number", [b"NaN", b"Infinity", b"-Infinity", b"1e999", b"-1e999", b"9" * 5_000])
@pytest.mark.parametrize("beside", [b"", b'"\\ud800", '], ids=["plain", "beside a surrogate"])
def test_what_no_double_can_hold_is_refused(number: bytes, beside: bytes) -> None:
    with pytest.raises(BadRequest):
        batch(b'[{"message": "a", "n": [' + beside + number + b"]}]")


def test_invalid_utf_8_is_refused_with_its_position() -> None:
    with pytest.raises(BadRequest, match="byte 14") as refusal:
        batch(b'[{"message": "\xff"}]')

    assert refusal.value.extra["position"] == 14


def test_a_syntax_error_is_refused_with_its_place() -> None:
    with pytest.raises(BadRequest, match="line 2, column 1"):
        batch(b'[{"message": "a"},\n]')


def test_lone_surrogates_are_read_since_only_their_entry_pays_for_them() -> None:
    assert batch(b'[{"message": "\\ud800"}, {"message": "b"}]') == [{"message": "\ud800"}, {"message": "b"}]


@pytest.mark.parametrize(
    "number", ["0", "-1", str(2**63), str(2**64 - 1), str(2**64), str(-(2**63)), str(-(2**64)), "1.5"]
)
def test_a_surrogate_elsewhere_changes_no_number(number: str) -> None:
    plain = decode_document(f"[{number}]".encode())
    beside = decode_document(f'[{number}, "\\ud800"]'.encode())

    assert plain[0] == beside[0]
    assert type(plain[0]) is type(beside[0])


def test_a_byte_order_mark_is_skipped() -> None:
    assert batch(b'\xef\xbb\xbf[{"message": "a"}]') == [{"message": "a"}]


@pytest.mark.parametrize("content_type", ["", JSON, "application/json; charset=UTF-8", "application/vnd.api+json"])
def test_the_usual_content_types_are_json(content_type: str) -> None:
    assert batch(b'[{"message": "a"}]', content_type) == [{"message": "a"}]


@pytest.mark.parametrize("content_type", ["application/xml", "application/json; charset=latin1", "multipart/form-data"])
def test_other_content_types_are_refused(content_type: str) -> None:
    with pytest.raises(UnsupportedEncoding):
        batch(b'[{"message": "a"}]', content_type)


def test_ndjson_is_refused_for_a_single_entry() -> None:
    with pytest.raises(UnsupportedEncoding):
        decode_single(b'{"message": "a"}', content_type=NDJSON)


@pytest.mark.parametrize("body", [b"", b" \n\t"])
def test_an_empty_body_is_refused(body: bytes) -> None:
    with pytest.raises(BadRequest, match="empty"):
        unpack_body(body, content_encoding="")
    with pytest.raises(BadRequest, match="empty"):
        unpack_body(gzip.compress(body), content_encoding="gzip")


@pytest.mark.parametrize("encoding", ["gzip", "x-gzip", " GZIP "])
def test_gzip_is_unpacked_with_all_its_members(encoding: str) -> None:
    assert unpack_body(gzip.compress(b"[1,") + gzip.compress(b"2]"), content_encoding=encoding) == b"[1,2]"


@pytest.mark.parametrize(
    "packed",
    [
        pytest.param(gzip.compress(b"[1]" * 1000)[:-1], id="cut off in its length"),
        pytest.param(gzip.compress(b"[1]" * 1000)[:-9], id="cut off in its data"),
        pytest.param(gzip.compress(b"[1]")[:-8] + b"\0" * 8, id="with a wrong checksum"),
        pytest.param(gzip.compress(b"[1]") + b"garbage", id="with garbage behind it"),
        pytest.param(b"[1]", id="not packed at all"),
        pytest.param(b"\x1f\x8b\x08\x00", id="only its head"),
    ],
)
def test_a_broken_gzip_stream_is_refused(packed: bytes) -> None:
    with pytest.raises(BadRequest, match="gzip"):
        unpack_body(packed, content_encoding="gzip")


@pytest.mark.parametrize("encoding", ["br", "gzip, gzip", "snappy"])
def test_other_encodings_are_refused(encoding: str) -> None:
    with pytest.raises(UnsupportedEncoding):
        unpack_body(b"x", content_encoding=encoding)


def test_a_gzip_bomb_is_refused_without_being_unpacked() -> None:
    packed = io.BytesIO()
    with gzip.GzipFile(fileobj=packed, mode="wb", compresslevel=1) as stream:
        for _ in range(64):
            stream.write(bytes(1024 * 1024))

    with pytest.raises(TooLarge) as refusal:
        unpack_body(packed.getvalue(), content_encoding="gzip")

    assert refusal.value.extra["limit"] == LIMITS.unpacked_bytes


def test_exactly_the_limit_is_unpacked() -> None:
    limits = replace(LIMITS, unpacked_bytes=1000)

    assert len(unpack_body(gzip.compress(b"1" * 1000), content_encoding="gzip", limits=limits)) == 1000
    with pytest.raises(TooLarge):
        unpack_body(gzip.compress(b"1" * 1001), content_encoding="gzip", limits=limits)


def test_a_body_over_the_limit_on_the_wire_is_refused_and_pointed_to_files() -> None:
    with pytest.raises(TooLarge, match="/api/v1/files"):
        unpack_body(b"1" * (LIMITS.wire_bytes + 1), content_encoding="")


def test_a_body_with_more_values_than_memory_is_meant_for_is_refused() -> None:
    with pytest.raises(TooLarge, match="JSON values"):
        batch(b"[" + b"[]," * LIMITS.values + b"0]")


@given(st.binary(), st.sampled_from(["", "gzip", "deflate"]), st.sampled_from([JSON, NDJSON, "text/xml"]))
@example(b"\xef\xbb\xbf", "", JSON)
@example(b'{"entries": "\\ud800"}', "", JSON)
def test_no_bytes_raise_anything_but_our_own_errors(raw: bytes, encoding: str, content_type: str) -> None:
    for decode in (decode_batch, decode_single):
        with suppress(OddlineError):
            assert decode(unpack_body(raw, content_encoding=encoding), content_type=content_type)
