"""Let go of what is past its time: hot days, entries past their retention, patterns long unseen, unnamed objects."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Final
from uuid import UUID

import psycopg

from oddline.chunks import compaction_store
from oddline.chunks.compaction import REPLACED_KEPT
from oddline.chunks.incremental import WHOLE_READERS
from oddline.chunks.merging import OBJECT_PREFIX
from oddline.database import Database, Transaction, drop_partition, partition_days
from oddline.objects import ObjectStore
from oddline.patterns import forget_patterns

log = logging.getLogger(__name__)

HOT_DAYS: Final = 3  # how far an incremental reader may fall behind without holding anything up
UNNAMED_KEPT: Final = timedelta(hours=24)  # no merge takes so long between writing an object and naming it
COUNTS_KEPT_LONGER_DAYS: Final = 7  # so that the last days can still be compared with what is gone
SWEEP_BATCH: Final = 1_000  # keys asked for in one statement
ROWS_AT_ONCE: Final = 10_000  # deleted in one statement: well within its time, however much is past its own
IN_USE: Final = "its lock could not be had"


@dataclass(slots=True)
class HotDays:
    """What became of the days of hot chunks that could go; `kept` says for each that stayed why: an alarm."""

    dropped: list[date] = field(default_factory=list)
    kept: dict[date, list[str]] = field(default_factory=dict)


def drop_hot_days(db: Database, *, now: datetime) -> HotDays:
    """Drop the hot chunks of days that everybody is done with.

    A day goes once it is HOT_DAYS old, every cursor is past it, each of its chunks is past its retention or replaced,
    for so long that no open page reads it, and no submission of it is left that may still become one. Otherwise it
    stays, and the report says why.
    """
    report = HotDays()
    with db.autocommit() as connection:
        days = partition_days(connection, "hot_chunks")
    for day in days:
        if day < now.date() - timedelta(days=HOT_DAYS):
            reasons = _drop(db, day, now=now)
            if reasons:
                log.warning("the hot chunks of %s stay: %s", day, "; ".join(reasons))
                report.kept[day] = reasons
            else:
                report.dropped.append(day)
            if reasons == [IN_USE]:
                break  # only one day of a table can be on its way out: the next run finishes this one first
    return report


def drop_pattern_days(db: Database, *, now: datetime) -> int:
    """Drop the index of rare patterns of days of which no project keeps entries any more; returns how many days."""
    with db.transaction() as tx:
        ((longest,),) = tx.execute("SELECT coalesce(max(retention_days), 0) FROM projects").fetchall()
    dropped = 0
    with db.autocommit() as connection:
        for day in partition_days(connection, "chunk_patterns"):
            if day < now.date() - timedelta(days=longest):
                drop_partition(connection, "chunk_patterns", day)
                dropped += 1
    return dropped


def delete_expired(db: Database, *, now: datetime) -> int:
    """Delete compacted chunks and odd entries past their project's retention; returns how many chunks.

    Their objects go an hour later, and what is hot with its day: until then readers hide it.
    """
    today, doomed = now.date(), now + REPLACED_KEPT
    deleted = _in_batches(
        db, lambda tx, limit: compaction_store.delete_expired(tx, today=today, delete_after=doomed, limit=limit)
    )
    _in_batches(db, lambda tx, limit: compaction_store.delete_expired_copies(tx, today=today, limit=limit))
    with db.transaction() as tx:
        compaction_store.delete_day_counts(tx, today=today, days_longer=COUNTS_KEPT_LONGER_DAYS)
    return deleted


def forget_unseen(db: Database, *, days: int, now: datetime) -> int:
    """Forget the patterns that a source has not had for so many days, so that they are new to it; returns how many."""
    before = now.date() - timedelta(days=days)
    return _in_batches(db, lambda tx, limit: forget_patterns(tx, before=before, limit=limit))


def sweep_unnamed(db: Database, objects: ObjectStore, *, now: datetime) -> int:
    """Delete objects of chunks that no row names: a merge was killed after it wrote them. Returns how many."""
    deleted = 0
    keys: list[str] = []
    for info in objects.list(f"{OBJECT_PREFIX}/"):
        if info.modified_at < now - UNNAMED_KEPT and _is_chunk_key(info.key):
            keys.append(info.key)
        if len(keys) == SWEEP_BATCH:
            deleted += _delete_unnamed(db, objects, keys)
            keys.clear()
    return deleted + _delete_unnamed(db, objects, keys)


def _drop(db: Database, day: date, *, now: datetime) -> list[str]:
    """Drop one day; or why it stays."""
    with db.transaction() as tx:
        reasons = compaction_store.why_kept(
            tx, day=day, today=now.date(), replaced_before=now - REPLACED_KEPT, whole_readers=WHOLE_READERS
        )
    if reasons:
        return reasons
    with db.autocommit() as connection:
        try:
            drop_partition(connection, "hot_chunks", day)
        except psycopg.errors.LockNotAvailable:
            return [IN_USE]
    return []


def _in_batches(db: Database, delete: Callable[[Transaction, int], int]) -> int:
    """Delete until nothing is left, each batch in a transaction of its own; returns how many rows."""
    deleted = 0
    while True:
        with db.transaction() as tx:
            count = delete(tx, ROWS_AT_ONCE)
        deleted += count
        if count < ROWS_AT_ONCE:
            return deleted


def _delete_unnamed(db: Database, objects: ObjectStore, keys: Sequence[str]) -> int:
    with db.transaction() as tx:
        unnamed = set(keys) - compaction_store.named_objects(tx, keys)
    for key in unnamed:
        objects.delete(key)
    return len(unnamed)


def _is_chunk_key(key: str) -> bool:
    try:
        UUID(key.rpartition("/")[2])
    except ValueError:
        return False
    return True
