"""Keep mail as .eml files in `<home>/mail`, for a machine on which no way of sending is configured."""

from collections.abc import Sequence
from email.message import EmailMessage

from oddline.errors import DeliveryFailed
from oddline.notifications.model import Receipt
from oddline.settings import Settings


def send(mail: EmailMessage, *, sender: str, recipients: Sequence[str], settings: Settings) -> Receipt:  # noqa: ARG001
    """See `Transport.send`. A mail that comes again replaces itself."""
    folder = settings.home / "mail"
    file = folder / f"{mail['Message-ID'].strip('<>')}.eml"
    unfinished = file.with_suffix(".unfinished")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        unfinished.write_bytes(mail.as_bytes())
        unfinished.replace(file)
    except OSError as error:
        raise DeliveryFailed(f"cannot write {file}: {error}") from error
    return Receipt(accepted=tuple(recipients))
