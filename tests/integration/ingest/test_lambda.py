"""The function runs on Lambda: events of an HTTP API go in, answers in API Gateway's form come out."""

import base64
import gzip
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from gateway_events import http_event
from ingesting import Stored
from mangum import Mangum
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest, ExportLogsServiceResponse
from opentelemetry.proto.common.v1.common_pb2 import AnyValue
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord, ResourceLogs, ScopeLogs

from functions.http import Parts, new_app
from functions.ingest.app import router
from oddline.identity import NewKey

ROOT = Path(__file__).resolve().parents[3]
Read = Callable[[], list[Stored]]
Event = dict[str, Any]
CONTEXT: Any = {}


def event(path: str, *, key: str, body: bytes, packed: bool = False) -> Event:
    return http_event(path, method="POST", headers={"X-API-Key": key}, body=body, packed=packed)


@pytest.fixture
def handler(parts: Parts) -> Mangum:
    """The function over the fixtures' parts, set up as the function's own module does it."""
    from functions.ingest.app import handler as shipped

    app = new_app(router, title="test", parts=lambda: parts)
    return Mangum(app, lifespan="off", text_mime_types=shipped.config["text_mime_types"])


def test_an_event_becomes_a_submission(handler: Mangum, make_key: Callable[..., NewKey], stored: Read) -> None:
    answer = handler(event("/api/v1/logs", key=make_key().key, body=b'{"message": "a"}'), CONTEXT)

    assert answer["statusCode"] == 202
    assert answer["isBase64Encoded"] is False
    assert json.loads(answer["body"])["id"] == str(stored()[0].id)
    assert answer["headers"]["location"] == f"/api/v1/tasks/{stored()[0].id}"


def test_a_packed_body_comes_as_base64(handler: Mangum, make_key: Callable[..., NewKey], stored: Read) -> None:
    body = gzip.compress(json.dumps([{"message": "a"}, {"message": "b"}]).encode())

    answer = handler(event("/api/v1/logs/batch", key=make_key().key, body=body, packed=True), CONTEXT)

    assert json.loads(answer["body"])["accepted"] == 2
    assert stored()[0].columns.messages == ["a", "b"]


def test_what_is_not_text_is_answered_as_base64(handler: Mangum, make_key: Callable[..., NewKey], stored: Read) -> None:
    records = [LogRecord(time_unix_nano=at, body=AnyValue(string_value="a")) for at in (1, 1762330530123456789)]
    exported = ExportLogsServiceRequest(resource_logs=[ResourceLogs(scope_logs=[ScopeLogs(log_records=records)])])
    sent = event("/v1/logs", key=make_key().key, body=gzip.compress(exported.SerializeToString()), packed=True)
    sent["headers"]["content-type"] = "application/x-protobuf"

    answer = handler(sent, CONTEXT)

    assert (answer["statusCode"], answer["isBase64Encoded"]) == (200, True)
    told = ExportLogsServiceResponse.FromString(base64.b64decode(answer["body"]))
    assert (told.partial_success.rejected_log_records, stored()[0].columns.messages) == (1, ["a"])


@pytest.mark.parametrize(("path", "body", "status"), [("/api/v1/logs", b"", 400), ("/api/v1/nothing", b"", 404)])
def test_a_problem_is_answered_as_text(
    handler: Mangum, make_key: Callable[..., NewKey], path: str, body: bytes, status: int
) -> None:
    answer = handler(event(path, key=make_key().key, body=body), CONTEXT)

    assert (answer["statusCode"], answer["isBase64Encoded"]) == (status, False)
    assert answer["headers"]["content-type"] == "application/problem+json"
    assert json.loads(answer["body"])["status"] == status


def test_the_shipped_handler_works_from_its_environment_alone(
    make_key: Callable[..., NewKey], database_urls: dict[Any, str], redis_url: str, stored: Read, tmp_path: Path
) -> None:
    environment = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(ROOT),
        "ODDLINE_DATABASE_URL": database_urls["ingest"],
        "ODDLINE_DATABASE_POOL_SIZE": "1",
        "ODDLINE_REDIS_URL": redis_url,
        "ODDLINE_OBJECTS_URL": str(tmp_path),
    }
    program = (
        "import json, sys; from functions.ingest.app import handler;"
        "print(json.dumps([handler(event, {}) for event in json.load(sys.stdin)]))"
    )
    events = [event("/api/v1/logs", key=make_key().key, body=b'{"message": "a"}')] * 2

    ran = subprocess.run(
        [sys.executable, "-c", program],
        input=json.dumps(events),
        env=environment,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )

    assert [answer["statusCode"] for answer in json.loads(ran.stdout)] == [202, 202]
    assert len(stored()) == 2
