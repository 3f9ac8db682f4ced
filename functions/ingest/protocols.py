"""Routes that speak a protocol of others: its errors are told in its own way, not as problem documents."""

from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import Request, Response
from fastapi.routing import APIRoute

from oddline.errors import OddlineError


class ProtocolRoute(APIRoute):
    """A route whose errors `refuse` tells, those of authentication and of limits included."""

    @staticmethod
    def refuse(request: Request, error: OddlineError) -> Response:
        """The answer to an error."""
        raise NotImplementedError

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Serve one request."""
        plain = super().get_route_handler()

        async def handle(request: Request) -> Response:
            try:
                return await plain(request)
            except OddlineError as error:
                return self.refuse(request, error)

        return handle
