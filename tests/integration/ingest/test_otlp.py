"""OTLP/HTTP: each part of a log record finds its place, and each answer has the protocol's own form."""

import base64
import gzip
import json
import zlib
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import orjson
import pytest
import zstandard
from google.protobuf.json_format import MessageToDict, ParseDict
from google.rpc import error_details_pb2, status_pb2  # noqa: F401  # the details are looked up by name
from ingesting import Stored
from movable_clock import MovableClock
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest, ExportLogsServiceResponse
from starlette.testclient import TestClient

from functions.http import Parts, new_app
from functions.ingest.app import router
from oddline.database import Database
from oddline.identity import NewKey
from oddline.limits import open_limiter
from oddline.settings import Side

pytestmark = pytest.mark.usefixtures("emptied_inbox")

PATH = "/v1/logs"
PROTOBUF, JSON = "application/x-protobuf", "application/json"
TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
AT, OBSERVED = 1_762_330_530_123_456_789, 1_762_330_531_000_000_000
AT_US = AT // 1000

Read = Callable[[], list[Stored]]


@pytest.fixture
def database_urls(module_database_urls: dict[Side, str]) -> dict[Side, str]:
    """One database for all cases."""
    return module_database_urls


@pytest.fixture(params=[PROTOBUF, JSON])
def form(request: pytest.FixtureRequest) -> str:
    """Each of the protocol's forms."""
    return str(request.param)


@pytest.fixture
def key(make_key: Callable[..., NewKey]) -> str:
    """A key that may send."""
    return make_key().key


def text(value: str) -> dict[str, Any]:
    return {"stringValue": value}


def record(message: str = "started", **fields: Any) -> dict[str, Any]:
    return {"timeUnixNano": str(AT), "body": text(message)} | fields


def export(*records: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"resourceLogs": [{"scopeLogs": [{"logRecords": list(records)}]} | more]}


def encoded(document: dict[str, Any], form: str) -> bytes:
    """In protobuf's own JSON the ids are in base64."""
    if form == JSON:
        return json.dumps(document).encode()

    def own(value: Any, name: str = "") -> Any:
        if name in ("traceId", "spanId"):
            return base64.b64encode(bytes.fromhex(value)).decode()
        if isinstance(value, dict):
            return {inner: own(one, inner) for inner, one in value.items()}
        return [own(one) for one in value] if isinstance(value, list) else value

    return bytes(ParseDict(own(document), ExportLogsServiceRequest()).SerializeToString())


def post(client: TestClient, body: bytes, form: str, **headers: str) -> Any:
    return client.post(PATH, content=body, headers={"Content-Type": form} | headers)


def told(answer: Any, form: str, kind: Any = ExportLogsServiceResponse) -> dict[str, Any]:
    """An answer as a document; its form must be that of the request."""
    assert answer.headers["Content-Type"] == form
    return dict(orjson.loads(answer.content) if form == JSON else MessageToDict(kind.FromString(answer.content)))


def messages(stored: Read) -> list[str]:
    return [message for one in stored() for message in one.columns.messages]


def test_each_part_of_a_record_finds_its_place(client: TestClient, stored: Read, form: str) -> None:
    resource = {"attributes": [{"key": "service.name", "value": text("cart")}, {"key": "host.id", "value": text("h")}]}
    scope = {"name": "bank", "version": "2", "attributes": [{"key": "lang", "value": text("py")}]}
    one = record(
        "payment refused",
        observedTimeUnixNano=str(OBSERVED),
        severityNumber=18,
        severityText="CRIT",
        attributes=[
            {"key": "n", "value": {"intValue": "-9007199254740993"}},
            {"key": "list", "value": {"arrayValue": {"values": [{"boolValue": True}, {"doubleValue": 0.5}]}}},
            {"key": "map", "value": {"kvlistValue": {"values": [{"key": "raw", "value": {"bytesValue": "AAE="}}]}}},
            {"key": "nothing", "value": {}},
            {"key": "nan", "value": {"doubleValue": "NaN"}},
            {"key": "scope", "value": text("its own")},
        ],
        droppedAttributesCount=3,
        flags=1,
        traceId=TRACE,
        spanId=SPAN,
        eventName="pay",
    )
    body = {"resourceLogs": [{"resource": resource, "scopeLogs": [{"scope": scope, "logRecords": [one]}]}]}

    answer = post(client, encoded(body, form), form)

    assert (answer.status_code, told(answer, form)) == (200, {})
    columns = stored()[0].columns
    assert (columns.messages, columns.sources, columns.timestamps) == (["payment refused"], ["cart"], [AT_US])
    assert (columns.severity_numbers, columns.trace_ids, columns.span_ids) == ([18], [TRACE], [SPAN])
    assert orjson.loads(columns.attributes[0]) == {
        "n": -9007199254740993,
        "list": [True, 0.5],
        "map": {"raw": "AAE="},
        "nothing": None,
        "nan": "NaN",
        "scope": "its own",
        "otel.scope": {"lang": "py", "name": "bank", "version": "2"},
        "resource": {"service.name": "cart", "host.id": "h"},
        "event_name": "pay",
        "severity_text": "CRIT",
        "observed_timestamp": "2025-11-05T08:15:31.000000Z",
        "flags": 1,
        "dropped_attributes_count": 3,
    }


@pytest.mark.parametrize(
    ("body", "event_name", "message"),
    [
        ({"kvlistValue": {"values": [{"key": "a", "value": {"intValue": "1"}}]}}, "", '{"a":1}'),
        ({"arrayValue": {"values": [text("größe"), {}]}}, "", '["größe",null]'),
        ({"boolValue": True}, "", "true"),
        ({}, "order.lost", "order.lost"),
        ({}, "", '{"k":"v"}'),
    ],
)
def test_what_is_no_text_is_told_as_one(
    client: TestClient, stored: Read, form: str, body: Any, event_name: str, message: str
) -> None:
    one = record(body=body, eventName=event_name, attributes=[{"key": "k", "value": text("v")}])

    post(client, encoded(export(one), form), form)

    assert messages(stored) == [message]


@pytest.mark.parametrize(
    ("attributes", "source"),
    [
        ({"service.name": "cart", "service.namespace": "shop"}, "shop/cart"),
        ({"service.name": " ", "host.name": "web-3"}, "web-3"),
        ({"service.name": "s" * 300}, "s" * 200),
        ({}, "default"),
    ],
)
def test_the_resource_names_the_source(
    client: TestClient, stored: Read, attributes: dict[str, str], source: str
) -> None:
    named = [{"key": name, "value": text(value)} for name, value in attributes.items()]

    post(client, encoded(export(record(), resource={"attributes": named}), JSON), JSON)

    assert stored()[0].columns.sources == [source]


@pytest.mark.parametrize(
    ("times", "at"),
    [
        ({"timeUnixNano": str(AT), "observedTimeUnixNano": str(OBSERVED)}, AT_US),
        ({"timeUnixNano": "0", "observedTimeUnixNano": str(OBSERVED)}, OBSERVED // 1000),
        ({}, None),
    ],
)
def test_a_record_without_a_time_has_that_at_which_it_was_seen(
    client: TestClient, stored: Read, clock: MovableClock, form: str, times: dict[str, str], at: int | None
) -> None:
    post(client, encoded(export({"body": text("started")} | times), form), form)

    arrived = (clock() - datetime.fromtimestamp(0, clock().tzinfo)) // timedelta(microseconds=1)
    assert stored()[0].columns.timestamps == [at or arrived]


@pytest.mark.parametrize("identifier", ["0" * 32, "4bf92f", ""])
def test_an_id_that_is_none_is_left_away(client: TestClient, stored: Read, form: str, identifier: str) -> None:
    answer = post(client, encoded(export(record(traceId=identifier, spanId="")), form), form)

    assert told(answer, form) == {}
    assert stored()[0].columns.trace_ids == [""]


def test_json_of_other_writers_is_understood(client: TestClient, stored: Read) -> None:
    """Ids in base64 and names for numbers, as protobuf's own JSON has them; numbers with an exponent; nulls."""
    own = {
        "timeUnixNano": 1.762330530123456e18, "severityNumber": "SEVERITY_NUMBER_ERROR2", "severityText": None,
        "traceId": base64.b64encode(bytes.fromhex(TRACE)).decode(), "spanId": "APBnqgupArc=",
        "body": {"stringValue": "one"}, "attributes": None, "flags": 1.0, "unknown": {"a": [1]},
    }  # fmt: skip
    other = record("two", severityNumber=-1, severityText="warn", traceId=TRACE.upper(), spanId="=" * 12)

    answer = post(client, json.dumps(export(own, other)).encode(), JSON)

    columns = stored()[0].columns
    assert (answer.status_code, told(answer, JSON)) == (200, {})
    assert columns.severity_numbers == [18, 13]
    assert columns.timestamps == [1_762_330_530_123_456, AT_US]
    assert (columns.trace_ids, columns.span_ids) == ([TRACE, TRACE], [SPAN, ""])


def test_attributes_that_a_resource_or_scope_lost_are_told(client: TestClient, stored: Read, form: str) -> None:
    resource, scope = {"droppedAttributesCount": 3}, {"name": "bank", "droppedAttributesCount": 4}
    body = {"resourceLogs": [{"resource": resource, "scopeLogs": [{"scope": scope, "logRecords": [record()]}]}]}

    post(client, encoded(body, form), form)

    attributes = orjson.loads(stored()[0].columns.attributes[0])
    assert attributes["resource"] == {"dropped_attributes_count": 3}
    assert attributes["scope"] == {"name": "bank", "dropped_attributes_count": 4}


@pytest.mark.parametrize(
    ("encoding", "pack"), [("zstd", zstandard.compress), ("deflate", zlib.compress), ("zlib", zlib.compress)]
)
def test_the_collector_s_other_encodings_are_taken(
    client: TestClient, stored: Read, form: str, encoding: str, pack: Callable[[bytes], bytes]
) -> None:
    answer = post(client, pack(encoded(export(record()), form)), form, **{"Content-Encoding": encoding})

    assert (answer.status_code, messages(stored)) == (200, ["started"])


def test_parameters_at_the_address_cost_nothing(client: TestClient, stored: Read, form: str) -> None:
    answer = client.post(f"{PATH}?tenant=shop", content=encoded(export(record()), form), headers={"Content-Type": form})

    assert (answer.status_code, messages(stored)) == (200, ["started"])


def test_bytes_that_are_no_text_are_replaced_and_told(client: TestClient, stored: Read, form: str) -> None:
    named = [{"key": "k#", "value": text("v#")}]
    whole = encoded(export(record("a # b", attributes=named), record("größe")), form)

    answer = post(client, whole.replace(b"#", b"\xff"), form)

    assert told(answer, form) == {}
    columns = stored()[0].columns
    assert columns.messages == ["a \ufffd b", "größe"]
    assert orjson.loads(columns.attributes[0]) == {"k\ufffd": "v\ufffd", "replaced_characters": 3}
    assert columns.attributes[1] == ""


def test_what_cannot_be_taken_is_counted_and_the_rest_is_stored(client: TestClient, stored: Read, form: str) -> None:
    long_ago, blank = record(timeUnixNano="1000"), record(" ")
    huge = record("a" * (1024 * 1024 + 1))

    answer = post(client, encoded(export(record("one"), blank, long_ago, huge, record("two")), form), form)

    partial = told(answer, form)["partialSuccess"]
    assert (answer.status_code, partial["rejectedLogRecords"]) == (200, "3")
    assert partial["errorMessage"] == "entry 1: the message is blank"
    assert messages(stored) == ["one", "two"]


@pytest.mark.parametrize("body", [b"", encoded({"resourceLogs": []}, JSON), encoded(export(), PROTOBUF)])
def test_a_request_of_nothing_is_fine(client: TestClient, stored: Read, body: bytes) -> None:
    form = JSON if body.startswith(b"{") else PROTOBUF

    answer = post(client, body, form)

    assert (answer.status_code, told(answer, form), stored()) == (200, {}, [])


def test_a_retry_stores_nothing_twice(client: TestClient, stored: Read, form: str) -> None:
    body = encoded(export(record(), record("")), form)

    first = post(client, gzip.compress(body, 1), form, **{"Content-Encoding": "gzip"})
    second = post(client, gzip.compress(body, 9), form, **{"Content-Encoding": "gzip"})

    assert told(first, form) == told(second, form) != {}
    assert messages(stored) == ["started"]


def test_what_bears_no_time_may_come_again(client: TestClient, stored: Read, form: str) -> None:
    for _ in range(2):
        post(client, encoded(export({"body": text("alive")}), form), form)

    assert messages(stored) == ["alive", "alive"]


def test_a_retry_adds_what_was_not_stored_of_a_request_of_many(parts: Parts, key: str, stored: Read) -> None:
    body = gzip.compress(encoded(export(*({"body": text(f"line {number}")} for number in range(10_500))), PROTOBUF))

    def sent(**limits: int) -> Any:
        settings = parts.settings.model_copy(update={"body_object_bytes": 2**24} | limits)
        own = replace(parts, settings=settings, limiter=open_limiter(settings, parts.db))
        with TestClient(new_app(router, title="test", parts=lambda: own), headers={"X-API-Key": key}) as client:
            return post(client, body, PROTOBUF, **{"Content-Encoding": "gzip"})

    refused = sent(limit_entries_a_day=10_200)
    before = len(messages(stored))
    answer = sent()

    assert (refused.status_code, "Retry-After" in refused.headers, before) == (429, True, 10_000)
    assert answer.status_code == 200
    assert sorted(messages(stored)) == sorted(f"line {number}" for number in range(10_500))


@pytest.mark.parametrize(
    ("body", "headers", "status"),
    [
        (b"\xff\xff", {}, 400),
        (encoded({"resourceLogs": 7}, JSON), {"Content-Type": JSON}, 400),
        (
            b'{"resourceLogs": [{"scopeLogs": [{"logRecords": [{"timeUnixNano": "soon"}]}]}]}',
            {"Content-Type": JSON},
            400,
        ),
        (b"{", {"Content-Type": JSON}, 400),
        (b"<a/>", {"Content-Type": "text/xml"}, 415),
        (b"", {"Content-Type": JSON}, 400),
        (b"a", {"Content-Encoding": "br"}, 415),
        (b"a" * (4 * 1024 * 1024 + 1), {}, 413),
        (gzip.compress(bytes(33 * 1024 * 1024), 1), {"Content-Encoding": "gzip"}, 413),
        (encoded(export(record()), PROTOBUF), {"Authorization": "Bearer nobody"}, 401),
        (encoded(export(record()), PROTOBUF), {"Idempotency-Key": "k" * 256}, 400),
    ],
)
def test_what_is_refused_is_told_as_the_protocol_does(
    client: TestClient, stored: Read, body: bytes, headers: dict[str, str], status: int
) -> None:
    form = headers.get("Content-Type", PROTOBUF)

    answer = post(client, body, form, **headers)

    assert answer.status_code == status
    status_told = told(answer, PROTOBUF if form == PROTOBUF else JSON, status_pb2.Status)
    assert status_told["message"]
    if status == 400:
        assert status_told["details"][0]["@type"] == "type.googleapis.com/google.rpc.BadRequest"
    assert stored() == []


def nested(*numbers: int, inside: bytes) -> bytes:
    """A message within messages, each as the field of that number."""
    for number in reversed(numbers):
        inside = bytes([number << 3 | 2]) + varint(len(inside)) + inside
    return inside


def varint(number: int) -> bytes:
    return bytes([number]) if number < 0x80 else bytes([number & 0x7F | 0x80]) + varint(number >> 7)


@pytest.mark.parametrize(
    "bomb",
    [b"\x0a\x00" * 2**22, nested(1, 2, inside=b"\x12\x00" * 2**22)],
    ids=["resources", "records"],
)
def test_millions_of_empty_messages_are_refused_and_not_read(client: TestClient, bomb: bytes) -> None:
    answer = post(client, gzip.compress(bomb, 1), PROTOBUF, **{"Content-Encoding": "gzip"})

    assert (answer.status_code, told(answer, PROTOBUF, status_pb2.Status)["message"][:18]) == (
        413,
        "a request has at m",
    )


@pytest.mark.parametrize("form", [PROTOBUF])
def test_without_a_database_the_client_is_told_to_come_again(parts: Parts, closed_port: int, form: str) -> None:
    gone = Database(f"postgresql://nobody@127.0.0.1:{closed_port}/none", size=1)
    app = new_app(router, title="test", parts=lambda: replace(parts, db=gone))

    with TestClient(app, headers={"X-API-Key": "odd_a_b"}) as client:
        answer = post(client, encoded(export(record()), form), form)

    gone.close()
    assert (answer.status_code, "Retry-After" in answer.headers) == (503, True)
    assert told(answer, form, status_pb2.Status)["code"] == 14


def test_a_password_is_a_key(anonymous: TestClient, key: str, stored: Read) -> None:
    answer = anonymous.post(PATH, json=export(record()), auth=("whoever", key))

    assert (answer.status_code, messages(stored)) == (200, ["started"])


def test_a_small_request_whose_records_share_much_is_refused_whole(client: TestClient, stored: Read, form: str) -> None:
    document = export(*[record(f"line {number}") for number in range(1_000)])
    document["resourceLogs"][0]["resource"] = {"attributes": [{"key": "k", "value": text("v" * 40_000)}]}

    answer = post(client, encoded(document, form), form)

    assert (answer.status_code, stored()) == (413, [])
    assert "resource" in told(answer, form, status_pb2.Status)["message"]
