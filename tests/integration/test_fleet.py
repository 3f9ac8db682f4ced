"""Operators hold and purge queues, limit tasks, restart workers softly, and see what each of them does."""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
import redis
from claiming import claimed, submitted
from commands import command_for, error_of, told
from reading import Databases, client_of, key_of, open_reading_parts, refusal
from starlette.testclient import TestClient
from worker_process import ROOT, StartWorker, Worker

from functions.console.workers import router
from oddline import fleet, submissions
from oddline.catalogue import CATALOGUE
from oddline.errors import InvalidParameter, UnknownTask
from oddline.fleet.store import take_turn
from oddline.identity import Scope
from oddline.maintenance import CLEANUP_OLD_RESULTS, RENEW_ENCRYPTION
from oddline.notifications import SEND_EMAIL
from oddline.objects import FolderObjects
from oddline.settings import Settings, Side
from oddline.submissions import new_id
from oddline.tasks import (
    Publisher,
    Queue,
    State,
    TaskContext,
    TaskSpec,
    WorkerClass,
    enqueue,
    find,
    publish_due,
    run_task,
    see_worker,
    utc_now,
)
from worker_image.worker.steering import END_SOFTLY

APP = "worker_image.worker.app"
BY = "test"
SEEN = timedelta(seconds=20)


@pytest.fixture
def publisher(redis_url: str) -> Iterator[Publisher]:
    publisher = Publisher(redis_url, timeout_s=5)
    yield publisher
    publisher.close()


@pytest.fixture
def queued(redis_url: str) -> Iterator[redis.Redis]:
    with redis.Redis.from_url(redis_url) as client:
        yield client


@pytest.fixture
def context(db: Databases, publisher: Publisher, tmp_path: Path) -> TaskContext:
    return TaskContext(
        db=db("worker"),
        objects=FolderObjects(tmp_path / "objects"),
        publisher=publisher,
        settings=Settings(_env_file=None, home=tmp_path),  # type: ignore[call-arg]
        catalogue=CATALOGUE,
        worker="test",
    )


def start(db: Databases, spec: TaskSpec, *, age: timedelta = timedelta(seconds=10)) -> UUID:
    task_id = new_id()
    with db("worker").transaction() as tx:
        enqueue(tx, spec, spec.smoke, task_id=task_id, project=None, now=utc_now() - age)
    return task_id


def state(db: Databases, task_id: UUID) -> State:
    with db("worker").transaction() as tx:
        task = find(tx, task_id)
    assert task is not None
    return task.state


def hold(db: Databases, queue: Queue) -> None:
    with db("worker").transaction() as tx:
        fleet.hold(tx, queue, by=BY, reason="", now=utc_now())


def release(db: Databases, queue: Queue) -> bool:
    with db("worker").transaction() as tx:
        return fleet.release(tx, queue)


# Holding and purging


def test_work_of_a_held_queue_is_neither_published_nor_done_until_it_is_released(
    db: Databases, context: TaskContext
) -> None:
    held, other = start(db, CLEANUP_OLD_RESULTS), start(db, SEND_EMAIL)
    hold(db, Queue.MAINTENANCE)

    def publish() -> int:
        return publish_due(db("worker"), context.publisher, catalogue=CATALOGUE, now=utc_now())

    def run() -> Any:
        return run_task(CLEANUP_OLD_RESULTS, lambda *_: None, task_id=held, context=context)

    assert (publish(), run()) == (1, None)
    assert release(db, Queue.MAINTENANCE)
    assert publish() == 1  # the other has its message
    assert run() is not None
    assert (state(db, held), state(db, other)) == (State.SUCCESS, State.PENDING)


def test_submissions_wait_while_the_queue_that_wakes_for_them_is_held(db: Databases, project: UUID) -> None:
    submission = submitted(db, project)
    hold(db, Queue.ANALYSIS)

    with db("worker").transaction() as tx:
        waits = submissions.waiting(tx, now=utc_now())
    while_held = claimed(db)
    release(db, Queue.ANALYSIS)

    assert (waits, while_held) == (False, [])
    assert [one.id for one in claimed(db)] == [submission]


def test_a_purge_deletes_messages_of_one_queue_and_none_of_its_work(
    db: Databases, publisher: Publisher, queued: redis.Redis, redis_url: str
) -> None:
    tasks = [start(db, CLEANUP_OLD_RESULTS) for _ in range(3)]
    for task in tasks:
        publisher.wake(CLEANUP_OLD_RESULTS, task_id=task)
    publisher.wake(SEND_EMAIL)

    with db("worker").transaction() as tx:
        fleet.hold(tx, Queue.MAINTENANCE, by=BY, reason="a flood", now=utc_now())
    dropped = fleet.drop_messages(redis_url, Queue.MAINTENANCE)

    seen = {one.queue: one for one in fleet.list_queues(db("console"), redis_url=redis_url, now=utc_now())}
    assert dropped == 3
    assert (seen[Queue.MAINTENANCE].messages, seen[Queue.MAINTENANCE].due) == (0, 3)
    assert seen[Queue.MAINTENANCE].view()["held"]["reason"] == "a flood"
    assert (seen[Queue.NOTIFICATIONS].messages, seen[Queue.NOTIFICATIONS].hold) == (1, None)


def test_without_redis_the_ledger_s_side_of_the_queues_is_still_told(db: Databases, closed_port: int) -> None:
    start(db, CLEANUP_OLD_RESULTS)

    seen = fleet.list_queues(db("worker"), redis_url=f"redis://127.0.0.1:{closed_port}/0", now=utc_now())

    assert [(one.messages, one.due) for one in seen if one.queue is Queue.MAINTENANCE] == [(None, 1)]


# Limits


@pytest.mark.parametrize("rate", ["", "ten", "10/day", "-1/m", "10/m; DROP"])
def test_what_is_no_rate_is_refused(db: Databases, rate: str) -> None:
    with pytest.raises(InvalidParameter), db("worker").transaction() as tx:
        fleet.set_limit(tx, "send_email", rate=rate, catalogue=CATALOGUE, by=BY, now=utc_now())


@pytest.mark.parametrize("task", ["unheard_of", "reconcile"])
def test_only_what_workers_run_can_be_limited(db: Databases, task: str) -> None:
    with pytest.raises(UnknownTask), db("worker").transaction() as tx:
        fleet.set_limit(tx, task, rate="1/m", catalogue=CATALOGUE, by=BY, now=utc_now())


# Whose turn it is


def test_workers_of_a_class_end_one_after_the_other_and_each_is_asked_until_it_has_ended(db: Databases) -> None:
    now = utc_now()
    scoring, general = [WorkerClass.SCORING], [WorkerClass.GENERAL]
    with db("worker").transaction() as tx:
        for name, classes in (("a", scoring), ("b", scoring), ("c", general)):
            see_worker(tx, name, classes=classes, started_at=now, now=now)
        fleet.ask_restart(tx, scoring, by=BY, now=now + timedelta(seconds=1))
        wished = [fleet.wishes(tx, name).restart for name in "abc"]

        turns = [take_turn(tx, name, now=now, seen=SEEN) for name in ("a", "a", "b")]
        later = now + timedelta(minutes=1)
        see_worker(tx, "b", classes=scoring, started_at=now, now=later)
        b_once_a_is_gone = take_turn(tx, "b", now=later, seen=SEEN)

    assert wished == [True, True, False]
    assert turns == [True, True, False]
    assert b_once_a_is_gone


def test_a_worker_that_was_started_again_under_the_same_name_is_not_asked_again(db: Databases) -> None:
    now = utc_now()
    later = now + timedelta(seconds=2)
    with db("worker").transaction() as tx:
        see_worker(tx, "a", classes=[WorkerClass.SCORING], started_at=now, now=now)
        fleet.ask_restart(tx, [], by=BY, now=now + timedelta(seconds=1))
        take_turn(tx, "a", now=now, seen=SEEN)

        see_worker(tx, "a", classes=[WorkerClass.SCORING], started_at=later, now=later)
        wished = fleet.wishes(tx, "a").restart

        [worker] = fleet.store.workers(tx, since=now)
    assert (wished, worker.ending_at) == (False, None)


# A worker as it runs


@contextmanager
def locked_tasks(db: Databases) -> Iterator[None]:
    """While the block lasts, whoever renews the encryption of the ledger waits."""
    with db("worker").transaction() as tx:
        tx.execute("SELECT id FROM tasks FOR UPDATE")
        yield


def test_it_is_seen_what_a_worker_does_and_a_restart_lets_it_finish_that(
    db: Databases, publisher: Publisher, start_worker: StartWorker
) -> None:
    start(db, SEND_EMAIL, age=timedelta(days=-1))  # something sealed, which nobody does today
    with start_worker(APP) as worker:
        with locked_tasks(db):
            task = start(db, RENEW_ENCRYPTION)
            publisher.wake(RENEW_ENCRYPTION, task_id=task)
            worker.wait_for(lambda: state(db, task) is State.STARTED)
            worker.wait_for(lambda: doing(db))
            [seen] = fleet.list_workers(db("console"), now=utc_now())
            with db("console").transaction() as tx:
                fleet.ask_restart(tx, [], by=BY, now=utc_now())
            worker.wait_for(lambda: fleet.list_workers(db("console"), now=utc_now())[0].ending_at)
            worker.wait_for(lambda: "Warm shutdown" in worker.log_file.read_text())
            os.kill(worker.child.pid, END_SOFTLY)  # as each look of its children does
            state_while_ending = state(db, task)
        wait_for_end(worker)

    [process] = seen.view()["processes"]
    [work] = process["doing"]
    assert (work["name"], work["task_id"], work["attempt"]) == ("renew_encryption", task, 1)
    assert datetime.now(UTC) - work["since"] < timedelta(minutes=1)
    assert min(process["rss_bytes"], seen.view()["rss_bytes"]) > 20_000_000
    assert seen.view()["concurrency"] == 1
    assert (state_while_ending, state(db, task)) == (State.STARTED, State.SUCCESS)


def test_a_worker_whose_child_died_before_it_could_end_it_ends_all_the_same(
    db: Databases, start_worker: StartWorker
) -> None:
    with start_worker(APP) as worker:
        worker.wait_for(lambda: fleet.list_workers(db("console"), now=utc_now()))
        with db("worker").transaction() as tx:
            fleet.ask_restart(tx, [], by=BY, now=utc_now())
            tx.execute("UPDATE workers SET ending_at = now()")

        wait_for_end(worker)


def doing(db: Databases) -> bool:
    found = fleet.list_workers(db("console"), now=utc_now())
    return any(worker.work for worker in found)


def wait_for_end(worker: Worker) -> None:
    ended = threading.Event()
    for _ in range(300):
        if worker.child.exit_code is not None:
            return
        ended.wait(0.1)
    raise AssertionError(worker.log_file.read_text()[-3_000:])


def test_a_worker_keeps_to_limits_and_holds_as_they_change_and_tells_what_it_does(
    db: Databases, publisher: Publisher, queued: redis.Redis, redis_url: str, start_worker: StartWorker
) -> None:
    limit(db, "send_anomaly_mail", "7/m")
    hold(db, Queue.MAINTENANCE)
    held = start(db, CLEANUP_OLD_RESULTS)
    with start_worker(APP, ODDLINE_LOG_LEVEL="INFO") as worker, listening(redis_url) as events:
        worker.wait_for(lambda: fleet.list_workers(db("worker"), now=utc_now()))
        publisher.wake(CLEANUP_OLD_RESULTS, task_id=held)
        worker.wait_for(lambda: queued.llen("maintenance") == 0 and queued.hlen("unacked") == 0)
        state_while_held = state(db, held)
        limit(db, "send_email", "10/m")
        worker.wait_for(lambda: "New rate limit for tasks of type send_email: 10/m." in worker.log_file.read_text())

        release(db, Queue.MAINTENANCE)

        worker.wait_for(lambda: state(db, held) is State.SUCCESS)
        worker.wait_for(lambda: any(event["type"] == "task-succeeded" for event in events))
    assert state_while_held is State.PENDING
    assert "tasks of type send_anomaly_mail" not in worker.log_file.read_text()  # it began with that limit
    names = {event.get("name") for event in events if event["type"] == "task-received"}
    assert "cleanup_old_results" in names


def limit(db: Databases, task: str, rate: str) -> None:
    with db("console").transaction() as tx:
        fleet.set_limit(tx, task, rate=rate, catalogue=CATALOGUE, by=BY, now=utc_now())


@contextmanager
def listening(redis_url: str) -> Iterator[list[dict[str, Any]]]:
    """What `oddline workers events --json` prints, as it comes."""
    events: list[dict[str, Any]] = []
    command = [sys.executable, "-m", "worker_image.events", "--json"]
    env = {"ODDLINE_REDIS_URL": redis_url}
    with subprocess.Popen(command, cwd=ROOT, env=env, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        lines = process.stdout
        reader = threading.Thread(target=lambda: events.extend(json.loads(line) for line in lines), daemon=True)
        reader.start()
        yield events
        process.terminate()
        reader.join(10)


# By API and by command


@pytest.fixture
def client(db: Databases, redis_url: str, tmp_path: Path, project: UUID) -> Iterator[TestClient]:
    """Of an admin of the operator's project."""
    with open_reading_parts(db("console"), redis_url=redis_url, folder=tmp_path) as parts:
        object.__setattr__(parts, "settings", parts.settings.model_copy(update={"operator_project": "first"}))
        with client_of(router, parts) as client:
            client.headers.update(key_of(db, project, Scope.ADMIN))
            yield client


ROUTES = [
    ("GET", "/api/v1/workers", None),
    ("POST", "/api/v1/workers/restart", {}),
    ("GET", "/api/v1/queues", None),
    ("POST", "/api/v1/queues/default/hold", {}),
    ("POST", "/api/v1/queues/default/purge", {}),
    ("POST", "/api/v1/queues/default/release", None),
    ("GET", "/api/v1/rate-limits", None),
    ("PUT", "/api/v1/rate-limits/send_email", {"rate": "10/m"}),
    ("DELETE", "/api/v1/rate-limits/send_email", None),
]


def test_an_admin_of_the_operator_s_project_steers_by_api(db: Databases, client: TestClient) -> None:
    answers = [client.request(method, path, json=body) for method, path, body in ROUTES]

    assert [answer.status_code for answer in answers] == [200, 202, 200, 200, 200, 200, 200, 204, 204]
    assert answers[4].json() == {"queue": "default", "status": "held", "messages": 0}
    with db("worker").transaction() as tx:
        assert (fleet.held_queues(tx), fleet.limits(tx)) == (set(), [])


def test_others_may_not_even_look(db: Databases, client: TestClient, project: UUID, other_project: UUID) -> None:
    strangers = [key_of(db, other_project, Scope.ADMIN), key_of(db, project, Scope.READ)]

    answers = [
        client.request(method, path, json=body, headers=headers)
        for method, path, body in ROUTES
        for headers in strangers
    ]

    assert {refusal(answer)[:2] for answer in answers} == {(403, "forbidden")}


def test_where_no_project_is_the_operator_s_nobody_may(
    db: Databases, redis_url: str, tmp_path: Path, project: UUID
) -> None:
    with (
        open_reading_parts(db("console"), redis_url=redis_url, folder=tmp_path) as parts,
        client_of(router, parts) as client,
    ):
        answer = client.get("/api/v1/workers", headers=key_of(db, project, Scope.ADMIN))

    assert refusal(answer)[:2] == (403, "forbidden")


def test_wrong_wishes_are_told_by_their_field(client: TestClient) -> None:
    answers = [
        client.post("/api/v1/queues/unknown/hold", json={}),
        client.post("/api/v1/queues/default/hold", json={"reason": "a\0b"}),
        client.put("/api/v1/rate-limits/send_email", json={"rate": "often"}),
        client.put("/api/v1/rate-limits/unheard_of", json={"rate": "1/m"}),
        client.post("/api/v1/queues/default/release"),
        client.delete("/api/v1/rate-limits/send_email"),
    ]

    assert [refusal(answer) for answer in answers] == [
        (422, "invalid-parameter", "queue"),
        (422, "invalid-parameter", "reason"),
        (422, "invalid-parameter", "rate"),
        (404, "unknown-task", "task"),
        (409, "conflict", "queue"),
        (404, "not-found", "task"),
    ]


def test_the_operator_holds_lists_and_releases_queues_by_command(
    database_urls: dict[Side, str], db: Databases, redis_url: str, tmp_path: Path
) -> None:
    oddline = command_for(tmp_path, database_url=database_urls["worker"], redis_url=redis_url)
    start(db, CLEANUP_OLD_RESULTS)

    purged = told(oddline("queues", "purge", "maintenance", "--reason", "a flood"))
    listed = {one["queue"]: one for one in json.loads(told(oddline("queues", "list", "--json")))}
    released = told(oddline("queues", "release", "maintenance"))

    assert "0 messages are deleted" in purged
    assert (listed["maintenance"]["due"], listed["maintenance"]["held"]["reason"]) == (1, "a flood")
    assert listed["default"]["held"] is None
    assert "released" in released
    assert error_of(oddline("queues", "release", "maintenance")) == "error: maintenance is not held"


def test_the_operator_lists_restarts_and_limits_workers_by_command(
    database_urls: dict[Side, str], db: Databases, redis_url: str, tmp_path: Path
) -> None:
    oddline = command_for(tmp_path, database_url=database_urls["worker"], redis_url=redis_url)
    now = utc_now()
    lasting = now + timedelta(minutes=10)  # commands take their time
    with db("worker").transaction() as tx:
        see_worker(tx, "host:7", classes=[WorkerClass.SCORING], started_at=now - timedelta(minutes=1), now=lasting)

    told(oddline("workers", "restart", "--class", "scoring"))
    told(oddline("workers", "limit", "send_email", "10/m"))
    listed, table = json.loads(told(oddline("workers", "list", "--json"))), told(oddline("workers", "list"))
    limits = json.loads(told(oddline("workers", "limits", "--json")))
    told(oddline("workers", "unlimit", "send_email"))

    assert [(one["worker"], one["processes"]) for one in listed] == [("host:7", [])]
    assert "host:7" in table
    assert [(one["task"], one["rate"]) for one in limits] == [("send_email", "10/m")]
    with db("worker").transaction() as tx:
        assert fleet.wishes(tx, "host:7").restart
        assert fleet.limits(tx) == []
