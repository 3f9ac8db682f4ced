"""Start tasks, and run them with retries until they end for good."""

import logging
from collections import Counter
from datetime import datetime, timedelta
from uuid import UUID

from oddline.database import Database, Transaction
from oddline.errors import NotYet
from oddline.settings import load_settings
from oddline.tasks import cancel_store, store
from oddline.tasks.attempt import SETTLED_KEPT, Attempt
from oddline.tasks.context import OnFailure, Run, TaskContext
from oddline.tasks.interruption import TaskCancelled
from oddline.tasks.model import Catalogue, Payload, Queue, State, Task, TaskSpec
from oddline.tasks.publisher import LONGEST_COUNTDOWN, Publisher
from oddline.tasks.sealing import seal
from oddline.tasks.workflow_store import child_ended
from oddline.tracing import mark

log = logging.getLogger(__name__)

FIRST_CHANCE = timedelta(seconds=5)  # in which whoever made a task publishes it
OVERDUE = timedelta(seconds=10)


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
    parent: UUID | None = None,
    children: int = 0,
) -> bool:
    """Write a task into the ledger, in the caller's transaction; publish it after the commit with `Publisher.wake`.

    Returns False, and writes nothing, when a task with the same `unique_key` waits already.

    Args:
        parent: a task that waits for this one (see `oddline.tasks.workflows`).
        children: how many tasks this one is to wait for.

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
        parent=parent,
        children=children,
    )


def run_task(
    spec: TaskSpec, run: Run, *, task_id: UUID, context: TaskContext, on_failure: OnFailure | None = None
) -> Task | None:
    """Run one attempt of a task, if it is due and nobody else holds it.

    A task whose attempts are used up (it killed its workers, or outlived its hard limit) becomes a dead letter here,
    without being run. Returns the task as it was claimed, or None.
    """
    with context.db.transaction() as tx:
        now = context.clock()
        if cancel_store.revoke_if_abandoned(tx, task_id, now=now, kept_until=now + SETTLED_KEPT):
            child_ended(tx, task_id)
        lease_until = now + context.settings.lease
        task = store.claim(tx, task_id, worker=context.worker, now=now, lease_until=lease_until)
    if task is None:
        return None
    attempt = Attempt(task, spec, context, on_failure)
    if task.attempt > spec.retry.attempts:
        attempt.end(State.FAILURE, error=task.error or "its worker died in every attempt", began=False)
        return task
    try:
        result = attempt.run(run)
    except TaskCancelled:
        log.info("task %s %s was cancelled in attempt %d", spec.name, task_id, task.attempt)
        attempt.end(State.REVOKED)
    except NotYet as later:
        log.info("task %s %s goes on later: %s", spec.name, task_id, later.detail)
        attempt.put_off(later)
    except Exception as error:
        told: object = type(error).__name__ if spec.sealed else error
        log.warning(
            "task %s %s failed in attempt %d: %s", spec.name, task_id, task.attempt, told, exc_info=not spec.sealed
        )
        mark(error)
        attempt.fail(error)
    else:
        attempt.end(State.SUCCESS, result=result)
    return task


def publish_due(db: Database, publisher: Publisher, *, catalogue: Catalogue, now: datetime, limit: int = 1_000) -> int:
    """Publish what waits, what comes due within a minute, and what lost its worker; returns how many.

    What waits gets no second message beside a first: of each queue as many are left out as messages wait there, the
    last ones. Of a task whose rate is limited each message in vain would take the place of one that is not.
    """
    with db.transaction() as tx:
        due = store.due(
            tx, created_by=now - FIRST_CHANCE, soon=now + LONGEST_COUNTDOWN, queues=list(Queue), limit=limit
        )
    known = [one for one in due if one[1] in catalogue]
    waiting = Counter(catalogue[name].queue for _, name, _, waits in known if waits)
    left = {queue: count - (publisher.count(str(queue)) or 0) for queue, count in waiting.items()}
    published = 0
    for task_id, name, at, waits in known:
        spec = catalogue[name]
        if waits:
            left[spec.queue] -= 1
            if left[spec.queue] < 0:
                continue
        published += publisher.wake(spec, task_id=task_id, countdown=max(at - now, timedelta()) if at else None)
    return published


def is_overdue(tx: Transaction, *, now: datetime) -> bool:
    """Whether a task could have begun `OVERDUE` ago, and did not: its message may be lost, or there is much to do."""
    return store.is_overdue(tx, before=now - OVERDUE)


def publish_overdue(
    db: Database, publisher: Publisher, *, catalogue: Catalogue, now: datetime, limit: int = 1_000
) -> int:
    """Publish what could have begun `OVERDUE` ago in queues without a message, which were lost; returns how many."""
    empty = [queue for queue in Queue if publisher.count(str(queue)) == 0]
    with db.transaction() as tx:
        due = store.due(tx, created_by=now - OVERDUE, soon=now - OVERDUE, queues=empty, limit=limit)
    return sum(publisher.wake(catalogue[name], task_id=task_id) for task_id, name, *_ in due if name in catalogue)
