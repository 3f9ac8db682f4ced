"""A project's admins make, list, change and revoke its API keys over HTTP."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from reading import Databases, client_with_key, key_of, refusal
from starlette.testclient import TestClient

from functions.console.app import router
from oddline.errors import Forbidden, Unauthenticated
from oddline.identity import Caller, Scope, authenticate, clean_up_keys, create_key
from oddline.maintenance import CLEANUP_EXPIRED_API_KEYS
from oddline.settings import Side
from oddline.submissions import new_id

PATH = "/api/v1/keys"
WRONG: list[tuple[dict[str, Any], str]] = [
    ({"scopes": ["everything"]}, "scopes.0"),
    ({"scopes": []}, "scopes"),
    ({"days": 0}, "days"),
    ({"days": 10**6}, "days"),
    ({"name": "a\0b"}, "name"),
    ({"key": "odl_mine"}, "key"),
]

pytestmark = pytest.mark.usefixtures("forgotten_callers")


@pytest.fixture
def database_urls(module_database_urls: dict[Side, str]) -> dict[Side, str]:
    return module_database_urls


@pytest.fixture
def client(db: Databases, redis_url: str, tmp_path: Path, project: UUID) -> Iterator[TestClient]:
    """A client with a key that may administer."""
    with client_with_key(
        "console", router, db=db, redis_url=redis_url, folder=tmp_path, project=project, scopes=[Scope.ADMIN]
    ) as client:
        yield client


def made(client: TestClient, **asked: Any) -> dict[str, Any]:
    answer = client.post(PATH, json=asked)
    assert answer.status_code == 201, answer.text
    key: dict[str, Any] = answer.json()
    return key


def caller(db: Databases, key: str, *, after: timedelta = timedelta()) -> Caller:
    return authenticate(db("ingest"), presented=key, now=datetime.now(UTC) + after)


def test_a_key_is_shown_once_and_does_what_was_asked_for(client: TestClient, db: Databases, project: UUID) -> None:
    key = made(client, name="checkout", scopes=["ingest", "write"], days=1)

    listed = client.get(PATH)

    opened = caller(db, key["key"])
    assert (opened.project, opened.scopes) == (project, {Scope.INGEST, Scope.WRITE})
    with pytest.raises(Unauthenticated, match="has expired"):
        caller(db, key["key"], after=timedelta(hours=25))
    shown = listed.json()["keys"][0]
    assert (shown["id"], shown["name"], shown["prefix"]) == (key["id"], "checkout", key["key"][:12])
    assert (shown["state"], shown["signed"], shown["last_used_at"]) == ("in force", False, None)
    assert key["key"] not in listed.text


def test_the_list_tells_when_a_key_was_last_used(client: TestClient, db: Databases) -> None:
    key = made(client)

    caller(db, key["key"])

    assert client.get(PATH).json()["keys"][0]["last_used_at"] is not None


def test_the_list_comes_in_pages(client: TestClient) -> None:
    names = [made(client, name=f"key {number}")["name"] for number in range(3)]

    first = client.get(PATH, params={"limit": 2}).json()
    second = client.get(PATH, params={"limit": 2, "before": first["next"]}).json()

    shown = [key["name"] for page in (first, second) for key in page["keys"]]
    assert shown == [*reversed(names), "test"]
    assert "next" not in second


@pytest.mark.parametrize(("asked", "field"), WRONG, ids=str)
def test_what_cannot_be_a_key_is_refused_by_its_field(client: TestClient, asked: Any, field: str) -> None:
    assert refusal(client.post(PATH, json=asked)) == (422, "invalid-parameter", field)


def test_a_revoked_key_is_refused_at_once_and_can_be_revoked_again(client: TestClient, db: Databases) -> None:
    key = made(client)
    caller(db, key["key"])

    answers = [client.delete(f"{PATH}/{key['id']}").status_code for _ in range(2)]

    assert answers == [204, 204]
    with pytest.raises(Unauthenticated, match="revoked"):
        caller(db, key["key"])
    assert client.get(PATH).json()["keys"][0]["state"] == "revoked"


def test_a_key_that_is_not_there_can_be_neither_revoked_nor_changed(client: TestClient) -> None:
    assert refusal(client.delete(f"{PATH}/{new_id()}"))[:2] == (404, "not-found")
    assert refusal(client.post(f"{PATH}/{new_id()}/signing-secret"))[:2] == (404, "not-found")


def test_nobody_can_give_a_scope_that_they_lack(db: Databases, project: UUID) -> None:
    with pytest.raises(Forbidden, match=r"admin, ingest, write"):
        create_key(
            db("console"), project=project, name="", key_id=new_id(), now=datetime.now(UTC), scopes=[Scope.ADMIN],
            grantable={Scope.READ},
        )  # fmt: skip


@pytest.mark.parametrize("scope", [Scope.INGEST, Scope.READ, Scope.WRITE])
def test_only_an_admin_sees_or_makes_keys(client: TestClient, db: Databases, project: UUID, scope: Scope) -> None:
    headers = key_of(db, project, scope)

    assert refusal(client.get(PATH, headers=headers))[0] == 403
    assert refusal(client.post(PATH, json={}, headers=headers))[0] == 403


def test_a_key_without_a_secret_has_none_to_be_changed(client: TestClient) -> None:
    key = made(client)

    assert refusal(client.post(f"{PATH}/{key['id']}/signing-secret"))[:2] == (409, "conflict")


def test_a_new_signing_secret_stands_beside_the_one_before_for_the_named_time(
    client: TestClient, db: Databases
) -> None:
    key = made(client, signed=True)

    changed = client.post(f"{PATH}/{key['id']}/signing-secret", params={"older_valid_hours": 2}).json()

    new, old = changed["signing_secret"], key["signing_secret"]
    assert caller(db, key["key"], after=timedelta(minutes=119)).signing_secrets == (new, old)
    assert caller(db, key["key"], after=timedelta(minutes=121)).signing_secrets == (new,)
    assert client.get(PATH).json()["keys"][0]["older_secret_until"] == changed["older_valid_until"]


def test_of_three_secrets_the_oldest_is_over_at_once(client: TestClient, db: Databases) -> None:
    key = made(client, signed=True)

    second, third = (client.post(f"{PATH}/{key['id']}/signing-secret").json()["signing_secret"] for _ in range(2))

    assert caller(db, key["key"]).signing_secrets == (third, second)


def test_a_secret_that_leaked_can_be_ended_at_once(client: TestClient, db: Databases) -> None:
    key = made(client, signed=True)

    new = client.post(f"{PATH}/{key['id']}/signing-secret", params={"older_valid_hours": 0}).json()["signing_secret"]

    assert caller(db, key["key"]).signing_secrets == (new,)


@pytest.mark.parametrize("hours", ["-1", "169", "nan", "soon"])
def test_the_time_of_the_older_secret_has_bounds(client: TestClient, hours: str) -> None:
    answer = client.post(f"{PATH}/{new_id()}/signing-secret", params={"older_valid_hours": hours})

    assert refusal(answer) == (422, "invalid-parameter", "older_valid_hours")


def test_cleaning_up_deletes_what_ended_a_month_ago_and_secrets_that_were_changed(
    client: TestClient, db: Databases, project: UUID
) -> None:
    now = datetime.now(UTC)
    expiring, revoked, kept = made(client, days=1), made(client), made(client, signed=True)
    client.delete(f"{PATH}/{revoked['id']}")
    client.post(f"{PATH}/{kept['id']}/signing-secret", params={"older_valid_hours": 1})

    soon = clean_up_keys(db("worker"), now=now + timedelta(days=29))
    later = clean_up_keys(db("worker"), now=now + timedelta(days=32))

    assert (soon, later) == ({"keys": 0, "secrets": 1}, {"keys": 2, "secrets": 0})
    left = {key["id"] for key in client.get(PATH).json()["keys"]}
    assert kept["id"] in left
    assert not left & {expiring["id"], revoked["id"]}
    with db("worker").transaction() as tx:
        row = tx.execute("SELECT retiring_secrets FROM api_keys WHERE id = %s", [kept["id"]]).fetchone()
    assert row == ([],)


def test_keys_are_cleaned_up_each_night() -> None:
    assert CLEANUP_EXPIRED_API_KEYS.schedule is not None
    assert CLEANUP_EXPIRED_API_KEYS.schedule.expression == "cron(30 2 * * ? *)"
