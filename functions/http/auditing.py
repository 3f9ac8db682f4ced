"""The one line by which a route that changes something leaves its trace in the audit trail."""

import re
from collections.abc import Mapping
from typing import Any

from fastapi import Request

from functions.http.parts import parts_of
from oddline import audit
from oddline.database import Transaction
from oddline.identity import Caller

# A client's own id may be any text, and what stands in the trail stays there: so only what can name nobody is kept.
_NAMES_NOBODY = re.compile(r"[0-9a-f]{32}|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)


def actor_of(request: Request, caller: Caller) -> audit.Actor:
    """Who acts by this request, for what opens its own transaction and records there."""
    request_id: str = request.state.request_id
    return audit.Actor(
        id=caller.actor,
        cipher=parts_of(request).settings.cipher(),
        address=request.client.host if request.client else None,
        user_agent=request.headers.get("user-agent"),
        request_id=request_id if _NAMES_NOBODY.fullmatch(request_id) else None,
    )


def record(
    tx: Transaction,
    request: Request,
    caller: Caller,
    action: audit.Action,
    *,
    subject: str,
    details: Mapping[str, Any] | None = None,
    named: Mapping[str, Any] | None = None,
) -> None:
    """Write into the trail of the caller's project what this transaction does; as `audit.record`."""
    audit.record(
        tx,
        project=caller.project,
        by=actor_of(request, caller),
        action=action,
        subject=subject,
        details=details,
        named=named,
        now=parts_of(request).clock(),
    )
