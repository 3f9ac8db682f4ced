"""SQL of health checks and of the numbers that they show."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from psycopg.rows import class_row

from oddline.database import Transaction
from oddline.tasks import Queue


@dataclass(frozen=True, slots=True)
class HealthCheck:
    """The last look at one part."""

    part: str
    healthy: bool
    detail: str
    checked_at: datetime


def write_check(tx: Transaction, check: HealthCheck) -> None:
    """Overwrite the last look at a part."""
    tx.execute(
        "INSERT INTO health_checks (part, healthy, detail, checked_at) VALUES (%s, %s, %s, %s) ON CONFLICT (part)"
        " DO UPDATE SET healthy = excluded.healthy, detail = excluded.detail, checked_at = excluded.checked_at",
        [check.part, check.healthy, check.detail, check.checked_at],
    )


def read_checks(tx: Transaction) -> list[HealthCheck]:
    """The last look at each part."""
    with tx.cursor(row_factory=class_row(HealthCheck)) as cursor:
        return cursor.execute("SELECT part, healthy, detail, checked_at FROM health_checks ORDER BY part").fetchall()


@dataclass(frozen=True, slots=True)
class Backlog:
    """What waits, and since when its oldest does."""

    waiting: int = 0
    oldest: datetime | None = None

    def __add__(self, other: "Backlog") -> "Backlog":
        oldest = min((one for one in (self.oldest, other.oldest) if one is not None), default=None)
        return Backlog(self.waiting + other.waiting, oldest)

    def age(self, now: datetime) -> timedelta:
        """For how long the oldest has waited; nothing where nothing waits."""
        return max(now - self.oldest, timedelta()) if self.oldest else timedelta()


def unscored(tx: Transaction) -> Backlog:
    """Entries that still wait for their score."""
    # Each half has an index of its own; those that are done, of three days, have none that would help.
    row = tx.execute(
        "SELECT coalesce(sum(entries), 0), min(received_at) FROM"
        " (SELECT entries, received_at FROM submission_state WHERE state = 'accepted'"
        " UNION ALL SELECT entries, received_at FROM submission_state WHERE state = 'claimed') AS unfinished"
    ).fetchone()
    return Backlog(int(row[0]), row[1]) if row else Backlog()


def waiting_tasks(tx: Transaction, *, now: datetime) -> dict[Queue, Backlog]:
    """Tasks of the ledger that are due and not begun, by queue."""
    rows = tx.execute(
        "SELECT queue, count(*), min(coalesce(not_before, created_at)) FROM tasks"
        " WHERE state IN ('PENDING', 'RETRY') AND children_left IS NULL"
        " AND (not_before IS NULL OR not_before <= %s) GROUP BY queue",
        [now],
    ).fetchall()
    return {Queue(queue): Backlog(count, oldest) for queue, count, oldest in rows}


def count_dead_letters(tx: Transaction) -> int:
    """Submissions and tasks that failed for good and that nobody has settled."""
    row = tx.execute(
        "SELECT (SELECT count(*) FROM submission_state WHERE state = 'dead')"
        " + (SELECT count(*) FROM tasks WHERE state = 'FAILURE')"
    ).fetchone()
    return int(row[0]) if row else 0


def oldest_transaction_age(tx: Transaction, *, now: datetime) -> timedelta:
    """For how long, at least, the oldest open transaction has been open: since the first look that saw it.

    To be asked first in its transaction: what that writes itself would be seen, too.
    """
    row = tx.execute(
        "INSERT INTO oldest_transaction AS seen (xid, since)"
        " VALUES (pg_snapshot_xmin(pg_current_snapshot()), %s) ON CONFLICT (is_only) DO UPDATE SET"
        " since = CASE seen.xid WHEN excluded.xid THEN seen.since ELSE excluded.since END, xid = excluded.xid"
        " RETURNING since",
        [now],
    ).fetchone()
    return max(now - row[0], timedelta()) if row else timedelta()
