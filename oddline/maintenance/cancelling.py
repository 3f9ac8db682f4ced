"""Cancel a task or the scoring of a submission, and wait a moment to be able to tell what came of it."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from oddline import submissions, tasks
from oddline.audit import Action, Actor, record
from oddline.database import Database, Transaction
from oddline.errors import Conflict, NotFound
from oddline.tasks import Outcome, State, Task

PATIENCE = timedelta(seconds=5)  # its worker looks every two; whoever calls waits for the answer
LOOK_EVERY_S = 0.1


@dataclass(frozen=True, slots=True)
class Cancelled:
    """What came of a cancel, and the task as it is now."""

    outcome: Outcome
    task: Task


def cancel_task(
    db: Database,
    task_id: UUID,
    *,
    project: UUID | None,
    by: Actor,
    clock: Callable[[], datetime],
    patience: timedelta = PATIENCE,
    sleep: Callable[[float], None] = time.sleep,
) -> Cancelled:
    """End a task: one that waits at once, one that runs as soon as it can be interrupted.

    A scoring ends only while it waits: its entries count as dropped. Until `patience` is over, another look may show
    that the task stopped, or ended by itself; after that the outcome is `STOPPING`, and the task's state tells more.

    Raises:
        NotFound: no such task.
        Conflict: it is a scoring that runs.
    """
    deadline, asked, recorded = clock() + patience, False, False
    while True:
        with db.transaction(project=project) as tx:
            outcome = _cancel(tx, task_id, now=clock())
            task = tasks.find(tx, task_id)
            if task is not None and outcome is not None and not recorded:
                _record(tx, task, by=by, now=clock())
                recorded = True
        if task is None:
            raise NotFound(f"there is no task {task_id}", field="task_id")
        if outcome is None and task.state.ready:
            outcome = _ended(task, asked=asked)
        if outcome not in {None, Outcome.STOPPING}:
            return Cancelled(outcome, task)
        asked = True
        if clock() >= deadline:
            break
        sleep(LOOK_EVERY_S)
    if outcome is None:
        raise Conflict("it is being scored, and will be in a moment: only what waits can be cancelled", field="task_id")
    return Cancelled(outcome, task)


def _cancel(tx: Transaction, task_id: UUID, *, now: datetime) -> Outcome | None:
    attempts = submissions.cancel(tx, task_id, now=now)
    if attempts is None:
        return tasks.cancel(tx, task_id, now=now)
    return Outcome.STOPPED if attempts else Outcome.NEVER_STARTED


def _record(tx: Transaction, task: Task, *, by: Actor, now: datetime) -> None:
    told, subject = {"name": task.name}, f"task:{task.id}"
    record(tx, project=task.project, by=by, action=Action.TASK_CANCELLED, subject=subject, details=told, now=now)


def _ended(task: Task, *, asked: bool) -> Outcome:
    if not asked:
        return Outcome.ALREADY_DONE
    return Outcome.STOPPED if task.state is State.REVOKED else Outcome.TOO_LATE
