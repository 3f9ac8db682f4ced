"""Cancel a task, whatever it does at the moment, and tell what came of it."""

from datetime import datetime
from uuid import UUID

from oddline.database import Transaction
from oddline.tasks import cancel_store, workflow_store
from oddline.tasks.attempt import SETTLED_KEPT
from oddline.tasks.model import Outcome, State
from oddline.tasks.workflow_store import child_ended


def cancel(tx: Transaction, task_id: UUID, *, now: datetime) -> Outcome | None:
    """End a task that waits, or ask that the one that runs be ended; None when there is nothing to cancel.

    What it waits for is cancelled with it.

    `STOPPING` says that it was asked for: what came of it, another call tells.
    """
    for child in workflow_store.open_children(tx, task_id):
        cancel(tx, child, now=now)
    changed = cancel_store.cancel(tx, task_id, now=now, kept_until=now + SETTLED_KEPT)
    if changed is None:
        return None
    state, attempt = changed
    if state is not State.REVOKED:
        return Outcome.STOPPING
    child_ended(tx, task_id)
    return Outcome.STOPPED if attempt else Outcome.NEVER_STARTED
