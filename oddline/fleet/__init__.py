"""Workers and queues as operators see and steer them: holds, purges, restarts, rate limits, who does what."""

from typing import TYPE_CHECKING

from oddline.lazy import face

if TYPE_CHECKING:
    from oddline.fleet.broker import drop_messages
    from oddline.fleet.model import Hold, QueueState, RateLimit, Wishes, Work, WorkerProcess, WorkerState
    from oddline.fleet.service import (
        ask_restart,
        lift_limit,
        list_queues,
        list_workers,
        set_limit,
    )
    from oddline.fleet.store import held_queues, hold, limits, release, report, take_turn, wishes

__getattr__ = face(
    __name__,
    {
        "broker": ("drop_messages",),
        "model": ("Hold", "QueueState", "RateLimit", "Wishes", "Work", "WorkerProcess", "WorkerState"),
        "service": ("ask_restart", "lift_limit", "list_queues", "list_workers", "set_limit"),
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
    "drop_messages",
    "held_queues",
    "hold",
    "lift_limit",
    "limits",
    "list_queues",
    "list_workers",
    "release",
    "report",
    "set_limit",
    "take_turn",
    "wishes",
]
