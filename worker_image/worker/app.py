"""The Celery app: `celery --app worker_image.worker.app worker`."""

import logging
from typing import Any

from celery import Celery
from celery.signals import setup_logging, worker_process_init, worker_process_shutdown

from oddline.catalogue import CATALOGUE
from oddline.settings import load_settings
from oddline.tasks import Queue
from worker_image.worker import maintenance, notifications, scoring
from worker_image.worker.binding import bind_all
from worker_image.worker.configuration import configure
from worker_image.worker.process import Process, open_process

app = Celery("oddline", set_as_current=False)
app.conf.update(configure(load_settings(), CATALOGUE))

_process: Process | None = None


def this_process() -> Process:
    """The resources of the worker process that is running the task."""
    global _process  # noqa: PLW0603  # Celery gives a task no other place to find what its process holds
    if _process is None:
        served = {Queue(name).worker_class for name in app.amqp.queues.consume_from}
        _process = open_process(served)
    return _process


bind_all(app, CATALOGUE, {**scoring.BINDINGS, **notifications.BINDINGS, **maintenance.BINDINGS}, this_process)


@setup_logging.connect  # type: ignore[untyped-decorator]  # Celery has no type information
def set_up_logging(**_: Any) -> None:
    """One line a record, on standard error, as CloudWatch takes it."""
    logging.basicConfig(
        level=load_settings().log_level, format="%(asctime)s %(levelname)s %(processName)s %(name)s: %(message)s"
    )


@worker_process_init.connect  # type: ignore[untyped-decorator]
def open_child(**_: Any) -> None:
    """Load the model before the first task comes, in each child after its fork, and begin to watch."""
    global _process  # noqa: PLW0603
    _process = None
    this_process().begin()


@worker_process_shutdown.connect  # type: ignore[untyped-decorator]
def close_child(**_: Any) -> None:
    """Let go of everything in a child that ends."""
    if _process is not None:
        _process.close()
