"""The Celery app: `celery --app worker_image.worker.app worker`."""

import logging
from typing import Any

from celery import Celery
from celery.signals import setup_logging, worker_process_init, worker_process_shutdown, worker_ready, worker_shutdown

from oddline.catalogue import CATALOGUE
from oddline.settings import load_settings
from oddline.submissions import SCORE_WAITING
from oddline.tasks import Publisher, utc_now
from worker_image.worker import maintenance, notifications, scoring
from worker_image.worker.binding import bind_all
from worker_image.worker.configuration import configure
from worker_image.worker.life import SignOfLife
from worker_image.worker.process import Process, open_process, worker_name

app = Celery("oddline", set_as_current=False)
app.conf.update(configure(load_settings(), CATALOGUE))

_process: Process | None = None
_sign_of_life: SignOfLife | None = None


def this_process() -> Process:
    """The resources of the worker process that is running the task."""
    global _process  # noqa: PLW0603  # Celery gives a task no other place to find what its process holds
    if _process is None:
        _process = open_process()
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
    """Load the model before the first task comes, in each child after its fork."""
    global _process  # noqa: PLW0603
    _process = None
    this_process().warm_up()


@worker_process_shutdown.connect  # type: ignore[untyped-decorator]
def close_child(**_: Any) -> None:
    """Close the connections of a child that ends."""
    if _process is not None:
        _process.close()


@worker_ready.connect  # type: ignore[untyped-decorator]
def greet(**_: Any) -> None:
    """Show that the worker lives, and look for what came in while none did."""
    global _sign_of_life  # noqa: PLW0603
    settings = load_settings()
    _sign_of_life = SignOfLife(settings.database_url_for("worker"), name=worker_name(), clock=utc_now)
    _sign_of_life.start()
    publisher = Publisher(settings.redis_url)
    publisher.wake(SCORE_WAITING)
    publisher.close()


@worker_shutdown.connect  # type: ignore[untyped-decorator]
def part(**_: Any) -> None:
    """Stop the signs of life."""
    if _sign_of_life is not None:
        _sign_of_life.stop()
