"""The wake-ups that a submission sends: they carry nothing, since the database says what waits."""

from datetime import timedelta

from oddline.tasks import Queue, Retry, TaskSpec

ATTEMPTS = 4  # a submission that failed, or killed its worker, so many times is a dead letter

SCORE_WAITING = TaskSpec(
    name="score_waiting",
    queue=Queue.ANALYSIS,
    idempotency="claims by compare-and-set; what another worker holds or has finished is left alone",
    # A claim is far shorter; only thousands of patterns that the model has never seen take minutes.
    soft_limit=timedelta(seconds=300),
    hard_limit=timedelta(seconds=360),
    retry=Retry(attempts=ATTEMPTS, base=timedelta(seconds=10), cap=timedelta(seconds=60)),
    ledger=False,
)
SCORE_WAITING_BATCH = TaskSpec(
    name="score_waiting_batch",
    queue=Queue.BATCH_PROCESSING,
    idempotency=SCORE_WAITING.idempotency,
    soft_limit=SCORE_WAITING.soft_limit,
    hard_limit=SCORE_WAITING.hard_limit,
    retry=SCORE_WAITING.retry,
    ledger=False,
)

TASKS = (SCORE_WAITING, SCORE_WAITING_BATCH)
