"""The tasks of scoring, beside the wake-ups that a submission sends."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

from pydantic import AwareDatetime

from oddline.tasks import Payload, Priority, Queue, Retry, TaskSpec


class ReplayRange(Payload):
    """What is scored again: entries of a project (of one source, where it is named) with these timestamps.

    `time_to` itself is not in the range; `model` is a version.
    """

    project: UUID
    time_from: AwareDatetime
    time_to: AwareDatetime
    model: str
    source: str | None = None


_NEVER = datetime(1990, 1, 1, tzinfo=UTC)

FOLD_COUNTS = TaskSpec(
    name="fold_counts",
    queue=Queue.DATA_ANALYSIS,
    idempotency="an incremental reader: its cursor moves in the transaction that adds the counts",
    soft_limit=timedelta(seconds=60),
    hard_limit=timedelta(seconds=90),
    retry=Retry(attempts=4, base=timedelta(seconds=5), cap=timedelta(seconds=60)),
    ledger=False,
)
DETECT_SEQUENCES = TaskSpec(
    name="detect_sequences",
    queue=Queue.DATA_ANALYSIS,
    idempotency="an incremental reader: its cursor moves in the transaction that writes what became of the sessions",
    soft_limit=timedelta(seconds=240),
    hard_limit=timedelta(seconds=300),
    retry=Retry(attempts=4, base=timedelta(seconds=5), cap=timedelta(seconds=60)),
    ledger=False,
)
DETECT_RATES = TaskSpec(
    name="detect_rates",
    queue=Queue.DATA_ANALYSIS,
    idempotency="an incremental reader: its cursor moves in the transaction that writes what was counted",
    soft_limit=timedelta(seconds=240),
    hard_limit=timedelta(seconds=300),
    retry=Retry(attempts=4, base=timedelta(seconds=5), cap=timedelta(seconds=60)),
    ledger=False,
)
REPLAY = TaskSpec(
    name="replay",
    queue=Queue.MAINTENANCE,
    idempotency="the list of chunks is fixed once, and each is marked as done in the transaction that names its scores",
    priority=Priority.LOW,
    payload=ReplayRange,
    soft_limit=timedelta(seconds=1_500),
    hard_limit=timedelta(seconds=1_800),
    # A long one goes on in attempt after attempt; one that gets no further ends by itself.
    retry=Retry(attempts=500, base=timedelta(seconds=1), cap=timedelta(seconds=60)),
    result_kept=timedelta(days=30),
    smoke=ReplayRange(project=UUID(int=0), time_from=_NEVER, time_to=_NEVER, model="none"),
)

TASKS = (FOLD_COUNTS, DETECT_SEQUENCES, DETECT_RATES, REPLAY)
