"""The schedules' part of the task catalogue."""

from oddline.tasks import Queue, Schedule, TaskSpec

WATCH_SCHEDULES = TaskSpec(
    name="watch_schedules",
    queue=Queue.MAINTENANCE,
    idempotency="a planned time is dealt with once; the timer is told what differs, and only that",
    schedule=Schedule("rate(1 minute)"),
    in_function=True,
    ledger=False,
)

TASKS = (WATCH_SCHEDULES,)
