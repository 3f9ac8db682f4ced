"""People sign in with tokens of their issuer, browsers with sessions; each is who the project says, and no more."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import jwt
import pytest
from movable_clock import MovableClock
from oidc_provider import CLIENT, Provider, running_provider
from reading import Databases, client_of, key_of, open_reading_parts, refusal
from starlette.testclient import TestClient

from functions.console.app import router
from functions.http import Parts
from functions.ingest.app import app as ingest
from functions.search.app import router as search_router
from oddline.identity import Issuer, Role, Scope, create_key, person_id, revoke_key
from oddline.settings import Side
from oddline.submissions import new_id

pytestmark = [
    pytest.mark.usefixtures("forgotten_callers"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),  # of the provider, while it serves
    pytest.mark.filterwarnings("ignore::jwt.warnings.InsecureKeyLengthWarning"),  # of what is forged
]

ME, MEMBERS, SESSION = "/api/v1/me", "/api/v1/members", "/api/v1/session"


@pytest.fixture
def database_urls(module_database_urls: dict[Side, str]) -> dict[Side, str]:
    return module_database_urls


@pytest.fixture(scope="module")
def provider() -> Iterator[Provider]:
    with running_provider() as provider:
        yield provider


@pytest.fixture
def clock() -> MovableClock:
    return MovableClock()


@pytest.fixture
def parts(db: Databases, redis_url: str, tmp_path: Path, provider: Provider, clock: MovableClock) -> Iterator[Parts]:
    with open_reading_parts(db("console"), redis_url=redis_url, folder=tmp_path) as parts:
        settings = parts.settings.model_copy(
            update={"encryption_keys": "the newer of the keys,the older of the keys", "oidc_issuer": provider.url}
        )
        issuer = Issuer(provider.url, audience=CLIENT, algorithms=["RS256"])
        yield replace(parts, settings=settings, issuer=issuer, clock=clock)


@pytest.fixture
def client(parts: Parts) -> Iterator[TestClient]:
    with client_of(router, parts) as client:
        yield client


@pytest.fixture
def admin(db: Databases, project: UUID) -> dict[str, str]:
    return key_of(db, project, Scope.ADMIN)


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def invited(client: TestClient, admin: dict[str, str], role: str = "member", **who: str) -> dict[str, Any]:
    answer = client.post(MEMBERS, json={"role": role, **who}, headers=admin)
    assert answer.status_code == 201, answer.text
    member: dict[str, Any] = answer.json()
    return member


def me(client: TestClient, headers: dict[str, str]) -> Any:
    answer = client.get(ME, headers=headers)
    assert answer.status_code == 200, answer.text
    return answer.json()


@pytest.mark.parametrize(
    ("role", "scopes"),
    [("viewer", ["read"]), ("member", ["ingest", "read", "write"]), ("admin", ["admin", "ingest", "read", "write"])],
)
def test_a_member_is_told_who_they_are_and_what_they_may_do(
    client: TestClient, admin: dict[str, str], provider: Provider, project: UUID, role: str, scopes: list[str]
) -> None:
    invited(client, admin, role, subject="ada")

    told = me(client, bearer(provider.sign_in("ada")))

    assert told["actor"] == f"person:{person_id(provider.url, 'ada')}"
    assert (told["role"], told["scopes"]) == (role, scopes)
    assert told["project"] == {"id": str(project), "name": "first"}


def test_who_is_a_member_of_no_project_is_refused(client: TestClient, provider: Provider) -> None:
    assert refusal(client.get(ME, headers=bearer(provider.sign_in("nobody"))))[:2] == (403, "forbidden")


def test_an_invitation_by_mail_is_for_whoever_has_the_address_first_and_for_them_alone(
    client: TestClient, admin: dict[str, str], provider: Provider
) -> None:
    invited(client, admin, email="Grace@Example.org")

    first = me(client, bearer(provider.sign_in("grace", email="grace@example.org", email_verified=True)))
    later = provider.sign_in("successor", email="grace@example.org", email_verified=True)

    assert first["role"] == "member"
    assert refusal(client.get(ME, headers=bearer(later)))[0] == 403
    [listed] = client.get(MEMBERS, headers=admin).json()["members"]
    assert (listed["subject"], listed["email"], listed["person"]) == ("grace", "grace@example.org", first["actor"])
    assert listed["last_seen_at"] is not None


@pytest.mark.parametrize("verified", [False, None, "no", 1, ["true"]])
def test_an_address_that_the_issuer_has_not_verified_opens_nothing(
    client: TestClient, admin: dict[str, str], provider: Provider, verified: Any
) -> None:
    invited(client, admin, email="eve@example.org")

    token = provider.sign_in("eve", email="eve@example.org", email_verified=verified)

    assert refusal(client.get(ME, headers=bearer(token)))[0] == 403


def test_a_changed_role_and_a_removal_count_from_the_next_request_on(
    client: TestClient, admin: dict[str, str], provider: Provider
) -> None:
    member, token = invited(client, admin, "viewer", subject="ada"), bearer(provider.sign_in("ada"))
    place = f"{MEMBERS}/{member['id']}"

    roles = [me(client, token)["role"]]
    assert client.put(place, json={"role": "admin"}, headers=admin).json()["role"] == "admin"
    roles.append(me(client, token)["role"])
    removed = client.delete(place, headers=admin)

    assert (roles, removed.status_code) == (["viewer", "admin"], 204)
    assert refusal(client.get(ME, headers=token))[0] == 403
    assert refusal(client.delete(place, headers=admin))[0] == 404


def test_nobody_is_a_member_twice(client: TestClient, admin: dict[str, str]) -> None:
    for who in ({"subject": "ada"}, {"email": "ada@example.org"}):
        invited(client, admin, **who)

        assert refusal(client.post(MEMBERS, json={"role": "viewer", **who}, headers=admin))[0] == 409


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"role": "viewer"}, "email"),
        ({"role": "viewer", "email": "a@example.org", "subject": "a"}, "email"),
        ({"role": "owner", "subject": "a"}, "role"),
        ({"role": "viewer", "email": "nobody"}, "email"),
        ({"role": "viewer", "subject": ""}, "subject"),
    ],
)
def test_what_tells_no_person_or_no_role_is_refused(
    client: TestClient, admin: dict[str, str], body: Any, field: str
) -> None:
    assert refusal(client.post(MEMBERS, json=body, headers=admin)) == (422, "invalid-parameter", field)


def test_a_member_of_several_projects_chooses_one(
    client: TestClient, db: Databases, admin: dict[str, str], other_project: UUID, provider: Provider, project: UUID
) -> None:
    invited(client, admin, "viewer", subject="ada")
    invited(client, key_of(db, other_project, Scope.ADMIN), "admin", subject="ada")
    token = bearer(provider.sign_in("ada"))

    unchosen = client.get(ME, headers=token)
    by_name = me(client, token | {"X-Project": "first"})
    by_id = me(client, token | {"X-Project": str(other_project)})

    assert refusal(unchosen) == (400, "bad-request", "X-Project")
    assert (by_name["project"]["id"], by_name["role"]) == (str(project), "viewer")
    assert (by_id["project"]["id"], by_id["role"]) == (str(other_project), "admin")
    assert [one["name"] for one in by_id["projects"]] == ["first", "second"]


@pytest.mark.parametrize(
    ("claim", "claims"),
    [
        ("groups", {"groups": ["everybody", "oddline:first:member", "oddline:first:viewer", "oddline:none:admin"]}),
        ("realm.roles", {"realm": {"roles": ["oddline:first:member"]}}),
        ("https://example.org/roles", {"https://example.org/roles": "oddline:first:member"}),
    ],
)
def test_the_issuer_may_give_roles_by_a_claim(
    parts: Parts, project: UUID, provider: Provider, claim: str, claims: dict[str, Any]
) -> None:
    by_claim = replace(parts, settings=parts.settings.model_copy(update={"oidc_role_claim": claim}))
    token = bearer(provider.sign_in("ada", **claims))

    with client_of(router, by_claim) as client, client_of(router, parts) as without:
        assert me(client, token)["role"] == "member"
        assert refusal(without.get(ME, headers=token))[0] == 403


@pytest.mark.parametrize(
    "roles",
    ["first:admin", "oddline:first:owner", "oddline:first", "oddline:\0:admin", 7, {"a": 1}],
)
def test_what_is_no_role_in_the_claim_gives_none(parts: Parts, project: UUID, provider: Provider, roles: Any) -> None:
    by_claim = replace(parts, settings=parts.settings.model_copy(update={"oidc_role_claim": "groups"}))

    with client_of(router, by_claim) as client:
        assert refusal(client.get(ME, headers=bearer(provider.sign_in("ada", groups=roles))))[0] == 403


def test_of_a_role_by_claim_and_one_by_the_project_the_higher_counts(
    parts: Parts, admin: dict[str, str], provider: Provider
) -> None:
    by_claim = replace(parts, settings=parts.settings.model_copy(update={"oidc_role_claim": "groups"}))

    with client_of(router, by_claim) as client:
        invited(client, admin, "admin", subject="ada")
        assert me(client, bearer(provider.sign_in("ada", groups=["oddline:first:viewer"])))["role"] == "admin"


def test_tokens_are_taken_where_entries_are_read_and_refused_where_they_are_taken_in(
    parts: Parts, db: Databases, client: TestClient, admin: dict[str, str], provider: Provider,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    invited(client, admin, subject="ada")
    token = bearer(provider.sign_in("ada"))
    monkeypatch.setitem(ingest.state._state, "parts", lambda: replace(parts, db=db("ingest")))

    with client_of(search_router, replace(parts, db=db("search"))) as searching:
        assert searching.get("/api/v1/logs", headers=token).status_code == 200
    with TestClient(ingest) as submitting:
        assert refusal(submitting.post("/api/v1/logs", json={"message": "a"}, headers=token))[0] == 401


def test_where_no_issuer_is_set_nobody_signs_in_or_is_invited(
    parts: Parts, admin: dict[str, str], provider: Provider
) -> None:
    without = replace(parts, issuer=None, settings=parts.settings.model_copy(update={"oidc_issuer": ""}))

    with client_of(router, without) as client:
        assert refusal(client.get(ME, headers=bearer(provider.sign_in("ada"))))[0] == 401
        assert refusal(client.post(MEMBERS, json={"role": "viewer", "subject": "ada"}, headers=admin))[0] == 409


def test_an_issuer_that_is_away_is_no_refusal(parts: Parts, provider: Provider, closed_port: int) -> None:
    gone = Issuer(f"http://localhost:{closed_port}", audience=CLIENT, algorithms=["RS256"])

    with client_of(router, replace(parts, issuer=gone)) as client:
        answer = client.get(ME, headers=bearer(provider.sign_in("ada")))

    assert refusal(answer)[:2] == (503, "issuer-unavailable")
    assert answer.headers["Retry-After"] == "5"


def test_a_key_is_told_who_it_is(client: TestClient, db: Databases, project: UUID) -> None:
    told = me(client, key_of(db, project, Scope.INGEST, Scope.READ))

    assert told["actor"].startswith("key:")
    assert (told["name"], told["role"], told["scopes"]) == ("test", Role.VIEWER, ["ingest", "read"])


# Sessions


def session(client: TestClient, headers: dict[str, str]) -> dict[str, str]:
    answer = client.post(SESSION, headers=headers)
    assert answer.status_code == 201, answer.text
    assert answer.headers["Cache-Control"] == "no-store"
    return bearer(answer.json()["token"])


def test_a_session_stands_for_its_key(client: TestClient, admin: dict[str, str]) -> None:
    begun = session(client, admin)

    assert me(client, begun) == me(client, admin)


def test_a_session_ends_with_its_key_at_once(
    client: TestClient, db: Databases, project: UUID, clock: MovableClock
) -> None:
    keys = [
        create_key(db("worker"), project=project, name="", key_id=new_id(), now=clock(), expires_at=expires)
        for expires in (None, clock() + timedelta(minutes=5), None)
    ]
    sessions = [session(client, {"X-API-Key": key.key}) for key in keys]
    assert [client.get(ME, headers=headers).status_code for headers in sessions] == [200, 200, 200]

    revoke_key(db("worker"), keys[0].id, project=project, now=clock())
    with db("worker").transaction() as tx:
        tx.execute("DELETE FROM api_keys WHERE id = %s", [keys[2].id])
    clock.move(timedelta(minutes=5))

    assert [refusal(client.get(ME, headers=headers))[0] for headers in sessions] == [401, 401, 401]


def test_a_session_is_over_after_an_hour(client: TestClient, admin: dict[str, str], clock: MovableClock) -> None:
    clock.move(-timedelta(minutes=58))
    assert client.get(ME, headers=session(client, admin)).status_code == 200

    clock.move(-timedelta(minutes=4))

    assert refusal(client.get(ME, headers=session(client, admin)))[0] == 401


def test_a_session_is_renewed_for_half_a_day_and_no_longer(
    client: TestClient, admin: dict[str, str], clock: MovableClock
) -> None:
    begun = session(client, admin)

    clock.move(timedelta(hours=11, minutes=30))
    renewed = client.post(SESSION, headers=begun)
    clock.move(timedelta(minutes=30))

    assert datetime.fromisoformat(renewed.json()["expires_at"]) <= clock()
    assert refusal(client.post(SESSION, headers=begun))[0] == 401


def test_people_get_no_session(client: TestClient, admin: dict[str, str], provider: Provider) -> None:
    invited(client, admin, subject="ada")

    assert refusal(client.post(SESSION, headers=bearer(provider.sign_in("ada"))))[0] == 403


def test_a_session_outlives_a_change_of_keys_until_the_older_is_gone(parts: Parts, admin: dict[str, str]) -> None:
    def with_keys(keys: str) -> Any:
        return client_of(router, replace(parts, settings=parts.settings.model_copy(update={"encryption_keys": keys})))

    with with_keys("the older of the keys") as before:
        begun = session(before, admin)

    with (
        with_keys("the newer of the keys,the older of the keys") as during,
        with_keys("the newer of the keys") as after,
    ):
        assert during.get(ME, headers=begun).status_code == 200
        assert refusal(after.get(ME, headers=begun))[0] == 401


def test_what_another_purpose_or_nobody_signed_is_no_session(
    client: TestClient, parts: Parts, db: Databases, project: UUID, clock: MovableClock
) -> None:
    key = create_key(db("worker"), project=project, name="", key_id=new_id(), now=clock(), scopes=[Scope.ADMIN])
    claims = {
        "iss": "oddline", "aud": "oddline", "sub": str(key.id), "iat": datetime.now(UTC),
        "exp": datetime.now(UTC) + timedelta(hours=1), "begun": 1,
    }  # fmt: skip
    headers = {"typ": "oddline-session+jwt"}
    right, other = (parts.settings.cipher().derived(purpose)[0] for purpose in (b"oddline sessions v1", b"another"))
    forged = [
        jwt.encode(claims, other, "HS256", headers=headers),
        jwt.encode(claims, None, "none", headers=headers),
        jwt.encode(claims | {"aud": "another"}, right, "HS256", headers=headers),
        jwt.encode(claims | {"iss": "another"}, right, "HS256", headers=headers),
        jwt.encode(claims, right, "HS512", headers=headers),
        jwt.encode(claims, right, "HS256"),
    ]

    assert client.get(ME, headers=bearer(jwt.encode(claims, right, "HS256", headers=headers))).status_code == 200
    assert [refusal(client.get(ME, headers=bearer(token)))[0] for token in forged] == [401] * len(forged)


def test_without_a_key_to_sign_with_no_session_begins(parts: Parts, admin: dict[str, str]) -> None:
    without = replace(parts, settings=parts.settings.model_copy(update={"encryption_keys": ""}))

    with client_of(router, without) as client:
        assert refusal(client.post(SESSION, headers=admin))[:2] == (500, "not-configured")
