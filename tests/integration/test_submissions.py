"""The inbox: taking submissions, and handing them out fairly and exactly once."""

import threading
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from oddline import submissions
from oddline.database import Database
from oddline.errors import CorruptBody, KeyReused, LostClaim
from oddline.identity import ensure_project
from oddline.objects import FolderObjects
from oddline.settings import Side
from oddline.submissions import ATTEMPTS, Accepted, Claimed, Columns, Finished, new_id

pytestmark = pytest.mark.both_postgres

Databases = Callable[[Side], Database]
NOW = datetime.now(UTC)
LEASE = timedelta(seconds=30)


@pytest.fixture
def objects(tmp_path: Path) -> FolderObjects:
    return FolderObjects(tmp_path)


@pytest.fixture
def submit(db: Databases, objects: FolderObjects) -> Callable[..., Accepted]:
    def submit_to(
        project: UUID, messages: int = 1, *, keys: tuple[str, ...] = (), body: str = "x", **options: Any
    ) -> Accepted:
        items = [{"message": f"{body} {number}"} for number in range(messages)]
        columns, _ = submissions.take_entries(items, now=NOW)
        return submissions.accept(
            db("ingest"),
            project=project,
            columns=columns,
            answer=lambda submission: {"batch_id": str(submission)},
            request_keys=keys,
            body_hash=body.encode(),
            now=options.pop("now", NOW),
            objects=objects,
            body_object_bytes=options.pop("body_object_bytes", 256 * 1024),
        )

    return submit_to


def claim(db: Databases, *, lines: int = 1_000, alone: int = 10_000, now: datetime = NOW) -> list[Claimed]:
    return submissions.claim_share(
        db("worker"),
        worker="w",
        lines=lines,
        lines_alone=alone,
        retried_first=True,
        after_retried=UUID(int=0),
        after=UUID(int=0),
        lease=LEASE,
        now=now,
    )


def finish(db: Databases, claimed: list[Claimed]) -> None:
    finished = [Finished(one, anomalies=0, highest_score=0.1, chunk_ids=(), result={}) for one in claimed]
    with db("worker").transaction() as tx:
        submissions.finish(tx, finished, now=NOW)


def read(db: Databases, claimed: list[Claimed], objects: FolderObjects) -> list[tuple[Claimed, Columns]]:
    stored = submissions.find_bodies(db("worker"), claimed)
    return [(one, submissions.read_body(one, stored, objects=objects)) for one in claimed]


def states(db: Databases) -> Counter[str]:
    with db("worker").transaction() as tx:
        return Counter(dict(tx.execute("SELECT state, count(*) FROM submission_state GROUP BY state").fetchall()))


def test_what_was_accepted_is_read_back_by_whoever_claims_it(
    db: Databases, project: UUID, objects: FolderObjects, submit: Callable[..., Accepted]
) -> None:
    accepted = submit(project, 3)

    claimed = claim(db)

    [(one, columns)] = read(db, claimed, objects)
    assert (one.id, one.attempt, columns.messages) == (accepted.submission, 1, ["x 0", "x 1", "x 2"])


def test_a_large_body_is_kept_as_an_object(
    db: Databases, project: UUID, objects: FolderObjects, submit: Callable[..., Accepted]
) -> None:
    submit(project, 50, body_object_bytes=10)

    [(_, columns)] = read(db, claim(db), objects)

    assert len(columns) == 50
    assert len(list(objects.list("bodies/"))) == 1


def test_a_repeated_key_gets_the_first_answer_and_stores_nothing(
    db: Databases, project: UUID, submit: Callable[..., Accepted]
) -> None:
    first = submit(project, keys=("key:a",))

    second = submit(project, keys=("key:a",))

    assert (second.replayed, second.answer) == (True, first.answer)
    assert states(db) == {"accepted": 1}


def test_a_repeated_key_with_another_body_is_refused(
    db: Databases, project: UUID, submit: Callable[..., Accepted]
) -> None:
    submit(project, keys=("key:a",))

    with pytest.raises(KeyReused):
        submit(project, keys=("key:a",), body="y")

    assert states(db) == {"accepted": 1}


def test_a_key_is_forgotten_after_a_day(db: Databases, project: UUID, submit: Callable[..., Accepted]) -> None:
    submit(project, keys=("key:a",))

    second = submit(project, keys=("key:a",), body="y", now=NOW + timedelta(hours=25))

    assert second.replayed is False


def test_two_projects_may_use_the_same_key(project: UUID, other_project: UUID, submit: Callable[..., Accepted]) -> None:
    submit(project, keys=("key:a",))

    assert submit(other_project, keys=("key:a",), body="y").replayed is False


def test_ten_requests_at_once_with_one_key_store_one_submission(
    db: Databases, project: UUID, submit: Callable[..., Accepted]
) -> None:
    answers: list[Accepted] = []
    threads = [threading.Thread(target=lambda: answers.append(submit(project, keys=("key:a",)))) for _ in range(10)]

    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len({answer.submission for answer in answers}) == 1
    assert states(db) == {"accepted": 1}


def test_nothing_is_claimed_twice_side_by_side(db: Databases, project: UUID, submit: Callable[..., Accepted]) -> None:
    for _ in range(40):
        submit(project)
    taken: list[Claimed] = []

    def work() -> None:
        while share := claim(db, lines=3, alone=3):
            taken.extend(share)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert Counter(one.id for one in taken).most_common(1)[0][1] == 1
    assert len(taken) == 40


def test_a_claim_takes_from_every_project_that_waits(
    db: Databases, project: UUID, other_project: UUID, submit: Callable[..., Accepted]
) -> None:
    for _ in range(20):
        submit(project, 100)
    submit(other_project, 1)

    claimed = claim(db, lines=1_000)

    entries: Counter[UUID] = Counter()
    for one in claimed:
        entries[one.project] += one.entries
    assert entries == {project: 500, other_project: 1}


def test_many_large_batches_of_others_do_not_make_a_claim_long(db: Databases, submit: Callable[..., Accepted]) -> None:
    now = datetime.now(UTC)
    projects = [ensure_project(db("worker"), f"large {place}", new_id=new_id(), now=now) for place in range(8)]
    for project in projects:
        submit(project, 400)
    small = ensure_project(db("worker"), "small", new_id=new_id(), now=now)
    submit(small)

    claimed = claim(db, lines=500)

    entries = sorted(one.entries for one in claimed)
    assert entries == [1, 400, 400]


def test_a_project_alone_gets_the_larger_share(db: Databases, project: UUID, submit: Callable[..., Accepted]) -> None:
    for _ in range(5):
        submit(project, 100)

    assert sum(one.entries for one in claim(db, lines=100, alone=300)) == 300


def test_a_submission_over_the_share_is_claimed_all_the_same(
    db: Databases, project: UUID, submit: Callable[..., Accepted]
) -> None:
    submit(project, 500)

    assert [one.entries for one in claim(db, lines=100, alone=100)] == [500]


def test_what_lost_its_worker_is_claimed_again_alone(
    db: Databases, project: UUID, submit: Callable[..., Accepted]
) -> None:
    for _ in range(3):
        submit(project)
    assert len(claim(db)) == 3

    again = claim(db, now=NOW + timedelta(seconds=31))

    assert [one.attempt for one in again] == [2]


def test_a_submission_that_kills_its_worker_every_time_becomes_a_dead_letter(
    db: Databases, project: UUID, submit: Callable[..., Accepted]
) -> None:
    submit(project)

    claims = [claim(db, now=NOW + attempt * timedelta(minutes=1)) for attempt in range(ATTEMPTS + 1)]

    assert [len(one) for one in claims] == [1] * ATTEMPTS + [0]
    assert states(db) == {"dead": 1}


def test_a_holder_that_lost_its_claim_cannot_finish_it(
    db: Databases, project: UUID, submit: Callable[..., Accepted]
) -> None:
    submit(project)
    old = claim(db)
    new = claim(db, now=NOW + timedelta(seconds=31))

    with pytest.raises(LostClaim) as lost:
        finish(db, old)
    finish(db, new)

    assert lost.value.extra["lost"] == {old[0].id}
    assert states(db) == {"done": 1}


def test_a_claim_that_is_given_back_costs_no_attempt_and_waits(
    db: Databases, project: UUID, submit: Callable[..., Accepted]
) -> None:
    submit(project)
    submissions.give_back(db("worker"), claim(db), wait=timedelta(seconds=5), now=NOW)

    assert claim(db) == []
    assert [one.attempt for one in claim(db, now=NOW + timedelta(seconds=6))] == [1]


def test_a_failure_of_several_is_tried_again_one_by_one(
    db: Databases, project: UUID, submit: Callable[..., Accepted]
) -> None:
    for _ in range(3):
        submit(project)
    submissions.fail(db("worker"), claim(db), error=ValueError("which of them?"), now=NOW)

    assert [len(claim(db)) for _ in range(4)] == [1, 1, 1, 0]


def test_a_body_that_is_not_there_is_said_to_be_corrupt(
    db: Databases, project: UUID, objects: FolderObjects, submit: Callable[..., Accepted]
) -> None:
    submit(project)
    claimed = claim(db)
    with db("worker").transaction() as tx:
        tx.execute("DELETE FROM submissions")

    with pytest.raises(CorruptBody):
        read(db, claimed, objects)


def test_a_replayed_dead_submission_waits_again_and_a_dropped_one_does_not(
    db: Databases, project: UUID, submit: Callable[..., Accepted]
) -> None:
    ids = [submit(project).submission for _ in range(2)]
    with db("worker").transaction() as tx:
        tx.execute("UPDATE submission_state SET state = 'dead'")

    with db("worker").transaction() as tx:
        assert submissions.replay(tx, ids[0])
        assert submissions.drop(tx, ids[1], now=NOW)

    assert states(db) == {"accepted": 1, "dropped": 1}


def test_bodies_that_are_still_needed_outlive_their_day(
    db: Databases, project: UUID, objects: FolderObjects, submit: Callable[..., Accepted]
) -> None:
    today, yesterday = NOW.date(), NOW.date() - timedelta(days=1)
    submit(project, now=NOW - timedelta(days=1))

    with db("worker").transaction() as tx:
        kept = submissions.keep_unsettled_bodies(tx, day=yesterday, today=today)
    with db("worker").transaction() as tx:
        tx.execute("DELETE FROM submissions WHERE day = %s", [yesterday])

    [(_, columns)] = read(db, claim(db), objects)
    assert (kept, len(columns)) == (1, 1)


def test_sums_of_deleted_states_are_kept_per_day(db: Databases, project: UUID, submit: Callable[..., Accepted]) -> None:
    submit(project, 7)
    finish(db, claim(db))

    with db("worker").transaction() as tx:
        deleted = submissions.delete_finished(tx, before=NOW + timedelta(seconds=1), limit=10)

    with db("worker").transaction() as tx:
        counts = tx.execute("SELECT project_id, day, accepted, stored, dropped FROM day_counts").fetchall()
    assert (deleted, counts) == (1, [(project, NOW.date(), 7, 7, 0)])
