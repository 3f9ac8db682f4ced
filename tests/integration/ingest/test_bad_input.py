"""Bad input gets a problem document that names the field and index, and leaves nothing half-stored."""

import gzip
import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from ingesting import Stored
from starlette.testclient import TestClient

from oddline.settings import Side
from oddline.submissions import body

Read = Callable[[], list[Stored]]
SINGLE, BATCH = "/api/v1/logs", "/api/v1/logs/batch"
LONG = "a" * (256 * 1024 + 1)
GZIP = {"Content-Encoding": "gzip"}

REQUEST_FAULTS: dict[str, tuple[str, bytes, dict[str, str], int, str]] = {
    "empty body": (SINGLE, b"", {}, 400, "body"),
    "empty batch body": (BATCH, b"", {}, 400, "body"),
    "empty body packed": (BATCH, gzip.compress(b""), GZIP, 400, "body"),
    "no JSON": (SINGLE, b"message=hello", {}, 400, "body"),
    "a string for an entry": (SINGLE, b'"hello"', {}, 400, "body"),
    "an array for an entry": (SINGLE, b'[{"message": "a"}]', {}, 400, "body"),
    "an object for a batch": (BATCH, b'{"text": "a"}', {}, 400, "entries"),
    "a number for a batch": (BATCH, b"7", {}, 400, "entries"),
    "a batch of none": (BATCH, b"[]", {}, 422, "entries"),
    "10,001 entries": (BATCH, json.dumps([{"message": "a"}] * 10_001).encode(), {}, 413, "entries"),
    "over 4 MB": (BATCH, b" " * (4 * 1024 * 1024) + b"[]", {}, 413, "body"),
    "a gzip bomb": (BATCH, gzip.compress(bytes(64 * 1024 * 1024), 1), GZIP, 413, "body"),
    "half a gzip stream": (BATCH, gzip.compress(b'[{"message": "a"}]')[:-4], GZIP, 400, "body"),
    "gzip that is none": (BATCH, b'[{"message": "a"}]', GZIP, 400, "body"),
    "another encoding": (BATCH, b"[]", {"Content-Encoding": "br"}, 415, "Content-Encoding"),
    "another type": (BATCH, b"<a/>", {"Content-Type": "text/xml"}, 415, "Content-Type"),
    "JSON nested 10,000 deep": (SINGLE, b'{"message":' + b"[" * 10_000, {}, 400, "body"),
    "NaN": (SINGLE, b'{"message": "a", "attributes": {"n": NaN}}', {}, 400, "body"),
    "Infinity": (BATCH, b'[{"message": "a", "attributes": {"n": Infinity}}]', {}, 400, "body"),
    "invalid UTF-8": (SINGLE, b'{"message": "\xff"}', {}, 400, "body"),
    "an empty idempotency key": (SINGLE, b'{"message": "a"}', {"Idempotency-Key": ""}, 422, "Idempotency-Key"),
    "a long idempotency key": (SINGLE, b'{"message": "a"}', {"Idempotency-Key": "a" * 256}, 422, "Idempotency-Key"),
    "an odd idempotency key": (SINGLE, b'{"message": "a"}', {"Idempotency-Key": "a\tb"}, 422, "Idempotency-Key"),
}

ENTRY_FAULTS: dict[str, tuple[str, str, str]] = {
    "a number for a message": ('{"message": 7}', "message", "type"),
    "no message": ("{}", "message", "missing"),
    "a blank message": ('{"message": " "}', "message", "blank"),
    "a message over 256 KB": (json.dumps({"message": LONG}), "message", "too-long"),
    "NUL in the message": ('{"message": "a\\u0000"}', "message", "nul"),
    "NUL in the source": ('{"message": "a", "source": "\\u0000"}', "source", "nul"),
    "NUL in the attributes": ('{"message": "a", "attributes": {"a": "\\u0000"}}', "attributes", "nul"),
    "a lone surrogate in the message": ('{"message": "\\ud800"}', "message", "surrogate"),
    "a lone surrogate in the attributes": ('{"message": "a", "\\ud800": 1}', "attributes", "surrogate"),
    "year 1": ('{"message": "a", "timestamp": "0001-01-01T00:00:00Z"}', "timestamp", "out-of-range"),
    "year 9999": ('{"message": "a", "timestamp": "9999-12-31T23:59:59Z"}', "timestamp", "out-of-range"),
    "no zone": ('{"message": "a", "timestamp": "2026-01-01T00:00:00"}', "timestamp", "no-zone"),
    "a number for a timestamp": ('{"message": "a", "timestamp": 1767225600}', "timestamp", "type"),
    "an unknown severity": ('{"message": "a", "severity": "loud"}', "severity", "unknown"),
    "an object for a severity": ('{"message": "a", "severity": {}}', "severity", "type"),
    "a list for attributes": ('{"message": "a", "attributes": []}', "attributes", "type"),
    "attributes 33 deep": (
        '{"message": "a", "attributes": ' + '{"a":' * 33 + "{}" + "}" * 34,
        "attributes",
        "too-deep",
    ),
    "a short trace id": ('{"message": "a", "trace_id": "abc"}', "trace_id", "format"),
}

pytestmark = pytest.mark.usefixtures("emptied_inbox")


@pytest.fixture
def database_urls(module_database_urls: dict[Side, str]) -> dict[Side, str]:
    return module_database_urls


def assert_problem(answer: Any, status: int) -> dict[str, Any]:
    assert answer.status_code == status
    assert answer.headers["Content-Type"] == "application/problem+json"
    document: dict[str, Any] = answer.json()
    assert {"type", "title", "status", "code", "detail"} <= document.keys()
    assert document["status"] == status
    return document


@pytest.mark.parametrize("fault", REQUEST_FAULTS)
def test_a_fault_of_the_request_refuses_all_of_it(client: TestClient, stored: Read, fault: str) -> None:
    path, body, headers, status, field = REQUEST_FAULTS[fault]

    answer = client.post(path, content=body, headers=headers)

    assert assert_problem(answer, status)["field"] == field
    assert stored() == []


@pytest.mark.parametrize("fault", ENTRY_FAULTS)
def test_a_fault_of_the_only_entry_names_its_field(client: TestClient, stored: Read, fault: str) -> None:
    entry, field, code = ENTRY_FAULTS[fault]

    answer = client.post(SINGLE, content=entry.encode())

    document = assert_problem(answer, 422)
    assert (document["code"], document["index"], document["field"]) == ("invalid-entries", 0, field)
    assert document["errors"][0]["code"] == code
    assert stored() == []


@pytest.mark.parametrize("fault", ENTRY_FAULTS)
def test_a_fault_of_one_entry_refuses_only_that_one(client: TestClient, stored: Read, fault: str) -> None:
    entry, field, code = ENTRY_FAULTS[fault]

    answer = client.post(BATCH, content=f'[{{"message": "first"}}, {entry}, {{"message": "third"}}]'.encode())

    assert answer.status_code == 202
    assert [(one["index"], one["field"], one["code"]) for one in answer.json()["refused"]] == [(1, field, code)]
    assert stored()[0].columns.messages == ["first", "third"]


def test_a_line_that_is_no_json_refuses_only_that_one(client: TestClient, stored: Read) -> None:
    body = b'{"message": "first"}\noops\n{"message": "third"}\n'

    answer = client.post(BATCH, content=body, headers={"Content-Type": "application/x-ndjson"})

    assert [(one["index"], one["field"], one["code"]) for one in answer.json()["refused"]] == [(1, "", "syntax")]
    assert stored()[0].columns.indices == [0, 2]


def test_a_batch_of_which_nothing_is_left_is_refused_with_every_fault(client: TestClient, stored: Read) -> None:
    answer = client.post(BATCH, json=[{}, {"message": "\0"}])

    document = assert_problem(answer, 422)
    assert [(one["index"], one["code"]) for one in document["errors"]] == [(0, "missing"), (1, "nul")]
    assert stored() == []


def test_a_body_that_grows_over_the_limit_is_refused_before_its_end(client: TestClient, stored: Read) -> None:
    sent = 0

    def endless() -> Any:
        nonlocal sent
        while sent < 64:
            sent += 1
            yield b" " * 1024 * 1024

    answer = client.post(BATCH, content=endless())

    assert "/api/v1/files" in assert_problem(answer, 413)["detail"]
    assert stored() == []


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=60)
@given(body=st.binary(max_size=60) | st.text(alphabet='{}[]":,0eE-.\\ud8"message', max_size=60).map(str.encode))
def test_no_body_is_answered_with_a_fault_of_ours(client: TestClient, body: bytes) -> None:
    for path in (SINGLE, BATCH):
        assert client.post(path, content=body).status_code < 500


def test_what_could_not_be_read_back_is_refused(
    client: TestClient, stored: Read, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(body, "MOST_BYTES", 1_000)

    answer = client.post(BATCH, json=[{"message": "m" * 1_000}])

    assert (answer.status_code, answer.json()["code"], stored()) == (413, "too-large", [])
