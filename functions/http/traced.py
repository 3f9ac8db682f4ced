"""A segment for each request, where tracing is on: HTTP APIs have none of their own, so a trace begins here."""

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from oddline.tracing import Tracer

HEADER = "X-Amzn-Trace-Id"


class Traced:
    """ASGI middleware."""

    def __init__(self, app: ASGIApp, tracer: Tracer) -> None:
        self._app = app
        self._tracer = tracer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request inside a segment."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        segment = self._tracer.begin(Headers(scope=scope).get(HEADER, ""))
        status = 500

        async def send_and_look(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, send_and_look)
        finally:
            self._tracer.end(segment, method=scope["method"], path=scope["path"], status=status)
