"""Cancel a task, whatever it does at the moment, and tell what came of it."""

from datetime import datetime
from uuid import UUID

from oddline.database import Transaction
from oddline.tasks import cancel_store
from oddline.tasks.attempt import SETTLED_KEPT
from oddline.tasks.model import Outcome, State


def cancel(tx: Transaction, task_id: UUID, *, now: datetime) -> Outcome | None:
    """End a task that waits, or ask that the one that runs be ended; None when there is nothing to cancel.

    `STOPPING` says that it was asked for: what came of it, another call tells.
    """
    changed = cancel_store.cancel(tx, task_id, now=now, kept_until=now + SETTLED_KEPT)
    if changed is None:
        return None
    state, attempt = changed
    if state is not State.REVOKED:
        return Outcome.STOPPING
    return Outcome.STOPPED if attempt else Outcome.NEVER_STARTED
