"""What OTLP answers: an `ExportLogsServiceResponse` or a `google.rpc.Status`, in the form of the request."""

from http import HTTPStatus
from typing import Any, Final

import orjson
from fastapi import Response

from functions.http import error_headers
from functions.ingest.otlp.request import Form
from functions.ingest.shipping import Shipped
from oddline.errors import OddlineError

# gRPC's codes, which no client need look at: INVALID_ARGUMENT and so on.
_CODES: Final = {400: 3, 401: 16, 403: 7, 413: 3, 415: 3, 429: 8, 503: 14}
_INTERNAL: Final = 13
# What the protocol has clients send again is 429 and 503 alone, and what is wrong with the data is 400.
_STATUSES: Final = {HTTPStatus.CONFLICT: HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.UNPROCESSABLE_ENTITY: 400}


def success(shipped: Shipped, *, form: Form) -> Response:
    """200, with how many records could not be taken."""
    document: dict[str, Any] = {}
    if shipped.refused:
        document = {"partialSuccess": {"rejectedLogRecords": str(shipped.refused), "errorMessage": shipped.reason}}
    return Response(_encoded(document, form, is_error=False), media_type=form)


def failure(error: OddlineError, *, form: Form) -> Response:
    """An error as the protocol tells it: 429 and 503 are sent again, nothing else is."""
    status = int(_STATUSES.get(HTTPStatus(error.status), error.status))
    document: dict[str, Any] = {"code": _CODES.get(status, _INTERNAL), "message": error.detail}
    if status == HTTPStatus.BAD_REQUEST:
        violation = {"field": str(error.extra.get("field", "body")), "description": error.detail}
        bad_request = {"@type": "type.googleapis.com/google.rpc.BadRequest", "fieldViolations": [violation]}
        document["details"] = [bad_request]
    content = _encoded(document, form, is_error=True)
    return Response(content, status_code=status, headers=error_headers(error), media_type=form)


def _encoded(document: dict[str, Any], form: Form, *, is_error: bool) -> bytes:
    if form is Form.JSON:
        return orjson.dumps(document)
    from google.protobuf.json_format import ParseDict  # as in request.py
    from google.rpc import error_details_pb2, status_pb2  # noqa: F401  # the details are looked up by name
    from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceResponse

    message = status_pb2.Status() if is_error else ExportLogsServiceResponse()
    return bytes(ParseDict(document, message).SerializeToString())
