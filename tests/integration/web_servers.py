"""A server on this machine that answers each request byte by byte as a test says."""

import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field

PATIENCE_S = 10.0  # of a server, with a client that says nothing


@dataclass
class Server:
    """Where it listens, what it was sent, and the names that TLS was asked for; `stopping` ends what dawdles."""

    host: str
    port: int
    requests: list[bytes] = field(default_factory=list)
    names: list[str | None] = field(default_factory=list)
    stopping: threading.Event = field(default_factory=threading.Event)

    @property
    def address(self) -> str:
        return f"{self.host}:{self.port}"


Answering = Callable[[socket.socket, Server], None]


def plain(body: bytes = b"fine", *, status: str = "200 OK", headers: str = "") -> Answering:
    """A whole answer at once."""

    def answer(connection: socket.socket, _: Server) -> None:
        head = f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n{headers}\r\n"
        connection.sendall(head.encode() + body)

    return answer


def dripping(before: bytes, drop: bytes) -> Answering:
    """First `before`, then drop by drop until the client has enough."""

    def answer(connection: socket.socket, server: Server) -> None:
        connection.sendall(before)
        while not server.stopping.wait(0.02):
            connection.sendall(drop)

    return answer


def silent(connection: socket.socket, server: Server) -> None:
    """Nothing, until the client goes."""
    while connection.recv(1024):
        server.stopping.wait(0.02)


@contextmanager
def serving(answering: Answering, *, host: str = "127.0.0.1", tls: ssl.SSLContext | None = None) -> Iterator[Server]:
    """Serve for as long as the block lasts."""
    with socket.create_server((host, 0)) as listening, ExitStack() as at_the_end:
        server = Server(host=host, port=listening.getsockname()[1])
        if tls:
            tls.sni_callback = lambda _socket, name, _context: server.names.append(name)
        accepting = threading.Thread(target=_accept, args=(listening, server, answering, tls))
        accepting.start()
        at_the_end.callback(accepting.join)
        at_the_end.callback(listening.shutdown, socket.SHUT_RDWR)
        at_the_end.callback(server.stopping.set)
        yield server


def _accept(listening: socket.socket, server: Server, answering: Answering, tls: ssl.SSLContext | None) -> None:
    with suppress(OSError):  # the block is over, or a client went
        while True:
            connection, _ = listening.accept()
            _serve(connection, server, answering, tls)


def _serve(connection: socket.socket, server: Server, answering: Answering, tls: ssl.SSLContext | None) -> None:
    connection.settimeout(PATIENCE_S)
    with connection, suppress(OSError):
        speaking = tls.wrap_socket(connection, server_side=True) if tls else connection
        with speaking:
            server.requests.append(_request(speaking))
            answering(speaking, server)


def _request(connection: socket.socket) -> bytes:
    """The head of a request and its body."""
    received = b""
    while b"\r\n\r\n" not in received:
        received += connection.recv(65536) or b"\r\n\r\n"
    head, _, body = received.partition(b"\r\n\r\n")
    length = next(
        (int(line.split(b":")[1]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")), 0
    )
    while len(body) < length:
        body += connection.recv(65536)
    return head + b"\r\n\r\n" + body
