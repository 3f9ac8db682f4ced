"""Dead letters: looked at, put back in bulk, but none for ever, and dropped."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
import redis
from claiming import claimed, submitted
from movable_clock import MovableClock
from reading import Databases, client_with_key, key_of, refusal
from starlette.testclient import TestClient

from functions.console.app import router
from oddline.catalogue import CATALOGUE
from oddline.errors import OddlineError, Unavailable
from oddline.identity import Scope
from oddline.maintenance import CLEANUP_OLD_RESULTS, drop_dead_letters, replay_dead_letters
from oddline.notifications import SEND_EMAIL
from oddline.objects import FolderObjects
from oddline.settings import Settings
from oddline.submissions import SCORE_WAITING, fail, new_id
from oddline.tasks import NoPayload, Publisher, Queue, State, TaskContext, enqueue, find, run_task

LETTERS = "/api/v1/tasks/dead-letters"


class Refused(OddlineError):
    """For good."""


@pytest.fixture
def client(db: Databases, redis_url: str, tmp_path: Path, project: UUID) -> Iterator[TestClient]:
    with client_with_key(
        "console", router, db=db, redis_url=redis_url, folder=tmp_path, project=project, scopes=[Scope.ADMIN]
    ) as client:
        yield client


def dead(db: Databases, project: UUID, *, name: str = CLEANUP_OLD_RESULTS.name, error: str = "broken") -> str:
    task = new_id()
    with db("worker").transaction() as tx:
        enqueue(tx, CLEANUP_OLD_RESULTS, NoPayload(), task_id=task, project=project, now=datetime.now(UTC))
        tx.execute("UPDATE tasks SET name = %s WHERE id = %s", [name, task])
    die_again(db, task, error=error)
    return str(task)


def die_again(db: Databases, task: UUID | str, *, error: str = "broken") -> None:
    with db("worker").transaction() as tx:
        tx.execute(
            "UPDATE tasks SET state = 'FAILURE', attempt = 4, error = %s, finished_at = now() WHERE id = %s",
            [error, task],
        )


def counts_of(answer: dict[str, Any]) -> dict[str, int]:
    return {name: number for name, number in answer.items() if name != "failed_before"}


def dead_submission(db: Databases, project: UUID) -> str:
    submission = submitted(db, project)
    kill(db)
    return str(submission)


def kill(db: Databases) -> None:
    """Let what waits fail until it is dead."""
    long_ago = datetime.now(UTC) - timedelta(days=1)
    while fail(db("worker"), claimed(db), error=RuntimeError("poisonous"), now=long_ago) is not None:
        pass


def listed(client: TestClient, **parameters: Any) -> list[str]:
    return [letter["task_id"] for letter in client.get(LETTERS, params=parameters).json()["tasks"]]


def state_of(db: Databases, task: str) -> State:
    with db("worker").transaction() as tx:
        found = find(tx, UUID(task))
    assert found is not None
    return found.state


def test_dead_letters_are_found_by_name_error_id_and_time(db: Databases, client: TestClient, project: UUID) -> None:
    cleanup = dead(db, project, error="DatabaseUnavailable: gone")
    mail = dead(db, project, name=SEND_EMAIL.name, error="DeliveryRefused: no such user")
    submission = dead_submission(db, project)
    with db("worker").transaction() as tx:
        tx.execute("UPDATE tasks SET created_at = '2026-01-05T08:00Z' WHERE id = %s", [cleanup])

    assert listed(client) == [submission, mail, cleanup]
    assert listed(client, name=SEND_EMAIL.name) == [mail]
    assert listed(client, name=SCORE_WAITING.name) == [submission]
    assert listed(client, text="NO SUCH") == [mail]
    assert listed(client, text="poisonous") == [submission]
    assert listed(client, text=cleanup) == [cleanup]
    assert listed(client, **{"from": "2026-01-05T08:00:00Z", "to": "2026-01-05T08:00:01Z"}) == [cleanup]


def test_a_dead_letter_shows_each_attempt_that_failed_also_those_before_a_replay(
    db: Databases, client: TestClient, redis_url: str, tmp_path: Path, project: UUID
) -> None:
    clock, task, publisher = MovableClock(), new_id(), Publisher(redis_url)
    context = TaskContext(
        db=db("worker"),
        objects=FolderObjects(tmp_path),
        publisher=publisher,
        settings=Settings(),
        catalogue=CATALOGUE,
        worker="test",
        clock=clock,
    )
    errors = iter([Unavailable("not now"), Refused("never"), Refused("still never")])

    def run(payload: NoPayload, own: TaskContext) -> None:
        raise next(errors)

    with db("worker").transaction() as tx:
        enqueue(tx, CLEANUP_OLD_RESULTS, NoPayload(), task_id=task, project=project, now=clock())
    run_task(CLEANUP_OLD_RESULTS, run, task_id=task, context=context)
    clock.move(timedelta(minutes=2))
    run_task(CLEANUP_OLD_RESULTS, run, task_id=task, context=context)
    client.post(f"{LETTERS}/{task}/replay")
    run_task(CLEANUP_OLD_RESULTS, run, task_id=task, context=context)
    publisher.close()

    shown = client.get(f"{LETTERS}/{task}").json()
    assert [(one["attempt"], one["error"]) for one in shown["failures"]] == [
        (1, "Unavailable: not now"),
        (2, "Refused: never"),
        (1, "Refused: still never"),
    ]
    assert (shown["payload"], shown["replays"], shown["error"]) == ({}, 1, "Refused: still never")


def test_a_dead_submission_shows_its_attempts_too(db: Databases, client: TestClient, project: UUID) -> None:
    submission = dead_submission(db, project)

    shown = client.get(f"{LETTERS}/{submission}").json()

    assert [one["attempt"] for one in shown["failures"]] == [1, 2, 3, 4]
    assert {one["error"] for one in shown["failures"]} == {"RuntimeError: poisonous"}


def test_what_is_not_dead_is_no_dead_letter(
    db: Databases, client: TestClient, project: UUID, other_project: UUID
) -> None:
    others = [str(submitted(db, project)), dead(db, other_project), str(new_id())]

    assert {refusal(client.get(f"{LETTERS}/{other}"))[:2] for other in others} == {(404, "not-found")}


def test_the_dead_letters_of_one_task_are_put_back_and_published(
    db: Databases, client: TestClient, redis_url: str, project: UUID, other_project: UUID
) -> None:
    cleanups = [dead(db, project) for _ in range(3)]
    others = [dead(db, project, name=SEND_EMAIL.name), dead(db, other_project), dead_submission(db, project)]

    answer = client.post(f"{LETTERS}/replay", json={"name": CLEANUP_OLD_RESULTS.name})

    assert counts_of(answer.json()) == {"replayed": 3, "left": 0, "capped": 0}
    assert {state_of(db, task) for task in cleanups} == {State.PENDING}
    assert {state_of(db, task) for task in others} == {State.FAILURE}
    with redis.Redis.from_url(redis_url) as connection:
        assert connection.llen(str(Queue.MAINTENANCE)) == 3


def test_all_dead_letters_are_put_back_submissions_too_and_none_of_a_task_that_left_the_catalogue(
    db: Databases, client: TestClient, project: UUID
) -> None:
    letters = [dead(db, project), dead(db, project, name=SEND_EMAIL.name), dead_submission(db, project)]
    forgotten = dead(db, project, name="forgotten")

    answer = client.post(f"{LETTERS}/replay", json={})

    assert counts_of(answer.json()) == {"replayed": 3, "left": 0, "capped": 0}
    assert state_of(db, forgotten) is State.FAILURE
    assert listed(client) == [forgotten]
    assert {state_of(db, letter) for letter in letters} == {State.PENDING}


def test_many_are_put_back_in_batches_the_oldest_first(db: Databases, project: UUID) -> None:
    tasks = [dead(db, project) for _ in range(3)]
    submissions = [dead_submission(db, project) for _ in range(2)]

    def replayed() -> tuple[int, int]:
        with db("console").transaction(project=project) as tx:
            done = replay_dead_letters(tx, catalogue=CATALOGUE, failed_before=datetime.now(UTC), limit=2)
        return done.replayed, done.left

    first, oldest_two = replayed(), [state_of(db, task) for task in tasks]
    rest = [replayed() for _ in range(3)]

    assert (first, oldest_two) == ((2, 3), [State.PENDING, State.PENDING, State.FAILURE])
    assert rest == [(2, 1), (1, 0), (0, 0)]
    assert {state_of(db, letter) for letter in tasks + submissions} == {State.PENDING}


def test_a_task_that_came_back_dead_three_times_stays_unless_somebody_insists(
    db: Databases, client: TestClient, project: UUID
) -> None:
    poison, curable = dead(db, project), dead(db, project)

    for _ in range(3):
        assert client.post(f"{LETTERS}/{poison}/replay").status_code == 202
        die_again(db, poison)
    by_name = client.post(f"{LETTERS}/replay", json={"name": CLEANUP_OLD_RESULTS.name}).json()
    alone = client.post(f"{LETTERS}/{poison}/replay")
    forced = client.post(f"{LETTERS}/{poison}/replay", params={"force": True})

    assert (counts_of(by_name), state_of(db, curable)) == ({"replayed": 1, "left": 0, "capped": 1}, State.PENDING)
    assert refusal(alone)[:2] == (409, "conflict")
    assert (forced.status_code, state_of(db, poison)) == (202, State.PENDING)


def test_a_submission_that_came_back_dead_three_times_stays_unless_somebody_insists(
    db: Databases, client: TestClient, project: UUID
) -> None:
    poison = dead_submission(db, project)

    for _ in range(3):
        client.post(f"{LETTERS}/replay", json={"name": SCORE_WAITING.name})
        kill(db)
    everything = client.post(f"{LETTERS}/replay", json={}).json()
    alone = client.post(f"{LETTERS}/{poison}/replay")
    forced = client.post(f"{LETTERS}/{poison}/replay", params={"force": True})

    assert everything["capped"] == 1
    assert refusal(alone)[:2] == (409, "conflict")
    assert (forced.status_code, state_of(db, poison)) == (202, State.PENDING)


def test_what_fails_again_while_many_are_put_back_is_left_for_another_day(
    db: Databases, client: TestClient, project: UUID
) -> None:
    poison, submission = dead(db, project), dead_submission(db, project)

    began = client.post(f"{LETTERS}/replay", json={}).json()
    die_again(db, poison)
    with db("worker").transaction() as tx:
        tx.execute("UPDATE submission_state SET state = 'dead', finished_at = now()")
    same_run = client.post(f"{LETTERS}/replay", json={"failed_before": began["failed_before"]}).json()
    another = client.post(f"{LETTERS}/replay", json={}).json()

    assert [counts_of(one) for one in (began, same_run, another)] == [
        {"replayed": 2, "left": 0, "capped": 0},
        {"replayed": 0, "left": 0, "capped": 0},
        {"replayed": 2, "left": 0, "capped": 0},
    ]
    with db("worker").transaction() as tx:
        assert [letter.replays for letter in (find(tx, UUID(poison)), find(tx, UUID(submission))) if letter] == [2, 2]


def test_the_dead_letters_of_one_task_are_dropped(
    db: Databases, client: TestClient, project: UUID, other_project: UUID
) -> None:
    gone = [dead(db, project) for _ in range(2)]
    submissions = [dead_submission(db, project) for _ in range(2)]
    kept = [dead(db, project, name=SEND_EMAIL.name), dead(db, other_project)]

    dropped = client.delete(LETTERS, params={"name": CLEANUP_OLD_RESULTS.name}).json()
    with db("console").transaction(project=project) as tx:
        batches = [drop_dead_letters(tx, name=SCORE_WAITING.name, now=datetime.now(UTC), limit=1) for _ in range(3)]
    without_a_name = client.delete(LETTERS)

    assert (dropped, batches) == ({"dropped": 2}, [1, 1, 0])
    assert {state_of(db, letter) for letter in gone + submissions} == {State.REVOKED}
    assert {state_of(db, letter) for letter in kept} == {State.FAILURE}
    assert refusal(without_a_name) == (422, "invalid-parameter", "name")


def test_settling_many_is_for_administrators_and_for_names_of_the_catalogue(
    db: Databases, client: TestClient, project: UUID
) -> None:
    reading = key_of(db, project, Scope.READ)

    refused = [
        client.post(f"{LETTERS}/replay", json={}, headers=reading),
        client.delete(LETTERS, params={"name": SEND_EMAIL.name}, headers=reading),
    ]
    unknown = client.post(f"{LETTERS}/replay", json={"name": "knitting"})

    assert {refusal(answer)[:2] for answer in refused} == {(403, "forbidden")}
    assert refusal(unknown) == (404, "unknown-task", "name")
