"""Leave in the audit trail who gave a verdict."""

from datetime import datetime
from uuid import UUID

from oddline import audit
from oddline.database import Transaction
from oddline.feedback.model import Feedback


def record_given(tx: Transaction, project: UUID, given: Feedback, *, by: audit.Actor, now: datetime) -> None:
    """Record a verdict in the transaction that writes it; its note is the actor's own words, and encrypted."""
    about = {"pattern_id": given.pattern_id} if given.entry_id is None else {"entry_id": str(given.entry_id)}
    audit.record(
        tx,
        project=project,
        by=by,
        action=audit.Action.FEEDBACK_GIVEN,
        subject=f"feedback:{given.id}",
        details={"verdict": given.verdict, **about},
        named={"source": given.source},
        note=given.note,
        now=now,
    )
