"""The Lambda function that takes logs: its routes, and nothing else."""

from functools import partial
from typing import Annotated

from fastapi import Depends, Request, Response
from mangum import Mangum

import oddline.limits.counter
import oddline.tasks.broker  # noqa: F401  # what each request uses is loaded now, while Lambda lends a whole processor
from functions.http import (
    Authenticated,
    Opener,
    new_app,
    new_router,
    open_parts,
    parts_of,
    presented_key,
    raw_body,
    side_by_side,
)
from functions.ingest import shippers
from functions.ingest.documentation import BATCH_DOCUMENTATION, BATCH_RESPONSES, SINGLE_DOCUMENTATION, SINGLE_RESPONSES
from functions.ingest.submitters import older_submitter_of, submitter_of
from functions.ingest.submitting import BATCH, SINGLE, submit

own = new_router(tags=["submitting"])

Body = Annotated[bytes, Depends(raw_body)]


@own.post("/api/v1/logs", status_code=202, responses=SINGLE_RESPONSES, openapi_extra=SINGLE_DOCUMENTATION)
def submit_entry(request: Request, caller: Authenticated, body: Body) -> Response:
    """Submit one entry."""
    parts = parts_of(request)
    submitter = submitter_of(parts, caller, headers=request.headers, body=body)
    return submit(parts, SINGLE, submitter=submitter, headers=request.headers, body=body)


@own.post("/api/v1/logs/batch", status_code=202, responses=BATCH_RESPONSES, openapi_extra=BATCH_DOCUMENTATION)
def submit_batch(request: Request, caller: Authenticated, body: Body) -> Response:
    """Submit up to 10,000 entries; what is wrong with one refuses only that one."""
    parts = parts_of(request)
    submitter = submitter_of(parts, caller, headers=request.headers, body=body)
    return submit(parts, BATCH, submitter=submitter, headers=request.headers, body=body)


@own.post("/api/logs", include_in_schema=False)
@own.post("/api/logs/", status_code=202, responses=SINGLE_RESPONSES, openapi_extra=SINGLE_DOCUMENTATION)
def submit_entry_in_older_form(request: Request, body: Body) -> Response:
    """Submit one entry as callers of earlier systems do: a key, or `X-HMAC-Signature` (hex HMAC-SHA256 of the body)."""
    parts = parts_of(request)
    submitter = older_submitter_of(request, presented_key(request), body=body)
    return submit(parts, SINGLE, submitter=submitter, headers=request.headers, body=body)


@own.post("/api/batch-analysis", include_in_schema=False)
@own.post("/api/batch-analysis/", status_code=202, responses=BATCH_RESPONSES, openapi_extra=BATCH_DOCUMENTATION)
def submit_batch_in_older_form(request: Request, body: Body) -> Response:
    """Submit a batch as callers of earlier systems do: `{"log_entries": […]}`, with a key or `X-HMAC-Signature`."""
    parts = parts_of(request)
    submitter = older_submitter_of(request, presented_key(request), body=body)
    return submit(parts, BATCH, submitter=submitter, headers=request.headers, body=body)


router = side_by_side(own, shippers.otlp_router, shippers.loki_router)
app = new_app(router, title="Oddline: submitting logs", parts=Opener(partial(open_parts, "ingest")), takes_tokens=False)
handler = Mangum(app, lifespan="off", text_mime_types=["application/json", "application/problem+json"])
