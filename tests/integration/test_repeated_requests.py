"""A request with an `Idempotency-Key` is carried out once, in one transaction with what is kept of it."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
import redis
from acting import CIPHER
from movable_clock import MovableClock
from reading import Databases, client_of, key_of, open_reading_parts, refusal
from scheduling import MAIL, tasks_of
from starlette.testclient import TestClient

from functions.console.app import router
from functions.http import Parts
from oddline.encryption import Cipher
from oddline.identity import Scope
from oddline.repeats import remember, renew_answers
from oddline.tasks import unseal

KEY = {"Idempotency-Key": "8e03978e-40d5-43dd-bc93-6894a57f9324"}
WISH = {"name": "send_email", "payload": MAIL}


@pytest.fixture
def clock() -> MovableClock:
    return MovableClock()


@pytest.fixture
def parts(db: Databases, redis_url: str, tmp_path: Path, clock: MovableClock) -> Iterator[Parts]:
    with open_reading_parts(db("console"), redis_url=redis_url, folder=tmp_path) as parts:
        yield replace(parts, clock=clock)


@pytest.fixture
def client(db: Databases, parts: Parts, project: UUID) -> Iterator[TestClient]:
    with client_of(router, parts) as client:
        client.headers.update(key_of(db, project, Scope.ADMIN))
        yield client


def start(client: TestClient, **more: Any) -> Any:
    return client.post("/api/v1/tasks", json=WISH, headers=KEY | more)


def test_a_task_is_started_once_and_woken_once_after_its_commit(
    db: Databases, client: TestClient, project: UUID, redis_url: str
) -> None:
    first, second = start(client), start(client)

    assert (first.status_code, second.status_code) == (202, 202)
    assert second.json() == first.json()
    assert (first.headers.get("Idempotent-Replayed"), second.headers["Idempotent-Replayed"]) == (None, "true")
    assert len(tasks_of(db, project)) == 1
    with redis.Redis.from_url(redis_url) as broker:
        assert broker.llen("notifications") == 1
    trail = client.get("/api/v1/audit", params={"action": "task.started"}).json()["actions"]
    assert len(trail) == 1


def test_another_body_or_path_with_the_same_key_is_refused(db: Databases, client: TestClient, project: UUID) -> None:
    start(client)

    refused = [
        client.post("/api/v1/tasks", json=WISH | {"payload": MAIL | {"subject": "other"}}, headers=KEY),
        client.post("/api/v1/keys", json=WISH, headers=KEY),
        client.post("/api/v1/keys", json={}, headers=KEY),
    ]

    assert [refusal(answer)[:2] for answer in refused] == [
        (422, "key-reused"), (422, "invalid-parameter"), (422, "key-reused"),
    ]  # fmt: skip
    assert len(tasks_of(db, project)) == 1


def test_the_same_key_of_another_caller_is_another_request(db: Databases, client: TestClient, project: UUID) -> None:
    first = start(client)

    other = start(client, **key_of(db, project, Scope.ADMIN))

    assert other.status_code == 202
    assert other.json() != first.json()


def test_while_the_first_is_carried_out_a_repeat_is_told_so(
    db: Databases, client: TestClient, project: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("oddline.repeats.service.KEY_WAIT", "50ms")
    actor = client.get("/api/v1/me").json()["actor"]
    with db("console").transaction(project=project) as tx:
        key = f"key:{KEY['Idempotency-Key']}"
        remember(tx, key, project=project, caller=actor, body_hash=b"", answer={}, now=datetime.now(UTC))

        answer = start(client)

    assert refusal(answer)[:2] == (409, "request-in-progress")


def test_what_failed_is_not_known_and_is_carried_out_when_it_comes_again(client: TestClient) -> None:
    refused = client.post("/api/v1/tasks", json=WISH | {"name": "reconcile", "payload": {}}, headers=KEY)

    again = start(client)

    assert (refused.status_code, again.status_code) == (403, 202)
    assert "Idempotent-Replayed" not in again.headers


def test_a_day_later_the_key_is_free_again(
    db: Databases, client: TestClient, project: UUID, clock: MovableClock
) -> None:
    first = start(client)
    clock.move(timedelta(hours=24, seconds=1))

    second = start(client)

    assert second.json() != first.json()
    assert len(tasks_of(db, project)) == 2


def test_a_key_that_is_shown_once_is_told_again_and_lies_nowhere_in_the_clear(
    db: Databases, client: TestClient
) -> None:
    first = client.post("/api/v1/keys", json={"signed": True}, headers=KEY)
    second = client.post("/api/v1/keys", json={"signed": True}, headers=KEY)

    assert (first.status_code, second.json()) == (201, first.json())
    with db("owner").transaction() as tx:
        [row] = tx.execute("SELECT answer, idempotency_keys::text FROM idempotency_keys").fetchall()
    assert unseal(row[0], CIPHER)["status"] == 201
    assert [secret for secret in (first.json()["key"], first.json()["signing_secret"]) if secret in row[1]] == []


def test_a_caller_sees_neither_anothers_keys_nor_those_of_submissions(
    db: Databases, client: TestClient, project: UUID
) -> None:
    start(client)
    with db("ingest").transaction(project=project) as tx:
        remember(tx, "key:a", project=project, body_hash=b"", answer={}, now=datetime.now(UTC), submission=project)
        of_submissions = tx.execute("SELECT caller FROM idempotency_keys").fetchall()
    with db("console").transaction(project=project) as tx:
        tx.execute("SELECT set_config('oddline.caller', 'key:another', true)")
        of_another = tx.execute("SELECT caller FROM idempotency_keys").fetchall()

    assert (of_submissions, of_another) == ([("",)], [])


def test_a_key_that_is_no_text_of_a_header_is_refused(client: TestClient) -> None:
    answers = [client.post("/api/v1/tasks", json=WISH, headers={"Idempotency-Key": key}) for key in ("", "k" * 256)]

    assert {refusal(answer) for answer in answers} == {(422, "invalid-parameter", "Idempotency-Key")}


def test_answers_that_an_older_key_sealed_are_sealed_by_the_newest(db: Databases, client: TestClient) -> None:
    first = start(client).json()
    newest = Cipher(["the newest of all keys"])
    both = Cipher(["the newest of all keys", *CIPHER._keys])

    after, changed = UUID(int=0), 0
    with db("worker").transaction() as tx:
        while after is not None:
            after, more = renew_answers(tx, after=after, limit=10, cipher=both)
            changed += more

    with db("owner").transaction() as tx:
        [(answer,)] = tx.execute("SELECT answer FROM idempotency_keys").fetchall()
    assert changed == 1
    assert first["task_id"] in unseal(answer, newest)["body"]
