"""Tasks that do to their worker what no task should."""

import os
import signal
import time
from datetime import timedelta
from typing import Any

from celery.exceptions import SoftTimeLimitExceeded

from oddline.tasks import Catalogue, Queue, Retry, Run, TaskContext, TaskSpec


def _spec(name: str, *, attempts: int, limit: timedelta = timedelta(seconds=1)) -> TaskSpec:
    return TaskSpec(
        name=name,
        queue=Queue.DEFAULT,
        idempotency="it is a test",
        soft_limit=limit,
        hard_limit=2 * limit,
        retry=Retry(attempts=attempts, base=timedelta(seconds=60)),
    )


SELF_KILLING, SLOW, STUBBORN = (
    _spec("self_killing", attempts=2),
    _spec("slow", attempts=2),
    _spec("stubborn", attempts=1),
)
REPORTING, WAITING, DEAF = (
    _spec("reporting", attempts=1, limit=timedelta(minutes=1)),
    _spec("waiting", attempts=1, limit=timedelta(minutes=1)),
    _spec("deaf", attempts=1, limit=timedelta(minutes=1)),
)
CATALOGUE = Catalogue([SELF_KILLING, SLOW, STUBBORN, REPORTING, WAITING, DEAF])


def kill_itself(payload: Any, context: TaskContext) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def take_too_long(payload: Any, context: TaskContext) -> None:
    time.sleep(60)


def take_too_long_whatever_it_is_told(payload: Any, context: TaskContext) -> None:
    while True:
        try:
            time.sleep(60)
        except SoftTimeLimitExceeded:
            continue


def report_progress(payload: Any, context: TaskContext) -> None:
    for done in range(10_000):
        context.report(done / 10_000)
        time.sleep(0.01)


def wait_for_the_database(payload: Any, context: TaskContext) -> None:
    with context.db.transaction() as tx:
        tx.execute("SELECT pg_sleep(59)")


def hear_nothing(payload: Any, context: TaskContext) -> None:
    while True:
        try:
            time.sleep(60)
        except BaseException:
            continue


RUNS: dict[str, Run] = {
    SELF_KILLING.name: kill_itself,
    SLOW.name: take_too_long,
    STUBBORN.name: take_too_long_whatever_it_is_told,
    REPORTING.name: report_progress,
    WAITING.name: wait_for_the_database,
    DEAF.name: hear_nothing,
}
