"""Every failure of any function is a problem document, and every answer bears the request's id."""

import logging
from collections.abc import Iterator
from typing import Annotated

import pytest
from fastapi import Query
from starlette.testclient import TestClient

from functions.asgi import OneOf
from functions.asgi import app as everything
from functions.http import Parts, json_answer, new_app, new_router
from functions.http.access import Access, Open
from oddline.errors import DatabaseUnavailable, NotFound, OddlineError, RequestInProgress, Unauthenticated

router = new_router()
OPEN_PATHS = {"/api/v1/monitoring/health"}
OPEN: dict[tuple[str, str], Access] = {
    ("GET", "/errors/{code}"): Open.PUBLIC,
    ("GET", "/crash"): Open.PUBLIC,
    ("GET", "/numbers"): Open.PUBLIC,
    ("POST", "/numbers"): Open.PUBLIC,
}
ERRORS: dict[str, OddlineError] = {
    "not-found": NotFound("there is no such entry"),
    "unauthenticated": Unauthenticated("the API key is unknown"),
    "request-in-progress": RequestInProgress(),
    "database-unavailable": DatabaseUnavailable("gone"),
}


@router.get("/errors/{code}")
def fail(code: str) -> None:
    raise ERRORS[code]


@router.get("/crash")
def crash() -> None:
    raise RuntimeError("the password is swordfish")


@router.get("/numbers")
def numbers(limit: Annotated[int, Query(ge=1)]) -> int:
    return limit


def no_parts() -> Parts:
    raise AssertionError("these routes need no parts")


@pytest.fixture
def client() -> Iterator[TestClient]:
    with TestClient(new_app(router, title="test", parts=no_parts, access=OPEN)) as client:
        yield client


@pytest.mark.parametrize("code", ERRORS)
def test_our_errors_are_answered_as_they_say(client: TestClient, code: str) -> None:
    answer = client.get(f"/errors/{code}")

    assert answer.status_code == ERRORS[code].status
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.json() == ERRORS[code].problem()


@pytest.mark.parametrize(("code", "seconds"), [("request-in-progress", "1"), ("database-unavailable", "5")])
def test_what_may_pass_says_when_to_come_again(client: TestClient, code: str, seconds: str) -> None:
    assert client.get(f"/errors/{code}").headers["Retry-After"] == seconds


def test_a_missing_key_is_answered_with_how_to_show_one(client: TestClient) -> None:
    assert client.get("/errors/unauthenticated").headers["WWW-Authenticate"].startswith("Bearer")


def test_an_unknown_path_is_a_problem(client: TestClient) -> None:
    answer = client.get("/nowhere")

    assert (answer.status_code, answer.json()["code"]) == (404, "unknown-path")
    assert answer.headers["Content-Type"] == "application/problem+json"


def test_another_method_is_a_problem_that_names_the_right_one(client: TestClient) -> None:
    answer = client.post("/numbers")

    assert (answer.status_code, answer.json()["code"]) == (405, "method-not-allowed")
    assert answer.headers["Allow"] == "GET"


@pytest.mark.parametrize("query", ["", "?limit=0", "?limit=many"])
def test_a_wrong_parameter_is_named(client: TestClient, query: str) -> None:
    answer = client.get(f"/numbers{query}")

    assert (answer.status_code, answer.json()["code"]) == (422, "invalid-parameter")
    assert answer.json()["field"] == "limit"


def test_what_nobody_expected_tells_nothing_and_is_logged(client: TestClient, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.ERROR):
        answer = client.get("/crash", headers={"X-Request-Id": "abc"})

    assert (answer.status_code, answer.json()["code"]) == (500, "internal-error")
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert "swordfish" not in answer.text
    assert "swordfish" in caplog.text
    assert answer.headers["X-Request-Id"] == answer.json()["request_id"] == "abc"


def test_the_callers_request_id_is_kept(client: TestClient) -> None:
    assert client.get("/numbers?limit=1", headers={"X-Request-Id": "abc-1"}).headers["X-Request-Id"] == "abc-1"


@pytest.mark.parametrize("given", ["", "a b", "a" * 129])
def test_without_a_usable_request_id_one_is_made(client: TestClient, given: str) -> None:
    first = client.get("/numbers?limit=1", headers={"X-Request-Id": given}).headers["X-Request-Id"]
    second = client.get("/nowhere", headers={"X-Request-Id": given}).headers["X-Request-Id"]

    assert first != second
    assert given not in {first, second}


def test_of_several_applications_the_one_with_the_route_answers() -> None:
    other = new_router()
    other.add_api_route("/numbers", lambda: json_answer("posted"), methods=["POST"])
    apps = [new_app(routes, title="test", parts=no_parts, access=OPEN) for routes in (router, other)]

    with TestClient(OneOf(apps)) as client:
        assert client.get("/numbers?limit=1").json() == 1
        assert client.post("/numbers").json() == "posted"
        assert client.put("/numbers").status_code == 405
        assert client.get("/nowhere").status_code == 404
        assert client.get("/openapi.json").json()["paths"]["/numbers"].keys() == {"get", "post"}
        assert "/openapi.json" in client.get("/docs").text


def test_every_route_is_documented_with_an_example_and_its_errors() -> None:
    document = everything.openapi()

    submitting = document["paths"]["/api/v1/logs/batch"]["post"]
    assert submitting["requestBody"]["content"]["application/json"]["schema"]["example"]
    for path, operations in document["paths"].items():
        for operation in operations.values():
            assert "4XX" in operation["responses"], path
            assert ("security" in operation) == (path not in OPEN_PATHS), path
            successful = [answer for status, answer in operation["responses"].items() if status.startswith("2")]
            assert successful, path
            assert all(one["content"]["application/json"]["example"] for one in successful if "content" in one), path
