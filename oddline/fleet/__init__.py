"""Workers and queues as operators see and steer them: holds, purges, restarts, rate limits, who does what."""

from typing import TYPE_CHECKING

from oddline.lazy import face

if TYPE_CHECKING:
    from oddline.fleet.model import Hold, QueueState, RateLimit, Wishes, Work, WorkerProcess, WorkerState
    from oddline.fleet.service import (
        ask_restart,
        lift_limit,
        list_queues,
        list_workers,
        purge,
        set_limit,
    )
    from oddline.fleet.store import held_queues, hold, limits, release, report, take_turn, wishes

__getattr__ = face(
    __name__,
    {
        "model": ("Hold", "QueueState", "RateLimit", "Wishes", "Work", "WorkerProcess", "WorkerState"),
        "service": ("ask_restart", "lift_limit", "list_queues", "list_workers", "purge", "set_limit"),
        "store": ("held_queues", "hold", "limits", "release", "report", "take_turn", "wishes"),
    },
)

__all__ = [
    "Hold",
    "QueueState",
    "RateLimit",
    "Wishes",
    "Work",
    "WorkerProcess",
    "WorkerState",
    "ask_restart",
    "held_queues",
    "hold",
    "lift_limit",
    "limits",
    "list_queues",
    "list_workers",
    "purge",
    "release",
    "report",
    "set_limit",
    "take_turn",
    "wishes",
]
