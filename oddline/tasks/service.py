"""Start tasks, run them with retries until they end for good, and deal with those that did."""

import logging
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from oddline.database import Database, Transaction
from oddline.errors import NotFound, OddlineError, UnknownTask
from oddline.metrics import OFF, Metrics
from oddline.objects import ObjectStore
from oddline.settings import Settings, load_settings
from oddline.tasks import store
from oddline.tasks.lease import heartbeat
from oddline.tasks.model import Catalogue, Payload, State, Task, TaskSpec
from oddline.tasks.publisher import LONGEST_COUNTDOWN, Publisher
from oddline.tasks.sealing import seal, seal_text, unseal
from oddline.tracing import mark

log = logging.getLogger(__name__)

Clock = Callable[[], datetime]

DROPPED_KEPT = timedelta(days=3)  # as long as other results: so that "who dropped it, and when" can be asked
LONGEST_ERROR = 4_000  # characters of an error's text that the ledger keeps


def utc_now() -> datetime:
    """The clock that everybody uses outside tests."""
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class TaskContext:
    """What a running task may use."""

    db: Database
    objects: ObjectStore
    publisher: Publisher
    settings: Settings
    catalogue: Catalogue
    worker: str
    clock: Clock = utc_now
    metrics: Metrics = OFF
    task_id: UUID | None = None
    report: Callable[[float], None] = lambda _: None


Run = Callable[[Any, TaskContext], Any]
"""The code of a task: (payload, context) → a result that JSON can hold."""


def enqueue(
    tx: Transaction,
    spec: TaskSpec,
    payload: Payload,
    *,
    task_id: UUID,
    project: UUID | None,
    now: datetime,
    unique_key: str | None = None,
    not_before: datetime | None = None,
) -> bool:
    """Write a task into the ledger, in the caller's transaction; publish it after the commit with `Publisher.wake`.

    Returns False, and writes nothing, when a task with the same `unique_key` waits already.

    Raises:
        NotConfigured: it is to be sealed, and there is no key in this process's settings.
    """
    given = payload.model_dump(mode="json")
    return store.insert(
        tx,
        task_id=task_id,
        project=project,
        name=spec.name,
        queue=str(spec.queue),
        payload=seal(given, load_settings().cipher()) if spec.sealed else given,
        unique_key=unique_key,
        not_before=not_before,
        now=now,
    )


def run_task(spec: TaskSpec, run: Run, *, task_id: UUID, context: TaskContext) -> Task | None:
    """Run one attempt of a task, if it is due and nobody else holds it.

    A task whose attempts are used up (it killed its workers, or outlived its hard limit) becomes a dead letter here,
    without being run. Returns the task as it was claimed, or None.
    """
    with context.db.transaction() as tx:
        now = context.clock()
        lease_until = now + context.settings.lease
        task = store.claim(tx, task_id, worker=context.worker, now=now, lease_until=lease_until)
    if task is None:
        return None
    if task.attempt > spec.retry.attempts:
        _end(task, spec, context, state=State.FAILURE, error=task.error or "its worker died in every attempt")
        return task
    try:
        result = _run_attempt(spec, run, task, context)
    except Exception as error:
        told: object = type(error).__name__ if spec.sealed else error
        log.warning(
            "task %s %s failed in attempt %d: %s", spec.name, task_id, task.attempt, told, exc_info=not spec.sealed
        )
        mark(error)
        _fail(task, spec, context, error)
    else:
        _end(task, spec, context, state=State.SUCCESS, result=result)
    return task


def dead_letters(tx: Transaction, *, before: UUID | None = None, limit: int = 100) -> list[Task]:
    """Tasks that failed for good, newest first."""
    return store.newest(tx, states=[State.FAILURE], name=None, before=before, limit=limit)


def replay(tx: Transaction, task_id: UUID, *, catalogue: Catalogue) -> TaskSpec:
    """Put a dead task back to its beginning; publish the returned spec after the commit.

    Raises:
        NotFound: no such dead letter.
        UnknownTask: it has left the catalogue since.
    """
    name = store.replay(tx, task_id)
    if name is None:
        raise NotFound(f"there is no dead letter {task_id}")
    if name not in catalogue:
        raise UnknownTask(f"{name} is not in the catalogue any more")
    return catalogue[name]


def drop(tx: Transaction, task_id: UUID, *, now: datetime) -> None:
    """Settle a dead task for good.

    Raises:
        NotFound: no such dead letter.
    """
    if not store.drop(tx, task_id, now=now, expires_at=now + DROPPED_KEPT):
        raise NotFound(f"there is no dead letter {task_id}")


def publish_due(db: Database, publisher: Publisher, *, catalogue: Catalogue, now: datetime, limit: int = 1_000) -> int:
    """Publish what waits, what comes due within a minute, and what lost its worker; returns how many."""
    with db.transaction() as tx:
        due = store.due(tx, now=now, soon=now + LONGEST_COUNTDOWN, limit=limit)
    published = 0
    for task_id, name, at in due:
        countdown = max(at - now, timedelta()) if at else None
        if name in catalogue and publisher.wake(catalogue[name], task_id=task_id, countdown=countdown):
            published += 1
    return published


def newest(
    tx: Transaction,
    *,
    states: Sequence[State] = (),
    name: str | None = None,
    before: UUID | None = None,
    limit: int = 100,
) -> list[Task]:
    """Tasks of the transaction's project, newest first."""
    return store.newest(tx, states=states, name=name, before=before, limit=limit)


def _run_attempt(spec: TaskSpec, run: Run, task: Task, context: TaskContext) -> Any:
    def renew() -> bool:
        with context.db.transaction() as tx:
            lease_until = context.clock() + context.settings.lease
            return store.renew(tx, task.id, attempt=task.attempt, lease_until=lease_until)

    def report(progress: float) -> None:
        with context.db.transaction() as tx:
            store.report_progress(tx, task.id, attempt=task.attempt, progress=progress)

    with heartbeat(renew, lease=context.settings.lease):
        given = unseal(task.payload, context.settings.cipher())
        return run(spec.payload.model_validate(given), replace(context, task_id=task.id, report=report))


def _fail(task: Task, spec: TaskSpec, context: TaskContext, error: Exception) -> None:
    text = f"{type(error).__name__}: {error}"[:LONGEST_ERROR]
    if spec.sealed:
        text = seal_text(text, context.settings.cipher())
    permanent = isinstance(error, OddlineError) and error.permanent
    if permanent or task.attempt >= spec.retry.attempts:
        _end(task, spec, context, state=State.FAILURE, error=text)
        return
    wait = timedelta(seconds=random.uniform(0, spec.retry.ceiling(task.attempt).total_seconds()))
    _end(task, spec, context, state=State.RETRY, error=text, wait=wait)
    if wait <= LONGEST_COUNTDOWN:
        context.publisher.wake(spec, task_id=task.id, countdown=wait)


def _end(
    task: Task,
    spec: TaskSpec,
    context: TaskContext,
    *,
    state: State,
    result: Any = None,
    error: str | None = None,
    wait: timedelta | None = None,
) -> None:
    now = context.clock()
    if spec.sealed and result is not None:
        result = seal(result, context.settings.cipher())
    with context.db.transaction() as tx:
        store.finish(
            tx,
            task.id,
            attempt=task.attempt,
            state=state,
            now=now,
            result=result,
            error=error,
            not_before=now + wait if wait is not None else None,
            # A dead letter stays until somebody settles it.
            expires_at=now + spec.result_kept if state is State.SUCCESS else None,
        )
