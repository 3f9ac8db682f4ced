"""The schedules' handlers, made from the catalogue: `functions.schedules.app.<task>` is a Lambda handler."""

from collections.abc import Callable
from datetime import datetime, timedelta
from functools import cache, partial
from typing import Any
from uuid import UUID

from chalice import Chalice
from chalice.app import CloudWatchEvent

import oddline.tasks.broker  # noqa: F401  # what will be published is loaded now, while Lambda lends a whole processor
from functions.parts import Opener, Parts, open_parts
from oddline import audit, maintenance, schedules
from oddline.catalogue import CATALOGUE
from oddline.metrics import SCHEDULES, Metrics, open_metrics
from oddline.objects import ObjectStore
from oddline.settings import load_settings
from oddline.submissions import new_id
from oddline.tasks import NoPayload, TaskSpec, enqueue, utc_now
from oddline.tracing import Tracer, note, open_tracer, work_of

app = Chalice(app_name="oddline-schedules")
parts = Opener(partial(open_parts, "worker"))


@cache
def metrics() -> Metrics:
    """This environment's metrics."""
    return open_metrics(load_settings())


@cache
def tracer() -> Tracer | None:
    """This environment's tracer, where tracing is on."""
    return open_tracer("Oddline schedules", settings=load_settings())


@cache
def heads() -> ObjectStore:
    """Where the heads of the audit trail are kept."""
    return audit.open_heads(parts().settings)


@cache
def timer() -> schedules.Timer:
    """What wakes users' schedules; kept, since a client of AWS takes long to make."""
    return schedules.open_timer(load_settings(), parts().db)


def seal_audit(on: Parts) -> dict[str, int]:
    """Seal the trail, then have what was sealed enriched."""
    sealed = audit.seal_audit(on.db, heads(), keep_days=on.settings.audit_days, now=on.clock())
    if audit.is_enrichment_due(on.db):
        on.publisher.wake(audit.PROCESS_USER_ACTION)
    return sealed


# What would wait, as a task, behind the backlog that it is to mend.
IN_FUNCTION: dict[str, Callable[[Parts], Any]] = {
    "reconcile": lambda on: maintenance.reconcile(on.db, on.publisher, catalogue=CATALOGUE, now=on.clock()),
    "health_check": lambda on: maintenance.check_health(
        on.db, objects=on.objects, settings=on.settings.with_secret(), now=on.clock()
    ).view(),
    "publish_metrics": lambda on: maintenance.publish_metrics(on.db, on.metrics, now=on.clock()),
    "check_task_patterns": lambda on: maintenance.check_task_patterns(
        on.db, on.publisher, catalogue=CATALOGUE, now=on.clock()
    ),
    "create_partitions": lambda on: maintenance.make_partitions(on.db, now=on.clock()),
    "seal_audit": seal_audit,
    "watch_schedules": lambda on: schedules.watch_schedules(
        on.db, timer(), on.publisher, catalogue=CATALOGUE, now=on.clock()
    ),
}


def _start(spec: TaskSpec, on: Parts, *, after: timedelta | None = None) -> None:
    """Put a task into the ledger, unless one of its kind waits there already, and publish it.

    Args:
        after: when it is to run, if not now; a minute at the most.
    """
    task_id, now = new_id(), on.clock()
    with on.db.transaction() as tx:
        waits_already = not enqueue(
            tx,
            spec,
            NoPayload(),
            task_id=task_id,
            project=None,
            now=now,
            unique_key=f"schedule:{spec.name}:{after or ''}".removesuffix(":"),
            not_before=None if after is None else now + after,
        )
    if not waits_already:
        on.publisher.wake(spec, task_id=task_id, countdown=after)


def _run(spec: TaskSpec) -> None:
    with work_of(tracer(), lambda _: None):
        note("task", spec.name)
        if spec.in_function:
            IN_FUNCTION[spec.name](parts())
            return
        _start(spec, parts())
        if spec.schedule and spec.schedule.again_after:
            _start(spec, parts(), after=spec.schedule.again_after)


def _counted(event: CloudWatchEvent, work: Callable[[], None]) -> None:
    """Do the work of an event, and tell how late it came and whether it failed."""
    lateness = utc_now() - datetime.fromisoformat(event.time)
    failed = 1
    try:
        work()
        failed = 0
    finally:
        fired = {"Fired": 1, "Failed": failed, "Lateness": lateness.total_seconds()}
        metrics().emit(SCHEDULES, fired)


def _handler(spec: TaskSpec, *, expression: str) -> Any:
    def handle(event: CloudWatchEvent) -> None:  # a schedule says no more than that it is time
        _counted(event, partial(_run, spec))

    handle.__name__ = spec.name
    return app.schedule(expression, name=spec.name)(handle)


def _fire(schedule: UUID) -> None:
    with work_of(tracer(), lambda _: None):
        note("task", "user_schedule")
        on = parts()
        schedules.fire(on.db, on.publisher, schedule, catalogue=CATALOGUE, now=on.clock())


@app.on_cw_event({"source": ["aws.scheduler"], "detail-type": ["Scheduled Event"]})  # type: ignore[untyped-decorator]
def user_schedule(event: CloudWatchEvent) -> None:
    """Fire the schedule that the event names, if it is due."""
    _counted(event, partial(_fire, UUID(event.detail["schedule"])))


HANDLERS = {spec.name: _handler(spec, expression=schedule.expression) for spec, schedule in CATALOGUE.scheduled()}
globals().update(HANDLERS)  # where Lambda looks for `Handler: functions.schedules.app.<task>`
