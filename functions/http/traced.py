"""A segment for each request, where tracing is on: HTTP APIs have none of their own, so a trace begins here."""

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from oddline.tracing import HEADER, Tracer


class Traced:
    """ASGI middleware."""

    def __init__(self, app: ASGIApp, tracer: Tracer) -> None:
        self._app = app
        self._tracer = tracer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request inside a segment, and tell the caller its trace."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        with self._tracer.work(Headers(scope=scope).get) as work:
            status = 500

            async def send_and_look(message: Message) -> None:
                nonlocal status
                if message["type"] == "http.response.start":
                    status = message["status"]
                    if work.header:
                        MutableHeaders(scope=message)[HEADER] = work.header
                await send(message)

            try:
                await self._app(scope, receive, send_and_look)
            finally:
                # The route and not the path: that may hold names.
                route = getattr(scope.get("route"), "path", "no route")
                work.answered(method=scope["method"], path=route, status=status)
