"""Give each answer the request's id and limits; what nobody expected becomes a problem that hides the inside."""

import logging
import re
import uuid

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from functions.http.limiting import HEADERS
from functions.http.problems import problem_answer
from oddline.errors import OddlineError

log = logging.getLogger(__name__)

REQUEST_ID = "X-Request-Id"
_TAKEN_OVER = re.compile(r"[\x21-\x7e]{1,128}")  # what is safe in a header and in a log line


class LastResort:
    """ASGI middleware, the outermost."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        given = Headers(scope=scope).get(REQUEST_ID, "")
        request_id = given if _TAKEN_OVER.fullmatch(given) else uuid.uuid4().hex
        scope.setdefault("state", {})["request_id"] = request_id
        begun = False

        async def send_with_id(message: Message) -> None:
            nonlocal begun
            if message["type"] == "http.response.start":
                begun = True
                headers = MutableHeaders(scope=message)
                headers[REQUEST_ID] = request_id
                headers.update(scope["state"].get(HEADERS, {}))
            await send(message)

        try:
            await self._app(scope, receive, send_with_id)
        except Exception:
            log.exception("%s %s failed", scope["method"], scope["path"], extra={"request_id": request_id})
            if begun:
                raise  # an answer that has begun cannot become another: the server breaks the connection off
            answer = problem_answer(OddlineError("An unexpected fault; it was logged.", request_id=request_id))
            await answer(scope, receive, send_with_id)
