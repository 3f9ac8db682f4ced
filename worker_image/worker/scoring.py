"""Scoring in the worker: work off what waits for a while, then let others have the process."""

import time
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from oddline.analytics import UPDATE_LIVE_ANALYTICS
from oddline.metrics import CLAIM, spread
from oddline.notifications import SEND_ANOMALY_MAIL
from oddline.scoring import (
    DETECT_RATES,
    DETECT_SEQUENCES,
    FOLD_COUNTS,
    REPLAY,
    ReplayRange,
    Scored,
    fold_counts,
    score_waiting,
)
from oddline.scoring.rates import Rules, detect_rates
from oddline.scoring.replay import replay
from oddline.scoring.sequences import detect_sequences
from oddline.search import EMBED_NEW_PATTERNS
from oddline.submissions import SCORE_WAITING, SCORE_WAITING_BATCH
from oddline.tasks import NoPayload, Run, TaskContext
from oddline.tracing import note, span
from worker_image.worker.binding import Bound
from worker_image.worker.process import Process

READING_TURN = timedelta(milliseconds=500)  # of new patterns: on the day when all is new, others get their turn as well
LONGEST_STRETCH_S = 10.0  # then a wake-up goes behind whatever else waits in the queues
MILLISECOND = timedelta(milliseconds=1)
# Counts are asked for once a minute and pages look every 30 s: more often costs more than it brings.
READERS = ((FOLD_COUNTS, 5.0), (UPDATE_LIVE_ANALYTICS, 15.0), (EMBED_NEW_PATTERNS, 15.0))


class _Scoring:
    """The run of both wake-ups."""

    def __init__(self, process: Process) -> None:
        self._process = process

    def __call__(self, payload: NoPayload, context: TaskContext) -> None:  # noqa: ARG002  # a wake-up carries nothing
        deadline = time.monotonic() + LONGEST_STRETCH_S
        stored = 0
        while time.monotonic() < deadline:
            scored = self._score(context)
            if scored is None:
                break
            _measure(scored, context)
            stored += scored.entries
            for mail in scored.mails:
                context.publisher.wake(SEND_ANOMALY_MAIL, task_id=mail)
            if scored.retry_after is not None:
                context.publisher.wake(SCORE_WAITING, countdown=scored.retry_after)
        else:
            context.publisher.wake(SCORE_WAITING_BATCH)
        for task, every_s in READERS if stored else ():
            if self._process.is_due(task.name, every_s=every_s):
                context.publisher.wake(task)

    def _score(self, context: TaskContext) -> Scored | None:
        with span("claim"):
            scored = score_waiting(
                db=context.db,
                objects=context.objects,
                scorer=self._process.scorer,
                worker=context.worker,
                lease=context.settings.lease,
                now=context.clock,
                reading_turn=READING_TURN,
            )
            note("submissions", scored.submissions if scored else 0)
            note("entries", scored.entries if scored else 0)
        return scored


def _measure(scored: Scored, context: TaskContext) -> None:
    """Tell what a claim came to; of one that stored nothing there is nothing to tell."""
    if not scored.entries:
        return
    context.metrics.emit(
        CLAIM,
        {
            "Scored": scored.entries,
            "Odd": scored.anomalies,
            "ScoringLatency": [one / MILLISECOND for one in spread(scored.latencies)],
            "Patterns": scored.patterns,
            "PatternsRead": scored.patterns_read,
            "ModelTime": 1000 * scored.reading_s,
            "ScoringDollars": scored.seconds * context.settings.vcpu_second_price,
            "StoredBytes": scored.stored_bytes,
        },
    )


def _fold(process: Process) -> Run:  # noqa: ARG001  # folding needs nothing of the process
    def run(payload: NoPayload, context: TaskContext) -> Any:  # noqa: ARG001
        return fold_counts(context.db, now=context.clock)

    return run


def _detect_sequences(process: Process) -> Run:  # noqa: ARG001  # it needs no model of lines
    def run(payload: NoPayload, context: TaskContext) -> Any:  # noqa: ARG001
        settings = context.settings
        return detect_sequences(
            db=context.db,
            objects=context.objects,
            gap=settings.sequence_gap,
            alarms=settings.sequence_alarms,
            now=context.clock,
        )

    return run


def _detect_rates(process: Process) -> Run:  # noqa: ARG001  # it needs no model of lines
    def run(payload: NoPayload, context: TaskContext) -> Any:  # noqa: ARG001
        settings = context.settings
        rules = Rules(alarms_per_day=settings.rate_alarms, warm_up=settings.rate_warm_up)
        return detect_rates(db=context.db, objects=context.objects, rules=rules, now=context.clock)

    return run


def _replay(process: Process) -> Run:
    def run(payload: ReplayRange, context: TaskContext) -> Any:
        return replay(payload, context, open_model=process.models.open)

    return run


BINDINGS: Mapping[str, Bound] = {
    SCORE_WAITING.name: _Scoring,
    SCORE_WAITING_BATCH.name: _Scoring,
    FOLD_COUNTS.name: _fold,
    DETECT_SEQUENCES.name: _detect_sequences,
    DETECT_RATES.name: _detect_rates,
    REPLAY.name: _replay,
}
