"""Tasks that do to their worker what no task should."""

import os
import signal
import time
from datetime import timedelta
from typing import Any

from celery.exceptions import SoftTimeLimitExceeded

from oddline.tasks import Catalogue, Queue, Retry, Run, TaskContext, TaskSpec


def _spec(name: str, *, attempts: int) -> TaskSpec:
    return TaskSpec(
        name=name,
        queue=Queue.DEFAULT,
        idempotency="it is a test",
        soft_limit=timedelta(seconds=1),
        hard_limit=timedelta(seconds=2),
        retry=Retry(attempts=attempts, base=timedelta(seconds=60)),
    )


SELF_KILLING, SLOW, STUBBORN = (
    _spec("self_killing", attempts=2),
    _spec("slow", attempts=2),
    _spec("stubborn", attempts=1),
)
CATALOGUE = Catalogue([SELF_KILLING, SLOW, STUBBORN])


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


RUNS: dict[str, Run] = {
    SELF_KILLING.name: kill_itself,
    SLOW.name: take_too_long,
    STUBBORN.name: take_too_long_whatever_it_is_told,
}
