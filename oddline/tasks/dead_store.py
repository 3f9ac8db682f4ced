"""SQL that settles dead letters: replays, counted, and drops; of one, or of many in one statement."""

from collections.abc import Mapping
from datetime import datetime
from uuid import UUID

from oddline.database import Transaction

# What is chosen stands in a CTE: a subquery with LIMIT and SKIP LOCKED may be run again for each row, and choose more.
_AGAIN = (
    "state = 'PENDING', attempt = 0, not_before = NULL, error = NULL, finished_at = NULL, expires_at = NULL,"
    " progress = NULL, cancelled_at = NULL, started_at = NULL, worker = NULL, replays = replays + 1"
)
_FAILED = "state = 'FAILURE' AND coalesce(finished_at, created_at) <= %(failed_before)s"
_DROPPED = "state = 'REVOKED', finished_at = %(now)s, expires_at = %(kept_until)s"


def replay(tx: Transaction, task_id: UUID) -> str | None:
    """Put a dead task back to where it began; its name, or None when it is not dead."""
    row = tx.execute(
        f"UPDATE tasks SET {_AGAIN} WHERE id = %s AND state = 'FAILURE' RETURNING name", [task_id]
    ).fetchone()
    return row[0] if row else None


def replay_many(
    tx: Transaction, caps: Mapping[str, int], *, failed_before: datetime, limit: int
) -> list[tuple[UUID, str]]:
    """Put dead tasks of these names back that were replayed less often than their cap, the oldest first."""
    return tx.execute(
        "WITH chosen AS (SELECT tasks.id FROM tasks"
        " JOIN unnest(%(names)s::text[], %(caps)s::int[]) AS capped (name, cap) ON capped.name = tasks.name"
        f" WHERE {_FAILED} AND replays < cap ORDER BY tasks.id LIMIT %(limit)s FOR UPDATE OF tasks SKIP LOCKED)"
        f" UPDATE tasks SET {_AGAIN} WHERE id IN (SELECT id FROM chosen) RETURNING id, name",
        {"names": list(caps), "caps": list(caps.values()), "failed_before": failed_before, "limit": limit},
    ).fetchall()


def count(tx: Transaction, caps: Mapping[str, int], *, failed_before: datetime) -> tuple[int, int]:
    """How many dead tasks of these names can still be replayed, and how many have reached their cap."""
    row = tx.execute(
        "SELECT count(*) FILTER (WHERE replays < cap), count(*) FILTER (WHERE replays >= cap) FROM tasks"
        " JOIN unnest(%(names)s::text[], %(caps)s::int[]) AS capped (name, cap) ON capped.name = tasks.name"
        f" WHERE {_FAILED}",
        {"names": list(caps), "caps": list(caps.values()), "failed_before": failed_before},
    ).fetchone()
    return (row[0], row[1]) if row else (0, 0)


def drop(tx: Transaction, task_id: UUID, *, now: datetime, kept_until: datetime) -> bool:
    """Settle a dead task for good."""
    return (
        tx.execute(
            f"UPDATE tasks SET {_DROPPED} WHERE id = %(id)s AND state = 'FAILURE'",
            {"id": task_id, "now": now, "kept_until": kept_until},
        ).rowcount
        == 1
    )


def drop_many(tx: Transaction, name: str, *, now: datetime, kept_until: datetime, limit: int) -> int:
    """Settle dead tasks of a name for good, the oldest first; returns how many."""
    return tx.execute(
        "WITH chosen AS (SELECT id FROM tasks WHERE state = 'FAILURE' AND name = %(name)s"
        " ORDER BY id LIMIT %(limit)s FOR UPDATE SKIP LOCKED)"
        f" UPDATE tasks SET {_DROPPED} WHERE id IN (SELECT id FROM chosen)",
        {"name": name, "now": now, "kept_until": kept_until, "limit": limit},
    ).rowcount
