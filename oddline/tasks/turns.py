"""Let projects take turns at tasks that take long, so that a thousand files of one keep no other waiting.

A message for such a task only says that there is something to do in its queue: which task it is for, the database
chooses, as it does for scoring. So the order of the messages does not matter, nor how many one project has there.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from oddline.database import Database
from oddline.tasks import turn_store
from oddline.tasks.context import OnFailure, Run, TaskContext
from oddline.tasks.model import Catalogue, TaskSpec
from oddline.tasks.service import run_task

TURNS_KEPT: Final = timedelta(days=1)
_CHOICES: Final = 3  # others may choose the same at the same moment, and only one of them gets it

Code = Callable[[TaskSpec], tuple[Run, OnFailure | None]]
"""The code of a task, and what marks what it worked on as failed."""


def run_turn(spec: TaskSpec, code: Code, *, task_id: UUID, context: TaskContext) -> None:
    """Run one attempt of the task whose turn it is; `spec` and `task_id` are what the message is for.

    Chosen is among tasks of the same queue that take turns and have no longer limits than `spec`, by which the message
    is run. Where the projects that wait have as many running as they may, nothing is done: the end of one of those
    brings the next. Where others were quicker each time, the message goes back: it may be the last one.
    """
    with context.db.transaction() as tx:
        is_by_turns = turn_store.takes_turns(tx, task_id)
    if not is_by_turns:
        run, on_failure = code(spec)
        run_task(spec, run, task_id=task_id, context=context, on_failure=on_failure)
        return
    for _ in range(_CHOICES):
        chosen = _choose(spec, context)
        if chosen is None:
            return
        own, next_id, project = chosen
        run, on_failure = code(own)
        if run_task(own, run, task_id=next_id, context=context, on_failure=on_failure) is not None:
            _wake_next(own, project, context)
            return
    context.publisher.wake(spec, task_id=task_id)


def others_wait(spec: TaskSpec, *, project: UUID, context: TaskContext) -> bool:
    """Whether other projects wait for a turn in the queue: who has had a long one ends it then."""
    names = [one.name for one in _by_turns(spec, context.catalogue)]
    with context.db.transaction() as tx:
        return turn_store.others_wait(tx, queue=str(spec.queue), project=project, names=names, now=context.clock())


def forget_turns(db: Database, *, now: datetime) -> None:
    """Delete turns that were taken so long ago that they put nobody behind others."""
    with db.transaction() as tx:
        turn_store.forget(tx, before=now - TURNS_KEPT)


def _by_turns(spec: TaskSpec, catalogue: Catalogue) -> list[TaskSpec]:
    return [one for one in catalogue.values() if one.queue is spec.queue and one.at_once is not None]


def _choose(spec: TaskSpec, context: TaskContext) -> tuple[TaskSpec, UUID, UUID] | None:
    """(spec, id, project) of the task whose turn it is."""
    now, candidates = context.clock(), _by_turns(spec, context.catalogue)
    with context.db.transaction() as tx:
        limited = turn_store.limited(tx) - {spec.name}
        chosen = turn_store.choose(
            tx,
            queue=str(spec.queue),
            at_once={one.name: one.at_once or 0 for one in candidates},
            runnable=[one.name for one in candidates if one.hard_limit <= spec.hard_limit and one.name not in limited],
            first=spec.name,
            now=now,
        )
        if chosen is None:
            return None
        next_id, name, project = chosen
        turn_store.note(tx, queue=str(spec.queue), project=project, now=now)
    return context.catalogue[name], next_id, project


def _wake_next(spec: TaskSpec, project: UUID, context: TaskContext) -> None:
    """Start the project's next task if it may run one more: its message may have found no room, and be gone."""
    now = context.clock()
    with context.db.transaction() as tx:
        running = turn_store.count_running(tx, project=project, name=spec.name, now=now)
        if spec.at_once is None or running >= spec.at_once:
            return
        next_id = turn_store.next_of(tx, queue=str(spec.queue), project=project, name=spec.name, now=now)
    if next_id is not None:
        context.publisher.wake(spec, task_id=next_id)
