"""The tasks of the audit trail."""

from datetime import timedelta

from oddline.tasks import Priority, Queue, Retry, Schedule, TaskSpec

# As a task it would wait behind the backlog of somebody who has reason to make one, and every worker would have the
# right to write heads.
SEAL_AUDIT = TaskSpec(
    name="seal_audit",
    queue=Queue.MAINTENANCE,
    idempotency="numbers are given by compare-and-set, and a head of the same number is the same",
    schedule=Schedule("rate(1 minute)"),
    in_function=True,
    ledger=False,
)
PROCESS_USER_ACTION = TaskSpec(
    name="process_user_action",
    queue=Queue.DEFAULT,
    priority=Priority.HIGH,
    idempotency="goes on behind the last row that it has seen, which it notes in the transaction that writes",
    soft_limit=timedelta(seconds=60),
    hard_limit=timedelta(seconds=90),
    retry=Retry(attempts=4, base=timedelta(seconds=5), cap=timedelta(seconds=60)),
    ledger=False,
)

TASKS = (SEAL_AUDIT, PROCESS_USER_ACTION)
