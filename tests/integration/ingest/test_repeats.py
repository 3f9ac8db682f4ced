"""A request that comes again is answered as it was the first time, and stored once."""

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from ingesting import Stored
from movable_clock import MovableClock
from starlette.testclient import TestClient

from oddline.identity import NewKey, sign_webhook

Read = Callable[[], list[Stored]]
MakeKey = Callable[..., NewKey]
KEY = {"Idempotency-Key": "8e03978e-40d5-43dd-bc93-6894a57f9324"}


@pytest.mark.both_postgres
@pytest.mark.parametrize(
    ("path", "body"), [("/api/v1/logs", {"message": "a"}), ("/api/v1/logs/batch", [{"message": "a"}, 7])]
)
def test_the_same_key_and_body_get_the_first_answer(client: TestClient, stored: Read, path: str, body: Any) -> None:
    first = client.post(path, json=body, headers=KEY)

    second = client.post(path, json=body, headers=KEY)

    assert (first.status_code, second.status_code) == (202, 202)
    assert second.json() == first.json()
    assert second.headers["Location"] == first.headers["Location"]
    assert "Idempotent-Replayed" not in first.headers
    assert second.headers["Idempotent-Replayed"] == "true"
    assert len(stored()) == 1


def test_the_same_key_with_another_body_is_refused(client: TestClient, stored: Read) -> None:
    client.post("/api/v1/logs", json={"message": "a"}, headers=KEY)

    answer = client.post("/api/v1/logs", json={"message": "b"}, headers=KEY)

    assert (answer.status_code, answer.json()["code"]) == (422, "key-reused")
    assert len(stored()) == 1


def test_the_same_bytes_at_another_route_are_another_body(client: TestClient) -> None:
    client.post("/api/v1/logs", json={"message": "a"}, headers=KEY)

    headers = KEY | {"Content-Type": "application/x-ndjson"}
    answer = client.post("/api/v1/logs/batch", content=json.dumps({"message": "a"}), headers=headers)

    assert answer.status_code == 422


def test_without_a_key_a_repeat_is_another_submission(client: TestClient, stored: Read) -> None:
    for _ in range(2):
        client.post("/api/v1/logs", json={"message": "a"})

    assert len(stored()) == 2


def test_the_same_key_in_two_projects_is_two_requests(
    client: TestClient, make_key: MakeKey, other_project: Any, stored: Read
) -> None:
    client.post("/api/v1/logs", json={"message": "a"}, headers=KEY)

    foreign = {"Authorization": f"Bearer {make_key(project=other_project).key}"}
    answer = client.post("/api/v1/logs", json={"message": "b"}, headers=KEY | foreign)

    assert answer.status_code == 202
    assert len(stored()) == 2


def test_many_at_once_with_the_same_key_are_stored_once(client: TestClient, stored: Read) -> None:
    with ThreadPoolExecutor(8) as threads:
        answers = list(
            threads.map(lambda _: client.post("/api/v1/logs", json={"message": "a"}, headers=KEY), range(24))
        )

    assert {answer.status_code for answer in answers} <= {202, 409}
    assert len({answer.json()["id"] for answer in answers if answer.status_code == 202}) == 1
    assert len(stored()) == 1


def post_signed(
    client: TestClient, key: NewKey, clock: MovableClock, *, message: str, message_id: str = "msg_1"
) -> Any:
    assert key.signing_secret is not None
    body, timestamp = json.dumps({"message": message}).encode(), str(int(clock().timestamp()))
    headers = {
        "X-API-Key": key.key,
        "webhook-id": message_id,
        "webhook-timestamp": timestamp,
        "webhook-signature": sign_webhook(body, message_id=message_id, timestamp=timestamp, secret=key.signing_secret),
    }
    return client.post("/api/v1/logs", content=body, headers=headers)


def test_a_signed_message_sent_again_later_gets_the_first_answer(
    anonymous: TestClient, make_key: MakeKey, clock: MovableClock, stored: Read
) -> None:
    key = make_key(signed=True)
    first = post_signed(anonymous, key, clock, message="a")
    clock.move(timedelta(minutes=20))

    second = post_signed(anonymous, key, clock, message="a")

    assert (second.status_code, second.json()) == (202, first.json())
    assert len(stored()) == 1


def test_the_same_message_id_with_another_body_is_refused(
    anonymous: TestClient, make_key: MakeKey, clock: MovableClock, stored: Read
) -> None:
    key = make_key(signed=True)
    post_signed(anonymous, key, clock, message="a")

    answer = post_signed(anonymous, key, clock, message="b")

    assert (answer.status_code, answer.json()["code"]) == (422, "key-reused")
    assert len(stored()) == 1


def test_a_message_id_of_over_255_characters_is_refused(
    anonymous: TestClient, make_key: MakeKey, clock: MovableClock
) -> None:
    answer = post_signed(anonymous, make_key(signed=True), clock, message="a", message_id="m" * 256)

    assert (answer.status_code, answer.json()["field"]) == (422, "webhook-id")
