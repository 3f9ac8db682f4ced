"""One HTTP call to an address that somebody gave: checked, limited in time and size, and led nowhere else."""

import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from ipaddress import ip_address
from ssl import SSLContext
from typing import TYPE_CHECKING, Final

from oddline.errors import OutgoingFailed, OutgoingRefused
from oddline.outgoing.addresses import Allowed
from oddline.settings import Settings

if TYPE_CHECKING:
    from socket import socket

    import httpcore
    import httpx

    from oddline.outgoing.connecting import Deadline, Resolve

CONNECT_S = 5.0
READ_S = 10.0  # between two pieces of an answer
TOTAL_S = 30.0  # below every task's time limit
MOST_BYTES = 1_000_000  # of an answer: key sets and the like have some thousand

USER_AGENT = "oddline"  # some refuse those who do not say who they are

_DEFAULT_PORTS: Final = {"http": 80, "https": 443}
# What frames a message or names its receiver is not the caller's to say.
_OWN_HEADERS: Final = frozenset({"host", "content-length", "transfer-encoding", "connection", "upgrade", "te"})
_NUMBER = re.compile(r"\d+|0[xX][0-9a-fA-F]*")


@dataclass(frozen=True, slots=True)
class Answer:
    """What the server said; a redirect is an answer like any other, since none is followed."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Outgoing:
    """Calls servers whose addresses come from outside. Safe to share between threads.

    It speaks HTTP and HTTPS to public addresses on ports 80 and 443 and to what the operator allows. A host's name is
    resolved once, each of its addresses is checked, and the connection goes to one of these, while TLS still checks
    the name. It follows no redirect, uses no proxy, sends no cookie, and keeps no connection.

    Args:
        allowed: what may be called.
        connect_s, read_s, total_s: seconds at the most to resolve and connect, between two pieces, for all of a call.
        ends: when all calls must be over, by `time.monotonic`.
        resolve: tells a host's addresses; the system's resolver where it is not given.
        ssl_context: of TLS; the usual one with the usual authorities (or `SSL_CERT_FILE`) where it is not given.
    """

    def __init__(
        self,
        allowed: Allowed,
        *,
        connect_s: float = CONNECT_S,
        read_s: float = READ_S,
        total_s: float = TOTAL_S,
        ends: float | None = None,
        resolve: "Resolve | None" = None,
        ssl_context: SSLContext | None = None,
    ) -> None:
        self._allowed = allowed
        self._timeouts = {"connect": connect_s, "read": read_s, "write": read_s}
        self._total_s = total_s
        self._ends = ends
        self._resolve = resolve
        self._given_ssl_context = ssl_context

    def request(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        content: bytes = b"",
        most_bytes: int = MOST_BYTES,
    ) -> Answer:
        """Call `url` once; any status is an answer.

        Args:
            most_bytes: of the answer's body; with 0 it is not read, whatever its size.

        Raises:
            OutgoingRefused: the address may not be called, or the request is none (permanent).
            OutgoingFailed: no answer, not in time, or a larger one than `most_bytes` (passing). Neither error quotes
                more of the address than host and port: the rest may hold a secret.
        """
        import httpcore

        target = _target(url)
        where = f"{_name_of(target)}:{_port_of(target)}"
        try:
            return self._send(method, target, headers=_encoded(headers or {}), content=content, most_bytes=most_bytes)
        except httpcore.TimeoutException as error:
            raise OutgoingFailed(f"{where} does not answer in time") from error
        except httpcore.ConnectError as error:
            raise OutgoingFailed(f"{where} cannot be connected to: {error}") from error
        except httpcore.LocalProtocolError as error:
            raise OutgoingRefused("the request's method or headers are none that HTTP has") from error
        except (httpcore.NetworkError, httpcore.ProtocolError) as error:
            raise OutgoingFailed(f"{where} broke the answer off ({type(error).__name__})") from error

    def connect(self, host: str, port: int) -> "socket":
        """A connection to a server that speaks something else; each of its steps may take as long as `read_s`.

        Raises:
            OutgoingRefused, OutgoingFailed: as `request`.
        """
        import httpcore

        from oddline.outgoing.connecting import CheckedBackend, system_addresses

        backend = CheckedBackend(
            allowed=self._allowed, resolve=self._resolve or system_addresses, deadline=self._deadline()
        )
        try:
            stream = backend.connect_tcp(host.lower(), port, self._timeouts["connect"])
        except httpcore.TimeoutException as error:
            raise OutgoingFailed(f"{host}:{port} does not answer in time") from error
        except httpcore.ConnectError as error:
            raise OutgoingFailed(f"{host}:{port} cannot be connected to: {error}") from error
        connected: socket = stream.get_extra_info("socket")
        connected.settimeout(self._timeouts["read"])
        return connected

    def _send(
        self, method: str, url: "httpx.URL", *, headers: list[tuple[bytes, bytes]], content: bytes, most_bytes: int
    ) -> Answer:
        import httpcore

        from oddline.outgoing.connecting import CheckedBackend, system_addresses

        backend = CheckedBackend(
            allowed=self._allowed, resolve=self._resolve or system_addresses, deadline=self._deadline()
        )
        request = httpcore.Request(
            method,
            httpcore.URL(scheme=url.raw_scheme, host=_name_of(url).encode(), port=_port_of(url), target=url.raw_path),
            headers=[(b"Host", url.netloc), *headers, (b"Accept-Encoding", b"identity"), (b"Connection", b"close"),
                     (b"Content-Length", str(len(content)).encode())],
            content=content,
            extensions={"timeout": self._timeouts},
        )  # fmt: skip
        with httpcore.ConnectionPool(ssl_context=self._ssl_context, network_backend=backend) as pool:
            response = pool.handle_request(request)
            try:
                return Answer(
                    status=response.status,
                    headers=_decoded(response.headers),
                    body=_read(response, most_bytes=most_bytes, host=_name_of(url)) if most_bytes else b"",
                )
            finally:
                response.close()

    def _deadline(self) -> "Deadline":
        from oddline.outgoing.connecting import Deadline

        left = self._total_s if self._ends is None else min(self._total_s, self._ends - time.monotonic())
        return Deadline(left)

    @cached_property
    def _ssl_context(self) -> SSLContext:
        import httpx

        return self._given_ssl_context or httpx.create_ssl_context()


def open_outgoing(settings: Settings, *, ports: Sequence[int] = (), ends: float | None = None) -> Outgoing:
    """The client that the process's settings allow.

    Args:
        ports: of public addresses that may be called beside those of the web.
        ends: as of `Outgoing`.

    Raises:
        NotConfigured: `ODDLINE_OUTGOING_ALLOWED` cannot be read.
    """
    return Outgoing(Allowed(",".join([settings.outgoing_allowed, *(f":{port}" for port in ports)])), ends=ends)


def _target(url: str) -> "httpx.URL":
    import httpx

    try:
        target = httpx.URL(url)
    except (httpx.InvalidURL, UnicodeError) as error:
        raise OutgoingRefused("the address cannot be read as a URL") from error
    if target.scheme not in _DEFAULT_PORTS:
        raise OutgoingRefused("only http and https addresses are called")
    if target.userinfo:
        raise OutgoingRefused("an address must not hold a user or a password")
    if not _name_of(target) or "%" in _name_of(target):  # an IPv6 zone is a network interface of ours
        raise OutgoingRefused("the address names no host")
    if _is_disguised(_name_of(target)):
        raise OutgoingRefused("the host is a number: write an IPv4 address as four decimal numbers")
    return target


def _name_of(url: "httpx.URL") -> str:
    return url.raw_host.decode("ascii").lower().removesuffix(".")


def _port_of(url: "httpx.URL") -> int:
    return _DEFAULT_PORTS[url.scheme] if url.port is None else url.port


def _is_disguised(host: str) -> bool:
    """Whether the host is an IPv4 address in a form that some resolvers take: 2130706433, 0x7f.1, 0177.0.0.1, 127.1."""
    if not _NUMBER.fullmatch(host.rpartition(".")[2]):
        return False
    try:
        ip_address(host)
    except ValueError:
        return True
    return False


def _encoded(headers: Mapping[str, str]) -> list[tuple[bytes, bytes]]:
    if own := _OWN_HEADERS.intersection(map(str.lower, headers)):
        raise OutgoingRefused(f"the header {min(own)} cannot be chosen")
    named = {"user-agent": USER_AGENT} | {name.lower(): value for name, value in headers.items()}
    try:
        return [(name.encode("ascii"), value.encode("latin-1")) for name, value in named.items()]
    except UnicodeError as error:
        raise OutgoingRefused("a header holds characters that HTTP has none for") from error


def _decoded(headers: Sequence[tuple[bytes, bytes]]) -> dict[str, str]:
    """Headers by their names in small letters; several of one name are one list."""
    decoded: dict[str, str] = {}
    for raw_name, raw_value in headers:
        name, value = raw_name.decode("latin-1").lower(), raw_value.decode("latin-1")
        decoded[name] = f"{decoded[name]}, {value}" if name in decoded else value
    return decoded


def _read(response: "httpcore.Response", *, most_bytes: int, host: str) -> bytes:
    body = bytearray()
    for piece in response.iter_stream():
        body += piece
        if len(body) > most_bytes:
            raise OutgoingFailed(f"{host} answers with more than {most_bytes:,} bytes")
    return bytes(body)
