"""The schedules' handlers, made from the catalogue: `functions.schedules.app.<task>` is a Lambda handler."""

from collections.abc import Callable
from datetime import datetime
from functools import cache
from typing import Any

from chalice import Chalice
from chalice.app import CloudWatchEvent

from oddline import maintenance
from oddline.catalogue import CATALOGUE
from oddline.database import Database
from oddline.metrics import SCHEDULES, Metrics, open_metrics
from oddline.objects import ObjectStore, open_objects
from oddline.settings import load_settings
from oddline.submissions import new_id
from oddline.tasks import NoPayload, Publisher, TaskSpec, enqueue, utc_now
from oddline.tracing import Tracer, note, open_tracer, work_of

app = Chalice(app_name="oddline-schedules")


@cache
def database() -> Database:
    """This environment's connection."""
    settings = load_settings()
    return Database(settings.database_url_for("worker"), size=settings.database_pool_size, application="schedules")


@cache
def publisher() -> Publisher:
    """This environment's way to Redis."""
    settings = load_settings()
    return Publisher(settings.redis_url, timeout_s=settings.publish_timeout, pause_s=settings.publish_pause)


@cache
def objects() -> ObjectStore:
    """This environment's object store."""
    return open_objects(load_settings())


@cache
def metrics() -> Metrics:
    """This environment's metrics."""
    return open_metrics(load_settings())


@cache
def tracer() -> Tracer | None:
    """This environment's tracer, where tracing is on."""
    return open_tracer("Oddline schedules", settings=load_settings())


# What would wait, as a task, behind the backlog that it is to mend.
IN_FUNCTION: dict[str, Callable[[], Any]] = {
    "reconcile": lambda: maintenance.reconcile(database(), publisher(), catalogue=CATALOGUE, now=utc_now()),
    "health_check": lambda: maintenance.check_health(
        database(), objects=objects(), settings=load_settings(), now=utc_now()
    ).view(),
    "publish_metrics": lambda: maintenance.publish_metrics(database(), metrics(), now=utc_now()),
    "create_partitions": lambda: maintenance.make_partitions(database(), now=utc_now()),
}


def _start(spec: TaskSpec) -> None:
    """Put a task into the ledger, unless one of its kind waits there already, and publish it."""
    task_id = new_id()
    with database().transaction() as tx:
        waits_already = not enqueue(
            tx, spec, NoPayload(), task_id=task_id, project=None, now=utc_now(), unique_key=f"schedule:{spec.name}"
        )
    if not waits_already:
        publisher().wake(spec, task_id=task_id)


def _run(spec: TaskSpec) -> None:
    with work_of(tracer(), lambda _: None):
        note("task", spec.name)
        if spec.in_function:
            IN_FUNCTION[spec.name]()
        else:
            _start(spec)


def _handler(spec: TaskSpec, *, expression: str) -> Any:
    def handle(event: CloudWatchEvent) -> None:  # a schedule says no more than that it is time
        lateness = utc_now() - datetime.fromisoformat(event.time)
        failed = 1
        try:
            _run(spec)
            failed = 0
        finally:
            fired = {"Fired": 1, "Failed": failed, "Lateness": lateness.total_seconds()}
            metrics().emit(SCHEDULES, fired)

    handle.__name__ = spec.name
    return app.schedule(expression, name=spec.name)(handle)


HANDLERS = {spec.name: _handler(spec, expression=schedule.expression) for spec, schedule in CATALOGUE.scheduled()}
globals().update(HANDLERS)  # where Lambda looks for `Handler: functions.schedules.app.<task>`
