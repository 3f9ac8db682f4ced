"""The tasks of scoring, beside the wake-ups that a submission sends."""

from datetime import timedelta

from oddline.tasks import Queue, Retry, TaskSpec

FOLD_COUNTS = TaskSpec(
    name="fold_counts",
    queue=Queue.DATA_ANALYSIS,
    idempotency="an incremental reader: its cursor moves in the transaction that adds the counts",
    soft_limit=timedelta(seconds=60),
    hard_limit=timedelta(seconds=90),
    retry=Retry(attempts=4, base=timedelta(seconds=5), cap=timedelta(seconds=60)),
    ledger=False,
)

TASKS = (FOLD_COUNTS,)
