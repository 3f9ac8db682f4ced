"""What OpenAPI says of the answers, with an example of each."""

from typing import Any

from functions.http.answers import NEXT, answer, no_content

_SOURCE = {
    "name": "checkout-api",
    "entries": 48_213,
    "threshold": None,
    "alarms_per_day": 5.0,
    "session_attribute": "request_id",
    "sequence_window": None,
    "in_force": {"threshold": 0.5172, "from": "calibrated", "alarms_per_day": 5.0},
    "alarms_today": 3,
    "drift": {"of": "number", "since": "2026-11-04T08:00:00.000000Z"},
    "first_seen": "2026-10-02T06:00:01.004000Z",
    "last_seen": "2026-11-05T08:15:30.201000Z",
}
_SOURCE_NULLS = ["threshold", "alarms_per_day", "session_attribute", "drift"]
_ANOMALY: dict[str, Any] = {
    "id": "01934f0e-7c5a-7d2b-9f3e-52c8a1d64003",
    "timestamp": "2026-11-05T08:15:30.123000Z",
    "received_at": "2026-11-05T08:15:30.201000Z",
    "severity": "ERROR",
    "severity_number": 17,
    "source": "checkout-api",
    "message": "payment 4711 refused: connection reset by 10.0.4.7",
    "attributes": {"host": "web-3"},
    "pattern_id": 812,
    "anomaly_score": 0.9731,
    "is_anomaly": True,
    "verdict": None,
    "threshold": 0.9,
    "model_version": "general-6",
    "analyzed_at": "2026-11-05T08:15:30.243000Z",
    "kind": "anomaly",
    "count": 4,
    "explanation": {
        "tokens": [["payment", 0.1], [" 4711", 0.0], [" refused", 1.9], [":", 0.0], [" connection reset", 1.8]],
        "declared": 0.75,
        "severity_logit": 4.55,
        "severity": 0.9895,
        "novelty": 0.9835,
        "newest": [["refused", 1.0], ["reset", 1.0], ["connection", 0.9505]],
        "pattern": "payment <num> refused: connection reset by <ip>",
        "nearest": {"pattern_id": 640, "pattern": "payment <num> accepted"},
    },
    "status": "analyzed",
}
_PROJECT = {
    "id": "01934f0e-1111-7abc-8def-0123456789ab",
    "name": "shop",
    "created_at": "2026-10-02T05:58:44.120000Z",
    "mail_recipients": ["oncall@example.org"],
    "mail_minimum_score": 0.9,
    "retention_days": 30,
    "alarms_per_day": None,
}
_ACTION = {
    "id": "01934f0e-9c5a-7d2b-9f3e-52c8a1d64111",
    "number": 1_204,
    "at": "2026-11-05T08:15:30.123000Z",
    "actor": "key:01934f0e-1111-7abc-8def-0123456789ac",
    "action": "source.changed",
    "subject": "source:3f1e0b52-6a0c-5c33-9d0e-1f7f6f1b2c44",
    "details": {"threshold": 0.9, "source": "checkout-api", "request_id": "5f0c9bd3b2a64d7a8fd7d1c6a2a0c1de"},
    "name": "deploy",
    "address": "203.0.113.7",
    "user_agent": "curl/8.14.1",
    "note": None,
    "network": "203.0.113.0/24",
    "sentence": "deploy changed how source checkout-api is judged (threshold 0.9)",
    "erased": False,
    "hash": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
}
_USAGE = {
    "entries": {"used": 812_044, "limit": 50_000_000},
    "bytes": {"used": 118_602_112, "limit": None},
    "resets_at": "2026-11-06T00:00:00Z",
    "requests": {
        "window_seconds": 60,
        "ingest": {"key": 12_000, "project": 60_000},
        "read": {"key": 3_000, "project": 15_000},
        "write": {"key": 1_200, "project": 6_000},
    },
    "days": [{"day": "2026-11-05", "entries": 812_044, "bytes": 118_602_112}],
}
_HEALTHY = {
    "status": "healthy",
    "message": "all parts answer",
    "workers": 2,
    "last_scan": None,
    "checked_at": "2026-11-05T08:15:00.020000Z",
    "parts": {"redis": {"healthy": True, "detail": "answers"}},
}
_UNHEALTHY = _HEALTHY | {
    "status": "unhealthy",
    "message": "workers: none was seen lately",
    "workers": 0,
}

_KEY: dict[str, Any] = {
    "id": "01934f0e-2222-7abc-8def-0123456789ab",
    "name": "checkout",
    "prefix": "odl_1a2b3c4d",
    "scopes": ["ingest"],
    "signed": True,
    "older_secret_until": None,
    "state": "in force",
    "created_at": "2026-11-05T08:15:30.201000Z",
    "expires_at": "2027-11-05T08:15:30.201000Z",
    "revoked_at": None,
    "last_used_at": None,
}
_MADE = {"key": "odl_1a2b3c4d_…", "signing_secret": "whsec_…"}
_MEMBER: dict[str, Any] = {
    "id": "01934f0e-3333-7abc-8def-0123456789ab",
    "person": "person:5a1f2c3d-8a67-5a26-9c8f-54d8cfb1d3f1",
    "issuer": "https://login.example.org",
    "subject": "248289761001",
    "email": "ada@example.org",
    "role": "member",
    "created_at": "2026-11-05T08:15:30.201000Z",
    "last_seen_at": "2026-11-05T09:00:12.480000Z",
}
_MEMBER_NULLS = ["person", "subject", "email", "last_seen_at"]
_ME = {
    "actor": _MEMBER["person"],
    "name": None,
    "project": {"id": _PROJECT["id"], "name": "shop"},
    "role": "member",
    "scopes": ["ingest", "read", "write"],
    "projects": [{"id": _PROJECT["id"], "name": "shop", "role": "member"}],
}
_MASKING = {
    "source": "checkout-api",
    "on": ["email"],
    "off": ["card"],
    "own": [{"name": "employee", "expression": r"E-(\d{6})"}],
    "in_force": {
        "kinds": ["private_key", "jwt", "api_key", "bearer", "password", "email"],
        "own": ["employee"],
    },
    "kinds": {"private_key": True, "jwt": True, "card": True, "email": False},
    "sources": ["checkout-api"],
}
_ERASURE_ID = "01934f0e-7c5a-7d2b-9f3e-52c8a1d64000"
_ERASURE: dict[str, Any] = {
    "erasure_id": _ERASURE_ID,
    "task_id": _ERASURE_ID,
    "state": "erased",
    "reach": "project",
    "ignore_case": True,
    "reason": "request 4711 of a customer",
    "requested_by": "key:01934f0e-2222-7abc-8def-0123456789ab",
    "requested_at": "2026-11-05T08:15:30.201000Z",
    "passes": 2,
    "found": {"chunks": 48, "submissions": 2, "odd_entries": 1},
    "proof": {
        "erased_at": "2026-11-05T08:34:10.100000Z",
        "reach": "project",
        "before": {"chunks": 48, "submissions": 2, "odd_entries": 1},
        "after": {"chunks": 0, "submissions": 0, "odd_entries": 0},
        "searched": {"tables": 37, "rows": 88_213, "objects": 412, "queue_messages": 9},
        "passes": 2,
        "backups_until": "2026-11-12",
        "failed_events_until": "2026-11-19",
    },
}
# What was found is told by the places where something was.
_ERASURE_GAPS: dict[str, Any] = {
    "optional": ["next", *_ERASURE["found"]],
    "nullable": ["proof", "backups_until", "failed_events_until"],
}

HEALTH = answer("All parts answer", _HEALTHY, optional=["redis"], nullable=["checked_at"]) | answer(
    "Something does not; `message` says what", _UNHEALTHY, status=503, optional=["redis"], nullable=["checked_at"]
)
SOURCES = answer(NEXT, {"sources": [_SOURCE], "next": "checkout-api"}, nullable=_SOURCE_NULLS)
SOURCE = answer("The source as it is now; a promise is kept from the next minutes on", _SOURCE, nullable=_SOURCE_NULLS)
USAGE = answer("What was sent, and what may be; null is no limit", _USAGE, nullable=["limit", "key", "project"])
PROJECT = answer("The settings as they are now", _PROJECT)
AUDIT = answer(
    NEXT,
    {"actions": [_ACTION], "next": _ACTION["id"]},
    nullable=["number", "name", "address", "user_agent", "network", "sentence", "hash"],
    free=["details"],  # what there is to tell of an action
)
ANOMALIES = answer(
    NEXT,
    {"anomalies": [_ANOMALY], "next": "AAZCz0qX8HgBk08OfFp9K58-UsihH0AD"},
    free=["attributes", "explanation"],  # which has another form for each kind
)
KEYS = answer(NEXT, {"keys": [_KEY], "next": _KEY["id"]}, nullable=["expires_at"])
KEY_MADE = answer(
    "The key, at the only time that it is shown",
    _KEY | _MADE,
    status=201,
    nullable=["expires_at", "signing_secret"],
)
KEY_REVOKED = no_content("Revoked, now or before")
SECRET_MADE = answer(
    "The secret, at the only time that it is shown",
    {"signing_secret": "whsec_…", "older_valid_until": "2026-11-06T08:15:30.201000Z"},
)
MEMBERS = answer(NEXT, {"members": [_MEMBER], "next": _MEMBER["id"]}, nullable=_MEMBER_NULLS)
MEMBER = answer("The member as they are now", _MEMBER, nullable=_MEMBER_NULLS)
MEMBER_ADDED = answer("The member", _MEMBER, status=201, nullable=_MEMBER_NULLS)
MEMBER_REMOVED = no_content("Removed")
ME = answer("Who calls; `projects` are those that a person may choose among with X-Project", _ME, nullable=["role"])
SESSION = answer(
    "A token for `Authorization: Bearer`; it ends with its key",
    {"token": "eyJ…", "token_type": "Bearer", "expires_at": "2026-11-05T09:15:30.000000Z"},
    status=201,
)
MASKING = answer(
    "What is set, and what is in force; `kinds` says of each whether it is masked by default",
    _MASKING,
    nullable=["source"],
)
ERASURES = answer(NEXT, {"erasures": [_ERASURE], "next": _ERASURE_ID}, **_ERASURE_GAPS)
ERASURE = answer(
    "How far it is; once `proof` stands, nothing holds the values but the backups that it names",
    _ERASURE,
    **_ERASURE_GAPS,
)
ERASING = answer(
    "It is listed: what comes in is masked within seconds, and a task erases what is stored",
    {"erasure_id": _ERASURE_ID, "task_id": _ERASURE_ID, "status": "queued"},
    status=202,
)
