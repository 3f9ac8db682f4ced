"""Tell operators of what they must hear of: kept each time, sent once in a while."""

from datetime import datetime, timedelta
from uuid import UUID

from oddline.database import Transaction
from oddline.ids import new_id
from oddline.tasks import alert_store, store
from oddline.tasks.alert_store import RaisedAlert
from oddline.tasks.model import Payload, Priority, Queue, Retry, TaskSpec

COOLDOWN = timedelta(minutes=15)  # in which the same alert is counted, but not sent again
ALERTS_KEPT = timedelta(days=30)  # after the last time that they were raised
LONGEST_SUBJECT = 200  # characters
LONGEST_TEXT = 4_000


class SystemAlert(Payload):
    """An alert as operators are told it; one with `smoke` goes to nobody."""

    kind: str
    subject: str
    text: str
    smoke: bool = False


# Its code is of the notifications, which stand above: whatever lies below them may raise an alert.
SEND_SYSTEM_ALERT = TaskSpec(
    name="send_system_alert",
    queue=Queue.DEFAULT,  # not behind mails, of which a project may have thousands waiting
    priority=Priority.HIGH,
    payload=SystemAlert,
    retry=Retry(attempts=8),
    idempotency="the deliveries are looked up first: who has the message by this task gets no second one",
    smoke=SystemAlert(kind="smoke", subject="smoke", text="to nobody", smoke=True),
)


def raise_alert(
    tx: Transaction, *, kind: str, subject: str, text: str, now: datetime, project: UUID | None = None
) -> UUID | None:
    """Note an alert in the caller's transaction, as late in it as can be: it locks the alert's row.

    Returns the id of the `send_system_alert` task that it made, to be published after the commit or left to
    `reconcile`; None when the same alert was sent within `COOLDOWN`, or still waits to be.

    Args:
        kind: what sort of thing went wrong, in a word.
        subject: what it went wrong with; the same kind and subject are the same alert.
        text: what operators read; nothing that a tenant's people should keep to themselves.
        project: whose administrators may see it, too; the console's role can only name its own.
    """
    subject = subject.replace("\0", "")[:LONGEST_SUBJECT]
    text = text.replace("\0", "")[:LONGEST_TEXT]
    if not alert_store.note(
        tx, project=project, kind=kind, subject=subject, text=text, now=now, sent_before=now - COOLDOWN
    ):
        return None
    task_id = new_id()
    inserted = store.insert(
        tx,
        task_id=task_id,
        project=project,
        name=SEND_SYSTEM_ALERT.name,
        queue=str(SEND_SYSTEM_ALERT.queue),
        payload=SystemAlert(kind=kind, subject=subject, text=text).model_dump(mode="json"),
        unique_key=f"alert:{project or ''}:{kind}:{subject}",
        not_before=None,
        now=now,
    )
    return task_id if inserted else None


def raised_alerts(tx: Transaction, *, kind: str | None = None, limit: int = 100) -> list[RaisedAlert]:
    """The alerts that the transaction may see, those raised last first."""
    return alert_store.newest(tx, kind=kind, limit=limit)


def delete_alerts(tx: Transaction, *, now: datetime) -> int:
    """Forget alerts that were last raised longer than `ALERTS_KEPT` ago; returns how many."""
    return alert_store.delete(tx, before=now - ALERTS_KEPT)
