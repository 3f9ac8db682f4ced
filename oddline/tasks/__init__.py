"""Background work: the catalogue's form, the ledger, dead letters, publishing."""

from oddline.tasks.lease import heartbeat
from oddline.tasks.model import (
    Catalogue,
    NoPayload,
    Payload,
    Priority,
    Queue,
    Retry,
    Schedule,
    Starter,
    State,
    Task,
    TaskSpec,
)
from oddline.tasks.publisher import LONGEST_COUNTDOWN, Publisher
from oddline.tasks.service import (
    Clock,
    Run,
    TaskContext,
    dead_letters,
    drop,
    enqueue,
    newest,
    publish_due,
    replay,
    run_task,
    utc_now,
)
from oddline.tasks.store import count_workers, delete_expired, find, forget_workers, see_worker

__all__ = [
    "LONGEST_COUNTDOWN",
    "Catalogue",
    "Clock",
    "NoPayload",
    "Payload",
    "Priority",
    "Publisher",
    "Queue",
    "Retry",
    "Run",
    "Schedule",
    "Starter",
    "State",
    "Task",
    "TaskContext",
    "TaskSpec",
    "count_workers",
    "dead_letters",
    "delete_expired",
    "drop",
    "enqueue",
    "find",
    "forget_workers",
    "heartbeat",
    "newest",
    "publish_due",
    "replay",
    "run_task",
    "see_worker",
    "utc_now",
]
