"""Carry a request out once, however often it comes: `Idempotency-Key` at every route that does something by POST."""

import hashlib
import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import wraps
from typing import Any, Final

from fastapi import FastAPI, Request, Response
from fastapi.routing import iter_route_contexts
from starlette.datastructures import Headers

from functions.http.parts import parts_of
from oddline.database import Joined
from oddline.errors import InvalidParameter
from oddline.identity import Caller
from oddline.repeats import keep_answer, remember
from oddline.tasks import Held, seal, unseal

HEADER: Final = "Idempotency-Key"
REPLAYED: Final = "Idempotent-Replayed"
PARAMETER: Final[dict[str, Any]] = {
    "name": HEADER,
    "in": "header",
    "description": f"A repeat with the same key and body within 24 hours gets the first answer (`{REPLAYED}: true`)",
    "schema": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[ -~]+$"},
}
_KEY: Final = re.compile(r"[\x20-\x7e]{1,255}")
_ONCE: Final = "is carried out once"
_KEPT_HEADERS: Final = ("location", "cache-control", "content-type")

Endpoint = Callable[..., Response]


def checked_key(key: str, *, header: str) -> str:
    """A key as a caller may give it.

    Raises:
        InvalidParameter: it is not 1 to 255 printable ASCII characters.
    """
    if not _KEY.fullmatch(key):
        raise InvalidParameter(f"{header} must be 1 to 255 printable ASCII characters", field=header)
    return key


def request_key(headers: Headers) -> str | None:
    """The request's `Idempotency-Key`, marked with its kind; None without one. Raises as `checked_key`."""
    key = headers.get(HEADER)
    return None if key is None else f"key:{checked_key(key, header=HEADER)}"


def once(endpoint: Endpoint) -> Endpoint:
    """A route of a known caller that is carried out once for each `Idempotency-Key`.

    All that it does in the database is one transaction then, with the key and the answer; wake-ups wait for its commit.
    So a request that fails is known as little as it has done anything, and a repeat is carried out. What it does
    elsewhere must do no harm if it is done twice.
    """

    @wraps(endpoint)
    def answered(*, request: Request, caller: Caller, **given: Any) -> Response:
        key = request_key(request.headers)
        if key is None:
            return endpoint(request=request, caller=caller, **given)
        parts = parts_of(request)
        whose: dict[str, Any] = {"project": caller.project, "caller": caller.actor}
        cipher, publisher = parts.settings.cipher(), Held(parts.publisher)
        with parts.db.transaction(project=caller.project) as tx:
            first = remember(tx, key, **whose, body_hash=_hash_of(request), answer={}, now=parts.clock())
            if first is not None:
                tx.rollback()
                return _again(unseal(first.answer, cipher))
            request.state.parts = replace(parts, db=Joined(tx, project=caller.project), publisher=publisher)
            try:
                answer = endpoint(request=request, caller=caller, **given)
            finally:
                request.state.parts = parts
            keep_answer(tx, key, **whose, answer=seal(_view(answer), cipher))
        publisher.let_go()
        return answer

    answered.__dict__[_ONCE] = True
    return answered


def is_once(endpoint: Callable[..., Any]) -> bool:
    """Whether a route's function is carried out once for each key."""
    return _ONCE in endpoint.__dict__


def document_repeats(app: FastAPI, document: Mapping[str, Any]) -> None:
    """Say in an OpenAPI document at which routes a key is taken."""
    for route in iter_route_contexts(app.routes):
        if route.endpoint is not None and is_once(route.endpoint):
            operation = document["paths"].get(str(route.path), {}).get("post")
            if operation is not None:
                operation.setdefault("parameters", []).append(PARAMETER)


def _hash_of(request: Request) -> bytes:
    """Of what is asked for: the same body at another path is another request."""
    body: bytes = getattr(request.state, "body", b"")
    asked = f"{request.method} {request.url.path}?{request.url.query}\n"
    return hashlib.sha256(asked.encode() + body).digest()


def _view(answer: Response) -> Mapping[str, Any]:
    headers = {name: answer.headers[name] for name in _KEPT_HEADERS if name in answer.headers}
    return {"status": answer.status_code, "headers": headers, "body": bytes(answer.body).decode()}


def _again(kept: Mapping[str, Any]) -> Response:
    return Response(kept["body"], status_code=kept["status"], headers={**kept["headers"], REPLAYED: "true"})
