"""The watch of a worker process: it finds lost wake-ups within seconds, and nothing ends it."""

import logging
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import psycopg
import pytest
import redis
from inbox import Databases
from movable_clock import MovableClock

from oddline.catalogue import CATALOGUE
from oddline.database import connection
from oddline.fleet import hold
from oddline.ids import new_id
from oddline.maintenance import CLEANUP_OLD_RESULTS
from oddline.notifications import SEND_EMAIL
from oddline.objects import FolderObjects
from oddline.settings import Settings, Side
from oddline.tasks import Publisher, Queue, TaskContext, TaskSpec, enqueue, heartbeat, run_task
from worker_image.worker import watch as watching
from worker_image.worker.watch import Watch

PATIENCE_S = 20.0


@pytest.fixture
def clock() -> MovableClock:
    return MovableClock()


@pytest.fixture
def context(db: Databases, redis_url: str, clock: MovableClock, tmp_path: Path) -> Iterator[TaskContext]:
    publisher = Publisher(redis_url, timeout_s=5)
    yield TaskContext(
        db=db("worker"),
        objects=FolderObjects(tmp_path / "objects"),
        publisher=publisher,
        settings=Settings(_env_file=None, home=tmp_path, redis_url=redis_url),  # type: ignore[call-arg]
        catalogue=CATALOGUE,
        worker="test",
        clock=clock,
    )
    publisher.close()


@pytest.fixture
def watch(context: TaskContext) -> Watch:
    return Watch(context, host="test", worker="test")


@pytest.fixture
def queued(redis_url: str) -> Iterator[redis.Redis]:
    with redis.Redis.from_url(redis_url) as client:
        yield client


def start(context: TaskContext, spec: TaskSpec = SEND_EMAIL) -> UUID:
    task_id = new_id()
    with context.db.transaction() as tx:
        enqueue(tx, spec, spec.smoke, task_id=task_id, project=None, now=context.clock())
    return task_id


def after_a_look(context: TaskContext, watch: Watch, queued: redis.Redis) -> int:
    """How many mails' messages there are then."""
    watch.look(now=context.clock())
    return queued.llen(Queue.NOTIFICATIONS)


def test_what_was_never_published_is_found_within_seconds_whatever_reconcile_does(
    context: TaskContext, clock: MovableClock, watch: Watch, queued: redis.Redis
) -> None:
    start(context)

    at_once = after_a_look(context, watch, queued)
    clock.move(timedelta(seconds=11))
    later = after_a_look(context, watch, queued)

    assert (at_once, later) == (0, 1)


def test_a_task_whose_worker_died_unseen_is_found_within_seconds(
    context: TaskContext, clock: MovableClock, watch: Watch, queued: redis.Redis
) -> None:
    task_id = start(context)

    def die(*_: object) -> None:
        raise SystemExit

    with pytest.raises(SystemExit):
        run_task(SEND_EMAIL, die, task_id=task_id, context=context)
    clock.move(context.settings.lease + timedelta(seconds=11))

    assert after_a_look(context, watch, queued) == 1


def test_a_backlog_gets_no_second_messages_however_often_is_looked(
    context: TaskContext, clock: MovableClock, watch: Watch, queued: redis.Redis
) -> None:
    for _ in range(3):
        start(context)
    clock.move(timedelta(seconds=11))

    seen = [after_a_look(context, watch, queued) for _ in range(3)]

    assert seen == [3, 3, 3]


def test_a_backlog_of_one_queue_hides_no_lost_message_of_another(
    context: TaskContext, clock: MovableClock, watch: Watch, queued: redis.Redis
) -> None:
    for _ in range(2):
        context.publisher.wake(SEND_EMAIL, task_id=start(context))
    start(context, CLEANUP_OLD_RESULTS)
    clock.move(timedelta(seconds=11))

    assert after_a_look(context, watch, queued) == 2
    assert queued.llen(Queue.MAINTENANCE) == 1


def test_what_a_held_queue_has_is_not_overdue(
    context: TaskContext, clock: MovableClock, watch: Watch, queued: redis.Redis
) -> None:
    start(context)
    with context.db.transaction() as tx:
        hold(tx, Queue.NOTIFICATIONS, by="test", reason="", now=clock())
    clock.move(timedelta(seconds=11))

    assert after_a_look(context, watch, queued) == 0


def test_a_watch_outlives_a_look_that_failed_as_nobody_foresaw(
    context: TaskContext,
    watch: Watch,
    database_urls: dict[Side, str],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(connection, "STATEMENT_TIMEOUT_MS", 50)
    monkeypatch.setattr(watching, "EVERY", timedelta(seconds=0.1))
    with psycopg.connect(database_urls["owner"]) as holding:
        holding.execute("LOCK TABLE workers")
        watch.start()
        wait_until(lambda: "the watch failed" in caplog.text)
    wait_until(lambda: has_been_seen(context))
    watch.stop()

    assert "canceling statement due to statement timeout" in caplog.text


def test_a_heartbeat_outlives_a_beat_that_failed_as_nobody_foresaw(caplog: pytest.LogCaptureFixture) -> None:
    beats: list[str] = []

    def renew() -> bool:
        beats.append("one")
        if len(beats) == 1:
            raise psycopg.errors.QueryCanceled("statement timeout")
        return True

    with caplog.at_level(logging.ERROR), heartbeat(renew, lease=timedelta(seconds=0.1)):
        wait_until(lambda: len(beats) > 1)

    assert "a heartbeat failed" in caplog.text


def has_been_seen(context: TaskContext) -> bool:
    with context.db.transaction() as tx:
        return tx.execute("SELECT 1 FROM workers WHERE name = 'test'").fetchone() is not None


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)
