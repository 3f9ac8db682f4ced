"""One entry by its id, from the moment on that it was accepted."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from claiming import claimed, submitted
from reading import Databases, client_with_key, key_of, refusal
from scored_frames import NOON, scored_frame
from starlette.testclient import TestClient

from functions.search.app import router
from oddline.chunks import build, insert_born
from oddline.identity import Scope
from oddline.submissions import (
    Finished,
    entry_id,
    fail,
    finish,
    new_id,
    submission_of,
)

LEASE = timedelta(seconds=30)


@pytest.fixture
def client(db: Databases, redis_url: str, tmp_path: Path, project: UUID) -> Iterator[TestClient]:
    """A client with a key that may read."""
    with client_with_key(
        "search", router, db=db, redis_url=redis_url, folder=tmp_path, project=project, scopes=[Scope.READ]
    ) as client:
        yield client


def show(client: TestClient, entry: object) -> Any:
    return client.get(f"/api/v1/logs/{entry}")


def scored(db: Databases, project: UUID, messages: list[str]) -> UUID:
    """A submission with these entries, in a chunk."""
    submission = submitted(db, project, entries=len(messages))
    entries = scored_frame(len(messages), message=messages, submission=submission.bytes)
    chunks = build(entries, project=project, now=NOON, new_id=new_id)
    ends = [
        Finished(one, anomalies=0, highest_score=0.25, chunk_ids=tuple(chunk.id for chunk in chunks), result={})
        for one in claimed(db)
    ]
    with db("worker").transaction() as tx:
        insert_born(tx, chunks)
        finish(tx, ends, now=datetime.now(UTC))
    return submission


def test_an_entry_is_shown_by_its_id(db: Databases, client: TestClient, project: UUID) -> None:
    submission = scored(db, project, ["first", "second", "third"])

    answer = show(client, entry_id(submission, 1))

    entry = answer.json()
    assert (answer.status_code, entry["id"]) == (200, str(entry_id(submission, 1)))
    assert (entry["message"], entry["status"], entry["anomaly_score"]) == ("second", "analyzed", 0.25)
    assert entry["explanation"]


def test_an_entry_that_is_not_scored_yet_is_processing(db: Databases, client: TestClient, project: UUID) -> None:
    submission = submitted(db, project)
    waiting = show(client, submission)
    claimed(db)

    being_scored = show(client, submission)

    for answer in (waiting, being_scored):
        assert (answer.status_code, answer.json()["status"]) == (200, "processing")
        assert answer.json()["id"] == str(submission)


def test_an_entry_that_could_not_be_scored_is_dead(db: Databases, client: TestClient, project: UUID) -> None:
    submission = submitted(db, project)
    long_ago = datetime.now(UTC) - timedelta(days=1)
    while fail(db("worker"), claimed(db), error=RuntimeError("poisonous"), now=long_ago) is not None:
        pass

    answer = show(client, submission)

    assert (answer.status_code, answer.json()["status"]) == (200, "dead")


def test_another_project_s_entries_are_not_found(
    db: Databases, client: TestClient, project: UUID, other_project: UUID
) -> None:
    stored = entry_id(scored(db, other_project, ["theirs"]), 0)
    waiting = submitted(db, other_project)

    answers = [show(client, stored), show(client, waiting)]

    assert {refusal(answer)[:2] for answer in answers} == {(404, "not-found")}


def test_unknown_ids_are_not_found(db: Databases, client: TestClient, project: UUID) -> None:
    known = scored(db, project, ["only"])
    unknown = [entry_id(known, 1), submission_of(new_id()), UUID(int=0), UUID(int=2**128 - 1), UUID(int=7 << 76)]

    answers = [show(client, entry) for entry in unknown]

    assert {refusal(answer)[:2] for answer in answers} == {(404, "not-found")}


def test_what_is_no_id_is_refused_by_the_parameter_s_name(client: TestClient) -> None:
    answers = [show(client, name) for name in ("1", "%00", "x" * 5_000)]

    assert {refusal(answer) for answer in answers} == {(422, "invalid-parameter", "entry_id")}


def test_only_a_key_that_may_read_sees_it(db: Databases, client: TestClient, project: UUID) -> None:
    path = f"/api/v1/logs/{new_id()}"

    without = client.get(path, headers={"Authorization": ""})
    submitting = client.get(path, headers=key_of(db, project, Scope.INGEST))

    assert refusal(without)[:2] == (401, "unauthenticated")
    assert refusal(submitting)[:2] == (403, "forbidden")
