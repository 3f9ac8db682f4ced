"""The routes at which shippers send as to what they know: an OpenTelemetry Collector, Loki."""

from functools import partial
from typing import Annotated

from fastapi import Depends, Request, Response

from functions.http import Authenticated, new_router, parts_of, raw_body
from functions.ingest import loki, otlp
from functions.ingest.documentation import LOKI_DOCUMENTATION, LOKI_RESPONSES, OTLP_DOCUMENTATION, OTLP_RESPONSES
from functions.ingest.protocols import ProtocolRoute
from functions.ingest.shipping import ship
from functions.ingest.submitters import submitter_of
from oddline.errors import OddlineError, UnsupportedEncoding

Body = Annotated[bytes, Depends(raw_body)]


class OtlpRoute(ProtocolRoute):
    """Tells errors as OTLP does; in JSON to who sends neither form."""

    @staticmethod
    def refuse(request: Request, error: OddlineError) -> Response:
        """The answer to an error."""
        try:
            form = otlp.form_of(request.headers.get("content-type", ""))
        except UnsupportedEncoding:
            form = otlp.Form.JSON
        return otlp.failure(error, form=form)


class LokiRoute(ProtocolRoute):
    """Tells errors as Loki does."""

    @staticmethod
    def refuse(request: Request, error: OddlineError) -> Response:  # noqa: ARG004
        """The answer to an error."""
        return loki.failure(error)


otlp_router = new_router(tags=["submitting"], route_class=OtlpRoute)
loki_router = new_router(tags=["submitting"], route_class=LokiRoute)


@otlp_router.post("/v1/logs", responses=OTLP_RESPONSES, openapi_extra=OTLP_DOCUMENTATION)
def export_logs(request: Request, caller: Authenticated, body: Body) -> Response:
    """Submit log records by OTLP/HTTP, as OpenTelemetry's Collector and SDKs do."""
    parts, headers = parts_of(request), request.headers
    form = otlp.form_of(headers.get("content-type", ""))
    shipped = ship(
        parts,
        "otlp",
        body,
        unpack=partial(otlp.unpack, content_encoding=headers.get("content-encoding", "")),
        decode=partial(otlp.decode, form=form),
        submitter=submitter_of(parts, caller, headers=headers, body=body),
    )
    return otlp.success(shipped, form=form)


@loki_router.post("/loki/api/v1/push", status_code=204, responses=LOKI_RESPONSES, openapi_extra=LOKI_DOCUMENTATION)
def push_streams(request: Request, caller: Authenticated, body: Body) -> Response:
    """Submit lines of streams as to Loki: Grafana Alloy, Promtail and others do."""
    parts, headers = parts_of(request), request.headers
    content_type = headers.get("content-type", "")
    shipped = ship(
        parts,
        "loki",
        body,
        unpack=partial(loki.unpack, content_type=content_type, content_encoding=headers.get("content-encoding", "")),
        decode=partial(loki.decode, content_type=content_type),
        submitter=submitter_of(parts, caller, headers=headers, body=body),
    )
    return loki.success(shipped)
