"""SQL of health checks and of the numbers that they show."""

from dataclasses import dataclass
from datetime import datetime

from psycopg.rows import class_row

from oddline.database import Transaction


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


def oldest_waiting(tx: Transaction) -> datetime | None:
    """When the oldest submission that still waits for its scoring came in."""
    # Each half has an index of its own; those that are done, of three days, have none that would help.
    row = tx.execute(
        "SELECT min(received_at) FROM (SELECT received_at FROM submission_state WHERE state = 'accepted'"
        " UNION ALL SELECT received_at FROM submission_state WHERE state = 'claimed') AS unfinished"
    ).fetchone()
    return row[0] if row else None


def transactions(tx: Transaction) -> tuple[int, int]:
    """The oldest transaction that is still open, and the next one to begin."""
    row = tx.execute(
        "SELECT pg_snapshot_xmin(pg_current_snapshot())::text, pg_snapshot_xmax(pg_current_snapshot())::text"
    ).fetchone()
    return (int(row[0]), int(row[1])) if row else (0, 0)
