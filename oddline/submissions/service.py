"""Take submissions and hand them out to be scored: each exactly once."""

import random
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, time, timedelta
from functools import partial
from math import ceil
from typing import Any
from uuid import UUID

import psycopg

from oddline.database import Database, Transaction
from oddline.errors import CorruptBody, LostClaim, QuotaExceeded, RequestInProgress
from oddline.objects import ObjectStore
from oddline.repeats import remember
from oddline.submissions import claim_store, store
from oddline.submissions.body import pack, unpack
from oddline.submissions.model import (
    Accepted,
    Claimed,
    Columns,
    Finished,
    Quota,
    StoredBody,
    Usage,
    new_submission_id,
)
from oddline.submissions.tasks import ATTEMPTS, SCORE_WAITING
from oddline.submissions.usage_store import read_usage
from oddline.tasks import LONGEST_ERROR, raise_alert

UNLIMITED = Quota()


def accept(
    db: Database,
    *,
    project: UUID,
    columns: Columns,
    answer: Callable[[UUID], dict[str, Any]],
    request_keys: Sequence[str],
    body_hash: bytes,
    now: datetime,
    objects: ObjectStore,
    body_object_bytes: int,
    submission: UUID | None = None,
    quota: Quota = UNLIMITED,
    also: Callable[[Transaction], None] = lambda _: None,
) -> Accepted:
    """Store the accepted entries as one submission, or give the first answer when the same request came before.

    Args:
        answer: makes the answer from the submission's id; it is kept with the request's keys.
        request_keys: the request's idempotency key and message id, each marked with its kind.
        body_hash: SHA-256 of the request as it came.
        body_object_bytes: a body over this goes to the object store.
        submission: its id where that is derived from what came, so that a repeat is known by it.
        quota: what the project may send today, with this.
        also: what is to be written in the same transaction, where the request did not come before.

    Raises:
        KeyReused: one of the keys came before with another body.
        RequestInProgress: another request with one of the keys, or the id, is being written now.
        QuotaExceeded: it is more than the project may send today.
        TooLarge: it could not be read back.
        DatabaseUnavailable, ObjectStoreUnavailable: nothing was stored.
    """
    if submission is not None and _is_there(db, submission, project=project):
        return Accepted(submission=submission, answer=answer(submission), replayed=True)
    submission = submission or new_submission_id()
    place = f"bodies/{now:%Y-%m-%d}/{project}/{submission}"
    body, body_object = _placed(columns, place=place, project=project, objects=objects, largest=body_object_bytes)
    told = answer(submission)
    with db.transaction(project=project) as tx:
        for key in request_keys:
            first = remember(tx, key, project=project, body_hash=body_hash, submission=submission, answer=told, now=now)
            if first is not None:
                tx.rollback()
                assert first.submission is not None  # noqa: S101  # as of every submission's key
                return Accepted(submission=first.submission, answer=first.answer, replayed=True)
        size = columns.utf8_bytes
        _check_quota(tx, quota, project=project, entries=len(columns), size=size, now=now)
        _insert(
            tx,
            submission,
            project=project,
            body=body,
            body_object=body_object,
            entries=len(columns),
            utf8_bytes=size,
            now=now,
        )
        also(tx)
    return Accepted(submission=submission, answer=told, replayed=False)


def claim_share(
    db: Database,
    *,
    worker: str,
    lines: int,
    lines_alone: int,
    after: UUID,
    after_retried: UUID,
    retried_first: bool,
    lease: timedelta,
    now: datetime,
) -> list[Claimed]:
    """Claim a fair share of what waits: some of every project, or one submission alone that failed before.

    What lost its worker is put back first, so that any wake-up finds it. `after` and `after_retried` are the projects
    behind which the round over them goes on. Callers alternate `retried_first`, so that
    neither fresh nor failed submissions wait for all of the others.
    """
    lease_until = now + lease
    with db.transaction() as tx:
        release_expired(tx, now=now)
        retried = partial(
            claim_store.claim_retried, tx, worker=worker, after=after_retried, now=now, lease_until=lease_until
        )
        fresh = partial(
            claim_store.claim_share,
            tx,
            worker=worker,
            lines=lines,
            lines_alone=lines_alone,
            after=after,
            now=now,
            lease_until=lease_until,
        )
        return retried() or fresh() if retried_first else fresh() or retried()


def release_expired(tx: Transaction, *, now: datetime) -> int:
    """Put back what lost its worker, or make it a dead letter when its attempts are used up; returns how many."""
    released = claim_store.release_expired(tx, attempts=ATTEMPTS, now=now)
    for project in sorted({project for project, dead in released if dead}):
        _raise_dead(tx, project, "its worker died in every attempt", now=now)
    return len(released)


def find_bodies(db: Database, claimed: Sequence[Claimed]) -> Mapping[UUID, StoredBody]:
    """Where the bodies of claimed submissions are: in the row, or in the object that it names."""
    with db.transaction() as tx:
        return {one.submission: one for one in store.read_bodies(tx, claimed)}


def read_body(claimed: Claimed, stored: Mapping[UUID, StoredBody], *, objects: ObjectStore) -> Columns:
    """The entries of a claimed submission.

    Raises:
        CorruptBody: the body is not there, or cannot be read back.
        ObjectStoreUnavailable, ObjectMissing: its object cannot be had.
    """
    body = stored.get(claimed.id)
    if body is None:
        raise CorruptBody(f"the body of submission {claimed.id} is not there")
    columns = unpack(objects.get(body.object_key) if body.object_key is not None else body.packed)
    if len(columns) != claimed.entries:
        raise CorruptBody(f"submission {claimed.id} has {len(columns)} entries, not {claimed.entries}")
    return columns


def renew(db: Database, claimed: Sequence[Claimed], *, lease: timedelta, now: datetime) -> bool:
    """Prolong a claim's leases; False when none of it is ours any more."""
    with db.transaction() as tx:
        return claim_store.renew(tx, claimed, lease_until=now + lease) > 0


def finish(tx: Transaction, finished: Sequence[Finished], *, now: datetime) -> None:
    """Mark submissions as done, in the transaction that writes their chunks.

    Raises:
        LostClaim: another worker holds some of them now; `extra["lost"]` is the set of their ids.
    """
    claimed = [one.claimed for one in finished]
    lost = {one.id for one in claimed} - claim_store.lock_held(tx, claimed)
    if lost:
        raise LostClaim(f"{len(lost)} of {len(claimed)} submissions were lost", lost=lost)
    claim_store.finish(tx, finished, now=now)


def give_back(db: Database, claimed: Sequence[Claimed], *, wait: timedelta, now: datetime) -> None:
    """Return a claim that could not be scored for a passing reason; the attempt does not count."""
    with db.transaction() as tx:
        claim_store.give_back(tx, claimed, not_before=now + wait)


def fail(db: Database, claimed: Sequence[Claimed], *, error: Exception, now: datetime) -> timedelta | None:
    """Note a failed attempt: each is tried again, alone, after a while, or becomes a dead letter.

    Returns when to try again, None when there is nothing left to try.
    """
    text = f"{type(error).__name__}: {error}".replace("\0", "")[:LONGEST_ERROR]
    # Several at once say nothing about any single one: each is tried alone, at once.
    ceiling = SCORE_WAITING.retry.ceiling(claimed[0].attempt).total_seconds() if len(claimed) == 1 else 0.0
    wait = timedelta(seconds=random.uniform(0, ceiling))
    with db.transaction() as tx:
        dead = set()
        for one in sorted(claimed, key=lambda claim: claim.id):
            is_last = one.attempt >= ATTEMPTS
            if claim_store.fail(tx, one, error=text, dead=is_last, not_before=now + wait, now=now) and is_last:
                dead.add(one.project)
        for project in sorted(dead):
            _raise_dead(tx, project, text, now=now)
    return wait if any(one.attempt < ATTEMPTS for one in claimed) else None


def _raise_dead(tx: Transaction, project: UUID, error: str, *, now: datetime) -> None:
    """Tell operators, once in a while, that a project has submissions that failed for good."""
    text = f"a submission of project {project} failed for good: {error}"
    raise_alert(tx, kind="dead_submissions", subject=str(project), text=text, now=now, project=project)


def _placed(
    columns: Columns, *, place: str, project: UUID, objects: ObjectStore, largest: int
) -> tuple[bytes | None, str | None]:
    """The body for the row, or the object in which it is where it has more than `largest` bytes."""
    body = pack(columns)
    if len(body) <= largest:
        return body, None
    objects.put(place, body, metadata={"project": str(project)})
    return None, place


def _is_there(db: Database, submission: UUID, *, project: UUID) -> bool:
    with db.transaction(project=project) as tx:
        return store.is_there(tx, submission)


def _check_quota(tx: Transaction, quota: Quota, *, project: UUID, entries: int, size: int, now: datetime) -> None:
    """Requests that come at the same moment do not see each other: so many of them may be over it."""
    if quota == UNLIMITED:
        return
    used = next(iter(read_usage(tx, project, since=now.date())), Usage(day=now.date()))
    midnight = datetime.combine(now.date() + timedelta(days=1), time(), UTC)
    for name, most, before, more in (
        ("entries", quota.entries, used.entries, entries),
        ("bytes", quota.bytes, used.bytes, size),
    ):
        if most and before + more > most:
            raise QuotaExceeded(
                f"the project may send {most:,} {name} a day; {before:,} came today, and this request has {more:,}",
                quota=name,
                limit=most,
                used=before,
                requested=more,
                resets_at=midnight.isoformat().replace("+00:00", "Z"),
                retry_after=ceil((midnight - now).total_seconds()),
            )


def _insert(tx: Transaction, submission: UUID, **row: Any) -> None:
    try:
        store.insert(tx, submission, **row)
    except psycopg.errors.UniqueViolation as error:
        raise RequestInProgress(f"submission {submission} is being written now") from error
