"""The worker as a process of its own: woken by Redis, killed, and out of time."""

import os
import signal
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import pytest
from faulty_tasks import CATALOGUE
from inbox import Databases, Inbox
from worker_process import LOOK_EVERY_S, PATIENCE_S, StartWorker

from oddline.identity import update_mail
from oddline.objects import FolderObjects
from oddline.submissions import SCORE_WAITING, entry_id, new_id
from oddline.tasks import NoPayload, Publisher, State, Task, enqueue, publish_due, utc_now

PUBLISH_EVERY = timedelta(seconds=1)


@pytest.fixture
def inbox(db: Databases, tmp_path: Path) -> Inbox:
    return Inbox(db=db, objects=FolderObjects(tmp_path / "objects"))


@pytest.fixture
def publisher(redis_url: str) -> Iterator[Publisher]:
    publisher = Publisher(redis_url)
    yield publisher
    publisher.close()


def run_faulty(name: str, *, inbox: Inbox, publisher: Publisher, start_worker: StartWorker) -> Task:
    """Run a task of the faulty worker, publishing again what is due as reconcile does, until its first end."""
    task_id, published_at = new_id(), utc_now()
    with inbox.db("worker").transaction() as tx:
        enqueue(tx, CATALOGUE[name], NoPayload(), task_id=task_id, project=None, now=utc_now())
    publisher.wake(CATALOGUE[name], task_id=task_id)

    def ended() -> bool:
        nonlocal published_at
        if utc_now() - published_at > PUBLISH_EVERY:
            published_at = utc_now()
            publish_due(inbox.db("worker"), publisher, catalogue=CATALOGUE, now=published_at)
        return inbox.task(task_id).state in {State.RETRY, State.FAILURE, State.SUCCESS}

    with start_worker("faulty_worker") as worker:
        worker.wait_for(ended)
    return inbox.task(task_id)


def test_a_worker_that_is_woken_scores_what_waits_mails_about_it_and_has_it_found_by_what_it_means(
    inbox: Inbox, project: UUID, publisher: Publisher, start_worker: StartWorker, tmp_path: Path
) -> None:
    inbox.set_threshold(project, "cart", 0.0)
    with inbox.db("worker").transaction() as tx:
        update_mail(tx, project, recipients=["ops@example.org"], minimum_score=0.0)

    with start_worker("worker_image.worker.app") as worker:
        submission = inbox.submit(project, {"message": "disk failure", "source": "cart"})
        publisher.wake(SCORE_WAITING)
        worker.wait_for(lambda: inbox.task(submission).state is State.SUCCESS)
        worker.wait_for(lambda: inbox.rows("SELECT count(*) FROM deliveries") == [(1,)])
        worker.wait_for(lambda: inbox.rows("SELECT words::text FROM pattern_vectors") == [("'disk' 'failur'",)])

    assert inbox.entry_ids(project) == [entry_id(submission, 0)]
    assert inbox.rows("SELECT state, recipients FROM deliveries") == [("sent", ["o***@example.org"])]


def test_a_worker_whose_shutdown_hangs_ends_all_the_same(start_worker: StartWorker) -> None:
    with start_worker("hanging_worker") as worker:
        worker.wait_for(lambda: " ready." in worker.log_file.read_text())

        os.kill(worker.child.pid, signal.SIGTERM)

        deadline = time.monotonic() + PATIENCE_S
        while worker.child.running() and time.monotonic() < deadline:
            time.sleep(LOOK_EVERY_S)
        assert not worker.child.running()
    assert "has not ended in time" in worker.log_file.read_text()


def test_a_task_that_kills_its_worker_every_time_ends_as_a_dead_letter(
    inbox: Inbox, publisher: Publisher, start_worker: StartWorker
) -> None:
    task = run_faulty("self_killing", inbox=inbox, publisher=publisher, start_worker=start_worker)

    assert (task.state, task.attempt, task.error) == (State.FAILURE, 2, "its worker died in every attempt")


def test_a_task_that_is_out_of_time_is_tried_again_later(
    inbox: Inbox, publisher: Publisher, start_worker: StartWorker
) -> None:
    task = run_faulty("slow", inbox=inbox, publisher=publisher, start_worker=start_worker)

    assert (task.state, task.attempt) == (State.RETRY, 1)
    assert "SoftTimeLimitExceeded" in (task.error or "")


def test_a_task_that_goes_on_out_of_time_is_killed_and_ends_as_a_dead_letter(
    inbox: Inbox, publisher: Publisher, start_worker: StartWorker
) -> None:
    task = run_faulty("stubborn", inbox=inbox, publisher=publisher, start_worker=start_worker)

    assert (task.state, task.error) == (State.FAILURE, "its worker died in every attempt")
