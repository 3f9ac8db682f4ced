"""What OpenAPI says of the answers about workers and queues, with an example of each."""

from typing import Any

from functions.http.answers import answer, no_content

_WORKER: dict[str, Any] = {
    "worker": "ip-10-0-4-7/4026532008:7",
    "classes": ["scoring"],
    "started_at": "2026-11-05T06:00:11.201000Z",
    "seen_at": "2026-11-05T08:15:30.201000Z",
    "ending_at": None,
    "pid": 7,
    "rss_bytes": 121_634_816,
    "concurrency": 2,
    "processes": [
        {
            "process": "ip-10-0-4-7/4026532008:15",
            "started_at": "2026-11-05T06:00:13.402000Z",
            "rss_bytes": 264_241_152,
            "tasks_done": 812,
            "doing": [{"name": "score_waiting", "attempt": 1, "submissions": 4, "entries": 4_000}],
        }
    ],
}
_QUEUE: dict[str, Any] = {
    "queue": "notifications",
    "class": "general",
    "messages": 0,
    "due": 214,
    "later": 2,
    "oldest": "2026-11-05T08:02:11.004000Z",
    "held": {"held_at": "2026-11-05T08:02:10.114000Z", "held_by": "key:01934f0e…", "reason": "the mail server is down"},
}
_LIMIT = {"task": "send_email", "rate": "10/m", "set_at": "2026-11-05T08:15:30.201000Z", "set_by": "key:01934f0e…"}


WORKERS = answer(
    "Those that gave a sign of life within 20 seconds",
    {"workers": [_WORKER]},
    # A worker tells of itself after its first seconds, and of its work what there is to tell.
    optional=["pid", "rss_bytes", "concurrency", "tasks_done", "submissions", "entries"],
)
RESTARTED = answer("They end as soon as it is their turn", {"classes": ["scoring"], "status": "asked"}, status=202)
QUEUES = answer(
    "All queues; `messages` is null where Redis does not answer",
    {"queues": [_QUEUE]},
    nullable=["messages", "oldest", "held"],
)
HELD = answer("So it is now", {"queue": "notifications", "status": "held"})
PURGED = answer("Held, and its messages are deleted", {"queue": "default", "status": "held", "messages": 214})
LIMITS = answer("Those that differ from the catalogue's", {"limits": [_LIMIT]})
SETTLED = no_content("So it is now")
