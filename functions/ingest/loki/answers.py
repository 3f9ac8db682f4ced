"""What Loki answers: nothing where all was taken, else a line of text."""

from http import HTTPStatus
from typing import Final

from fastapi import Response

from functions.http import error_headers
from functions.ingest.shipping import Shipped
from oddline.errors import OddlineError

# What Loki's clients send again is 429 and 5xx.
_STATUSES: Final = {HTTPStatus.CONFLICT: HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.UNPROCESSABLE_ENTITY: 400}


def success(shipped: Shipped) -> Response:
    """204; or 400, by which Loki tells that some lines were refused, with the others stored all the same."""
    if not shipped.refused:
        return Response(status_code=204)
    return _text(f"{shipped.refused} refused, all others are stored; the first: {shipped.reason}", 400)


def failure(error: OddlineError) -> Response:
    """An error as text."""
    status = _STATUSES.get(HTTPStatus(error.status), error.status)
    return _text(error.detail, int(status), headers=error_headers(error))


def _text(line: str, status: int, *, headers: dict[str, str] | None = None) -> Response:
    return Response(f"{line}\n", status_code=status, headers=headers, media_type="text/plain")
