"""A real SMTP server whose answers a test chooses."""

# ruff: noqa: N802 (the names and arguments of the handlers are aiosmtpd's)

import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, LoginPassword
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

OK = "250 OK"


@dataclass
class Mailbox:
    """What the server answers, and what it has taken: (recipients, mail, whether over TLS)."""

    port: int = 0
    to_recipient: dict[str, str] = field(default_factory=dict)
    to_data: str = OK
    to_quit: str = "221 Bye"
    taken: list[tuple[list[str], EmailMessage, bool]] = field(default_factory=list)
    logins: list[bytes] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"smtp://127.0.0.1:{self.port}"

    @property
    def reached(self) -> list[str]:
        return [recipient for recipients, _, _ in self.taken for recipient in recipients]

    async def handle_RCPT(self, server: Any, session: Any, envelope: Any, address: str, options: Any) -> str:
        answer = self.to_recipient.get(address, OK)
        if answer == OK:
            envelope.rcpt_tos.append(address)
        return answer

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        mail = message_from_bytes(envelope.content, policy=default)
        assert isinstance(mail, EmailMessage)
        if self.to_data == OK:
            self.taken.append((list(envelope.rcpt_tos), mail, session.ssl is not None))
        return self.to_data

    async def handle_QUIT(self, server: Any, session: Any, envelope: Any) -> str:
        return self.to_quit

    def authenticate(self, server: Any, session: Any, envelope: Any, mechanism: str, login: Any) -> AuthResult:
        assert isinstance(login, LoginPassword)
        self.logins.append(login.password)
        return AuthResult(success=login.password == b"p@ss/word", handled=False)


class _Server(Controller):  # type: ignore[misc]  # where aiosmtpd is checked as untyped
    """On a free port of the kernel's choice."""

    def __init__(self, mailbox: Mailbox, **options: Any) -> None:
        self.listening = socket.create_server(("127.0.0.1", 0))
        mailbox.port = self.listening.getsockname()[1]
        super().__init__(mailbox, hostname="127.0.0.1", port=mailbox.port, **options)

    def _create_server(self) -> Any:
        return self.loop.create_server(self._factory_invoker, sock=self.listening, ssl=self.ssl_context)


@contextmanager
def smtp_server(**options: Any) -> Iterator[Mailbox]:
    """Run a server; `options` are aiosmtpd's own."""
    mailbox = Mailbox()
    if options.pop("login", False):
        options["authenticator"] = mailbox.authenticate
    controller = _Server(mailbox, **options)
    controller.start()
    try:
        yield mailbox
    finally:
        controller.stop()


def certificate(folder: Path, *, host: str = "") -> tuple[Path, ssl.SSLContext]:
    """A certificate of `host`, or of 127.0.0.1, that is its own authority, and a server's context with it."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host or "127.0.0.1")])
    known_as = x509.DNSName(host) if host else x509.IPAddress(ip_address("127.0.0.1"))
    now = datetime.now(UTC)
    signed = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([known_as]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    public, private = folder / "certificate.pem", folder / "key.pem"
    public.write_bytes(signed.public_bytes(serialization.Encoding.PEM))
    private.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(public, private)
    return public, context
