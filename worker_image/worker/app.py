"""The Celery app: `celery --app worker_image.worker.app worker`."""

import logging
import os
import sys
from typing import Any

from celery import Celery
from celery.signals import (
    celeryd_after_setup,
    setup_logging,
    worker_process_init,
    worker_process_shutdown,
    worker_ready,
)

from oddline.catalogue import CATALOGUE
from oddline.errors import NotConfigured
from oddline.settings import load_settings
from oddline.tasks import Catalogue, Queue
from worker_image.worker.binding import bind_all
from worker_image.worker.bindings import BINDINGS, ON_FAILURE
from worker_image.worker.configuration import configure
from worker_image.worker.ending import end_in_time
from worker_image.worker.process import Process, host_name, open_process
from worker_image.worker.proof import PROVE_WORKER, do_nothing, own_queue
from worker_image.worker.rate_limits import RateLimits
from worker_image.worker.steering import end_when_told

app = Celery("oddline", set_as_current=False)
app.conf.update(configure(load_settings(), CATALOGUE))

_process: Process | None = None


def this_process() -> Process:
    """The resources of the worker process that is running the task."""
    global _process  # noqa: PLW0603  # Celery gives a task no other place to find what its process holds
    if _process is None:
        served = {queue.worker_class for queue in Queue if queue in app.amqp.queues.consume_from}
        _process = open_process(served, follow_limits=rate_limits.follow)
    return _process


PROOF = {PROVE_WORKER.name: lambda _: do_nothing}
bind_all(
    app,
    Catalogue([*CATALOGUE.values(), PROVE_WORKER]),
    BINDINGS | PROOF,
    this_process,
    on_failure=ON_FAILURE,
)
rate_limits = RateLimits(app, CATALOGUE, redis_url=load_settings().redis_url)


@setup_logging.connect  # type: ignore[untyped-decorator]  # Celery has no type information
def set_up_logging(**_: Any) -> None:
    """One line a record, on standard error, as CloudWatch takes it."""
    logging.basicConfig(
        level=load_settings().log_level, format="%(asctime)s %(levelname)s %(processName)s %(name)s: %(message)s"
    )


@celeryd_after_setup.connect  # type: ignore[untyped-decorator]
def refuse_without_keys(**_: Any) -> None:
    """End before anything is taken that could not be stored as it must be: what waits is kept."""
    try:
        load_settings().cipher().check()
    except NotConfigured as error:
        sys.exit(f"error: {error}")


@celeryd_after_setup.connect  # type: ignore[untyped-decorator]
def end_softly(**_: Any) -> None:
    """Let the children's watches end this process when an operator wishes a restart."""
    end_when_told()


@celeryd_after_setup.connect  # type: ignore[untyped-decorator]
def take_proofs(instance: Any, **_: Any) -> None:
    """Have the worker take from its own queue too, whichever others it was started with."""
    instance.app.amqp.queues.select_add(own_queue(f"{host_name()}:{os.getpid()}"))


@celeryd_after_setup.connect  # type: ignore[untyped-decorator]
def limit_rates(sender: str, **_: Any) -> None:
    """Keep to the limits that operators have set, before anything is taken."""
    rate_limits.begin(sender, database_url=load_settings().database_url_for("worker"))


@worker_ready.connect  # type: ignore[untyped-decorator]
def begin_to_end_in_time(**_: Any) -> None:
    """Hold Celery's shutdown to its time."""
    end_in_time(soft_shutdown_s=load_settings().soft_shutdown_timeout)


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
