"""A worker like Oddline's, bound to tasks that do to it what no task should: `celery --app faulty_worker worker`."""

import os
import signal
import socket
import time
from datetime import timedelta
from functools import cache
from typing import Any

from celery import Celery
from celery.exceptions import SoftTimeLimitExceeded

from oddline.database import Database
from oddline.objects import open_objects
from oddline.settings import load_settings
from oddline.tasks import Catalogue, Publisher, Queue, Retry, Run, TaskContext, TaskSpec
from worker_image.worker.binding import bind_all
from worker_image.worker.configuration import configure
from worker_image.worker.process import Process
from worker_image.worker.watch import Watch


def _spec(name: str, *, attempts: int) -> TaskSpec:
    return TaskSpec(
        name=name,
        queue=Queue.DEFAULT,
        idempotency="it is a test",
        soft_limit=timedelta(seconds=1),
        hard_limit=timedelta(seconds=2),
        retry=Retry(attempts=attempts, base=timedelta(seconds=60)),
    )


SELF_KILLING, SLOW, STUBBORN = _spec("self_killing", attempts=2), _spec("slow", attempts=2), _spec("stubborn", attempts=1)
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


@cache
def this_process() -> Process:
    """What the child holds; first asked for after the fork."""
    settings, host = load_settings(), socket.gethostname()
    context = TaskContext(
        db=Database(settings.database_url_for("worker"), size=3),
        objects=open_objects(settings),
        publisher=Publisher(settings.redis_url),
        settings=settings,
        catalogue=CATALOGUE,
        worker=f"{host}:{os.getpid()}",
    )
    return Process(context=context, _watch=Watch(context, host=host, worker=f"{host}:{os.getppid()}"))


app = Celery("faulty", set_as_current=False)
app.conf.update(configure(load_settings(), CATALOGUE))
bind_all(app, CATALOGUE, {name: lambda process, run=run: run for name, run in RUNS.items()}, this_process)
