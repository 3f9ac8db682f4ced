"""Tasks as callers start, find and follow them."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
import redis
from claiming import claimed, submitted
from faulty_tasks import CATALOGUE as FAULTY
from reading import Databases, client_with_key, key_of, refusal
from starlette.testclient import TestClient
from worker_process import StartWorker

from functions.console.app import router
from oddline.identity import Scope
from oddline.maintenance import CLEANUP_OLD_RESULTS
from oddline.notifications import SEND_EMAIL
from oddline.submissions import new_id
from oddline.tasks import NoPayload, Publisher, Queue, enqueue, utc_now

MAIL = {"recipients": ["a@example.org"], "subject": "hello", "text": "there"}


@pytest.fixture
def client(db: Databases, redis_url: str, tmp_path: Path, project: UUID) -> Iterator[TestClient]:
    with client_with_key(
        "console", router, db=db, redis_url=redis_url, folder=tmp_path, project=project, scopes=[Scope.ADMIN]
    ) as client:
        yield client


def enqueued(db: Databases, project: UUID | None, **options: Any) -> str:
    task = new_id()
    with db("worker").transaction() as tx:
        enqueue(tx, CLEANUP_OLD_RESULTS, NoPayload(), task_id=task, project=project, now=utc_now(), **options)
    return str(task)


def change(db: Databases, task: str, assignment: str) -> None:
    with db("worker").transaction() as tx:
        tx.execute(f"UPDATE tasks SET {assignment} WHERE id = %s", [task])


def listed(client: TestClient, path: str = "/api/v1/tasks", **parameters: Any) -> list[str]:
    return [task["task_id"] for task in client.get(path, params=parameters).json()["tasks"]]


def test_an_administrator_starts_a_task_which_waits_and_is_published(
    client: TestClient, redis_url: str, project: UUID
) -> None:
    answer = client.post("/api/v1/tasks", json={"name": "send_email", "payload": MAIL})

    assert (answer.status_code, answer.json()["status"]) == (202, "queued")
    task = client.get(answer.headers["Location"]).json()
    assert (task["task_id"], task["name"], task["status"]) == (answer.json()["task_id"], "send_email", "PENDING")
    with redis.Redis.from_url(redis_url) as connection:
        assert connection.llen(str(SEND_EMAIL.queue)) == 1


def test_what_may_not_be_started_is_refused_and_nothing_is_written(
    db: Databases, client: TestClient, project: UUID
) -> None:
    member, reader = key_of(db, project, Scope.WRITE, Scope.READ), key_of(db, project, Scope.READ)
    wish = {"name": "send_email", "payload": MAIL}

    refused = [
        client.post("/api/v1/tasks", json=wish, headers=member),
        client.post("/api/v1/tasks", json=wish, headers=reader),
        client.post("/api/v1/tasks", json={"name": "cleanup_old_results"}),
        client.post("/api/v1/tasks", json={"name": "knitting"}),
        client.post("/api/v1/tasks", json={"name": "send_email", "payload": MAIL | {"subject": 7}}),
        client.post("/api/v1/tasks", json={"name": "send_email", "payload": [1]}),
    ]

    assert [refusal(answer) for answer in refused] == [
        (403, "forbidden", "name"),
        (403, "forbidden", None),
        (403, "forbidden", "name"),
        (404, "unknown-task", "name"),
        (422, "invalid-parameter", "payload.subject"),
        (422, "invalid-parameter", "payload"),
    ]
    assert listed(client) == []


def test_the_catalogue_tells_what_there_is_and_what_the_caller_may_start(
    db: Databases, client: TestClient, project: UUID
) -> None:
    def kinds(**options: Any) -> dict[str, Any]:
        return {kind["name"]: kind for kind in client.get("/api/v1/tasks/catalogue", **options).json()["tasks"]}

    of_admin, of_member = kinds(), kinds(headers=key_of(db, project, Scope.READ))

    assert (of_admin["send_email"]["startable"], of_member["send_email"]["startable"]) == (True, False)
    assert of_admin["reconcile"] == of_member["reconcile"]
    assert (of_admin["reconcile"]["startable"], of_admin["reconcile"]["schedule"]) == (False, "rate(1 minute)")
    mail = of_admin["send_email"]
    assert (mail["queue"], mail["starters"], mail["attempts"]) == ("notifications", ["admin", "system"], 4)
    assert (mail["soft_limit_s"], mail["hard_limit_s"]) == (60.0, 120.0)
    assert set(mail["payload"]["properties"]) == {"recipients", "subject", "text", "html"}


def test_tasks_are_found_by_time_and_by_text_page_by_page(db: Databases, client: TestClient, project: UUID) -> None:
    old, failed, newest = (enqueued(db, project) for _ in range(3))
    change(db, old, "created_at = '2026-01-05T08:00Z'")
    change(db, failed, "state = 'RETRY', error = 'OSError: 100%% [full]_'")
    submission = str(submitted(db, project))

    assert listed(client, to="2026-01-05T09:00:00Z") == [old]
    assert listed(client, **{"from": "2026-01-05T09:00:00Z"}) == [submission, newest, failed]
    assert listed(client, text="100% [FULL]_") == [failed]
    assert listed(client, text="score") == [submission]
    assert listed(client, text=newest[:30]) == [newest]
    first = client.get("/api/v1/tasks", params={"text": "cleanup", "limit": 2}).json()
    assert [task["task_id"] for task in first["tasks"]] == [newest, failed]
    assert listed(client, text="cleanup", limit=2, before=first["next"]) == [old]


def test_what_runs_and_what_waits_for_its_time_is_listed_apart(
    db: Databases, client: TestClient, project: UUID, other_project: UUID
) -> None:
    running, reporting, retrying, scheduled, _waiting, done = (enqueued(db, project) for _ in range(6))
    enqueued(db, other_project, not_before=utc_now() + timedelta(hours=1))
    change(db, running, "state = 'STARTED'")
    change(db, reporting, "state = 'PROGRESS', progress = 0.5")
    change(db, retrying, "state = 'RETRY', not_before = now() + interval '1 minute'")
    change(db, scheduled, "not_before = now() + interval '1 day'")
    change(db, done, "state = 'SUCCESS'")
    submission = str(submitted(db, project))
    claimed(db)

    assert listed(client, "/api/v1/tasks/active") == [submission, reporting, running]
    assert listed(client, "/api/v1/tasks/scheduled") == [scheduled, retrying]
    for path in ("/api/v1/tasks/active", "/api/v1/tasks/scheduled"):
        assert refusal(client.get(path, headers=key_of(db, project, Scope.READ)))[:2] == (403, "forbidden")


def test_the_progress_of_a_task_in_a_real_worker_is_seen_from_outside(
    db: Databases, client: TestClient, redis_url: str, start_worker: StartWorker, project: UUID
) -> None:
    spec, task, publisher = FAULTY["reporting"], new_id(), Publisher(redis_url)
    with db("worker").transaction() as tx:
        enqueue(tx, spec, NoPayload(), task_id=task, project=project, now=utc_now())
    publisher.wake(spec, task_id=task)
    seen: set[float] = set()

    def has_got_on() -> bool:
        told = client.get(f"/api/v1/tasks/{task}").json()
        if told["status"] == "PROGRESS":
            seen.add(told["progress"])
        return len(seen) >= 3

    with start_worker("faulty_worker", queues=str(Queue.DEFAULT)) as worker:
        worker.wait_for(has_got_on)
        client.delete(f"/api/v1/tasks/cancel/{task}")
    publisher.close()

    assert all(0 <= progress < 1 for progress in seen)
