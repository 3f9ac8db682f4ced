"""A query parameter that a route does not know is refused by its name, where callers and not shippers ask."""

from collections.abc import Iterator
from typing import Annotated

import pytest
from fastapi import APIRouter, Depends, FastAPI, Query, Request
from starlette.testclient import TestClient

from functions.http.access import ACCESS
from functions.http.problems import answer_errors
from functions.http.unknown import UNCHECKED, refuse_unknown, takes_beginning

router = APIRouter(dependencies=[Depends(refuse_unknown)])


@takes_beginning("attr.")
def query_of(request: Request, severity: str = "", time_from: Annotated[str, Query(alias="from")] = "") -> list[str]:
    return [severity, time_from, *request.query_params.keys()]


@router.get("/entries")
def entries(query: Annotated[list[str], Depends(query_of)], limit: int = 1) -> list[str]:
    return query


@router.get("/nothing")
@router.post("/v1/logs")
def nothing() -> str:
    return "done"


@pytest.fixture(scope="module")
def client() -> Iterator[TestClient]:
    app = FastAPI()
    answer_errors(app)
    app.include_router(router)
    with TestClient(app) as client:
        yield client


@pytest.mark.parametrize("query", ["", "?severity=error&limit=3", "?from=now", "?attr.host=web-3&attr.user=7"])
def test_what_a_route_or_what_it_depends_on_knows_is_taken(client: TestClient, query: str) -> None:
    assert client.get(f"/entries{query}").status_code == 200


def test_what_nobody_knows_is_refused_by_name_with_what_is_known_and_what_may_be_meant(client: TestClient) -> None:
    answer = client.get("/entries?limit=3&sverity=error")

    assert (answer.status_code, answer.json()["code"]) == (422, "unknown-parameter")
    assert answer.json()["field"] == "sverity"
    assert answer.json()["known"] == ["attr.…", "from", "limit", "severity"]
    assert answer.json()["detail"].endswith("; is `severity` meant?")


@pytest.mark.parametrize("name", ["time_from", "Limit", "attrhost", "", "x" * 5000])
def test_a_name_must_be_the_documented_one_to_the_letter(client: TestClient, name: str) -> None:
    answer = client.get("/entries", params={name: "1"})

    assert (answer.status_code, answer.json()["field"]) == (422, name[:100])


def test_a_route_without_parameters_takes_none(client: TestClient) -> None:
    assert "nor any other" in client.get("/nothing?force=1").json()["detail"]


def test_what_shippers_put_at_their_address_costs_them_nothing(client: TestClient) -> None:
    assert client.post("/v1/logs?compression=gzip").status_code == 200


def test_the_routes_of_shippers_are_routes() -> None:
    assert ACCESS.keys() >= UNCHECKED
