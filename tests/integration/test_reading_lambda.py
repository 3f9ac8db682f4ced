"""The functions that read run on Lambda: events of an HTTP API go in, answers in API Gateway's form come out."""

import json
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any
from uuid import UUID

import pytest
from gateway_events import http_event
from mangum import Mangum
from reading import Databases, key_of, open_reading_parts

from functions.console import app as console
from functions.http import Parts, new_app
from functions.search import app as search

CONTEXT: Any = {}


@pytest.fixture
def handlers(db: Databases, redis_url: str, tmp_path: Path) -> Iterator[dict[str, Mangum]]:
    """The functions over the test's database, set up as their own modules do it."""
    with (
        open_reading_parts(db("console"), redis_url=redis_url, folder=tmp_path) as of_console,
        open_reading_parts(db("search"), redis_url=redis_url, folder=tmp_path) as of_search,
    ):
        yield {"console": handler_of(console, of_console), "search": handler_of(search, of_search)}


def handler_of(shipped: ModuleType, parts: Parts) -> Mangum:
    app = new_app(shipped.router, title="test", parts=lambda: parts)
    return Mangum(app, lifespan="off", text_mime_types=shipped.handler.config["text_mime_types"])


@pytest.mark.parametrize(
    ("function", "path", "query", "empty"),
    [
        ("console", "/api/v1/tasks", "state=FAILURE&state=RETRY", {"tasks": []}),
        ("search", "/api/v1/logs", "source=cart&source=zoo%2F%C3%A9", {"entries": []}),
    ],
)
def test_an_event_is_answered(
    db: Databases,
    handlers: dict[str, Mangum],
    project: UUID,
    function: str,
    path: str,
    query: str,
    empty: dict[str, Any],
) -> None:
    answer = handlers[function](http_event(path, query=query, headers=key_of(db, project)), CONTEXT)

    assert (answer["statusCode"], answer["isBase64Encoded"]) == (200, False)
    assert empty.items() <= json.loads(answer["body"]).items()


@pytest.mark.parametrize(("function", "path"), [("console", "/api/v1/tasks"), ("search", "/api/v1/logs")])
def test_a_problem_is_text(handlers: dict[str, Mangum], function: str, path: str) -> None:
    answer = handlers[function](http_event(path, query="", headers={}), CONTEXT)

    assert (answer["statusCode"], answer["isBase64Encoded"]) == (401, False)
    assert json.loads(answer["body"])["code"] == "unauthenticated"
