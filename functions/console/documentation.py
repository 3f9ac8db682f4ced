"""What OpenAPI says of the answers, with an example of each."""

from typing import Any

from functions.http import PROBLEM_RESPONSES

_TASK_ID = "01934f0e-7c5a-7d2b-9f3e-52c8a1d64000"
_TASK: dict[str, Any] = {
    "task_id": _TASK_ID,
    "name": "score_waiting",
    "status": "SUCCESS",
    "ready": True,
    "successful": True,
    "failed": False,
    "progress": None,
    "attempt": 1,
    "created_at": "2026-11-05T08:15:30.201000Z",
    "result": {
        "log_entry_id": _TASK_ID,
        "anomaly_score": 0.973,
        "processing_time": 0.0041,
        "analyzed_at": "2026-11-05T08:15:30.243000Z",
        "is_anomaly": True,
    },
    "error": None,
}
_DEAD = _TASK | {
    "name": "cleanup_old_results",
    "status": "FAILURE",
    "successful": False,
    "failed": True,
    "attempt": 4,
    "result": None,
    "error": "ObjectStoreUnavailable: the bucket does not answer",
    "payload": {},
}
_SYSTEM_ALERT = {
    "project": "01934f0e-1111-7abc-8def-0123456789ab",
    "kind": "dead_submissions",
    "subject": "01934f0e-1111-7abc-8def-0123456789ab",
    "text": "a submission failed for good: CorruptBody: the body of submission … is not there",
    "first_at": "2026-11-05T08:15:30.201000Z",
    "last_at": "2026-11-05T08:21:07.114000Z",
    "count": 4,
}
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
    "model_version": "general-4",
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
    "subject": "source:checkout-api",
    "details": {"threshold": 0.9, "request_id": "5f0c9bd3b2a64d7a8fd7d1c6a2a0c1de"},
    "name": "deploy",
    "address": "203.0.113.7",
    "user_agent": "curl/8.14.1",
    "note": None,
    "network": "203.0.113.0/24",
    "sentence": "deploy changed how source checkout-api is judged (threshold 0.9)",
    "erased": False,
    "hash": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
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


def _answer(description: str, example: Any, *, status: int = 200) -> dict[int | str, dict[str, Any]]:
    return PROBLEM_RESPONSES | {status: _json(description, example)}


def _json(description: str, example: Any) -> dict[str, Any]:
    return {"description": description, "content": {"application/json": {"example": example}}}


_NEXT = "A page; the next one is asked for with its `next`, and without `next` it was the last"

TASK = _answer("What became of it; `result` stands once it is `ready`", _TASK)
TASKS = _answer(_NEXT, {"tasks": [_TASK], "next": _TASK_ID})
DEAD_LETTERS = _answer(_NEXT, {"tasks": [_DEAD], "next": _TASK_ID})
REPLAYED = _answer("It will run again", {"task_id": _TASK_ID, "status": "queued"}, status=202)
DROPPED = PROBLEM_RESPONSES | {204: {"description": "Settled"}}
SYSTEM_ALERTS = _answer("Each kind and subject once, with how often it was raised", {"alerts": [_SYSTEM_ALERT]})
HEALTH = PROBLEM_RESPONSES | {
    200: _json("All parts answer", _HEALTHY),
    503: _json("Something does not; `message` says what", _UNHEALTHY),
}
SOURCES = _answer(_NEXT, {"sources": [_SOURCE], "next": "checkout-api"})
SOURCE = _answer("The source as it is now; a promise is kept from the next minutes on", _SOURCE)
PROJECT = _answer("The settings as they are now", _PROJECT)
AUDIT = _answer(_NEXT, {"actions": [_ACTION], "next": _ACTION["id"]})
ANOMALIES = _answer(_NEXT, {"anomalies": [_ANOMALY], "next": "AAZCz0qX8HgBk08OfFp9K58-UsihH0AD"})
