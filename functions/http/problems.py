"""The one table that turns errors into HTTP answers: problem documents as in RFC 9457, for every error."""

from http import HTTPStatus
from typing import Any

import orjson
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.routing import Match

from oddline.errors import PROBLEM_BASE, InvalidParameter, OddlineError

MEDIA_TYPE = "application/problem+json"
METHODS = ("DELETE", "GET", "PATCH", "POST", "PUT")
ALL_ROUTES = "oddline.routes"  # in a request's scope: where several applications share the paths, the routes of all
# Seconds; what a client that obeys it gives the fault time to pass. A limiter says its own in `retry_after`.
RETRY_AFTER_S = {409: 1, 429: 30, 503: 5}


def answer_errors(app: FastAPI) -> None:
    """Have `app` answer with a problem document to whatever goes wrong in a request."""
    app.add_exception_handler(OddlineError, _answer_ours)
    app.add_exception_handler(HTTPException, _answer_http)
    app.add_exception_handler(RequestValidationError, _answer_validation)


def problem_answer(error: OddlineError) -> Response:
    """The answer to one of our errors."""
    return document_answer(error.problem(), error_headers(error))


def error_headers(error: OddlineError) -> dict[str, str]:
    """The headers of an answer to one of our errors, in whatever form that is told."""
    headers: dict[str, str] = {}
    if error.status == HTTPStatus.UNAUTHORIZED:
        headers["WWW-Authenticate"] = 'Bearer realm="oddline"'
    if not error.permanent and error.status in RETRY_AFTER_S:
        headers["Retry-After"] = str(error.extra.get("retry_after", RETRY_AFTER_S[error.status]))
    return headers


def document_answer(document: dict[str, Any], headers: dict[str, str] | None = None) -> Response:
    """A problem document as an answer."""
    return Response(orjson.dumps(document), status_code=document["status"], headers=headers, media_type=MEDIA_TYPE)


async def _answer_ours(_request: Request, error: Exception) -> Response:
    assert isinstance(error, OddlineError)  # noqa: S101  # as registered
    return problem_answer(error)


async def _answer_http(request: Request, error: Exception) -> Response:
    """What the framework itself refuses: an unknown path, another method."""
    assert isinstance(error, HTTPException)  # noqa: S101  # as registered
    status = HTTPStatus(error.status_code)
    code = status.phrase.lower().replace(" ", "-") if status != HTTPStatus.NOT_FOUND else "unknown-path"
    document = {
        "type": PROBLEM_BASE + code,
        "title": status.phrase,
        "status": int(status),
        "code": code,
        "detail": status.description or error.detail,
    }
    headers = dict(error.headers or {})
    if status == HTTPStatus.METHOD_NOT_ALLOWED:
        headers["Allow"] = _allowed(request)
    return document_answer(document, headers)


def _allowed(request: Request) -> str:
    """The methods of all routes at a path: the framework names those of the first."""
    routes = request.scope.get(ALL_ROUTES, request.app.routes)
    asked = ({**request.scope, "method": method} for method in METHODS)
    return ", ".join(
        scope["method"] for scope in asked if any(route.matches(scope)[0] is Match.FULL for route in routes)
    )


async def _answer_validation(_request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)  # noqa: S101  # as registered
    # A location begins with "query", "path", "header" or "body".
    faults = [
        {"field": ".".join(map(str, fault["loc"][1:])) or "body", "code": fault["type"], "detail": fault["msg"]}
        for fault in error.errors()
    ]
    first = faults[0]
    return problem_answer(InvalidParameter(f"{first['field']}: {first['detail']}", field=first["field"], errors=faults))
