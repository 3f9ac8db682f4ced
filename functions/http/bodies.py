"""Read bodies within their limit and write JSON answers, both without a model in between."""

from typing import Any

import orjson
from fastapi import Request, Response
from starlette.requests import ClientDisconnect

from oddline.errors import BadRequest
from oddline.submissions import LIMITS, too_large_on_the_wire

MOST_DIGITS = 18  # of a Content-Length that are read: enough to be over any limit


async def raw_body(request: Request) -> bytes:
    """The body as it came over the wire; not one byte over the limit is waited for.

    Raises:
        TooLarge: it is, or says that it is, over 4 MB.
        BadRequest: the client broke it off.
    """
    announced = request.headers.get("content-length", "")
    if announced.isascii() and announced.isdigit() and int(announced[:MOST_DIGITS]) > LIMITS.wire_bytes:
        raise too_large_on_the_wire()
    body = bytearray()
    try:
        async for piece in request.stream():
            body += piece
            if len(body) > LIMITS.wire_bytes:
                raise too_large_on_the_wire()
    except ClientDisconnect as error:
        raise BadRequest("the body was broken off", field="body") from error
    request.state.body = bytes(body)
    return request.state.body  # type: ignore[no-any-return]  # what was just put there


def json_answer(content: Any, *, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """JSON with times as RFC 3339 in UTC and UUIDs as strings."""
    return Response(
        orjson.dumps(content, option=orjson.OPT_UTC_Z),
        status_code=status,
        headers=headers,
        media_type="application/json",
    )
