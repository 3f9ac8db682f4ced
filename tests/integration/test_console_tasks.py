"""Tasks and dead letters as their project's callers see and settle them."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
import redis
from claiming import claimed, submitted
from reading import Databases, client_with_key, key_of, refusal
from starlette.testclient import TestClient

from functions.console.app import router
from oddline.identity import Scope
from oddline.maintenance import CLEANUP_OLD_RESULTS
from oddline.submissions import Finished, fail, finish, new_id
from oddline.tasks import NoPayload, Queue, enqueue

LEASE = timedelta(seconds=30)
RESULT = {
    "log_entry_id": "01934f0e-7c5a-7d2b-9f3e-52c8a1d64000",
    "anomaly_score": 0.97,
    "processing_time": 0.004,
    "analyzed_at": "2026-11-05T08:15:30.243000Z",
    "is_anomaly": True,
}
FORMS = ["/api/v1/tasks/{}", "/api/v1/tasks/status/{}", "/api/task-status/{}/", "/api/task-status/{}"]
WRONG = [
    ({"limit": "0"}, "limit"),
    ({"limit": "10001"}, "limit"),
    ({"limit": "ten"}, "limit"),
    ({"before": "yesterday"}, "before"),
    ({"name": "a\0b"}, "name"),
    ({"name": ""}, "name"),
    ({"state": "DONE"}, "state.0"),
]


@pytest.fixture
def client(db: Databases, redis_url: str, tmp_path: Path, project: UUID) -> Iterator[TestClient]:
    """A client with a key that may administer."""
    with client_with_key(
        "console", router, db=db, redis_url=redis_url, folder=tmp_path, project=project, scopes=[Scope.ADMIN]
    ) as client:
        yield client


def scored(db: Databases, project: UUID) -> UUID:
    submission = submitted(db, project)
    ends = [Finished(one, anomalies=1, highest_score=0.97, chunk_ids=(), result=RESULT) for one in claimed(db)]
    with db("worker").transaction() as tx:
        finish(tx, ends, now=datetime.now(UTC))
    return submission


def dead_submission(db: Databases, project: UUID) -> UUID:
    submission = submitted(db, project)
    long_ago = datetime.now(UTC) - timedelta(days=1)
    while fail(db("worker"), claimed(db), error=RuntimeError("poisonous"), now=long_ago) is not None:
        pass
    return submission


def enqueued(db: Databases, project: UUID | None, *, name: str = CLEANUP_OLD_RESULTS.name) -> UUID:
    task = new_id()
    with db("worker").transaction() as tx:
        enqueue(tx, CLEANUP_OLD_RESULTS, NoPayload(), task_id=task, project=project, now=datetime.now(UTC))
        tx.execute("UPDATE tasks SET name = %s WHERE id = %s", [name, task])
    return task


def dead_task(db: Databases, project: UUID, **options: Any) -> UUID:
    task = enqueued(db, project, **options)
    with db("worker").transaction() as tx:
        tx.execute("UPDATE tasks SET state = 'FAILURE', attempt = 4, error = 'broken' WHERE id = %s", [task])
    return task


def woken(redis_url: str, queue: Queue) -> int:
    with redis.Redis.from_url(redis_url) as connection:
        return int(connection.llen(str(queue)))


def in_all_forms(client: TestClient, task: Any) -> list[Any]:
    return [client.get(form.format(task)) for form in FORMS]


def test_a_single_entry_s_task_tells_its_score(db: Databases, client: TestClient, project: UUID) -> None:
    submission = scored(db, project)

    for answer in in_all_forms(client, submission):
        told = answer.json()
        assert (answer.status_code, told["task_id"]) == (200, str(submission))
        assert (told["status"], told["result"]) == ("SUCCESS", RESULT)
        assert (told["ready"], told["successful"], told["failed"]) == (True, True, False)


def test_a_task_that_waits_is_pending(db: Databases, client: TestClient, project: UUID) -> None:
    submission = submitted(db, project)

    for answer in in_all_forms(client, submission):
        told = answer.json()
        assert (told["status"], told["ready"], told["successful"], told["failed"]) == ("PENDING", False, False, False)


def test_a_task_of_the_ledger_tells_its_progress(db: Databases, client: TestClient, project: UUID) -> None:
    task = enqueued(db, project)
    with db("worker").transaction() as tx:
        tx.execute("UPDATE tasks SET state = 'PROGRESS', progress = 0.25 WHERE id = %s", [task])

    told = client.get(f"/api/v1/tasks/{task}").json()

    assert (told["status"], told["progress"], told["name"]) == ("PROGRESS", 0.25, "cleanup_old_results")


def test_an_unknown_task_is_not_found(client: TestClient) -> None:
    answers = in_all_forms(client, new_id())

    assert {refusal(answer) for answer in answers} == {(404, "not-found", "task_id")}


def test_another_project_s_task_is_not_found(db: Databases, client: TestClient, other_project: UUID) -> None:
    for foreign in (submitted(db, other_project), enqueued(db, other_project), enqueued(db, None)):
        assert {refusal(answer)[0] for answer in in_all_forms(client, foreign)} == {404}


def test_what_is_no_id_is_refused_by_the_parameter_s_name(client: TestClient) -> None:
    for name in ("1", "x" * 5_000, "%00", "01934f0e-7c5a-7d2b-9f3e-52c8a1d6400g"):
        assert {refusal(answer) for answer in in_all_forms(client, name)} == {(422, "invalid-parameter", "task_id")}


def test_without_a_key_nothing_is_told(client: TestClient) -> None:
    del client.headers["Authorization"]

    answers = [*in_all_forms(client, new_id()), client.get("/api/v1/tasks"), client.get("/api/v1/tasks/dead-letters")]

    assert {refusal(answer)[:2] for answer in answers} == {(401, "unauthenticated")}


def test_a_key_that_only_submits_reads_nothing(db: Databases, client: TestClient, project: UUID) -> None:
    answer = client.get(f"/api/v1/tasks/{new_id()}", headers=key_of(db, project, Scope.INGEST))

    assert refusal(answer)[:2] == (403, "forbidden")


def test_tasks_are_listed_newest_first_page_by_page(db: Databases, client: TestClient, project: UUID) -> None:
    tasks = [enqueued(db, project) for _ in range(5)]

    listed: list[str] = []
    parameters: dict[str, str] = {"limit": "2"}
    while True:
        page = client.get("/api/v1/tasks", params=parameters).json()
        listed += [task["task_id"] for task in page["tasks"]]
        if "next" not in page:
            break
        parameters["before"] = page["next"]

    assert listed == [str(task) for task in reversed(tasks)]


def test_a_full_last_page_has_no_next(db: Databases, client: TestClient, project: UUID) -> None:
    enqueued(db, project)

    page = client.get("/api/v1/tasks", params={"limit": 1}).json()

    assert len(page["tasks"]) == 1
    assert "next" not in page


def test_tasks_are_listed_by_state_and_name(db: Databases, client: TestClient, project: UUID) -> None:
    dead, waiting = dead_task(db, project), enqueued(db, project)
    submission = submitted(db, project)

    by_state = client.get("/api/v1/tasks", params={"state": "FAILURE"}).json()["tasks"]
    by_states = client.get("/api/v1/tasks", params={"state": ["FAILURE", "PENDING"]}).json()["tasks"]
    by_name = client.get("/api/v1/tasks", params={"name": "score_waiting"}).json()["tasks"]

    assert [task["task_id"] for task in by_state] == [str(dead)]
    assert {task["task_id"] for task in by_states} == {str(dead), str(waiting), str(submission)}
    assert [task["task_id"] for task in by_name] == [str(submission)]


def test_another_project_s_tasks_are_not_listed(db: Databases, client: TestClient, other_project: UUID) -> None:
    dead_task(db, other_project)
    dead_submission(db, other_project)

    tasks = client.get("/api/v1/tasks").json()
    letters = client.get("/api/v1/tasks/dead-letters").json()

    assert (tasks, letters) == ({"tasks": []}, {"tasks": []})


def test_a_wrong_parameter_is_named(client: TestClient) -> None:
    answers = [client.get("/api/v1/tasks", params=parameters) for parameters, _ in WRONG]

    assert [refusal(answer) for answer in answers] == [(422, "invalid-parameter", field) for _, field in WRONG]


def test_dead_letters_show_what_they_were_given_and_why_they_failed(
    db: Databases, client: TestClient, project: UUID
) -> None:
    task, submission = dead_task(db, project), dead_submission(db, project)
    enqueued(db, project)

    letters = client.get("/api/v1/tasks/dead-letters").json()["tasks"]

    assert [letter["task_id"] for letter in letters] == [str(submission), str(task)]
    assert [letter["error"] for letter in letters] == ["RuntimeError: poisonous", "broken"]
    assert [letter["payload"] for letter in letters] == [{}, {}]


def test_a_replayed_task_waits_again_and_is_published(
    db: Databases, client: TestClient, redis_url: str, project: UUID
) -> None:
    task = dead_task(db, project)

    answer = client.post(f"/api/v1/tasks/dead-letters/{task}/replay")

    assert (answer.status_code, answer.json()) == (202, {"task_id": str(task), "status": "queued"})
    assert client.get(answer.headers["Location"]).json()["status"] == "PENDING"
    assert woken(redis_url, CLEANUP_OLD_RESULTS.queue) == 1


def test_a_replayed_submission_waits_again_and_wakes_scoring(
    db: Databases, client: TestClient, redis_url: str, project: UUID
) -> None:
    submission = dead_submission(db, project)

    answer = client.post(f"/api/v1/tasks/dead-letters/{submission}/replay")

    assert answer.status_code == 202
    assert client.get(f"/api/v1/tasks/{submission}").json()["status"] == "PENDING"
    assert woken(redis_url, Queue.ANALYSIS) == 1


def test_a_dropped_dead_letter_is_settled(db: Databases, client: TestClient, project: UUID) -> None:
    letters = [dead_task(db, project), dead_submission(db, project)]

    answers = [client.delete(f"/api/v1/tasks/dead-letters/{letter}") for letter in letters]

    assert [(answer.status_code, answer.content) for answer in answers] == [(204, b""), (204, b"")]
    assert client.get("/api/v1/tasks/dead-letters").json() == {"tasks": []}
    assert [client.get(f"/api/v1/tasks/{letter}").json()["status"] for letter in letters] == ["REVOKED", "REVOKED"]


def test_what_is_not_dead_cannot_be_replayed_or_dropped(
    db: Databases, client: TestClient, project: UUID, other_project: UUID
) -> None:
    others = [dead_submission(db, other_project), dead_task(db, other_project)]
    others += [new_id(), enqueued(db, project), submitted(db, project)]

    answers = [client.post(f"/api/v1/tasks/dead-letters/{other}/replay") for other in others]
    answers += [client.delete(f"/api/v1/tasks/dead-letters/{other}") for other in others]

    assert {refusal(answer)[:2] for answer in answers} == {(404, "not-found")}


def test_a_task_that_left_the_catalogue_stays_dead(db: Databases, client: TestClient, project: UUID) -> None:
    task = dead_task(db, project, name="forgotten")

    answer = client.post(f"/api/v1/tasks/dead-letters/{task}/replay")

    assert refusal(answer)[:2] == (404, "unknown-task")
    assert client.get(f"/api/v1/tasks/{task}").json()["status"] == "FAILURE"


def test_a_key_that_only_reads_settles_nothing(db: Databases, client: TestClient, project: UUID) -> None:
    task, headers = dead_task(db, project), key_of(db, project, Scope.READ)

    replayed = client.post(f"/api/v1/tasks/dead-letters/{task}/replay", headers=headers)
    dropped = client.delete(f"/api/v1/tasks/dead-letters/{task}", headers=headers)

    assert [refusal(answer)[:2] for answer in (replayed, dropped)] == [(403, "forbidden")] * 2
    assert client.get(f"/api/v1/tasks/{task}").json()["status"] == "FAILURE"
