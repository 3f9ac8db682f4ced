"""The functions under Lambda's runtime client: what AWS sends goes in, is scored by a worker, and is read back."""

import gzip
import json
import random
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import boto3
import psycopg
import pytest
import redis
from aws_account import Account
from gateway_events import http_event
from lambda_runtime import MOST_BYTES, FunctionError, RuntimeApi
from trigger_events import LOG_GROUP, control_message, log_events, object_created

from oddline.local.schedule_runner import event as schedule_event
from oddline.tasks import Queue

WIRE_BYTES = 4 * 1024 * 1024
SOON_S = 2.0


def call(function: RuntimeApi, path: str, *, headers: dict[str, str], query: str = "", **request: Any) -> Any:
    """The document that a request is answered with, and its status."""
    answer = function.invoke(http_event(path, query=query, headers=headers, **request))
    assert answer["isBase64Encoded"] is False
    return answer["statusCode"], json.loads(answer["body"])


def post(function: RuntimeApi, path: str, document: Any, *, headers: dict[str, str]) -> Any:
    return call(function, path, method="POST", headers=headers, body=json.dumps(document).encode())


def entries_of(search: RuntimeApi, source: str, *, headers: dict[str, str]) -> list[dict[str, Any]]:
    status, page = call(search, "/api/v1/logs", headers=headers, query=f"source={source}")
    assert status == 200, page
    entries: list[dict[str, Any]] = page["entries"]
    return entries


def test_an_entry_is_accepted_scored_and_read_back(account: Account, headers: dict[str, str]) -> None:
    entry = {"message": "disk sda: I/O error, giving up", "severity": "ERROR", "source": "storage"}

    with account.function("Ingest") as ingest, account.function("Console") as console, account.worker() as worker:
        status, accepted = post(ingest, "/api/v1/logs", entry, headers=headers)
        path = f"/api/v1/tasks/{accepted['analysis_task_id']}"
        worker.wait_for(lambda: call(console, path, headers=headers)[1]["ready"])
        _, task = call(console, path, headers=headers)
        _, sources = call(console, "/api/v1/sources", headers=headers)
    with account.function("Search") as search:
        [found] = entries_of(search, "storage", headers=headers)

    assert status == 202
    assert task["status"] == "SUCCESS"
    assert task["result"]["log_entry_id"] == accepted["id"] == found["id"]
    assert found["message"] == entry["message"]
    assert 0 <= found["anomaly_score"] <= 1
    assert [source["name"] for source in sources["sources"]] == ["storage"]


def test_log_events_and_uploaded_files_are_scored_and_read_back(
    account: Account, headers: dict[str, str], project: UUID
) -> None:
    text = gzip.compress(b"started\nout of memory: killed process 4711\n")
    created = account.put("uploads/shop/a.gz", text)

    with account.function("LogEvents") as logs, account.function("UploadedFiles") as files:
        events = [control_message(), log_events(["task timed out after 3.00 seconds"])]
        made = [logs.invoke(event) for event in [*events, events[1]]]
        made += [files.invoke(created) for _ in range(2)]
    with account.worker() as worker, account.function("Search") as search:
        worker.wait_for(lambda: len(entries_of(search, "shop", headers=headers)) == 2)
        [of_group] = entries_of(search, LOG_GROUP, headers=headers)
        of_file = entries_of(search, "shop", headers=headers)

    assert [one.get("entries", one.get("files")) for one in made] == [0, 1, 0, 1, 0]
    assert of_group["message"] == "task timed out after 3.00 seconds"
    assert of_group["attributes"]["log_group"] == LOG_GROUP
    assert {entry["message"] for entry in of_file} == {"started", "out of memory: killed process 4711"}


def test_what_a_trigger_refuses_goes_to_its_failure_destination(account: Account, project: UUID) -> None:
    event = object_created("another", "uploads/large", size=2**30)
    with account.function("UploadedFiles") as files, pytest.raises(FunctionError, match="does not lie") as refused:
        files.invoke(event)

    assert refused.value.kind == "BadRequest"


@pytest.mark.parametrize("name", ["Reconcile", "HealthCheck", "CreatePartitions", "CompactChunks", "WatchSchedules"])
def test_a_schedule_starts_what_it_is_for(account: Account, name: str, project: UUID) -> None:
    task = "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name).lstrip("_")

    with account.function(name) as schedule:
        for _ in range(2):
            assert schedule.invoke(schedule_event(task, at=datetime.now(UTC))) is None

    with psycopg.connect(account.database_urls["owner"]) as connection:
        checks = connection.execute("SELECT 1 FROM health_checks").fetchall()
        tasks = connection.execute("SELECT name FROM tasks").fetchall()
    assert bool(checks) is (name == "HealthCheck")
    assert tasks == ([("compact_chunks",)] if name == "CompactChunks" else [])


def test_a_schedule_that_somebody_makes_is_held_by_eventbridge_and_its_event_starts_the_task(
    account: Account, headers: dict[str, str]
) -> None:
    scheduler = boto3.client("scheduler", endpoint_url=account.s3_url)
    scheduler.create_schedule_group(Name=account.bucket)
    settings = {
        "ODDLINE_SCHEDULE_GROUP": account.bucket,
        "ODDLINE_SCHEDULE_TARGET": "arn:aws:lambda:us-east-1:123456789012:function:user-schedule",
        "ODDLINE_SCHEDULE_ROLE": "arn:aws:iam::123456789012:role/scheduler",
    }
    payload = {"recipients": [], "subject": "to nobody", "text": ""}
    wish = {"name": "hourly", "task": "send_email", "payload": payload, "expression": "rate(1 hour)"}

    with account.function("Console") as console:
        status, made = post(console, "/api/v1/schedules", wish, headers=headers)
    with account.function("WatchSchedules", **settings) as watch:
        watch.invoke(schedule_event("watch_schedules", at=datetime.now(UTC)))
    held = scheduler.get_schedule(GroupName=account.bucket, Name=made["id"])
    with psycopg.connect(account.database_urls["owner"], autocommit=True) as connection:
        connection.execute("UPDATE schedules SET next_at = now()")  # its time has come
        sent = held["Target"]["Input"].replace(
            "<aws.scheduler.scheduled-time>", f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"
        )
        with account.function("UserSchedule") as user_schedule:
            for _ in range(2):
                user_schedule.invoke(json.loads(sent))
        tasks = connection.execute("SELECT name FROM tasks").fetchall()

    assert (status, held["ScheduleExpression"]) == (201, "rate(1 hour)")
    assert tasks == [("send_email",)]


def test_a_wake_up_that_was_lost_is_sent_again(account: Account, headers: dict[str, str], closed_port: int) -> None:
    with lost_redis(account, f"redis://127.0.0.1:{closed_port}"), account.function("Ingest") as ingest:
        post(ingest, "/api/v1/logs", {"message": "a"}, headers=headers)

    with account.function("Reconcile") as reconcile:
        reconcile.invoke(schedule_event("reconcile", at=datetime.now(UTC)))

    with redis.Redis.from_url(account.redis_url) as client:
        assert client.llen(Queue.ANALYSIS) == 1


def test_a_body_of_4_mb_is_taken_and_a_larger_one_told_how_large_it_may_be(
    account: Account, headers: dict[str, str]
) -> None:
    noise = random.Random(4)
    packed = gzip.compress(json.dumps([{"message": noise.randbytes(60_000).hex()} for _ in range(60)]).encode())
    plain = json.dumps([{"message": "x" * 200_000}] * 20).encode()
    plain += b" " * (WIRE_BYTES - len(plain))

    with account.function("Ingest") as ingest:
        path = "/api/v1/logs/batch"
        of_packed = call(ingest, path, method="POST", headers=headers, body=packed, packed=True)
        of_plain = call(ingest, path, method="POST", headers=headers, body=plain)
        of_larger = call(ingest, path, method="POST", headers=headers, body=plain + b" ")

    assert 0.9 * WIRE_BYTES < len(packed) <= WIRE_BYTES
    assert [of_packed[0], of_plain[0], of_larger[0]] == [202, 202, 413]
    assert of_plain[1]["accepted"] == 20
    assert of_larger[1]["limit"] == WIRE_BYTES


def test_no_answer_is_larger_than_lambda_lets_through(account: Account, headers: dict[str, str]) -> None:
    quotes = [{"message": f"{number} " + '"' * 100_000, "source": "large"} for number in range(40)]

    with account.function("Ingest") as ingest, account.function("Search") as search, account.worker() as worker:
        for first in range(0, 40, 10):  # each quote takes four bytes of an event
            status, _ = post(ingest, "/api/v1/logs/batch", quotes[first : first + 10], headers=headers)
            assert status == 202
        worker.wait_for(lambda: not waiting(account))
        sizes, found, after = [], [], ""
        while after is not None:
            event = http_event("/api/v1/logs", query=f"source=large&limit=40{after}", headers=headers)
            answer = search.invoke(event)
            sizes.append(len(json.dumps(answer)))
            page = json.loads(answer["body"])
            found += [entry["message"].partition(" ")[0] for entry in page["entries"]]
            after = f"&after={page['next']}" if "next" in page else None

    assert sorted(map(int, found)) == list(range(40))
    assert max(sizes) > 0.8 * MOST_BYTES


def waiting(account: Account) -> int:
    with psycopg.connect(account.database_urls["owner"]) as connection:
        row = connection.execute("SELECT count(*) FROM submission_state WHERE state <> 'done'").fetchone()
    assert row is not None
    return int(row[0])


def test_an_environment_keeps_one_connection_and_replaces_it_when_postgresql_restarts(
    account: Account, headers: dict[str, str], clusters: Callable[[int], Any], project: UUID
) -> None:
    with account.function("Ingest") as ingest, account.function("LogEvents") as logs:
        for number in range(3):
            post(ingest, "/api/v1/logs", {"message": "before"}, headers=headers)
            logs.invoke(log_events([f"before {number}"]))
        connections = count_connections(account)
        server = clusters(18).server
        server.stop()
        server.start()
        status, _ = post(ingest, "/api/v1/logs", {"message": "after"}, headers=headers)
        made = logs.invoke(log_events(["after"]))

    assert connections == 2
    assert (status, made["entries"]) == (202, 1)


def count_connections(account: Account) -> int:
    with psycopg.connect(account.database_urls["owner"]) as connection:
        row = connection.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE usename = 'oddline_ingest' AND datname = current_database()"
        ).fetchone()
    assert row is not None
    return int(row[0])


def test_redis_that_refuses_or_says_nothing_costs_a_caller_little(
    account: Account, headers: dict[str, str], closed_port: int
) -> None:
    took_s = []
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()  # the kernel takes connections, and nobody ever reads them
        for port in (closed_port, silent.getsockname()[1]):
            with lost_redis(account, f"redis://127.0.0.1:{port}"), account.function("Ingest") as ingest:
                post(ingest, "/api/v1/logs", {}, headers=headers)
                for _ in range(3):
                    began = time.monotonic()
                    status, _ = post(ingest, "/api/v1/logs", {"message": "a"}, headers=headers)
                    took_s.append(time.monotonic() - began)
                    assert status == 202

    assert max(took_s) < SOON_S
    assert waiting(account) == 6


@contextmanager
def lost_redis(account: Account, url: str) -> Iterator[None]:
    """Functions that start meanwhile are told another address."""
    kept, account.redis_url = account.redis_url, url
    yield
    account.redis_url = kept


def test_a_request_is_traced_with_what_lambda_brings(account: Account, headers: dict[str, str]) -> None:
    with socket.socket(type=socket.SOCK_DGRAM) as daemon:
        daemon.bind(("127.0.0.1", 0))
        daemon.settimeout(SOON_S)
        address = f"127.0.0.1:{daemon.getsockname()[1]}"
        with account.function("Ingest", ODDLINE_TRACING="true", AWS_XRAY_DAEMON_ADDRESS=address) as ingest:
            status, _ = post(ingest, "/api/v1/logs", {"message": "a"}, headers=headers)
            request, enqueue = sorted(
                (json.loads(daemon.recv(65_536).partition(b"\n")[2]) for _ in range(2)),
                key=lambda part: part["start_time"],
            )

    assert status == 202
    assert request["http"]["response"]["status"] == 202
    assert (enqueue["name"], enqueue["parent_id"]) == ("enqueue", request["id"])


def test_a_secret_that_cannot_be_read_is_told_as_passing(account: Account, headers: dict[str, str]) -> None:
    with account.function("Ingest", AWS_SESSION_TOKEN="another one") as ingest:
        status, problem = post(ingest, "/api/v1/logs", {"message": "a"}, headers=headers)

    assert (status, problem["code"]) == (503, "secret-unavailable")
