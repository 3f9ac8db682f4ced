"""What shippers send is read: a request of OTLP is the same entries in both forms, and any other bytes are refused."""

import base64
import json
from contextlib import nullcontext, suppress
from typing import Any

import cramjam
import pytest
from google.protobuf.json_format import ParseDict
from hypothesis import example, given, settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest

from functions.ingest.loki import snappy
from functions.ingest.loki.from_protobuf import read_entries
from functions.ingest.loki.labels import read_labels
from functions.ingest.otlp import Form, decode
from oddline.errors import BadRequest, OddlineError, TooLarge
from oddline.submissions import decode_lenient

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
NANOSECONDS = st.integers(0, 2**64 - 1).map(str)
COUNTS = st.integers(0, 2**32 - 1)


def pairs(values: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Attributes: each key once, as the protocol asks."""
    return st.dictionaries(TEXTS, values, max_size=3).map(
        lambda found: [{"key": key, "value": value} for key, value in found.items()]
    )


VALUES = st.recursive(
    st.one_of(
        st.builds(dict),
        TEXTS.map(lambda value: {"stringValue": value}),
        st.booleans().map(lambda value: {"boolValue": value}),
        st.integers(-(2**63), 2**63 - 1).map(lambda value: {"intValue": str(value)}),
        st.floats(allow_nan=False, allow_infinity=False).map(lambda value: {"doubleValue": value}),
        st.sampled_from(["NaN", "Infinity", "-Infinity"]).map(lambda value: {"doubleValue": value}),
        st.binary(max_size=4).map(lambda value: {"bytesValue": base64.b64encode(value).decode()}),
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3).map(lambda values: {"arrayValue": {"values": values}}),
        pairs(inner).map(lambda values: {"kvlistValue": {"values": values}}),
    ),
    max_leaves=6,
)
RECORDS = st.fixed_dictionaries(
    {},
    optional={
        "timeUnixNano": NANOSECONDS,
        "observedTimeUnixNano": NANOSECONDS,
        "severityNumber": st.integers(0, 30),
        "severityText": st.one_of(TEXTS, st.sampled_from(["WARN", "err", "INFO"])),
        "body": VALUES,
        "attributes": pairs(VALUES),
        "droppedAttributesCount": COUNTS,
        "flags": COUNTS,
        "traceId": st.binary(max_size=16).map(bytes.hex),
        "spanId": st.binary(min_size=8, max_size=8).map(bytes.hex),
        "eventName": TEXTS,
    },
)
SCOPES = st.fixed_dictionaries({}, optional={"name": TEXTS, "version": TEXTS, "attributes": pairs(VALUES)})
SCOPE_LOGS = st.fixed_dictionaries({"logRecords": st.lists(RECORDS, max_size=3)}, optional={"scope": SCOPES})
RESOURCES = st.fixed_dictionaries({"attributes": pairs(VALUES)})
REQUESTS = st.fixed_dictionaries(
    {
        "resourceLogs": st.lists(
            st.fixed_dictionaries({"scopeLogs": st.lists(SCOPE_LOGS, max_size=2)}, optional={"resource": RESOURCES}),
            max_size=2,
        )
    }
)


def in_protobuf(value: Any, name: str = "") -> Any:
    """As protobuf's own JSON has it: ids in base64."""
    if name in ("traceId", "spanId"):
        return base64.b64encode(bytes.fromhex(value)).decode()
    if isinstance(value, dict):
        return {inner: in_protobuf(one, inner) for inner, one in value.items()}
    return [in_protobuf(one) for one in value] if isinstance(value, list) else value


@given(document=REQUESTS)
@settings(max_examples=100, deadline=None)
def test_a_request_is_the_same_entries_in_both_forms(document: dict[str, Any]) -> None:
    message = ParseDict(in_protobuf(document), ExportLogsServiceRequest())

    from_json = decode(json.dumps(document).encode(), form=Form.JSON)
    from_protobuf = decode(message.SerializeToString(), form=Form.PROTOBUF)

    count = sum(len(scope["logRecords"]) for group in document["resourceLogs"] for scope in group["scopeLogs"])
    assert from_json == from_protobuf
    assert len(from_json.entries) == count


@pytest.mark.parametrize("read", [lambda raw: decode(raw, form=Form.PROTOBUF), lambda raw: list(read_entries(raw))])
@given(raw=st.binary(max_size=60))
@settings(max_examples=100, deadline=None)
def test_any_bytes_are_read_or_refused(read: Any, raw: bytes) -> None:
    with suppress(OddlineError):
        assert read(raw) is not None


PIECES = st.lists(st.one_of(st.binary(max_size=70), st.sampled_from([b"a" * 300, b"abcd" * 40, bytes(70_000)])))


@given(plain=PIECES.map(b"".join))
@settings(max_examples=100, deadline=None)
def test_what_another_packed_with_snappy_is_unpacked(plain: bytes) -> None:
    assert snappy.unpack(bytes(cramjam.snappy.compress_raw(plain)), limit=len(plain)) == plain


@given(packed=st.one_of(st.binary(max_size=12), st.binary(max_size=8).map(lambda raw: b"\x0a\x08abc" + raw)))
@settings(max_examples=500, deadline=None)
@example(packed=b"\x07\x08abc\x01\x03")
@example(packed=b"\x07\x08abc\x0e\x03\x00")
@example(packed=b"\x07\x08abc\x0f\x03\x00\x00\x00")
@example(packed=b"\x03\xf0\x02abc")
@example(packed=b"\x03\xfc\x02\x00\x00\x00abc")
def test_what_another_refuses_to_unpack_is_refused(packed: bytes) -> None:
    try:
        unpacked = bytes(cramjam.snappy.decompress_raw(packed)) if packed else None
    except cramjam.DecompressionError:
        unpacked = None

    with nullcontext() if unpacked is not None else pytest.raises((BadRequest, TooLarge)):
        assert snappy.unpack(packed, limit=2**20) == unpacked


def test_no_more_than_the_limit_is_unpacked() -> None:
    with pytest.raises(TooLarge):
        snappy.unpack(bytes(cramjam.snappy.compress_raw(bytes(1001))), limit=1000)


@given(labels=st.dictionaries(st.from_regex(r"[a-z_]{1,5}", fullmatch=True), TEXTS, max_size=3))
@settings(max_examples=100, deadline=None)
def test_quoted_labels_are_read_back(labels: dict[str, str]) -> None:
    quoted = ", ".join(f"{name}={json.dumps(value, ensure_ascii=False)}" for name, value in labels.items())

    assert read_labels(f"{{{quoted}}}") == labels


def test_a_document_that_is_utf_8_is_read_as_it_is_and_other_bytes_stand_for_themselves() -> None:
    assert decode_lenient('{"a": "größe \\ud800"}'.encode()) == {"a": "größe \ud800"}
    assert decode_lenient(b'{"a\xff": "\xe2\x82"}') == {"a\udcff": "\udce2\udc82"}
