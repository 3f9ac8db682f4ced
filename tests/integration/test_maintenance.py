"""What keeps the ledger moving and small: reconcile, health, cleaning up."""

from collections import Counter
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import orjson
import pytest
import redis
from inbox import LEASE, Databases, Inbox

from oddline import maintenance
from oddline.catalogue import CATALOGUE
from oddline.database import partition_days
from oddline.fleet import hold
from oddline.maintenance import cleanup_old_results
from oddline.notifications import SEND_EMAIL
from oddline.notifications.tasks import EmailPayload
from oddline.objects import FolderObjects
from oddline.settings import Settings
from oddline.submissions import ATTEMPTS, claim_share, entry_id, new_id
from oddline.tasks import NoPayload, Publisher, Queue, State, TaskContext, enqueue, see_worker

MAIL = EmailPayload(recipients=(), subject="", text="")
WAKE_UPS = {"fold_counts": 1, "detect_sequences": 1, "detect_rates": 1, "embed_new_patterns": 1}


@pytest.fixture
def inbox(db: Databases, tmp_path: Path) -> Inbox:
    return Inbox(db=db, objects=FolderObjects(tmp_path))


@pytest.fixture
def context(db: Databases, redis_url: str, inbox: Inbox, tmp_path: Path) -> Iterator[TaskContext]:
    publisher = Publisher(redis_url)
    yield TaskContext(
        db=db("worker"),
        objects=inbox.objects,
        publisher=publisher,
        settings=Settings(_env_file=None, home=tmp_path, redis_url=redis_url),  # type: ignore[call-arg]
        catalogue=CATALOGUE,
        worker="test",
        clock=inbox.clock,
    )
    publisher.close()


def reconcile(context: TaskContext) -> dict[str, int]:
    return maintenance.reconcile(context.db, context.publisher, catalogue=context.catalogue, now=context.clock())


def published(context: TaskContext) -> Counter[str]:
    """The tasks that messages in Redis name, by name."""
    names: Counter[str] = Counter()
    with redis.Redis.from_url(context.settings.redis_url) as client:
        for queue in {str(spec.queue) for spec in CATALOGUE.values()}:
            names.update(orjson.loads(message)["headers"]["task"] for message in client.lrange(queue, 0, -1))
    return names


def start_mail(context: TaskContext, **options: Any) -> UUID:
    task_id = new_id()
    with context.db.transaction() as tx:
        enqueue(tx, SEND_EMAIL, MAIL, task_id=task_id, project=None, now=context.clock(), **options)
    return task_id


def cleanup(context: TaskContext) -> dict[str, int]:
    return cleanup_old_results(NoPayload(), context)


def test_submissions_that_wait_are_published_again(inbox: Inbox, context: TaskContext, project: UUID) -> None:
    inbox.submit(project, "a")

    reconcile(context)

    assert published(context) == {"score_waiting": 1, **WAKE_UPS}


def test_where_nothing_waits_only_the_incremental_readers_are_asked_for(context: TaskContext) -> None:
    assert reconcile(context) == {"released": 0, "published": 0}
    assert published(context) == WAKE_UPS


def test_nothing_is_published_to_a_queue_that_is_held(inbox: Inbox, context: TaskContext, project: UUID) -> None:
    inbox.submit(project, "a")
    start_mail(context, not_before=inbox.clock())
    for queue in Queue:
        with context.db.transaction() as tx:
            hold(tx, queue, by="test", reason="", now=inbox.clock())

    reconcile(context)

    assert published(context) == {}


@pytest.mark.both_postgres
def test_submissions_of_a_dead_worker_are_released_and_published(
    inbox: Inbox, context: TaskContext, project: UUID
) -> None:
    submission = inbox.submit(project, "a")
    claim(inbox)

    inbox.clock.move(LEASE + timedelta(seconds=1))
    done = reconcile(context)

    assert (done["released"], inbox.task(submission).state) == (1, State.RETRY)
    assert published(context)["score_waiting"] == 1


def test_what_comes_due_within_a_minute_is_published_ahead(inbox: Inbox, context: TaskContext, project: UUID) -> None:
    inbox.submit(project, "a")
    claim(inbox)

    reconcile(context)

    assert published(context)["score_waiting"] == 1


def test_tasks_that_wait_or_lost_their_worker_are_published_again(inbox: Inbox, context: TaskContext) -> None:
    for later in (None, inbox.clock() + timedelta(seconds=40), inbox.clock() + timedelta(minutes=5)):
        start_mail(context, not_before=later)
    inbox.clock.move(timedelta(seconds=10))

    done = reconcile(context)

    assert done["published"] == published(context)["send_email"] == 2


def test_a_submission_that_killed_its_worker_every_time_is_a_dead_letter_to_reconcile(
    inbox: Inbox, context: TaskContext, project: UUID
) -> None:
    submission = inbox.submit(project, "a")
    for _ in range(ATTEMPTS):
        claim(inbox)
        inbox.clock.move(LEASE + timedelta(seconds=1))
        reconcile(context)

    assert (inbox.task(submission).state, inbox.task(submission).attempt) == (State.FAILURE, ATTEMPTS)


def test_all_is_well_where_every_part_answers(inbox: Inbox, context: TaskContext) -> None:
    with context.db.transaction() as tx:
        see_worker(tx, "host:1", classes=(), started_at=inbox.clock(), now=inbox.clock())

    health = check(context)

    assert (health.healthy, health.message, health.workers) == (True, "all parts answer", 1)
    assert health.view()["parts"].keys() == {"redis", "objects", "workers", "backlog", "model", "transactions"}


def test_a_redis_that_is_away_is_the_finding(context: TaskContext, closed_port: int) -> None:
    health = check(context, redis_url=f"redis://127.0.0.1:{closed_port}/0")

    assert health.healthy is False
    assert "redis: does not answer (ConnectionError)" in health.message


def test_without_workers_it_is_not_well(inbox: Inbox, context: TaskContext) -> None:
    with context.db.transaction() as tx:
        see_worker(tx, "host:1", classes=(), started_at=inbox.clock(), now=inbox.clock())

    inbox.clock.move(timedelta(minutes=1))
    health = check(context)

    assert (health.healthy, health.message) == (False, "workers: none was seen lately")


@pytest.mark.both_postgres
@pytest.mark.parametrize("claimed", [False, True])
def test_a_backlog_of_minutes_is_the_finding(
    inbox: Inbox, context: TaskContext, project: UUID, *, claimed: bool
) -> None:
    inbox.submit(project, "a")
    if claimed:
        claim(inbox)

    inbox.clock.move(timedelta(minutes=6))
    health = check(context)

    assert "backlog: the oldest submission has waited for 360 s" in health.message


def test_what_was_seen_last_takes_the_place_of_what_was_seen_before(context: TaskContext, closed_port: int) -> None:
    check(context, redis_url=f"redis://127.0.0.1:{closed_port}/0")

    health = check(context)

    assert "redis" not in health.message
    assert len(health.checks) == 6


def test_a_transaction_that_stays_open_from_look_to_look_is_the_finding(
    inbox: Inbox, context: TaskContext, db: Databases
) -> None:
    with db("owner").transaction() as forgotten:
        forgotten.execute("SELECT pg_current_xact_id()")

        check(context)
        inbox.clock.move(timedelta(minutes=1))
        health = check(context)

    assert "transactions: the oldest has been open for 60 s" in health.message
    assert "transactions" not in check(context).message


@pytest.mark.both_postgres
def test_results_states_and_keys_go_when_their_time_is_over(inbox: Inbox, context: TaskContext, project: UUID) -> None:
    inbox.submit(project, "a", "b")
    inbox.score()
    with context.db.transaction() as tx:
        tx.execute(
            "INSERT INTO tasks (id, name, queue, payload, state, created_at, expires_at)"
            " VALUES (%s, 'send_email', 'notifications', '{}', 'SUCCESS', %s, %s)",
            [new_id(), inbox.clock(), inbox.clock() + timedelta(days=3)],
        )
        tx.execute(
            "INSERT INTO idempotency_keys VALUES (%s, 'key:a', '', %s, '{}', %s)", [project, new_id(), inbox.clock()]
        )

    before = cleanup(context)
    inbox.clock.move(timedelta(days=3, seconds=1))
    after = cleanup(context)

    assert before == {
        "tasks": 0,
        "submissions": 0,
        "keys": 0,
        "usage": 0,
        "replays": 0,
        "alerts": 0,
        "days": 0,
        "searches": 0,
    }
    assert (after["tasks"], after["submissions"], after["keys"], after["usage"]) == (1, 1, 1, 0)
    assert inbox.rows("SELECT accepted, stored FROM day_counts") == [(2, 2)]


def test_usage_goes_after_thirty_five_days(inbox: Inbox, context: TaskContext, project: UUID) -> None:
    inbox.submit(project, "a", "b")
    inbox.score()

    inbox.clock.move(timedelta(days=35))
    kept = cleanup(context)["usage"]
    inbox.clock.move(timedelta(days=1))
    gone = cleanup(context)["usage"]

    assert (kept, gone, inbox.rows("SELECT * FROM usage_counts")) == (0, 1, [])


@pytest.mark.both_postgres
def test_bodies_of_days_past_their_time_go_but_what_is_unsettled_stays(
    inbox: Inbox, context: TaskContext, project: UUID
) -> None:
    settled = inbox.submit(project, "done")
    inbox.score()
    waiting, dead = inbox.submit(project, "waiting"), inbox.submit(project, "dead")
    with context.db.transaction() as tx:
        tx.execute("UPDATE submission_state SET state = 'dead', attempt = 4 WHERE id = %s", [dead])
    oldest = days(context)[0]

    inbox.clock.move(timedelta(days=3))
    cleanup(context)

    assert days(context)[0] == oldest + timedelta(days=2)
    kept = {identifier for (identifier,) in inbox.rows("SELECT id FROM submissions")}
    assert (settled in kept, kept) == (False, {waiting, dead})
    inbox.score()
    assert entry_id(waiting, 0) in inbox.entry_ids(project)


def test_objects_with_bodies_go_with_their_day_unless_they_are_needed(
    inbox: Inbox, context: TaskContext, project: UUID
) -> None:
    day = inbox.clock().date()
    needed, settled, later = f"bodies/{day}/p/1", f"bodies/{day}/p/2", f"bodies/{day + timedelta(days=2)}/p/3"
    for key in (needed, settled, later):
        inbox.objects.put(key, b"body", metadata={})
    submission = inbox.submit(project, "a")
    with context.db.transaction() as tx:
        tx.execute("UPDATE submissions SET body = NULL, body_object = %s WHERE id = %s", [needed, submission])

    inbox.clock.move(timedelta(days=3))
    cleanup(context)

    assert {found.key for found in inbox.objects.list("bodies/")} == {needed, later}


def test_partitions_are_made_once(context: TaskContext) -> None:
    inbox_days = days(context)
    tomorrow = context.clock() + timedelta(days=1)

    made = [maintenance.make_partitions(context.db, now=tomorrow) for _ in range(2)]

    last = inbox_days[-1] + timedelta(days=1)
    assert made == [[f"{table}_{last:%Y%m%d}" for table in ("submissions", "hot_chunks", "chunk_patterns")], []]


def check(context: TaskContext, *, redis_url: str = "") -> maintenance.Health:
    settings = context.settings.model_copy(update={"redis_url": redis_url or context.settings.redis_url})
    return maintenance.check_health(context.db, objects=context.objects, settings=settings, now=context.clock())


def claim(inbox: Inbox) -> None:
    """Take what waits, as a worker that dies with it does."""
    assert claim_share(
        inbox.db("worker"),
        worker="dead",
        lines=100,
        lines_alone=100,
        retried_first=True,
        after_retried=UUID(int=0),
        after=UUID(int=0),
        lease=LEASE,
        now=inbox.clock(),
    )


def days(context: TaskContext) -> list[date]:
    with context.db.autocommit() as connection:
        return partition_days(connection, "submissions")
