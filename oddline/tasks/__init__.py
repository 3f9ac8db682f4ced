"""Background work: the catalogue's form, the ledger, dead letters, publishing."""

from oddline.tasks.alert_store import RaisedAlert
from oddline.tasks.alerts import SEND_SYSTEM_ALERT, SystemAlert, delete_alerts, raise_alert, raised_alerts
from oddline.tasks.attempt import LONGEST_ERROR
from oddline.tasks.cancelling import cancel
from oddline.tasks.context import Clock, OnFailure, Run, TaskContext, utc_now
from oddline.tasks.dead_letters import (
    check_cap,
    count_dead,
    dead_letter,
    drop,
    drop_many,
    replay,
    replay_many,
)
from oddline.tasks.interruption import TaskCancelled
from oddline.tasks.lease import heartbeat
from oddline.tasks.model import (
    WORKER_SEEN,
    Catalogue,
    NoPayload,
    Outcome,
    Payload,
    Priority,
    Queue,
    Retry,
    Schedule,
    Search,
    Starter,
    State,
    Task,
    TaskSpec,
    WorkerClass,
)
from oddline.tasks.publisher import LONGEST_COUNTDOWN, Held, Publisher
from oddline.tasks.renewal_store import renew_tasks
from oddline.tasks.requests import request
from oddline.tasks.sealing import SEALED, opened, renewed, seal, shown, unseal
from oddline.tasks.search_store import find, newest
from oddline.tasks.service import enqueue, is_overdue, publish_due, publish_overdue, run_task
from oddline.tasks.store import (
    and_failure,
    count_by_class,
    count_workers,
    delete_expired,
    end_leases,
    forget_workers,
    holders,
    see_worker,
)
from oddline.tasks.turns import Code, forget_turns, others_wait, run_turn
from oddline.tasks.workflows import Step, start_workflow, step

__all__ = [
    "LONGEST_COUNTDOWN",
    "LONGEST_ERROR",
    "SEALED",
    "SEND_SYSTEM_ALERT",
    "WORKER_SEEN",
    "Catalogue",
    "Clock",
    "Code",
    "Held",
    "NoPayload",
    "OnFailure",
    "Outcome",
    "Payload",
    "Priority",
    "Publisher",
    "Queue",
    "RaisedAlert",
    "Retry",
    "Run",
    "Schedule",
    "Search",
    "Starter",
    "State",
    "Step",
    "SystemAlert",
    "Task",
    "TaskCancelled",
    "TaskContext",
    "TaskSpec",
    "WorkerClass",
    "and_failure",
    "cancel",
    "check_cap",
    "count_by_class",
    "count_dead",
    "count_workers",
    "dead_letter",
    "delete_alerts",
    "delete_expired",
    "drop",
    "drop_many",
    "end_leases",
    "enqueue",
    "find",
    "forget_turns",
    "forget_workers",
    "heartbeat",
    "holders",
    "is_overdue",
    "newest",
    "opened",
    "others_wait",
    "publish_due",
    "publish_overdue",
    "raise_alert",
    "raised_alerts",
    "renew_tasks",
    "renewed",
    "replay",
    "replay_many",
    "request",
    "run_task",
    "run_turn",
    "seal",
    "see_worker",
    "shown",
    "start_workflow",
    "step",
    "unseal",
    "utc_now",
]
