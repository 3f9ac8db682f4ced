"""Send messages so that trying again, for whatever reason, sends nothing twice to those who have it."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import partial

from oddline.errors import DeliveryFailed, DeliveryRefused, NotFound, OddlineError
from oddline.notifications import store
from oddline.notifications.anomaly_mail import render
from oddline.notifications.channels import CHANNELS
from oddline.notifications.model import Message, Receipt
from oddline.notifications.tasks import AnomalyMail, EmailPayload
from oddline.tasks import SystemAlert, Task, TaskContext, find

MOST_RECIPIENTS = 50  # of one mail: SES takes no more, and a longer list is nobody's business
LONGEST_DETAIL = 4_000  # characters of what a server said that a delivery keeps


def send_email(payload: EmailPayload, context: TaskContext) -> dict[str, int]:
    """Send one email as it stands; returns how many have it and how many were refused.

    Raises:
        DeliveryFailed: somebody does not have it yet, and another try may help; it goes only to those.
        DeliveryRefused: nobody can be reached.
        NotConfigured: the settings for mail are wrong.
    """
    message = Message(
        message_id=str(context.task_id),
        recipients=payload.recipients,
        subject=payload.subject,
        text=payload.text,
        html=payload.html,
    )
    return _send(message, channel="email", context=context)


def send_anomaly_mail(payload: AnomalyMail, context: TaskContext) -> dict[str, int]:
    """Send the one mail on a submission's odd lines; returns and raises as `send_email`."""
    return _send(render(payload, message_id=str(context.task_id)), channel="email", context=context)


def send_system_alert(payload: SystemAlert, context: TaskContext) -> dict[str, int]:
    """Mail an alert to the operators that the settings name; it is kept already. Returns and raises as `send_email`."""
    message = Message(
        message_id=str(context.task_id),
        recipients=() if payload.smoke else context.settings.operator_addresses(),
        subject=f"Oddline alert: {payload.subject}",
        text=f"{payload.text}\n\n({payload.kind}; more in docs/tasks.md, and by: oddline tasks alerts)\n",
    )
    return _send(message, channel="email", context=context)


def _send(message: Message, *, channel: str, context: TaskContext) -> dict[str, int]:
    task = _task(context)
    with context.db.transaction() as tx:
        have_it = store.sent_to(tx, task=task.id, channel=channel, cipher=context.settings.cipher())
    deferred: dict[str, str] = {}
    refused: dict[str, str] = {}

    for part in _parts(message):
        missing = tuple(recipient for recipient in part.recipients if recipient not in have_it)
        if missing:
            receipt = _attempt(replace(part, recipients=missing), channel=channel, task=task, context=context)
            have_it.update(receipt.accepted)
            deferred |= receipt.deferred
            refused |= receipt.refused

    if deferred:
        raise DeliveryFailed(_told(deferred))
    if refused and not have_it:
        raise DeliveryRefused(_told(refused))
    return {"sent": len(have_it), "refused": len(refused)}


def _task(context: TaskContext) -> Task:
    with context.db.transaction() as tx:
        task = find(tx, context.task_id) if context.task_id else None
    if task is None:
        raise NotFound(f"no task {context.task_id} is in the ledger, by which the deliveries are remembered")
    return task


def _parts(message: Message) -> Iterator[Message]:
    """The same parts at each attempt, so that each keeps its id."""
    recipients = tuple(dict.fromkeys(message.recipients))
    for number, start in enumerate(range(0, len(recipients), MOST_RECIPIENTS)):
        part_id = f"{message.message_id}.{number}" if number else message.message_id
        yield replace(message, message_id=part_id, recipients=recipients[start : start + MOST_RECIPIENTS])


def _attempt(message: Message, *, channel: str, task: Task, context: TaskContext) -> Receipt:
    """Deliver once and note what came of it; no transaction is open while the other side is spoken to."""
    try:
        receipt = CHANNELS[channel].deliver(message, settings=context.settings, now=context.clock())
    except OddlineError as error:
        receipt = Receipt(accepted=(), deferred=dict.fromkeys(message.recipients, str(error)))
        _note(receipt, channel=channel, task=task, context=context)
        raise
    _note(receipt, channel=channel, task=task, context=context)
    return receipt


def _note(receipt: Receipt, *, channel: str, task: Task, context: TaskContext) -> None:
    failed = {**receipt.deferred, **receipt.refused}
    with context.db.transaction() as tx:
        note = partial(
            store.record,
            tx,
            project=task.project,
            task=task.id,
            channel=channel,
            cipher=context.settings.cipher(),
            at=context.clock(),
        )
        if receipt.accepted:
            note(recipients=receipt.accepted, state="sent", detail="")
        if failed:
            note(recipients=failed, state="failed", detail=_told(failed))


def _told(reasons: Mapping[str, str]) -> str:
    """Each reason once, with whom it is about."""
    people: dict[str, list[str]] = {}
    for recipient, reason in reasons.items():
        people.setdefault(reason, []).append(recipient)
    return "; ".join(f"{', '.join(who)}: {reason}" for reason, who in people.items())[:LONGEST_DETAIL]
