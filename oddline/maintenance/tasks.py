"""The tasks that keep Oddline itself in order."""

from datetime import timedelta

from oddline.tasks import Priority, Queue, Schedule, TaskSpec

RECONCILE = TaskSpec(
    name="reconcile",
    queue=Queue.MAINTENANCE,
    idempotency="publishes wake-ups only; a second one finds nothing to claim",
    schedule=Schedule("rate(1 minute)"),
    in_function=True,
    ledger=False,
)
HEALTH_CHECK = TaskSpec(
    name="health_check",
    queue=Queue.MAINTENANCE,
    idempotency="overwrites the last result",
    schedule=Schedule("rate(1 minute)"),
    in_function=True,
    ledger=False,
)
PUBLISH_METRICS = TaskSpec(
    name="publish_metrics",
    queue=Queue.MAINTENANCE,
    idempotency="tells what is so at this moment; told twice it is the same",
    schedule=Schedule("rate(1 minute)"),
    in_function=True,
    ledger=False,
)
CHECK_TASK_PATTERNS = TaskSpec(
    name="check_task_patterns",
    queue=Queue.MAINTENANCE,
    idempotency="an alert that was sent lately is only counted",
    schedule=Schedule("rate(5 minutes)"),
    in_function=True,
    ledger=False,
)
CREATE_PARTITIONS = TaskSpec(
    name="create_partitions",
    queue=Queue.MAINTENANCE,
    idempotency="makes only what is missing",
    schedule=Schedule("cron(30 0 * * ? *)"),
    in_function=True,
    ledger=False,
)
CLEANUP_OLD_RESULTS = TaskSpec(
    name="cleanup_old_results",
    queue=Queue.MAINTENANCE,
    idempotency="deletes only what is past its time",
    priority=Priority.LOW,
    soft_limit=timedelta(seconds=1_500),
    hard_limit=timedelta(seconds=1_800),
    schedule=Schedule("cron(30 3 * * ? *)"),
    critical=True,
)
RENEW_ENCRYPTION = TaskSpec(
    name="renew_encryption",
    queue=Queue.MAINTENANCE,
    idempotency="encrypts again only what the newest key did not",
    priority=Priority.LOW,
    soft_limit=timedelta(seconds=1_500),
    hard_limit=timedelta(seconds=1_800),
    schedule=Schedule("cron(45 3 * * ? *)"),  # after what is past its time is gone
)
CLEANUP_EXPIRED_API_KEYS = TaskSpec(
    name="cleanup_expired_api_keys",
    queue=Queue.MAINTENANCE,
    idempotency="deletes only what is past its time",
    priority=Priority.LOW,
    schedule=Schedule("cron(30 2 * * ? *)"),
)

TASKS = (
    RECONCILE,
    HEALTH_CHECK,
    PUBLISH_METRICS,
    CHECK_TASK_PATTERNS,
    CREATE_PARTITIONS,
    CLEANUP_OLD_RESULTS,
    RENEW_ENCRYPTION,
    CLEANUP_EXPIRED_API_KEYS,
)
