"""What happens when a task fails: waits drawn by chance, operators told of critical ones, the thing itself marked."""

import logging
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from claiming import claimed, submitted
from movable_clock import MovableClock
from reading import Databases

from oddline.database import Transaction
from oddline.errors import NotYet, OddlineError, Unavailable
from oddline.objects import FolderObjects
from oddline.settings import Settings
from oddline.submissions import fail, new_id, release_expired
from oddline.tasks import (
    Catalogue,
    NoPayload,
    Publisher,
    Queue,
    Retry,
    State,
    Task,
    TaskContext,
    TaskSpec,
    delete_expired,
    enqueue,
    find,
    raised_alerts,
    run_task,
)

SPEC = TaskSpec(
    name="critical_one",
    queue=Queue.DEFAULT,
    idempotency="it is a test",
    retry=Retry(attempts=4, base=timedelta(seconds=60), cap=timedelta(seconds=90)),
    critical=True,
)


class Refused(OddlineError):
    """For good."""


@pytest.fixture
def context(db: Databases, redis_url: str, tmp_path: Path) -> Iterator[TaskContext]:
    publisher = Publisher(redis_url)
    yield TaskContext(
        db=db("worker"),
        objects=FolderObjects(tmp_path),
        publisher=publisher,
        settings=Settings(),
        catalogue=Catalogue([SPEC]),
        worker="test",
        clock=MovableClock(),
    )
    publisher.close()


def started(context: TaskContext, **options: Any) -> UUID:
    task_id = new_id()
    with context.db.transaction() as tx:
        enqueue(tx, SPEC, NoPayload(), task_id=task_id, now=context.clock(), **{"project": None, **options})
    return task_id


def run(context: TaskContext, task_id: UUID, error: Exception, *, spec: TaskSpec = SPEC, **options: Any) -> None:
    def code(payload: NoPayload, own: TaskContext) -> None:
        raise error

    run_task(spec, code, task_id=task_id, context=context, **options)


def read(context: TaskContext, task_id: UUID) -> Task:
    with context.db.transaction() as tx:
        task = find(tx, task_id)
    assert task is not None
    return task


def alerts(context: TaskContext) -> list[tuple[str, str, UUID | None, int]]:
    with context.db.transaction() as tx:
        return [(alert.kind, alert.subject, alert.project, alert.count) for alert in raised_alerts(tx)]


@pytest.mark.parametrize(("attempt", "ceiling_s"), [(1, 60), (2, 90), (3, 90)])
def test_waits_spread_evenly_up_to_a_ceiling_that_doubles_up_to_its_cap(
    context: TaskContext, attempt: int, ceiling_s: int
) -> None:
    tasks = [started(context) for _ in range(60)]
    with context.db.transaction() as tx:
        tx.execute("UPDATE tasks SET attempt = %s", [attempt - 1])

    for task in tasks:
        run(context, task, Unavailable("not now"))

    waits = sorted((read(context, task).not_before - context.clock()) / timedelta(seconds=1) for task in tasks)  # type: ignore[operator]
    assert 0 <= waits[0] < 0.2 * ceiling_s
    assert 0.3 * ceiling_s < waits[30] < 0.7 * ceiling_s
    assert 0.8 * ceiling_s < waits[-1] <= ceiling_s


def test_a_result_expires_after_the_time_of_its_kind_and_a_dead_letter_never_does(context: TaskContext) -> None:
    brief = replace(SPEC, result_kept=timedelta(hours=1))
    done, dead = started(context), started(context)
    run_task(brief, lambda *_: "well", task_id=done, context=context)
    run(context, dead, Refused("never"), spec=brief)

    def left(after: timedelta) -> list[UUID]:
        with context.db.transaction() as tx:
            delete_expired(tx, now=context.clock() + after, limit=100)
            return [task for task in (done, dead) if find(tx, task)]

    assert left(timedelta(minutes=59)) == [done, dead]
    assert left(timedelta(minutes=61)) == [dead]
    assert left(timedelta(days=400)) == [dead]


def test_operators_are_told_of_a_critical_task_once_it_has_failed_for_good(context: TaskContext, project: UUID) -> None:
    task = started(context, project=project)

    run(context, task, Unavailable("not now"))
    before = alerts(context)
    context.clock.move(timedelta(minutes=2))  # type: ignore[attr-defined]
    run(context, task, Refused("never"))

    assert (before, alerts(context)) == ([], [("critical_task", SPEC.name, project, 1)])
    with context.db.transaction() as tx:
        [alert] = raised_alerts(tx)
    assert alert.text == f"{SPEC.name} {task} failed for good: Refused: never"


def test_of_a_task_that_is_not_critical_or_that_succeeds_nobody_is_told(context: TaskContext) -> None:
    run(context, started(context), Refused("never"), spec=replace(SPEC, critical=False))
    run_task(SPEC, lambda *_: "well", task_id=started(context), context=context)

    assert alerts(context) == []


def test_what_a_task_worked_on_is_marked_in_the_transaction_that_makes_it_a_dead_letter(context: TaskContext) -> None:
    task, marked = started(context), []

    def mark(tx: Transaction, failed: Task) -> None:
        own = find(tx, failed.id)
        marked.append((failed.id, own.state if own else None, read(context, failed.id).state))

    run(context, task, Unavailable("not now"), on_failure=mark)
    context.clock.move(timedelta(minutes=2))  # type: ignore[attr-defined]
    run(context, task, Refused("never"), on_failure=mark)

    assert marked == [(task, State.FAILURE, State.STARTED)]  # within, and as all others still see it


def test_a_mark_that_fails_leaves_nothing_behind_and_the_task_ends_all_the_same(context: TaskContext) -> None:
    task = started(context)

    def mark(tx: Transaction, failed: Task) -> None:
        tx.execute("UPDATE tasks SET name = 'half-done' WHERE id = %s", [failed.id])
        tx.execute("SELECT 1 / 0")

    run(context, task, Refused("never"), on_failure=mark)

    ended = read(context, task)
    assert (ended.state, ended.name, ended.error) == (State.FAILURE, SPEC.name, "Refused: never")
    assert alerts(context) == [("critical_task", SPEC.name, None, 1)]


def die(db: Databases, context: TaskContext) -> None:
    """The attempts of whatever waits fail, one way and the other, until it is dead."""
    while fail(db("worker"), claimed(db), error=RuntimeError("poisonous"), now=context.clock() - timedelta(days=1)):
        pass


def lose_its_worker(db: Databases, context: TaskContext) -> None:
    """The worker of whatever waits dies in each attempt, until it is dead."""
    while claimed(db):
        with db("worker").transaction() as tx:
            release_expired(tx, now=context.clock() + timedelta(hours=1))


@pytest.mark.parametrize("how", [die, lose_its_worker])
def test_operators_are_told_of_submissions_that_failed_for_good_once_for_each_project(
    context: TaskContext, db: Databases, project: UUID, other_project: UUID, how: Callable[..., None]
) -> None:
    for whose in (project, project, other_project):
        submitted(db, whose)
        how(db, context)

    assert sorted(alerts(context)) == sorted(
        [("dead_submissions", str(project), project, 2), ("dead_submissions", str(other_project), other_project, 1)]
    )
    with context.db.transaction() as tx:
        assert tx.execute("SELECT count(*) FROM tasks WHERE name = 'send_system_alert'").fetchone() == (2,)


def test_what_can_go_on_later_alone_is_put_off_and_has_not_failed(
    context: TaskContext, caplog: pytest.LogCaptureFixture
) -> None:
    task_id, until = started(context), context.clock() + timedelta(minutes=14)

    run(context, task_id, NotYet("others must end first", until=until))

    task = read(context, task_id)
    assert (task.state, task.not_before, task.error, list(task.failures)) == (State.RETRY, until, None, [])
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []


def test_what_is_put_off_again_and_again_fails_after_its_last_attempt(context: TaskContext) -> None:
    task_id = started(context)

    for _ in range(SPEC.retry.attempts):
        run(context, task_id, NotYet("others must end first", until=context.clock()))

    assert read(context, task_id).state is State.FAILURE
    assert read(context, task_id).error == "NotYet: others must end first"


def test_what_waits_for_others_uses_up_none_of_its_attempts(context: TaskContext) -> None:
    task_id = started(context)

    for _ in range(SPEC.retry.attempts + 1):
        run(context, task_id, NotYet("others must end first", until=context.clock(), counts=False))

    task = read(context, task_id)
    assert (task.state, task.attempt, task.error, list(task.failures)) == (State.RETRY, 0, None, [])
