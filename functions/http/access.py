"""Who may call what: the one table, and what applications make of it."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any, Final

from fastapi import FastAPI
from fastapi.routing import iter_route_contexts

from functions.http.repeating import document_repeats
from oddline.identity import Scope


class Open(StrEnum):
    """Routes that need no scope."""

    PUBLIC = "public"
    CALLER = "any caller"
    OLDER_SIGNATURE = "older signature"  # a key with the scope `ingest`, or X-HMAC-Signature: its route checks that


class Beyond(StrEnum):
    """Routes that ask for more than a scope."""

    OPERATOR = "operator"  # they act on the whole installation: the scope `admin`, in the operator's project


Access = Scope | Open | Beyond
Table = Mapping[tuple[str, str], Access]

# Every route of the applications stands here, or its application does not start. A role's scopes: SCOPES_OF.
ACCESS: Final[Table] = {
    # ingest: keys alone, since the function that takes logs carries nothing that could check a token
    ("POST", "/api/v1/logs"): Scope.INGEST,
    ("POST", "/api/v1/logs/batch"): Scope.INGEST,
    ("POST", "/api/logs"): Open.OLDER_SIGNATURE,
    ("POST", "/api/logs/"): Open.OLDER_SIGNATURE,
    ("POST", "/api/batch-analysis"): Open.OLDER_SIGNATURE,
    ("POST", "/api/batch-analysis/"): Open.OLDER_SIGNATURE,
    ("POST", "/v1/logs"): Scope.INGEST,
    ("POST", "/loki/api/v1/push"): Scope.INGEST,
    # console
    ("GET", "/api/v1/monitoring/health"): Open.PUBLIC,
    ("GET", "/api/v1/me"): Open.CALLER,
    ("POST", "/api/v1/session"): Open.CALLER,
    ("GET", "/api/v1/keys"): Scope.ADMIN,
    ("POST", "/api/v1/keys"): Scope.ADMIN,
    ("DELETE", "/api/v1/keys/{key_id}"): Scope.ADMIN,
    ("POST", "/api/v1/keys/{key_id}/signing-secret"): Scope.ADMIN,
    ("GET", "/api/v1/members"): Scope.ADMIN,
    ("POST", "/api/v1/members"): Scope.ADMIN,
    ("PUT", "/api/v1/members/{member_id}"): Scope.ADMIN,
    ("DELETE", "/api/v1/members/{member_id}"): Scope.ADMIN,
    ("GET", "/api/v1/project"): Scope.READ,
    ("PUT", "/api/v1/project"): Scope.ADMIN,
    ("GET", "/api/v1/usage"): Scope.READ,
    ("GET", "/api/v1/audit"): Scope.ADMIN,
    ("GET", "/api/v1/sources"): Scope.READ,
    ("PUT", "/api/v1/sources/{name:path}"): Scope.WRITE,
    ("GET", "/api/v1/anomalies"): Scope.READ,
    ("GET", "/api/v1/analytics/timeline"): Scope.READ,
    ("GET", "/api/v1/analytics/summary"): Scope.READ,
    ("GET", "/api/v1/analytics/compare"): Scope.READ,
    ("GET", "/api/v1/masking"): Scope.READ,
    ("PUT", "/api/v1/masking"): Scope.ADMIN,
    ("GET", "/api/v1/erasures"): Scope.ADMIN,
    ("POST", "/api/v1/erasures"): Scope.ADMIN,
    ("GET", "/api/v1/erasures/{erasure_id}"): Scope.ADMIN,
    ("GET", "/api/v1/files"): Scope.READ,
    ("POST", "/api/v1/files"): Scope.INGEST,
    ("POST", "/api/v1/files/process"): Scope.INGEST,
    ("GET", "/api/v1/files/{file_id}"): Scope.READ,
    ("DELETE", "/api/v1/files/{file_id}"): Scope.WRITE,
    ("GET", "/api/v1/files/{file_id}/upload"): Scope.INGEST,
    ("PUT", "/api/v1/files/{file_id}/parts/{number}"): Scope.INGEST,
    ("POST", "/api/v1/files/{file_id}/complete"): Scope.INGEST,
    ("GET", "/api/v1/files/origin/{entry_id}"): Scope.READ,
    ("POST", "/api/v1/logs/process/{log_file_id}"): Scope.INGEST,
    ("GET", "/api/v1/tasks"): Scope.READ,
    ("GET", "/api/v1/tasks/dead-letters"): Scope.READ,
    ("POST", "/api/v1/tasks/dead-letters/{task_id}/replay"): Scope.ADMIN,
    ("DELETE", "/api/v1/tasks/dead-letters/{task_id}"): Scope.ADMIN,
    ("GET", "/api/v1/tasks/dead-letters/{task_id}"): Scope.READ,
    ("POST", "/api/v1/tasks/dead-letters/replay"): Scope.ADMIN,
    ("DELETE", "/api/v1/tasks/dead-letters"): Scope.ADMIN,
    ("POST", "/api/v1/tasks"): Scope.WRITE,
    ("GET", "/api/v1/tasks/catalogue"): Scope.READ,
    ("GET", "/api/v1/tasks/active"): Scope.ADMIN,
    ("GET", "/api/v1/tasks/scheduled"): Scope.ADMIN,
    ("DELETE", "/api/v1/tasks/cancel/{task_id}"): Scope.ADMIN,
    ("GET", "/api/v1/tasks/{task_id}"): Scope.READ,
    ("GET", "/api/v1/tasks/status/{task_id}"): Scope.READ,
    ("GET", "/api/task-status/{task_id}"): Scope.READ,
    ("GET", "/api/task-status/{task_id}/"): Scope.READ,
    ("GET", "/api/v1/system-alerts"): Scope.ADMIN,
    ("GET", "/api/v1/schedules"): Scope.READ,
    ("POST", "/api/v1/schedules"): Scope.ADMIN,
    ("GET", "/api/v1/schedules/{schedule_id}"): Scope.READ,
    ("PUT", "/api/v1/schedules/{schedule_id}"): Scope.ADMIN,
    ("DELETE", "/api/v1/schedules/{schedule_id}"): Scope.ADMIN,
    ("POST", "/api/v1/schedules/{schedule_id}/pause"): Scope.ADMIN,
    ("POST", "/api/v1/schedules/{schedule_id}/resume"): Scope.ADMIN,
    ("POST", "/api/v1/schedules/{schedule_id}/run"): Scope.ADMIN,
    ("GET", "/api/v1/schedules/{schedule_id}/runs"): Scope.READ,
    ("GET", "/api/v1/connections"): Scope.READ,
    ("POST", "/api/v1/connections"): Scope.ADMIN,
    ("GET", "/api/v1/connections/{connection_id}"): Scope.READ,
    ("PUT", "/api/v1/connections/{connection_id}"): Scope.ADMIN,
    ("DELETE", "/api/v1/connections/{connection_id}"): Scope.ADMIN,
    ("POST", "/api/v1/connections/{connection_id}/pause"): Scope.ADMIN,
    ("POST", "/api/v1/connections/{connection_id}/resume"): Scope.ADMIN,
    ("POST", "/api/v1/connections/{connection_id}/test"): Scope.ADMIN,
    ("GET", "/api/v1/workers"): Beyond.OPERATOR,
    ("POST", "/api/v1/workers/restart"): Beyond.OPERATOR,
    ("GET", "/api/v1/queues"): Beyond.OPERATOR,
    ("POST", "/api/v1/queues/{queue}/hold"): Beyond.OPERATOR,
    ("POST", "/api/v1/queues/{queue}/purge"): Beyond.OPERATOR,
    ("POST", "/api/v1/queues/{queue}/release"): Beyond.OPERATOR,
    ("GET", "/api/v1/rate-limits"): Beyond.OPERATOR,
    ("PUT", "/api/v1/rate-limits/{task}"): Beyond.OPERATOR,
    ("DELETE", "/api/v1/rate-limits/{task}"): Beyond.OPERATOR,
    # search
    ("GET", "/api/v1/search"): Scope.READ,
    ("GET", "/api/v1/logs"): Scope.READ,
    ("GET", "/api/v1/logs/tail"): Scope.READ,
    ("GET", "/api/v1/logs/searches/{task_id}"): Scope.READ,
    ("GET", "/api/v1/logs/{entry_id}"): Scope.READ,
    ("GET", "/api/v1/models/shadow-report"): Scope.READ,
    ("GET", "/api/v1/feedback"): Scope.READ,
    ("GET", "/api/v1/feedback/preview"): Scope.READ,
    ("POST", "/api/v1/feedback"): Scope.WRITE,
    ("DELETE", "/api/v1/feedback/{feedback_id}"): Scope.WRITE,
}

# What a signed key may not do: only the ingest application checks signatures, and whoever has stolen the key without
# its secret is to submit nothing, neither here nor by what they would make here.
CLOSED_TO_SIGNED_KEYS: Final = frozenset(
    {
        ("POST", "/api/v1/session"),
        ("POST", "/api/v1/keys"),
        ("POST", "/api/v1/keys/{key_id}/signing-secret"),
        ("POST", "/api/v1/members"),
        ("PUT", "/api/v1/members/{member_id}"),
        ("POST", "/api/v1/files"),
        ("POST", "/api/v1/files/process"),
        ("GET", "/api/v1/files/{file_id}/upload"),
        ("PUT", "/api/v1/files/{file_id}/parts/{number}"),
        ("POST", "/api/v1/files/{file_id}/complete"),
        ("POST", "/api/v1/logs/process/{log_file_id}"),
        ("POST", "/api/v1/connections"),
        ("PUT", "/api/v1/connections/{connection_id}"),
    }
)

# Written here and not by FastAPI's dependencies for each: those are built anew for each route, at each cold start.
SCHEMES: Final = {
    "bearer": {
        "type": "http",
        "scheme": "bearer",
        "description": "An API key; where no logs are submitted also a session, or a token of the issuer: then the "
        "header X-Project chooses among a person's projects, by name or id",
    },
    "header": {"type": "apiKey", "in": "header", "name": "X-API-Key", "description": "An API key"},
}
OLDER_SCHEME: Final = {
    "type": "apiKey",
    "in": "header",
    "name": "X-HMAC-Signature",
    "description": "Hex HMAC-SHA256 of the body",
}


def scope_of(access: Access) -> Scope | None:
    """The scope that a caller must have; None where any will do."""
    if isinstance(access, Scope):
        return access
    return Scope.ADMIN if access is Beyond.OPERATOR else None


def routes_of(app: FastAPI) -> list[tuple[str, str]]:
    """Method and path of each route, as they stand in the table."""
    return [
        (method, str(route.path)) for route in iter_route_contexts(app.routes) for method in sorted(route.methods or ())
    ]


def hold_to(app: FastAPI, table: Table) -> None:
    """Have `app` know who may call each of its routes, and say so in its documentation.

    Raises:
        LookupError: a route does not stand in the table.
    """
    if missing := [f"{method} {path}" for method, path in routes_of(app) if (method, path) not in table]:
        raise LookupError(f"functions/http/access.py does not say who may call {', '.join(missing)}")
    app.state.access = table
    plain = app.openapi

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            _document(plain(), table)
            document_repeats(app, plain())
        return plain()

    app.openapi = openapi  # type: ignore[method-assign]  # as FastAPI's own documentation extends it


def _document(document: dict[str, Any], table: Table) -> None:
    """Write into an OpenAPI document what each route asks of its callers."""
    schemes = document.setdefault("components", {}).setdefault("securitySchemes", dict(SCHEMES))
    for (method, path), access in table.items():
        operation = document["paths"].get(path.replace(":path}", "}"), {}).get(method.lower())
        if operation is None or access is Open.PUBLIC:
            continue
        scopes = [str(scope)] if (scope := scope_of(access)) else []
        operation["security"] = [{"bearer": scopes}, {"header": scopes}]
        if access is Open.OLDER_SIGNATURE:
            operation["security"].append({"older": []})
            schemes["older"] = OLDER_SCHEME
