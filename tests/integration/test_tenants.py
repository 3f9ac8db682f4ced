"""Every route, for every kind of caller, about their own things and another tenant's: all as the one table declares."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from inbox import Inbox
from oidc_provider import CLIENT, Provider, running_provider
from reading import open_reading_parts
from route_examples import EXAMPLES, Call
from starlette.testclient import TestClient
from tenants import ENCRYPTION_KEYS, Tenant, rows_of, shared_rows

from functions.console.app import app as console
from functions.http.access import ACCESS, CLOSED_TO_SIGNED_KEYS, Beyond, Open, routes_of, scope_of
from functions.ingest.app import app as ingest
from functions.search.app import app as search
from oddline.database import Database
from oddline.identity import SCOPES_OF, Issuer, Role, Scope, add_member, ensure_project
from oddline.local.valkey import ValkeyServer
from oddline.objects import FolderObjects
from oddline.settings import Side
from oddline.submissions import entry_id, new_id

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of the provider, while it serves

APPS = {"ingest": ingest, "console": console, "search": search}
APP_OF = {route: side for side, app in APPS.items() for route in routes_of(app)}
OWN, FOREIGN = "lisbon", "zanzibar"
NOBODY, SESSION, STRANGER = "nobody", "a session of an admin key", "an admin key of the other tenant"
UNSIGNED = "a signed admin key without its secret"
KEPT = ["Content-Type", "Location", "Cache-Control"]
CALLERS = [NOBODY, SESSION, UNSIGNED, *(f"key: {scope}" for scope in Scope), *(f"person: {role}" for role in Role)]


@dataclass(frozen=True, slots=True)
class World:
    """Two tenants, the applications that serve both, and the callers of the first."""

    own: Tenant
    foreign: Tenant
    clients: dict[str, TestClient]
    headers: dict[str, dict[str, str]]

    def ask(self, route: tuple[str, str], caller: str, call: Call) -> Any:
        answer = self.clients[APP_OF[route]].request(
            route[0], call.path, json=call.json, params=call.params, headers=self.headers[caller]
        )
        # What the caller said themselves may come back in a detail: the name of a source.
        told = answer.text.replace(call.path.removeprefix("/api/v1/sources/"), "")
        assert FOREIGN not in told
        assert str(self.foreign.id) not in told
        return answer

    def rows(self, tenant: Tenant) -> dict[str, str]:
        with tenant.db.transaction() as tx:
            return rows_of(tx, tenant)

    def all_rows(self) -> dict[str, str]:
        with self.own.db.transaction() as tx:
            return rows_of(tx, self.own, self.foreign) | shared_rows(tx)


def expected_refusal(route: tuple[str, str], caller: str) -> int | None:
    """What the table says: 401, 403, or None for who may call the route."""
    access = ACCESS[route]
    if access is Open.PUBLIC:
        return None
    kind, _, name = caller.partition(": ")
    if caller == NOBODY or (APP_OF[route] == "ingest" and kind != "key"):
        return 401
    if caller == UNSIGNED and route in CLOSED_TO_SIGNED_KEYS:
        return 403
    if access is Open.CALLER:
        return None
    needed = Scope.INGEST if access is Open.OLDER_SIGNATURE else scope_of(access)
    has = SCOPES_OF[Role(name)] if kind == "person" else {Scope(name)} if kind == "key" else {Scope.ADMIN}
    return None if needed in has or Scope.ADMIN in has else 403


@pytest.fixture(scope="module")
def databases(clusters: Callable[[int], Any]) -> Iterator[Callable[[Side], Database]]:
    cluster = clusters(18)
    urls = cluster.create()
    opened = {side: Database(url, size=2) for side, url in urls.items()}
    yield opened.__getitem__
    for database in opened.values():
        database.close()
    cluster.drop(urls)


@pytest.fixture(scope="module")
def provider() -> Iterator[Provider]:
    with running_provider() as provider:
        yield provider


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("objects")


@pytest.fixture(scope="module")
def tenants(databases: Callable[[Side], Database], folder: Path) -> tuple[Tenant, Tenant]:
    objects = FolderObjects(folder)
    inbox = Inbox(db=databases, objects=objects)
    projects = {
        name: ensure_project(databases("worker"), name, new_id=new_id(), now=datetime.now(UTC))
        for name in (OWN, FOREIGN)
    }
    entries = {
        name: inbox.submit(
            project,
            {
                "message": f"kernel panic: out of memory in {name}",
                "source": f"cart/of/{name}",
                "attributes": {"at": name},
            },
        )
        for name, project in projects.items()
    }
    inbox.score()
    own, foreign = (
        Tenant(
            id=project,
            name=name,
            entry=entry_id(entries[name], 0),
            pattern=1,
            db=databases("owner"),
            objects=objects,
        )
        for name, project in projects.items()
    )
    for tenant in (own, foreign):
        for make in (
            tenant.dead_letter, tenant.verdict, tenant.key, tenant.member, tenant.alert, tenant.schedule,
            tenant.masking, tenant.erasure, tenant.deed, tenant.file,
        ):  # fmt: skip
            make()
    return own, foreign


@pytest.fixture(scope="module")
def world(
    tenants: tuple[Tenant, Tenant],
    databases: Callable[[Side], Database],
    provider: Provider,
    valkey: ValkeyServer,
    folder: Path,
) -> Iterator[World]:
    own, foreign = tenants
    with pytest.MonkeyPatch.context() as patch:
        clients = {}
        for side, app in APPS.items():
            patch.setitem(app.state._state, "parts", opened(databases(side), provider, valkey=valkey, folder=folder))
            clients[side] = TestClient(app, raise_server_exceptions=False)
        headers = headers_of(own, clients, provider) | {STRANGER: {"X-API-Key": foreign.key(scopes=[Scope.ADMIN]).key}}
        yield World(own, foreign, clients, headers)


def opened(db: Database, provider: Provider, *, valkey: ValkeyServer, folder: Path) -> Callable[[], Any]:
    with open_reading_parts(db, redis_url=valkey.url, folder=folder) as parts:
        settings = parts.settings.model_copy(
            update={
                "encryption_keys": ENCRYPTION_KEYS,
                "oidc_issuer": provider.url,
                "legacy_project": OWN,
                "operator_project": OWN,
            }
        )
    issuer = Issuer(provider.url, audience=CLIENT, algorithms=["RS256"])
    whole = replace(parts, settings=settings, issuer=issuer)
    return lambda: whole


def headers_of(own: Tenant, clients: dict[str, TestClient], provider: Provider) -> dict[str, dict[str, str]]:
    headers: dict[str, dict[str, str]] = {NOBODY: {}}
    for scope in Scope:
        headers[f"key: {scope}"] = {"X-API-Key": own.key(scopes=[scope]).key}
    for role in Role:
        add_member(
            own.db, project=own.id, issuer=provider.url, subject=str(role), email=None, role=role, member_id=new_id(),
            now=datetime.now(UTC),
        )  # fmt: skip
        headers[f"person: {role}"] = {"Authorization": f"Bearer {provider.sign_in(str(role))}"}
    headers[UNSIGNED] = {"X-API-Key": own.key(scopes=[Scope.ADMIN], signed=True).key}
    session = clients["console"].post("/api/v1/session", headers=headers["key: admin"]).json()["token"]
    return headers | {SESSION: {"Authorization": f"Bearer {session}"}}


def test_every_route_stands_in_the_table_and_has_an_example() -> None:
    assert APP_OF.keys() == ACCESS.keys() == EXAMPLES.keys()


@pytest.mark.parametrize("route", ACCESS, ids=" ".join)
def test_whom_the_table_does_not_name_is_refused_and_changes_nothing(world: World, route: tuple[str, str]) -> None:
    refused = {caller: status for caller in CALLERS if (status := expected_refusal(route, caller))}
    calls = {caller: EXAMPLES[route].ask(world.own) for caller in refused}
    before = world.all_rows()

    answers = {caller: world.ask(route, caller, call).status_code for caller, call in calls.items()}

    assert answers == refused
    assert world.all_rows() == before


@pytest.mark.parametrize("route", [route for route in ACCESS if ACCESS[route] is Beyond.OPERATOR], ids=" ".join)
def test_what_concerns_all_tenants_is_refused_to_the_admins_of_others_than_the_operators(
    world: World, route: tuple[str, str]
) -> None:
    call = EXAMPLES[route].ask(world.own)
    before = world.all_rows()

    answer = world.ask(route, STRANGER, call)

    assert (answer.status_code, "ODDLINE_OPERATOR_PROJECT" in answer.json()["detail"]) == (403, True)
    assert world.all_rows() == before


@pytest.mark.parametrize("route", ACCESS, ids=" ".join)
def test_whom_the_table_names_is_answered_and_nothing_of_another_tenant_changes(
    world: World, route: tuple[str, str]
) -> None:
    example = EXAMPLES[route]
    allowed = [caller for caller in CALLERS if expected_refusal(route, caller) is None]
    before = world.rows(world.foreign)

    for caller in allowed:
        answer = world.ask(route, caller, example.ask(world.own))

        assert answer.status_code == example.status_for(caller), (caller, answer.text)
        assert OWN in answer.text or not example.shows
    assert allowed
    assert world.rows(world.foreign) == before


@pytest.mark.parametrize("route", [route for route in ACCESS if EXAMPLES[route].by_id], ids=" ".join)
def test_what_is_another_tenants_is_not_there_and_stays_as_it_is(world: World, route: tuple[str, str]) -> None:
    allowed = [caller for caller in CALLERS if expected_refusal(route, caller) is None]
    calls = [(caller, ask(world.foreign)) for caller in allowed for ask in EXAMPLES[route].by_id]
    before = world.rows(world.foreign)

    answers = {(caller, call.path): world.ask(route, caller, call).status_code for caller, call in calls}

    assert set(answers.values()) == {404}, answers
    assert world.rows(world.foreign) == before


# Shippers send no key: their requests are known by their bytes. A repeat of the beginning of an upload is told how it
# stands. Each has tests of its own.
KNOWN_OTHERWISE = {("POST", "/v1/logs"), ("POST", "/loki/api/v1/push"), ("POST", "/api/v1/files")}


@pytest.mark.parametrize(
    "route", [route for route in ACCESS if route[0] == "POST" and route not in KNOWN_OTHERWISE], ids=" ".join
)
def test_a_repeat_at_any_route_gets_the_first_answer_and_changes_nothing(world: World, route: tuple[str, str]) -> None:
    call, client = EXAMPLES[route].ask(world.own), world.clients[APP_OF[route]]
    headers = world.headers["key: admin"] | {"Idempotency-Key": str(new_id())}
    first = client.post(call.path, json=call.json, params=call.params, headers=headers)
    before = world.all_rows()

    second = client.post(call.path, json=call.json, params=call.params, headers=headers)

    assert (first.status_code, second.status_code) == (EXAMPLES[route].status,) * 2, second.text
    assert second.json() == first.json()
    assert ("idempotent-replayed" in first.headers, second.headers["Idempotent-Replayed"]) == (False, "true")
    assert [second.headers.get(name) for name in KEPT] == [first.headers.get(name) for name in KEPT]
    assert world.all_rows() == before


def test_a_person_cannot_choose_a_project_that_they_do_not_belong_to(world: World) -> None:
    for wanted in (world.foreign.name, str(world.foreign.id), "no-such-project"):
        headers = world.headers["person: admin"] | {"X-Project": wanted}

        answer = world.clients["console"].get("/api/v1/project", headers=headers)

        assert (answer.status_code, answer.json()["field"]) == (403, "X-Project")
