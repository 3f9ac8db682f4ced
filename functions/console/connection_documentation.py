"""What OpenAPI says of the answers on connections, with an example of each."""

from typing import Any

from functions.http.answers import NEXT, answer, no_content

CONFIGURATION: dict[str, Any] = {
    "region": "eu-central-1",
    "role_arn": "arn:aws:iam::123456789012:role/oddline-logs",
    "log_group": "/aws/lambda/checkout",
}
_MOMENT = "2026-11-05T08:15:30Z"
_LISTED: dict[str, Any] = {
    "id": "01934f0e-7c5a-7d2b-9f3e-52c8a1d64bbb",
    "name": "checkout",
    "type": "cloudwatch",
    "source": "checkout-api",
    "configuration": CONFIGURATION,
    "has_credentials": False,
    "external_id": "oddline-01934f0e-1111-7abc-8def-0123456789ab",
    "interval_s": 30,
    "since": _MOMENT,
    "state": "on",
    "cursor": {"edge": "2026-11-05T08:20:00+00:00"},
    "next_poll_at": _MOMENT,
    "failures": 0,
    "last_poll_at": _MOMENT,
    "last_entry_at": _MOMENT,
    "last_error": "log group /aws/lambda/checkout in eu-central-1: AccessDeniedException: not authorized",
    "polls": 11,
    "entries": 4_812,
    "refused": 3,
    "created_at": _MOMENT,
    "changed_at": _MOMENT,
}
_SHOWN = _LISTED | {"objects_waiting": 0, "object_error": "s3://logs/a.gz: AccessDenied: Access Denied"}
_NULLABLE = ["next_poll_at", "last_poll_at", "last_entry_at", "last_error", "object_error"]
_FREE = ["configuration", "cursor"]

CONNECTIONS = answer(NEXT, {"connections": [_LISTED], "next": "checkout"}, nullable=_NULLABLE, free=_FREE)
CONNECTION = answer("The connection as it is now", _SHOWN, optional=(), nullable=_NULLABLE, free=_FREE)
MADE = answer("The connection, which is polled from now on", _SHOWN, status=201, optional=(), nullable=_NULLABLE,
              free=_FREE)  # fmt: skip
REMOVED = no_content("Removed; what it has brought stays")
TRIED = answer(
    "A task tries it; its result says what it reaches, or the exact reason why it does not",
    {"task_id": "01934f0e-7c5a-7d2b-9f3e-52c8a1d64000", "status": "queued"},
    status=202,
)
