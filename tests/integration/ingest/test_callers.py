"""Only who may submit does, and only into their own project."""

import hashlib
import hmac
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from acting import CIPHER
from ingesting import HMAC_SECRET, Stored
from movable_clock import MovableClock
from starlette.testclient import TestClient

from functions.http import Parts, new_app
from functions.ingest.app import router
from oddline.database import Database
from oddline.identity import NewKey, renew_signing_secrets, revoke_key, rotate_signing_secret, sign_webhook
from oddline.settings import Side

Read = Callable[[], list[Stored]]
MakeKey = Callable[..., NewKey]
PATHS = ["/api/v1/logs", "/api/v1/logs/batch", "/api/logs/", "/api/batch-analysis/"]
BODY = json.dumps({"message": "a"}).encode()

pytestmark = pytest.mark.usefixtures("emptied_inbox")


@pytest.fixture
def database_urls(module_database_urls: dict[Side, str]) -> dict[Side, str]:
    return module_database_urls


def older(body: bytes, secret: str = HMAC_SECRET) -> str:
    return hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


def signed(key: NewKey, clock: MovableClock, *, body: bytes = BODY, message_id: str = "msg_1") -> dict[str, str]:
    assert key.signing_secret is not None
    timestamp = str(int(clock().timestamp()))
    signature = sign_webhook(body, message_id=message_id, timestamp=timestamp, secret=key.signing_secret)
    return {
        "X-API-Key": key.key,
        "webhook-id": message_id,
        "webhook-timestamp": timestamp,
        "webhook-signature": signature,
    }


def assert_refused(answer: Any, status: int) -> dict[str, Any]:
    assert answer.status_code == status
    assert answer.headers["Content-Type"] == "application/problem+json"
    document: dict[str, Any] = answer.json()
    return document


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize(
    "headers",
    [{}, {"X-API-Key": ""}, {"Authorization": "Basic YTpi"}, {"X-API-Key": "odl_00000000_unknown"},
     {"Authorization": "Bearer odl_00000000_\xff".encode("latin-1")}],
    ids=["none", "empty", "basic", "unknown", "not ASCII"],
)  # fmt: skip
def test_without_a_known_key_nothing_is_taken(anonymous: TestClient, stored: Read, path: str, headers: Any) -> None:
    answer = anonymous.post(path, content=BODY, headers=headers)

    assert assert_refused(answer, 401)["code"] == "unauthenticated"
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")
    assert stored() == []


@pytest.mark.parametrize("header", ["X-API-Key", "Authorization"])
def test_a_key_is_taken_in_either_header(anonymous: TestClient, make_key: MakeKey, header: str) -> None:
    key = make_key().key
    value = f"Bearer {key}" if header == "Authorization" else key

    assert anonymous.post("/api/v1/logs", content=BODY, headers={header: value}).status_code == 202


def test_a_revoked_key_is_refused_at_once(
    anonymous: TestClient, make_key: MakeKey, project: UUID, db: Callable[[Any], Database], stored: Read
) -> None:
    made = make_key()
    revoke_key(db("owner"), made.id, project=project, now=datetime.now(UTC))

    answer = anonymous.post("/api/v1/logs", content=BODY, headers={"X-API-Key": made.key})

    assert "revoked" in assert_refused(answer, 401)["detail"]
    assert stored() == []


def test_an_expired_key_is_refused(anonymous: TestClient, make_key: MakeKey, clock: MovableClock) -> None:
    key = make_key(expires_at=clock() + timedelta(hours=1)).key
    clock.move(timedelta(hours=1))

    answer = anonymous.post("/api/v1/logs", content=BODY, headers={"X-API-Key": key})

    assert "has expired" in assert_refused(answer, 401)["detail"]


def test_a_key_that_may_only_read_cannot_submit(anonymous: TestClient, make_key: MakeKey, stored: Read) -> None:
    key = make_key(scopes=["read"]).key

    answer = anonymous.post("/api/v1/logs", content=BODY, headers={"X-API-Key": key})

    assert assert_refused(answer, 403)["code"] == "forbidden"
    assert stored() == []


def test_a_foreign_key_submits_into_its_own_project_only(
    anonymous: TestClient, make_key: MakeKey, project: UUID, other_project: UUID, stored: Read
) -> None:
    foreign = make_key(project=other_project).key

    anonymous.post("/api/v1/logs", content=BODY, headers={"X-API-Key": foreign, "X-Project": str(project)})

    assert [submission.project for submission in stored()] == [other_project]


def test_a_signed_request_is_taken(anonymous: TestClient, make_key: MakeKey, clock: MovableClock, stored: Read) -> None:
    answer = anonymous.post("/api/v1/logs", content=BODY, headers=signed(make_key(signed=True), clock))

    assert answer.status_code == 202
    assert len(stored()) == 1


@pytest.mark.parametrize("path", PATHS)
def test_a_key_with_a_secret_demands_a_signature(
    anonymous: TestClient, make_key: MakeKey, stored: Read, path: str
) -> None:
    headers = {"X-API-Key": make_key(signed=True).key}
    if not path.startswith("/api/v1"):
        headers["X-HMAC-Signature"] = older(BODY)

    answer = anonymous.post(path, content=BODY, headers=headers)

    assert assert_refused(answer, 401)["field"] == "webhook-id"
    assert stored() == []


def test_a_wrong_signature_is_refused(
    anonymous: TestClient, make_key: MakeKey, clock: MovableClock, stored: Read
) -> None:
    headers = signed(make_key(signed=True), clock)

    answer = anonymous.post("/api/v1/logs", content=BODY + b" ", headers=headers)

    assert assert_refused(answer, 401)["field"] == "webhook-signature"
    assert stored() == []


def test_a_stale_signature_is_refused(
    anonymous: TestClient, make_key: MakeKey, clock: MovableClock, stored: Read
) -> None:
    headers = signed(make_key(signed=True), clock)
    clock.move(timedelta(minutes=6))

    answer = anonymous.post("/api/v1/logs", content=BODY, headers=headers)

    assert assert_refused(answer, 401)["field"] == "webhook-timestamp"
    assert stored() == []


def test_a_signing_secret_stands_nowhere_in_the_clear_and_one_of_an_older_version_is_taken_until_it_is_encrypted(
    anonymous: TestClient, make_key: MakeKey, db: Callable[[Any], Database], clock: MovableClock
) -> None:
    made, older = make_key(signed=True), make_key(signed=True)

    def stored_secrets() -> str:
        with db("owner").transaction() as tx:
            return str(tx.execute("SELECT array_agg(api_keys::text) FROM api_keys").fetchone())

    def sent(key: NewKey, message_id: str) -> int:
        headers = signed(key, clock, message_id=message_id)
        return anonymous.post("/api/v1/logs", content=BODY, headers=headers).status_code

    clear_at_first = "whsec_" in stored_secrets()
    with db("owner").transaction() as tx:
        tx.execute("UPDATE api_keys SET signing_secrets = ARRAY[%s] WHERE id = %s", [older.signing_secret, older.id])
    before = sent(made, "msg_1"), sent(older, "msg_2")
    with db("worker").transaction() as tx:
        renew_signing_secrets(tx, after=UUID(int=0), limit=100, cipher=CIPHER)

    assert (clear_at_first, "whsec_" in stored_secrets()) == (False, False)
    assert (before, sent(made, "msg_3"), sent(older, "msg_4")) == ((202, 202), 202, 202)


def test_while_a_secret_is_changed_both_are_taken_and_afterwards_the_new_one_alone(
    anonymous: TestClient, make_key: MakeKey, project: UUID, db: Callable[[Any], Database], clock: MovableClock
) -> None:
    key = make_key(signed=True)
    ends = clock() + timedelta(hours=1)
    secret = rotate_signing_secret(db("owner"), key.id, project=project, older_until=ends, now=clock())

    def sent_with(secret: str | None, message_id: str) -> int:
        headers = signed(replace(key, signing_secret=secret), clock, message_id=message_id)
        return anonymous.post("/api/v1/logs", content=BODY, headers=headers).status_code

    during = sent_with(key.signing_secret, "msg_1"), sent_with(secret, "msg_2")
    clock.move(timedelta(hours=1))
    after = sent_with(key.signing_secret, "msg_3"), sent_with(secret, "msg_4")

    assert (during, after) == ((202, 202), (401, 202))


def test_a_replayed_message_gets_its_first_answer_and_stores_nothing(
    anonymous: TestClient, make_key: MakeKey, clock: MovableClock, stored: Read
) -> None:
    key = make_key(signed=True)
    headers = signed(key, clock)

    first, second = (anonymous.post("/api/v1/logs", content=BODY, headers=headers) for _ in range(2))
    other = b'{"message": "b"}'
    forged = anonymous.post("/api/v1/logs", content=other, headers=signed(key, clock, body=other))

    assert (first.status_code, second.status_code, second.json()) == (202, 202, first.json())
    assert assert_refused(forged, 422)["code"] == "key-reused"
    assert len(stored()) == 1


def test_a_signature_that_nobody_can_check_is_refused(
    anonymous: TestClient, make_key: MakeKey, clock: MovableClock
) -> None:
    headers = signed(make_key(signed=True), clock) | {"X-API-Key": make_key().key}

    answer = anonymous.post("/api/v1/logs", content=BODY, headers=headers)

    document = assert_refused(answer, 401)
    assert (document["field"], "no signing secret" in document["detail"]) == ("webhook-signature", True)


@pytest.mark.parametrize("path", ["/api/logs/", "/api/batch-analysis/"])
@pytest.mark.parametrize("signature", ["", "00", older(BODY, "another secret"), older(BODY + b" ")])
def test_a_wrong_older_signature_is_refused(
    anonymous: TestClient, project: UUID, stored: Read, path: str, signature: str
) -> None:
    answer = anonymous.post(path, content=BODY, headers={"X-HMAC-Signature": signature})

    assert assert_refused(answer, 401)["field"] == "X-HMAC-Signature"
    assert stored() == []


@pytest.mark.parametrize("path", ["/api/v1/logs", "/api/v1/logs/batch"])
def test_the_older_header_counts_for_nothing_at_the_newer_routes(
    anonymous: TestClient, project: UUID, path: str
) -> None:
    answer = anonymous.post(path, content=BODY, headers={"X-HMAC-Signature": older(BODY)})

    assert_refused(answer, 401)


@pytest.mark.parametrize(
    ("setting", "status"),
    [({"legacy_project": ""}, 401), ({"legacy_project": "none"}, 500), ({"hmac_secret": ""}, 401)],
)
def test_the_older_header_needs_its_settings(
    parts: Parts, project: UUID, stored: Read, setting: dict[str, str], status: int
) -> None:
    changed = replace(parts, settings=parts.settings.model_copy(update=setting))
    with TestClient(new_app(router, title="test", parts=lambda: changed)) as client:
        answer = client.post("/api/logs/", content=BODY, headers={"X-HMAC-Signature": older(BODY)})

    assert_refused(answer, status)
    assert stored() == []
