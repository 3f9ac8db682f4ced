"""Connect to an address that was checked, and to no other: between the check and the connection nothing is resolved."""

import socket
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future
from ssl import SSLContext
from threading import Thread
from typing import Any

from httpcore import ConnectError, ConnectTimeout, NetworkBackend, NetworkStream, ReadTimeout, SyncBackend, WriteTimeout

from oddline.errors import OutgoingFailed, OutgoingRefused
from oddline.outgoing.addresses import Allowed

Resolve = Callable[[str, int], Sequence[str]]
"""The addresses of a host."""

PIECE_BYTES = 16 * 1024  # of a body; after each it is seen whether there is time left


def system_addresses(host: str, port: int) -> list[str]:
    """What the system's resolver tells.

    Raises:
        OSError: the name has no address, or none can be had now.
        UnicodeError: the name is none.
    """
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(one[4][0]) for one in found))


class Deadline:
    """The moment at which a whole call must be over."""

    def __init__(self, seconds: float) -> None:
        self._ends = time.monotonic() + seconds

    def left(self, timeout: float | None, error: type[Exception]) -> float:
        """Seconds that one step may take: `timeout`, or less.

        Raises:
            Exception: `error`, where no time is left.
        """
        left = self._ends - time.monotonic()
        if left <= 0:
            raise error("no time is left")
        return left if timeout is None else min(timeout, left)


class CheckedBackend(NetworkBackend):
    """How httpcore connects: resolves the host once, checks every address, and connects to those.

    TLS is httpcore's own, above it: it asks for and checks the host's name, which never becomes the address.
    """

    def __init__(self, *, allowed: Allowed, resolve: Resolve, deadline: Deadline) -> None:
        self._allowed = allowed
        self._resolve = resolve
        self._deadline = deadline

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> NetworkStream:
        """A connection to the first of the host's addresses that answers.

        Raises:
            OutgoingRefused: one of them may not be called.
            OutgoingFailed: there is none, or it cannot be told now.
            ConnectError, ConnectTimeout: none answers.
        """
        failed: ConnectError | ConnectTimeout | None = None
        for address in self._checked(host, port, timeout):
            try:
                left = self._deadline.left(timeout, ConnectTimeout)
                stream = SyncBackend().connect_tcp(address, port, left, local_address, socket_options)
            except (ConnectError, ConnectTimeout) as error:
                failed = error
            else:
                return _TimedStream(stream, self._deadline)
        raise failed or OutgoingFailed(f"{host} has no address")

    def _checked(self, host: str, port: int, timeout: float | None) -> Sequence[str]:
        addresses = self._resolved(host, port, timeout)
        for address in addresses:
            if not self._allowed.covers(host=host, port=port, address=address):
                raise OutgoingRefused(f"{host}:{port} may not be called from here: its address is {address}")
        return addresses

    def _resolved(self, host: str, port: int, timeout: float | None) -> Sequence[str]:
        """The host's addresses; a resolver has no time limit of its own, so it is left behind where it takes longer."""
        future: Future[Sequence[str]] = Future()

        def resolve() -> None:
            try:
                future.set_result(self._resolve(host, port))
            except (OSError, UnicodeError) as error:
                future.set_exception(error)

        Thread(target=resolve, daemon=True, name="resolving").start()
        try:
            return future.result(self._deadline.left(timeout, ConnectTimeout))
        except TimeoutError as error:
            raise ConnectTimeout("the name was not resolved in time") from error
        except OSError as error:
            raise OutgoingFailed(f"{host} cannot be resolved now") from error
        except UnicodeError as error:
            raise OutgoingRefused(f"{host} is no host's name") from error


class _TimedStream(NetworkStream):
    """A connection on which each step ends with the deadline: httpcore by itself only limits the single steps."""

    def __init__(self, stream: NetworkStream, deadline: Deadline) -> None:
        self._stream = stream
        self._deadline = deadline

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._stream.read(max_bytes, self._deadline.left(timeout, ReadTimeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        for begin in range(0, len(buffer), PIECE_BYTES):
            piece = buffer[begin : begin + PIECE_BYTES]
            self._stream.write(piece, self._deadline.left(timeout, WriteTimeout))

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self, ssl_context: SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> NetworkStream:
        left = self._deadline.left(timeout, ConnectTimeout)
        return _TimedStream(self._stream.start_tls(ssl_context, server_hostname, left), self._deadline)

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)
