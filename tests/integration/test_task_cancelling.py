"""Cancels: what waits never runs, what runs is stopped, and the answer says which of it is true."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from acting import TESTER
from claiming import claimed, submitted
from faulty_tasks import CATALOGUE
from movable_clock import MovableClock
from reading import Databases, client_with_key, key_of, refusal
from starlette.testclient import TestClient
from worker_process import StartWorker

from functions.console.app import router
from oddline.errors import Conflict, NotFound
from oddline.identity import Scope
from oddline.maintenance import Cancelled, cancel_task
from oddline.objects import FolderObjects
from oddline.settings import Settings
from oddline.submissions import Finished, finish, new_id
from oddline.tasks import (
    NoPayload,
    Outcome,
    Publisher,
    State,
    Task,
    TaskContext,
    enqueue,
    find,
    publish_due,
    run_task,
    utc_now,
)

SPEC = CATALOGUE["slow"]


@pytest.fixture
def clock() -> MovableClock:
    return MovableClock()


@pytest.fixture
def context(db: Databases, redis_url: str, clock: MovableClock, tmp_path: Path) -> Iterator[TaskContext]:
    publisher = Publisher(redis_url)
    yield TaskContext(
        db=db("worker"),
        objects=FolderObjects(tmp_path),
        publisher=publisher,
        settings=Settings(lease=timedelta(seconds=30)),
        catalogue=CATALOGUE,
        worker="test",
        clock=clock,
    )
    publisher.close()


def started(context: TaskContext, name: str = SPEC.name, **options: Any) -> UUID:
    task_id, now = new_id(), context.clock()
    with context.db.transaction() as tx:
        enqueue(tx, CATALOGUE[name], NoPayload(), task_id=task_id, now=now, **{"project": None, **options})
    return task_id


def read(context: TaskContext, task_id: UUID) -> Task:
    with context.db.transaction() as tx:
        task = find(tx, task_id)
    assert task is not None
    return task


def run(context: TaskContext, task_id: UUID, code: Callable[[TaskContext], Any]) -> None:
    run_task(SPEC, lambda _, own: code(own), task_id=task_id, context=context)


def cancelled(context: TaskContext, task_id: UUID, meanwhile: Callable[[], Any] = lambda: None) -> Cancelled:
    """Cancel with a second's patience; before each look but the first `meanwhile` happens and half a second goes by."""

    def sleep(_: float) -> None:
        meanwhile()
        context.clock.move(timedelta(seconds=0.5))  # type: ignore[attr-defined]

    return cancel_task(
        context.db, task_id, project=None, by=TESTER, clock=context.clock, patience=timedelta(seconds=1), sleep=sleep
    )


def fail(_: TaskContext) -> None:
    raise OSError("not now")


def test_what_waits_never_starts(context: TaskContext) -> None:
    waiting = started(context)
    scheduled = started(context, not_before=context.clock() + timedelta(days=1))

    outcomes = [cancelled(context, task).outcome for task in (waiting, scheduled)]
    ran: list[int] = []
    run(context, waiting, lambda _: ran.append(1))

    assert (outcomes, ran) == ([Outcome.NEVER_STARTED, Outcome.NEVER_STARTED], [])
    assert [read(context, task).state for task in (waiting, scheduled)] == [State.REVOKED, State.REVOKED]


def test_what_failed_once_and_waits_for_another_attempt_has_stopped(context: TaskContext) -> None:
    task_id = started(context)
    run(context, task_id, fail)

    done = cancelled(context, task_id)

    assert (done.outcome, done.task.state, done.task.error) == (Outcome.STOPPED, State.REVOKED, "OSError: not now")


def test_what_has_ended_is_already_done_and_stays_as_it_is(context: TaskContext) -> None:
    task_id = started(context)
    run(context, task_id, lambda _: "well")

    done = cancelled(context, task_id)

    assert (done.outcome, done.task.state, done.task.result) == (Outcome.ALREADY_DONE, State.SUCCESS, "well")


def test_what_ends_while_it_is_to_be_stopped_was_too_late(context: TaskContext) -> None:
    task_id = started(context)
    seen: list[Cancelled] = []

    def returns_meanwhile(_: TaskContext) -> str:
        seen.append(cancelled(context, task_id))
        return "well"

    run(context, task_id, returns_meanwhile)
    stopping = seen[0]
    after = cancelled(context, task_id)

    assert (stopping.outcome, stopping.task.state) == (Outcome.STOPPING, State.STARTED)
    assert (after.outcome, after.task.state, after.task.result) == (Outcome.ALREADY_DONE, State.SUCCESS, "well")


def test_an_end_between_two_looks_is_told_as_too_late(context: TaskContext) -> None:
    task_id = started(context)
    with context.db.transaction() as tx:
        tx.execute("UPDATE tasks SET state = 'STARTED', attempt = 1, lease_until = 'infinity' WHERE id = %s", [task_id])

    def succeed() -> None:
        with context.db.transaction() as tx:
            tx.execute("UPDATE tasks SET state = 'SUCCESS' WHERE id = %s", [task_id])

    assert cancelled(context, task_id, succeed).outcome is Outcome.TOO_LATE


def test_an_attempt_that_fails_after_the_cancel_is_not_tried_again(context: TaskContext) -> None:
    task_id = started(context)

    def cancel_and_fail(own: TaskContext) -> None:
        cancelled(context, task_id)
        fail(own)

    run(context, task_id, cancel_and_fail)

    task = read(context, task_id)
    assert (task.state, task.error, task.not_before) == (State.REVOKED, "OSError: not now", None)


def test_a_task_ends_where_it_reports_its_progress(context: TaskContext) -> None:
    task_id, went_on = started(context), []

    def report(own: TaskContext) -> None:
        cancelled(context, task_id)
        own.report(0.5)
        went_on.append(1)

    run(context, task_id, report)

    assert (read(context, task_id).state, went_on) == (State.REVOKED, [])


def test_what_lost_its_worker_is_stopped_at_once_and_never_taken_over(
    context: TaskContext, clock: MovableClock
) -> None:
    lost, lost_later, ran = started(context), started(context), []
    with context.db.transaction() as tx:
        tx.execute(
            "UPDATE tasks SET state = 'STARTED', attempt = 1, lease_until = %s", [clock() + timedelta(minutes=1)]
        )
    stopping = cancelled(context, lost_later)
    clock.move(timedelta(minutes=2))

    run(context, lost_later, lambda _: ran.append(1))
    at_once = cancelled(context, lost)

    assert (stopping.outcome, at_once.outcome, ran) == (Outcome.STOPPING, Outcome.STOPPED, [])
    assert [read(context, task).state for task in (lost, lost_later)] == [State.REVOKED, State.REVOKED]


def test_a_scoring_is_dropped_while_it_waits_and_refuses_to_be_while_it_runs(
    context: TaskContext, db: Databases, project: UUID
) -> None:
    waiting = submitted(db, project, entries=3)
    never_started = cancelled(context, waiting)
    running = submitted(db, project)
    [claim] = claimed(db)

    with pytest.raises(Conflict):
        cancelled(context, running)
    with db("worker").transaction() as tx:
        finish(tx, [Finished(claim, anomalies=0, highest_score=0.1, chunk_ids=(), result={})], now=context.clock())

    assert (never_started.outcome, never_started.task.state) == (Outcome.NEVER_STARTED, State.REVOKED)
    assert (read(context, waiting).state, claim.id) == (State.REVOKED, running)
    assert cancelled(context, running).outcome is Outcome.ALREADY_DONE
    with db("worker").transaction() as tx:
        assert tx.execute("SELECT sum(entries) FROM submission_state WHERE state = 'dropped'").fetchone() == (3,)


def test_an_unknown_task_cannot_be_cancelled(context: TaskContext) -> None:
    with pytest.raises(NotFound):
        cancelled(context, new_id())


@pytest.fixture
def client(db: Databases, redis_url: str, tmp_path: Path, project: UUID) -> Iterator[TestClient]:
    with client_with_key(
        "console", router, db=db, redis_url=redis_url, folder=tmp_path, project=project, scopes=[Scope.ADMIN]
    ) as client:
        yield client


def test_administrators_cancel_the_tasks_of_their_project_alone(
    context: TaskContext, db: Databases, client: TestClient, project: UUID, other_project: UUID
) -> None:
    own, foreign, nobodys = (started(context, project=whose) for whose in (project, other_project, None))
    scoring = submitted(db, project)

    by_reader = client.delete(f"/api/v1/tasks/cancel/{own}", headers=key_of(db, project, Scope.READ))
    answers = {task: client.delete(f"/api/v1/tasks/cancel/{task}") for task in (own, scoring, foreign, nobodys)}

    assert refusal(by_reader)[:2] == (403, "forbidden")
    for task in (own, scoring):
        told = answers[task].json()
        assert told == {"task_id": str(task), "outcome": "never_started", "status": "REVOKED"}
    assert {refusal(answers[task])[:2] for task in (foreign, nobodys)} == {(404, "not-found")}
    assert read(context, foreign).state is State.PENDING


def test_running_tasks_are_stopped_in_a_real_worker_whatever_they_do(
    db: Databases, redis_url: str, start_worker: StartWorker, client: TestClient, project: UUID
) -> None:
    """One that reports, one that waits for a statement of the database, and one that lets no error through."""
    worker_db, publisher = db("worker"), Publisher(redis_url)

    def state_of(task_id: UUID) -> State:
        with worker_db.transaction() as tx:
            task = find(tx, task_id)
        assert task is not None
        return task.state

    def waits_in_database() -> bool:
        with worker_db.transaction() as tx:
            row = tx.execute("SELECT count(*) FROM pg_stat_activity WHERE query = 'SELECT pg_sleep(59)'").fetchone()
        return row is not None and row[0] > 0

    outcomes: dict[str, tuple[int, str]] = {}
    with start_worker("faulty_worker", ODDLINE_CANCEL_GRACE="1") as worker:
        for name in ("reporting", "waiting", "deaf"):
            task_id = new_id()
            with worker_db.transaction() as tx:
                enqueue(tx, CATALOGUE[name], NoPayload(), task_id=task_id, project=project, now=utc_now())
            publisher.wake(CATALOGUE[name], task_id=task_id)
            worker.wait_for(lambda task_id=task_id: state_of(task_id) in {State.STARTED, State.PROGRESS})
            if name == "waiting":
                worker.wait_for(waits_in_database)

            answer = client.delete(f"/api/v1/tasks/cancel/{task_id}")
            outcomes[name] = (answer.status_code, answer.json()["outcome"])

            worker.wait_for(lambda task_id=task_id: state_of(task_id) is State.REVOKED)
        assert not waits_in_database()
        last = new_id()
        with worker_db.transaction() as tx:
            enqueue(tx, CATALOGUE["reporting"], NoPayload(), task_id=last, project=project, now=utc_now())
        publish_due(worker_db, publisher, catalogue=CATALOGUE, now=utc_now() + timedelta(seconds=10))
        worker.wait_for(lambda: state_of(last) is State.PROGRESS)
    publisher.close()

    assert outcomes == {"reporting": (200, "stopped"), "waiting": (200, "stopped"), "deaf": (200, "stopped")}
