"""What OpenAPI says of the answers on schedules, with an example of each."""

from typing import Any

from functions.console.task_documentation import MAIL
from functions.http.answers import NEXT, answer, no_content

_TASK_ID = "01934f0e-7c5a-7d2b-9f3e-52c8a1d64000"
_SCHEDULE: dict[str, Any] = {
    "id": "01934f0e-7c5a-7d2b-9f3e-52c8a1d64aaa",
    "name": "morning mail",
    "task": "send_email",
    "payload": MAIL,
    "expression": "cron(0 8 ? * MON-FRI *)",
    "timezone": "Europe/Berlin",
    "starts_at": None,
    "ends_at": None,
    "catch_up": "none",
    "state": "active",
    "next": [f"2026-11-{day:02}T07:00:00Z" for day in (5, 6, 9, 10, 11)],
    "actor": "key:01934f0e-1111-7abc-8def-0123456789ab",
    "created_at": "2026-11-04T15:20:11.120000Z",
    "changed_at": "2026-11-04T15:20:11.120000Z",
}
_RUN = {
    "planned": "2026-11-05T07:00:00Z",
    "fired_at": "2026-11-05T07:00:01.201000Z",
    "outcome": "started",
    "count": 1,
    "task_id": _TASK_ID,
    "detail": None,
}

_OF_THE_SYSTEM = {"task", "expression", "timezone"}  # what is told of Oddline's own, beside their next times

SCHEDULES = answer(
    NEXT,
    {"schedules": [_SCHEDULE], "next": "morning mail"},
    optional=_SCHEDULE.keys() - _OF_THE_SYSTEM,
    free=["payload", "next"],
)
SCHEDULE = answer("The schedule as it is now, with its next five times", _SCHEDULE, optional=(), free=["payload"])
MADE = answer("The schedule, with its next five times", _SCHEDULE, status=201, optional=(), free=["payload"])
REMOVED = no_content("Removed; what it has started goes on")
STARTED = answer("Its task waits to run", {"task_id": _TASK_ID, "status": "queued"}, status=202)
RUNS = answer(NEXT, {"runs": [_RUN], "next": "2026-11-05T07:00:00Z"}, nullable=["task_id"])
