"""All functions' applications in one ASGI application, as the local stack serves them."""

from collections.abc import Sequence
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.docs import get_swagger_ui_html
from starlette.routing import Match
from starlette.types import Receive, Scope, Send

from functions.console.app import app as console
from functions.http import json_answer
from functions.http.problems import ALL_ROUTES
from functions.ingest.app import app as ingest
from functions.search.app import app as search

DOCUMENTATION_PATH = "/openapi.json"
READER_PATH = "/docs"


class OneOf:
    """Hands each request to the first application with a route for it.

    A path that one has with another method is its to refuse; what none has is refused by the first.
    """

    def __init__(self, apps: Sequence[FastAPI]) -> None:
        self._apps = apps
        self._routes = [route for app in apps for route in app.routes]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request; start-up and shutdown have nothing to do, since each part is opened at its first use."""
        if scope["type"] == "lifespan":
            await _live(receive, send)
        elif scope["type"] == "http" and scope["path"] == DOCUMENTATION_PATH:
            await json_answer(self.openapi())(scope, receive, send)
        elif scope["type"] == "http" and scope["path"] == READER_PATH:
            page = get_swagger_ui_html(openapi_url=DOCUMENTATION_PATH, title="Oddline")
            await page(scope, receive, send)
        else:
            await self._chosen(scope)({**scope, ALL_ROUTES: self._routes}, receive, send)

    def openapi(self) -> dict[str, Any]:
        """The documentation of all of them as one OpenAPI document."""
        documents = [app.openapi() for app in self._apps]
        merged = documents[0] | {"info": documents[0]["info"] | {"title": "Oddline"}, "paths": {}, "components": {}}
        for document in documents:
            for path, operations in document["paths"].items():
                merged["paths"].setdefault(path, {}).update(operations)
            for kind, components in document.get("components", {}).items():
                merged["components"].setdefault(kind, {}).update(components)
        return merged

    def _chosen(self, scope: Scope) -> FastAPI:
        fallback = None
        for app in self._apps:
            matches = {route.matches(scope)[0] for route in app.routes}
            if Match.FULL in matches:
                return app
            if Match.PARTIAL in matches:
                fallback = fallback or app
        return fallback or self._apps[0]


async def _live(receive: Receive, send: Send) -> None:
    while True:
        message = await receive()
        await send({"type": f"{message['type']}.complete"})
        if message["type"] == "lifespan.shutdown":
            return


app = OneOf([ingest, console, search])
