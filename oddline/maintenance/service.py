"""What keeps the ledger moving and small: reconcile, partitions ahead, old results gone."""

from collections.abc import Callable
from datetime import datetime, timedelta

from oddline import submissions
from oddline.database import Database, Transaction, create_partitions, drop_partition, partition_days
from oddline.entries import drop_old_searches
from oddline.fleet import held_queues
from oddline.identity import clean_up_keys
from oddline.objects import ObjectStore
from oddline.repeats import KEYS_KEPT, delete_keys
from oddline.scoring import DETECT_RATES, DETECT_SEQUENCES, FOLD_COUNTS
from oddline.scoring.replay import drop_old_replays
from oddline.search import EMBED_NEW_PATTERNS
from oddline.submissions import SCORE_WAITING
from oddline.tasks import (
    LONGEST_COUNTDOWN,
    Catalogue,
    NoPayload,
    Publisher,
    TaskContext,
    delete_alerts,
    delete_expired,
    forget_turns,
    publish_due,
)

STATES_KEPT = timedelta(days=3)
BODIES_KEPT = timedelta(days=2)
USAGE_KEPT = timedelta(days=35)  # a month, and what it is compared with
ROWS_AT_ONCE = 5_000  # in one transaction, so that none is long


def reconcile(db: Database, publisher: Publisher, *, catalogue: Catalogue, now: datetime) -> dict[str, int]:
    """Publish again what Redis may have lost: what waits, what lost its worker, what comes due within a minute."""
    with db.transaction() as tx:
        released = submissions.release_expired(tx, now=now)
        waiting = submissions.waiting(tx, now=now)
        due = submissions.next_due(tx, soon=now + LONGEST_COUNTDOWN)
        held = held_queues(tx)
    # Before anything else is published: messages that wait already count.
    published = publish_due(db, publisher, catalogue=catalogue, now=now)
    if waiting:
        publisher.wake(SCORE_WAITING)
    if due is not None:
        publisher.wake(SCORE_WAITING, countdown=max(due - now, timedelta(seconds=1)))
    for spec in (FOLD_COUNTS, DETECT_SEQUENCES, DETECT_RATES, EMBED_NEW_PATTERNS):
        if spec.queue not in held:
            publisher.wake(spec)
    return {"released": released, "published": published}


def make_partitions(db: Database, *, now: datetime) -> list[str]:
    """Make the day partitions ahead."""
    with db.autocommit() as connection:
        return create_partitions(connection, day=now.date)


def cleanup_old_results(payload: NoPayload, context: TaskContext) -> dict[str, int]:  # noqa: ARG001
    """Delete results, states, keys, replays and bodies that are past their time; what is unsettled stays."""
    now = context.clock()
    deleted = {"tasks": 0, "submissions": 0}
    while count := _in_transaction(context.db, lambda tx: delete_expired(tx, now=now, limit=ROWS_AT_ONCE)):
        deleted["tasks"] += count
    before = now - STATES_KEPT
    while count := _in_transaction(
        context.db, lambda tx: submissions.delete_finished(tx, before=before, limit=ROWS_AT_ONCE)
    ):
        deleted["submissions"] += count
    deleted["keys"] = _in_transaction(context.db, lambda tx: delete_keys(tx, before=now - KEYS_KEPT))
    oldest_usage = (now - USAGE_KEPT).date()
    deleted["usage"] = _in_transaction(context.db, lambda tx: submissions.delete_usage(tx, before=oldest_usage))
    forget_turns(context.db, now=now)
    deleted["replays"] = drop_old_replays(context.db, context.objects, now=now)
    deleted["searches"] = drop_old_searches(context.objects, now=now)
    deleted["alerts"] = _in_transaction(context.db, lambda tx: delete_alerts(tx, now=now))
    deleted["days"] = _drop_old_bodies(context.db, context.objects, now=now)
    return deleted


def cleanup_expired_api_keys(payload: NoPayload, context: TaskContext) -> dict[str, int]:  # noqa: ARG001
    """Delete API keys that ended long ago, and signing secrets that others have taken the place of."""
    return clean_up_keys(context.db, now=context.clock())


def _in_transaction(db: Database, work: Callable[[Transaction], int]) -> int:
    with db.transaction() as tx:
        return work(tx)


def _drop_old_bodies(db: Database, objects: ObjectStore, *, now: datetime) -> int:
    """Drop the days of bodies past their time; bodies that are still needed move to today's partition first."""
    dropped = 0
    with db.autocommit() as connection:
        days = [day for day in partition_days(connection, "submissions") if day < (now - BODIES_KEPT).date()]
        for day in days:
            submissions.keep_unsettled_bodies(connection, day=day, today=now.date())
            drop_partition(connection, "submissions", day)
            dropped += 1
    oldest_kept = (now - BODIES_KEPT).date().isoformat()
    with db.transaction() as tx:
        needed = submissions.needed_objects(tx)
    for found in objects.list("bodies/"):
        if found.key.split("/")[1] < oldest_kept and found.key not in needed:
            objects.delete(found.key)
    return dropped
