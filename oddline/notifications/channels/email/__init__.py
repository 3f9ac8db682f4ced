"""Email, by the first way that is configured: an SMTP server, SES, or else a folder of .eml files."""

from collections.abc import Sequence
from datetime import datetime
from email.message import EmailMessage
from typing import Protocol

from oddline.notifications.channels.email import folder, ses, smtp
from oddline.notifications.channels.email.mime import compose, is_address, sender_address
from oddline.notifications.model import Message, Receipt
from oddline.settings import Settings

__all__ = ["deliver"]


class Transport(Protocol):
    """What the module of each way of sending offers; `recipients` are addresses."""

    def send(self, mail: EmailMessage, *, sender: str, recipients: Sequence[str], settings: Settings) -> Receipt:
        """Hand the mail over; raises as `Channel.deliver`."""


def deliver(message: Message, *, settings: Settings, now: datetime) -> Receipt:
    """See `Channel.deliver`. A recipient that is not an address is refused, and the others get the mail."""
    addresses = tuple(recipient for recipient in message.recipients if is_address(recipient))
    invalid = {recipient: "not an address" for recipient in message.recipients if recipient not in addresses}
    if not addresses:
        return Receipt(accepted=(), refused=invalid)

    sender = sender_address(settings.mail_from)
    mail = compose(message, recipients=addresses, sender=sender, now=now)
    receipt = _transport(settings).send(mail, sender=sender.addr_spec, recipients=addresses, settings=settings)
    return Receipt(accepted=receipt.accepted, deferred=receipt.deferred, refused={**invalid, **receipt.refused})


def _transport(settings: Settings) -> Transport:
    if settings.smtp_url:
        return smtp
    return ses if settings.ses_region else folder
