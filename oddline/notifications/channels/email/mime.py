"""Make a mail out of a message, in which nothing breaks out of its header: `EmailMessage` sees to that."""

import re
from collections.abc import Sequence
from datetime import datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP

from oddline.errors import NotConfigured
from oddline.notifications.model import Message

LONGEST_ADDRESS = 254  # RFC 5321, 4.5.3.1.3, without the angle brackets
LONGEST_SUBJECT = 200  # characters; mail programs show fewer

# "A valid email address" of the HTML Living Standard; international domains in their ASCII form.
_ADDRESS = re.compile(r"[a-zA-Z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[a-zA-Z0-9-]{1,63}(\.[a-zA-Z0-9-]{1,63})*")
_POLICY = SMTP.clone(cte_type="7bit")  # not every server takes 8 bits


def is_address(text: str) -> bool:
    """Whether mail can be sent to `text`."""
    return len(text) <= LONGEST_ADDRESS and _ADDRESS.fullmatch(text) is not None


def sender_address(configured: str) -> Address:
    """The sender, given as `someone@example.org` or `Name <someone@example.org>`.

    Raises:
        NotConfigured: it is neither.
    """
    name, address = "", configured
    if configured.endswith(">"):
        name, _, address = configured[:-1].rpartition("<")
        name = name.strip(' "')
    if not is_address(address) or not name.isprintable():
        raise NotConfigured(f"ODDLINE_MAIL_FROM is not an address: {configured!r}")
    return _parsed(address, name=name)


def compose(message: Message, *, recipients: Sequence[str], sender: Address, now: datetime) -> EmailMessage:
    """The mail from `sender` to `recipients`, dated `now`; its Message-ID is the same at each attempt."""
    mail = EmailMessage(policy=_POLICY)
    mail["From"] = sender
    mail["To"] = [_parsed(recipient) for recipient in recipients]
    mail["Subject"] = _one_line(message.subject)
    mail["Date"] = now
    mail["Message-ID"] = f"<{message.message_id}@{sender.domain}>"
    mail["Auto-Submitted"] = "auto-generated"  # RFC 3834: no holiday notices, please
    mail.set_content(message.text)
    if message.html is not None:
        mail.add_alternative(message.html, subtype="html")
    return mail


def _parsed(address: str, *, name: str = "") -> Address:
    username, _, domain = address.rpartition("@")
    return Address(name, username, domain)


def _one_line(text: str) -> str:
    shown = "".join(character for character in " ".join(text.split()) if character.isprintable())
    return shown if len(shown) <= LONGEST_SUBJECT else shown[: LONGEST_SUBJECT - 1] + "…"
