"""SQL of cancels: what waits ends at once, what runs is marked."""

from datetime import datetime
from uuid import UUID

from oddline.database import Transaction
from oddline.tasks.model import State


def cancel(tx: Transaction, task_id: UUID, *, now: datetime, kept_until: datetime) -> tuple[State, int] | None:
    """Mark a task as cancelled and revoke it, unless it runs; None when there is nothing to cancel.

    What has lost its worker does not run. Returns the state that it has now, and how many attempts had begun.
    """
    row = tx.execute(
        "WITH found AS (SELECT id, state, state IN ('PENDING', 'RETRY') OR lease_until < %(now)s AS is_idle FROM tasks"
        " WHERE id = %(id)s AND state IN ('PENDING', 'RETRY', 'STARTED', 'PROGRESS') FOR UPDATE)"
        " UPDATE tasks SET cancelled_at = coalesce(cancelled_at, %(now)s),"
        " state = CASE WHEN is_idle THEN 'REVOKED' ELSE found.state END,"
        " finished_at = CASE WHEN is_idle THEN %(now)s::timestamptz END,"
        " expires_at = CASE WHEN is_idle THEN %(kept_until)s::timestamptz END,"
        " lease_until = CASE WHEN NOT is_idle THEN lease_until END"
        " FROM found WHERE tasks.id = found.id RETURNING tasks.state, attempt",
        {"id": task_id, "now": now, "kept_until": kept_until},
    ).fetchone()
    return (State(row[0]), row[1]) if row else None


def revoke_if_abandoned(tx: Transaction, task_id: UUID, *, now: datetime, kept_until: datetime) -> bool:
    """Revoke a cancelled task that has lost its worker; whether it was one."""
    revoked = tx.execute(
        "UPDATE tasks SET state = 'REVOKED', finished_at = %(now)s, expires_at = %(kept_until)s, lease_until = NULL"
        " WHERE id = %(id)s AND cancelled_at IS NOT NULL"
        " AND state IN ('STARTED', 'PROGRESS') AND lease_until < %(now)s",
        {"id": task_id, "now": now, "kept_until": kept_until},
    ).rowcount
    return revoked == 1
