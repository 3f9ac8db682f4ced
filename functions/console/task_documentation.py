"""What OpenAPI says of the answers on tasks, with an example of each."""

from typing import Any

from functions.http.answers import NEXT, answer, no_content

MAIL = {"recipients": ["oncall@example.org"], "subject": "Good morning", "text": "Look at the odd lines."}
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
    "due_at": None,
    "started_at": "2026-11-05T08:15:30.220000Z",
    "finished_at": "2026-11-05T08:15:30.243000Z",
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
    "replays": 1,
}
_DEAD_WITH_ATTEMPTS = _DEAD | {
    "failures": [
        {
            "attempt": 4,
            "at": "2026-11-05T08:15:30.243000+00:00",
            "error": "ObjectStoreUnavailable: the bucket does not answer",
        }
    ],
}
_KIND = {
    "name": "send_email",
    "queue": "notifications",
    "priority": "high",
    "starters": ["admin", "system"],
    "startable": True,
    "payload": {"type": "object", "properties": {"subject": {"type": "string"}}},
    "soft_limit_s": 60.0,
    "hard_limit_s": 120.0,
    "attempts": 4,
    "backoff_s": {"base": 60.0, "cap": 900.0},
    "rate_limit": None,
    "schedule": None,
    "result_kept_s": 259_200.0,
    "critical": False,
    "most_replays": 3,
    "idempotency": "the deliveries are looked up first: who has the message by this task gets no second one",
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

_GAPS: dict[str, Any] = {"nullable": ["started_at", "finished_at", "error"], "free": ["payload", "result"]}
TASK = answer("What became of it; `result` stands once it is `ready`", _TASK, **_GAPS)
TASKS = answer(NEXT, {"tasks": [_TASK], "next": _TASK_ID}, **_GAPS)
KINDS = answer(
    "Each kind of task; `startable` says whether the caller may start it", {"tasks": [_KIND]}, free=["payload"]
)
STARTED = answer("It will run", {"task_id": _TASK_ID, "status": "queued"}, status=202)
CANCELLED = answer(
    "What came of it: `never_started`, `stopped`, `too_late` (it ended before it could be stopped) or `already_done`",
    {"task_id": _TASK_ID, "outcome": "stopped", "status": "REVOKED"},
) | answer(
    "It has been told to stop, and has not yet; `Location` will tell",
    {"task_id": _TASK_ID, "outcome": "stopping", "status": "PROGRESS"},
    status=202,
)
DEAD_LETTERS = answer(NEXT, {"tasks": [_DEAD], "next": _TASK_ID}, **_GAPS)
DEAD_LETTER = answer("What it was given and how it failed", _DEAD_WITH_ATTEMPTS, **_GAPS)
REPLAYED = answer("It will run again", {"task_id": _TASK_ID, "status": "queued"}, status=202)
REPLAYED_MANY = answer(
    "How many will run again, and how many are left",
    {"replayed": 12, "left": 0, "capped": 1, "failed_before": "2026-11-05T08:15:30.243000Z"},
)
DROPPED = no_content("Settled")
DROPPED_MANY = answer("How many are settled", {"dropped": 12})
SYSTEM_ALERTS = answer(
    "Each kind and subject once, with how often it was raised",
    {"alerts": [_SYSTEM_ALERT]},
    free=["subject"],  # a project, a task, a model: whatever the kind is about
)
