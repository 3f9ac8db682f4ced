"""The notifications' part of the task catalogue."""

from typing import Final
from uuid import UUID

from oddline.notifications.model import AnomalyLine
from oddline.tasks import SEND_SYSTEM_ALERT, Payload, Priority, Queue, Retry, Starter, TaskSpec

MAILS_AT_ONCE: Final = 4  # of one project: so that one with thousands of them keeps no other waiting
SENT_ONCE = "the deliveries are looked up first: who has the message by this task gets no second one"


class EmailPayload(Payload):
    """An email as it stands. What is not an address is recorded as refused; the others get it."""

    recipients: tuple[str, ...]
    subject: str
    text: str
    html: str | None = None


class AnomalyMail(Payload):
    """What a mail on one submission's odd lines tells; whole in itself, so that nothing need be read to send it.

    Args:
        total: odd lines of the submission that reach `minimum_score`; `lines` may hold only the oddest of them.
    """

    project_name: str
    submission_id: UUID
    recipients: tuple[str, ...]
    total: int
    minimum_score: float
    lines: tuple[AnomalyLine, ...]


SEND_EMAIL = TaskSpec(
    name="send_email",
    queue=Queue.NOTIFICATIONS,
    priority=Priority.HIGH,
    payload=EmailPayload,
    retry=Retry(attempts=4),
    idempotency=SENT_ONCE,
    sealed=True,
    at_once=MAILS_AT_ONCE,
    starters=frozenset({Starter.SYSTEM, Starter.ADMIN}),
    smoke=EmailPayload(recipients=(), subject="smoke", text="to nobody"),
)
SEND_ANOMALY_MAIL = TaskSpec(
    name="send_anomaly_mail",
    queue=Queue.NOTIFICATIONS,
    priority=Priority.HIGH,
    payload=AnomalyMail,
    retry=Retry(attempts=4),
    idempotency=SENT_ONCE,
    sealed=True,
    at_once=MAILS_AT_ONCE,
    smoke=AnomalyMail(
        project_name="smoke", submission_id=UUID(int=0), recipients=(), total=0, minimum_score=0.0, lines=()
    ),
)
TASKS = (SEND_EMAIL, SEND_ANOMALY_MAIL, SEND_SYSTEM_ALERT)
