"""Whose request it is, whether it was signed as it must be, and the keys by which a retry of it is known."""

from dataclasses import dataclass
from uuid import UUID

from fastapi import Request
from starlette.datastructures import Headers

from functions.http import Parts, authenticate_key, guarded, limit, parts_of
from functions.http.repeating import checked_key, request_key
from oddline.errors import Unauthenticated
from oddline.identity import Caller, Scope, configured_project, verify_older, verify_webhook
from oddline.limits import Kind

OLDER_ACTOR = "older"  # who signs in the older form; all share a secret


@dataclass(frozen=True, slots=True)
class Submitter:
    """A project, and the keys under which it remembers this request."""

    project: UUID
    request_keys: tuple[str, ...]


def submitter_of(parts: Parts, caller: Caller, *, headers: Headers, body: bytes) -> Submitter:
    """The submitter of a request with a key.

    Raises:
        Unauthenticated: the key demands a signature that is missing or wrong, or one came that it cannot check.
        InvalidParameter: an idempotency key or message id is not 1 to 255 printable ASCII characters.
    """
    message_keys = _check_signature(parts, caller, headers=headers, body=body)
    return Submitter(project=caller.project, request_keys=(*_request_keys(headers), *message_keys))


def older_submitter_of(request: Request, presented: str | None, *, body: bytes) -> Submitter:
    """The submitter at the older routes: `X-HMAC-Signature` may stand for a key, which then only names the project.

    Raises:
        Unauthenticated, InvalidParameter: as `submitter_of`; or the older signature is wrong.
        Forbidden: the key lacks the scope.
        NotConfigured: no project has the name that is configured for callers without a key.
        RateLimited: who calls, its project or its address has made too many requests.
    """
    parts, headers = parts_of(request), request.headers
    signature = headers.get("X-HMAC-Signature")
    caller = None
    with guarded(request, presented):
        if signature is not None:
            verify_older(body, signature=signature, secret=parts.settings.with_secret().hmac_secret)
        if signature is None or presented is not None:
            caller = authenticate_key(parts, presented, Scope.INGEST)
    project = caller.project if caller else _older_project(parts)
    limit(request, Kind.INGEST, actor=caller.actor if caller else OLDER_ACTOR, project=project)
    if caller:
        return submitter_of(parts, caller, headers=headers, body=body)
    return Submitter(project=project, request_keys=_request_keys(headers))


def _check_signature(parts: Parts, caller: Caller, *, headers: Headers, body: bytes) -> tuple[str, ...]:
    signatures = headers.get("webhook-signature", "")
    if not caller.signing_secrets:
        if signatures:
            raise Unauthenticated(
                "the request is signed, but its API key has no signing secret to check that with",
                field="webhook-signature",
            )
        return ()
    message_id = headers.get("webhook-id", "")
    verify_webhook(
        body,
        message_id=message_id,
        timestamp=headers.get("webhook-timestamp", ""),
        signatures=signatures,
        secrets=caller.signing_secrets,
        now=parts.clock(),
    )
    return (f"webhook:{checked_key(message_id, header='webhook-id')}",)


def _request_keys(headers: Headers) -> tuple[str, ...]:
    key = request_key(headers)
    return () if key is None else (key,)


def _older_project(parts: Parts) -> UUID:
    name = parts.settings.legacy_project
    if not name:
        raise Unauthenticated("send X-API-Key: no project is configured for callers without one", field="X-API-Key")
    return configured_project(parts.db, name, setting="ODDLINE_LEGACY_PROJECT")
