"""The task ledger: claims, retries, leases, dead letters."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
import redis

from oddline import tasks
from oddline.database import Database
from oddline.errors import NotFound, OddlineError, Unavailable
from oddline.objects import FolderObjects
from oddline.settings import Settings, Side
from oddline.submissions import new_id
from oddline.tasks import Catalogue, NoPayload, Publisher, Queue, Retry, Search, State, Task, TaskContext, TaskSpec

pytestmark = pytest.mark.both_postgres

Databases = Callable[[Side], Database]
START = datetime(2026, 11, 22, 12, tzinfo=UTC)
SPEC = TaskSpec(
    name="try_it",
    queue=Queue.DEFAULT,
    idempotency="it is a test",
    retry=Retry(attempts=3, base=timedelta(seconds=60), cap=timedelta(seconds=90)),
)


class Refused(OddlineError):
    """For good."""


class Clock:
    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def context(db: Databases, redis_url: str, clock: Clock, tmp_path: Path) -> Iterator[TaskContext]:
    publisher = Publisher(redis_url)
    yield TaskContext(
        db=db("worker"),
        objects=FolderObjects(tmp_path),
        publisher=publisher,
        settings=Settings(),
        catalogue=Catalogue([SPEC]),
        worker="test",
        clock=clock,
    )
    publisher.close()


def start(context: TaskContext, **options: Any) -> UUID:
    task_id = new_id()
    with context.db.transaction() as tx:
        tasks.enqueue(tx, SPEC, NoPayload(), task_id=task_id, project=None, now=context.clock(), **options)
    return task_id


def run(context: TaskContext, task_id: UUID, code: Callable[[], Any]) -> Task | None:
    return tasks.run_task(SPEC, lambda _payload, _own: code(), task_id=task_id, context=context)


def read(context: TaskContext, task_id: UUID) -> Task:
    with context.db.transaction() as tx:
        task = tasks.find(tx, task_id)
    assert task is not None
    return task


def fail_passing() -> None:
    raise Unavailable("not now")


def fail_for_good() -> None:
    raise Refused("never")


def test_a_task_that_returns_is_a_success_with_its_result(context: TaskContext) -> None:
    task_id = start(context)

    run(context, task_id, lambda: {"done": 3})

    task = read(context, task_id)
    assert (task.state, task.result, task.attempt) == (State.SUCCESS, {"done": 3}, 1)
    assert task.view()["successful"] is True


def test_a_message_that_comes_twice_runs_its_task_once(context: TaskContext) -> None:
    task_id, runs = start(context), []

    run(context, task_id, lambda: runs.append(1))
    again = run(context, task_id, lambda: runs.append(2))

    assert (again, runs) == (None, [1])


def test_a_passing_failure_waits_in_the_ledger_no_longer_than_its_ceiling(context: TaskContext) -> None:
    task_id = start(context)

    run(context, task_id, fail_passing)

    task = read(context, task_id)
    assert task.state is State.RETRY
    assert task.not_before is not None
    assert START <= task.not_before <= START + timedelta(seconds=60)
    assert task.error == "Unavailable: not now"


def test_a_retry_does_not_run_before_its_time(context: TaskContext, clock: Clock) -> None:
    task_id, runs = start(context, not_before=START + timedelta(minutes=1)), []

    run(context, task_id, lambda: runs.append("early"))
    clock.now += timedelta(minutes=1)
    run(context, task_id, lambda: runs.append("due"))

    assert runs == ["due"]


def test_a_task_that_fails_in_every_attempt_is_a_dead_letter(context: TaskContext, clock: Clock) -> None:
    task_id = start(context)

    for _ in range(SPEC.retry.attempts):
        run(context, task_id, fail_passing)
        clock.now += timedelta(minutes=2)

    with context.db.transaction() as tx:
        dead = tasks.newest(tx, Search(states=[State.FAILURE]))
    assert [(task.id, task.error) for task in dead] == [(task_id, "Unavailable: not now")]


def test_a_permanent_failure_is_a_dead_letter_at_once(context: TaskContext) -> None:
    task_id = start(context)

    run(context, task_id, fail_for_good)

    assert (read(context, task_id).state, read(context, task_id).attempt) == (State.FAILURE, 1)


def test_a_task_whose_worker_died_is_taken_over_when_its_lease_is_out(context: TaskContext, clock: Clock) -> None:
    task_id, runs = start(context), []
    with context.db.transaction() as tx:
        tasks.store.claim(tx, task_id, worker="dead", now=START, lease_until=START + timedelta(seconds=30))

    run(context, task_id, lambda: runs.append("too early"))
    clock.now += timedelta(seconds=31)
    run(context, task_id, lambda: runs.append("taken over"))

    assert runs == ["taken over"]


def test_a_task_that_kills_its_worker_every_time_ends_as_a_dead_letter_unrun(
    context: TaskContext, clock: Clock
) -> None:
    task_id, runs = start(context), []
    for _ in range(SPEC.retry.attempts):
        with context.db.transaction() as tx:
            tasks.store.claim(tx, task_id, worker="dies", now=clock.now, lease_until=clock.now + timedelta(seconds=30))
        clock.now += timedelta(seconds=31)

    run(context, task_id, lambda: runs.append("once more"))

    task = read(context, task_id)
    assert (task.state, task.error, runs) == (State.FAILURE, "its worker died in every attempt", [])
    assert [failure["attempt"] for failure in task.failures] == list(range(1, SPEC.retry.attempts + 1))
    assert task.attempt == SPEC.retry.attempts


def test_the_result_of_a_holder_that_lost_its_lease_is_not_written(context: TaskContext, clock: Clock) -> None:
    task_id = start(context)

    def slow() -> str:
        clock.now += timedelta(seconds=31)
        run(context, task_id, lambda: "of the new holder")
        return "of the old holder"

    run(context, task_id, slow)

    assert read(context, task_id).result == "of the new holder"


def test_a_replayed_dead_letter_begins_anew(context: TaskContext) -> None:
    task_id = start(context)
    run(context, task_id, fail_for_good)

    with context.db.transaction() as tx:
        spec = tasks.replay(tx, task_id, catalogue=context.catalogue)
    run(context, task_id, lambda: "well")

    assert spec is SPEC
    assert (read(context, task_id).state, read(context, task_id).result) == (State.SUCCESS, "well")


def test_a_dropped_dead_letter_is_settled(context: TaskContext) -> None:
    task_id = start(context)
    run(context, task_id, fail_for_good)

    with context.db.transaction() as tx:
        tasks.drop(tx, task_id, now=START)

    assert read(context, task_id).state is State.REVOKED
    with pytest.raises(NotFound), context.db.transaction() as tx:
        tasks.drop(tx, task_id, now=START)


def test_only_one_task_of_a_unique_key_waits(context: TaskContext) -> None:
    first, second = start(context, unique_key="daily"), start(context, unique_key="daily")

    with context.db.transaction() as tx:
        found = [tasks.find(tx, first), tasks.find(tx, second)]
    assert [task is not None for task in found] == [True, False]


def test_what_redis_lost_is_published_again(context: TaskContext, clock: Clock) -> None:
    start(context)
    clock.now += timedelta(seconds=10)

    published = tasks.publish_due(context.db, context.publisher, catalogue=context.catalogue, now=clock.now)

    assert published == 1


def test_what_waits_beside_its_message_gets_no_second_one(context: TaskContext, clock: Clock, redis_url: str) -> None:
    for _ in range(3):
        context.publisher.wake(SPEC, task_id=start(context))
    clock.now += timedelta(seconds=10)

    with_all = publish_again(context)
    with redis.Redis.from_url(redis_url) as client:
        client.rpop(str(SPEC.queue))
    with_one_lost = publish_again(context)

    assert (with_all, with_one_lost) == (0, 1)


def test_what_lost_its_worker_is_published_however_many_messages_wait(context: TaskContext, clock: Clock) -> None:
    lost = start(context)
    with context.db.transaction() as tx:
        tasks.store.claim(tx, lost, worker="dead", now=START, lease_until=START + timedelta(seconds=30))
    for _ in range(3):
        context.publisher.wake(SPEC, task_id=start(context))
    clock.now += timedelta(seconds=31)

    assert publish_again(context) == 1


def publish_again(context: TaskContext) -> int:
    return tasks.publish_due(context.db, context.publisher, catalogue=context.catalogue, now=context.clock())


def test_progress_is_shown_while_a_task_runs(context: TaskContext) -> None:
    task_id, seen = start(context), []

    def code(payload: NoPayload, own: TaskContext) -> None:
        own.report(0.5)
        seen.append(read(context, task_id))

    tasks.run_task(SPEC, code, task_id=task_id, context=context)

    assert [(task.state, task.progress) for task in seen] == [(State.PROGRESS, 0.5)]
