"""Send mail through an SMTP server."""

import smtplib
import socket
import ssl
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from email.message import EmailMessage
from urllib.parse import parse_qs, unquote, urlsplit

from oddline.addresses import check_address
from oddline.errors import DeliveryFailed, DeliveryRefused, NotConfigured
from oddline.notifications.model import Receipt
from oddline.settings import Settings

TIMEOUT_S = 10.0  # for each answer of the server; one that takes longer is stuck
PERMANENT = 500  # RFC 5321, 4.2.1: 4yz may pass, 5yz will not
DEFAULT_PORTS = {"smtp": 587, "smtps": 465}
STARTTLS_MODES = ("offered", "required", "off")


@dataclass(frozen=True, slots=True)
class Server:
    """Where `ODDLINE_SMTP_URL` points to."""

    host: str
    port: int
    user: str
    password: str = field(repr=False)
    implicit_tls: bool
    starttls: str

    @classmethod
    def parse(cls, url: str) -> "Server":
        """The server that a setting names.

        Raises:
            NotConfigured: it is not `smtp[s]://[user:password@]host[:port][?starttls=offered|required|off]`.
        """
        check_address(url, setting="ODDLINE_SMTP_URL", schemes=tuple(DEFAULT_PORTS))
        parts = urlsplit(url)
        starttls = parse_qs(parts.query).get("starttls", ["offered"])[0]
        if not parts.hostname or starttls not in STARTTLS_MODES:
            raise NotConfigured("ODDLINE_SMTP_URL is not smtp[s]://[user:password@]host[:port][?starttls=…]")
        return cls(
            host=parts.hostname,
            port=parts.port or DEFAULT_PORTS[parts.scheme],
            user=unquote(parts.username or ""),
            password=unquote(parts.password or ""),
            implicit_tls=parts.scheme == "smtps",
            starttls=starttls,
        )


def send(mail: EmailMessage, *, sender: str, recipients: Sequence[str], settings: Settings) -> Receipt:
    """See `Transport.send`. Certificates are checked (a private CA goes into `SSL_CERT_FILE`)."""
    server = Server.parse(settings.smtp_url)
    with _smtp_errors(server):
        session = _connect(server)
        try:
            _secure(session, server)
            if server.user:
                session.login(server.user, server.password)
            # As bytes: `send_message` would ask each header for its addresses once more.
            turned_down = session.sendmail(sender, recipients, mail.as_bytes())
        except smtplib.SMTPRecipientsRefused as error:
            return _nobody(recipients, error.recipients)
        finally:
            # Whether the mail was taken is settled by now; a goodbye that fails must not send it again.
            with suppress(smtplib.SMTPException, OSError):
                session.quit()
    return _receipt(recipients, turned_down)


def _connect(server: Server) -> smtplib.SMTP:
    name = socket.gethostname()  # smtplib by itself would ask DNS for it, without a time limit
    if server.implicit_tls:
        context = ssl.create_default_context()
        return smtplib.SMTP_SSL(server.host, server.port, local_hostname=name, timeout=TIMEOUT_S, context=context)
    return smtplib.SMTP(server.host, server.port, local_hostname=name, timeout=TIMEOUT_S)


def _secure(session: smtplib.SMTP, server: Server) -> None:
    session.ehlo_or_helo_if_needed()
    if server.implicit_tls or server.starttls == "off":
        return
    if session.has_extn("starttls"):
        session.starttls(context=ssl.create_default_context())
        session.ehlo()
    elif server.starttls == "required" or server.user:
        raise DeliveryRefused(f"{server.host} offers no STARTTLS, and nothing secret goes there without it")


def _receipt(recipients: Sequence[str], turned_down: dict[str, tuple[int, bytes]]) -> Receipt:
    return Receipt(
        accepted=tuple(recipient for recipient in recipients if recipient not in turned_down),
        deferred={who: _said(code, text) for who, (code, text) in turned_down.items() if code < PERMANENT},
        refused={who: _said(code, text) for who, (code, text) in turned_down.items() if code >= PERMANENT},
    )


def _nobody(recipients: Sequence[str], turned_down: dict[str, tuple[int, bytes]]) -> Receipt:
    """For the case that no mail went out: whom the server had said yes to, or was not yet asked for, is deferred."""
    unanswered = (421, b"the server ended the session")
    return _receipt(recipients, {recipient: turned_down.get(recipient, unanswered) for recipient in recipients})


@contextmanager
def _smtp_errors(server: Server) -> Iterator[None]:
    where = f"{server.host}:{server.port}"
    try:
        yield
    except smtplib.SMTPResponseException as error:
        kind = DeliveryRefused if error.smtp_code >= PERMANENT else DeliveryFailed
        raise kind(f"{where} said {_said(error.smtp_code, error.smtp_error)}") from error
    except smtplib.SMTPNotSupportedError as error:
        raise DeliveryRefused(f"{where}: {error}") from error
    except (smtplib.SMTPException, OSError) as error:
        raise DeliveryFailed(f"{where}: {error}") from error


def _said(code: int, text: bytes | str) -> str:
    words = text if isinstance(text, str) else text.decode(errors="replace")
    return f"{code} " + "".join(character for character in " ".join(words.split()) if character.isprintable())
