"""Bind each task of the catalogue to its code, as a Celery task that looks into the ledger first."""

import logging
from collections.abc import Callable, Mapping
from functools import partial
from types import MappingProxyType
from typing import Any
from uuid import UUID

from celery import Celery

from oddline.errors import UnknownTask
from oddline.fleet import held_queues
from oddline.tasks import Catalogue, NoPayload, OnFailure, Run, TaskContext, TaskSpec, WorkerClass, run_task, run_turn
from oddline.tracing import note, work_of
from worker_image.worker.process import Process

log = logging.getLogger(__name__)

Bound = Callable[[Process], Run]
"""Makes a task's code from what the process holds."""


def bind_all(
    app: Celery,
    catalogue: Catalogue,
    bindings: Mapping[str, Bound],
    process: Callable[[], Process],
    *,
    on_failure: Mapping[str, OnFailure] = MappingProxyType({}),
) -> None:
    """Register every task that runs in the worker.

    `on_failure` marks what a task worked on as failed, when the task has failed for good.

    Raises:
        UnknownTask: a task has a spec and no code here, or code and no spec.
    """
    expected = {name for name, spec in catalogue.items() if not spec.in_function}
    if expected != bindings.keys():
        raise UnknownTask(f"spec or code is missing for: {', '.join(sorted(expected ^ bindings.keys()))}")
    for name in bindings:
        _bind(app, catalogue[name], bindings, process, on_failure)


def _bind(
    app: Celery,
    spec: TaskSpec,
    bindings: Mapping[str, Bound],
    process: Callable[[], Process],
    on_failure: Mapping[str, OnFailure],
) -> None:
    def code(own: Process, one: TaskSpec) -> tuple[Run, OnFailure | None]:
        return bindings[one.name](own), on_failure.get(one.name)

    @app.task(  # type: ignore[untyped-decorator]  # Celery has no type information
        name=spec.name,
        soft_time_limit=spec.soft_limit.total_seconds(),
        time_limit=spec.hard_limit.total_seconds(),
        rate_limit=spec.rate_limit,
        bind=True,
    )
    def handle(task: Any, task_id: str | None = None) -> None:
        own = process()
        with (
            own.pulse.task(limit_s=spec.hard_limit.total_seconds()),
            work_of(own.tracer, task.request.get),
        ):
            note("task", spec.name)
            if task_id is not None and spec.at_once is not None:
                run_turn(spec, partial(code, own), task_id=UUID(task_id), context=own.context)
            elif task_id is not None:
                run, marks = code(own, spec)
                run_task(spec, run, task_id=UUID(task_id), context=own.context, on_failure=marks)
            elif not spec.ledger:
                if not _is_held(spec, own.context):
                    bindings[spec.name](own)(NoPayload(), own.context)
            else:
                log.warning("a message for %s names no task of the ledger", spec.name)

    _: Any = handle


def _is_held(spec: TaskSpec, context: TaskContext) -> bool:
    """Whether operators hold the queue of a mere wake-up; claims of what is to be scored look by themselves."""
    if spec.name not in context.catalogue or spec.queue.worker_class is WorkerClass.SCORING:
        return False
    with context.db.transaction() as tx:
        return spec.queue in held_queues(tx)
