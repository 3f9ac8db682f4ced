"""The deliveries: who was sent what, and what went wrong, one row for each outcome of each attempt."""

from collections.abc import Collection
from datetime import datetime
from typing import Literal
from uuid import UUID

from oddline.database import Transaction


def sent_to(tx: Transaction, *, task: UUID, channel: str) -> set[str]:
    """Whom `task` has reached by `channel` so far."""
    rows = tx.execute(
        "SELECT DISTINCT unnest(recipients) FROM deliveries WHERE task_id = %s AND channel = %s AND state = 'sent'",
        [task, channel],
    )
    return {recipient for (recipient,) in rows}


def record(
    tx: Transaction,
    *,
    project: UUID | None,
    task: UUID,
    channel: str,
    recipients: Collection[str],
    state: Literal["sent", "failed"],
    detail: str,
    at: datetime,
) -> None:
    """Note one outcome for some recipients."""
    tx.execute(
        "INSERT INTO deliveries (id, project_id, task_id, channel, recipients, state, detail, created_at)"
        " VALUES (gen_random_uuid(), %s, %s, %s, %s, %s, %s, %s)",
        [project, task, channel, list(recipients), state, detail, at],
    )
