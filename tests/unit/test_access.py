"""Who may call a route is said in one table, and a route that does not stand there cannot be served."""

import pytest
from fastapi import APIRouter, FastAPI
from fastapi.routing import iter_route_contexts
from starlette.testclient import TestClient

from functions.asgi import app as everything
from functions.console.app import app as console
from functions.http import Authenticated, Parts, new_app, new_router
from functions.http.access import ACCESS, CLOSED_TO_SIGNED_KEYS, Access, Open, routes_of, scope_of
from functions.http.repeating import is_once
from functions.ingest.app import app as ingest
from functions.search.app import app as search
from oddline.errors import Unauthenticated
from oddline.identity import SCOPES_OF, Role, Scope
from oddline.identity.model import effective, role_of

router = new_router()


@router.get("/things/{name:path}")
def things(name: str) -> str:
    return name


@router.post("/things/{name:path}")
def change(caller: Authenticated, name: str) -> str:
    raise AssertionError(f"nobody gets here: {caller} {name}")


def asked() -> Parts:
    raise Unauthenticated("it was asked who calls")


def application(table: dict[tuple[str, str], Access]) -> FastAPI:
    return new_app(router, title="test", parts=asked, access=table)


TABLE: dict[tuple[str, str], Access] = {
    ("GET", "/things/{name:path}"): Scope.READ,
    ("POST", "/things/{name:path}"): Open.PUBLIC,
}


@pytest.mark.parametrize("left_out", TABLE, ids=" ".join)
def test_an_application_with_a_route_that_is_not_in_the_table_does_not_start(left_out: tuple[str, str]) -> None:
    with pytest.raises(LookupError, match=f"who may call {left_out[0]}"):
        application({route: access for route, access in TABLE.items() if route != left_out})


def test_an_application_with_a_route_that_lets_callers_in_unasked_does_not_start() -> None:
    open_to_all = APIRouter()
    open_to_all.add_api_route("/things/{name:path}", things)

    with pytest.raises(LookupError, match="make the router of /things/"):
        new_app(open_to_all, title="test", parts=asked, access=TABLE)


def test_a_route_that_forgets_to_ask_who_calls_is_closed_all_the_same() -> None:
    with TestClient(application(TABLE)) as client:
        answer = client.get("/things/a/b")

    assert (answer.status_code, answer.json()["detail"]) == (401, "it was asked who calls")


def test_a_route_that_asks_who_calls_cannot_be_open_to_everybody() -> None:
    with TestClient(application(TABLE), raise_server_exceptions=False) as client:
        assert client.post("/things/a").status_code == 500


def test_the_table_names_no_route_that_is_not_there() -> None:
    assert ACCESS.keys() == {route for app in (ingest, console, search) for route in routes_of(app)}


def test_whatever_takes_files_of_logs_is_closed_to_keys_whose_signature_nobody_would_check() -> None:
    unchecked = {route for app in (console, search) for route in routes_of(app)}

    assert {route for route in unchecked if ACCESS[route] is Scope.INGEST} < CLOSED_TO_SIGNED_KEYS < unchecked


def test_every_route_that_does_something_by_post_is_carried_out_once_for_a_key() -> None:
    posts = [route for app in (console, search) for route in iter_route_contexts(app.routes) if "POST" in route.methods]
    document = everything.openapi()["paths"]

    assert len(posts) >= 17
    # A repeat of the beginning of an upload is told how it stands, not how it stood.
    assert [route.path for route in posts if not is_once(route.endpoint)] == ["/api/v1/files"]
    for route in posts:
        named = [parameter["name"] for parameter in document[route.path]["post"]["parameters"]]
        assert "Idempotency-Key" in named, route.path


def test_the_documentation_says_of_each_route_what_the_table_says() -> None:
    document = everything.openapi()

    for (method, path), access in ACCESS.items():
        operation = document["paths"].get(path.replace(":path}", "}"), {}).get(method.lower())
        if operation is None:
            continue  # an older form that stands there with a slash
        told = {name: scopes for one in operation.get("security", []) for name, scopes in one.items()}
        needed = [str(scope)] if (scope := scope_of(access)) else []
        either = {} if access is Open.PUBLIC else {"bearer": needed, "header": needed}
        older = {"older": []} if access is Open.OLDER_SIGNATURE else {}
        assert told == either | older, path
    assert {"bearer", "header", "older"} == document["components"]["securitySchemes"].keys()


def test_each_role_may_do_all_that_the_one_below_may() -> None:
    viewer, member, admin = (SCOPES_OF[role] for role in Role)

    assert viewer < member < admin == set(Scope)


@pytest.mark.parametrize(
    ("scopes", "role"),
    [
        (["ingest"], None),
        (["read"], Role.VIEWER),
        (["ingest", "read"], Role.VIEWER),
        (["ingest", "read", "write"], Role.MEMBER),
        (["admin"], Role.ADMIN),
    ],
)
def test_a_key_has_the_highest_role_whose_scopes_it_has(scopes: list[str], role: Role | None) -> None:
    assert role_of(effective(scopes)) == role
