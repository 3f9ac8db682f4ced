"""What is taken is answered with 202, stored before that, and announced to the workers."""

import gzip
import hashlib
import hmac
import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
import redis
from ingesting import HMAC_SECRET, Stored
from movable_clock import MovableClock
from starlette.testclient import TestClient

from functions.http import Parts, new_app
from functions.ingest.app import router
from oddline.database import Database
from oddline.submissions import entry_id, unpack
from oddline.tasks import Publisher

Read = Callable[[], list[Stored]]
ENTRY = {"message": "disk full", "severity": "error", "timestamp": "2026-01-05T10:00:00.25+01:00", "source": "db"}
BATCHES = ["/api/v1/logs/batch", "/api/batch-analysis/", "/api/batch-analysis"]
SINGLES = ["/api/v1/logs", "/api/logs/", "/api/logs"]


@pytest.mark.both_postgres
@pytest.mark.parametrize("path", SINGLES)
def test_one_entry_is_stored_and_answered_with_its_ids(client: TestClient, stored: Read, path: str) -> None:
    answer = client.post(path, json=ENTRY)

    [submission] = stored()
    assert answer.status_code == 202
    assert answer.headers["Location"] == f"/api/v1/tasks/{submission.id}"
    assert answer.json() == {
        "id": str(submission.id),
        "timestamp": "2026-01-05T09:00:00.250000Z",
        "severity": "ERROR",
        "message": "disk full",
        "source": "db",
        "analysis_task_id": str(submission.id),
        "status": "processing",
    }
    assert submission.columns.messages == ["disk full"]


@pytest.mark.parametrize("path", BATCHES)
def test_a_batch_is_stored_with_what_is_wrong_told_by_index(client: TestClient, stored: Read, path: str) -> None:
    answer = client.post(path, json={"log_entries": [{}, ENTRY, {"message": "second"}]})

    [submission] = stored()
    told = answer.json()
    assert answer.status_code == 202
    assert answer.headers["Location"] == f"/api/v1/tasks/{submission.id}"
    assert told["batch_id"] == told["task_id"] == told["analysis_task_id"] == str(submission.id)
    assert told["accepted"] == 2
    assert told["refused"] == [
        {"index": 0, "field": "message", "code": "missing", "detail": "an entry needs a message"}
    ]
    assert told["entry_ids"] == {"first": str(entry_id(submission.id, 1)), "formula": "batch_id | index"}
    assert submission.columns.indices == [1, 2]


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        (json.dumps([ENTRY]).encode(), {}),
        (json.dumps({"entries": [ENTRY]}).encode(), {"Content-Type": "application/json"}),
        (json.dumps({"logs": [ENTRY]}).encode(), {"Content-Type": "application/x-www-form-urlencoded"}),
        (json.dumps(ENTRY).encode() + b"\n\n", {"Content-Type": "application/x-ndjson"}),
        (gzip.compress(json.dumps([ENTRY]).encode(), mtime=0), {"Content-Encoding": "gzip"}),
        (
            gzip.compress(json.dumps(ENTRY).encode(), mtime=0),
            {"Content-Encoding": "gzip", "Content-Type": "application/jsonl"},
        ),
    ],
    ids=["array", "entries", "logs", "ndjson", "gzip", "gzipped ndjson"],
)
def test_every_form_of_a_batch_is_taken(client: TestClient, stored: Read, body: bytes, headers: dict[str, str]) -> None:
    answer = client.post("/api/v1/logs/batch", content=body, headers=headers)

    assert answer.status_code == 202
    assert stored()[0].columns.messages == ["disk full"]


def test_ten_thousand_entries_are_taken_at_once(client: TestClient, stored: Read) -> None:
    answer = client.post("/api/v1/logs/batch", json=[{"message": f"line {number}"} for number in range(10_000)])

    assert answer.json()["accepted"] == 10_000
    assert len(stored()[0].columns) == 10_000


def test_a_large_body_becomes_an_object(
    client: TestClient, db: Callable[[Any], Database], parts: Parts, tmp_path: Path
) -> None:
    lines = [hashlib.sha512(str(number).encode()).hexdigest() for number in range(10_000)]

    answer = client.post("/api/v1/logs/batch", json=[{"message": line} for line in lines])

    with db("worker").transaction() as tx:
        row = tx.execute("SELECT id, body, body_object FROM submissions").fetchone()
    assert row is not None
    assert (str(row[0]), row[1]) == (answer.json()["batch_id"], None)
    assert unpack(parts.objects.get(row[2])).messages == lines


@pytest.mark.parametrize(
    ("path", "body", "queue"),
    [("/api/v1/logs", ENTRY, "analysis"), ("/api/v1/logs/batch", [ENTRY], "batch_processing")],
    ids=["one", "batch"],
)
def test_the_workers_are_woken(client: TestClient, redis_url: str, path: str, body: Any, queue: str) -> None:
    client.post(path, json=body)

    with redis.Redis.from_url(redis_url) as broker:
        assert broker.llen(queue) == 1


def test_without_redis_logs_are_taken_all_the_same(
    parts: Parts, client: TestClient, stored: Read, closed_port: int
) -> None:
    nowhere = Publisher(f"redis://127.0.0.1:{closed_port}/0")
    without = Parts(settings=parts.settings, db=parts.db, publisher=nowhere, objects=parts.objects, clock=parts.clock)
    with TestClient(new_app(router, title="test", parts=lambda: without), headers=dict(client.headers)) as cut_off:
        answer = cut_off.post("/api/v1/logs", json=ENTRY)

    assert answer.status_code == 202
    assert len(stored()) == 1


def test_without_a_database_the_caller_is_told_to_come_again(parts: Parts, closed_port: int) -> None:
    gone = Database(f"postgresql://nobody@127.0.0.1:{closed_port}/none", size=1)
    gone._pool.timeout = 0.2
    without = Parts(settings=parts.settings, db=gone, publisher=parts.publisher, objects=parts.objects)
    with TestClient(new_app(router, title="test", parts=lambda: without)) as cut_off:
        answer = cut_off.post("/api/v1/logs", json=ENTRY, headers={"X-API-Key": "any"})
    gone.close()

    assert answer.status_code == 503
    assert answer.json()["code"] == "database-unavailable"
    assert answer.headers["Retry-After"] == "5"


@pytest.mark.parametrize(("path", "body"), [("/api/logs/", ENTRY), ("/api/batch-analysis/", {"log_entries": [ENTRY]})])
def test_the_older_header_alone_submits_to_the_configured_project(
    anonymous: TestClient, project: UUID, stored: Read, path: str, body: Any
) -> None:
    raw = json.dumps(body).encode()
    signature = hmac.new(HMAC_SECRET.encode(), raw, hashlib.sha256).hexdigest()

    answer = anonymous.post(path, content=raw, headers={"X-HMAC-Signature": signature})

    assert answer.status_code == 202
    assert stored()[0].project == project


def test_a_key_beside_the_older_header_names_the_project(
    anonymous: TestClient, make_key: Callable[..., Any], other_project: UUID, stored: Read
) -> None:
    raw = json.dumps(ENTRY).encode()
    headers = {
        "X-HMAC-Signature": hmac.new(HMAC_SECRET.encode(), raw, hashlib.sha256).hexdigest(),
        "X-API-Key": make_key(project=other_project).key,
    }

    answer = anonymous.post("/api/logs/", content=raw, headers=headers)

    assert answer.status_code == 202
    assert stored()[0].project == other_project


def test_without_a_timestamp_an_entry_has_the_time_of_its_arrival(client: TestClient, clock: MovableClock) -> None:
    clock.move(timedelta(hours=1))

    answer = client.post("/api/v1/logs", json={"message": "a"})

    assert answer.json()["timestamp"] == clock().strftime("%Y-%m-%dT%H:%M:%S.%fZ")
