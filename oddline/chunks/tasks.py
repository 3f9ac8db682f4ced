"""The catalogue entries of chunks."""

from datetime import timedelta
from typing import Final

from oddline.tasks import Priority, Queue, Schedule, TaskSpec

COMPACT_CHUNKS: Final = TaskSpec(
    name="compact_chunks",
    queue=Queue.MAINTENANCE,
    priority=Priority.LOW,
    idempotency="swaps by compare-and-set: what another run has merged is left alone",
    soft_limit=timedelta(seconds=300),
    hard_limit=timedelta(seconds=600),
    schedule=Schedule("rate(5 minutes)"),
    critical=True,
)

CLEANUP_OLD_LOGS: Final = TaskSpec(
    name="cleanup_old_logs",
    queue=Queue.MAINTENANCE,
    priority=Priority.LOW,
    idempotency="deletes only what is past its time",
    soft_limit=timedelta(seconds=1_500),
    hard_limit=timedelta(seconds=1_800),
    schedule=Schedule("cron(0 2 * * ? *)"),
    critical=True,
)

TASKS: Final = (COMPACT_CHUNKS, CLEANUP_OLD_LOGS)
